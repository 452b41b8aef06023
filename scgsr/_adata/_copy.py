"""A .h5ad or .zarr -> another, block by block; values are transformed on the way where that is asked for."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from scgsr._adata import _disk
from scgsr._adata._arcsinh import record_arcsinh
from scgsr._adata._cofactors import ToTransform
from scgsr._adata._file import cells_of, is_table, is_zarr, new_table, opened, reading
from scgsr._values import Matrix, Rows, arcsinh, bar, rows_read, slices

if TYPE_CHECKING:
    from anndata import AnnData

# So many bytes of a file are copied at once.
_BYTES_AT_ONCE = 1 << 24
# What lies in a group of matrices; the rest of a file is small.
_LISTS = ("layers", "obsm", "varm", "obsp", "varp", "raw")
_WHOLE = ("obs", "var", "uns")


def copied(
    source: Path,
    target: Path,
    *,
    plan: Callable[[AnnData], ToTransform | None] = lambda _: None,
    progress: bool | None = False,
    may_move: bool = False,
) -> None:
    """Make a new file of the cells in another; no matrix is ever in memory.

    `plan` is given the cells before anything is written, and says what is to be transformed. Without that, and where
    both are of one kind, all of the file is copied as it is. A `source` that `may_move` is not there afterwards.
    """
    with opened(source) as root:
        adata = cells_of(root)
        change = plan(adata)
        if change is not None or is_zarr(source) != is_zarr(target):
            _rewrite(root, adata, target, change, progress)
        elif not may_move:
            _copy(source, target, progress)
    if may_move and target.exists():
        source.unlink()
    elif may_move:
        source.replace(target)


def write_new(adata: AnnData, target: Path) -> None:
    """Write cells to a new file; all that they have is in memory."""
    if is_zarr(target):
        adata.write_zarr(target)
    else:
        adata.write_h5ad(target)


def write_rows(
    group: Any, name: str, matrix: Rows, *, cofactor: np.ndarray | None = None, step: Callable[[int], Any]
) -> None:
    """Write a matrix into an open file block by block, transformed if there are cofactors; `step` is told of rows."""

    def blocks() -> Iterator[tuple[slice, Matrix]]:
        for rows in slices(matrix.shape[0], rows_read(matrix)):
            yield rows, matrix[rows] if cofactor is None else arcsinh(matrix[rows], cofactor)
            step(rows.stop - rows.start)

    empty = matrix[:0] if cofactor is None else arcsinh(matrix[:0], cofactor)
    if isinstance(empty, np.ndarray):
        table = new_table(group, name, matrix.shape, empty.dtype)
        for rows, values in blocks():
            table[rows] = values
    else:
        _write_sparse(group, name, empty, blocks())


def _write_sparse(group: Any, name: str, empty: sparse.csr_matrix, blocks: Iterator[tuple[slice, Matrix]]) -> None:
    from anndata.io import sparse_dataset, write_elem

    _, first = next(blocks, (None, empty))
    # Where rows begin is counted in 64 bits, since the number of entries is not known yet.
    write_elem(group, name, first, dataset_kwargs={"indptr_dtype": np.int64})
    for _, values in blocks:
        sparse_dataset(group[name]).append(values)


def _rewrite(root: Any, adata: AnnData, target: Path, change: ToTransform | None, progress: bool | None) -> None:
    """Write what is in an open file into a new one, element by element."""
    from anndata import AnnData

    if change is not None:
        record_arcsinh(adata, change.layer, change.record)
    write_new(AnnData(obs=adata.obs, var=adata.var, uns=adata.uns), target)
    with opened(target, "r+") as new:
        for name in [name for name in root if name not in _WHOLE]:
            if name not in _LISTS or not _is_group(root[name]):  # no `.raw` may be an element, too
                of_x = change is not None and change.layer is None and name == "X"
                _element(root, new, name, change if of_x else None, progress)
                continue
            if name in new and not _is_group(new[name]):
                del new[name]
            if name not in new:
                new.create_group(name).attrs.update(_encoding(root[name]))
            for key in root[name]:
                changed = change is not None and name == "layers" and key == change.layer
                _element(root[name], new[name], key, change if changed else None, progress)
    if change is not None:
        change.tell()


def _is_group(element: Any) -> bool:
    return hasattr(element, "keys")


def _encoding(group: Any) -> dict[str, str]:
    return {name: str(value) for name, value in group.attrs.items() if name.startswith("encoding-")}


def _element(source: Any, target: Any, name: str, change: ToTransform | None, progress: bool | None) -> None:
    """Write one element, a matrix by rows."""
    from anndata.io import read_elem, sparse_dataset, write_elem

    element, kind = source[name], source[name].attrs.get("encoding-type", "")
    if change is not None and kind == "csc_matrix":  # a small one, or its rows could not have been checked
        write_elem(target, name, sparse.csc_matrix(arcsinh(change.matrix[:], change.cofactor)))
        return
    if not is_table(element) and kind != "csr_matrix":
        with reading():
            values = read_elem(element)
        write_elem(target, name, values)
        return
    unread = sparse_dataset(element) if kind == "csr_matrix" else element
    matrix = _disk.stored(unread, name) if change is None else change.matrix
    assert matrix is not None, "a matrix of a file is one that is stored"
    with bar(f"scgsr {name}", matrix.shape[0], unit=" rows", progress=progress) as shown:
        write_rows(target, name, matrix, cofactor=None if change is None else change.cofactor, step=shown.update)


def _copy(source: Path, target: Path, progress: bool | None) -> None:
    """Copy a file or a folder as it is."""
    files = [file for file in source.rglob("*") if file.is_file()] if source.is_dir() else [source]
    total = sum(file.stat().st_size for file in files)
    with bar("scgsr copy", total, unit="B", progress=progress) as shown:
        copy = partial(_copy_file, step=shown.update)
        if source.is_dir():
            shutil.copytree(source, target, copy_function=copy)
        else:
            copy(source, target)


def _copy_file(source: str | Path, target: str | Path, *, step: Callable[[int], Any]) -> None:
    with Path(source).open("rb") as old, Path(target).open("wb") as new:
        while block := old.read(_BYTES_AT_ONCE):
            new.write(block)
            step(len(block))
