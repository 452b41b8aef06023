"""AnnData -> the columns of a fitted model, block by block: the values of cells that are to be mapped. Reads only."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scgsr import _checks, _view
from scgsr._arcsinh import arcsinh
from scgsr._batches import Matrix, dense_rows

if TYPE_CHECKING:
    from anndata import AnnData

_log = logging.getLogger("scgsr")

# At most this share of a model's features may be filled in.
MOST_FILLED = 0.2
_NAMES_SHOWN = 5
_ROWS_AT_ONCE = 8192


@dataclass(frozen=True, eq=False)
class Query:
    """Where a model's features stand in a matrix, and what takes the place of those that do not."""

    matrix: Matrix  # (n_obs, n_columns)
    features: tuple[str, ...]
    columns: np.ndarray  # (n_features,) int, -1: missing
    filling: np.ndarray  # (n_features,) float32, in the units of the fit
    cofactor: np.ndarray  # (n_features,) float32, of the transform that is still to be applied; NaN: none

    def blocks(self, n_rows: int = _ROWS_AT_ONCE) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield rows, (at most n_rows, n_features) float32, in the units of the fit; never the whole matrix."""
        for start in range(0, self.matrix.shape[0], n_rows):
            rows = slice(start, min(start + n_rows, self.matrix.shape[0]))
            yield rows, self.transformed(self.untransformed(rows))

    def untransformed(self, rows: slice) -> np.ndarray:
        """Return rows as they are stored, with what is missing filled in, (n_rows, n_features) float32."""
        there = self.columns >= 0
        values = np.empty((rows.stop - rows.start, len(self.columns)), dtype=np.float32)
        values[:, there] = dense_rows(self.matrix, rows)[:, self.columns[there]]
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


def query(
    adata: AnnData,
    features: Sequence[str],
    *,
    layer: str | None,
    use_rep: str | None,
    width: int | None,
    fill: float | str | None,
    means: np.ndarray,
) -> Query:
    """Return where the features are; missing ones are refused by name and number, or filled where `fill` says how."""
    if adata.isbacked:
        msg = "`adata` is backed by a file; load it first with `adata.to_memory()`."
        raise TypeError(msg)
    filling = _filling(fill, means)
    if use_rep is None:
        matrix = _view.rows(adata, layer=layer)
        names = [str(name) for name in adata.var_names]
    else:
        _checks.existing_key(
            "use_rep", use_rep, adata.obsm.keys(), where=".obsm", hint="The reference was fitted on it."
        )
        matrix = _view.rows(adata, use_rep=use_rep)
        if width is not None and matrix.shape[1] != width:
            msg = (
                f"`adata.obsm[{use_rep!r}]` must have {width} columns, as in the reference, got {matrix.shape[1]}: map "
                "the cells into the same representation first."
            )
            raise KeyError(msg)
        names = [f"{use_rep}_{column}" for column in range(matrix.shape[1])]
    columns = _columns(names, features, allowed=fill is not None)
    nothing = np.full(len(features), np.nan, dtype=np.float32)
    return Query(matrix, tuple(features), columns, filling, nothing)


def _filling(fill: float | str | None, means: np.ndarray) -> np.ndarray:
    """Return what takes the place of missing features, in the units of the fit."""
    if fill is None or (isinstance(fill, str) and fill == "mean"):
        return means.astype(np.float32)
    if isinstance(fill, str):
        msg = f"`fill` must be None, 'mean' or a number, got {fill!r}."
        raise ValueError(msg)
    return np.full(len(means), _checks.number("fill", fill), dtype=np.float32)


def _columns(names: list[str], features: Sequence[str], *, allowed: bool) -> np.ndarray:
    """Return the place of each feature among `names`, -1 for what is missing."""
    place = {name: column for column, name in enumerate(names)}
    if len(place) < len(names):
        seen: set[str] = set()
        twice = {name for name in names if name in seen or seen.add(name)}  # type: ignore[func-returns-value]
        if unclear := [name for name in features if name in twice]:
            msg = f"`adata` has {len(unclear)} features of the reference twice ({_names(unclear)}); make names unique."
            raise ValueError(msg)
    columns = np.array([place.get(name, -1) for name in features])
    missing = [name for name, column in zip(features, columns, strict=True) if column < 0]
    if missing and (not allowed or len(missing) > MOST_FILLED * len(features)):
        raise KeyError(_missing(missing, names, features, allowed=allowed))
    if missing:
        _log.warning("%d of %d features are missing and filled in: %s", len(missing), len(features), _names(missing))
    if extra := len(names) - len(features) + len(missing):
        _log.info("ignoring %d features that the reference does not know", extra)
    return columns


def _missing(missing: list[str], names: list[str], features: Sequence[str], *, allowed: bool) -> str:
    """Return what is missing, and what helps."""
    said = f"`adata` lacks {len(missing)} of the {len(features)} features of the reference ({_names(missing)})"
    if len(missing) == len(features):
        return f"{said}: it has others, such as {_names(names)}; set `adata.var_names` to the same kind of names."
    most = int(MOST_FILLED * len(features))
    if len(missing) > most:
        return f"{said}; at most {most} can be filled in."
    return said + ("." if allowed else "; `fill='mean'` takes the mean of the reference for each, `fill=0.0` a number.")


def _names(names: Sequence[str] | np.ndarray) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(str(name) for name in names[:_NAMES_SHOWN]) + more
