"""Pieces of the cells: many more than there are populations, so that hardly any holds cells of two."""

from __future__ import annotations

import numpy as np

from scgsr import _random
from scgsr._modules import _valleys

# Pieces need not be the best, only small.
_ROUNDS = 25
# A piece across which there is a valley as deep as this holds two populations.
_CLEAR = 0.95
# Cells that differ by less, in units of the largest value, are the same to k-means.
_DIGITS = 6


def cut_into_pieces(points: np.ndarray, n_pieces: int, most: int, seed: int) -> np.ndarray:
    """Return the piece of each cell, (n_cells,) int, numbered from 0 on: by k-means, then halved at clear valleys.

    K-means with few centres puts small populations that lie near each other into one piece, out of which they would
    never come again. So as long as there are fewer than `most`, pieces that hold two populations are halved.

    Parameters
    ----------
    points
        Cells in the space where populations are looked for, (n_cells, n_dims).
    n_pieces
        How many before any is halved; fewer where there are fewer different cells.
    most
        More are never made.
    seed
        Seed of the first centres.
    """
    piece = _k_means(points, min(n_pieces, most), seed)
    made = int(piece.max()) + 1
    unseen = list(range(made))
    while unseen and made < most:
        cells = np.flatnonzero(piece == unseen.pop())
        if len(cells) < 2 * _valleys.FEWEST_CELLS:
            continue
        upper = _k_means(points[cells], 2, seed) == 1
        if _valleys.separation(points[cells[~upper]], points[cells[upper]]) > _CLEAR:
            unseen += [int(piece[cells[0]]), made]
            piece[cells[upper]] = made
            made += 1
    return piece


def _k_means(points: np.ndarray, n_pieces: int, seed: int) -> np.ndarray:
    """Return the piece of each cell, (n_cells,) int from 0 on."""
    from sklearn.cluster import KMeans

    # Different cells have different shadows on a random direction.
    shadow = points @ _random.generator(seed).normal(size=points.shape[1]) / (np.abs(points).max() or 1.0)
    n_pieces = min(n_pieces, len(np.unique(shadow.round(_DIGITS))))
    found = KMeans(n_pieces, n_init=1, max_iter=_ROUNDS, random_state=seed).fit(points).labels_
    return np.unique(found, return_inverse=True)[1]


def means_of(points: np.ndarray, piece: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of each piece's cells, (n_pieces, n_dims), and how many it has, (n_pieces,)."""
    n_cells = np.bincount(piece)
    order = np.argsort(piece, kind="stable")
    sums = np.add.reduceat(points[order], np.append(0, np.cumsum(n_cells)[:-1]), axis=0)
    return sums / n_cells[:, None], n_cells
