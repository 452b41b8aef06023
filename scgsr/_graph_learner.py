"""Learns the neuron graph during training: re-estimates it from co-activations, by the recipe."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from scipy import sparse

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

    def refreshed(self, graph: NeuronGraph, pictures: np.ndarray) -> NeuronGraph:
        """Return the graph of the neurons that fire together in `pictures`, (n_cells, n_neurons), and did before."""
        newest = correlation(pictures)
        if self.similarity is None:
            self.similarity = newest
        else:
            self.similarity = _NEWEST * newest + (1 - _NEWEST) * self.similarity
        adjacency = similarity_graph(self.similarity, kernel=self.recipe.kernel, n_neighbors=self.recipe.n_neighbors)
        self.edge_jaccard = _jaccard(graph.adjacency, adjacency)
        return replace(graph, adjacency=adjacency)


def _jaccard(one: sparse.csr_matrix, other: sparse.csr_matrix) -> float:
    both, either = one.multiply(other).nnz, (one + other).nnz
    return both / either if either else 1.0
