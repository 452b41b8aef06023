"""Rows of a matrix -> standardised minibatches on a device; a sparse matrix is densified per batch, never whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from scgsr import _device, _ranks
from scgsr._values._cells import Part
from scgsr._values._digest import digest
from scgsr._values._matrix import Matrix, dense, n_bytes, rows_at_once, slices, unmasked, whole
from scgsr._values._resident import resident
from scgsr._values._stored import Rows

# How to come by a matrix that has one column for each of these.
_HAS_SUCH_COLUMNS = {"feature": "`adata[:, list(model.features)].X`", "neuron": "`model.activations(matrix)`"}


class Minibatch(NamedTuple):
    """The cells of one step, valid until the next."""

    features: Tensor  # (batch, n_features) float32
    origins: Tensor | None = None  # (batch,) int64, see :class:`Origins`; None: not told
    # Which rows of a batch of several ranks these are, (batch,) int or a slice; None: ranks have theirs in turn.
    places: np.ndarray | slice | None = None


class Batches:
    """Minibatches of a matrix in memory, (batch, n_features) float32 tensors of (value - mean) / scale.

    `origins`, (n_cells,) int64, are the codes of :class:`Origins`; None: not told.
    """

    together = 1  # any cell is at hand

    def __init__(
        self,
        matrix: Matrix,
        mean: np.ndarray,
        scale: np.ndarray,
        device: torch.device,
        origins: np.ndarray | None = None,
    ) -> None:
        self.matrix = matrix
        self._origins = origins
        self.moments = mean.astype(np.float32), scale.astype(np.float32)
        self.device = device
        self._mean, self._scale = (torch.as_tensor(moment, device=device) for moment in self.moments)
        has_room = _device.has_room_for(n_bytes(matrix), device)
        self._resident = resident(matrix, self._mean, self._scale) if has_room else None
        self._memory = torch.empty(0, matrix.shape[1], device=device)

    @property
    def shape(self) -> tuple[int, int]:
        """How many cells and features there are."""
        return self.matrix.shape

    @property
    def at_once(self) -> int:
        """How many cells one part may have: all."""
        return self.shape[0]

    @property
    def digest(self) -> str:
        """A short text that differs where the values, the moments or the origins do."""
        return digest(self.matrix, *self.moments, *([] if self._origins is None else [self._origins]))

    def part(self, index: np.ndarray) -> Part:
        """Return the cells `index`, (n_cells,) int, sorted; nothing is copied."""
        return Part(batches=self, rows=index, index=index)

    def share(self, index: np.ndarray) -> Part:
        """Return the cells `index`: they are in the memory of every rank."""
        return self.part(index)

    def rows(self, index: np.ndarray, out: Tensor | None = None) -> Tensor:
        """Return the rows `index`, standardised; in the first rows of `out`, if it is given."""
        if out is None:
            out = torch.empty(len(index), self.matrix.shape[1], device=self.device)
        (rows,) = self._standardised([index], out)
        return rows

    def origins(self, index: np.ndarray) -> Tensor | None:
        """Return where the rows `index` come from, (n_rows,) int64; None if that is not told."""
        return None if self._origins is None else torch.as_tensor(self._origins[index], device=self.device)

    def shuffled(
        self, index: np.ndarray, batch_size: int, rng: np.random.Generator, *, shared: bool = False
    ) -> Iterator[Minibatch]:
        """Yield the rows `index` in random order, in batches of nearly equal size.

        Each of several ranks gets its own rows of every batch: those that it holds, if ranks have shared the cells out
        (-1 is a cell of another one), else as many as the others get.
        """
        whole = np.array_split(rng.permutation(index), n_batches(len(index), batch_size))
        places = [np.flatnonzero(batch >= 0) if shared else _ranks.own_rows(len(batch)) for batch in whole]
        parts = [batch[rows] for batch, rows in zip(whole, places, strict=True)]
        sizes = [len(part) for part in parts]
        origins = self.origins(np.concatenate(parts))
        of_parts: Sequence[Tensor | None] = [None] * len(parts) if origins is None else origins.split(sizes)
        if len(self._memory) < max(sizes):  # else the same for all epochs: a captured step reads it where it is
            self._memory = torch.empty(max(sizes), self.matrix.shape[1], device=self.device)
        features = self._standardised(parts, self._memory)
        for rows, of_part, own in zip(features, of_parts, places, strict=True):
            yield Minibatch(rows, of_part, own)

    def in_order(self, index: np.ndarray | slice = slice(None)) -> Iterator[Tensor]:
        """Yield the rows `index` (all by default) in order, in blocks."""
        if isinstance(index, slice):
            index = np.arange(*index.indices(self.shape[0]))
        for part in slices(len(index), rows_at_once(self.matrix.shape[1])):
            yield self.rows(index[part])

    def _standardised(self, parts: Sequence[np.ndarray], out: Tensor) -> Iterator[Tensor]:
        """Yield the rows of each part, standardised, in the first rows of `out`."""
        if self._resident is not None:
            yield from self._resident.rows(parts, out)
            return
        for index in parts:
            rows = out[: len(index)]
            on_host = rows if self.device.type == "cpu" else torch.empty(rows.shape)
            _gather(self.matrix, index, on_host.numpy())
            rows.copy_(on_host)  # does nothing where both are the same
            yield rows.sub_(self._mean).div_(self._scale)


def _gather(matrix: Matrix, index: np.ndarray, out: np.ndarray) -> None:
    """Write the rows `index` into `out`, (len(index), n_features) float32 in order of rows."""
    if isinstance(matrix, np.ndarray):
        if matrix.dtype == out.dtype and matrix.flags.c_contiguous:
            np.take(matrix, index, axis=0, out=out, mode="clip")  # the default mode would copy once more
        else:
            out[...] = matrix[index]
    else:
        rows = matrix[index]
        rows.astype(out.dtype, copy=False).toarray(out=out)


def filled(blocks: Iterable[Tensor], shape: tuple[int, int]) -> np.ndarray:
    """Return the blocks one below the other, without ever having them twice."""
    result = np.empty(shape, dtype=np.float32)
    start = 0
    for block in blocks:
        result[start : start + len(block)] = block.cpu().numpy()
        start += len(block)
    return result


def checked(matrix: Any, n_columns: int, *, argument: str = "matrix", one_for: str = "feature") -> Matrix:
    """Return a matrix of finite values with so many columns, dense or CSR; errors name the argument."""
    if not (isinstance(matrix, np.ndarray) or sparse.issparse(matrix)):
        msg = (
            f"`{argument}` must be a NumPy array or a SciPy sparse matrix, got {type(matrix).__name__}; it has one "
            f"column for each {one_for} of the model, as {_HAS_SUCH_COLUMNS[one_for]}."
        )
        raise TypeError(msg)
    what = f"`{argument}`"
    matrix = unmasked(matrix, what) if isinstance(matrix, np.ndarray) else whole(matrix, what, argument)
    if matrix.dtype.kind not in "biuf":
        msg = f"`{argument}` must hold real numbers, got dtype {matrix.dtype}."
        raise TypeError(msg)
    if not np.isfinite(matrix.data if sparse.issparse(matrix) else matrix).all():
        msg = f"`{argument}` has NaN or infinite values; remove or impute them first."
        raise ValueError(msg)
    if matrix.ndim != 2 or matrix.shape[1] != n_columns:
        msg = f"`{argument}` must have {n_columns} columns, one per {one_for} of the model, got {matrix.shape}."
        raise ValueError(msg)
    return matrix


def dense_rows(matrix: Rows, index: np.ndarray | slice) -> np.ndarray:
    """Return the rows `index` of a dense or sparse matrix as an ndarray."""
    return dense(matrix[index])


def n_batches(n_rows: int, batch_size: int) -> int:
    """Return how many batches of nearly equal size an epoch has; none is ever left with a single cell."""
    return max(1, min(-(-n_rows // batch_size), n_rows // 2))
