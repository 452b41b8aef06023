"""Graphs put together: separate groups, capsules, several graphs as one, any adjacency."""

from __future__ import annotations

import numpy as np
from scipy.sparse import block_diag, csr_matrix, identity, kron, sparray, spmatrix

from scgsr._checks import about, instance, log, positive_int
from scgsr.graphs._graph import NeuronGraph, check_size, checked_adjacency
from scgsr.graphs._layout import circle, layout, pack


def modules(n_modules: int, size: int) -> NeuronGraph:
    """Separate groups of neurons, all connected within a group and none between; each is drawn as a circle.

    Parameters
    ----------
    n_modules
        Number of groups.
    size
        Number of neurons of each group; group g holds neurons g * size to (g + 1) * size - 1.

    Returns
    -------
    A `NeuronGraph` named ``"modules"``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not an integer of at least 1.

    Examples
    --------
    >>> from scgsr.graphs import modules
    >>> modules(3, 5)
    NeuronGraph('modules': 15 neurons, 30 edges, 3 components)
    """
    n_modules, size = positive_int("n_modules", n_modules), positive_int("size", size)
    check_size({"n_modules": n_modules, "size": size}, n_modules * size, n_modules * size**2)
    adjacency = csr_matrix(block_diag([_clique(size)] * n_modules))
    return NeuronGraph(adjacency, pack([circle(size)] * n_modules), name="modules")


def capsules(n_capsules: int, size: int) -> NeuronGraph:
    """Capsules of neurons: neuron i of every capsule is connected to neuron i of all others.

    The penalty then makes neuron i mean the same in every capsule. Drawn as an image, neuron ``capsule * size + i`` is
    the pixel in row ``capsule`` and column i.

    Parameters
    ----------
    n_capsules
        Number of capsules, the rows of the image.
    size
        Number of neurons of each capsule.

    Returns
    -------
    A `NeuronGraph` with `image_shape`, named ``"capsules"``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not an integer of at least 1.

    Examples
    --------
    >>> from scgsr.graphs import capsules
    >>> capsules(10, 16)
    NeuronGraph('capsules': 160 neurons, 720 edges, 16 components)
    """
    n_capsules, size = positive_int("n_capsules", n_capsules), positive_int("size", size)
    check_size({"n_capsules": n_capsules, "size": size}, n_capsules * size, n_capsules**2 * size)
    row, column = np.divmod(np.arange(n_capsules * size), size)
    adjacency = csr_matrix(kron(_clique(n_capsules), identity(size)))
    return NeuronGraph(adjacency, np.column_stack([column, -row]), (n_capsules, size), name="capsules")


def disjoint(*graphs: NeuronGraph) -> NeuronGraph:
    """Several graphs as one, without edges between them, drawn side by side.

    Parameters
    ----------
    graphs
        At least one `NeuronGraph`; their neurons are numbered one graph after the other.

    Returns
    -------
    A `NeuronGraph` named ``"disjoint"``.

    Raises
    ------
    TypeError
        If an argument is not a `NeuronGraph`.
    ValueError
        If there is none.

    Examples
    --------
    >>> from scgsr.graphs import disjoint, path, ring
    >>> disjoint(ring(8), path(4))
    NeuronGraph('disjoint': 12 neurons, 11 edges, 2 components)
    """
    if not graphs:
        msg = "`graphs` must hold at least one NeuronGraph, got none."
        raise about("graphs", ValueError(msg))
    for graph in graphs:
        instance("graphs", graph, NeuronGraph)
    adjacency = csr_matrix(block_diag([graph.adjacency for graph in graphs]))
    return NeuronGraph(adjacency, pack([graph.positions for graph in graphs]), name="disjoint")


def from_adjacency(adjacency: np.ndarray | spmatrix | sparray, *, positions: np.ndarray | None = None) -> NeuronGraph:
    """Graph with your own weights: a lineage tree, a pathway, any symmetric non-negative matrix.

    Parameters
    ----------
    adjacency
        Symmetric non-negative weights, (n, n). Self loops are dropped. A disconnected graph is allowed and logged.
    positions
        Where to draw each neuron, (n, 2), y up; `None` finds positions from the edges, the same every time.

    Returns
    -------
    A `NeuronGraph` named ``"adjacency"``.

    Raises
    ------
    TypeError
        If `adjacency` is neither an array nor a sparse matrix, or does not hold real numbers.
    ValueError
        If `adjacency` is empty, not square, not finite, negative or not symmetric, or if `positions` do not fit it.

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr.graphs import from_adjacency
    >>> from_adjacency(np.array([[0, 0.5, 0], [0.5, 0, 2], [0, 2, 0]]))
    NeuronGraph('adjacency': 3 neurons, 2 edges, 1 component)
    """
    checked = checked_adjacency(adjacency)
    graph = NeuronGraph(checked, layout(checked) if positions is None else positions, name="adjacency")
    n_components, _ = graph.components
    if n_components > 1:
        log.info("the neuron graph has %d components: no edge connects them", n_components)
    return graph


def _clique(n: int) -> csr_matrix:
    """Return the adjacency of n neurons that are all tied, (n, n)."""
    return csr_matrix(np.ones((n, n)) - np.eye(n))
