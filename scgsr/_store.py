"""Results -> AnnData and back; the only file that writes slots of the user's object. Computes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scgsr import _checks
from scgsr._fitted import SCHEMA, FittedModel
from scgsr._keys import Keys
from scgsr.graphs import NeuronGraph

if TYPE_CHECKING:
    from anndata import AnnData
    from scipy import sparse

_log = logging.getLogger("scgsr")

_PACKAGES = ("torch", "numpy", "scipy", "anndata", "scanpy", "leidenalg")


def check_free(adata: AnnData, keys: Keys) -> None:
    """Raise ValueError if `keys` would overwrite what no fit has written."""
    record = adata.uns.get(keys.record)
    if adata.obs.index.name in (keys.labels, keys.confidence):
        msg = f"`key_added`={keys.key!r}: the index of `.obs` is named {adata.obs.index.name!r}; choose another name."
        raise ValueError(msg)
    earlier_fit = isinstance(record, Mapping) and {"schema", "model", "modules"} <= set(record)
    if earlier_fit or _lost_its_record(adata, keys):
        return
    taken = [name for mapping, name in _owned(adata, keys) if name in mapping]
    if taken:
        msg = f"`key_added`={keys.key!r} would overwrite {taken}, which no fit has written; choose another name."
        raise ValueError(msg)


def _lost_its_record(adata: AnnData, keys: Keys) -> bool:
    """Whether the slots look like those of a fit without `.uns`, which concatenation drops."""
    if keys.activations not in adata.obsm or keys.confidence not in adata.obs or keys.record in adata.uns:
        return False
    return adata.obsm[keys.activations].dtype == np.float32 and adata.obs[keys.confidence].dtype == np.float32


def write(
    adata: AnnData,
    keys: Keys,
    *,
    fitted: FittedModel,
    activations: np.ndarray,
    coactivation: sparse.csr_matrix,
    history: pd.DataFrame,
    params: dict[str, Any],
    versions: dict[str, str] | None = None,
) -> None:
    """Write one fit's slots; what an earlier fit left under the same key goes, and a failure leaves all as it was.

    `versions` are those of the packages that trained the network, by default what runs now.
    """
    if adata.is_view:
        _log.info("`adata` is a view: the results go to a copy of it and not to its parent")
    if keys.record in adata.uns or keys.activations in adata.obsm:
        _log.info("overwriting the results under key %r", keys.key)
    labels, confidence = fitted.modules.assign(activations)
    present = [str(label) for label in np.unique(labels)]
    categories = pd.Categorical(labels.astype(str), categories=present)
    undo = _snapshot(adata, keys)
    try:
        _remove(adata, keys)
        adata.obsm[keys.activations] = np.ascontiguousarray(activations, dtype=np.float32)
        adata.obs[keys.labels] = pd.Series(categories, index=adata.obs_names)
        adata.obs[keys.confidence] = confidence
        adata.uns[keys.record] = _record(
            fitted, params=params, coactivation=coactivation, history=history, versions=versions or _versions()
        )
        adata.uns[keys.colors] = _palette(len(present))
    except BaseException:
        undo()
        raise


def _record(
    fitted: FittedModel,
    *,
    params: dict[str, Any],
    coactivation: sparse.csr_matrix,
    history: pd.DataFrame,
    versions: dict[str, str],
) -> dict[str, Any]:
    """Return what goes to `.uns`: only values that h5ad and zarr can hold."""
    graph = fitted.graph
    return {
        "schema": SCHEMA,
        "params": {name: np.array(value) if isinstance(value, tuple) else value for name, value in params.items()},
        "graph": {
            "adjacency": graph.adjacency.copy(),
            "positions": graph.positions.copy(),
            "image_shape": np.array(graph.image_shape or (), dtype=int),
            "name": graph.name,
        },
        "coactivation": coactivation,
        "modules": fitted.modules.labels,
        "history": history.set_axis(history.index.astype(str), axis="index"),
        "model": fitted.to_dict(),
        "features": np.array(fitted.features, dtype=object),
        "versions": versions,
    }


def read_record(adata: AnnData, key: str) -> dict[str, Any]:
    """Return `.uns[key]`."""
    from anndata import AnnData

    _checks.instance("adata", adata, AnnData)
    if _lost_its_record(adata, Keys(key)):
        msg = (
            f"`key`={key!r}: .uns[{key!r}] is missing, though the activations are there; concatenation drops `.uns` "
            "unless told `uns_merge='same'`. Concatenate again, or call `scgsr.tl.fit`."
        )
        raise KeyError(msg)
    return _slot(adata.uns, Keys(key).record, "uns", key)


def read_activations(adata: AnnData, key: str) -> np.ndarray:
    """Return the activations, (n_obs, n_neurons) float32."""
    return _slot(adata.obsm, Keys(key).activations, "obsm", key)


def read_graph(adata: AnnData, key: str) -> NeuronGraph:
    """Return the neuron graph."""
    stored = read_record(adata, key)["graph"]
    shape = tuple(int(side) for side in stored["image_shape"])
    return NeuronGraph(
        stored["adjacency"], np.asarray(stored["positions"]), shape if len(shape) == 2 else None, str(stored["name"])
    )


def read_model(adata: AnnData, key: str) -> FittedModel:
    """Return the fitted model."""
    record = read_record(adata, key)
    if int(record["schema"]) != SCHEMA:
        msg = (
            f"`key`={key!r}: this fit was stored in form {int(record['schema'])} and this version of scgsr reads form "
            f"{SCHEMA}; call `scgsr.tl.fit(adata, key_added={key!r})` again."
        )
        raise ValueError(msg)
    return FittedModel.from_dict(
        record["model"], graph=read_graph(adata, key), features=list(record["features"]), modules=record["modules"]
    )


def write_scores(adata: AnnData, key: str, scores: dict[str, Any]) -> None:
    """Put the scores into the record of a fit, as a new record, so that a view is copied and not its parent changed."""
    if adata.is_view:
        _log.info("`adata` is a view: the results go to a copy of it and not to its parent")
    adata.uns[Keys(key).record] = {**read_record(adata, key), "scores": scores}


def read_scores(adata: AnnData, key: str) -> dict[str, Any]:
    """Return the table, verdict and advice that `score` has written."""
    record = read_record(adata, key)
    if "scores" not in record:
        msg = f"`key`={key!r}: there are no scores of this fit; call `scgsr.tl.score(adata, key={key!r})` first."
        raise KeyError(msg)
    return record["scores"]


def _slot(mapping: Any, name: str, where: str, key: str) -> Any:
    if name not in mapping:
        call = f"scgsr.tl.fit(adata, key_added={key!r})"
        msg = f"`key`={key!r}: .{where}[{name!r}] is missing (found {list(mapping)}); call `{call}` first."
        raise KeyError(msg)
    return mapping[name]


def _owned(adata: AnnData, keys: Keys) -> Iterable[tuple[Any, str]]:
    """Yield each mapping with the slot that a fit owns in it."""
    yield adata.obsm, keys.activations
    yield adata.varm, keys.programs
    yield adata.uns, keys.record
    yield adata.uns, keys.colors
    for column in (keys.labels, keys.confidence, keys.novelty):
        yield adata.obs, column


def _snapshot(adata: AnnData, keys: Keys) -> Callable[[], None]:
    """Return a function that puts the owned slots back as they are now."""
    before = [mapping.get(name) for mapping, name in _owned(adata, keys)]

    def undo() -> None:
        for value, (mapping, name) in zip(before, _owned(adata, keys), strict=True):
            if value is not None:
                mapping[name] = value
            elif name in mapping:
                del mapping[name]

    return undo


def _remove(adata: AnnData, keys: Keys) -> None:
    for mapping, name in _owned(adata, keys):
        if name in mapping:
            del mapping[name]


def _palette(n: int) -> np.ndarray:
    """Return `n` hex colours from Scanpy's palettes."""
    from scanpy.plotting import palettes

    for palette in (palettes.default_20, palettes.default_28, palettes.default_102):
        if n <= len(palette):
            return np.array(palette[:n], dtype=object)
    return np.array([palettes.default_102[i % 102] for i in range(n)], dtype=object)


