"""Agreement of the pictures with a known order of the cells, and of two fits with each other."""

from __future__ import annotations

import numpy as np
import scipy
from scipy.sparse import csr_matrix

from scgsr._checks import about
from scgsr._values import standardised
from scgsr.graphs import fourier_basis, laplacian

# How often pictures may go around the ring of neurons while the angle of the cells goes around once.
_WINDINGS = (1, 2, 3)


def circular_agreement(activations: np.ndarray, angle: np.ndarray) -> tuple[float, int]:
    """
    How well cells lie around a ring of neurons as their known angle says.

    The phase of a cell is that of sum_j x_j exp(2 pi i j / n). The resultant is |mean exp(i (phase - s w angle))| at
    the better direction s = +1 or -1; it is invariant to where the ring begins.

    Parameters
    ----------
    activations
        One cell per row, neurons in their order around the ring, (n_cells, n_neurons).
    angle
        Known angle of each cell in radians, (n_cells,); cells with NaN are left out.

    Returns
    -------
    resultant
        At the winding w = 1: one if phase and angle go around together, near zero if unrelated. NaN without cells.
    winding
        The w among 1, 2 and 3 with the largest resultant; 0 without cells.

    References
    ----------
    Mardia, Jupp, *Directional Statistics*, 2000, chapter 2, https://doi.org/10.1002/9780470316979.

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr._measures import circular_agreement
    >>> angle = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    >>> bumps = np.exp(3 * np.cos(angle[:, None] + np.arange(20) * 2 * np.pi / 20))  # the other way around
    >>> resultant, winding = circular_agreement(bumps, angle)
    >>> round(resultant, 6), winding
    (1.0, 1)
    """
    directions = np.exp(2j * np.pi * np.arange(activations.shape[1]) / activations.shape[1])  # of the neurons
    vector = activations @ directions
    strength = np.abs(activations).sum(axis=1)
    known = np.isfinite(angle) & (np.abs(vector) > 1e-9 * strength)
    if not known.any():
        return float("nan"), 0
    phase = vector[known] / np.abs(vector[known])
    turns = np.exp(1j * np.multiply.outer(np.array([*_WINDINGS, *(-w for w in _WINDINGS)]), angle[known]))
    resultants = np.abs(turns @ phase / len(phase)).reshape(2, -1).max(axis=0)
    return float(resultants[0]), int(_WINDINGS[resultants.argmax()])


def rank_agreement(activations: np.ndarray, coordinate: np.ndarray, truth: np.ndarray) -> float:
    """
    How well cells lie along the graph as a known order says, such as pseudotime.

    Spearman's correlation, without its sign, between the known order and where each cell lies: the mean coordinate of
    its neurons, weighted by their activations.

    Parameters
    ----------
    activations
        One cell per row, (n_cells, n_neurons); of a linear code the absolute values count.
    coordinate
        Where each neuron lies, (n_neurons,).
    truth
        Known value of each cell, (n_cells,); cells with NaN, and cells that activate no neuron, are left out.

    Returns
    -------
    A number in [0, 1]; NaN if nothing varies.

    References
    ----------
    Spearman, *The proof and measurement of association between two things*, 1904, https://doi.org/10.2307/1412159

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr._measures import rank_agreement
    >>> float(round(rank_agreement(np.eye(4), np.arange(4), np.array([9.0, 3, 2, 1])), 6))
    1.0
    """
    weights = np.abs(activations)
    total = weights.sum(axis=1)
    known = np.isfinite(truth) & (total > 0)
    if not known.any():
        return float("nan")
    position = (weights[known] @ coordinate / total[known]).round(9)
    if np.ptp(position) == 0 or np.ptp(truth[known]) == 0:
        return float("nan")
    with np.errstate(invalid="ignore"):  # two cells have a correlation and no p-value
        return float(abs(scipy.stats.spearmanr(position, truth[known]).statistic))


def ring_order(adjacency: csr_matrix) -> np.ndarray:
    """Return the neurons in their order around a ring, (n_neurons,), starting at the first.

    Raises
    ------
    ValueError
        If the graph is not one ring.
    """
    n = adjacency.shape[0]
    degree = np.diff(csr_matrix(adjacency).indptr)
    if n < 3 or (degree != 2).any() or scipy.sparse.csgraph.connected_components(adjacency, directed=False)[0] != 1:
        msg = "`angle` needs neurons on a ring, got another graph; fit on `scgsr.graphs.ring(n)`."
        raise about("angle", ValueError(msg))
    cut = csr_matrix(adjacency, copy=True).tolil()
    last = csr_matrix(adjacency).indices[0]
    cut[0, last] = cut[last, 0] = 0
    return scipy.sparse.csgraph.breadth_first_order(csr_matrix(cut), 0, directed=False)[0]


def direction(adjacency: csr_matrix) -> np.ndarray:
    """Return a coordinate of each neuron along the graph, (n_neurons,): its rank on a path, else the Fiedler vector.

    The Fiedler vector, the smoothest that is not constant, runs from one end of a graph to the other.

    Raises
    ------
    ValueError
        If the graph is in pieces, or has several such vectors, as a square and a ring have.
    """
    eigenvalues, basis = fourier_basis(laplacian(adjacency))
    tolerance = 1e-9 * max(eigenvalues[-1], 1.0)
    _, second, third, *_ = [*eigenvalues, np.inf, np.inf]
    if not tolerance < second < third - tolerance:
        msg = (
            "`pseudotime` needs a neuron graph with one direction, got one in pieces or alike in several directions, "
            "such as a square or a ring; fit on `scgsr.graphs.path(n)` or a tree, or cut the pseudotime into bins for "
            "`groupby`."
        )
        raise about("pseudotime", ValueError(msg))
    degree = np.diff(csr_matrix(adjacency).indptr)
    fiedler = basis[:, 1]
    is_path = degree.max() <= 2  # connected, and no ring
    return scipy.stats.rankdata(fiedler) - 1 if is_path else fiedler


def match_neurons(activations: np.ndarray, other_activations: np.ndarray) -> np.ndarray:
    """
    Permutation `p` such that neuron p[j] of the other fit fires in the same cells as neuron j.

    It is the one-to-one assignment with the largest sum of correlations. Fits of different seeds must be aligned by it
    before their graphs are compared, because the number of a neuron means nothing across fits.

    Parameters
    ----------
    activations, other_activations
        Two fits of the same cells, (n_cells, n_neurons) both.

    Returns
    -------
    Int array (n_neurons,).

    References
    ----------
    Kuhn, *The Hungarian method for the assignment problem*, 1955, https://doi.org/10.1002/nav.3800020109.

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr._measures import match_neurons
    >>> match_neurons(np.eye(3), np.eye(3)[:, [2, 0, 1]])
    array([1, 2, 0])
    """
    correlations = standardised(activations).T @ standardised(other_activations)
    return scipy.optimize.linear_sum_assignment(correlations, maximize=True)[1]
