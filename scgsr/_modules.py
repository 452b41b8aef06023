"""Co-activation graph -> modules of neurons; activations + modules -> a label and a confidence for each cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

# leidenalg takes its seed as a C int.
_MAX_SEED = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Modules:
    """A module number for each neuron, -1 for a dead one; `silent` labels cells in which no neuron fires."""

    labels: np.ndarray  # (n_neurons,) int
    silent: int = 0

    @classmethod
    def none(cls, n_neurons: int) -> Modules:
        """Return the state before clustering: no module, every neuron outside."""
        return cls(np.full(n_neurons, -1))

    @property
    def n_modules(self) -> int:
        """How many modules there are."""
        return int(self.labels.max(initial=-1)) + 1

    def shares(self, activations: np.ndarray) -> np.ndarray:
        """Return each module's summed activation per cell: (n_cells, n_neurons) -> (n_cells, n_modules)."""
        alive = self.labels >= 0
        member = sparse.csr_matrix(
            (np.ones(alive.sum(), dtype=np.float32), (np.flatnonzero(alive), self.labels[alive])),
            shape=(len(self.labels), self.n_modules),
        )
        return np.abs(activations) @ member

    def assign(self, activations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the dominating module of each cell and how clearly it dominates, (best - second) / best."""
        if self.n_modules == 0:
            return np.zeros(len(activations), dtype=int), np.zeros(len(activations), dtype=np.float32)
        shares = self.shares(activations)
        best = shares.max(axis=1)
        fires = best > 0
        labels = np.where(fires, shares.argmax(axis=1), self.silent)
        second = np.partition(shares, -2, axis=1)[:, -2] if self.n_modules > 1 else np.zeros_like(best)
        confidence = np.zeros(len(shares), dtype=np.float32)
        np.divide(best - second, best, out=confidence, where=fires)
        return labels, confidence


def find(coactivation: sparse.csr_matrix, activations: np.ndarray, *, resolution: float, seed: int) -> Modules:
    """Cluster the neurons by Leiden on their co-activation graph, numbered by how many cells each module wins.

    A neuron without edges never fires: it is dead, -1. Only where no neuron has an edge, each that fires is a module.
    """
    alive = np.flatnonzero(coactivation.sum(axis=1))
    if not len(alive):
        alive = np.flatnonzero((activations != 0).any(axis=0))
    labels = np.full(activations.shape[1], -1)
    if not len(alive):
        return Modules(labels)
    labels[alive] = leiden(coactivation[alive][:, alive], resolution=resolution, seed=seed)
    silent = _faintest(Modules(labels), activations)
    found = Modules(labels, silent)
    won = np.bincount(found.assign(activations)[0], minlength=found.n_modules)
    rank = np.empty(found.n_modules, dtype=int)
    rank[np.argsort(-won, kind="stable")] = np.arange(found.n_modules)
    return Modules(np.where(labels >= 0, rank[labels], -1), int(rank[silent]))


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
    partition = leidenalg.find_partition(
        graph,
        leidenalg.RBConfigurationVertexPartition,
        weights=upper.data.astype(float).tolist(),
        resolution_parameter=resolution,
        n_iterations=-1,
        seed=seed % _MAX_SEED,
    )
    return np.array(partition.membership)


def _faintest(modules: Modules, activations: np.ndarray) -> int:
    """Return the module nearest to silence: the one whose cells are lit least."""
    labels, _ = modules.assign(activations)
    fires = (activations != 0).any(axis=1)
    total = np.bincount(labels[fires], weights=np.abs(activations[fires]).sum(axis=1), minlength=modules.n_modules)
    cells = np.bincount(labels[fires], minlength=modules.n_modules)
    if not cells.any():
        return 0
    return int(np.argmin(np.where(cells > 0, total / np.maximum(cells, 1), np.inf)))
