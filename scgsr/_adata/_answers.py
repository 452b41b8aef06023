"""What verbs answer about a fit, in its record: scores, programs, saliency, silence and more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scgsr._adata._fit import snapshot, tell_of_view
from scgsr._adata._keys import Keys
from scgsr._adata._names import distinct, read_named_model
from scgsr._adata._results import read_record
from scgsr._checks import about

if TYPE_CHECKING:
    from anndata import AnnData


# What belongs to each answer, and its type: of a table, the columns that are read.
_ARRAY = (np.ndarray, pd.api.extensions.ExtensionArray)
_TEST = ["level", "effect", "low", "high", "t", "p", "q"]
_PARTS: dict[str, dict[str, Any]] = {
    "scores": {"table": ["metric", "group", "value", "null_mean", "null_sd"], "verdict": str, "advice": str},
    "programs": dict.fromkeys(("names", "scores", "pvals", "pvals_adj"), _ARRAY),
    "saliency": {**dict.fromkeys(("values", "groups", "names"), _ARRAY), "groupby": str},
    "silence": {
        **dict.fromkeys(("loss", "expected", "pvals", "n_neurons", "regions", "groups", "labels"), _ARRAY),
        "groupby": str,
    },
    "compare": {
        "abundance": ["module", *_TEST],
        "state": ["module", "names", *_TEST],
        "neurons": ["neuron", *_TEST],
        "params": Mapping,
    },
    "consensus": {
        "modules": ["module", "n_cells", "stability", "found", "verdict"],
        "fits": ["module", "fit", "match", "overlap", "outcome"],
        "n_modules": _ARRAY,
    },
}


def write_scores(adata: AnnData, key: str, scores: dict[str, Any]) -> None:
    """Put the scores into the record of a fit."""
    write_answer(adata, key, "scores", scores)


def read_scores(adata: AnnData, key: str) -> dict[str, Any]:
    """Return the table, verdict and advice that `score` has written."""
    return read_answer(adata, key, "scores", "score", "there are no scores")


def write_programs(adata: AnnData, key: str, effect: np.ndarray, programs: dict[str, Any]) -> None:
    """Write the effects to `.varm` and the tests to the record of a fit; a failure leaves all as it was."""
    undo = snapshot(adata, Keys(key))
    try:
        write_answer(adata, key, "programs", programs)
        adata.varm[Keys(key).programs] = np.ascontiguousarray(effect, dtype=np.float32)
    except BaseException:
        undo()
        raise


def read_programs(adata: AnnData, key: str) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the effects, (n_vars, n_modules) float32, and the tests that `programs` has written."""
    complete = Keys(key).programs in adata.varm
    tests = read_answer(adata, key, "programs", "programs", "there are no programs", complete=complete)
    effect, n_names = np.asarray(adata.varm[Keys(key).programs]), len(tests["names"])
    of_tests = {tests[name].shape for name in ("scores", "pvals", "pvals_adj")}
    if effect.ndim != 2 or not effect.size or of_tests != {(n_names, effect.shape[1])}:
        raise _not_whole(key, "programs", "programs")
    return effect, tests


def write_saliency(adata: AnnData, key: str, saliency: dict[str, Any]) -> None:
    """Put the gradients into the record of a fit."""
    write_answer(adata, key, "saliency", saliency)


def read_saliency(adata: AnnData, key: str) -> dict[str, Any]:
    """Return the gradients that `saliency` has written."""
    found = read_answer(adata, key, "saliency", "saliency", "there is no saliency")
    shape = found["values"].shape
    if len(shape) != 3 or (shape[0], shape[2]) != (len(found["groups"]), len(found["names"])):
        raise _not_whole(key, "saliency", "saliency")
    return found


def write_silence(adata: AnnData, key: str, silence: dict[str, Any]) -> None:
    """Put the losses by silenced regions into the record of a fit."""
    write_answer(adata, key, "silence", silence)


def read_silence(adata: AnnData, key: str) -> dict[str, Any]:
    """Return the losses that `silence` has written.

    Regions and groups that are modules have the names that the labels have now.
    """
    found = read_answer(adata, key, "silence", "silence", "no region of it was silenced")
    shape = len(found["regions"]), len(found["groups"])
    tables = {found[name].shape for name in ("loss", "expected", "pvals")}
    if tables != {shape} or found["n_neurons"].shape != shape[:1]:
        raise _not_whole(key, "silence", "silence")
    before, now = [str(name) for name in found["labels"]], list(read_named_model(adata, key).names)
    regions, groups = [str(name) for name in found["regions"]], [str(name) for name in found["groups"]]
    renamed = dict(zip(distinct(before), distinct(now), strict=True))
    if set(regions) <= set(renamed):
        regions = [renamed[name] for name in regions]
    if found["groupby"] == Keys(key).labels:
        labels = dict(zip(before, now, strict=True))
        groups = [labels.get(name, name) for name in groups]
    return {**found, "regions": regions, "groups": groups}


def write_compare(adata: AnnData, key: str, compared: dict[str, Any]) -> None:
    """Put the tests of samples into the record of a fit."""
    write_answer(adata, key, "compare", compared)


def read_compare(adata: AnnData, key: str) -> dict[str, Any]:
    """Return the tests that `compare` has written."""
    return read_answer(adata, key, "compare", "compare", "samples were not compared by the modules")


def write_answer(adata: AnnData, key: str, name: str, value: dict[str, Any]) -> None:
    """Add an entry to the record, by a new record, so that a view is copied and its parent stays as it is."""
    tell_of_view(adata)
    adata.uns[Keys(key).record] = {**read_record(adata, key), name: value}


def answered(adata: AnnData, key: str) -> set[str]:
    """Return which answers a fit has in full: "scores", "programs", "saliency", "compare"."""
    found = {"scores", "programs", "saliency", "compare"} & set(read_record(adata, key))
    return found if Keys(key).programs in adata.varm else found - {"programs"}


def read_answer(
    adata: AnnData, key: str, name: str, verb: str, missing: str, *, complete: bool = True
) -> dict[str, Any]:
    """Return an entry of the record; without it, or if parts of it are not there, name the call that makes it."""
    answer = read_record(adata, key).get(name)
    if not isinstance(answer, Mapping) or not complete or not set(_PARTS[name]) <= set(answer):
        msg = f"`key`={key!r}: {missing} of this fit; call `scgsr.tl.{verb}(adata, key={key!r})` first."
        raise about("key", KeyError(msg))
    if not all(_is(answer[part], kind) for part, kind in _PARTS[name].items()):
        raise _not_whole(key, name, verb)
    return dict(answer)


def _is(value: Any, kind: Any) -> bool:
    """Whether a part of an answer has its type, and a table its columns."""
    if isinstance(kind, list):
        return isinstance(value, pd.DataFrame) and set(kind) <= set(value.columns)
    return isinstance(value, kind)


def _not_whole(key: str, name: str, verb: str) -> ValueError:
    msg = f"`key`={key!r}: .uns[{key!r}][{name!r}] is not whole; call `scgsr.tl.{verb}(adata, key={key!r})` again."
    return about("key", ValueError(msg))
