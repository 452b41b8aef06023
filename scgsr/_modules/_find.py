"""Activations -> co-activation graph -> modules of neurons; activations + modules -> a label for each cell.

Leiden cuts the co-activation graph finely; then modules grow together again where no valley in the density of cells
keeps them apart. The order in which they do is kept, so that another resolution needs no data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from scgsr import _random
from scgsr._modules import _growth, _templates
from scgsr._values import slices

# leidenalg takes its seed as a C int.
_MAX_SEED = 2**31 - 1
# Leiden ends when a round gains no more than this share of all weights, or after so many rounds.
_NO_GAIN, _ROUNDS = 1e-9, 100
# Modules are found on so many cells.
_CELLS = 20_000
# Resolution of the fine cut: many more modules than populations, so that each lies in one of them.
_FINE = 30.0
# At resolution 1 two modules stay apart if the cells between them are at most this share as dense as on either side.
_VALLEY = 0.5
# Principal components in which valleys are looked for.
_COMPONENTS = 50
_BLOCK = 1 << 16


@dataclass(frozen=True, eq=False)
class ModuleTree:
    """The fine modules and the order in which they grow together."""

    fine: np.ndarray  # (n_neurons,) int, -1 for a dead neuron
    merges: np.ndarray  # (n_merges, 2) int: the two that merge; merge t makes module n_fine + t
    separations: np.ndarray  # (n_merges,) float, 0: no valley between the two, 1: no cell between them

    def cut(self, resolution: float) -> np.ndarray:
        """Return a module for each neuron, (n_neurons,): merged are those whose valley is too shallow."""
        # A merge waits for those before it, even where the merged modules are less separated than their parts were.
        heights = np.maximum.accumulate(self.separations)
        module = np.arange(self.fine.max(initial=-1) + 1)
        for made, (one, other) in enumerate(self.merges[heights <= 1 - _VALLEY * resolution], start=len(module)):
            module[(module == one) | (module == other)] = made
        _, numbers = np.unique(module, return_inverse=True)
        return np.where(self.fine >= 0, np.append(numbers, -1)[self.fine], -1)


@dataclass(frozen=True, eq=False)
class Modules:
    """A module number for each neuron, -1 for a dead one, and the templates by which cells are assigned to them."""

    labels: np.ndarray  # (n_neurons,) int
    templates: np.ndarray  # (n_neurons, n_neurons) float32, unit rows; zero for a neuron that stands for no cell
    tree: ModuleTree
    silent: int = 0  # the module of cells in which no neuron fires

    @classmethod
    def none(cls, n_neurons: int) -> Modules:
        """Return the state before clustering: no module, every neuron outside."""
        outside = np.full(n_neurons, -1)
        tree = ModuleTree(outside, np.empty((0, 2), dtype=int), np.empty(0))
        return cls(outside, np.zeros((n_neurons, n_neurons), dtype=np.float32), tree)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return what files hold beside the labels."""
        tree = {"fine": self.tree.fine, "merges": self.tree.merges, "separations": self.tree.separations}
        return {"templates": self.templates, "silent": np.array(self.silent), **tree}

    @classmethod
    def from_arrays(cls, labels: np.ndarray, arrays: dict[str, np.ndarray]) -> Modules:
        """Take out of `arrays` what lies beside the labels."""
        tree = ModuleTree(*(arrays.pop(name) for name in ("fine", "merges", "separations")))
        found = cls(labels, arrays.pop("templates"), tree, int(arrays.pop("silent")))
        n_neurons = len(labels)
        if found.templates.shape != (n_neurons, n_neurons) or tree.fine.shape != (n_neurons,):
            msg = f"templates and fine modules must be of {n_neurons} neurons, as the modules are"
            raise ValueError(msg)
        if not np.array_equal(np.unique(labels[labels >= 0]), np.arange(found.n_modules)) or labels.min(initial=0) < -1:
            msg = "modules must be numbered from 0 on, -1 for dead neurons"
            raise ValueError(msg)
        if not 0 <= found.silent <= max(0, found.n_modules - 1):
            msg = f"the module of silent cells must be one of {found.n_modules}, got {found.silent}"
            raise ValueError(msg)
        return found

    @property
    def n_modules(self) -> int:
        """How many modules there are."""
        return int(self.labels.max(initial=-1)) + 1

    def responses(self, activations: np.ndarray) -> np.ndarray:
        """Return each cell's activation along the best template of each module, (n_cells, n_modules) float32."""
        result = np.zeros((len(activations), self.n_modules), dtype=np.float32)
        owned = np.flatnonzero(self.templates.any(axis=1))
        owned = owned[np.argsort(self.labels[owned], kind="stable")]
        if not len(owned):
            return result
        first = np.searchsorted(self.labels[owned], np.arange(self.n_modules))
        for block in slices(len(activations), _BLOCK):
            match = activations[block] @ self.templates[owned].T
            result[block] = np.maximum.reduceat(match, first, axis=1)
        return result

    def leads(self, activations: np.ndarray) -> np.ndarray:
        """Return how far each module's response lies above that of its strongest rival, (n_cells, n_modules) float32.

        Only the module of a cell leads in it; the leads of all others are 0. A single module has no rival.
        """
        responses = self.responses(activations)
        if self.n_modules < 2:
            return responses
        second, best = np.partition(responses, -2, axis=1)[:, -2:].T  # (n_cells,) each
        return np.where(responses == best[:, None], (best - second)[:, None], 0)

    def assign(self, activations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the dominating module of each cell and how clearly it dominates, (best - second) / best."""
        if self.n_modules == 0:
            return np.zeros(len(activations), dtype=int), np.zeros(len(activations), dtype=np.float32)
        responses = self.responses(activations)
        best = responses.max(axis=1)
        fires = best > 0
        labels = np.where(fires, responses.argmax(axis=1), self.silent)
        second = np.partition(responses, -2, axis=1)[:, -2] if self.n_modules > 1 else np.zeros_like(best)
        confidence = np.zeros(len(responses), dtype=np.float32)
        np.divide(best - np.maximum(second, 0), best, out=confidence, where=fires)
        return labels, confidence


def find(
    activations: np.ndarray,
    training: np.ndarray,
    place: Callable[[np.ndarray], np.ndarray],
    *,
    resolution: float,
    seed: int,
) -> tuple[Modules, sparse.csr_matrix]:
    """Return the modules and the co-activation graph, (n_neurons, n_neurons): how many cells two neurons share.

    Parameters
    ----------
    activations
        All cells, (n_cells, n_neurons).
    training
        Rows of the cells that modules are found on, (n_training,) int: held-out ones must stay unseen.
    place
        From activations of some cells to a space, (n_cells, n_dims), in which valleys are looked for: that of the
        features on a common scale, up to a rotation.
    resolution
        Higher keeps more modules apart; from 2 on, all of the fine ones between which there is any valley.
    seed
        Seed of the choice of cells and of Leiden.
    """
    sample_seed, template_seed, leiden_seed, valley_seed = _random.spawn(seed, 4)
    lit = np.asarray(activations.any(axis=1))
    fires = training[lit[training]]
    if not len(fires):
        n_neurons = activations.shape[1]
        return Modules.none(n_neurons), sparse.csr_matrix((n_neurons, n_neurons))
    rows = fires
    if len(fires) > _CELLS:
        rows = np.sort(_random.generator(sample_seed).choice(fires, _CELLS, replace=False))
    shown = _templates.pictures(activations[rows])
    templates = _templates.learn(shown, _random.generator(template_seed))
    nearest = _templates.two_nearest(shown, templates)
    coactivation = _templates.between(nearest, activations.shape[1])
    fine = _fine_modules(coactivation, templates, shown, leiden_seed)
    points = _principal(place(activations[rows]), valley_seed).astype(np.float64)
    between = _between_modules(coactivation, fine)
    tree = ModuleTree(fine, *_growth.grow(points, fine[nearest[:, 0]], between, _random.generator(valley_seed)))
    return cut(tree, templates, activations, resolution=resolution), coactivation


def cut(tree: ModuleTree, templates: np.ndarray, activations: np.ndarray, *, resolution: float) -> Modules:
    """Return the modules of a tree at a resolution, numbered by how many cells each wins."""
    labels = tree.cut(resolution)
    found = Modules(labels, templates, tree)
    if found.n_modules == 0:
        return found
    cells, _ = found.assign(activations)
    rank = np.empty(found.n_modules, dtype=int)
    rank[np.argsort(-np.bincount(cells, minlength=found.n_modules), kind="stable")] = np.arange(found.n_modules)
    labels = np.where(labels >= 0, rank[labels], -1)
    return Modules(labels, templates, tree, silent=_faintest(rank[cells], activations))


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
    # Until there is no gain; asked for that, leidenalg never ends where ties make gains of rounding errors.
    for _ in range(_ROUNDS):
        if optimiser.optimise_partition(partition, n_iterations=1) <= _NO_GAIN * upper.sum():
            break
    return np.array(partition.membership)


def _fine_modules(coactivation: sparse.csr_matrix, templates: np.ndarray, shown: np.ndarray, seed: int) -> np.ndarray:
    """Return a fine module for each neuron; one that fires but stands for no cell goes where it fires most."""
    stands = np.flatnonzero(templates.any(axis=1))
    fine = np.full(len(templates), -1)
    fine[stands] = leiden(coactivation[stands][:, stands], resolution=_FINE, seed=seed)
    others = np.flatnonzero((fine < 0) & shown.any(axis=0))
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
    light = np.concatenate([np.abs(activations[block]).sum(axis=1) for block in slices(len(activations), _BLOCK)])
    total = np.bincount(labels, weights=light)
    cells = np.bincount(labels, weights=light > 0)
    return int(np.argmin(np.where(cells > 0, total / np.maximum(cells, 1), np.inf)))
