"""Training: fixed or learned graph, checkpoints, what comes out. It knows nothing of AnnData."""

from __future__ import annotations

import logging
import os
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from scgsr import _checkpoint, _random, _start
from scgsr._batches import Batches
from scgsr._checkpoint import Checkpoint
from scgsr._evolution import Evolution
from scgsr._model import Autoencoder, AutoencoderConfig
from scgsr._run import Run, TrainConfig, edgeless
from scgsr.graphs import LearnedGraph, NeuronGraph
from scgsr.graphs._layout import layout

_log = logging.getLogger("scgsr")


@dataclass(frozen=True)
class Trained:
    """What training gives: the network in evaluation mode, its final graph, one history row per epoch.

    `validation_r2` is that of the network that was kept, NaN without held-out cells, whose row numbers are `held_out`;
    `evolution` has the estimates of a learned graph.
    """

    network: Autoencoder
    graph: NeuronGraph
    history: pd.DataFrame
    validation_r2: float
    held_out: np.ndarray
    evolution: Evolution


def split(n_cells: int, validation_fraction: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return row numbers for training and validation; at least two cells train."""
    n_validation = min(int(n_cells * validation_fraction), n_cells - 2)
    order = rng.permutation(n_cells)
    return np.sort(order[n_validation:]), np.sort(order[:n_validation])


def train(
    batches: Batches,
    graph: NeuronGraph | LearnedGraph,
    model_config: AutoencoderConfig,
    config: TrainConfig,
    *,
    seed: int,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> Trained:
    """Train an autoencoder whose layer lives on `graph`; with a `checkpoint`, go on where a run was killed."""
    init_seed, split_seed, order_seed, noise_seed = _random.spawn(seed, 4)
    rows = split(batches.matrix.shape[0], config.validation_fraction, _random.generator(split_seed))
    start = graph if isinstance(graph, NeuronGraph) else edgeless(graph.n_neurons)
    network = Autoencoder.initialised(model_config, start, init_seed).to(batches.device)
    run = Run(batches, rows, network, graph, config, order_seed=order_seed, noise_seed=noise_seed)
    kept = None
    if checkpoint is not None:
        kept = Checkpoint(checkpoint, _identity(batches, graph, model_config, config, seed))
        run.restore(kept.read())
    # Without a penalty the graph must play no part at all.
    if not run.history and isinstance(graph, NeuronGraph) and graph.n_edges and config.smoothness:
        _start.organise(network, graph, run.sample(_start.CELLS))
    run.fit(kept, progress)
    run.calibrate()
    learner, final = run.learner, run.graph
    if learner is not None:
        final = replace(final, positions=layout(final.adjacency))
        if final.n_edges == 0:
            _log.warning(
                "the learned graph has no edges: no two neurons fired together; train longer, or lower `threshold`"
            )
    if config.laplacian == "symmetric" and len(np.unique(final.adjacency.sum(axis=1).round(6))) > 1:
        _log.warning(
            "`laplacian`='symmetric' on the irregular graph %r penalises a constant image; consider 'combinatorial'",
            final.name,
        )
    evolution = Evolution() if learner is None else learner.evolution
    r2 = run.validate()["validation_r2"]
    return Trained(network.eval(), final, run.kept_history(), r2, run.validation_rows, evolution)


def _identity(
    batches: Batches, graph: NeuronGraph | LearnedGraph, model: AutoencoderConfig, config: TrainConfig, seed: int
) -> dict[str, Any]:
    """Return all that decides what a run comes to, apart from the machine."""
    return {
        "data": _checkpoint.digest(batches.matrix, *batches.moments),
        "graph": asdict(graph) if isinstance(graph, LearnedGraph) else _checkpoint.digest(graph.adjacency),
        **model.to_dict(),
        **asdict(config),
        "seed": seed,
        "device": batches.device.type,
    }
