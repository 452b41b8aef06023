"""Neurons in a row: an order in which neighbours of the graph stand together, for pictures with one column each."""

from __future__ import annotations

import numpy as np
import scipy
from scipy.sparse import csr_matrix

from scgsr.graphs._laplacian import fourier_basis, laplacian

# Length of the random walks of the diffusion distance, in steps.
_WALKING_TIME = 3.0


def in_row(adjacency: csr_matrix, modules: np.ndarray) -> np.ndarray:
    """Order of the neurons in a row, with neighbours and the neurons of a module side by side.

    The order follows paths, rings and trees, a ring from its first neuron. Any other graph is ordered module by module.
    Two neurons are close if short random walks from them end at the same neurons (diffusion distance). A hierarchical
    clustering by this distance, with its leaves in optimal order, puts close neurons and close modules side by side.
    Neurons of no module come last.

    Parameters
    ----------
    adjacency
        Weights of the neuron graph, (n, n).
    modules
        Module of each neuron, int array (n,); -1 where it is in none.

    Returns
    -------
    Int array (n,), each neuron once.

    References
    ----------
    Coifman, Lafon, *Diffusion maps*, 2006, https://doi.org/10.1016/j.acha.2006.04.006; Bar-Joseph et al., *Fast optimal
    leaf ordering for hierarchical clustering*, 2001, https://doi.org/10.1093/bioinformatics/17.suppl_1.S22

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr.graphs import in_row, modules, path
    >>> in_row(path(4).permuted([2, 0, 3, 1]).adjacency, np.zeros(4, dtype=int))
    array([1, 3, 0, 2])
    >>> labels = np.array([0, 1, 0, 1, 0, 1, 0, 1])
    >>> labels[in_row(modules(2, 4).permuted([0, 4, 1, 5, 2, 6, 3, 7]).adjacency, labels)]
    array([0, 0, 0, 0, 1, 1, 1, 1])
    """
    n_components, component = scipy.sparse.csgraph.connected_components(adjacency, directed=False)
    components = [np.flatnonzero(component == number) for number in range(n_components)]
    if all(_has_at_most_one_loop(adjacency[nodes][:, nodes]) for nodes in components):
        return np.concatenate([nodes[_walk(adjacency[nodes][:, nodes])] for nodes in components])
    frequencies, basis = fourier_basis(laplacian(adjacency, "symmetric"))
    # Rounded, so that ties stay ties on every machine.
    whereabouts = (basis * np.exp(-_WALKING_TIME * frequencies) @ basis.T).round(9)
    groups = [np.flatnonzero(modules == module) for module in np.unique(modules[modules >= 0])]
    if groups:
        order = _leaves(np.stack([whereabouts[nodes].mean(axis=0) for nodes in groups]))
        groups = [groups[number] for number in order]
    row = np.empty(0, dtype=int)
    for nodes in (*groups, np.flatnonzero(modules < 0)):
        if len(nodes):
            row = np.concatenate([row, _continuing(row, nodes[_leaves(whereabouts[nodes])], whereabouts)])
    return row


def _has_at_most_one_loop(adjacency: csr_matrix) -> bool:
    """Whether a connected graph is a tree or has a single loop."""
    return bool(adjacency.nnz <= 2 * adjacency.shape[0])


def _walk(adjacency: csr_matrix) -> np.ndarray:
    """Return the nodes of a connected graph branch by branch, from an end if there is one."""
    end = int(np.diff(adjacency.indptr).argmin())
    return scipy.sparse.csgraph.depth_first_order(adjacency, end, directed=False, return_predecessors=False)


def _leaves(points: np.ndarray) -> np.ndarray:
    """Return the order of points in which close ones stand side by side."""
    if len(points) < 2:
        return np.arange(len(points))
    merges = scipy.cluster.hierarchy.linkage(points, "ward", optimal_ordering=True)
    return scipy.cluster.hierarchy.leaves_list(merges)


def _continuing(row: np.ndarray, nodes: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the nodes in the direction that continues the row."""
    if not len(row):
        return nodes
    first, last = np.linalg.norm(points[nodes[[0, -1]]] - points[row[-1]], axis=1)
    return nodes if first <= last else nodes[::-1]
