"""The stored form of a fit: a nested dict of arrays, sparse matrices, frames and plain values, and its schema number.

The same record lies in `.uns` and, as a folder of safetensors and JSON, on its own. Nothing in it is executed when it
is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from scipy import sparse

from scgsr import _checks
from scgsr._model._identity import Identity
from scgsr.graphs import LearnedGraph, NeuronGraph

# Raised when the stored form changes. Form 1, of version 0.1.0, cannot be read: its modules had no templates. Form 3
# named a likelihood beside the settings of the network. Form 4 does not, and new fits record `start` and `anneal`.
# Form 5 may have principal components in front of the network, and new fits record `balance`. Form 6 has templates of
# pieces of the cells, where older forms had one for each neuron. Form 7 may have a decoder that is told batches. Form 8
# has an identity, and no nulls, which some readers of files do not know: an argument that was None is left out. Fits of
# this form may have the recipe of a learned graph among their parameters; without it they are not repeated.
SCHEMA = 8
_OLDEST, _FIRST_WITH_IDENTITY = 2, 8

# What types the parts of a record have, and those of the arguments that are read again.
_PARTS = dict.fromkeys(("params", "graph", "model", "evolution", "versions"), Mapping) | {"history": pd.DataFrame}
_NUMBER, _WHOLE, _TEXT = (Real,), (Integral,), (str,)
_PARAMS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("resolution", "balance", "anneal", "validation_fraction"), _NUMBER),
    **dict.fromkeys(("diffusion", "seed", "n_clusters", "batch_size", "width"), _WHOLE),
    **dict.fromkeys(("layer", "use_rep", "batch_key", "start", "laplacian", "precision"), _TEXT),
    **dict.fromkeys(("smoothness", "learning_rate"), (Real, Mapping)),
    "scale": (str, bool, np.bool_),
    "recipe": (Mapping,),
    "fill": (Real, str),
}
# Columns of the history that are read later.
_OF_HISTORY = ("kept", "validation_r2")
_PACKAGES = ("torch", "numpy", "scipy", "anndata", "scanpy", "leidenalg")


def check_schema(record: Mapping[str, Any], *, where: str) -> None:
    """Raise ValueError if this version cannot read a record of this form."""
    schema = record.get("schema")
    if not isinstance(schema, int | np.integer) or not _OLDEST <= schema <= SCHEMA:
        newer = isinstance(schema, int | np.integer) and schema > SCHEMA
        cure = "install a newer scgsr" if newer else "call `scgsr.tl.fit` again"
        msg = f"{where} holds a fit in form {schema}, and this version of scgsr reads {_OLDEST} to {SCHEMA}; {cure}."
        raise ValueError(msg)


@contextmanager
def whole() -> Iterator[None]:
    """Raise ValueError for whatever is raised where a record that is not whole is read."""
    try:
        yield
    except KeyError as error:
        msg = f"its part {error} is missing"
        raise ValueError(msg) from error
    except (TypeError, IndexError, AttributeError, RuntimeError, OverflowError) as error:
        msg = f"its parts do not fit together: {error}"
        raise ValueError(msg) from error


def with_identity(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with the text that says which fit it is of."""
    return {**record, "id": str(Identity.of_record(record))}


def check_identity(record: Mapping[str, Any]) -> None:
    """Raise ValueError if parts of a record in the current form are of another fit."""
    if str(record["id"]) != str(Identity.of_record(record)):
        msg = "its parts are of several fits, or were changed"
        raise ValueError(msg)


