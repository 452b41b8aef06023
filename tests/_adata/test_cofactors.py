"""What is to be transformed, in memory or on disk; `tests/test_pp.py` looks at the rest of what may be refused."""

from __future__ import annotations

import logging

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from scgsr import _adata
from scgsr._adata import _view


@pytest.fixture
def on_disk(cells, tmp_path, monkeypatch):
    """A function that returns the cells, whose values then stay in their file."""
    monkeypatch.setattr(_view, "BYTES_AT_ONCE", 0)

    def on_disk():
        cells.write_h5ad(tmp_path / "a.h5ad")
        return ad.read_h5ad(tmp_path / "a.h5ad", backed="r")

    return on_disk


def plan(adata, cofactor=5, *, layer=None, mask_var=None):
    return _adata.to_transform(adata, cofactor, layer=layer, mask_var=mask_var)


def test_each_feature_has_its_cofactor_and_the_record_those_of_before(cells):
    _adata.record_arcsinh(cells, None, pd.Series([3.0] + 11 * [np.nan], index=cells.var_names))
    found = plan(cells, {"feature_2": 150.0})
    assert list(np.flatnonzero(np.isfinite(found.cofactor))) == [2]
    assert found.record.dropna().to_dict() == {"feature_0": 3.0, "feature_2": 150.0}


def test_values_on_disk_are_looked_at(cells, on_disk, caplog):
    with caplog.at_level(logging.WARNING, logger="scgsr"):
        plan(on_disk())
    assert "12 of 12 features have no value above 15 and look transformed already" in caplog.text
    cells.X[7, 3] = np.inf
    with pytest.raises(ValueError, match=r"NaN or infinite values in 1 features \(feature_3\)"):
        plan(on_disk())
    plan(on_disk(), mask_var=np.arange(12) > 3)


def test_what_is_on_record_is_refused(cells):
    _adata.record_arcsinh(cells, None, pd.Series(3.0, index=cells.var_names))
    with pytest.raises(ValueError, match="12 of these features recorded as transformed already"):
        plan(cells)
