"""Which features tell the groups of cells apart."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def telling(blocks: Iterable[tuple[np.ndarray, np.ndarray]], n: int) -> np.ndarray:
    """Return the `n` columns with the largest share of their variance between the groups, (n,) int, sorted.

    Each block is rows of values (n_rows, n_columns) with the group of each, (n_rows,) int from 0 on.
    """
    sums: dict[int, np.ndarray] = {}
    sizes: dict[int, int] = {}
    squares = total = np.zeros(1)
    for values, codes in blocks:
        squares = squares + np.square(values, dtype=np.float64).sum(axis=0)
        total = total + values.sum(axis=0, dtype=np.float64)
        for group in np.unique(codes).tolist():
            part = values[codes == group]
            sums[group] = sums.get(group, 0) + part.sum(axis=0, dtype=np.float64)
            sizes[group] = sizes.get(group, 0) + len(part)
    n_cells = max(1, sum(sizes.values()))
    of_mean = total**2 / n_cells
    between = np.sum([sums[group] ** 2 / sizes[group] for group in sums], axis=0) - of_mean
    within = np.maximum(squares - of_mean, 0)
    share = np.divide(between, within, out=np.zeros(len(of_mean)), where=within > 1e-9 * squares)
    return np.sort(np.argsort(-share, kind="stable")[:n])
