"""AnnData -> the columns of a fitted model, block by block: the values of cells that are to be mapped. Reads only."""

from __future__ import annotations

import numbers
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from scgsr import _checks
from scgsr._adata import _arcsinh, _view
from scgsr._checks import log
from scgsr._model import FittedModel
from scgsr._values import Matrix, arcsinh, rows_at_once, slices

if TYPE_CHECKING:
    from anndata import AnnData

# At most this share of a model's features may be filled in.
MOST_FILLED = 0.2
_NAMES_SHOWN = 5
# So many cells tell whether values are transformed already.
_LOOKED_AT = 2000
# Fewer tell it not; and so many times nearer to the cells of the fit must they be as they stand.
_ENOUGH, _CLEARLY = 50, 2


@dataclass(frozen=True, eq=False)
class Query:
    """Where a model's features stand in a matrix, and what takes the place of those that do not."""

    matrix: Matrix  # (n_obs, n_columns)
    features: tuple[str, ...]
    columns: np.ndarray  # (n_features,) int, -1: missing
    filling: np.ndarray  # (n_features,) float32, in the units of the fit
    cofactor: np.ndarray  # (n_features,) float32, of the transform that is still to be applied; NaN: none

    def blocks(self, n_rows: int | None = None) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield rows, (at most n_rows, n_features) float32, in the units of the fit; never the whole matrix."""
        n_rows = rows_at_once(len(self.features)) if n_rows is None else n_rows
        for rows in slices(self.matrix.shape[0], n_rows):
            yield rows, self.rows(np.arange(rows.start, rows.stop))

    def rows(self, index: np.ndarray) -> np.ndarray:
        """Return the rows `index`, (n_rows, n_features) float32, in the units of the fit."""
        return self.transformed(self.untransformed(index))

    def untransformed(self, rows: np.ndarray) -> np.ndarray:
        """Return rows as they are stored, with what is missing filled in, (n_rows, n_features) float32."""
        there = self.columns >= 0
        values = np.empty((len(rows), len(self.columns)), dtype=np.float32)
        block: Any = self.matrix[rows]
        # A sparse matrix may have many more columns than the model takes: first chosen, then made dense.
        chosen = block[:, self.columns[there]]
        with np.errstate(over="ignore"):  # what overflows is refused by name below
            values[:, there] = chosen.toarray() if sparse.issparse(chosen) else chosen
        bad = ~np.isfinite(values[:, there]).all(axis=0)
        if bad.any():
            names = _names(np.asarray(self.features, dtype=object)[there][bad])
            msg = f"`adata` has NaN, infinite or too large values in {bad.sum()} features ({names}); remove them first."
            raise ValueError(msg)
        values[:, ~there] = self.filling[~there]
        return values

    def transformed(self, values: np.ndarray) -> np.ndarray:
        """Return values in the units of the fit."""
        return arcsinh(values, self.cofactor)


def query(adata: AnnData, fitted: FittedModel, *, fill: float | str | None = None) -> Query:
    """Return the values of cells as the model takes them, with the transform that they still need.

    Missing features are refused by name and number, or filled where `fill` says how.
    """
    layer, use_rep, width = (fitted.params.get(name) for name in ("layer", "use_rep", "width"))
    filling = _filling(fill, fitted.mean)
    if use_rep is None:
        matrix = _view.rows(adata, layer=layer)
        names = [str(name) for name in adata.var_names]
    else:
        hint = "The network was fitted on it."
        _checks.existing_key("use_rep", use_rep, adata.obsm.keys(), where=".obsm", hint=hint)
        matrix = _view.rows(adata, use_rep=use_rep)
        if width is not None and matrix.shape[1] != width:
            msg = (
                f"`adata.obsm[{use_rep!r}]` must have {width} columns, as in the fit, got {matrix.shape[1]}: map the "
                "cells into the same representation first."
            )
            raise KeyError(msg)
        names = _view.names_of_representation(adata, use_rep)
    columns = _columns(names, fitted.features, allowed=fill is not None)
    done = _arcsinh.read_cofactors(adata, layer, fitted.features, embedding=use_rep is not None)
    pending = _pending(done, fitted.cofactor, columns >= 0, fitted.features)
    found = Query(matrix, fitted.features, columns, filling, pending)
    _refuse_a_second_time(found, fitted)
    return found


def query_of_results(adata: AnnData, fitted: FittedModel) -> Query:
    """Return the values of cells that carry the results of the model: with features filled in if they were so then."""
    try:
        return query(adata, fitted, fill=fitted.params.get("fill"))
    except _MissingError as missing:
        msg = f"{missing.said}; give all features that it had when it got its results."
        raise KeyError(msg) from None


def pending_cofactors(adata: AnnData, fitted: FittedModel, layer: str | None, names: Sequence[str]) -> np.ndarray:
    """Return the cofactors that features of a layer still need to be as in the fit, (n_names,), NaN for none."""
    nothing = np.full(len(names), np.nan, dtype=np.float32)
    if fitted.params.get("use_rep") is not None or layer != fitted.params.get("layer"):
        return nothing
    done = _arcsinh.read_cofactors(adata, layer, names, embedding=False)
    wanted = pd.Series(fitted.cofactor, index=list(fitted.features)).reindex(list(names)).to_numpy(dtype=np.float32)
    return np.where(np.isfinite(done), np.nan, wanted).astype(np.float32)


def _pending(done: np.ndarray, wanted: np.ndarray, there: np.ndarray, features: tuple[str, ...]) -> np.ndarray:
    """Return the cofactors that are still to be applied, (n_features,) float32, NaN for none."""
    transformed = np.isfinite(done) & there
    differ = transformed & np.isfinite(wanted) & ~np.isclose(done, wanted)
    if differ.any():
        pairs = zip(np.asarray(features)[differ], done[differ], wanted[differ], strict=True)
        names = ", ".join(f"{name} {here:g} (in the fit {fit:g})" for name, here, fit in pairs)
        msg = f"`adata` was transformed with other cofactors than the cells of the fit: {names}; use the same."
        raise ValueError(msg)
    if unknown := int((transformed & ~np.isfinite(wanted)).sum()):
        log.warning("%d features are on record as transformed, and in the fit not: were they, in another way?", unknown)
    return np.where(transformed | ~there, np.nan, wanted).astype(np.float32)


def _refuse_a_second_time(query: Query, fitted: FittedModel) -> None:
    """Raise ValueError if the values are like those of the fit as they stand, and not once transformed."""
    todo = np.isfinite(query.cofactor)
    if not todo.any():
        return
    stored = query.untransformed(np.arange(min(_LOOKED_AT, query.matrix.shape[0])))

    def off(values: np.ndarray) -> float:
        return float(np.median(np.abs(values.mean(axis=0) - fitted.mean)[todo] / fitted.scale[todo]))

    now, then = off(stored), off(query.transformed(stored))
    if (stored[:, todo] == np.round(stored[:, todo])).all():  # whole numbers are counts, however few
        now = np.inf
    # Dim cells, such as blanks, are hardly changed by the transform: then only a clear case is refused.
    if len(stored) >= _ENOUGH and _CLEARLY * now < then:
        msg = (
            f"`adata` looks transformed already: its means lie {now:.2g} standard deviations from those of the fit, "
            f"transformed (again) {then:.2g}; give untransformed values, or keep `.uns['arcsinh']` when copying or "
            "concatenating (`uns_merge='same'`), so that it is known."
        )
        raise ValueError(msg)
    if now < then:
        log.warning("`adata` may be transformed already: without the transform of the fit it is more like its cells")
    log.info("applying the recorded transform of the fit to %d features", int(todo.sum()))


def _filling(fill: float | str | None, means: np.ndarray) -> np.ndarray:
    """Return what takes the place of missing features, in the units of the fit."""
    if fill is None or (isinstance(fill, str) and fill == "mean"):
        return means.astype(np.float32)
    if isinstance(fill, bool) or not isinstance(fill, numbers.Real):
        msg = f"`fill` must be None, 'mean' or a number, got {fill!r}."
        raise (ValueError if isinstance(fill, str) else TypeError)(msg)
    most = float(np.finfo(np.float32).max)
    return np.full(len(means), _checks.number("fill", fill, minimum=-most, maximum=most), dtype=np.float32)


def _columns(names: list[str], features: Sequence[str], *, allowed: bool) -> np.ndarray:
    """Return the place of each feature among `names`, -1 for what is missing."""
    place = {name: column for column, name in enumerate(names)}
    if len(place) < len(names):
        seen: set[str] = set()
        twice = {name for name in names if name in seen or seen.add(name)}  # type: ignore[func-returns-value]
        if unclear := [name for name in features if name in twice]:
            msg = f"`adata` has {len(unclear)} features of the fit twice ({_names(unclear)}); make names unique."
            raise ValueError(msg)
    columns = np.array([place.get(name, -1) for name in features])
    missing = [name for name, column in zip(features, columns, strict=True) if column < 0]
    if missing and (not allowed or len(missing) > MOST_FILLED * len(features)):
        raise _missing(missing, names, features, allowed=allowed)
    if missing:
        log.warning("%d of %d features are missing and filled in: %s", len(missing), len(features), _names(missing))
    if extra := len(names) - len(features) + len(missing):
        log.debug("ignoring %d features that the fit does not know", extra)
    return columns


class _MissingError(KeyError):
    """Features of the fit are missing: what is said, and what helps a first time."""

    def __init__(self, said: str, cure: str) -> None:
        super().__init__(said + cure)
        self.said = said


def _missing(missing: list[str], names: list[str], features: Sequence[str], *, allowed: bool) -> _MissingError:
    said = f"`adata` lacks {len(missing)} of the {len(features)} features of the fit ({_names(missing)})"
    most = int(MOST_FILLED * len(features))
    if len(missing) == len(features):
        cure = f": it has others, such as {_names(names)}; set `adata.var_names` to the same kind of names."
    elif len(missing) > most:
        cure = f"; at most {most} can be filled in."
    else:
        cure = "." if allowed else "; `fill='mean'` takes the mean of each in the fit, `fill=0.0` a number."
    return _MissingError(said, cure)


def _names(names: Sequence[str] | np.ndarray) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(str(name) for name in names[:_NAMES_SHOWN]) + more
