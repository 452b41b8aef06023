"""What of the user's object is not in memory: HDF5, zarr and dask -> rows that are read when they are asked for."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from scgsr._checks import about
from scgsr._values import Matrix, Stored, last_written, whole


def stored(values: Any, where: str) -> Stored | None:
    """Return `values` as rows that are read when they are asked for; None if they are none that lie elsewhere."""
    from anndata.abc import CSCDataset, CSRDataset

    if isinstance(values, CSCDataset):
        msg = (
            f"`adata`: {where} is stored by columns (CSC) and cannot be read by rows: convert it once, with "
            "`adata = adata.to_memory()`, `adata.X = adata.X.tocsr()` and `adata.write_h5ad(...)`."
        )
        raise about("adata", TypeError(msg))
    if isinstance(values, CSRDataset):
        return _sparse(values, where)
    if _is(values, "h5py", "Dataset"):
        return _dense(values, block=_first(values.chunks), path=_path(values))
    if _is(values, "zarr", "Array"):
        return _dense(values, block=_first(values.chunks), path=None)
    if _is(values, "dask.array", "Array"):
        return _lazy(values)
    return None


class _Kept:
    """An array in a file. A process that is handed it opens the file itself."""

    def __init__(self, values: Any) -> None:
        self.values = values
        self._opened_by = _opened_by(values)  # now: the folder that a path is relative to may change

    @property
    def portable(self) -> bool:
        """Whether another process can open it."""
        return self._opened_by is not None

    def __getitem__(self, rows: slice) -> Any:
        return self.values[rows]

    def __reduce__(self) -> tuple[Any, ...]:
        assert self._opened_by is not None, "`portable` tells who may be handed it"
        return _opened, self._opened_by


def _opened_by(values: Any) -> tuple[str, str, str] | None:
    """Return the package, the path and the name by which any process can open an array; None if there are none."""
    if _is(values, "h5py", "Dataset"):
        path = _path(values)
        return None if path is None else ("h5py", path, values.name)
    import zarr

    is_folder = isinstance(values.store, zarr.storage.LocalStore)
    return ("zarr", os.path.abspath(values.store.root), values.path) if is_folder else None


def _opened(package: str, path: str, name: str) -> _Kept:
    if package == "h5py":
        import h5py

        return _Kept(h5py.File(path, "r")[name])
    import zarr

    return _Kept(zarr.open_array(path, path=name, mode="r"))


@dataclass(frozen=True, eq=False)
class _DenseRows:
    """Reads rows of a dense array."""

    values: _Kept

    def __call__(self, start: int, stop: int) -> Matrix:
        return np.asarray(self.values[start:stop])


@dataclass(frozen=True, eq=False, kw_only=True)
class _SparseRows:
    """Reads rows in CSR, sliced here: anndata's own slicing takes milliseconds for what HDF5 reads in a tenth."""

    data: _Kept
    indices: _Kept
    ends: _Kept
    dtype: np.dtype[Any]
    n_features: int
    where: str  # in the user's object

    def __call__(self, start: int, stop: int) -> Matrix:
        if start == stop:
            return sparse.csr_matrix((0, self.n_features), dtype=self.dtype)
        offsets = self.ends[start : stop + 1]
        entries = slice(int(offsets[0]), int(offsets[-1]))
        parts = self.data[entries], self.indices[entries], offsets - offsets[0]
        return whole(parts, f"`adata`: {self.where}", shape=(stop - start, self.n_features))


def _dense(values: Any, *, block: int, path: str | None) -> Stored:
    kept = _Kept(values)
    return Stored(
        read=_DenseRows(kept),
        shape=values.shape,
        dtype=values.dtype,
        n_bytes=int(np.prod(values.shape)) * values.dtype.itemsize,
        block=block,
        path=path,
        written=None if path is None else last_written(path),
        portable=kept.portable,
    )


def _sparse(values: Any, where: str) -> Stored:
    data, indices, ends = (values.group[name] for name in ("data", "indices", "indptr"))
    path = _path(data) if _is(data, "h5py", "Dataset") else None
    kept = _Kept(data)
    return Stored(
        read=_SparseRows(
            data=kept,
            indices=_Kept(indices),
            ends=_Kept(ends),
            dtype=data.dtype,
            n_features=values.shape[1],
            where=where,
        ),
        shape=values.shape,
        dtype=data.dtype,
        n_bytes=data.shape[0] * (data.dtype.itemsize + indices.dtype.itemsize),
        block=max(1, _first(data.chunks) * values.shape[0] // max(1, data.shape[0])),
        path=path,
        written=None if path is None else last_written(path),
        portable=kept.portable,
    )


def _path(values: Any) -> str | None:
    """Return where a file lies in which others may write; None for one that is open here to be written to."""
    return os.path.abspath(values.file.filename) if values.file.mode == "r" else None


def _lazy(values: Any) -> Stored:
    def read(start: int, stop: int) -> Matrix:
        rows = values[start:stop].compute()
        return rows.tocsr() if hasattr(rows, "tocsr") else np.asarray(rows)

    # The density of sparse blocks is not known before they are computed.
    n_bytes = int(np.prod(values.shape)) * values.dtype.itemsize
    return Stored(read=read, shape=values.shape, dtype=values.dtype, n_bytes=n_bytes, block=max(values.chunks[0]))


def _is(values: Any, module: str, name: str) -> bool:
    """Whether these are of a class of a package, which need not be installed."""
    found = sys.modules.get(module)
    return found is not None and isinstance(values, getattr(found, name))


def _first(chunks: tuple[int, ...] | None) -> int:
    """Return how many rows or entries are stored as one; 1 where they are not stored in chunks."""
    return 1 if chunks is None else int(chunks[0])
