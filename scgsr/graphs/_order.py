"""Neurons in a row: an order in which neighbours of the graph stand together, for pictures with one column each."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, depth_first_order

from scgsr._laplacian import fourier_basis, laplacian, same_frequency


def in_row(adjacency: csr_matrix, modules: np.ndarray) -> np.ndarray:
    """
    Neurons in an order in which neighbours, and the neurons of a module, stand together.

    Paths, rings and trees are walked along, a ring from its first neuron. Any other graph is ordered module by module,
    inside each by the smoothest variation over the module's part of the graph (its Fiedler vector); modules follow each
    other by the smoothest variation over the whole graph, and neurons of no module come last.

    Parameters
    ----------
    adjacency
        Weights of the neuron graph, (n, n).
    modules
        Module of each neuron, int array (n,); -1 where it is in none.

    Returns
    -------
    Int array (n,), each neuron once.

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr.graphs import modules, path
    >>> from scgsr.graphs._order import in_row
    >>> in_row(path(4).permuted([2, 0, 3, 1]).adjacency, np.zeros(4, dtype=int))
    array([1, 3, 0, 2])
    >>> in_row(modules(2, 4).permuted([0, 4, 1, 5, 2, 6, 3, 7]).adjacency, np.array([0, 1, 0, 1, 0, 1, 0, 1]))
    array([0, 2, 4, 6, 1, 3, 5, 7])
    """
    whole = _along(adjacency)
    if _is_thin(adjacency):
        return whole
    rank = np.argsort(whole)
    groups = [np.flatnonzero(modules == module) for module in np.unique(modules[modules >= 0])]
    groups = [*sorted(groups, key=lambda nodes: rank[nodes].mean()), np.flatnonzero(modules < 0)]
    return np.concatenate([_like(nodes[_along(adjacency[nodes][:, nodes])], rank) for nodes in groups if len(nodes)])


def _along(adjacency: csr_matrix) -> np.ndarray:
    """Return the nodes part by part, each walked along where it is thin, else by its smoothest variation."""
    n_parts, part = connected_components(adjacency, directed=False)
    rows = []
    for nodes in (np.flatnonzero(part == each) for each in range(n_parts)):
        own = csr_matrix(adjacency[nodes][:, nodes])
        rows.append(nodes[_walk(own) if _is_thin(own) else _smoothest(own)])
    return np.concatenate(rows)


def _is_thin(adjacency: csr_matrix) -> bool:
    """Whether each connected part is a tree or has a single loop."""
    n_parts, part = connected_components(adjacency, directed=False)
    n_edges = np.bincount(part, np.diff(adjacency.indptr), minlength=n_parts) / 2
    return bool((n_edges <= np.bincount(part)).all())


def _walk(adjacency: csr_matrix) -> np.ndarray:
    """Return the nodes of a connected graph branch by branch, from an end if there is one."""
    end = int(np.diff(adjacency.indptr).argmin())
    return depth_first_order(adjacency, end, directed=False, return_predecessors=False)


def _smoothest(adjacency: csr_matrix) -> np.ndarray:
    """Return the nodes of a connected graph by its lowest frequency."""
    eigenvalues, basis = fourier_basis(laplacian(adjacency))
    # Where that frequency is repeated, as on a square, no direction is special: the one of the numbering is taken.
    lowest = basis[:, same_frequency(eigenvalues) == 1]
    return np.argsort((lowest @ (lowest.T @ np.arange(len(eigenvalues)))).round(9), kind="stable")


def _like(nodes: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Return the nodes in the direction that agrees with the ranks."""
    agrees = rank[nodes] @ (np.arange(len(nodes)) - (len(nodes) - 1) / 2) >= 0
    return nodes if agrees else nodes[::-1]
