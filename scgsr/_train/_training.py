"""Training from random weights, or from a checkpoint, to the network that is kept and its final graph."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from scgsr import _random
from scgsr._checks import log
from scgsr._model import Autoencoder, AutoencoderConfig, PrincipalFront
from scgsr._train import _checkpoint, _start
from scgsr._train._checkpoint import Checkpoint
from scgsr._train._config import TrainConfig
from scgsr._train._graph_learner import GraphLearner
from scgsr._train._run import Run, edgeless
from scgsr._values import LANDMARKS, N_COMPONENTS, Batches, Sampler, balancing_weights
from scgsr.graphs import Evolution, LearnedGraph, NeuronGraph, layout


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The network in evaluation mode, its final graph, and how training went."""

    network: Autoencoder
    graph: NeuronGraph
    history: pd.DataFrame  # one row per epoch
    validation_r2: float  # of the network that was kept; NaN without held-out cells
    held_out: np.ndarray  # (n_held_out,) int, rows of the cells that were not trained on
    evolution: Evolution  # the estimates of a learned graph


def train(
    batches: Batches,
    graph: NeuronGraph | LearnedGraph,
    network_config: AutoencoderConfig,
    config: TrainConfig,
    *,
    seed: int,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> Trained:
    """Train an autoencoder whose layer lives on `graph`; with a `checkpoint`, go on where a run was killed.

    Parameters
    ----------
    batches
        All cells.
    graph
        A given graph, or the recipe of a learned one.
    network_config, config
        The network, and how to train it on this graph (:meth:`TrainConfig.on`).
    seed
        Seed of the weights, the split, the order of the cells and the noise.
    checkpoint
        Folder for the state after each epoch.
    progress
        Show a progress bar; None: only in a terminal.
    """
    init_seed, split_seed, order_seed, noise_seed, balance_seed = _random.spawn(seed, 5)
    rows = split(batches.matrix.shape[0], config.validation_fraction, _random.generator(split_seed))
    first_graph = graph if isinstance(graph, NeuronGraph) else edgeless(graph.n_neurons)
    network = Autoencoder.initialised(network_config, first_graph, init_seed).to(batches.device)
    weights = _look(network, batches, rows[0], config.balance, balance_seed)
    run = Run(batches, rows, network, graph, config, order_seed=order_seed, noise_seed=noise_seed, weights=weights)
    file = state = None
    if checkpoint is not None:
        file = Checkpoint(checkpoint, _identity(batches, graph, network_config, config, seed))
        state = file.read()
    if state is not None:
        run.load_state(state)
    elif config.start == "ordered":
        _start.organise(network, first_graph, run.sample(_start.CELLS))
    run.fit(file, progress)
    run.calibrate()
    if config.uses_graph:
        run.regularizer.warn_of_constant_image()
    return Trained(
        graph=run.graph if run.learner is None else _drawn(run.graph, run.learner),
        history=run.kept_history(),
        validation_r2=run.validate()["validation_r2"],
        network=network.eval(),
        held_out=run.validation.rows,
        evolution=Evolution() if run.learner is None else run.learner.evolution,
    )


@torch.no_grad()
def _look(
    network: Autoencoder, batches: Batches, training: np.ndarray, balance: float | None, seed: int
) -> np.ndarray | None:
    """Set the components in front of the network, if it has any, and return how often training sees each cell.

    Both come from a sample of the training cells. None: every cell alike.
    """
    if network.front is None and not balance:
        return None
    rows = Sampler(training).some(LANDMARKS, _random.generator(seed))
    landmarks = torch.cat(list(batches.in_order(rows)))
    if network.front is not None:
        network.front.learn(landmarks, seed)
    if not balance:
        return None
    points = network.inputs
    if network.front is None and landmarks.shape[1] > N_COMPONENTS:
        points = PrincipalFront(landmarks.shape[1], N_COMPONENTS).to(batches.device).learn(landmarks, seed)
    cells = (points(features) for features in batches.in_order())
    return balancing_weights(cells, batches.matrix.shape[0], points(landmarks), balance)


def split(n_cells: int, validation_fraction: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return row numbers for training and validation; at least two cells train."""
    n_validation = min(int(n_cells * validation_fraction), n_cells - 2)
    order = rng.permutation(n_cells)
    return np.sort(order[n_validation:]), np.sort(order[:n_validation])


def _drawn(graph: NeuronGraph, learner: GraphLearner) -> NeuronGraph:
    """Return a learned graph with a layout; say in the log what is odd about the graph."""
    if graph.n_edges == 0:
        log.warning(
            "the learned graph has no edges: no two neurons fired together, or each is a module of its own; train "
            "longer, or lower `threshold` or `n_modules`"
        )
    elif learner.n_pieces > 1:
        log.info("the learned graph is in %d pieces, without an edge between them", learner.n_pieces)
    return replace(graph, positions=layout(graph.adjacency))


def _identity(
    batches: Batches, graph: NeuronGraph | LearnedGraph, network: AutoencoderConfig, config: TrainConfig, seed: int
) -> dict[str, Any]:
    """Return everything that determines the result of a run, except the machine."""
    return {
        "data": _checkpoint.digest(batches.matrix, *batches.moments),
        "graph": asdict(graph) if isinstance(graph, LearnedGraph) else _checkpoint.digest(graph.adjacency),
        **network.to_dict(),
        **asdict(config),
        "seed": seed,
        "device": batches.device.type,
    }
