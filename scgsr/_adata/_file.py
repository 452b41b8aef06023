"""A .h5ad or .zarr as cells whose matrices stay in the file, and results on their way into it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scgsr._adata._keys import Keys
from scgsr._values import BYTES_AT_ONCE

if TYPE_CHECKING:
    from anndata import AnnData

# So many values of a matrix in zarr are one chunk.
_VALUES_IN_CHUNK = 1 << 20
_LISTS = ("layers", "obsm", "varm")


@contextlib.contextmanager
def opened(path: Path, mode: str = "r") -> Iterator[Any]:
    """Yield the root group of a .h5ad or .zarr, to read ("r") or to change ("r+")."""
    if is_zarr(path):
        import zarr

        # What stands together at the root would hide what is changed below it.
        root: Any = zarr.open_group(str(path), mode=mode, **({} if mode == "r" else {"use_consolidated": False}))  # type: ignore[arg-type]
        yield root
        if mode != "r":
            with warnings.catch_warnings(action="ignore"):  # that zarr 3 has no standard for it yet
                zarr.consolidate_metadata(root.store)
    else:
        import h5py

        with h5py.File(path, mode) as root:
            yield root


def is_zarr(path: Path) -> bool:
    """Whether a path names a zarr and not an HDF5 file."""
    return path.suffix.lower() == ".zarr"


def is_current(path: Path) -> bool:
    """Whether a file is in the form that AnnData has written since version 0.7, and can thus be read in parts."""
    with contextlib.suppress(Exception), opened(path) as root:
        return all(root[name].attrs.get("encoding-type") == "dataframe" for name in ("obs", "var"))
    return False


class UnreadableError(ValueError):
    """Says of a file that AnnData cannot read what is in it."""


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """Let whatever foreign content raises be one kind of error, unless it is about the machine."""
    try:
        yield
    except (ImportError, MemoryError):
        raise
    except Exception as error:
        raise UnreadableError(str(error) or type(error).__name__) from error


def cells_of(root: Any) -> AnnData:
    """Return the cells of an open file; matrices are read from it when they are asked for, graphs and `.raw` never.

    Raises UnreadableError if they are none.
    """
    from anndata import AnnData
    from anndata.io import read_elem

    with reading():
        lists = {name: {key: _unread(root[name][key]) for key in root[name]} for name in _LISTS if name in root}
        return AnnData(
            _unread(root["X"]) if "X" in root else None,
            obs=read_elem(root["obs"]),
            var=read_elem(root["var"]),
            uns=read_elem(root["uns"]) if "uns" in root else None,
            **lists,
        )


def _unread(element: Any) -> Any:
    """Return a matrix as it lies in the file, anything else as it is in memory."""
    from anndata.io import read_elem, sparse_dataset

    kind = element.attrs.get("encoding-type", "")
    # One that is stored by columns is of use only if it fits into memory.
    if kind == "csr_matrix" or (kind == "csc_matrix" and not _is_small(element)):
        return sparse_dataset(element)
    return element if is_table(element) else read_elem(element)


def is_table(element: Any) -> bool:
    """Whether an element of a file is a dense matrix of numbers."""
    plain = element.attrs.get("encoding-type", "") in ("array", "") and len(getattr(element, "shape", ())) == 2
    return plain and element.dtype.kind in "biuf"


def _is_small(element: Any) -> bool:
    parts = [element[name] for name in ("data", "indices")]
    return sum(part.shape[0] * part.dtype.itemsize for part in parts) <= BYTES_AT_ONCE


def new_table(group: Any, name: str, shape: tuple[int, int], dtype: np.dtype[Any] | type) -> Any:
    """Make a dense matrix in an open file, in place of what has its name, and return it to be filled by rows."""
    if name in group:
        del group[name]
    if hasattr(group, "create_array"):  # zarr
        n_rows = max(1, min(shape[0], _VALUES_IN_CHUNK // max(1, shape[1])))
        table = group.create_array(name, shape=shape, dtype=dtype, chunks=(n_rows, max(1, shape[1])))
    else:
        table = group.create_dataset(name, shape=shape, dtype=dtype)
    table.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
    return table


def room_for_activations(root: Any, keys: Keys, shape: tuple[int, int]) -> Any:
    """Return a new matrix in an open file where the activations of a fit have their place, to be filled by rows."""
    return new_table(_list(root, "obsm"), keys.activations, shape, np.float32)


def put(root: Any, adata: AnnData, keys: Keys) -> None:
    """Write what `write` has written to an AnnData into the open file that it came from.

    Activations are written if they are in memory; else they are in the file already.
    """
    from anndata.io import write_elem

    write_elem(root, "obs", adata.obs)
    for name in (keys.record, keys.colors):
        write_elem(_list(root, "uns"), name, adata.uns[name])
    activations = adata.obsm.get(keys.activations)
    if isinstance(activations, np.ndarray):
        write_elem(_list(root, "obsm"), keys.activations, activations)
    if keys.programs in _list(root, "varm"):
        del root["varm"][keys.programs]


def _list(root: Any, name: str) -> Any:
    if name not in root:
        root.create_group(name).attrs.update({"encoding-type": "dict", "encoding-version": "0.1.0"})
    return root[name]
