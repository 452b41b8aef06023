"""A fit -> AnnData and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scgsr import _checks, _device, _model
from scgsr._adata._colors import palette
from scgsr._adata._keys import Keys
from scgsr._checks import about, log
from scgsr._model import FittedModel
from scgsr._modules import Labels
from scgsr.graphs import Evolution, NeuronGraph

if TYPE_CHECKING:
    from anndata import AnnData
    from scipy import sparse


def check_free(adata: AnnData, keys: Keys) -> None:
    """Raise ValueError if `keys` would overwrite what no fit has written."""
    record = adata.uns.get(keys.record)
    if adata.obs.index.name in (keys.labels, keys.confidence, keys.held_out, keys.novelty):
        msg = f"`key_added`={keys.key!r}: the index of `.obs` is named {adata.obs.index.name!r}; choose another name."
        raise about("key_added", ValueError(msg))
    earlier_fit = isinstance(record, Mapping) and {"schema", "model", "modules"} <= set(record)
    if earlier_fit or _lost_its_record(adata, keys):
        return
    taken = list(dict.fromkeys(name for mapping, name in _owned(adata, keys) if name in mapping))
    if taken:
        msg = f"`key_added`={keys.key!r} would overwrite {taken}, which no fit has written; choose another name."
        raise about("key_added", ValueError(msg))


def check_copy(adata: AnnData, copy: bool) -> None:
    """Raise TypeError, or ValueError if what is to be copied lies in a file."""
    _checks.instance("copy", copy, bool)
    if copy and getattr(adata, "isbacked", False):
        msg = "`copy`=True cannot copy cells in a file; leave it out: results go to `adata` in memory, the file stays."
        raise about("copy", ValueError(msg))


def check_room(adata: AnnData, n_neurons: int) -> None:
    """Raise MemoryError if there is no room for the activations, before any work."""
    n_bytes, free = 4 * adata.n_obs * n_neurons, _device.free_memory()
    if n_bytes > free:
        msg = (
            f"`adata`: the activations of {adata.n_obs:,} cells x {n_neurons} neurons take {n_bytes / 1e9:.0f} GB, and "
            f"{free / 1e9:.0f} GB of memory are free; fit a sample, `scgsr.tl.fit(adata[rows].to_memory())`, save its "
            "model, and map all cells into a file: `scgsr transform INPUT OUTPUT.zarr --reference MODEL`."
        )
        raise about("adata", MemoryError(msg))


def _lost_its_record(adata: AnnData, keys: Keys) -> bool:
    """Whether the slots look like those of a fit without `.uns`, which concatenation drops."""
    if keys.activations not in adata.obsm or keys.confidence not in adata.obs or keys.record in adata.uns:
        return False
    # An outer join turns them into float64.
    return all(
        np.issubdtype(values.dtype, np.floating)
        for values in (adata.obsm[keys.activations], adata.obs[keys.confidence])
    )


def tell_of_view(adata: AnnData) -> None:
    """Say in the log that what is about to be written does not reach the parent of a view."""
    if adata.is_view:
        log.info("`adata` is a view: the results go to a copy of it and not to its parent")


def write(
    adata: AnnData,
    keys: Keys,
    fitted: FittedModel,
    activations: np.ndarray | None,
    labels: Labels,
    *,
    held_out: np.ndarray | None,
    novelty: np.ndarray | None = None,
    colors: np.ndarray | None = None,
) -> None:
    """Write one fit's slots; what an earlier fit left under the same key goes, and a failure leaves all as it was.

    Parameters
    ----------
    adata
        The object to write to.
    keys
        Names of the slots.
    fitted
        The fit, with the modules by which the cells are labelled.
    activations, labels
        Those of the cells, (n_obs, n_neurons) and (n_obs,); None for activations that are in a file already.
    held_out
        Which cells the network was not trained on, (n_obs,) bool; None if nobody knows.
    novelty
        Of cells that the fit has not seen, (n_obs,). Their labels, too, have the categories of the fit.
    colors
        Those of the labels, if they are to have others than Scanpy would choose.
    """
    tell_of_view(adata)
    if keys.record in adata.uns or keys.activations in adata.obsm:
        log.info("overwriting the results under key %r", keys.key)
    n_labels = max(1, fitted.modules.n_modules)
    categories = pd.Categorical.from_codes(labels.codes, categories=[str(module) for module in range(n_labels)])
    undo = snapshot(adata, keys)
    try:
        _remove(adata, keys)
        if activations is not None:
            adata.obsm[keys.activations] = np.ascontiguousarray(activations, dtype=np.float32)
        adata.obs[keys.labels] = pd.Series(categories, index=adata.obs_names)
        adata.obs[keys.confidence] = labels.confidence
        for column, values in ((keys.held_out, held_out), (keys.novelty, novelty)):
            if values is not None:
                adata.obs[column] = values
        adata.uns[keys.record] = fitted.to_record()
        adata.uns[keys.colors] = palette(n_labels) if colors is None or len(colors) != n_labels else colors
    except BaseException:
        undo()
        raise


def read_record(adata: AnnData, key: str) -> dict[str, Any]:
    """Return `.uns[key]`."""
    from anndata import AnnData

    _checks.instance("adata", adata, AnnData)
    if _lost_its_record(adata, Keys(key)):
        msg = (
            f"`key`={key!r}: .uns[{key!r}] is missing, though the activations are there; concatenation drops `.uns` "
            "unless told `uns_merge='same'`. Concatenate again, or call `scgsr.tl.fit`."
        )
        raise about("key", KeyError(msg))
    return _slot(adata.uns, Keys(key).record, "uns", key)


def read_activations(adata: AnnData, key: str) -> np.ndarray:
    """Return the activations, (n_obs, n_neurons) float32."""
    from anndata import AnnData

    _checks.instance("adata", adata, AnnData)
    return _slot(adata.obsm, Keys(key).activations, "obsm", key)


def read_labels(adata: AnnData, key: str) -> np.ndarray:
    """Return the label of each cell, (n_obs,) of objects."""
    labels = Keys(key).labels
    _checks.existing_key("key", labels, adata.obs, where="`adata.obs`", hint="Call `scgsr.tl.cluster` to label again.")
    return adata.obs[labels].to_numpy(dtype=object)


def read_held_out(adata: AnnData, key: str) -> np.ndarray | None:
    """Return which cells the network was not trained on, (n_obs,) bool; None if nobody knows."""
    column = adata.obs.get(Keys(key).held_out)
    # After an outer join the column may be of objects, with missing values: of such cells nobody knows.
    return None if column is None else column.isin([True]).to_numpy()


def may_be_results_of(adata: AnnData, key: str, fitted: FittedModel) -> bool:
    """Return whether the results under a key come from this network; True if the record in `.uns` is missing."""
    record = adata.uns.get(Keys(key).record)
    if record is None:
        return True
    stored = record["model"]["arrays"]
    weights = fitted.network.state_dict().items()
    return all(name in stored and np.array_equal(stored[name], value.cpu().numpy()) for name, value in weights)


def read_colors(adata: AnnData, key: str) -> np.ndarray | None:
    """Return the colours of the labels; None if there are none."""
    colors = adata.uns.get(Keys(key).colors)
    return None if colors is None else np.array(colors, dtype=object)


def read_novelty(adata: AnnData, key: str) -> np.ndarray | None:
    """Return the novelty of mapped cells, (n_obs,) float32; None for those of a fit."""
    column = adata.obs.get(Keys(key).novelty)
    return None if column is None else column.to_numpy(dtype=np.float32)


def read_graph(adata: AnnData, key: str) -> NeuronGraph:
    """Return the neuron graph."""
    return _model.graph_from_dict(read_record(adata, key)["graph"])


def read_model(adata: AnnData, key: str) -> FittedModel:
    """Return the fitted model."""
    record = read_record(adata, key)
    _model.check_schema(record, where=f"`key`={key!r}")
    return FittedModel.from_record(_model.in_current_form(record))


def read_model_that_fires(adata: AnnData, key: str) -> FittedModel:
    """Return the fitted model, refused if no neuron ever fires."""
    model = read_model(adata, key)
    if model.modules.n_modules == 0:
        msg = f"`key`={key!r}: this fit has no modules, as no neuron fires; call `scgsr.tl.fit` with other settings."
        raise about("key", ValueError(msg))
    return model


def read_evolution(adata: AnnData, key: str) -> list[tuple[int, sparse.csr_matrix]]:
    """Return the estimates of a learned graph in the order they were made: the epoch and the adjacency of each."""
    record = read_record(adata, key)
    evolution = Evolution.from_dict(record["evolution"]) if "evolution" in record else Evolution()
    if not evolution.epochs:
        msg = (
            f"`key`={key!r}: no estimates of the neuron graph are stored, as only `scgsr.graphs.learned` graphs "
            f"evolve; call `scgsr.tl.fit(adata, scgsr.graphs.learned(), key_added={key!r})`."
        )
        raise about("key", ValueError(msg))
    return list(zip(evolution.epochs, evolution.adjacencies, strict=True))


def _slot(mapping: Any, name: str, where: str, key: str) -> Any:
    if name not in mapping:
        call = f"scgsr.tl.fit(adata, key_added={key!r})"
        msg = f"`key`={key!r}: .{where}[{name!r}] is missing (found {list(mapping)}); call `{call}` first."
        raise about("key", KeyError(msg))
    return mapping[name]


def _owned(adata: AnnData, keys: Keys) -> Iterable[tuple[Any, str]]:
    """Yield each mapping with the slot that a fit owns in it."""
    yield adata.obsm, keys.activations
    yield adata.varm, keys.programs
    yield adata.uns, keys.record
    yield adata.uns, keys.colors
    yield adata.uns, keys.consensus_colors
    for column in (keys.labels, keys.confidence, keys.held_out, keys.novelty, keys.consensus, keys.stability):
        yield adata.obs, column


def snapshot(adata: AnnData, keys: Keys) -> Callable[[], None]:
    """Return a function that puts the owned slots back as they are now."""
    before = [mapping.get(name) for mapping, name in _owned(adata, keys)]
    columns = list(adata.obs.columns)

    def undo() -> None:
        for value, (mapping, name) in zip(before, _owned(adata, keys), strict=True):
            if value is not None:
                mapping[name] = value
            elif name in mapping:
                del mapping[name]
        if list(adata.obs.columns) != columns:  # what was put back stands last
            adata.obs = adata.obs[columns]

    return undo


def _remove(adata: AnnData, keys: Keys) -> None:
    for mapping, name in _owned(adata, keys):
        if name in mapping:
            del mapping[name]
