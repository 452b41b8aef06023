"""Which cells are drawn, and how often: each alike, or by weight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Sampler:
    """Rows of a matrix with the weights by which they are drawn."""

    rows: np.ndarray  # (n_rows,) int, sorted
    weights: np.ndarray | None = None  # (n_rows,) above 0; None: all alike

    def epoch(self, rng: np.random.Generator) -> np.ndarray:
        """Return as many rows as there are, in any order: each once, or as often as its weight says."""
        return self.rows if self.weights is None else self._drawn(self.weights, len(self.rows), rng)

    def some(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return at most `n` rows, sorted; all alike, each at most once."""
        if self.weights is not None:
            return np.sort(self._drawn(self.weights, min(n, len(self.rows)), rng))
        return self.rows if len(self.rows) <= n else np.sort(rng.choice(self.rows, n, replace=False))

    def _drawn(self, weights: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return `n` rows by systematic sampling: each row as often as its share of the weights, rounded up or down."""
        order = rng.permutation(len(self.rows))
        ends = np.cumsum(weights[order])
        points = (np.arange(n) + rng.random()) * (ends[-1] / n)
        return self.rows[order[np.minimum(np.searchsorted(ends, points, side="right"), len(order) - 1)]]
