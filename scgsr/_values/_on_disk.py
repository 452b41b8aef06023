"""The cells of a fit whose matrix is not in memory, read as training wants them: in small blocks from all over it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from scgsr import _ranks
from scgsr._values._batches import Batches
from scgsr._values._cells import Part
from scgsr._values._digest import digest
from scgsr._values._matrix import slices
from scgsr._values._statistics import rows_read
from scgsr._values._stored import Stored

# A part of the cells may take so many bytes, and so many cells are enough for one.
BYTES_AT_ONCE = 1 << 25
_CELLS_AT_ONCE = 1 << 16
# A part has at least so many blocks, so that neighbours in the file, which are often alike, make no batch on their own.
_BLOCKS_AT_ONCE = 512
# More cells than these in a block do not make reading faster, fewer make it slow.
_LARGEST_BLOCK, _SMALLEST_BLOCK = 256, 32
# At least so many blocks are there to be held out from.
_BLOCKS = 2000


class OnDisk:
    """Cells in blocks of neighbours, each feature (value - mean) / scale, (batch, n_features) float32 tensors."""

    def __init__(
        self,
        matrix: Stored,
        mean: np.ndarray,
        scale: np.ndarray,
        device: torch.device,
        *,
        digest_of_values: str,
        origins: np.ndarray | None = None,
    ) -> None:
        self.matrix, self.shape, self.device = matrix, matrix.shape, device
        self.moments = mean.astype(np.float32), scale.astype(np.float32)
        self._origins = origins  # (n_cells,) int64, see :class:`Batches`
        self.digest = f"{digest_of_values}-{digest(*self.moments, *([] if origins is None else [origins]))}"
        of_cell = max(1, matrix.n_bytes // matrix.shape[0])
        self.at_once = max(_BLOCKS_AT_ONCE, min(_CELLS_AT_ONCE, BYTES_AT_ONCE // of_cell))
        stored = min(max(matrix.block, _SMALLEST_BLOCK), _LARGEST_BLOCK)
        self.together = max(1, min(stored, self.at_once // _BLOCKS_AT_ONCE, matrix.shape[0] // _BLOCKS))

    def part(self, index: np.ndarray) -> Part:
        """Read the cells `index`, (n_cells,) int, sorted."""
        rows = self.matrix[index]
        if rows.dtype == np.float64:
            rows = rows.astype(np.float32)
        origins = None if self._origins is None else self._origins[index]
        batches = Batches(rows, *self.moments, self.device, origins)
        return Part(batches=batches, rows=np.arange(len(index)), index=index)

    def share(self, index: np.ndarray) -> Part:
        """Read the blocks of the cells `index`, (n_cells,) int, sorted, of which it is the turn of this rank."""
        if _ranks.how_many() == 1:
            return self.part(index)
        _, block = np.unique(index // self.together, return_inverse=True)
        own = np.isin(block, [*_ranks.own_turns(range(block.max(initial=-1) + 1))])
        return replace(self.part(index[own]), rows=np.where(own, np.cumsum(own) - 1, -1), index=index, shared=True)

    def in_order(self, index: slice = slice(None)) -> Iterator[Tensor]:
        """Yield neighbouring cells, all by default, in order, in blocks."""
        first, end, _ = index.indices(self.shape[0])
        for rows in slices(end - first, rows_read(self.matrix)):
            matrix = self.matrix[first + rows.start : first + rows.stop]
            yield from Batches(matrix, *self.moments, self.device).in_order()
