"""How smooth and how local the cells' pictures are on the neuron graph.

Moran's I and the share of low frequencies are both a quotient z^T F z / z^T z of a centred picture z. A mean of such
quotients depends on the pictures only by their second moments, which is what makes a thousand permutations quick.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix, identity

from scgsr._checks import about, number, positive_int
from scgsr.graphs import fourier_basis, laplacian


def morans_i(activations: np.ndarray, adjacency: csr_matrix) -> np.ndarray:
    """
    Moran's I of each cell's picture: how alike its neighbouring neurons are.

    I = (n / sum_ij w_ij) * sum_ij w_ij z_i z_j / sum_i z_i^2 with z the activations less their mean over the neurons.
    One where neighbours are equal, about -1 / (n - 1) for neurons without order, negative where they alternate.

    Parameters
    ----------
    activations
        One cell per row, (n_cells, n_neurons).
    adjacency
        Weights of the neuron graph, (n_neurons, n_neurons).

    Returns
    -------
    Float64 array (n_cells,); NaN for a cell whose neurons are all alike, and for a graph without edges.

    Raises
    ------
    ValueError
        If `activations` has not one column for each neuron of the graph.

    References
    ----------
    Moran, *Notes on continuous stochastic phenomena*, 1950, https://doi.org/10.1093/biomet/37.1-2.17

    Examples
    --------
    On a ring of six: two halves, and light and dark in turn.

    >>> import numpy as np
    >>> from scgsr._measures import morans_i
    >>> from scgsr.graphs import ring
    >>> morans_i(np.array([[1.0, 1, 1, 0, 0, 0], [1, 0, 1, 0, 1, 0]]), ring(6).adjacency).round(3)
    array([ 0.333, -1.   ])
    """
    check(activations, adjacency)
    return _quotients(centred_pictures(activations), moran_form(adjacency))


def low_frequency_share(activations: np.ndarray, adjacency: csr_matrix, *, share: float = 0.25) -> np.ndarray:
    """
    Share of each centred picture's energy that lies in the lowest graph frequencies.

    Frequencies are the eigenvectors of the combinatorial Laplacian, without the constant. Where the last one belongs
    to a repeated eigenvalue, all of its eigenvectors count, since no basis of them is better than another.

    Parameters
    ----------
    activations
        One cell per row, (n_cells, n_neurons).
    adjacency
        Weights of the neuron graph, (n_neurons, n_neurons).
    share
        Which part of the n_neurons - 1 frequencies is low, rounded up.

    Returns
    -------
    Float64 array (n_cells,) within [0, 1]; NaN for a cell whose neurons are all alike.

    Raises
    ------
    TypeError, ValueError
        If `share` is not above 0 and at most 1, or `activations` does not fit the graph.

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr._measures._pictures import low_frequency_share
    >>> from scgsr.graphs import path
    >>> slope, turns = np.arange(8.0), np.arange(8) % 2
    >>> low_frequency_share(np.stack([slope, turns]), path(8).adjacency).round(2)
    array([0.99, 0.03])
    """
    check(activations, adjacency)
    return _quotients(centred_pictures(activations), low_pass(adjacency, share))


def neighbour_correlation(activations: np.ndarray, adjacency: csr_matrix) -> float:
    """
    Correlation over cells of the two neurons of an edge, as a mean over the edges, weighted by their weights.

    Parameters
    ----------
    activations
        One cell per row, (n_cells, n_neurons).
    adjacency
        Weights of the neuron graph, (n_neurons, n_neurons).

    Returns
    -------
    A number in [-1, 1]; edges of a dead (constant) neuron do not count, NaN if none is left.

    Raises
    ------
    ValueError
        If `activations` does not fit the graph.

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr._measures import neighbour_correlation
    >>> from scgsr.graphs import path
    >>> neighbour_correlation(np.array([[0.0, 0, 1], [1, 2, 0]]), path(3).adjacency)  # correlations 1 and -1
    0.0
    """
    check(activations, adjacency)
    return edge_correlation(centred_neurons(activations), adjacency)


def localisation(activations: np.ndarray, adjacency: csr_matrix, *, hops: int = 2) -> np.ndarray:
    """
    Share of each cell's energy (squared activation) that lies within `hops` edges of its brightest neuron.

    Parameters
    ----------
    activations
        One cell per row, (n_cells, n_neurons).
    adjacency
        Weights of the neuron graph, (n_neurons, n_neurons).
    hops
        How many edges away from the peak still counts.

    Returns
    -------
    Float64 array (n_cells,) within [0, 1]; NaN for a cell that activates no neuron.

    Raises
    ------
    TypeError, ValueError
        If `hops` is not a non-negative integer, or `activations` does not fit the graph.

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr._measures import localisation
    >>> from scgsr.graphs import path
    >>> localisation(np.array([[2.0, 1, 0, 1, 0], [0, 0, 0, 0, 0]]), path(5).adjacency)  # (4 + 1) / (4 + 1 + 1)
    array([0.83333333,        nan])
    """
    check(activations, adjacency)
    return share_within(activations, within(adjacency, positive_int("hops", hops, minimum=0)))


def within(adjacency: csr_matrix, hops: int = 2) -> np.ndarray:
    """Return which neurons are at most `hops` edges apart, bool (n, n)."""
    steps = csr_matrix(adjacency, dtype=np.float64).astype(bool).astype(np.float64) + identity(adjacency.shape[0])
    return (steps**hops).toarray() > 0


def share_within(activations: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Return the share of each cell's energy that is `near` its brightest neuron, (n_cells,)."""
    energy = np.square(activations, dtype=np.float64)
    inside = np.einsum("cn,cn->c", energy, near[energy.argmax(axis=1)])
    return ratio(inside, energy.sum(axis=1))