def in_current_form(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record in the current form: an older one is completed."""
    _checks.instance("record", record, Mapping)
    check_schema(record, where="`record`")
    record = dict(record)
    if record["schema"] == 2:  # knew neither a transform, nor how typical cells look, nor how a graph was learned
        n_neurons = record["graph"]["adjacency"].shape[0]
        record["evolution"] = {"epoch": np.empty(0, dtype=int), "adjacency": sparse.csr_matrix((0, n_neurons))}
        record["model"] = {**record["model"], "arrays": {**record["model"]["arrays"]}}
        record["model"]["arrays"]["cofactor"] = np.full(len(record["features"]), np.nan, dtype=np.float32)
    if record["schema"] < 6:
        arrays = {name: np.array(value) for name, value in record["model"]["arrays"].items()}
        record["model"] = {**record["model"], "arrays": _with_pieces(np.array(record["modules"]), arrays)}
    return record if record["schema"] >= _FIRST_WITH_IDENTITY else with_identity(record)


def _with_pieces(modules: np.ndarray, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays of a fit whose neurons had a template each, with those neurons for pieces.

    Neurons of one fine module merge first, one after the other, then the fine modules as they did.
    """
    of_neurons = np.flatnonzero(arrays["templates"].any(axis=1))
    fine = arrays.pop("fine")[of_neurons]
    name: dict[int, int] = {}  # of what each fine module has become
    merges = []
    for piece, module in enumerate(fine.tolist()):
        if module in name:
            merges.append((name[module], piece))
        name[module] = len(of_neurons) + len(merges) - 1 if module in name else piece
    separations = np.concatenate([np.zeros(len(merges)), np.maximum.accumulate(arrays["separations"])])
    n_fine = int(fine.max(initial=-1)) + 1
    for step, (one, other) in enumerate(arrays["merges"].tolist()):
        merges.append((name[one], name[other]))
        name[n_fine + step] = len(of_neurons) + len(merges) - 1
    tree = {"merges": np.array(merges, dtype=int).reshape(-1, 2), "separations": separations}
    pieces = {"templates": arrays["templates"][of_neurons], "pieces": modules[of_neurons]}
    return {**arrays, **tree, **pieces, "n_cells": np.ones(len(of_neurons), dtype=int)}


def versions() -> dict[str, str]:
    """Return the versions of what runs now."""
    installed = {name: version(name) for name in _PACKAGES}
    try:
        return {**installed, "scgsr": version("scgsr")}
    except PackageNotFoundError:  # run from a source tree that is not installed
        return {**installed, "scgsr": "not installed"}


def plain(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments as values that files can hold: they know no tuples, and None is to be left out."""
    return {
        name: plain(value) if isinstance(value, Mapping) else np.array(value) if isinstance(value, tuple) else value
        for name, value in params.items()
        if value is not None
    }


def graph_to_dict(graph: NeuronGraph) -> dict[str, Any]:
    """Return the graph as values that files can hold."""
    return {
        "adjacency": graph.adjacency.copy(),
        "positions": graph.positions.copy(),
        "image_shape": np.array(graph.image_shape or (), dtype=int),
        "name": graph.name,
    }


def graph_from_dict(stored: Mapping[str, Any]) -> NeuronGraph:
    """Return the graph that `graph_to_dict` made values of."""
    shape = tuple(int(side) for side in stored["image_shape"])
    positions, adjacency = np.asarray(stored["positions"]), matrix_of(stored["adjacency"])
    return NeuronGraph(adjacency, positions, shape if len(shape) == 2 else None, str(stored["name"]))


def matrix_of(stored: Any) -> sparse.csr_matrix:
    """Return a sparse matrix of a record, whose indices are within its shape."""
    if not sparse.issparse(stored):
        msg = f"a sparse matrix is a {type(stored).__name__}"
        raise TypeError(msg)
    if not _checks.is_whole(stored):
        msg = "a sparse matrix has indices outside of its shape"
        raise ValueError(msg)
    return sparse.csr_matrix(stored)


def check_types(record: Mapping[str, Any]) -> None:
    """Raise TypeError if a part of a record in the current form, or one of its parameters, is of another type."""
    for part, kind in _PARTS.items():
        if not isinstance(record[part], kind):
            msg = f"its part {part!r} is a {type(record[part]).__name__}"
            raise TypeError(msg)
    params = record["params"]
    for name, kinds in _PARAMS.items():
        if params.get(name) is not None and not isinstance(params[name], kinds):  # older forms have nulls
            msg = f"its parameter {name!r} is {params[name]!r}"
            raise TypeError(msg)
    if not all(isinstance(text, str) for text in record["versions"].values()):
        msg = "its versions are no texts"
        raise TypeError(msg)
    _check_finite(params)
    history = record["history"]
    if len(history) and not all(is_numeric_dtype(history[column].dtype) for column in _OF_HISTORY):
        msg = f"its history has other columns than numbers {_OF_HISTORY}"
        raise TypeError(msg)


def check_recipe(params: Mapping[str, Any], graph: NeuronGraph) -> None:
    """Raise TypeError, KeyError or ValueError if the recipe of a learned graph, where it is on record, is not its."""
    if params.get("recipe") is None:
        return
    recipe = LearnedGraph.from_dict(params["recipe"])
    if recipe.n_neurons != graph.n_neurons:
        msg = f"its recipe is of {recipe.n_neurons} neurons and its graph of {graph.n_neurons}"
        raise ValueError(msg)


def _check_finite(params: Mapping[str, Any]) -> None:
    """Raise ValueError if a number among parameters is none, which files could not hold."""
    for name, value in params.items():
        if isinstance(value, Mapping):
            _check_finite(value)
        elif isinstance(value, float | np.floating) and not np.isfinite(value):
            msg = f"its parameter {name!r} is {value}"
            raise ValueError(msg)
