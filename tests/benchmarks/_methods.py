"""The methods that are compared, each at its default settings, and what is measured of each fit."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from time import perf_counter
from typing import Any

import numpy as np
import scanpy as sc
import torch
from _data import Dataset, load
from anndata import AnnData

import scgsr
from scgsr import _measures
from scgsr.graphs._laplacian import diffusion

Labeller = Callable[[float], np.ndarray]

SHEET = (10, 10)
# FlowSOM's own default, and the most epochs that scVI gets.
N_METACLUSTERS, SCVI_EPOCHS = 10, 100
# Resolutions between which a given number of clusters is looked for, and how often the interval is halved.
RESOLUTIONS, HALVINGS = (1e-3, 1e2), 12
# One more than this is the smallest p value's denominator: 0.001 can be reached.
N_PERMUTATIONS = 1999
# Above some 4,000 cells Scanpy looks for neighbours with code that is compiled at its first call.
WARM_UP_CELLS = 5000


class NotRunError(Exception):
    """A method that cannot run here or on this data; the message says why."""


@dataclass(frozen=True, eq=False)
class Fit:
    """What a method gives for one data set and seed.

    `at_k` gives labels with as many clusters as asked for, or the nearest number found; `adata` has the slots of
    `scgsr.tl.fit`. What a method does not have is None.
    """

    seconds: float
    labels: np.ndarray | None = None
    at_k: Callable[[int], np.ndarray] | None = None
    adata: AnnData | None = None


def run(method: str, name: str, seed: int, n_cells: int | None) -> tuple[dict[str, float], np.ndarray | None]:
    """Fit one method to one data set with one seed; return the measures and the label of each cell, if any.

    Raises NotRunError if a package or what the method needs is missing, FileNotFoundError if the data is.
    """
    dataset = load(name, n_cells)
    family = method.split("-")[0]
    if family in WARMED_UP_BY:
        _warm_up(WARMED_UP_BY[family])
    fit = METHODS[method](dataset, seed)
    return _measure(method, dataset, fit), fit.labels


def collapse(name: str, graph: str, smoothness: float, n_cells: int | None) -> dict[str, float]:
    """Fit at a smoothness that may be too much; return how much is left and whether a warning said so."""
    adata = load(name, n_cells).adata.copy()
    heard = _Listener()
    logger = logging.getLogger("scgsr")
    logger.addHandler(heard)
    try:
        scgsr.tl.fit(adata, COLLAPSE_GRAPHS[graph], smoothness=smoothness, rng=0, progress=False)
    finally:
        logger.removeHandler(heard)
    return {**_health(adata), "warned": float(heard.warnings > 0)}


# --- Methods: (data set, seed) -> Fit --------------------------------------------------------------------------------


def _scgsr(dataset: Dataset, seed: int, *, graph: Any = None, **settings: Any) -> Fit:
    adata = dataset.adata.copy()
    start = perf_counter()
    scgsr.tl.fit(adata, graph, rng=seed, progress=False, **settings)
    seconds = perf_counter() - start

    def at(resolution: float) -> np.ndarray:
        scgsr.tl.cluster(adata, resolution=resolution, key_added="at_k")
        return adata.obs["at_k"].to_numpy()

    return Fit(seconds, adata.obs["gsr"].to_numpy(), partial(_at_k, at), adata)


def _known_graph(dataset: Dataset, seed: int) -> Fit:
    return _scgsr(dataset, seed, graph=dataset.source.graph)


def _plain(dataset: Dataset, seed: int) -> Fit:
    """Fit an autoencoder of the same widths with a linear code: only its reconstruction counts."""
    fit = _scgsr(dataset, seed, graph=SHEET, threshold=None, noise=0, smoothness=0, diffusion=0)
    return replace(fit, labels=None, at_k=None)


def _flowsom(dataset: Dataset, seed: int) -> Fit:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from flowsom.models import FlowSOMEstimator
    except ImportError as error:
        msg = _not_installed("flowsom")
        raise NotRunError(msg) from error
    features = dataset.features(standardised=True)

    def at_k(n_clusters: int) -> np.ndarray:
        estimator = FlowSOMEstimator(n_clusters=n_clusters, xdim=SHEET[0], ydim=SHEET[1], seed=seed)
        return np.asarray(estimator.fit_predict(features))

    start = perf_counter()
    labels = at_k(N_METACLUSTERS)
    return Fit(perf_counter() - start, labels, at_k)


def _leiden(dataset: Dataset, seed: int) -> Fit:
    return _cell_graph_leiden(dataset.features(standardised=False), seed)


def _scvi(dataset: Dataset, seed: int) -> Fit:
    layer = dataset.source.counts
    if layer is None:
        msg = "no counts"
        raise NotRunError(msg)
    try:
        import scvi
    except ImportError as error:
        msg = _not_installed("scvi-tools")
        raise NotRunError(msg) from error
    adata = dataset.adata[:, dataset.adata.var["highly_variable"]].copy()
    scvi.settings.seed = seed
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    start = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scvi.model.SCVI.setup_anndata(adata, layer=layer)
        model = scvi.model.SCVI(adata)
        model.train(SCVI_EPOCHS, enable_progress_bar=False, enable_model_summary=False, logger=False)
        latent = model.get_latent_representation()
    seconds = perf_counter() - start
    fit = _cell_graph_leiden(latent, seed)
    return replace(fit, seconds=seconds + fit.seconds)


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
    return Fit(perf_counter() - start, labels, partial(_at_k, at))


METHODS: dict[str, Callable[[Dataset, int], Fit]] = {
    "scgsr-learned": partial(_scgsr, graph=scgsr.graphs.learned()),
    "scgsr-grid": partial(_scgsr, graph=SHEET),
    "scgsr-grid-smoothness0": partial(_scgsr, graph=SHEET, smoothness=0),
    "scgsr-known-graph": _known_graph,
    "plain-autoencoder": _plain,
    "flowsom": _flowsom,
    "leiden": _leiden,
    "scvi-leiden": _scvi,
}
METHODS_FOR = {
    "labelled": [method for method in METHODS if method != "scgsr-known-graph"],
    "bits": ["scgsr-learned", "scgsr-grid"],
    "topology": ["scgsr-known-graph"],
}
WARMED_UP_BY = {"scgsr": "scgsr-learned", "flowsom": "flowsom", "leiden": "leiden"}
COLLAPSE_GRAPHS = {"learned": scgsr.graphs.learned(), "grid": SHEET}


@cache
def _warm_up(method: str) -> None:
    """Fit once, so that imports and compilation are not timed."""
    METHODS[method](load("cytof_panel", WARM_UP_CELLS), 0)


def _not_installed(package: str) -> str:
    return f"{package} is not installed: pip install scgsr[bench]"


def _at_k(at: Labeller, k: int) -> np.ndarray:
    """Return labels with k clusters, by halving the interval of resolutions, or with the nearest number seen."""
    low, high = np.log(RESOLUTIONS)
    best, best_distance = None, np.inf
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        labels = at(float(np.exp(middle)))
        found = len(np.unique(labels))
        if abs(found - k) < best_distance:
            best, best_distance = labels, abs(found - k)
        if found == k:
            break
        low, high = (middle, high) if found < k else (low, middle)
    return best


# --- Measures --------------------------------------------------------------------------------------------------------


class _Listener(logging.Handler):
    """Counts warnings."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.warnings = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.warnings += 1


