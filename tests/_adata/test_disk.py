"""What of the user's object is not in memory."""

from __future__ import annotations

import pickle
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pytest
import zarr
from anndata.io import sparse_dataset, write_elem
from scipy import sparse

from scgsr import _adata
from scgsr._adata import _view
from scgsr._values import Stored, dense_rows

pytestmark = pytest.mark.filterwarnings("ignore:Writing zarr v2", "ignore:zarr v3 autosharding")
N_CELLS, N_GENES = 300, 20


@pytest.fixture
def counts():
    rng = np.random.default_rng(0)
    values = np.log1p(rng.poisson(1.0, size=(N_CELLS, N_GENES))).astype(np.float32)
    return ad.AnnData(values, layers={"raw": np.expm1(values)})


@pytest.fixture(autouse=True)
def large(monkeypatch):
    """Let even small matrices stay where they are."""
    monkeypatch.setattr(_view, "BYTES_AT_ONCE", 0)


def backed(adata, path, **settings):
    if not path.exists():
        adata.write_h5ad(path, **settings)
    return ad.read_h5ad(path, backed="r")


KINDS = {
    "dense": lambda adata, folder: backed(adata, folder / "a.h5ad"),
    "dense, compressed": lambda adata, folder: backed(adata, folder / "a.h5ad", compression="gzip"),
    "CSR": lambda adata, folder: backed(in_csr(adata), folder / "a.h5ad"),
    "CSR, compressed": lambda adata, folder: backed(in_csr(adata), folder / "a.h5ad", compression="gzip"),
    "zarr": lambda adata, folder: in_zarr(adata, folder / "a.zarr"),
    "zarr, CSR": lambda adata, folder: in_zarr(in_csr(adata), folder / "a.zarr"),
}


def in_csr(adata):
    return ad.AnnData(sparse.csr_matrix(adata.X), var=adata.var)


def in_zarr(adata, path):
    if not path.exists():
        adata.write_zarr(path)
    group = zarr.open_group(str(path), mode="r")
    rows = sparse_dataset(group["X"]) if sparse.issparse(adata.X) else group["X"]
    return ad.AnnData(rows, var=adata.var)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_stay_on_disk_and_are_those_of_the_matrix(kind, counts, tmp_path):
    found = _adata.rows(KINDS[kind](counts, tmp_path))
    assert isinstance(found, Stored)
    assert found.shape == counts.shape
    for rows in (slice(0, 0), slice(7, 130), np.array([3, 4, 5, 200]), slice(None)):
        np.testing.assert_array_equal(dense_rows(found, rows), counts.X[rows])


@pytest.mark.parametrize("kind", KINDS)
def test_a_view_for_training_has_the_moments_of_the_matrix(kind, counts, tmp_path):
    chosen = np.arange(N_GENES) % 3 > 0
    one, other = (_view.view(adata, mask_var=chosen) for adata in (counts, KINDS[kind](counts, tmp_path)))
    assert isinstance(other.matrix, Stored)
    assert one.features == other.features
    for name in ("mean", "scale"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-6)
    np.testing.assert_array_equal(dense_rows(other.matrix, slice(None)), counts.X[:, chosen])
    names, values = _adata.columns(KINDS[kind](counts, tmp_path), ["7", "2"])
    assert names == ["7", "2"]
    np.testing.assert_array_equal(values, counts.X[:, [7, 2]])


