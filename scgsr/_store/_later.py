"""What is asked of a fit later, scores, programs and saliency -> its record, and back."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from scgsr._keys import Keys
from scgsr._store._fit import read_record, snapshot

if TYPE_CHECKING:
    from anndata import AnnData

_log = logging.getLogger("scgsr")


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


def write_programs(adata: AnnData, key: str, effect: np.ndarray, programs: dict[str, Any]) -> None:
    """Write the effects to `.varm` and the tests to the record of a fit; a failure leaves all as it was."""
    if adata.is_view:
        _log.info("`adata` is a view: the results go to a copy of it and not to its parent")
    keys = Keys(key)
    record = {**read_record(adata, key), "programs": programs}
    undo = snapshot(adata, keys)
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
