"""Markers on the neuron graph: how high each is where each neuron fires."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scgsr import _adata, _measures
from scgsr._values import arcsinh

if TYPE_CHECKING:
    from anndata import AnnData


def planes(adata: AnnData, key: str, names: Sequence[str] | None, layer: str | None) -> tuple[list[str], np.ndarray]:
    """Return the names of markers and their planes, (n_markers, n_neurons), in the units of the fit.

    Markers are all if no names are given, and come from the layer of the fit if none is named. NaN for a dead neuron
    and a marker that does not vary.
    """
    model = _adata.read_model(adata, key)
    layer = model.params.get("layer") if layer is None else layer
    features, values = _adata.columns(adata, names, layer=layer)
    values = arcsinh(values, _adata.pending_cofactors(adata, model, layer, features))
    return [str(name) for name in features], _measures.planes(values, _adata.read_activations(adata, key))
