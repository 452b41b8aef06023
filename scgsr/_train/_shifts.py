"""By how much batches shift the values of like cells: what the decoder starts from, and the neurons do not.

Two cells of different batches that are among each other's nearest neighbours in the other's batch are taken for alike.
The shifts are those that bring all such pairs closest together. A population that one batch has alone has no partner
and no say, where a difference of means would take it for a shift.

References
----------
Haghverdi, Lun, Morgan, Marioni, *Batch effects in single-cell RNA-sequencing data are corrected by matching mutual
nearest neighbors*, https://doi.org/10.1038/nbt.4091
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from scgsr.graphs import laplacian

# Neighbours of a cell in each other batch.
_NEIGHBOURS = 20
# Where clouds of cells overlap, the cells that face each other become pairs, and tell too small a shift: the search is
# repeated on cells without the shifts found so far, until they change by less than this share of what they are.
_ROUNDS, _SETTLED = 10, 0.02


def shifts_of(points: np.ndarray, codes: np.ndarray, n_batches: int) -> np.ndarray:
    """Return what each batch adds to the coordinates of its cells, (n_batches, n_dims), around a mean of 0.

    Parameters
    ----------
    points
        Cells of all batches, (n_cells, n_dims).
    codes
        The batch of each cell, (n_cells,) int. A batch without partners in others is not shifted.
    n_batches
        How many batches there are, with those of which no cell was drawn.
    """
    found = np.zeros((n_batches, points.shape[1]))
    for _ in range(_ROUNDS):
        more = _between_partners(points - found[codes], codes, n_batches)
        found += more
        if np.linalg.norm(more) <= _SETTLED * np.linalg.norm(found):
            break
    return found - found.mean(axis=0)


def _between_partners(points: np.ndarray, codes: np.ndarray, n_batches: int) -> np.ndarray:
    """Return the shifts s that bring partners closest together, (n_batches, n_dims).

    They minimise the sum over pairs (i, j) of |(x_i - s_a) - (x_j - s_b)|^2, where a and b are the batches of x_i and
    x_j: with L the Laplacian of the graph of pairs and B the batch of each cell, one-hot, B^T L B s = B^T L x.
    """
    batch = sparse.csr_matrix((np.ones(len(codes)), (np.arange(len(codes)), codes)), shape=(len(codes), n_batches))
    pairs = batch.T @ laplacian(_partners(points, codes))
    return np.linalg.pinv((pairs @ batch).toarray(), hermitian=True) @ (pairs @ points)


def _partners(points: np.ndarray, codes: np.ndarray) -> sparse.csr_matrix:
    """Return which cells of different batches are among each other's neighbours, (n_cells, n_cells) of 0 and 1."""
    from sklearn.neighbors import NearestNeighbors

    near = sparse.lil_matrix((len(points), len(points)))
    for code in np.unique(codes):
        own, others = np.flatnonzero(codes == code), np.flatnonzero(codes != code)
        if len(others):
            search = NearestNeighbors(n_neighbors=min(_NEIGHBOURS, len(own))).fit(points[own])
            near[others[:, None], own[search.kneighbors(points[others], return_distance=False)]] = 1
    near = near.tocsr()
    return near.multiply(near.T).tocsr()
