"""What a fit has left in an AnnData: read only if the record is whole and all cells come from the fit on record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scgsr import _checks, _model
from scgsr._adata._keys import Keys, columns_of
from scgsr._checks import about
from scgsr._model import FittedModel, Identity
from scgsr._values import slices
from scgsr.graphs import Evolution, NeuronGraph

if TYPE_CHECKING:
    from anndata import AnnData
    from scipy import sparse

# What is left of a record, whatever concatenation takes away: the fits of two samples, too, have this in common.
_LEAST_OF_A_RECORD = {"schema", "versions"}
_CELLS_AT_ONCE = 1 << 16
_HOW_TO_JOIN = (
    "map one sample with the fit of the other before you join them (`scgsr.tl.transform(second, first)`), and keep the "
    "record (`anndata.concat(..., uns_merge='same')`)"
)


def is_record(value: Any) -> bool:
    """Whether a value of `.uns` is the record of a fit, or what concatenation has left of one."""
    return isinstance(value, Mapping) and set(value) >= _LEAST_OF_A_RECORD


def lost_its_record(adata: AnnData, keys: Keys) -> bool:
    """Whether the slots look like those of a fit without `.uns`, which concatenation drops."""
    if keys.activations not in adata.obsm or keys.confidence not in adata.obs or keys.record in adata.uns:
        return False
    # An outer join turns them into float64.
    return all(
        np.issubdtype(values.dtype, np.floating)
        for values in (adata.obsm[keys.activations], adata.obs[keys.confidence])
    )


def check_once(adata: AnnData, argument: str, keys: Keys) -> None:
    """Raise ValueError if several columns of `.obs` have the name of one that a fit owns."""
    names = list(adata.obs.columns)
    if twice := [name for name in columns_of(keys) if names.count(name) > 1]:
        msg = f"`{argument}`={keys.key!r}: `adata.obs` has the columns {twice} more than once; rename those of others."
        raise about(argument, ValueError(msg))


def read_model(adata: AnnData, key: str) -> FittedModel:
    """Return the fitted model, refused if the record of the fit is not whole."""
    return _model_of(_record(adata, key), key)


def read_record(adata: AnnData, key: str) -> dict[str, Any]:
    """Return the record of the fit, refused if it is not whole."""
    record = _record(adata, key)
    _model_of(record, key)
    return record


def _record(adata: AnnData, key: str) -> dict[str, Any]:
    from anndata import AnnData

    _checks.instance("adata", adata, AnnData)
    _checks.instance("key", key, str)
    keys = Keys(key)
    check_once(adata, "key", keys)
    if lost_its_record(adata, keys):
        msg = (
            f"`key`={key!r}: .uns[{key!r}] is missing, though the activations are there; concatenation drops `.uns` "
            "unless told `uns_merge='same'`. Concatenate cells of one fit again, or call `scgsr.tl.fit`."
        )
        raise about("key", KeyError(msg))
    record = _slot(adata.uns, keys.record, "uns", key)
    if not is_record(record):
        msg = f"`key`={key!r}: .uns[{key!r}] is something else than a fit ({_fits_in(adata)}); name the key of a fit."
        raise about("key", KeyError(msg))
    return record


def _fits_in(adata: AnnData) -> str:
    fits = [name for name, value in adata.uns.items() if is_record(value)]
    return f"fits are under {fits}" if fits else "there is none; call `scgsr.tl.fit` first"


def _model_of(record: Mapping[str, Any], key: str) -> FittedModel:
    _model.check_schema(record, where=f"`key`={key!r}")
    try:
        return FittedModel.from_record(record)
    except ValueError as error:
        msg = (
            f"`key`={key!r}: the record of the fit in .uns[{key!r}] is not whole ({error}). If samples were fitted "
            f"apart and then joined, {_HOW_TO_JOIN}; else call `scgsr.tl.fit` again."
        )
        raise about("key", ValueError(msg)) from error


def read_model_that_fires(adata: AnnData, key: str) -> FittedModel:
    """Return the fitted model, refused if no neuron ever fires."""
    model = read_model(adata, key)
    if model.modules.n_modules == 0:
        msg = f"`key`={key!r}: this fit has no modules, as no neuron fires; call `scgsr.tl.fit` with other settings."
        raise about("key", ValueError(msg))
    return model


def read_graph(adata: AnnData, key: str) -> NeuronGraph:
    """Return the neuron graph."""
    return read_model(adata, key).graph


def read_evolution(adata: AnnData, key: str) -> list[tuple[int, sparse.csr_matrix]]:
    """Return the estimates of a learned graph in the order they were made: the epoch and the adjacency of each."""
    evolution: Evolution = read_model(adata, key).evolution
    if not evolution.epochs:
        msg = (
            f"`key`={key!r}: no estimates of the neuron graph are stored, as only `scgsr.graphs.learned` graphs "
            f"evolve; call `scgsr.tl.fit(adata, scgsr.graphs.learned(), key_added={key!r})`."
        )
        raise about("key", ValueError(msg))
    return list(zip(evolution.epochs, evolution.adjacencies, strict=True))


def read_activations(adata: AnnData, key: str, *, of_any_modules: bool = False) -> np.ndarray:
    """Return the activations, (n_obs, n_neurons) float32: finite, and all of the fit on record.

    The labels that stand beside them are of its modules, too, unless `of_any_modules`.
    """
    model, activations = read_model(adata, key), stored_activations(adata, key)
    _check_activations(activations, (adata.n_obs, model.graph.n_neurons), key)
    check_cells(adata, key, of_any_modules=of_any_modules)
    return activations


def stored_activations(adata: AnnData, key: str) -> Any:
    """Return what stands where activations should, in memory or in a file; refused if nothing does."""
    return _slot(adata.obsm, Keys(key).activations, "obsm", key)


def _check_activations(activations: Any, shape: tuple[int, int], key: str) -> None:
    where = f"`key`={key!r}: .obsm[{Keys(key).activations!r}]"
    kind, found = getattr(getattr(activations, "dtype", None), "kind", ""), getattr(activations, "shape", None)
    if kind != "f" or found != shape:
        msg = f"{where} is no longer what the fit has written, floats of shape {shape}; {_map_all(key)}."
        raise about("key", ValueError(msg))
    parts = slices(shape[0], _CELLS_AT_ONCE)
    if n_lost := sum(int((~np.isfinite(activations[part]).all(axis=1)).sum()) for part in parts):
        msg = f"{where} has no activations for {n_lost} of {shape[0]} cells; {_map_all(key)}."
        raise about("key", ValueError(msg))


def _map_all(key: str) -> str:
    named, added = ("", "") if key == Keys().key else (f", key={key!r}", f", key_added={key!r}")
    return f"map all cells by one fit, `scgsr.tl.transform(adata, scgsr.get.model(adata{named}){added})`"


def check_cells(adata: AnnData, key: str, *, of_any_modules: bool = False) -> None:
    """Raise ValueError if cells carry results of another fit than that on record, or labels by other modules."""
    identities = _identities(adata, key)
    if identities is None:
        return
    on_record = identity_of(_record(adata, key))
    of_cells = {text: Identity.of_text(text) for text in identities.unique()}
    of_other_fits = [text for text, identity in of_cells.items() if identity.network != on_record.network]
    of_other_modules = [text for text, identity in of_cells.items() if identity.modules != on_record.modules]
    for others, what in (
        (of_other_fits, "results of another fit than that"),
        (
            [] if of_any_modules else of_other_modules,
            "labels by other modules than those, as one part was clustered anew,",
        ),
    ):
        if others:
            n_others = int(identities.isin(others).sum())
            msg = f"`key`={key!r}: {n_others} of {adata.n_obs} cells carry {what} in .uns[{key!r}]; {_map_all(key)}."
            raise about("key", ValueError(msg))


def identity_of(record: Mapping[str, Any]) -> Identity:
    """Return which fit a whole record is of."""
    return Identity.of_text(str(_model.in_current_form(record)["id"]))


def _identities(adata: AnnData, key: str) -> pd.Series | None:
    """Return which fit each cell has its results from, "" where that is missing; None for results of older versions."""
    column = adata.obs.get(Keys(key).fit)
    return None if column is None else column.astype(object).where(column.notna(), "").astype(str)


def results_of(adata: AnnData, key: str, fitted: FittedModel) -> np.ndarray:
    """Return which cells have their results under a key from this network, as far as anybody can know, (n_obs,) bool.

    Without any record it may be that all have.
    """
    network = identity_of(fitted.to_record()).network
    identities = _identities(adata, key)
    if identities is not None:
        return identities.map(lambda text: Identity.of_text(text).network == network).to_numpy(dtype=bool)
    record = adata.uns.get(Keys(key).record)
    if record is None:
        return np.ones(adata.n_obs, dtype=bool)
    try:
        return np.full(adata.n_obs, identity_of(read_record(adata, key)).network == network)
    except (KeyError, ValueError):  # not whole: of this fit or of others
        return np.zeros(adata.n_obs, dtype=bool)


def read_labels(adata: AnnData, key: str) -> np.ndarray:
    """Return the label of each cell, (n_obs,) of objects."""
    labels = Keys(key).labels
    _checks.existing_key("key", labels, adata.obs, where="`adata.obs`", hint="Call `scgsr.tl.cluster` to label again.")
    check_cells(adata, key)
    return adata.obs[labels].to_numpy(dtype=object)


def read_held_out(adata: AnnData, key: str) -> np.ndarray | None:
    """Return which cells the network was not trained on, (n_obs,) bool; None if not known."""
    column = adata.obs.get(Keys(key).held_out)
    # After an outer join the column may be of objects, with missing values: for such cells it is not known.
    return None if column is None else column.isin([True]).to_numpy()


def read_novelty(adata: AnnData, key: str) -> np.ndarray | None:
    """Return the novelty of mapped cells, (n_obs,) float32, NaN for cells of a fit beside them; None if all are."""
    column = adata.obs.get(Keys(key).novelty)
    return None if column is None else column.to_numpy(dtype=np.float32, na_value=np.nan)


def _slot(mapping: Any, name: str, where: str, key: str) -> Any:
    if name not in mapping:
        call = f"scgsr.tl.fit(adata, key_added={key!r})"
        msg = f"`key`={key!r}: .{where}[{name!r}] is missing (found {list(mapping)}); call `{call}` first."
        raise about("key", KeyError(msg))
    return mapping[name]
