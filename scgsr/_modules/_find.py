"""Activations -> co-activation graph -> modules of neurons, and from them the labels of the cells.

Leiden cuts the co-activation graph finely; then modules grow together again where no valley in the density of cells
keeps them apart. The order in which they do is kept, so that another resolution needs no data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy import sparse

from scgsr import _random
from scgsr._modules import _growth, _templates
from scgsr._modules._modules import Labels, Modules, ModuleTree
from scgsr._values import slices

# leidenalg takes its seed as a C int.
_MAX_SEED = 2**31 - 1
# Leiden ends when a round gains no more than this share of all weights, or after so many rounds.
_NO_GAIN, _LEIDEN_ROUNDS = 1e-9, 100
# Modules are found on so many cells.
_CELLS = 20_000
# Resolution of the fine cut: many more modules than populations, so that each lies in one of them.
_FINE_RESOLUTION = 30.0
# Principal components in which valleys are looked for.
_COMPONENTS = 50
_CELLS_AT_ONCE = 1 << 16


class Cut(NamedTuple):
    """The modules at one resolution, and the labels that they give."""

    modules: Modules
    labels: Labels


def find(
    activations: np.ndarray,
    training: np.ndarray,
    coordinates: Callable[[np.ndarray], np.ndarray],
    *,
    resolution: float,
    seed: int,
) -> tuple[Cut, sparse.csr_matrix]:
    """Return modules with labels, and the co-activation graph: how many cells two neurons share.

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
        Higher keeps more modules apart; from 2 on, all of the fine ones between which there is any valley.
    seed
        Seed of the choice of cells and of Leiden.

    Returns
    -------
    The cut, and the co-activation graph, (n_neurons, n_neurons).
    """
    sample_seed, template_seed, leiden_seed, valley_seed = _random.spawn(seed, 4)
    lit = np.asarray(activations.any(axis=1))
    lit_rows = training[lit[training]]
    if not len(lit_rows):
        n_neurons = activations.shape[1]
        modules = Modules.none(n_neurons)
        return Cut(modules, modules.assign(activations)), sparse.csr_matrix((n_neurons, n_neurons))
    rows = lit_rows
    if len(rows) > _CELLS:
        rows = np.sort(_random.generator(sample_seed).choice(rows, _CELLS, replace=False))
    pictures = _templates.pictures(activations[rows])
    templates = _templates.learn(pictures, _random.generator(template_seed))
    nearest = _templates.two_nearest(pictures, templates)
    coactivation = _templates.between(nearest, activations.shape[1])
    fine = _fine_modules(coactivation, templates, pictures, leiden_seed)
    points = _principal(coordinates(activations[rows]), valley_seed).astype(np.float64)
    between = _between_modules(coactivation, fine)
    tree = ModuleTree(fine, *_growth.grow(points, fine[nearest[:, 0]], between, _random.generator(valley_seed)))
    return cut(tree, templates, activations, resolution=resolution), coactivation


def cut(tree: ModuleTree, templates: np.ndarray, activations: np.ndarray, *, resolution: float) -> Cut:
    """Return the modules of a tree at a resolution, numbered by how many cells each wins, and the labels they give."""
    unranked = Modules(tree.cut(resolution), templates, tree)
    responses = unranked.responses(activations)  # (n_cells, n_modules)
    if unranked.n_modules == 0:
        return Cut(unranked, unranked.labels_from(responses))
    silent = _faintest(unranked.winners(responses), activations)
    winners = replace(unranked, silent=silent).winners(responses)
    by_cells = np.argsort(-np.bincount(winners, minlength=unranked.n_modules), kind="stable")
    rank = np.argsort(by_cells)
    numbers = np.where(unranked.labels >= 0, rank[unranked.labels], -1)
    modules = Modules(numbers, templates, tree, silent=int(rank[silent]))
    return Cut(modules, modules.labels_from(responses[:, by_cells]))


def leiden(adjacency: sparse.csr_matrix, *, resolution: float, seed: int) -> np.ndarray:
    """Return a community for each node of a weighted graph, (n_nodes,), by Leiden on modularity.

    References
    ----------
    Traag, Waltman, van Eck, *From Louvain to Leiden*, https://doi.org/10.1038/s41598-019-41695-z
    """
    import igraph
    import leidenalg

    upper = sparse.triu(adjacency, k=1).tocoo()
    graph = igraph.Graph(n=adjacency.shape[0], edges=np.column_stack([upper.row, upper.col]))
    partition = leidenalg.RBConfigurationVertexPartition(
        graph, weights=upper.data.astype(float).tolist(), resolution_parameter=resolution
    )
    optimiser = leidenalg.Optimiser()
    optimiser.set_rng_seed(seed % _MAX_SEED)
    # Stop at the first round without gain: left to itself, leidenalg runs forever where ties gain rounding errors.
    for _ in range(_LEIDEN_ROUNDS):
        if optimiser.optimise_partition(partition, n_iterations=1) <= _NO_GAIN * upper.sum():
            break
    return np.array(partition.membership)


def _fine_modules(
    coactivation: sparse.csr_matrix, templates: np.ndarray, pictures: np.ndarray, seed: int
) -> np.ndarray:
    """Return a fine module for each neuron; one that fires but stands for no cell goes where it fires most."""
    stands = np.flatnonzero(templates.any(axis=1))
    fine = np.full(len(templates), -1)
    fine[stands] = leiden(coactivation[stands][:, stands], resolution=_FINE_RESOLUTION, seed=seed)
    others = np.flatnonzero((fine < 0) & pictures.any(axis=0))
    fine[others] = fine[stands[np.abs(templates[np.ix_(stands, others)]).argmax(axis=0)]]
    return fine


def _between_modules(coactivation: sparse.csr_matrix, fine: np.ndarray) -> np.ndarray:
    """Return how many cells lie between two fine modules, (n_fine, n_fine)."""
    neurons = np.flatnonzero(fine >= 0)
    member = sparse.csr_matrix((np.ones(len(neurons)), (neurons, fine[neurons])), shape=(len(fine), fine.max() + 1))
    return (member.T @ coactivation @ member).toarray()


def _principal(features: np.ndarray, seed: int) -> np.ndarray:
    """Return the features, or their first principal components where there are more."""
    if features.shape[1] <= _COMPONENTS or len(features) < 2:
        return features
    from sklearn.decomposition import PCA

    return PCA(min(_COMPONENTS, len(features)), svd_solver="randomized", random_state=seed % 2**32).fit_transform(
        features
    )


def _faintest(labels: np.ndarray, activations: np.ndarray) -> int:
    """Return the module nearest to silence: the one whose cells are lit least."""
    light = np.concatenate(
        [np.abs(activations[block]).sum(axis=1) for block in slices(len(activations), _CELLS_AT_ONCE)]
    )
    total = np.bincount(labels, weights=light)
    cells = np.bincount(labels, weights=light > 0)
    return int(np.argmin(np.where(cells > 0, total / np.maximum(cells, 1), np.inf)))
