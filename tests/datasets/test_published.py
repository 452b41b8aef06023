"""Published data equal what others made of the same files."""

from __future__ import annotations

import re
import sys

import anndata as ad
import numpy as np
import pytest

from scgsr import datasets
from scgsr.datasets import _registry


@pytest.fixture(scope="module")
def published(shared_data) -> dict[str, ad.AnnData]:
    """Both sets, read once."""
    pytest.importorskip("rdata")
    return {load.__name__: load() for load in (datasets.thymus_masscyt, datasets.paul15)}


def test_thymus_equals_the_shared_file(published, shared_data):
    adata, expected = published["thymus_masscyt"], ad.read_h5ad(shared_data / "thymus_masscyt.h5ad")
    np.testing.assert_array_equal(adata.X, expected.X)
    np.testing.assert_array_equal(adata.layers["ion_counts"], expected.layers["ion_counts"])
    assert adata.X.dtype == adata.layers["ion_counts"].dtype == np.float32
    assert adata.obs_names.equals(expected.obs_names)
    assert adata.var_names.equals(expected.var_names)
    assert adata.var["channel"].tolist() == expected.var["fcs_channel"].tolist()
    assert adata.obs["gate_cd4_cd8"].tolist() == expected.obs["gate_cd4_cd8"].tolist()
    assert adata.obs["gate_cd4_cd8"].cat.categories.tolist() == ["DN", "DP", "CD4SP", "CD8SP"]
    np.testing.assert_allclose(adata.X, np.arcsinh(adata.layers["ion_counts"] / 5), atol=1e-3)


def test_paul15_equals_the_shared_file(published, shared_data):
    adata, expected = published["paul15"], ad.read_h5ad(shared_data / "paul15_counts.h5ad")
    assert adata.X.format == "csr"
    assert adata.X.dtype == np.float32
    assert (adata.X != expected.X).nnz == 0
    assert adata.obs_names.equals(expected.obs_names)
    assert adata.var_names.equals(expected.var_names)
    assert adata.obs["cell_type"].tolist() == expected.obs["cell_type"].tolist()


@pytest.mark.filterwarnings("ignore:Writing zarr v2")  # which version to write is the user's setting
@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
@pytest.mark.parametrize("name", list(_registry.registry()))
def test_published_sets_say_where_they_are_from_also_after_writing(published, tmp_path, name, kind):
    adata = published[name][:10].copy()
    getattr(adata, f"write_{kind}")(tmp_path / "a")
    source = getattr(ad, f"read_{kind}")(tmp_path / "a").uns["source"]
    assert set(source) == {"source", "licence", "citation"}
    dois = re.findall(r"10\.\d{4}/[\w.-]*\w", source["citation"])
    assert dois
    assert all(doi in getattr(datasets, name).__doc__ for doi in dois)


def test_the_message_names_what_to_install_where_rdata_is_missing(shared_data, monkeypatch):
    monkeypatch.setitem(sys.modules, "rdata", None)
    with pytest.raises(ImportError, match=r"`pip install rdata`"):
        datasets.paul15()
