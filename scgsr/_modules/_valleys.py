"""How clearly two groups of cells are separated, by the valley in the density of cells between them.

Populations are separated by regions of low density. Between two groups that a clustering has cut out of one population
there is none: the cells between them are as dense as on either side.
"""

from __future__ import annotations

import numpy as np
import scipy

# Fewer cells have no density to speak of.
_FEWEST_CELLS = 10
# Share of the mean variance in the covariance, so that it can be inverted.
_SHRINKAGE = 0.1
_BINS = 200
# Counts are taken so many standard errors against the valley: few cells must lie deeper apart.
_STANDARD_ERRORS = 0.5


def separation(one: np.ndarray, other: np.ndarray) -> float:
    """Return 1 - (density in the valley) / (density at the lower of the two peaks) between two groups of cells.

    The cells are projected on the axis that discriminates the groups best (Fisher's), found on one half of the cells
    and looked at on the other, so that noise cannot pose as a valley.

    Parameters
    ----------
    one, other
        Cells x features, (n_one, n_features) and (n_other, n_features), in random order: every second cell makes a
        half. A huge group drowns a small neighbour, so take a sample of it.

    Returns
    -------
    From 0, no valley, to 1, nothing between.
    """
    if min(len(one), len(other)) < _FEWEST_CELLS:
        return 0.0
    halves = [_projected(one, other, half) for half in (0, 1)]
    if any(half is None for half in halves):
        return 0.0
    low, high = (np.sort(np.concatenate(side)) for side in zip(*halves, strict=True))
    return 1 - _valley(low, high)


def _projected(one: np.ndarray, other: np.ndarray, half: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Project one half of the cells on the axis that the other half gives; medians at -1/2 and 1/2.

    None if the groups do not even keep their order.
    """
    axis = _fisher_axis(one[half::2], other[half::2])
    low, high = (np.sort(group[1 - half :: 2] @ axis) for group in (one, other))
    middle, distance = (_median(low) + _median(high)) / 2, _median(high) - _median(low)
    if distance <= 0:
        return None
    return (low - middle) / distance, (high - middle) / distance


def _fisher_axis(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the direction that discriminates best, (n_features,): Fisher's, with a shrunken covariance."""
    means = one.mean(axis=0), other.mean(axis=0)
    within = np.concatenate([one - means[0], other - means[1]])
    covariance = within.T @ within / len(within)
    # Where no feature varies within the groups, all count the same.
    level = covariance.trace() / len(covariance) or 1.0
    covariance *= 1 - _SHRINKAGE
    np.fill_diagonal(covariance, covariance.diagonal() + _SHRINKAGE * level)
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
    counts, peak = counts[between], peak[between]
    ratio = (counts + _STANDARD_ERRORS * np.sqrt(counts + 1)) / (peak - _STANDARD_ERRORS * np.sqrt(peak))
    return float(min(ratio.min(), 1.0))


def _histogram(ordered: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Count sorted values per bin, (n_edges - 1,) float; the last bin includes its right edge."""
    below = np.searchsorted(ordered, edges).astype(float)
    below[-1] = len(ordered)
    return np.diff(below)
