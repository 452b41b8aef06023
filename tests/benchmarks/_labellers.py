"""Peers that label cells: on markers or principal components, or by Leiden on what a model of counts has learned."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import scanpy as sc
from _data import Dataset
from _fit import Fit, NotRunError, by_resolution, imported
from anndata import AnnData
from sklearn.cluster import KMeans

# FlowSOM's own defaults.
N_METACLUSTERS, SOM = 10, (10, 10)
# Epochs of a model of counts: a quarter of what scvi-tools takes for so few cells by itself, to save time.
COUNT_EPOCHS = 100
# Of so many runs k-means keeps the tightest.
N_STARTS = 10


def k_means(dataset: Dataset, seed: int) -> Fit:
    """Label by k-means at the known number of groups: a control that is told what the others have to find."""
    features = dataset.features(standardised=False)

    def at_k(n_clusters: int) -> np.ndarray:
        return KMeans(n_clusters, n_init=N_STARTS, random_state=seed).fit_predict(features)

    start = perf_counter()
    labels = at_k(len(dataset.groups.categories))
    return Fit(perf_counter() - start, labels, at_k)


def flowsom(dataset: Dataset, seed: int) -> Fit:
    """Label by FlowSOM: metaclusters of the nodes of a self-organising map."""
    estimator_of = imported("flowsom.models", "flowsom").FlowSOMEstimator
    features = dataset.features(standardised=True)

    def at_k(n_clusters: int) -> np.ndarray:
        estimator = estimator_of(n_clusters=n_clusters, xdim=SOM[0], ydim=SOM[1], seed=seed)
        return np.asarray(estimator.fit_predict(features))

    start = perf_counter()
    labels = at_k(N_METACLUSTERS)
    return Fit(perf_counter() - start, labels, at_k)


def leiden(dataset: Dataset, seed: int) -> Fit:
    """Label by Leiden on the graph of each cell's neighbours."""
    return _cell_graph_leiden(dataset.features(standardised=False), seed)


def scvi_leiden(dataset: Dataset, seed: int) -> Fit:
    """Label by Leiden on the latent space of scVI, a model of counts."""
    return _latent_leiden(dataset, seed, lambda: imported("scvi.model", "scvi-tools").SCVI)


def drvi_leiden(dataset: Dataset, seed: int) -> Fit:
    """Label by Leiden on the latent space of DRVI, a model of counts each of whose dimensions should mean something."""
    return _latent_leiden(dataset, seed, lambda: imported("drvi.model", "drvi-py").DRVI)


def _latent_leiden(dataset: Dataset, seed: int, model_class: Callable[[], Any]) -> Fit:
    """Label by Leiden on the latent space; both directions of a latent dimension are units."""
    layer = dataset.source.counts
    if layer is None:
        msg = "no counts"
        raise NotRunError(msg)
    make = model_class()
    adata = dataset.adata[:, dataset.adata.var["highly_variable"]].copy()
    imported("scvi", "scvi-tools").settings.seed = seed
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    start = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        make.setup_anndata(adata, layer=layer)
        model = make(adata)
        model.train(COUNT_EPOCHS, enable_progress_bar=False, enable_model_summary=False, logger=False)
        latent = model.get_latent_representation()
    seconds = perf_counter() - start
    fit = _cell_graph_leiden(latent, seed)
    return replace(fit, seconds=seconds + fit.seconds, units=np.hstack([latent, -latent]))


def _cell_graph_leiden(features: np.ndarray, seed: int) -> Fit:
    cells = AnnData(features)

    def at(resolution: float) -> np.ndarray:
        settings = {"flavor": "igraph", "n_iterations": 2, "directed": False}
        sc.tl.leiden(cells, resolution=resolution, random_state=seed, **settings)
        return cells.obs["leiden"].to_numpy()

    start = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sc.pp.neighbors(cells, use_rep="X", random_state=seed)
        labels = at(1.0)
    return Fit(perf_counter() - start, labels, partial(by_resolution, at))
