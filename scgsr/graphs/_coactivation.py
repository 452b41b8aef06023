"""From activations to the graph of neurons that fire together."""

from __future__ import annotations

import numpy as np
import scipy
from scipy.sparse import csr_matrix

from scgsr._checks import about, instance, one_of, positive_int
from scgsr._values import standardised
from scgsr.graphs._graph import NeuronGraph
from scgsr.graphs._layout import layout

# Power of the positive part of the similarity in the "soft" kernel.
SOFT_POWER = 2
# No chosen edge weighs less, in any kernel: a weight that fades to zero would cut the graph.
WEAKEST_EDGE = 1e-3


def correlation(activations: np.ndarray) -> np.ndarray:
    """
    Correlation between neurons over cells, also where a neuron never changes.

    Parameters
    ----------
    activations
        One cell per row, (n_cells, n_neurons); at least two cells.

    Returns
    -------
    Float64 array (n_neurons, n_neurons), exactly symmetric, within [-1, 1]. The row and column of a dead (constant)
    neuron are zero, its diagonal entry included.

    Raises
    ------
    TypeError
        If `activations` is not an array.
    ValueError
        If `activations` is not two-dimensional, has fewer than two cells, or is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr.graphs import correlation
    >>> correlation(np.array([[1.0, 2.0, -1.0, 7.0], [2.0, 4.0, -2.0, 7.0]])).round(6)  # the last neuron is dead
    array([[ 1.,  1., -1.,  0.],
           [ 1.,  1., -1.,  0.],
           [-1., -1.,  1.,  0.],
           [ 0.,  0.,  0.,  0.]])
    """
    instance("activations", activations, np.ndarray)
    if activations.ndim != 2 or activations.shape[0] < 2 or activations.shape[1] == 0:
        msg = f"`activations` must have shape (n_cells, n_neurons) with at least two cells, got {activations.shape}."
        raise about("activations", ValueError(msg))
    if not np.isfinite(activations).all():
        msg = "`activations` must be finite, got NaN or infinity."
        raise about("activations", ValueError(msg))
    neurons = standardised(activations)  # those that are dead are zero
    result = neurons.T @ neurons
    result = np.clip((result + result.T) / 2, -1.0, 1.0)
    np.fill_diagonal(result, neurons.any(axis=0))
    return result


def similarity_graph(
    similarity: np.ndarray,
    *,
    kernel: str = "knn",
    n_neighbors: int = 15,
    n_modules: int | None = None,
    connected: bool = True,
) -> csr_matrix:
    """Sparse graph of the most similar neurons, connected except for dead ones.

    A neuron is connected to its `n_neighbors` most similar neurons, in either direction, if their similarity is above
    zero. The maximum spanning tree is then added, so that the graph is connected, if necessary by edges between unlike
    neurons. A neuron without any similarity to another is dead and stays isolated. Of equally similar neurons the one
    with the lower number is taken. With `n_modules` spectral clustering of the positive similarities first divides the
    neurons into that many groups, and each group gets a graph of its own.

    Parameters
    ----------
    similarity
        Symmetric, (n_neurons, n_neurons); the diagonal is ignored. For ``"adaptive"`` a correlation.
    kernel
        Weight of an edge with similarity c:

        - ``"knn"``: 1.
        - ``"adaptive"``: (exp(-d^2 / s_i^2) + exp(-d^2 / s_j^2)) / 2 with d = sqrt(2 (1 - c)) and s_i the distance from
          neuron i to its second nearest.
        - ``"soft"``: max(c, 0)^2.

        The weight is never below 0.001, so that no edge vanishes.
    n_neighbors
        Number of neighbours; where there are fewer other neurons, all of them.
    n_modules
        Number of groups without an edge between them; where there are fewer neurons, each is one. None: one.
    connected
        Add the maximum spanning tree.

    Returns
    -------
    CSR matrix (n_neurons, n_neurons) of float64: symmetric, non-negative, no self loops.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If `similarity` is not square, finite and symmetric, or above one for ``"adaptive"``; if `kernel` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr.graphs import similarity_graph
    >>> similarity = np.array([[1, 0.9, 0.2, 0], [0.9, 1, 0.5, 0], [0.2, 0.5, 1, 0], [0, 0, 0, 0]])
    >>> similarity_graph(similarity, n_neighbors=1).toarray()  # the last neuron is dead
    array([[0., 1., 0., 0.],
           [1., 0., 1., 0.],
           [0., 1., 0., 0.],
           [0., 0., 0., 0.]])
    """
    one_of("kernel", kernel, KERNELS)
    n_neighbors = positive_int("n_neighbors", n_neighbors)
    n_modules = 1 if n_modules is None else positive_int("n_modules", n_modules)
    instance("connected", connected, bool)
    similarity = _checked_similarity(similarity)
    np.fill_diagonal(similarity, 0.0)
    alive = np.flatnonzero(similarity.any(axis=1))
    if alive.size == 0:
        return csr_matrix(similarity.shape)
    weights = np.zeros_like(similarity)
    group = _groups(similarity[np.ix_(alive, alive)], n_modules)
    for neurons in (alive[group == number] for number in np.unique(group)):
        if len(neurons) > 1:
            weights[np.ix_(neurons, neurons)] = _weights(
                similarity[np.ix_(neurons, neurons)], kernel, n_neighbors, connected=connected
            )
    return csr_matrix(weights)


