"""A matrix that lives on a device as a whole: standardised once, it gives its rows there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scgsr._values._matrix import Matrix, slices

# So many stored entries of a sparse matrix are looked up at a time, in some 200 MB.
_ENTRIES_AT_ONCE = 1 << 22


def resident(matrix: Matrix, mean: Tensor, scale: Tensor) -> DenseOnDevice | SparseOnDevice:
    """Return (value - mean) / scale of a dense or CSR matrix, on the device of `mean` and `scale`, (n_features,)."""
    if isinstance(matrix, np.ndarray):
        return DenseOnDevice(matrix, mean, scale)
    return SparseOnDevice(matrix, mean, scale)


class DenseOnDevice:
    """All values."""

    def __init__(self, matrix: np.ndarray, mean: Tensor, scale: Tensor) -> None:
        self.parts = [_moved(matrix, np.float32, mean.device).sub_(mean).div_(scale)]

    def rows(self, parts: Sequence[np.ndarray], out: Tensor) -> Iterator[Tensor]:
        """Yield the rows of each part, (n_rows,) int, in the first rows of `out`; nothing is read back to the host."""
        order = torch.as_tensor(np.concatenate(parts), device=out.device)  # copied once, not for every part
        for index in order.split([len(part) for part in parts]):
            yield torch.index_select(self.parts[0], 0, index, out=out[: len(index)])


class SparseOnDevice:
    """The stored values, and the row of a cell that has none: what is not stored is not 0 once it is standardised."""

    def __init__(self, matrix: Any, mean: Tensor, scale: Tensor) -> None:
        if not matrix.has_canonical_format:  # in no order, or with entries that are stored twice: these add up
            matrix = matrix.astype(np.float32)  # a copy
            matrix.sum_duplicates()
        device = mean.device
        self._lengths = np.diff(matrix.indptr)  # stays on the host
        self._empty_row = torch.zeros_like(mean).sub_(mean).div_(scale)
        values, columns = _moved(matrix.data, np.float32, device), _moved(matrix.indices, matrix.indices.dtype, device)
        for some in slices(len(values), _ENTRIES_AT_ONCE):
            values[some].sub_(mean.index_select(0, columns[some])).div_(scale.index_select(0, columns[some]))
        self.parts = [values, columns, _moved(matrix.indptr, np.int64, device)]

    def rows(self, parts: Sequence[np.ndarray], out: Tensor) -> Iterator[Tensor]:
        """Yield the rows of each part, (n_rows,) int, in the first rows of `out`; nothing is read back to the host."""
        for together, n_stored in self._together(parts):
            places, values = self._entries(together, sum(n_stored))
            of_parts = zip(together, places.split(n_stored), values.split(n_stored), strict=True)
            for part, place, value in of_parts:
                rows = out[: len(part)].copy_(self._empty_row)
                rows.view(-1).scatter_(0, place, value)
                yield rows

    def _together(self, parts: Sequence[np.ndarray]) -> Iterator[tuple[list[np.ndarray], list[int]]]:
        """Yield several parts whose entries are looked up at a time, and how many entries each has."""
        found, n_stored = list[np.ndarray](), list[int]()
        for part in parts:
            n_of_part = int(self._lengths[part].sum())
            if found and sum(n_stored) + n_of_part > _ENTRIES_AT_ONCE:
                yield found, n_stored
                found, n_stored = [], []
            found.append(part)
            n_stored.append(n_of_part)
        if found:
            yield found, n_stored

    def _entries(self, parts: list[np.ndarray], n_stored: int) -> tuple[Tensor, Tensor]:
        """Return where in the rows of its part each entry is, counted along the rows, and its value: (n_stored,)."""
        stored_values, columns, starts = self.parts
        index = torch.as_tensor(np.concatenate(parts), device=starts.device)
        row_of_part = torch.as_tensor(np.concatenate([np.arange(len(part)) for part in parts]), device=starts.device)
        first = starts[index]
        lengths = starts[index + 1] - first
        # Without the size of its result, the device would have to tell it to the host.
        row = torch.repeat_interleave(torch.arange(len(index), device=starts.device), lengths, output_size=n_stored)
        # The entries of a row follow each other from its first one.
        before = lengths.cumsum(0) - lengths
        entry = torch.arange(n_stored, device=starts.device) + (first - before)[row]
        return row_of_part[row] * len(self._empty_row) + columns[entry], stored_values[entry]


def _moved(values: np.ndarray, dtype: Any, device: torch.device) -> Tensor:
    """Return a copy of the values on the device."""
    return torch.tensor(np.asarray(values, dtype=dtype), device=device)
