"""A fit -> AnnData: whole or not at all, and nothing that is somebody else's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scgsr import _checks, _device
from scgsr._adata._colors import palette
from scgsr._adata._keys import Keys, columns_of
from scgsr._adata._results import check_once, is_record, lost_its_record
from scgsr._checks import about, log
from scgsr._model import FittedModel
from scgsr._modules import Labels

if TYPE_CHECKING:
    from anndata import AnnData


def check_free(adata: AnnData, keys: Keys) -> None:
    """Raise ValueError if `keys` would overwrite what no fit has written."""
    if adata.obs.index.name in (keys.labels, keys.confidence, keys.held_out, keys.novelty, keys.fit):
        msg = f"`key_added`={keys.key!r}: the index of `.obs` is named {adata.obs.index.name!r}; choose another name."
        raise about("key_added", ValueError(msg))
    check_once(adata, "key_added", keys)
    if is_record(adata.uns.get(keys.record)) or lost_its_record(adata, keys):
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
    colors: Sequence[str] | None = None,
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
        Which cells the network was not trained on, (n_obs,) bool; None if not known.
    novelty
        Of cells that the fit has not seen, (n_obs,). Their labels, too, have the categories of the fit.
    colors
        Of each of the fit's `labels`, if they are to have others than Scanpy would choose.
    """
    tell_of_view(adata)
    if keys.record in adata.uns or keys.activations in adata.obsm:
        log.info("overwriting the results under key %r", keys.key)
    names = np.array(fitted.names or ["0"], dtype=object)  # of modules, some of which may have one name
    categories = pd.Categorical(names[labels.codes], categories=fitted.labels)
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
        record = fitted.to_record()
        adata.obs[keys.fit] = pd.Categorical.from_codes(np.zeros(adata.n_obs, dtype=np.int8), categories=[record["id"]])
        adata.uns[keys.record] = record
        own_colors = palette(len(fitted.labels)) if colors is None else np.array(colors, dtype=object)
        adata.uns[keys.colors] = own_colors
    except BaseException:
        undo()
        raise


def _owned(adata: AnnData, keys: Keys) -> Iterable[tuple[Any, str]]:
    """Yield each mapping with the slot that a fit owns in it."""
    yield adata.obsm, keys.activations
    yield adata.varm, keys.programs
    yield adata.uns, keys.record
    yield adata.uns, keys.colors
    yield adata.uns, keys.consensus_colors
    for column in columns_of(keys):
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
