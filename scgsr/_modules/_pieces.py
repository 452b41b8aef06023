"""Pieces of the cells: many more than there are populations, so that hardly any holds cells of two."""

from __future__ import annotations

import numpy as np

# Pieces need not be the best, only small.
_ROUNDS = 25


def cut_into_pieces(points: np.ndarray, n_pieces: int, seed: int) -> np.ndarray:
    """Return the piece of each cell, (n_cells,) int, numbered from 0 on, by k-means.

    Parameters
    ----------
    points
        Cells in the space where populations are looked for, (n_cells, n_dims).
    n_pieces
        How many; fewer come out where there are fewer different cells.
    seed
        Seed of the first centres.
    """
    from sklearn.cluster import KMeans

    # Different cells have different shadows on a random direction.
    shadow = points @ np.random.default_rng(seed).normal(size=points.shape[1])
    n_pieces = min(n_pieces, len(np.unique(shadow)))
    found = KMeans(n_pieces, n_init=1, max_iter=_ROUNDS, random_state=seed).fit(points).labels_
    return np.unique(found, return_inverse=True)[1]


def means_of(points: np.ndarray, piece: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of each piece's cells, (n_pieces, n_dims), and how many it has, (n_pieces,)."""
    n_cells = np.bincount(piece)
    order = np.argsort(piece, kind="stable")
    sums = np.add.reduceat(points[order], np.append(0, np.cumsum(n_cells)[:-1]), axis=0)
    return sums / n_cells[:, None], n_cells
