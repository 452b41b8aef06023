"""The graph of neurons, as a frozen value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from scipy.sparse import csr_matrix, sparray, spmatrix

from scgsr import _device
from scgsr._checks import about, instance, is_whole, log, positive_int
from scgsr.graphs._laplacian import laplacian

# Weights that differ from their mirror by less than this share of the largest are symmetric up to float32 rounding.
_ROUNDING = 1e-6
# Sums of weights must be numbers that float32 can hold; the inverse of a weight below the least cannot be computed.
_HEAVIEST, _LIGHTEST = 1e30, float(np.finfo(np.float64).tiny)
# Bytes that a graph takes while it is made.
_PER_NEURON, _PER_EDGE = 60, 100


@dataclass(frozen=True, eq=False, repr=False)
class NeuronGraph:
    """
    A weighted graph whose nodes are the neurons of a structured layer, not cells.

    The value is frozen: it keeps its own read-only copies. Self loops are dropped, because they add nothing to a
    Laplacian; weights that are symmetric up to rounding are made exactly symmetric.

    Parameters
    ----------
    adjacency
        Symmetric non-negative weights, (n, n), dense or sparse; kept as CSR of float64 with sorted indices.
    positions
        Where to draw each neuron, (n, 2), x to the right and y up; no two neurons in one place.
    image_shape
        (height, width) if the neurons are the pixels of an image in row-major order, otherwise `None`.
    name
        What to call the graph in a title.

    Raises
    ------
    TypeError
        If an argument has the wrong type, or the weights are not real numbers.
    ValueError
        If the adjacency is empty, not square, not finite, negative or not symmetric, or if `positions` or `image_shape`
        do not fit it.

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr.graphs import NeuronGraph
    >>> graph = NeuronGraph(np.array([[0, 1], [1, 0]]), np.array([[0, 0], [1, 0]]), name="pair")
    >>> graph
    NeuronGraph('pair': 2 neurons, 1 edge, 1 component)
    >>> graph.laplacian().toarray()
    array([[ 1., -1.],
           [-1.,  1.]])
    """

    adjacency: csr_matrix
    positions: np.ndarray
    image_shape: tuple[int, int] | None = None
    name: str = "graph"

    def __post_init__(self) -> None:
        instance("name", self.name, str)
        adjacency = checked_adjacency(self.adjacency)
        n = adjacency.shape[0]
        for array in (adjacency.data, adjacency.indices, adjacency.indptr):
            array.setflags(write=False)
        object.__setattr__(self, "adjacency", adjacency)
        object.__setattr__(self, "positions", _checked_positions(self.positions, n))
        object.__setattr__(self, "image_shape", _checked_image_shape(self.image_shape, n))

    def __repr__(self) -> str:
        counts = (
            f"{count} {noun}{'' if count == 1 else 's'}"
            for count, noun in ((self.n_neurons, "neuron"), (self.n_edges, "edge"), (self.components[0], "component"))
        )
        return f"NeuronGraph({self.name!r}: {', '.join(counts)})"

    @property
    def n_neurons(self) -> int:
        """Number of nodes."""
        return int(self.adjacency.shape[0])

    @property
    def n_edges(self) -> int:
        """Number of undirected edges."""
        return int(self.adjacency.nnz // 2)

    @property
    def components(self) -> tuple[int, np.ndarray]:
        """Number of connected components, and the component of each neuron, int array (n,)."""
        n_components, labels = scipy.sparse.csgraph.connected_components(self.adjacency, directed=False)
        return int(n_components), labels

    def laplacian(self, kind: str = "combinatorial") -> csr_matrix:
        """
        Laplacian of the graph.

        Parameters
        ----------
        kind
            ``"combinatorial"`` D - A, ``"symmetric"`` I - D^-1/2 A D^-1/2, or ``"random_walk"`` I - D^-1 A.

        Returns
        -------
        CSR matrix (n, n) of float64. The row of an isolated neuron is zero.

        Examples
        --------
        >>> from scgsr.graphs import path
        >>> path(3).laplacian().toarray()
        array([[ 1., -1.,  0.],
               [-1.,  2., -1.],
               [ 0., -1.,  1.]])
        """
        return laplacian(self.adjacency, kind)

    def permuted(self, order: Sequence[int] | np.ndarray) -> NeuronGraph:
        """
        Return the same graph with its neurons renumbered; every neuron keeps its edges and its place in the drawing.

        Parameters
        ----------
        order
            Neuron ``order[i]`` becomes neuron i. Every neuron exactly once.

        Returns
        -------
        A new graph. It has no `image_shape`, unless `order` changes nothing.

        Raises
        ------
        TypeError
            If `order` does not hold integers.
        ValueError
            If `order` is not a permutation of the neurons.

        Examples
        --------
        >>> from scgsr.graphs import star
        >>> star(3).permuted([1, 0, 2]).adjacency.toarray()  # the hub is now neuron 1
        array([[0., 1., 0.],
               [1., 0., 1.],
               [0., 1., 0.]])
        """
        order = np.asarray(order)
        if order.dtype.kind not in "iu":
            msg = f"`order` must hold integers, got dtype {order.dtype}."
            raise about("order", TypeError(msg))
        identity = np.arange(self.n_neurons)
        if order.shape != identity.shape or not np.array_equal(np.sort(order), identity):
            msg = f"`order` must hold each of 0 to {self.n_neurons - 1} once, got an array of shape {order.shape}."
            raise about("order", ValueError(msg))
        image_shape = self.image_shape if np.array_equal(order, identity) else None
        return NeuronGraph(self.adjacency[order][:, order], self.positions[order], image_shape, self.name)


def check_size(sizes: Mapping[str, int], n_neurons: int, n_edges: int) -> None:
    """Raise ValueError, with the largest of the sizes, for a graph that memory does not hold, before it is made."""
    _device.check_memory(sizes, _PER_NEURON * n_neurons + _PER_EDGE * n_edges, "the neurons and their edges")


def checked_adjacency(adjacency: Any) -> csr_matrix:
    """Return a CSR float64 copy without self loops and explicit zeros, exactly symmetric."""
    instance("adjacency", adjacency, (np.ndarray, spmatrix, sparray), hint="Convert it with numpy.asarray.")
    if not isinstance(adjacency, np.ndarray) and not is_whole(adjacency):
        msg = "`adjacency` has indices outside of its shape; make the sparse matrix anew."
        raise about("adjacency", ValueError(msg))
    if adjacency.dtype.kind not in "biuf":
        msg = f"`adjacency` must hold real numbers, got dtype {adjacency.dtype}."
        raise about("adjacency", TypeError(msg))
    if adjacency.ndim != 2 or adjacency.shape[0] != adjacency.shape[1] or adjacency.shape[0] == 0:
        msg = f"`adjacency` must be square with at least one node, got shape {adjacency.shape}."
        raise about("adjacency", ValueError(msg))
    matrix = csr_matrix(adjacency, dtype=np.float64, copy=True)
    if not np.isfinite(matrix.data).all():
        msg = "`adjacency` must be finite, got NaN or infinity."
        raise about("adjacency", ValueError(msg))
    if matrix.nnz and matrix.data.min() < 0:
        msg = f"`adjacency` must not be negative, got a smallest weight of {matrix.data.min():g}."
        raise about("adjacency", ValueError(msg))
    if matrix.nnz and matrix.data.max() > _HEAVIEST:
        msg = f"`adjacency` must have weights up to {_HEAVIEST:g}, got {matrix.data.max():g}: divide it by its largest."
        raise about("adjacency", ValueError(msg))
    matrix.data[matrix.data < _LIGHTEST] = 0
    asymmetry = abs(matrix - matrix.T).max()
    if asymmetry > _ROUNDING * matrix.max():
        msg = (
            f"`adjacency` must be symmetric, got weights that differ from their mirror by up to {asymmetry:g}: "
            "pass (A + A.T) / 2 instead of A."
        )
        raise about("adjacency", ValueError(msg))
    if matrix.diagonal().any():
        log.info("self loops of the adjacency dropped: they add nothing to a Laplacian")
        matrix.setdiag(0)
    matrix = csr_matrix((matrix + matrix.T) / 2)
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return matrix


def _checked_positions(positions: Any, n: int) -> np.ndarray:
    """Return a read-only float64 copy, finite and without two neurons in one place."""
    positions = np.array(positions, dtype=np.float64)
    if positions.shape != (n, 2):
        msg = f"`positions` must have shape ({n}, 2), one row per neuron, got {positions.shape}."
        raise about("positions", ValueError(msg))
    if not np.isfinite(positions).all():
        msg = "`positions` must be finite, got NaN or infinity."
        raise about("positions", ValueError(msg))
    if len(np.unique(positions, axis=0)) < n:
        msg = f"`positions` must differ between neurons, got {n} neurons in {len(np.unique(positions, axis=0))} places."
        raise about("positions", ValueError(msg))
    positions.setflags(write=False)
    return positions


def _checked_image_shape(image_shape: Any, n: int) -> tuple[int, int] | None:
    """Return (height, width) as ints whose product is the number of neurons, or None."""
    if image_shape is None:
        return None
    instance("image_shape", image_shape, (tuple, list))
    shape = tuple(positive_int("image_shape", side) for side in image_shape)
    if len(shape) != 2 or shape[0] * shape[1] != n:
        msg = f"`image_shape` must be (height, width) with height * width = {n} neurons, got {shape}."
        raise about("image_shape", ValueError(msg))
    return shape[0], shape[1]
