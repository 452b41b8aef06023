"""How a learned graph came to be: its estimates, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from scgsr._checks import is_whole


@dataclass(frozen=True, eq=False)
class Evolution:
    """
    The estimates of a learned graph, and the epochs in which they were made; none for a given graph.

    Parameters
    ----------
    epochs
        The epoch of each estimate, from 0.
    adjacencies
        Its weights, (n_neurons, n_neurons) each.

    Examples
    --------
    >>> from scgsr.graphs import Evolution, path, ring
    >>> evolution = Evolution().followed_by(0, path(4).adjacency).followed_by(2, ring(4).adjacency)
    >>> evolution.epochs, evolution.adjacencies[1].nnz
    ((0, 2), 8)
    """

    epochs: tuple[int, ...] = ()
    adjacencies: tuple[sparse.csr_matrix, ...] = ()

    def followed_by(self, epoch: int, adjacency: sparse.csr_matrix) -> Evolution:
        """Return these estimates and one more."""
        return Evolution((*self.epochs, epoch), (*self.adjacencies, adjacency))

    def to_dict(self, n_neurons: int) -> dict[str, Any]:
        """Return the estimates as values that files can hold: the epochs, and the adjacencies one below the other."""
        stacked = sparse.vstack([sparse.csr_matrix((0, n_neurons)), *self.adjacencies], format="csr")
        return {"epoch": np.array(self.epochs, dtype=int), "adjacency": sparse.csr_matrix(stacked)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Evolution:
        """Return the estimates that `to_dict` has turned into values."""
        epochs, given = np.asarray(stored["epoch"]), stored["adjacency"]
        if not sparse.issparse(given) or not is_whole(given):
            msg = "estimates of a learned graph are no sparse matrix with all indices inside of its shape"
            raise ValueError(msg)
        stacked = sparse.csr_matrix(given)
        n_neurons = stacked.shape[1]
        if epochs.dtype.kind not in "iu" or epochs.ndim != 1 or stacked.shape[0] != len(epochs) * n_neurons:
            msg = f"{stacked.shape} are not the estimates of {epochs.shape} epochs"
            raise ValueError(msg)
        blocks = [stacked[start : start + n_neurons] for start in range(0, len(epochs) * n_neurons, n_neurons)]
        return cls(tuple(int(epoch) for epoch in epochs), tuple(blocks))


def edge_jaccard(adjacency: sparse.csr_matrix, other_adjacency: sparse.csr_matrix) -> float:
    """Share of the edges of either graph that both have, whatever their weights.

    Parameters
    ----------
    adjacency, other_adjacency
        Weights of two graphs on the same neurons, (n_neurons, n_neurons) both.

    Returns
    -------
    A number in [0, 1]; NaN if neither has an edge.

    Examples
    --------
    >>> from scgsr.graphs import edge_jaccard, path, ring
    >>> edge_jaccard(path(4).adjacency, ring(4).adjacency)  # 3 of 4 edges
    0.75
    """
    one, two = sparse.csr_matrix(adjacency) != 0, sparse.csr_matrix(other_adjacency) != 0
    shared = one.multiply(two).nnz
    either = one.nnz + two.nnz - shared
    return shared / either if either else float("nan")