def _versions() -> dict[str, str]:
    found = {name: version(name) for name in _PACKAGES}
    try:
        return {**found, "scgsr": version("scgsr")}
    except PackageNotFoundError:  # run from a source tree that is not installed
        return {**found, "scgsr": "not installed"}


def write_programs(adata: AnnData, key: str, effect: np.ndarray, programs: dict[str, Any]) -> None:
    """Write the effects to `.varm` and the tests to the record of a fit; a failure leaves all as it was."""
    if adata.is_view:
        _log.info("`adata` is a view: the results go to a copy of it and not to its parent")
    keys = Keys(key)
    record = {**read_record(adata, key), "programs": programs}
    undo = _snapshot(adata, keys)
    try:
        adata.varm[keys.programs] = np.ascontiguousarray(effect, dtype=np.float32)
        adata.uns[keys.record] = record
    except BaseException:
        undo()
        raise


def read_programs(adata: AnnData, key: str) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the effects, (n_vars, n_modules) float32, and the tests that `programs` has written."""
    record, slot = read_record(adata, key), Keys(key).programs
    if "programs" not in record or slot not in adata.varm:
        msg = f"`key`={key!r}: there are no programs of this fit; call `scgsr.tl.programs(adata, key={key!r})` first."
        raise KeyError(msg)
    return np.asarray(adata.varm[slot]), record["programs"]


def write_saliency(adata: AnnData, key: str, saliency: dict[str, Any]) -> None:
    """Put the gradients into the record of a fit, as a new record, so that a view's parent does not change."""
    if adata.is_view:
        _log.info("`adata` is a view: the results go to a copy of it and not to its parent")
    adata.uns[Keys(key).record] = {**read_record(adata, key), "saliency": saliency}


def read_saliency(adata: AnnData, key: str) -> dict[str, Any]:
    """Return the gradients that `saliency` has written."""
    record = read_record(adata, key)
    if "saliency" not in record:
        msg = f"`key`={key!r}: there is no saliency of this fit; call `scgsr.tl.saliency(adata, key={key!r})` first."
        raise KeyError(msg)
    return record["saliency"]
