"""Training from random weights, or from a checkpoint, to the network that is kept and its final graph."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from scgsr import _random, _ranks
from scgsr._checks import log
from scgsr._model import Autoencoder, AutoencoderConfig, PrincipalFront
from scgsr._train import _start
from scgsr._train._checkpoint import Checkpoint
from scgsr._train._config import TrainConfig
from scgsr._train._execution import chosen
from scgsr._train._graph_learner import GraphLearner
from scgsr._train._rounds import CELLS_A_ROUND, Rounds, Weigh, sample
from scgsr._train._run import Run, edgeless
from scgsr._values import LANDMARKS, N_COMPONENTS, Balance, Cells, Part, digest, rows_at_once
from scgsr.graphs import Evolution, LearnedGraph, NeuronGraph, layout

# Of very many cells so many are a sample: training ones, of which the start, the estimates of a learned graph and the
# final moments are made, and held-out ones, on which epochs are compared.
CELLS_SAMPLED = 20_000


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The network in evaluation mode, its final graph, and how training went."""

    network: Autoencoder
    graph: NeuronGraph
    history: pd.DataFrame  # one row per epoch
    validation_r2: float  # of the network that was kept; NaN without held-out cells
    held_out: np.ndarray  # (n_held_out,) int, rows of the cells that were not trained on
    known: Part  # some training cells
    judged: Part  # some held-out cells
    evolution: Evolution  # the estimates of a learned graph


def train(
    cells: Cells,
    graph: NeuronGraph | LearnedGraph,
    network_config: AutoencoderConfig,
    config: TrainConfig,
    *,
    seed: int,
    step: str | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> Trained:
    """Train an autoencoder whose layer lives on `graph`; with a `checkpoint`, resume an interrupted run.

    Parameters
    ----------
    cells
        All cells.
    graph
        A given graph, or the recipe of a learned one.
    network_config, config
        The network, and how to train it on this graph (:meth:`TrainConfig.on`).
    seed
        Seed of the weights, the split, the order of the cells and the noise.
    step
        How steps are carried out; None: as is fastest on the device.
    checkpoint
        Folder for the state after each epoch.
    progress
        Show a progress bar; None: only in a terminal.
    """
    settings, step = _settings(cells, graph, network_config, config, seed), chosen(step, cells.device)
    init_seed, split_seed, order_seed, noise_seed, balance_seed, rounds_seed = _random.spawn(seed, 6)
    split_rng, sample_rng = _random.generator(split_seed), _random.generator(rounds_seed)
    training, held_out = split(cells.shape[0], config.validation_fraction, cells.together, split_rng)
    known = sample(cells, training, CELLS_SAMPLED if len(training) > CELLS_A_ROUND else CELLS_A_ROUND, sample_rng)
    judged = sample(cells, held_out, CELLS_SAMPLED, sample_rng)
    first_graph = graph if isinstance(graph, NeuronGraph) else edgeless(graph.n_neurons)
    network = Autoencoder.initialised(network_config, first_graph, init_seed).to(cells.device)
    weigh = _look(network, known, config.balance, balance_seed)
    known, judged = (replace(part, weights=weigh(part)) for part in (known, judged))
    rounds = Rounds(cells, training, weigh, known, seed=rounds_seed)
    seeds = {"order_seed": order_seed, "noise_seed": noise_seed}
    run = Run(rounds, known, judged, network, graph, config, **seeds, step=step)
    file, state = (None, None) if checkpoint is None else _opened(checkpoint, cells, settings, step)
    if file is not None and state is not None:
        with file.whole():
            run.load_state(state)
    else:
        _start.begin(network, first_graph, known, ordered=config.start == "ordered", rng=run.order_rng)
    run.fit(file, progress)
    run.calibrate()
    if config.uses_graph:
        run.regularizer.warn_of_constant_image()
    return Trained(
        graph=run.graph if run.learner is None else _drawn(run.graph, run.learner),
        history=run.kept_history(),
        validation_r2=run.validate()["validation_r2"],
        network=network.eval(),
        held_out=held_out,
        known=known,
        judged=judged,
        evolution=Evolution() if run.learner is None else run.learner.evolution,
    )


@torch.no_grad()
def _look(network: Autoencoder, known: Part, balance: float | None, seed: int) -> Weigh:
    """Set the components in front of the network, if it has any, and return what weighs cells.

    Both come from some of the training cells.
    """
    if network.front is None and not balance:
        return lambda _part: None
    landmarks = torch.cat(list(known.batches.in_order(known.some(LANDMARKS, _random.generator(seed)))))
    if network.front is not None:
        network.front.learn(landmarks, seed)
    if not balance:
        return lambda _part: None
    points = network.inputs
    if network.front is None and landmarks.shape[1] > N_COMPONENTS:
        front = PrincipalFront(landmarks.shape[1], N_COMPONENTS).to(landmarks.device)
        points = front.learn(landmarks, seed)
    balanced = Balance(points(landmarks), balance)

    def weigh(part: Part) -> np.ndarray:
        own = part.own(together=rows_at_once(landmarks.shape[1]))
        weights = np.empty(len(part.rows))
        of_own = (points(features) for features in part.batches.in_order(part.rows[own]))
        weights[_ranks.gathered(own)] = balanced.weights(of_own, len(own))
        return weights

    return weigh


def split(
    n_cells: int, validation_fraction: float, together: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return row numbers for training and validation, where so many neighbours stay together; two cells train."""
    n_blocks = -(-n_cells // together)
    n_held_out = min(int(n_blocks * validation_fraction), n_blocks - (2 if together == 1 else 1))
    held_out = np.zeros(n_blocks, dtype=bool)
    held_out[rng.permutation(n_blocks)[:n_held_out]] = True
    is_held_out = np.repeat(held_out, together)[:n_cells]
    return np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)


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


def _opened(
    folder: str | os.PathLike[str], cells: Cells, settings: Mapping[str, Any], step: str
) -> tuple[Checkpoint, dict[str, Any] | None]:
    """Return the checkpoint of a run, and the state in it, if there is one."""
    identity, device = {"data": cells.digest, **settings}, cells.device.type
    file = _ranks.on_first(lambda: Checkpoint(folder, identity, device=device, step=step))
    return file, _ranks.on_first(file.read)


def _settings(
    cells: Cells, graph: NeuronGraph | LearnedGraph, network: AutoencoderConfig, config: TrainConfig, seed: int
) -> dict[str, Any]:
    """Return everything that determines the result of a run, except the values and the machine; all ranks have it."""
    settings = {
        "graph": asdict(graph) if isinstance(graph, LearnedGraph) else digest(graph.adjacency),
        **network.to_dict(),
        **asdict(config),
        "seed": seed,
    }
    _ranks.check_equal(f"{cells.shape} {cells.device.type} {settings}", np.stack(cells.moments))
    return settings
