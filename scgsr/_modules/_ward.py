"""Ward's order: of all groups of cells those two merge first that add least to the squared distances within groups."""

from __future__ import annotations

import numpy as np


def costs(means: np.ndarray, n_cells: np.ndarray) -> np.ndarray:
    """Return what merging two groups adds to the sum of squared distances within groups, (n_groups, n_groups).

    Parameters
    ----------
    means
        Mean of each group, (n_groups, n_features).
    n_cells
        Size of each group, (n_groups,).
    """
    square = np.einsum("gf,gf->g", means, means)
    distance = np.maximum(square[:, None] + square - 2 * means @ means.T, 0)
    return distance * np.multiply.outer(n_cells, n_cells) / np.add.outer(n_cells, n_cells)


def merge_order(means: np.ndarray, n_cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the merges, (n_groups - 1, 2) int, and what each adds, (n_groups - 1,); merge t makes group n_groups + t.

    Parameters are those of :func:`costs`. Groups that are larger than one cell from the start are why this is not
    `scipy.cluster.hierarchy.ward`, which takes every point for one.

    References
    ----------
    Ward, *Hierarchical grouping to optimize an objective function*, https://doi.org/10.1080/01621459.1963.10500845
    """
    n_groups = len(means)
    number, means, n_cells = np.arange(n_groups), means.copy(), n_cells.astype(float)
    cost = costs(means, n_cells)
    np.fill_diagonal(cost, np.inf)
    merges, added = np.empty((n_groups - 1, 2), dtype=int), np.empty(n_groups - 1)
    for step in range(n_groups - 1):
        one, other = sorted(divmod(int(cost.argmin()), n_groups))
        merges[step], added[step] = (number[one], number[other]), cost[one, other]
        means[one] = np.average(means[[one, other]], axis=0, weights=n_cells[[one, other]])
        number[one], n_cells[one] = n_groups + step, n_cells[one] + n_cells[other]
        # The merged group stands in the row of the first; the row of the second is never chosen again.
        number[other], n_cells[other] = -1, 0
        with_merged = costs_to(one, means, n_cells)
        cost[one], cost[:, one] = with_merged, with_merged
        cost[other], cost[:, other] = np.inf, np.inf
        cost[one, number < 0], cost[number < 0, one] = np.inf, np.inf
        cost[one, one] = np.inf
    return merges, added


def costs_to(group: int, means: np.ndarray, n_cells: np.ndarray) -> np.ndarray:
    """Return what merging each group with one of them adds, (n_groups,); groups without cells add nothing."""
    distance = ((means - means[group]) ** 2).sum(axis=1)
    return distance * n_cells * n_cells[group] / (n_cells + n_cells[group])
