"""Whether two fits of the same cells draw the same pictures, once one sheet of neurons is laid on the other."""

from __future__ import annotations

import numpy as np

from scgsr._measures._agreement import match_neurons
from scgsr._values import standardised
from scgsr.graphs import NeuronGraph


def sameness(activations: np.ndarray, other_activations: np.ndarray, graph: NeuronGraph) -> np.ndarray:
    """
    Return the correlation of each neuron with the one of another fit that comes to lie on it, (n_neurons,).

    A sheet is turned and mirrored as a whole, as it is most like: what lies side by side stays so. On other graphs
    neurons are matched one by one, which tells whether they stand for the same cells and not where they lie.

    Parameters
    ----------
    activations, other_activations
        Two fits of the same cells, (n_cells, n_neurons) both.
    graph
        That of both fits.

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr._measures import sameness
    >>> from scgsr.graphs import grid
    >>> pictures = np.eye(6)
    >>> mirrored = pictures[:, [2, 1, 0, 5, 4, 3]]
    >>> sameness(pictures, mirrored, grid(2, 3)).round(6)
    array([1., 1., 1., 1., 1., 1.])
    """
    if graph.name == "grid" and graph.image_shape is not None:
        correlation = standardised(activations).T @ standardised(other_activations)
        each = correlation[np.arange(graph.n_neurons), symmetries(*graph.image_shape)]
        return each[each.sum(axis=1).argmax()]
    match = match_neurons(activations, other_activations)
    return np.einsum("cn,cn->n", standardised(activations), standardised(other_activations[:, match]))


def symmetries(height: int, width: int) -> np.ndarray:
    """Return the turns and mirror images of a sheet of neurons, (8, n_neurons) if it is square, else (4, n_neurons).

    Each is given as the neuron that comes to lie on each place; neurons are numbered row by row.
    """
    sheet = np.arange(height * width).reshape(height, width)
    laid = [sheet, sheet.T] if height == width else [sheet]
    return np.array([way.ravel() for s in laid for way in (s, s[::-1], s[:, ::-1], s[::-1, ::-1])])
