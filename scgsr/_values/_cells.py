"""The cells of a fit, wherever they lie, and a part of them in memory, from which training draws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from scgsr import _ranks

if TYPE_CHECKING:
    from scgsr._values._batches import Batches


class Cells(Protocol):
    """All cells of a fit as the network sees them: each feature is (value - mean) / scale."""

    @property
    def shape(self) -> tuple[int, int]:
        """How many cells and features there are."""

    @property
    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and scale of each feature, (n_features,) float32 each."""

    @property
    def device(self) -> torch.device:
        """Where batches are wanted."""

    @property
    def together(self) -> int:
        """How many neighbouring cells are read together: 1 where any cell is at hand."""

    @property
    def at_once(self) -> int:
        """How many cells one part may have at most."""

    @property
    def digest(self) -> str:
        """A short text that differs where the values or the moments do."""

    def part(self, index: np.ndarray) -> Part:
        """Return the cells `index`, (n_cells,) int, sorted; they are read if they are not in memory."""

    def share(self, index: np.ndarray) -> Part:
        """Return the same, of which each of several ranks reads its own share alone."""

    def in_order(self, index: slice = slice(None)) -> Iterator[Tensor]:
        """Yield neighbouring cells, all by default, in order, in blocks."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Part:
    """Some cells in memory, with the weights by which they are drawn."""

    batches: Batches
    rows: np.ndarray  # (n_cells,) int, sorted: where they are in `batches`; -1: another rank has read the cell
    index: np.ndarray  # (n_cells,) int: which of all cells they are
    weights: np.ndarray | None = None  # (n_cells,) above 0; None: all alike
    shared: bool = False  # whether each of several ranks has read its own share alone

    def in_order(self) -> Iterator[Tensor]:
        """Yield the cells in order, in blocks."""
        return self.batches.in_order(self.rows)

    def own(self, together: int = 1) -> np.ndarray:
        """Return which of the cells are this rank's, (n_own,) int: those that it has read, or its turn of them all."""
        if self.shared:
            return np.flatnonzero(self.rows >= 0)
        return np.arange(len(self.rows))[_ranks.own_rows(len(self.rows), together)]

    def drawn(self, rng: np.random.Generator) -> np.ndarray:
        """Return as many rows as there are, in any order: each once, or as often as its weight says."""
        return self.rows if self.weights is None else self._systematic(self.weights, len(self.rows), rng)

    def some(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return at most `n` rows, sorted; all alike, each at most once."""
        if self.weights is not None:
            return np.sort(self._systematic(self.weights, min(n, len(self.rows)), rng))
        return self.rows if len(self.rows) <= n else np.sort(rng.choice(self.rows, n, replace=False))

    def _systematic(self, weights: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return `n` rows by systematic sampling: each row as often as its share of the weights, rounded up or down."""
        if not n:
            return self.rows[:0]
        order = rng.permutation(len(self.rows))
        ends = np.cumsum(weights[order])
        points = (np.arange(n) + rng.random()) * (ends[-1] / n)
        return self.rows[order[np.minimum(np.searchsorted(ends, points, side="right"), len(order) - 1)]]
