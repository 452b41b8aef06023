"""How clearly two groups of cells are separated, by the valley in the density of cells between them.

Populations are separated by regions of low density. Between two groups that a clustering has cut out of one population
there is none: the cells between them are as dense as on either side.
"""

from __future__ import annotations

import numpy as np
import scipy

# Fewer cells have no density to speak of.
FEWEST_CELLS = 6
# Small groups need most of their cells for the axis; of large ones half is enough.
_FOLDS, _FOLDS_OF_MANY, _MANY = 5, 2, 100
# Share of the mean variance that each feature's variance gets on top, so that the covariance can be inverted.
_FLOOR = 0.1
_BINS = 200


def separation(one: np.ndarray, other: np.ndarray) -> float:
    """Return 1 - (density in the valley) / (density at the lower of the two peaks) between two groups of cells.

    The cells are projected on the axis that discriminates the groups best (Fisher's). The axis of some cells is found
    on the others, so that noise cannot pose as a valley.

    Parameters
    ----------
    one, other
        Cells x features, (n_one, n_features) and (n_other, n_features), in random order: every few cells in turn are
        left out of the axis. A huge group drowns a small neighbour, so take a sample of it.

    Returns
    -------
    From 0, no valley, to 1, nothing between.
    """
    fewer = min(len(one), len(other))
    if fewer < FEWEST_CELLS:
        return 0.0
    n_folds = _FOLDS if fewer < _MANY else _FOLDS_OF_MANY
    folds = [_projected(one, other, fold, n_folds) for fold in range(n_folds)]
    low, high = (np.sort(np.concatenate(side)) for side in zip(*folds, strict=True))
    if _median(low) >= _median(high):
        return 0.0
    return 1 - _valley(low, high)


def _projected(one: np.ndarray, other: np.ndarray, fold: int, n_folds: int) -> tuple[np.ndarray, np.ndarray]:
    """Project every `n_folds`-th cell from `fold` on, on the axis of the others and in their standard deviations."""
    rest_of_one, rest_of_other = (group[np.arange(len(group)) % n_folds != fold] for group in (one, other))
    axis = _fisher_axis(rest_of_one, rest_of_other)
    left, right = rest_of_one @ axis, rest_of_other @ axis
    middle = (left.mean() + right.mean()) / 2
    spread = np.sqrt((left.var() * len(left) + right.var() * len(right)) / (len(left) + len(right))) or 1.0
    return (one[fold::n_folds] @ axis - middle) / spread, (other[fold::n_folds] @ axis - middle) / spread


def _fisher_axis(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the direction that discriminates best, (n_features,): Fisher's, with a covariance shrunken for few cells.

    References
    ----------
    Chen, Wiesel, Eldar, Hero, *Shrinkage algorithms for MMSE covariance estimation*,
    https://doi.org/10.1109/TSP.2010.2053029
    """
    means = one.mean(axis=0), other.mean(axis=0)
    within = np.concatenate([one - means[0], other - means[1]])
    (n_cells, n_features), covariance = within.shape, within.T @ within / len(within)
    level = covariance.trace() / n_features
    # As `sklearn.covariance.oas`, which checks its input for longer than this takes, and inverts the result too.
    signal = (covariance**2).mean()
    spread = (n_cells + 1) * (signal - level**2 / n_features)
    shrinkage = min((signal + level**2) / spread, 1.0) if spread > 0 else 1.0
    covariance *= 1 - shrinkage
    # Where no feature varies within the groups, all count the same.
    np.fill_diagonal(covariance, covariance.diagonal() + ((shrinkage + _FLOOR) * level or 1.0))
    return np.linalg.solve(covariance, means[1] - means[0])


def _median(ordered: np.ndarray) -> float:
    """Return the median of sorted values."""
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def _valley(low: np.ndarray, high: np.ndarray) -> float:
    """Return the lowest ratio of the count between the medians to the lower of the peaks on both sides, at most 1.

    Both are sorted.
    """
    n_cells = len(low) + len(high)
    spread = np.sqrt((low.var() * len(low) + high.var() * len(high)) / n_cells)
    bandwidth = 1.06 * spread * n_cells**-0.2  # Silverman's rule
    edges = np.linspace(min(low[0], high[0]), max(low[-1], high[-1]), _BINS + 1)
    step = edges[1] - edges[0]
    width = max(bandwidth / step, 0.5)  # also where a group has no spread
    # The smoothed histogram in units of cells that the kernel effectively counts.
    counts = scipy.ndimage.gaussian_filter1d(_histogram(low, edges) + _histogram(high, edges), width, mode="constant")
    counts *= 2 * np.sqrt(np.pi) * width
    left, right = np.maximum.accumulate(counts), np.maximum.accumulate(counts[::-1])[::-1]
    peak = np.minimum(left, right)
    centres = (edges[:-1] + edges[1:]) / 2
    between = (centres > _median(low)) & (centres < _median(high)) & (peak > 1)
    if not between.any():
        return 1.0
    return float(min((counts[between] / peak[between]).min(), 1.0))


def _histogram(ordered: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Count sorted values per bin, (n_edges - 1,) float; the last bin includes its right edge."""
    below = np.searchsorted(ordered, edges).astype(float)
    below[-1] = len(ordered)
    return np.diff(below)
