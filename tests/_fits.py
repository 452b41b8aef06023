"""What tests share: cells of four groups; whole records of fits that nobody trained; layers from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import torch

from scgsr._model import Autoencoder, AutoencoderConfig, FittedModel
from scgsr._modules import Modules, ModuleTree
from scgsr.graphs import NeuronGraph


def four_groups() -> ad.AnnData:
    """Return 240 cells x 12 features, dense float32: four groups, each high in three features of its own."""
    rng = np.random.default_rng(0)
    n_groups, n_per_group, n_features_per_group = 4, 60, 3
    group = np.tile(np.arange(n_groups), n_per_group)
    high = np.repeat(np.arange(n_groups), n_features_per_group)
    matrix = 4 * (group[:, None] == high) + rng.normal(size=(len(group), len(high)))
    return ad.AnnData(
        matrix.astype(np.float32),
        obs=pd.DataFrame(
            {"group": pd.Categorical([f"group {i}" for i in group])}, index=[f"cell_{i}" for i in range(len(group))]
        ),
        var=pd.DataFrame(index=[f"feature_{i}" for i in range(len(high))]),
    )


def model_of(graph: NeuronGraph, modules: np.ndarray | None = None, **others: Any) -> FittedModel:
    """Return a model of two features on a graph, whose neurons are of these modules (one for all; -1: dead)."""
    n = graph.n_neurons
    labels = np.zeros(n, dtype=int) if modules is None else np.asarray(modules)
    alive = labels >= 0
    config = AutoencoderConfig(n_features=2, hidden=(2,), threshold=0.5, noise=0.0, diffusion=0)
    model = FittedModel(
        network=Autoencoder.initialised(config, graph, 0).eval(),
        graph=graph,
        features=("one", "two"),
        mean=np.zeros(2, dtype=np.float32),
        scale=np.ones(2, dtype=np.float32),
        cofactor=np.full(2, np.nan, dtype=np.float32),
        modules=Modules(
            labels=labels,
            templates=np.eye(n, dtype=np.float32)[alive],
            n_cells=np.ones(int(alive.sum()), dtype=int),
            pieces=labels[alive],
            tree=ModuleTree(int(alive.sum()), np.empty((0, 2), dtype=int), np.empty(0)),
        ),
        coactivation=graph.adjacency,
        versions={"scgsr": "of a test"},
    )
    return replace(model, **others)


def whole_record(graph: NeuronGraph, modules: np.ndarray | None = None, **others: Any) -> dict[str, Any]:
    """Return the record of such a model."""
    return model_of(graph, modules, **others).to_record()


def history(**columns: Any) -> pd.DataFrame:
    """Return a history with these columns, one row for each epoch."""
    frame = pd.DataFrame(columns)
    return frame.set_axis(frame.index.astype(str), axis="index")


@contextmanager
def seeded_init(seed: int) -> Iterator[None]:
    """Let torch's own initialisers draw from `seed`, and put the global state back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