def moran_form(adjacency: csr_matrix) -> csr_matrix:
    """Return the matrix F of Moran's I, (n, n): the weights times n / sum of weights; without edges NaN."""
    total = adjacency.sum()
    if total == 0:
        return csr_matrix(identity(adjacency.shape[0]) * np.nan)
    return csr_matrix(adjacency, dtype=np.float64) * (adjacency.shape[0] / total)


def low_pass(adjacency: csr_matrix, share: float = 0.25) -> np.ndarray:
    """Return the matrix F of the low frequencies, dense (n, n): the projector on the lowest `share` of them."""
    number("share", share, minimum=0, maximum=1, exclusive=True)
    eigenvalues, basis = fourier_basis(laplacian(adjacency))
    last = int(np.ceil(share * (len(eigenvalues) - 1)))
    low = basis[:, eigenvalues <= eigenvalues[last] + 1e-9 * max(eigenvalues[-1], 1.0)]
    # The constant mode may stay: centred pictures are orthogonal to it.
    return low @ low.T


def pooled_quotient(pictures: np.ndarray, form: csr_matrix | np.ndarray) -> float:
    """Return sum z^T F z / sum z^T z over centred pictures: for pictures of unit length the mean of the quotients."""
    pictures = centred_pictures(pictures)
    total = float(np.square(pictures).sum())
    return float((pictures * (pictures @ form)).sum()) / total if total > 0 else float("nan")


def edge_correlation(columns: np.ndarray, adjacency: csr_matrix) -> float:
    """Return the cosine of the columns of two neighbours, as a weighted mean over edges, without columns of zeros."""
    length = np.linalg.norm(columns, axis=0)
    alive = length > 1e-9 * length.max(initial=0.0)
    units = np.where(alive, columns, 0.0) / np.where(alive, length, 1.0)
    weight = float(alive @ (adjacency @ alive.astype(np.float64)))
    return float((units * (units @ adjacency)).sum()) / weight if weight > 0 else float("nan")


def at_unit_contrast(activations: np.ndarray) -> np.ndarray:
    """Return pictures scaled so that they have length one once centred, without those that are constant."""
    length = np.linalg.norm(centred_pictures(activations), axis=1)
    return activations[length > 0] / length[length > 0, None]


def centred_neurons(activations: np.ndarray) -> np.ndarray:
    """Return each neuron centred over the cells, exactly zero where it is constant."""
    values = activations.astype(np.float64)
    return np.where(np.ptp(values, axis=0) > 0, values - values.mean(axis=0), 0.0)


def same_moments(rows: np.ndarray) -> np.ndarray:
    """Return at most n rows R with R^T R = X^T X for rows X of n columns: the same second moments, few rows."""
    eigenvalues, vectors = np.linalg.eigh(rows.T @ rows)
    kept = eigenvalues > 1e-12 * max(eigenvalues[-1], 0.0)
    return np.sqrt(eigenvalues[kept])[:, None] * vectors[:, kept].T


def centred_pictures(activations: np.ndarray) -> np.ndarray:
    """Return each picture less its mean over the neurons, exactly zero where it is constant."""
    values = activations.astype(np.float64)
    return np.where(np.ptp(values, axis=1, keepdims=True) > 0, values - values.mean(axis=1, keepdims=True), 0.0)


def _quotients(pictures: np.ndarray, form: csr_matrix | np.ndarray) -> np.ndarray:
    return ratio((pictures * (pictures @ form)).sum(axis=1), np.square(pictures).sum(axis=1))


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole, NaN where the whole is not positive."""
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)


def check(activations: np.ndarray, adjacency: csr_matrix) -> None:
    """Raise ValueError if there is not one column for each neuron of the graph."""
    n = adjacency.shape[0]
    if activations.ndim != 2 or activations.shape[1] != n:
        msg = f"`activations` must have shape (n_cells, {n}), one column per neuron, got {activations.shape}."
        raise about("activations", ValueError(msg))
