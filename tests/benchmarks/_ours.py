"""The fits of scgsr that are compared."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np
from _data import Dataset
from _fit import Fit

import scgsr

SHEET = (10, 10)


def fitted(dataset: Dataset, seed: int, *, graph: Any = None, **settings: Any) -> Fit:
    """Fit at the default settings, but for those given."""
    adata = dataset.adata.copy()
    start = perf_counter()
    scgsr.tl.fit(adata, graph, rng=seed, progress=False, **settings)
    seconds = perf_counter() - start

    def at_k(n_clusters: int) -> np.ndarray:
        scgsr.tl.cluster(adata, n_clusters=n_clusters, key_added="at_k")
        return adata.obs["at_k"].to_numpy()

    return Fit(seconds, adata.obs["gsr"].to_numpy(), at_k, adata.obsm["X_gsr"], adata)


def on_known_graph(dataset: Dataset, seed: int) -> Fit:
    """Fit on the graph that the cells were simulated from."""
    return fitted(dataset, seed, graph=dataset.source.graph)


def plain(dataset: Dataset, seed: int) -> Fit:
    """Fit an autoencoder of the same widths with a linear code: only its reconstruction counts."""
    fit = fitted(dataset, seed, graph=SHEET, threshold=None, noise=0, smoothness=0, diffusion=0)
    return replace(fit, labels=None, at_k=None, units=None, linear=True)
