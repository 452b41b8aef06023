"""Cells whose matrices stay in a file, and results on their way into it."""

from __future__ import annotations

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from anndata.io import sparse_dataset
from scipy import sparse

from scgsr import _adata, tl
from scgsr._adata import Keys, _file

pytestmark = pytest.mark.filterwarnings("ignore:Writing zarr v2", "ignore:zarr v3 autosharding")
ENDINGS = pytest.mark.parametrize("ending", ["h5ad", "zarr"])


def written(adata, path):
    (adata.write_h5ad if path.suffix == ".h5ad" else adata.write_zarr)(path)
    return path


def read(path):
    return ad.read_h5ad(path) if path.suffix == ".h5ad" else ad.read_zarr(path)


@ENDINGS
def test_matrices_stay_in_the_file(cells, tmp_path, ending):
    cells.layers["counts"] = sparse.csr_matrix(cells.X)
    cells.layers["by_columns"] = sparse.csc_matrix(cells.X)
    cells.obsm["X_rep"], cells.obsm["frame"] = cells.X[:, :3], pd.DataFrame({"a": 1.0}, index=cells.obs_names)
    with _adata.opened(written(cells, tmp_path / f"a.{ending}")) as root:
        found = _adata.cells_of(root)
        for matrix in (found.X, found.obsm["X_rep"]):
            assert not isinstance(matrix, np.ndarray)
        assert isinstance(found.layers["counts"], type(sparse_dataset(root["layers"]["counts"])))
        assert sparse.issparse(found.layers["by_columns"])
        pd.testing.assert_frame_equal(found.obs, cells.obs)
        assert list(found.obsm["frame"]["a"]) == [1.0] * 240
        np.testing.assert_array_equal(found.X[:], cells.X)


def test_what_is_stored_by_columns_and_large_is_not_read(cells, tmp_path, monkeypatch):
    cells.X = sparse.csc_matrix(cells.X)
    monkeypatch.setattr(_file, "BYTES_AT_ONCE", 100)
    with _adata.opened(written(cells, tmp_path / "a.h5ad")) as root:
        found = _adata.cells_of(root)
        with pytest.raises(TypeError, match=r"stored by columns \(CSC\)"):
            _adata.rows(found)


@ENDINGS
def test_results_go_into_the_file_and_what_was_there_stays(cells, tmp_path, ending):
    cells.layers["counts"], cells.uns["mine"] = sparse.csr_matrix(cells.X), {"a": 1}
    tl.fit(cells, (3, 3), n_epochs=1, progress=False)
    tl.programs(cells)
    path = written(cells, tmp_path / f"a.{ending}")
    with _adata.opened(path) as root:
        again = _adata.cells_of(root)
        tl.fit(again, (4, 5), n_epochs=1, progress=False)
    with _adata.opened(path, "r+") as root:
        _adata.put(root, again, Keys())
    found = read(path)
    np.testing.assert_array_equal(found.obsm["X_gsr"], again.obsm["X_gsr"])
    pd.testing.assert_frame_equal(found.obs, again.obs)
    assert list(found.uns["gsr_colors"]) == list(again.uns["gsr_colors"])
    assert found.uns["mine"] == {"a": 1}
    assert "gsr_programs" not in found.varm
    np.testing.assert_array_equal(found.X, cells.X)
    tl.score(found)


@ENDINGS
def test_activations_are_filled_in_by_rows(cells, tmp_path, ending):
    cells.obsm["X_gsr"] = np.zeros((240, 3))
    path = written(cells, tmp_path / f"a.{ending}")
    with _adata.opened(path, "r+") as root:
        room = _adata.room_for_activations(root, Keys(), (240, 5))
        room[10:250] = np.full((230, 5), 2.0)
    activations = read(path).obsm["X_gsr"]
    assert (activations.dtype, activations.shape) == (np.float32, (240, 5))
    assert (activations[:10].max(), activations[10:].min()) == (0, 2)


@ENDINGS
def test_files_of_the_first_versions_are_known(cells, tmp_path, ending):
    path = written(cells, tmp_path / f"a.{ending}")
    assert _adata.is_current(path)
    with _adata.opened(path, "r+") as root:
        del root["var"].attrs["encoding-type"]
    assert not _adata.is_current(path)
    assert not _adata.is_current(tmp_path / "nowhere.h5ad")


def test_a_file_without_lists_gets_those_that_results_need(cells, tmp_path):
    path = written(cells, tmp_path / "a.h5ad")
    with h5py.File(path, "r+") as root:
        for name in ("uns", "obsm", "varm", "layers"):
            del root[name]
    with _adata.opened(path, "r+") as root:
        found = _adata.cells_of(root)
        tl.fit(found, (4, 5), n_epochs=1, progress=False)
        _adata.put(root, found, Keys())
    np.testing.assert_array_equal(read(path).obsm["X_gsr"], found.obsm["X_gsr"])
