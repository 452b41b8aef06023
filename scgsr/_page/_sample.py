"""Which cells are shown: of each group its share, but enough of a small one to be seen."""

from __future__ import annotations

import numpy as np

# So many cells of each group are shown, if it has them and there is room.
LEAST = 200


def sample(codes: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Return at most `most` rows, sorted, drawn from each group alone; `codes` (n_cells,) int says which it is.

    A group gives `LEAST` cells if it has them, and what room is left is shared out by how many more each has. Where
    there is no room for that, groups give the same number.
    """
    groups, of_cell, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    if len(codes) <= most:
        return np.arange(len(codes))
    rows = [np.flatnonzero(of_cell == group) for group in range(len(groups))]
    chosen = [rng.choice(own, quota, replace=False) for own, quota in zip(rows, _quotas(sizes, most), strict=True)]
    return np.sort(np.concatenate(chosen))


def stands_for(codes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return for how many cells of its group each of the rows stands, (n_rows,) float64."""
    groups, of_cell, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    shown = np.bincount(of_cell[rows], minlength=len(groups))
    return np.asarray(sizes / np.maximum(shown, 1))[of_cell[rows]]


def _quotas(sizes: np.ndarray, most: int) -> np.ndarray:
    """Return how many cells each group gives, (n_groups,) int; in all `most`, which is less than all cells."""
    first = np.minimum(sizes, min(LEAST, most // len(sizes)))
    room = most - int(first.sum())
    exact = (sizes - first) * (room / (sizes - first).sum())
    quotas = first + exact.astype(int)
    # What rounding has left over goes to those that it cost most.
    left = most - int(quotas.sum())
    quotas[np.argsort(exact.astype(int) - exact, kind="stable")[:left]] += 1
    return quotas
