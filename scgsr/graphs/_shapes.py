"""Graphs of one shape, one function each. Neighbours are drawn about one unit apart."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from scgsr._checks import positive_int
from scgsr.graphs._graph import NeuronGraph, check_size
from scgsr.graphs._layout import circle, on_circle


def grid(height: int, width: int | None = None, *, diagonal: bool = False, periodic: bool = False) -> NeuronGraph:
    """Sheet of neurons, each connected to those beside, above and below it; drawn as an image.

    Neuron ``row * width + column`` is the pixel of that row and column, row 0 at the top.

    Parameters
    ----------
    height
        Number of rows.
    width
        Number of columns; `None` is as many as rows.
    diagonal
        Also connect the four diagonal neighbours.
    periodic
        Also connect the last row to the first and the last column to the first: a torus, which has no rim.

    Returns
    -------
    A `NeuronGraph` of height * width neurons with `image_shape`, named ``"grid"`` or ``"torus"``.

    Raises
    ------
    TypeError, ValueError
        If a side is not an integer of at least 1.

    Examples
    --------
    >>> from scgsr.graphs import grid
    >>> grid(3, 4)
    NeuronGraph('grid': 12 neurons, 17 edges, 1 component)
    >>> grid(3, 4, periodic=True)
    NeuronGraph('torus': 12 neurons, 24 edges, 1 component)
    """
    height = positive_int("height", height)
    width = height if width is None else positive_int("width", width)
    check_size({"height": height, "width": width}, height * width, (4 if diagonal else 2) * height * width)
    row, column = np.divmod(np.arange(height * width), width)
    steps = [(0, 1), (1, 0), *([(1, 1), (1, -1)] if diagonal else [])]
    sources, targets = [], []
    for down, right in steps:
        to_row, to_column = row + down, column + right
        if periodic:
            to_row, to_column = to_row % height, to_column % width
        inside = (to_row < height) & (to_column >= 0) & (to_column < width)
        sources.append(np.flatnonzero(inside))
        targets.append((to_row * width + to_column)[inside])
    adjacency = _adjacency(height * width, np.concatenate(sources), np.concatenate(targets))
    name = "torus" if periodic else "grid"
    return NeuronGraph(adjacency, np.column_stack([column, -row]), (height, width), name)


def ring(n: int) -> NeuronGraph:
    """Ring of neurons, each connected to the next, drawn clockwise from the top: for cycles and angles.

    Parameters
    ----------
    n
        Number of neurons, at least 3.

    Returns
    -------
    A `NeuronGraph` named ``"ring"``.

    Raises
    ------
    TypeError, ValueError
        If `n` is not an integer of at least 3.

    Examples
    --------
    >>> from scgsr.graphs import ring
    >>> ring(20)
    NeuronGraph('ring': 20 neurons, 20 edges, 1 component)
    """
    n = positive_int("n", n, minimum=3)
    check_size({"n": n}, n, n)
    node = np.arange(n)
    return NeuronGraph(_adjacency(n, node, (node + 1) % n), circle(n), name="ring")


def path(n: int) -> NeuronGraph:
    """Row of neurons from left to right, each connected to the next: for one trajectory.

    Parameters
    ----------
    n
        Number of neurons.

    Returns
    -------
    A `NeuronGraph` named ``"path"``.

    Raises
    ------
    TypeError, ValueError
        If `n` is not an integer of at least 1.

    Examples
    --------
    >>> from scgsr.graphs import path
    >>> path(10)
    NeuronGraph('path': 10 neurons, 9 edges, 1 component)
    """
    n = positive_int("n", n)
    check_size({"n": n}, n, n)
    node = np.arange(n)
    return NeuronGraph(_adjacency(n, node[:-1], node[1:]), np.column_stack([node, 0 * node]), name="path")


def star(n: int) -> NeuronGraph:
    """Hub, which is neuron 0, connected to n - 1 spokes on a circle around it.

    Parameters
    ----------
    n
        Number of neurons with the hub, at least 2.

    Returns
    -------
    A `NeuronGraph` named ``"star"``.

    Raises
    ------
    TypeError, ValueError
        If `n` is not an integer of at least 2.

    Examples
    --------
    >>> from scgsr.graphs import star
    >>> star(6)
    NeuronGraph('star': 6 neurons, 5 edges, 1 component)
    """
    n = positive_int("n", n, minimum=2)
    check_size({"n": n}, n, n)
    spokes = np.arange(1, n)
    positions = np.vstack([np.zeros(2), circle(n - 1, radius=1.0)])
    return NeuronGraph(_adjacency(n, 0 * spokes, spokes), positions, name="star")


def tree(depth: int, *, branching: int = 2) -> NeuronGraph:
    """Complete tree. The root, neuron 0, is drawn in the middle and each generation on a circle around it.

    Neurons are numbered generation by generation: the parent of neuron k is ``(k - 1) // branching``.

    Parameters
    ----------
    depth
        Number of generations below the root, which is the number of edges from the root to a leaf.
    branching
        Number of children of every neuron that is not a leaf, at least 2.

    Returns
    -------
    A `NeuronGraph` of 1 + branching + ... + branching^depth neurons, named ``"tree"``.

    Raises
    ------
    TypeError, ValueError
        If `depth` is not an integer of at least 1 or `branching` not one of at least 2.

    Examples
    --------
    >>> from scgsr.graphs import tree
    >>> tree(3)
    NeuronGraph('tree': 15 neurons, 14 edges, 1 component)
    """
    depth = positive_int("depth", depth, minimum=1)
    branching = positive_int("branching", branching, minimum=2)
    least = branching ** min(depth, 64)  # more than any memory holds, where it is not the size of the last generation
    check_size({"depth": depth, "branching": branching}, least, least)
    sizes = [branching**level for level in range(depth + 1)]
    child = np.arange(1, sum(sizes))
    # Half a step aside, a generation is centred on the one above it.
    levels = [on_circle((np.arange(size) + 0.5) / size, level) for level, size in enumerate(sizes)]
    return NeuronGraph(_adjacency(sum(sizes), (child - 1) // branching, child), np.concatenate(levels), name="tree")


def wishbone(n_stem: int, n_branch: int, *, n_branches: int = 2) -> NeuronGraph:
    """
    Path that splits, drawn like a Y: for a trajectory that branches.

    Neurons 0 to n_stem - 1 are the stem from the bottom up. The branches follow from left to right, each numbered away
    from the stem.

    Parameters
    ----------
    n_stem
        Number of neurons of the stem.
    n_branch
        Number of neurons of each branch.
    n_branches
        Number of branches.

    Returns
    -------
    A `NeuronGraph` of n_stem + n_branches * n_branch neurons, named ``"wishbone"``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not an integer of at least 1.

    Examples
    --------
    >>> from scgsr.graphs import wishbone
    >>> wishbone(5, 4)
    NeuronGraph('wishbone': 13 neurons, 12 edges, 1 component)
    """
    n_stem, n_branch = positive_int("n_stem", n_stem), positive_int("n_branch", n_branch)
    n_branches = positive_int("n_branches", n_branches)
    n = n_stem + n_branches * n_branch
    check_size({"n_stem": n_stem, "n_branch": n_branch, "n_branches": n_branches}, n, n)
    child = np.arange(1, n)
    first_of_branch = (child >= n_stem) & ((child - n_stem) % n_branch == 0)
    stem = np.column_stack([np.zeros(n_stem), np.arange(1 - n_stem, 1)])
    # Turns from straight up: 70 degrees between branches, unless a fan of two thirds of a circle must hold them all.
    spread = min(70 * (n_branches - 1), 240) / 360
    branches = [
        np.arange(1, n_branch + 1)[:, None] * on_circle(np.array([turn]), 1.0)
        for turn in np.linspace(-spread / 2, spread / 2, n_branches)
    ]
    adjacency = _adjacency(n, np.where(first_of_branch, n_stem - 1, child - 1), child)
    return NeuronGraph(adjacency, np.concatenate([stem, *branches]), name="wishbone")


def _adjacency(n: int, sources: np.ndarray, targets: np.ndarray) -> csr_matrix:
    """Return an adjacency of weights 1, however often an edge is listed; a neuron is never tied to itself."""
    kept = sources != targets
    edges = csr_matrix((np.ones(kept.sum()), (sources[kept], targets[kept])), shape=(n, n))
    return ((edges + edges.T) > 0).astype(np.float64)
