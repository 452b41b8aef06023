"""Learns the neuron graph during training: re-estimates it from co-activations, by the recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from scipy import sparse

from scgsr._evolution import Evolution
from scgsr.graphs import LearnedGraph, NeuronGraph, correlation, similarity_graph

# Weight of the newest estimate in the running average.
_NEWEST = 0.5


class GraphLearner:
    """When to refresh the graph, and the average of the estimates so far."""

    CELLS: ClassVar[int] = 4096  # from so many cells each estimate is made

    def __init__(self, recipe: LearnedGraph, n_steps: int) -> None:
        self.recipe = recipe
        first, last = round(recipe.warm_up * n_steps), round(recipe.stop * n_steps)
        every = max(1, round(recipe.refresh_every * n_steps))
        self.refresh_at = set(range(first, last + 1, every))
        self.similarity: np.ndarray | None = None
        self.edge_jaccard = float("nan")
        self.evolution = Evolution()

    def refreshed(self, graph: NeuronGraph, pictures: np.ndarray, epoch: int) -> NeuronGraph:
        """Return the graph of the neurons that fire together in `pictures`, (n_cells, n_neurons), and did before."""
        newest = correlation(pictures)
        if self.similarity is None:
            self.similarity = newest
        else:
            self.similarity = _NEWEST * newest + (1 - _NEWEST) * self.similarity
        adjacency = similarity_graph(self.similarity, kernel=self.recipe.kernel, n_neighbors=self.recipe.n_neighbors)
        self.edge_jaccard = _jaccard(graph.adjacency, adjacency)
        self.evolution = self.evolution.followed_by(epoch, adjacency)
        return replace(graph, adjacency=adjacency)

    def state(self) -> dict[str, Any]:
        """Return what a later run needs to go on."""
        known = {} if self.similarity is None else {"similarity": self.similarity}
        evolution = self.evolution.to_dict(self.recipe.n_neurons)
        return {"edge_jaccard": np.array(self.edge_jaccard), "evolution": evolution, **known}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.similarity = state.get("similarity")
        self.edge_jaccard = float(state["edge_jaccard"])
        self.evolution = Evolution.from_dict(state["evolution"])


def _jaccard(one: sparse.csr_matrix, other: sparse.csr_matrix) -> float:
    both, either = one.multiply(other).nnz, (one + other).nnz
    return both / either if either else 1.0
