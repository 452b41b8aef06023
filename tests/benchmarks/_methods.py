"""The methods that are compared, each at its default settings; one run of one of them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache, partial

import numpy as np
from _data import Dataset, load
from _fit import Fit
from _label_measures import agreement, confidence, pieces
from _labellers import drvi_leiden, flowsom, k_means, leiden, scvi_leiden
from _ours import SHEET, fitted, on_known_graph, plain
from _picture_measures import health, moran_reordered, pictures
from _topoloss import topoloss
from _unit_measures import unit_auroc

import scgsr

# Above some 4,000 cells Scanpy looks for neighbours with code that is compiled at its first call.
WARM_UP_CELLS = 5000

METHODS: dict[str, Callable[[Dataset, int], Fit]] = {
    "scgsr-learned": partial(fitted, graph=scgsr.graphs.learned()),
    "scgsr-grid": partial(fitted, graph=SHEET),
    "scgsr-grid-smoothness0": partial(fitted, graph=SHEET, smoothness=0),
    "scgsr-known-graph": on_known_graph,
    "plain-autoencoder": plain,
    "topoloss": topoloss,
    "flowsom": flowsom,
    "leiden": leiden,
    "k-means": k_means,
    "scvi-leiden": scvi_leiden,
    "drvi-leiden": drvi_leiden,
}
METHODS_FOR = {
    "labelled": [method for method in METHODS if method != "scgsr-known-graph"],
    "bits": ["scgsr-learned", "scgsr-grid"],
    "topology": ["scgsr-known-graph"],
}
WARMED_UP_BY = {"scgsr": "scgsr-learned", "flowsom": "flowsom", "leiden": "leiden"}
COLLAPSE_GRAPHS = {"learned": scgsr.graphs.learned(), "grid": SHEET}


def run(method: str, name: str, seed: int, n_cells: int | None) -> tuple[dict[str, float], np.ndarray | None]:
    """Fit one method to one data set with one seed; return the measures and the label of each cell, if any.

    Raises NotRunError if a package or what the method needs is missing, FileNotFoundError if the data is.
    """
    dataset = load(name, n_cells)
    family = method.split("-")[0]
    if family in WARMED_UP_BY:
        _warm_up(WARMED_UP_BY[family])
    fit = METHODS[method](dataset, seed)
    return _measured(method, dataset, fit), fit.labels


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
    return {**health(adata), "warned": float(heard.warnings > 0)}


class _Listener(logging.Handler):
    """Counts warnings."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.warnings = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.warnings += 1


@cache
def _warm_up(method: str) -> None:
    """Fit once, so that imports and compilation are not timed."""
    METHODS[method](load("cytof_panel", WARM_UP_CELLS), 0)


def _measured(method: str, dataset: Dataset, fit: Fit) -> dict[str, float]:
    """Return every measure that the fit allows."""
    measures = {"seconds": fit.seconds, **fit.own}
    if fit.labels is not None:
        measures["k"] = len(np.unique(fit.labels))
        measures |= _against_groups(dataset, fit) if dataset.groups is not None else {}
    if fit.units is not None and dataset.groups is not None:
        measures |= unit_auroc(dataset, fit.units)
    if fit.adata is None:
        return measures
    measures |= health(fit.adata)
    if not fit.linear:
        measures |= pictures(dataset, fit.adata)
    if method == "scgsr-grid-smoothness0":
        measures["moran_reordered"] = moran_reordered(fit.adata)
    if dataset.source.truth is not None:
        measures |= dataset.source.truth(fit.adata)
    return measures


def _against_groups(dataset: Dataset, fit: Fit) -> dict[str, float]:
    """Return how the labels go with the known groups, and what only scgsr's have."""
    measures = agreement(dataset, fit)
    return measures if fit.adata is None else measures | confidence(dataset, fit.adata) | pieces(dataset, fit.adata)
