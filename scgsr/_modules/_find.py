"""Activations -> pieces of cells -> modules that many searches agree on -> modules of neurons and labels of cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy import sparse

from scgsr import _device, _random
from scgsr._modules import _consensus, _pieces, _templates
from scgsr._modules._modules import Labels, Modules
from scgsr._values import slices

# Modules are found on so many cells.
_CELLS = 20_000
# A piece has about so many of them; at least so many pieces are made.
_CELLS_PER_PIECE, _FEWEST_PIECES = 40, 20
# Principal components in which valleys are looked for.
_COMPONENTS = 50
_CELLS_AT_ONCE = 1 << 16
# The modules follow from the fit: another draw of cells and centres is no other result.
_SEED = 0


class Cut(NamedTuple):
    """Modules, and the labels that they give."""

    modules: Modules
    labels: Labels


@_device.in_one_thread()
def find(
    activations: np.ndarray,
    training: np.ndarray,
    coordinates: Callable[[np.ndarray], np.ndarray],
    *,
    resolution: float,
    features: bool,
) -> tuple[Cut, sparse.csr_matrix]:
    """Return modules with labels, and the co-activation graph: how many cells activate two neurons most.

    The same activations give the same modules.

    Parameters
    ----------
    activations
        All cells, (n_cells, n_neurons).
    training
        Rows of the cells that modules are found on, (n_training,) int: held-out ones must stay unseen.
    coordinates
        From activations of some cells to a space, (n_cells, n_dims), in which valleys are looked for: that of the
        features on a common scale, up to a rotation.
    resolution
        Higher keeps more modules apart, see :meth:`ModuleTree.cut_at`.
    features
        Whether the coordinates are the features themselves, not rotated.

    Returns
    -------
    The cut, and the co-activation graph, (n_neurons, n_neurons).
    """
    lit_rows = training[np.asarray(activations.any(axis=1))[training]]
    n_neurons = activations.shape[1]
    if not len(lit_rows):
        modules = Modules.none(n_neurons)
        return Cut(modules, modules.assign(activations)), sparse.csr_matrix((n_neurons, n_neurons))
    rows = lit_rows
    if len(rows) > _CELLS:
        rows = np.sort(_random.generator(_SEED).choice(rows, _CELLS, replace=False))
    points = coordinates(activations[rows]).astype(np.float64)
    few = points.shape[1] <= _COMPONENTS or len(points) < 2
    points = points if few else _principal(points)
    pictures = _templates.pictures(activations[rows])
    n_pieces = max(len(rows) // _CELLS_PER_PIECE, _FEWEST_PIECES)
    templates = _templates.mean_pictures(pictures, _pieces.cut_into_pieces(points, n_pieces, n_neurons, _SEED))
    # A piece is what its template knows again: cells are labelled by templates.
    won, piece = np.unique((pictures @ templates.T).argmax(axis=1), return_inverse=True)
    tree = _consensus.agree(points, piece, n_neurons, features=features and few, seed=_SEED)
    modules = Modules.of(tree, templates[won], np.bincount(piece), tree.cut_at(resolution))
    return ranked(modules, activations), _templates.coactivation(pictures)


def recut(modules: Modules, pieces: np.ndarray, activations: np.ndarray) -> Cut:
    """Return the modules that another cut of the tree gives, and the labels of the cells.

    Parameters
    ----------
    modules
        Those of a fit.
    pieces
        The module of each piece, (n_pieces,) int from 0 on, from a cut of the tree.
    activations
        Cells, (n_cells, n_neurons).
    """
    return ranked(Modules.of(modules.tree, modules.templates, modules.n_cells, pieces), activations)


def ranked(unranked: Modules, activations: np.ndarray) -> Cut:
    """Return the modules numbered by how many cells each wins, and the labels they give."""
    winners = unranked.winners(activations)
    if unranked.n_modules == 0:
        return Cut(unranked, unranked.labels_of(winners, activations))
    silent = _faintest(winners, activations, unranked.n_modules)
    n_cells = np.bincount(np.where(winners < 0, silent, winners), minlength=unranked.n_modules)
    rank = np.argsort(np.argsort(-n_cells, kind="stable"))
    labels = np.where(unranked.labels >= 0, rank[unranked.labels], -1)
    modules = replace(unranked, labels=labels, pieces=rank[unranked.pieces], silent=int(rank[silent]))
    return Cut(modules, modules.labels_of(np.where(winners < 0, -1, rank[winners]).astype(winners.dtype), activations))


def _principal(points: np.ndarray) -> np.ndarray:
    """Return the first principal components."""
    from sklearn.decomposition import PCA

    n_components = min(_COMPONENTS, len(points))
    return PCA(n_components, svd_solver="randomized", random_state=_SEED).fit_transform(points)


def _faintest(winners: np.ndarray, activations: np.ndarray, n_modules: int) -> int:
    """Return the module nearest to silence: the one whose cells, (n_cells,) int, -1 for none, are least active."""
    total, cells = np.zeros((2, n_modules))
    for block in slices(len(activations), _CELLS_AT_ONCE):
        light, won = np.abs(activations[block]).sum(axis=1), winners[block]
        lit = (won >= 0) & (light > 0)
        total += np.bincount(won[lit], weights=light[lit], minlength=n_modules)
        cells += np.bincount(won[lit], minlength=n_modules)
    return int(np.argmin(np.where(cells > 0, total / np.maximum(cells, 1), np.inf)))
