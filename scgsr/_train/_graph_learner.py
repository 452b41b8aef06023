"""Learns the neuron graph during training: re-estimates it from co-activations, by the recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from scipy import sparse

from scgsr import _device
from scgsr._checks import about, log
from scgsr._train._state import check_like
from scgsr.graphs import (
    Evolution,
    LearnedGraph,
    NeuronGraph,
    Steps,
    UntilFragmented,
    correlation,
    edge_jaccard,
    fourier_basis,
    laplacian,
    similarity_graph,
)

# Weight of the newest estimate in the running average.
_NEWEST = 0.5


class GraphLearner:
    """When to refresh the graph, and the average of the estimates so far."""

    CELLS: ClassVar[int] = 4096  # from so many cells each estimate is made

    def __init__(self, recipe: LearnedGraph, n_steps: int, laplacian: str) -> None:
        self.recipe, self.n_steps, self.laplacian = recipe, n_steps, laplacian
        first, every = self._step("warm_up"), max(1, self._step("refresh_every"))
        last = n_steps if isinstance(recipe.stop, UntilFragmented) else self._step("stop")
        if isinstance(recipe.warm_up, Steps) and first >= n_steps:
            msg = f"`warm_up`={first} is as long as the whole training, {n_steps} steps; raise `n_epochs`, or lower it."
            raise about("warm_up", ValueError(msg))
        if last < first:
            msg = f"`stop` of the learned graph, step {last} of {n_steps}, comes before `warm_up`, step {first}."
            raise about("stop", ValueError(msg))
        self.refresh_at = set(range(first, last + 1, every))
        self.last_step = last
        self.fragmented = False
        self.similarity: np.ndarray | None = None
        self.edge_jaccard = float("nan")
        self.evolution = Evolution()

    @property
    def n_pieces(self) -> int:
        """Into how many pieces the neurons fall that are not dead; 0 before the first estimate."""
        if self.similarity is None:
            return 0
        pieces, _ = sparse.csgraph.connected_components(self.evolution.adjacencies[-1], directed=False)
        return int(pieces) - int((~_live(self.similarity)).sum())

    @property
    def final_from(self) -> float:
        """From which share of the training on the graph is final, as far as is known."""
        stop = self.recipe.stop
        return self.last_step / self.n_steps if isinstance(stop, Steps | UntilFragmented) else stop

    def is_due(self, step: int) -> bool:
        """Whether the graph is to be estimated before a step."""
        return step in self.refresh_at and step <= self.last_step

    def is_over(self, step: int) -> bool:
        """Whether training is to end after so many steps, because the graph fell apart."""
        stop = self.recipe.stop
        if not self.fragmented or not isinstance(stop, UntilFragmented) or stop.more_steps is None:
            return False
        return step >= self.last_step + stop.more_steps

    @_device.in_one_thread()
    def refreshed(self, graph: NeuronGraph, pictures: np.ndarray, epoch: int, step: int) -> NeuronGraph:
        """Return the graph of the neurons active together in `pictures`, (n_cells, n_neurons), and did before."""
        newest = correlation(pictures)
        if self.similarity is None:
            self.similarity = newest
        else:
            self.similarity = _NEWEST * newest + (1 - _NEWEST) * self.similarity
        adjacency = similarity_graph(
            self.similarity,
            kernel=self.recipe.kernel,
            n_neighbors=self.recipe.n_neighbors,
            n_modules=self.recipe.n_modules,
            connected=self.recipe.connected,
        )
        self.edge_jaccard = edge_jaccard(graph.adjacency, adjacency)
        if isinstance(self.recipe.stop, UntilFragmented):
            self.fragmented = self._falls_apart(adjacency, _live(self.similarity), self.recipe.stop.eigenvalue)
        if self.fragmented:
            self.last_step = step
            log.info("the learned graph is about to fall apart at step %d: it stays as it is", step)
            if self.evolution.epochs:
                return graph
        self.evolution = self.evolution.followed_by(epoch, adjacency)
        return replace(graph, adjacency=adjacency)

    def state(self) -> dict[str, Any]:
        """Return the state as values that a checkpoint can hold."""
        known = {} if self.similarity is None else {"similarity": self.similarity}
        evolution = self.evolution.to_dict(self.recipe.n_neurons)
        moments = {"last_step": self.last_step, "fragmented": self.fragmented}
        return {"edge_jaccard": np.array(self.edge_jaccard), "evolution": evolution, **moments, **known}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over a state that `state` returned."""
        for name in ("last_step", "fragmented"):
            check_like(state[name], getattr(self, name), "learner")
        n, similarity = self.recipe.n_neurons, state.get("similarity")
        if similarity is not None and (similarity.shape != (n, n) or not np.isfinite(similarity).all()):
            msg = f"the similarity of {n} neurons has shape {similarity.shape}"
            raise ValueError(msg)
        evolution = Evolution.from_dict(state["evolution"])
        if bool(evolution.epochs) != (similarity is not None) or any(
            adjacency.shape != (n, n) for adjacency in evolution.adjacencies
        ):
            msg = f"{len(evolution.epochs)} estimates of a graph are not those of its {n} neurons"
            raise ValueError(msg)
        self.similarity, self.evolution = similarity, evolution
        self.edge_jaccard = float(state["edge_jaccard"])
        self.last_step, self.fragmented = state["last_step"], state["fragmented"]

    def _falls_apart(self, adjacency: sparse.csr_matrix, live: np.ndarray, zero: float) -> bool:
        """Whether the live neurons are about to be in more pieces than the recipe wants."""
        if not live.any():
            return False
        frequencies, _ = fourier_basis(laplacian(adjacency[live][:, live], self.laplacian))
        return bool((frequencies < zero).sum() > (self.recipe.n_modules or 1))

    def _step(self, name: str) -> int:
        """Return which step a field of the recipe means."""
        moment = getattr(self.recipe, name)
        return int(moment.n) if isinstance(moment, Steps) else round(moment * self.n_steps)


def _live(similarity: np.ndarray) -> np.ndarray:
    """Return which neurons have changed at all over the cells, (n_neurons,)."""
    return np.asarray(similarity.any(axis=1))
