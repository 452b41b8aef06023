"""Pictures of cells, the mean pictures of pieces, by which cells are known again, and the co-activation of neurons."""

from __future__ import annotations

import numpy as np
from scipy import sparse


def pictures(activations: np.ndarray) -> np.ndarray:
    """Return each cell's activations at unit norm, (n_cells, n_neurons) float32; a silent cell stays zero."""
    norm = np.linalg.norm(activations, axis=1, keepdims=True)
    return np.divide(activations, norm, out=np.zeros(activations.shape, dtype=np.float32), where=norm > 0)


def mean_pictures(lit_pictures: np.ndarray, piece: np.ndarray) -> np.ndarray:
    """Return the mean picture of each piece's cells, at unit norm, (n_pieces, n_neurons) float32."""
    n_cells = len(piece)
    one_hot = (np.ones(n_cells, dtype=np.float32), (piece, np.arange(n_cells)))
    return pictures(sparse.csr_matrix(one_hot, shape=(piece.max() + 1, n_cells)) @ lit_pictures)


def coactivation(lit_pictures: np.ndarray) -> sparse.csr_matrix:
    """Return how many cells activate two neurons more than all others, (n_neurons, n_neurons), symmetric.

    It is the connectivity of self-organising maps by Tasdemir and Merenyi, https://doi.org/10.1109/TNN.2008.2005409,
    with neurons for prototypes.
    """
    n_neurons = lit_pictures.shape[1]
    if n_neurons < 2:
        return sparse.csr_matrix((n_neurons, n_neurons))
    light = np.abs(lit_pictures)
    brightest = np.argpartition(light, -2, axis=1)[:, -2:]
    both = np.take_along_axis(light, brightest, axis=1).all(axis=1)  # a cell may activate a single neuron
    pairs = brightest[both].T
    counts = sparse.coo_matrix((np.ones(pairs.shape[1]), pairs), shape=(n_neurons, n_neurons)).tocsr()
    return counts + counts.T