def _measure(method: str, dataset: Dataset, fit: Fit) -> dict[str, float]:
    """Return every measure that the fit allows."""
    measures = {"seconds": fit.seconds}
    if fit.adata is not None:
        measures |= _health(fit.adata)
    if fit.labels is None:
        return measures
    measures["k"] = len(np.unique(fit.labels))
    if dataset.groups is not None:
        measures |= _agreement(dataset, fit)
    if fit.adata is not None:
        measures |= _pictures(dataset, fit.adata)
        if method == "scgsr-grid-smoothness0":
            measures["moran_reordered"] = _moran_reordered(fit.adata)
        if dataset.source.truth is not None:
            measures |= dataset.source.truth(fit.adata)
    return measures


def _agreement(dataset: Dataset, fit: Fit) -> dict[str, float]:
    n_groups = len(dataset.groups.categories)
    matched = fit.at_k(n_groups)
    return {
        "ari": dataset.agreement(fit.labels),
        "ari_matched": dataset.agreement(matched),
        "k_matched": len(np.unique(matched)),
        "k_known": n_groups,
    }


def _health(adata: AnnData) -> dict[str, float]:
    """Return held-out R2, the number of dead neurons and the share of cells that light none."""
    stored = adata.uns["gsr"]
    history = stored["history"]
    modules = np.asarray(stored["modules"])
    return {
        "r2": float(history.loc[history["kept"], "validation_r2"].iloc[-1]),
        "neurons": len(modules),
        "dead": int((modules < 0).sum()),
        "silent": float((adata.obsm["X_gsr"] == 0).all(axis=1).mean()),
    }


def _pictures(dataset: Dataset, adata: AnnData) -> dict[str, float]:
    """Return how smooth the pictures are, and whether the known groups light regions of their own."""
    model, code, diffuse = _code(adata)
    adjacency = model.graph.adjacency
    smooth = {"moran": float(np.nanmean(_measures.morans_i(adata.obsm["X_gsr"], adjacency)))}
    groups = dataset.groups
    if groups is None:
        return smooth
    means = np.stack([code[groups == group].mean(axis=0) for group in groups.categories])

    def connected(code_means: np.ndarray) -> np.ndarray:
        return _measures.segment_connectivity(diffuse(code_means), adjacency)

    # The neurons change places before the layer diffuses, if it does: what it adds by itself is no structure.
    null = _measures.permutation_null(
        lambda permuted: np.nanmin(connected(permuted)), means, n_permutations=N_PERMUTATIONS, rng=0
    )
    smallest = float(np.nanmin(connected(means)))
    return {
        **smooth,
        "cosine": float(_measures.mean_cosine(diffuse(means))),
        "connected": smallest,
        "connected_p": _measures.p_value(null, smallest),
        "landless": int(np.isnan(connected(means)).sum()),
    }


def _moran_reordered(adata: AnnData) -> float:
    """Return Moran's I after the neurons were put into the best order; if the layer diffuses, so does that order."""
    model, code, diffuse = _code(adata)
    order = _measures.reorder(code, model.graph.adjacency, rng=0)
    return float(np.nanmean(_measures.morans_i(diffuse(code[:, order]), model.graph.adjacency)))


def _code(adata: AnnData) -> tuple[Any, np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return the fitted model, the activations before they diffuse over the graph, and what makes them do so."""
    model = scgsr.get.model(adata)
    steps = model.network.config.diffusion
    spread = diffusion(model.graph.adjacency, steps) if steps else np.eye(model.graph.n_neurons)
    layer = model.network.layer
    features = (adata[:, list(model.features)].to_df().to_numpy() - model.mean) / model.scale
    with torch.no_grad():
        code = layer.code(model.network.hidden(torch.tensor(features, dtype=torch.float32))).numpy()
    return model, code, lambda rows: rows @ spread
