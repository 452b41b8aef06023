"""What tests of training share: settings of which some are changed, a run before its first step, and a whole one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scgsr import graphs
from scgsr._model import Autoencoder, AutoencoderConfig
from scgsr._train import TrainConfig
from scgsr._train._rounds import Rounds
from scgsr._train._run import Run, edgeless
from scgsr._train._training import train
from scgsr._values import Batches

SETTINGS = {
    "smoothness": 0.1,
    "start": None,
    "anneal": 10.0,
    "balance": 0.0,
    "penalty": "correlation",
    "laplacian": "combinatorial",
    "n_epochs": 10,
    "batch_size": 64,
    "learning_rate": 5e-3,
    "validation_fraction": 0.1,
    "early_stopping": True,
    "precision": None,
}


def cells_of(matrix):
    """Rows that are standardised feature by feature."""
    return Batches(matrix, matrix.mean(axis=0), np.maximum(matrix.std(axis=0), 1e-3), torch.device("cpu"))


def network_config(n_features, *, threshold=1.0, noise=0.25, diffusion=0):
    return AutoencoderConfig(n_features=n_features, hidden=(16,), threshold=threshold, noise=noise, diffusion=diffusion)


@pytest.fixture
def train_config():
    """Make settings of training, of which some are changed."""
    return lambda **changed: TrainConfig(**{**SETTINGS, **changed})


@pytest.fixture
def run(train_config):
    """Train on cells to the end."""

    def run(cells, graph=None, *, rows=None, seed=0, progress=False, checkpoint=None, **settings):
        matrix = cells.X if rows is None else cells.X[:rows]
        graph = graphs.grid(4) if graph is None else graph
        shape = {name: settings.pop(name) for name in ("threshold", "noise", "diffusion") if name in settings}
        return train(
            cells_of(matrix),
            graph,
            network_config(matrix.shape[1], **shape),
            train_config(**settings).on(graph),
            seed=seed,
            checkpoint=checkpoint,
            progress=progress,
        )

    return run


@pytest.fixture
def new_run(train_config):
    """Make a run before its first step: the last quarter of the cells is held out."""

    def make(cells, graph=None, *, n_held_out=60, seed=0, **settings):
        matrix = cells.X
        graph = graphs.grid(4) if graph is None else graph
        shape = {name: settings.pop(name) for name in ("threshold", "noise", "diffusion") if name in settings}
        first = graph if isinstance(graph, graphs.NeuronGraph) else edgeless(graph.n_neurons)
        rows = np.arange(len(matrix) - n_held_out), np.arange(len(matrix) - n_held_out, len(matrix))
        known, judged = (cells_of(matrix).part(part) for part in rows)
        return Run(
            Rounds(known.batches, rows[0], lambda part: None, known, seed=seed),
            known,
            judged,
            Autoencoder.initialised(network_config(matrix.shape[1], **shape), first, seed),
            graph,
            train_config(**settings).on(graph),
            order_seed=seed + 1,
            noise_seed=seed + 2,
        )

    return make
