"""A fitted model -> its record, part by part, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from scgsr._model import _record
from scgsr._model._network import Autoencoder, AutoencoderConfig
from scgsr._model._novelty import NoveltyReference
from scgsr._modules import Modules
from scgsr.graphs import Evolution

if TYPE_CHECKING:
    from scgsr._model._fitted import FittedModel


def record_of(model: FittedModel) -> dict[str, Any]:
    """Return all of a model as values that h5ad, zarr and safetensors with JSON can hold."""
    record = {
        "schema": _record.SCHEMA,
        "params": _record.plain(model.params),
        "graph": _record.graph_to_dict(model.graph),
        "coactivation": model.coactivation,
        "evolution": model.evolution.to_dict(model.graph.n_neurons),
        "modules": model.modules.labels,
        "names": np.array(model.names, dtype=object),
        "history": model.history.set_axis(model.history.index.astype(str), axis="index"),
        "model": {"config": json.dumps({"network": model.network.config.to_dict()}), "arrays": _arrays(model)},
        "features": np.array(model.features, dtype=object),
        "versions": dict(model.versions),
    }
    return _record.with_identity(record)


def _arrays(model: FittedModel) -> dict[str, np.ndarray]:
    """Return the weights of the network, and what else is known by numbers."""
    weights = {name: value.cpu().numpy() for name, value in model.network.state_dict().items()}
    scaling = {"mean": model.mean, "scale": model.scale, "cofactor": model.cofactor}
    known = {**model.modules.to_arrays(), "explainable_r2": np.array(model.explainable_r2)}
    reference = {} if model.novelty_reference is None else model.novelty_reference.to_arrays()
    return {**weights, **scaling, **known, **reference}


def parts_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `record_of`, of this version or an older one, has made a record of; ValueError if it is not whole."""
    with _record.whole():
        record = _record.in_current_form(record)
        _record.check_types(record)
        _record.check_identity(record)
        config = AutoencoderConfig.from_dict(json.loads(str(record["model"]["config"]))["network"])
        graph = _record.graph_from_dict(record["graph"])
        _record.check_recipe(record["params"], graph)
        arrays = {name: np.array(value) for name, value in record["model"]["arrays"].items()}
        scaling = {name: arrays.pop(name) for name in ("mean", "scale", "cofactor")}
        return {
            **scaling,
            "explainable_r2": float(arrays.pop("explainable_r2", np.nan)),  # not in older records
            "modules": Modules.from_arrays(np.array(record["modules"]), arrays),
            "novelty_reference": NoveltyReference.from_arrays(arrays),
            "network": Autoencoder.with_weights(config, graph, arrays),  # what is left in `arrays`
            "graph": graph,
            "features": tuple(str(name) for name in record["features"]),
            "names": tuple(str(name) for name in record.get("names", ())),
            "coactivation": _record.matrix_of(record["coactivation"]),
            "evolution": Evolution.from_dict(record["evolution"]),
            "history": record["history"].copy(),
            "params": dict(record["params"]),
            "versions": dict(record["versions"]),
        }
