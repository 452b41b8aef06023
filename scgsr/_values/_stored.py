"""A matrix that is not in memory: its rows are read when they are asked for, neighbours together."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from scipy import sparse

from scgsr._checks import about
from scgsr._values._arcsinh import arcsinh
from scgsr._values._matrix import Matrix


@dataclass(frozen=True, eq=False, kw_only=True)
class Stored:
    """Rows on disk, or computed on demand. Indexing by a slice or by numbers reads rows as an ndarray or CSR matrix."""

    read: Callable[[int, int], Matrix]  # from the first row and the one after the last to these rows
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    n_bytes: int  # of all columns in memory: whole rows are read
    block: int  # how many rows are stored, and thus read, as one; 1: any number
    path: str | None = None  # of the file, if it is one
    written: tuple[int, int] | None = None  # when it was written last, and its size then
    portable: bool = False  # whether it can be handed to another process, which opens the file itself
    columns: np.ndarray | None = None  # (n_columns,) int, the chosen ones; None: all
    cofactor: np.ndarray | None = None  # (n_columns,) of an arcsinh that is applied to what is read; None: none

    def __getitem__(self, rows: slice | np.ndarray) -> Matrix:
        """Return these rows, read run by run of neighbours."""
        if isinstance(rows, slice):
            start, stop, step = rows.indices(self.shape[0])
            return self._run(start, max(start, stop))[::step]
        index = np.asarray(rows)
        if not len(index):
            return self._run(0, 0)
        first = np.flatnonzero(np.diff(index, prepend=index[0] - 2) != 1)
        runs = [self._run(int(part[0]), int(part[-1]) + 1) for part in np.split(index, first[1:])]
        if len(runs) == 1:
            return runs[0]
        return sparse.vstack(runs, format="csr") if sparse.issparse(runs[0]) else np.concatenate(runs)

    def only(self, columns: np.ndarray) -> Stored:
        """Return the matrix of some of the columns, given as numbers or as booleans."""
        chosen = np.arange(self.shape[1])[columns]
        return replace(
            self,
            shape=(self.shape[0], len(chosen)),
            columns=chosen if self.columns is None else self.columns[chosen],
            cofactor=None if self.cofactor is None else self.cofactor[chosen],
        )

    def transformed(self, cofactor: np.ndarray) -> Stored:
        """Return the matrix of arcsinh(value / cofactor), computed as it is read; NaN leaves a column as it is."""
        assert self.cofactor is None, "values are transformed once"
        dtype = np.dtype(np.float64 if self.dtype == np.float64 else np.float32)
        return replace(self, cofactor=cofactor, dtype=dtype)

    def _run(self, start: int, stop: int) -> Matrix:
        """Read neighbouring rows."""
        if self.path is not None and self.written != last_written(self.path):
            msg = f"`adata`: {self.path} has been written to since it was opened; open it again."
            raise about("adata", ValueError(msg))
        rows: Any = self.read(start, stop)
        if self.columns is not None:
            rows = rows[:, self.columns]
        return rows if self.cofactor is None else arcsinh(rows, self.cofactor)


# A matrix in memory or not.
Rows: TypeAlias = Matrix | Stored


def last_written(path: str) -> tuple[int, int]:
    """Return when a file was written last, in nanoseconds, and how large it is."""
    status = os.stat(path)
    return status.st_mtime_ns, status.st_size
