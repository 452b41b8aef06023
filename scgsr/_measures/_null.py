"""Null values: the same measure after neurons have been permuted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy
from scipy.sparse import csr_matrix

from scgsr._checks import positive_int
from scgsr._measures._pictures import check
from scgsr._random import Rng, generator
from scgsr.graphs import correlation


def permutation_null(
    statistic: Callable[[np.ndarray], Any], activations: np.ndarray, *, n_permutations: int, rng: Rng
) -> np.ndarray:
    """
    Values of a statistic after the neurons have been permuted at random, in all cells alike.

    Parameters
    ----------
    statistic
        Function of activations (n_rows, n_neurons) to a number or an array.
    activations
        One row per cell. For a statistic that depends on second moments alone the few rows that
        `_pictures.same_moments` returns will do, which is much quicker.
    n_permutations
        How many random orders.
    rng
        Seed, or a Generator of NumPy, which advances.

    Returns
    -------
    Float64 array (n_permutations, ...).

    Raises
    ------
    TypeError, ValueError
        If `n_permutations` is not a positive integer, or `rng` is no seed.

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr._measures import morans_i, permutation_null
    >>> from scgsr.graphs import path
    >>> halves = np.repeat([[1.0, 0.0]], 10, axis=1)
    >>> statistic = lambda pictures: morans_i(pictures, path(20).adjacency).mean()
    >>> null = permutation_null(statistic, halves, n_permutations=99, rng=1)
    >>> null.shape, bool(null.max() < statistic(halves))
    ((99,), True)
    """
    positive_int("n_permutations", n_permutations)
    rng = generator(rng)
    orders = (rng.permutation(activations.shape[1]) for _ in range(n_permutations))
    return np.array([statistic(activations[:, order]) for order in orders], dtype=np.float64)


def p_value(null: np.ndarray, observed: float) -> float:
    """
    Share of the permutations that reach the observed value, the observed one counted among them.

    Parameters
    ----------
    null
        Values under permutation, (n_permutations,); those that are NaN do not count.
    observed
        The value itself.

    Returns
    -------
    (1 + #null >= observed) / (1 + n_permutations), never zero; NaN if the value is NaN or there is no null.

    References
    ----------
    Phipson, Smyth, *Permutation p-values should never be zero*, 2010, https://doi.org/10.2202/1544-6115.1585

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr._measures import p_value
    >>> p_value(np.arange(9.0), 7.0)
    0.3
    """
    null = null[np.isfinite(null)]
    if not len(null) or not np.isfinite(observed):
        return float("nan")
    # Equal values may differ by rounding, because they were summed in another order.
    reached = null >= observed - 1e-9 * max(1.0, abs(observed))
    return float((1 + reached.sum()) / (1 + len(null)))


def reorder(activations: np.ndarray, adjacency: csr_matrix, *, n_starts: int = 30, rng: Rng) -> np.ndarray:
    """
    Order of the neurons of a trained network that puts those that fire together side by side on the graph.

    The baseline that a regularised fit must beat. Quadratic assignment of correlation to adjacency: FAQ from random
    starts, then swaps of two neurons from the best until none helps. About 6 s for 100 neurons.

    Parameters
    ----------
    activations
        One cell per row, (n_cells, n_neurons), of a network trained without a graph.
    adjacency
        Weights of the neuron graph, (n_neurons, n_neurons).
    n_starts
        Random starts of FAQ.
    rng
        Seed, or a Generator of NumPy, which advances.

    Returns
    -------
    Int array (n_neurons,): ``activations[:, p]`` lies best on the graph.

    Raises
    ------
    TypeError, ValueError
        If `n_starts` is not a positive integer, `rng` is no seed, or `activations` does not fit the graph.

    References
    ----------
    Vogelstein et al., *Fast approximate quadratic programming for graph matching*, 2015,
    https://doi.org/10.1371/journal.pone.0121002

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr._measures import neighbour_correlation, reorder
    >>> from scgsr.graphs import path
    >>> waves = np.exp(-np.subtract.outer(np.linspace(0, 9, 90), np.arange(10)) ** 2)[:, [3, 8, 0, 5, 9, 1, 7, 2, 6, 4]]
    >>> order = reorder(waves, path(10).adjacency, n_starts=5, rng=0)
    >>> after, before = (neighbour_correlation(x, path(10).adjacency) for x in (waves[:, order], waves))
    >>> bool(after > before + 0.5)
    True
    """
    positive_int("n_starts", n_starts)
    check(activations, adjacency)
    rng = generator(rng)
    weights, alike = csr_matrix(adjacency).toarray(), correlation(activations)
    options = {"maximize": True, "rng": rng}
    starts = (
        scipy.optimize.quadratic_assignment(weights, alike, method="faq", options={**options, "P0": "randomized"})
        for _ in range(n_starts)
    )
    best = max(starts, key=lambda start: start.fun)
    guess = np.column_stack([np.arange(len(weights)), best.col_ind])
    swapped = scipy.optimize.quadratic_assignment(
        weights, alike, method="2opt", options={**options, "partial_guess": guess}
    )
    return swapped.col_ind
