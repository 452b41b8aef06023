"""The record of the transform of cytometry."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from scgsr._adata import read_arcsinh, read_cofactors, says_log1p, write_arcsinh


def series(cells, value=5.0):
    return pd.Series(value, index=cells.var_names)


@pytest.mark.parametrize("layer", [None, "counts"])
def test_what_is_written_is_read(cells, layer):
    cells.layers["counts"] = cells.X.copy()
    cofactors = series(cells)
    cofactors.iloc[2] = np.nan
    write_arcsinh(cells, layer, cells.X + 1, cofactors)
    np.testing.assert_array_equal(read_arcsinh(cells, layer), cofactors)
    assert read_arcsinh(cells, "counts" if layer is None else None) is None
    features = ["feature_3", "feature_2", "unknown"]
    np.testing.assert_array_equal(read_cofactors(cells, layer, features, embedding=False), [5, np.nan, np.nan])
    assert np.isnan(read_cofactors(cells, layer, features, embedding=True)).all()


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array])
def test_a_sparse_matrix_stays_of_its_kind(cells, kind):
    cells.X = kind(cells.X)
    write_arcsinh(cells, None, sparse.csr_matrix(cells.X), series(cells))
    assert type(cells.X) is kind


def test_a_second_record_leaves_the_first(cells):
    cells.layers["counts"] = cells.X.copy()
    write_arcsinh(cells, None, cells.X, series(cells))
    write_arcsinh(cells, "counts", cells.X, series(cells, 150.0))
    assert (read_arcsinh(cells, None) == 5).all()
    assert (read_arcsinh(cells, "counts") == 150).all()


@pytest.mark.parametrize("recorded", [True, False])
def test_a_failure_leaves_values_and_record_as_they_were(cells, recorded):
    cells.layers["counts"] = cells.X.copy()
    if recorded:
        write_arcsinh(cells, "counts", cells.X, series(cells))
    before = cells.copy()
    with pytest.raises(ValueError, match="shape"):
        write_arcsinh(cells, "counts", cells.X[:5], series(cells, 7.0))
    np.testing.assert_array_equal(cells.layers["counts"], before.layers["counts"])
    assert list(cells.uns) == list(before.uns)
    if recorded:
        assert (read_arcsinh(cells, "counts") == 5).all()


def test_a_layer_of_the_name_of_x_is_refused(cells):
    with pytest.raises(ValueError, match="`layer`='X' cannot be told") as caught:
        read_arcsinh(cells, "X")
    assert caught.value.argument == "layer"


@pytest.mark.parametrize("foreign", ["mine", {"X": 5}, {"X": pd.DataFrame({"factor": [5.0]})}])
def test_a_record_of_another_kind_is_refused(cells, foreign):
    cells.uns["arcsinh"] = foreign
    with pytest.raises(ValueError, match=r"\.uns\['arcsinh'\] must be what `scgsr\.pp\.arcsinh` writes"):
        read_arcsinh(cells, None)


def test_renamed_features_are_said(cells, caplog):
    write_arcsinh(cells, None, cells.X, series(cells))
    cells.var_names = [f"renamed {i}" for i in range(12)]
    with caplog.at_level(logging.WARNING, logger="scgsr"):
        assert read_arcsinh(cells, None).isna().all()
    assert "were they renamed?" in caplog.text


def test_the_note_of_scanpy_is_seen(cells):
    assert not says_log1p(cells)
    cells.uns["log1p"] = {"base": None}
    assert says_log1p(cells)