@pytest.mark.parametrize("kind", KINDS)
def test_another_process_opens_the_file_itself(kind, counts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    adata = KINDS[kind](counts, Path())
    found = _adata.rows(adata)
    assert found.portable
    monkeypatch.chdir("/")
    handed = pickle.loads(pickle.dumps(found))
    assert len(pickle.dumps(found)) < counts.X.nbytes / 2
    adata.file.close()
    for rows in (slice(0, 0), slice(7, 130), np.array([3, 4, 5, 200])):
        np.testing.assert_array_equal(dense_rows(handed, rows), counts.X[rows])


def test_what_is_computed_or_open_for_writing_is_not_handed_on(counts, tmp_path):
    counts.write_h5ad(tmp_path / "a.h5ad")
    with h5py.File(tmp_path / "a.h5ad", "r+") as file:
        assert not _adata.rows(ad.AnnData(file["X"])).portable
    in_memory = zarr.open_group(store={}, mode="w")
    in_memory["X"] = counts.X
    assert not _adata.rows(ad.AnnData(in_memory["X"])).portable
    dask = pytest.importorskip("dask.array", reason="needs dask")
    assert not _adata.rows(ad.AnnData(dask.from_array(counts.X, chunks=(64, -1)))).portable


def test_a_layer_on_disk(counts, tmp_path):
    with h5py.File(tmp_path / "layers.h5", "w") as file:
        write_elem(file, "raw", sparse.csr_matrix(counts.layers["raw"]))
        counts.layers["raw"] = sparse_dataset(file["raw"])
        found = _adata.rows(counts, layer="raw")
        assert isinstance(found, Stored)
        np.testing.assert_allclose(dense_rows(found, slice(5, 9)), np.expm1(counts.X[5:9]))


def test_what_is_small_is_loaded(counts, tmp_path, monkeypatch):
    monkeypatch.setattr(_view, "BYTES_AT_ONCE", 1 << 20)
    for kind in KINDS:
        (tmp_path / kind).mkdir()
        assert not isinstance(_adata.rows(KINDS[kind](counts, tmp_path / kind)), Stored)


def test_dask_arrays_are_read_by_their_blocks(counts):
    dask = pytest.importorskip("dask.array", reason="needs dask")
    for values in (counts.X, sparse.csr_matrix(counts.X)):
        array = dask.from_array(counts.X, chunks=(64, -1)) if values is counts.X else lazy_csr(dask, values)
        found = _adata.rows(ad.AnnData(array))
        assert isinstance(found, Stored)
        assert found.block == 64
        np.testing.assert_array_equal(dense_rows(found, slice(50, 150)), counts.X[50:150])


def lazy_csr(dask, matrix):
    return dask.from_array(matrix.toarray(), chunks=(64, -1)).map_blocks(sparse.csr_matrix)


@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_columns_first_cannot_be_read_by_rows(kind, counts, tmp_path):
    by_columns = ad.AnnData(sparse.csc_matrix(counts.X))
    on_disk = backed(by_columns, tmp_path / "c.h5ad") if kind == "h5ad" else in_zarr(by_columns, tmp_path / "c.zarr")
    with pytest.raises(TypeError, match=r"stored by columns \(CSC\).*tocsr") as caught:
        _adata.rows(on_disk)
    assert caught.value.argument == "adata"


@pytest.mark.parametrize(("part", "place", "value"), [("indices", 40, 10**6), ("indices", 9, -2), ("indptr", 5, 10**7)])
def test_a_damaged_file_is_refused_when_its_rows_are_read(part, place, value, counts, tmp_path):
    in_csr(counts).write_h5ad(tmp_path / "a.h5ad")
    with h5py.File(tmp_path / "a.h5ad", "r+") as file:
        file["X"][part][place] = value
    with pytest.raises(ValueError, match=r"`adata`: `.X` is a damaged sparse matrix.*read or make it again"):
        _adata.view(backed(counts, tmp_path / "a.h5ad"))


def test_a_view_of_a_file_is_refused_with_the_cure(counts, tmp_path):
    part = backed(counts, tmp_path / "a.h5ad")[:50]
    with pytest.raises(TypeError, match=r"`mask_var`, or load the view with `adata\.to_memory"):
        _adata.rows(part)


@pytest.mark.parametrize("kind", ["dense", "zarr"])
def test_what_is_no_table_of_numbers_is_refused(kind, counts, tmp_path):
    counts.layers["flags"] = np.full(counts.shape, "a")
    if kind == "dense":
        with h5py.File(tmp_path / "words.h5", "w") as file:
            counts.layers["words"] = file.create_dataset("words", counts.shape, dtype=h5py.string_dtype())
            with pytest.raises(ValueError, match="real numbers"):
                _adata.rows(counts, layer="words")
        return
    counts.layers["imaginary"] = zarr.array(counts.X * 1j)
    with pytest.raises(ValueError, match="real numbers"):
        _adata.rows(counts, layer="imaginary")


def test_a_file_that_changes_under_us_is_noticed(counts, tmp_path):
    found = _adata.rows(backed(counts, tmp_path / "a.h5ad"))
    (tmp_path / "a.h5ad").touch()
    with pytest.raises(ValueError, match="has been written to since it was opened"):
        found[:5]


def test_who_has_opened_a_file_to_write_may_write_to_it(counts, tmp_path):
    counts.write_h5ad(tmp_path / "a.h5ad")
    with h5py.File(tmp_path / "a.h5ad", "r+") as root:
        found = _adata.rows(ad.AnnData(root["X"]))
        root["obsm"].create_dataset("X_new", data=np.zeros((N_CELLS, 3)))
        root.flush()
        np.testing.assert_array_equal(found[:7], counts.X[:7])