def coactivation(
    activations: np.ndarray,
    *,
    kernel: str = "knn",
    n_neighbors: int = 15,
    n_modules: int | None = None,
    connected: bool = True,
) -> NeuronGraph:
    """Graph of the neurons that are active in the same cells, laid out with neighbours side by side.

    Each neuron is connected to those that it correlates with most over the cells. Nodes are neurons, not cells.

    Parameters
    ----------
    activations
        One cell per row, (n_cells, n_neurons).
    kernel
        Weight of an edge, ``"knn"``, ``"adaptive"`` or ``"soft"``: see `similarity_graph`.
    n_neighbors
        Number of neighbours; where there are fewer other neurons, all of them.
    n_modules
        Number of groups without an edge between them. None: one.
    connected
        Keep each group connected by its maximum spanning tree.

    Returns
    -------
    A `NeuronGraph` named ``"coactivation"``. Dead (constant) neurons are isolated, all others connected.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If `activations` is not two-dimensional, has fewer than two cells, or is not finite; if `kernel` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr.graphs import coactivation
    >>> angle, peaks = np.linspace(0, 2 * np.pi, 200), np.arange(8) * np.pi / 4
    >>> ring = coactivation(np.cos(angle[:, None] - peaks), n_neighbors=2)  # neurons tuned to eight directions
    >>> [ring.adjacency[i, (i + 1) % 8] for i in range(8)] == [1.0] * 8
    True
    """
    adjacency = similarity_graph(
        correlation(activations), kernel=kernel, n_neighbors=n_neighbors, n_modules=n_modules, connected=connected
    )
    return NeuronGraph(adjacency, layout(adjacency), name="coactivation")


def _checked_similarity(similarity: np.ndarray) -> np.ndarray:
    """Return a float64 copy that is square, finite and symmetric."""
    instance("similarity", similarity, np.ndarray)
    if similarity.ndim != 2 or similarity.shape[0] != similarity.shape[1] or similarity.shape[0] == 0:
        msg = f"`similarity` must be square with at least one neuron, got shape {similarity.shape}."
        raise about("similarity", ValueError(msg))
    similarity = similarity.astype(np.float64)
    if not np.isfinite(similarity).all() or not np.allclose(similarity, similarity.T):
        msg = "`similarity` must be finite and symmetric, got a matrix that is not."
        raise about("similarity", ValueError(msg))
    return (similarity + similarity.T) / 2


def _weights(similarity: np.ndarray, kernel: str, n_neighbors: int, *, connected: bool) -> np.ndarray:
    """Return the adjacency of live neurons, (n, n)."""
    support = _nearest(similarity, n_neighbors)
    if connected:
        support |= _spanning_tree(similarity)
    return np.where(support, np.maximum(KERNELS[kernel](similarity), WEAKEST_EDGE), 0.0)


def _groups(similarity: np.ndarray, n_groups: int) -> np.ndarray:
    """Return the group of each live neuron, (n,)."""
    if n_groups == 1:
        return np.zeros(len(similarity), dtype=int)
    if n_groups >= len(similarity):
        return np.arange(len(similarity))
    from sklearn.cluster import SpectralClustering

    # All neurons are tied faintly, because spectral clustering needs a connected graph.
    affinity = np.maximum(similarity, 0.0) + WEAKEST_EDGE
    # The seed only starts the search for eigenvectors; their clusters follow without chance.
    clustering = SpectralClustering(n_groups, affinity="precomputed", assign_labels="cluster_qr", random_state=0)
    labels: np.ndarray = clustering.fit_predict(affinity)
    return labels


def _nearest(similarity: np.ndarray, n_neighbors: int) -> np.ndarray:
    """Return which pairs are tied, bool (n, n): one is among the other's most similar, at a positive similarity."""
    ranked = np.where(np.eye(len(similarity), dtype=bool), -np.inf, similarity)
    nearest = np.argsort(-ranked, axis=1, kind="stable")[:, :n_neighbors]
    chosen = np.zeros(similarity.shape, dtype=bool)
    np.put_along_axis(chosen, nearest, values=True, axis=1)
    return (chosen | chosen.T) & (similarity > 0)


def _spanning_tree(similarity: np.ndarray) -> np.ndarray:
    """Return the edges of the maximum spanning tree, bool (n, n)."""
    # The cost must be positive, because SciPy reads a zero as "no edge".
    cost = 1.0 + similarity.max() - similarity
    tree = scipy.sparse.csgraph.minimum_spanning_tree(cost).toarray() > 0
    return tree | tree.T


def _binary(similarity: np.ndarray) -> np.ndarray:
    return np.ones_like(similarity)


def _adaptive(similarity: np.ndarray) -> np.ndarray:
    if similarity.max() > 1.0 + 1e-9:
        msg = f"`similarity` must be at most 1 for kernel='adaptive', got {similarity.max():g}."
        raise about("similarity", ValueError(msg))
    squared = np.maximum(2.0 * (1.0 - similarity), 0.0)
    np.fill_diagonal(squared, np.inf)
    second = np.sort(squared, axis=1)[:, min(1, len(squared) - 2)]
    # Copies of a neuron are at distance zero: a tiny scale keeps their weight at one.
    decay = np.exp(-squared / np.maximum(second, 1e-12)[:, None])
    return (decay + decay.T) / 2


def _soft(similarity: np.ndarray) -> np.ndarray:
    return np.maximum(similarity, 0.0) ** SOFT_POWER


KERNELS = {"knn": _binary, "adaptive": _adaptive, "soft": _soft}
