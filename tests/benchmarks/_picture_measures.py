"""What is measured of a fit's network and pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from _data import Dataset
from anndata import AnnData

import scgsr
from scgsr import _measures
from scgsr.graphs._laplacian import diffusion

# One more than this is the smallest p value's denominator: 0.001 can be reached.
N_PERMUTATIONS = 1999


def health(adata: AnnData) -> dict[str, float]:
    """Return held-out R2, the number of dead neurons and the share of cells that activate none."""
    stored = adata.uns["gsr"]
    history = stored["history"]
    modules = np.asarray(stored["modules"])
    return {
        "r2": float(history.loc[history["kept"], "validation_r2"].iloc[-1]),
        "neurons": len(modules),
        "dead": int((modules < 0).sum()),
        "silent": float((adata.obsm["X_gsr"] == 0).all(axis=1).mean()),
    }


def pictures(dataset: Dataset, adata: AnnData) -> dict[str, float]:
    """Return how smooth the pictures are, and whether the known groups activate regions of their own."""
    model, code, diffuse = _code(adata)
    adjacency = model.graph.adjacency
    smooth = {"moran": morans_i(adata)}
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


def morans_i(adata: AnnData) -> float:
    """Return how alike neighbouring neurons are in the pictures: the mean of Moran's I over cells."""
    adjacency = scgsr.get.model(adata).graph.adjacency
    return float(np.nanmean(_measures.morans_i(adata.obsm["X_gsr"], adjacency)))


def moran_reordered(adata: AnnData) -> float:
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
