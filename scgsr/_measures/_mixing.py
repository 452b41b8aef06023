"""Whether cells of different batches lie among each other, inside groups that all batches have."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse

# Batches are counted among so many neighbours of each cell.
_NEIGHBOURS = 30


def neighbours(pictures: np.ndarray) -> sparse.csr_matrix:
    """Return which cells are the 30 nearest of each, itself left out, (n_cells, n_cells), each with one share of 1.

    Fewer where there are no more cells.
    """
    from sklearn.neighbors import NearestNeighbors

    n_cells = len(pictures)
    n_neighbours = min(_NEIGHBOURS, n_cells - 1)
    if not n_neighbours:
        return sparse.csr_matrix((n_cells, n_cells))
    near = NearestNeighbors(n_neighbors=n_neighbours).fit(pictures).kneighbors(return_distance=False)
    shares = np.full(near.size, 1 / n_neighbours)
    return sparse.csr_matrix((shares, near.ravel(), np.arange(0, near.size + 1, n_neighbours)), (n_cells, n_cells))


def mixing(near: sparse.csr_matrix, codes: np.ndarray) -> float:
    """Return how many batches there are among the neighbours of a cell, on a scale from 0, one alone, to 1, all alike.

    It is the mean over cells of (1 / sum_b s_b^2 - 1) / (n_batches - 1), where s_b is the share of batch b among the
    neighbours: the inverse Simpson index.

    Parameters
    ----------
    near
        As :func:`neighbours` returns it.
    codes
        The batch of each cell, (n_cells,) int from 0 on; batches without cells do not count, and with one alone the
        result is NaN.

    References
    ----------
    Simpson, *Measurement of diversity*, 1949, https://doi.org/10.1038/163688a0; Korsunsky et al., *Fast, sensitive and
    accurate integration of single-cell data with Harmony*, https://doi.org/10.1038/s41592-019-0619-0
    """
    batches = np.unique(codes)
    if len(batches) < 2:
        return float("nan")
    concentration = np.zeros(len(codes))
    for code in batches:
        concentration += (near @ (codes == code).astype(np.float64)) ** 2
    return float(((1 / concentration - 1) / (len(batches) - 1)).mean())


def explained_by_batch(activations: np.ndarray, codes: np.ndarray) -> float:
    """Return the share of the variance of all neurons that lies between the means of batches; NaN if none varies.

    Parameters
    ----------
    activations
        One row per cell, (n_cells, n_neurons).
    codes
        The batch of each cell, (n_cells,) int from 0 on.
    """
    sums = np.stack([activations[codes == code].sum(axis=0, dtype=np.float64) for code in range(codes.max() + 1)])
    sizes = np.bincount(codes)[:, None]
    means = sums / np.maximum(sizes, 1)  # a sample of the cells may lack a batch
    mean = activations.mean(axis=0, dtype=np.float64)
    total = ((activations - mean) ** 2).sum()
    return float((sizes * (means - mean) ** 2).sum() / total) if total > 0 else float("nan")


def within(codes: np.ndarray, labels: np.ndarray, n: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield the batches of cells after they have changed places among cells of one label, n times, (n_cells,) each."""
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    for _ in range(n):
        moved = codes.copy()
        for cells in members:
            moved[cells] = codes[rng.permutation(cells)]
        yield moved
