"""Training: fixed or learned graph, checkpoints, what comes out. It knows nothing of AnnData."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from scgsr import _random
from scgsr._checks import log
from scgsr._model import Autoencoder, AutoencoderConfig
from scgsr._modules import Modules
from scgsr._train import _checkpoint, _start
from scgsr._train._checkpoint import Checkpoint
from scgsr._train._config import TrainConfig
from scgsr._train._run import Run, edgeless
from scgsr._values import Batches
from scgsr.graphs import Evolution, LearnedGraph, NeuronGraph, layout
from scgsr.nn import Decay, warn_of_constant_image

# Below this share of explained variance on held-out cells the code says next to nothing.
_COLLAPSED = 0.01


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

    def report(self, activations: np.ndarray, modules: Modules) -> None:
        """Say in the log how the fit went, and warn of a code that carries little; activations of all cells."""
        dead = int((modules.labels < 0).sum())
        silent = 1 - float(activations.any(axis=1).mean())
        r2 = self.validation_r2
        held_out = "no cells held out" if np.isnan(r2) else f"R2 {r2:.3f} on held-out cells"
        log.info("%d epochs, %s, %d modules of neurons", len(self.history), held_out, modules.n_modules)
        if r2 < _COLLAPSED or dead > len(modules.labels) / 2 or silent > 1 / 2:
            log.warning(
                "the code carries next to nothing: %s, %d of %d neurons never fire, %.0f %% of the cells light none; "
                "lower `smoothness` or `threshold`, or train longer",
                held_out,
                dead,
                len(modules.labels),
                100 * silent,
            )


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
    # Without a penalty the graph must play no part at all; a schedule is trained as it is, from random weights.
    ordered = config.penalises and not isinstance(config.smoothness, Decay) and run.regularizer.has_graph
    if not run.history and isinstance(graph, NeuronGraph) and graph.n_edges and ordered:
        _start.organise(network, graph, run.sample(_start.CELLS))
    run.fit(kept, progress)
    run.calibrate()
    learner, final = run.learner, run.graph
    if learner is not None:
        final = replace(final, positions=layout(final.adjacency))
        if final.n_edges == 0:
            log.warning(
                "the learned graph has no edges: no two neurons fired together, or each is a module of its own; train "
                "longer, or lower `threshold` or `n_modules`"
            )
        elif learner.n_pieces > 1:
            log.info("the learned graph is in %d pieces, without an edge between them", learner.n_pieces)
    if config.penalises and run.regularizer.has_graph:
        warn_of_constant_image(final, config.laplacian)
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
