"""What each neuron stands for: the mean picture of the cells that are more like it than like any other.

A picture is a cell's activations at unit norm. Many neurons fire in one cell, and a neuron fires in many kinds of
cells; the *pattern* tells the kinds apart. Templates are therefore compared with whole pictures: spherical k-means,
started from the neuron that each cell lights most, so that template j belongs to neuron j.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

_ROUNDS = 8
# A mean misfit, one minus the cosine, below this is rounding.
_MISFIT = 1e-6


def pictures(activations: np.ndarray) -> np.ndarray:
    """Return each cell's activations at unit norm, (n_cells, n_neurons) float32; a silent cell stays zero."""
    norm = np.linalg.norm(activations, axis=1, keepdims=True)
    return np.divide(activations, norm, out=np.zeros(activations.shape, dtype=np.float32), where=norm > 0)


def learn(lit_pictures: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the neurons' templates, (n_neurons, n_neurons) float32, rows of unit norm; zero where no cell is left.

    Parameters
    ----------
    lit_pictures
        Pictures of cells that fire, (n_cells, n_neurons).
    rng
        Chooses the cells that neurons without any adopt.
    """
    nearest = lit_pictures.argmax(axis=1)
    templates = _improved(_means(lit_pictures, nearest), nearest, lit_pictures, rng)
    for _ in range(_ROUNDS - 1):
        match, alive = _matches(lit_pictures, templates)
        templates = _improved(templates, alive[match.argmax(axis=1)], lit_pictures, rng)
    return templates


def _improved(
    templates: np.ndarray, nearest: np.ndarray, lit_pictures: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return the templates of the cells that are nearest to each, where those without any have adopted one."""
    match = np.einsum("cn,cn->c", lit_pictures, templates[nearest])
    return _means(lit_pictures, _adopted(nearest, match, lit_pictures, rng))


def _means(lit_pictures: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Return the mean picture, at unit norm, of the cells that each neuron owns, (n_neurons, n_neurons)."""
    n_cells, n_neurons = lit_pictures.shape
    one_hot = (np.ones(n_cells, dtype=np.float32), (owner, np.arange(n_cells)))
    return pictures(sparse.csr_matrix(one_hot, shape=(n_neurons, n_cells)) @ lit_pictures)


def _adopted(nearest: np.ndarray, match: np.ndarray, lit_pictures: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the owner of each cell, (n_cells,), after each neuron without cells has adopted one it fires in.

    Cells that match their template badly are adopted more often: where two populations share their brightest neuron,
    one of them would stay without a template of its own.
    """
    without = np.setdiff1d(np.flatnonzero(lit_pictures.any(axis=0)), nearest)
    misfit = np.maximum(1 - match, 0)
    owner = nearest.copy()
    for neuron in rng.permutation(without):
        weight = np.cumsum(misfit * (lit_pictures[:, neuron] > 0))
        if weight[-1] > _MISFIT * len(lit_pictures):
            owner[np.searchsorted(weight, rng.random() * weight[-1])] = neuron
    return owner


def two_nearest(lit_pictures: np.ndarray, templates: np.ndarray) -> np.ndarray:
    """Return the neurons with the best and the second best template for each cell, (n_cells, 2).

    Of equal templates the first neuron's is the better. With a single template the second is the first again.
    """
    match, alive = _matches(lit_pictures, templates)
    best = match.argmax(axis=1)
    if len(alive) > 1:
        np.put_along_axis(match, best[:, None], -np.inf, axis=1)
    return alive[np.column_stack([best, match.argmax(axis=1)])]


def _matches(lit_pictures: np.ndarray, templates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the cosine of each cell to each template but zero ones, (n_cells, n_alive), and the neurons of these."""
    alive = np.flatnonzero(templates.any(axis=1))
    return lit_pictures @ templates[alive].T, alive


def between(nearest: np.ndarray, n_neurons: int) -> sparse.csr_matrix:
    """Return how many cells lie between two neurons' templates, (n_neurons, n_neurons), symmetric.

    A cell lies between the neurons with its best and its second best template: the connectivity of self-organising
    maps by Tasdemir and Merenyi, https://doi.org/10.1109/TNN.2008.2005409
    """
    counts = sparse.coo_matrix((np.ones(len(nearest)), nearest.T), shape=(n_neurons, n_neurons)).tocsr()
    counts = counts + counts.T
    return sparse.csr_matrix(counts - sparse.diags(counts.diagonal()))
