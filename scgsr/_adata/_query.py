"""AnnData -> the features that a fitted model takes, in its order and units, block by block. Reads only."""

from __future__ import annotations

import numbers
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scgsr import _checks
from scgsr._adata import _arcsinh, _view
from scgsr._checks import about, listed, log
from scgsr._model import FittedModel
from scgsr._values import Matrix, Rows, arcsinh, dense_rows, rows_at_once, rows_read, slices

if TYPE_CHECKING:
    from anndata import AnnData

# At most this share of a model's features may be filled in.
MOST_FILLED = 0.2
# So many cells are compared with those of the fit, to see whether they are transformed already.
CELLS_COMPARED = 2000
# Fewer cells than this are too few to refuse them as transformed already.
FEWEST_COMPARED = 50
# Values are refused as transformed already if they are so many times nearer to the cells of the fit as they stand.
CLEARLY_NEARER = 2


@dataclass(frozen=True, eq=False)
class Query:
    """Where a model's features stand in a matrix, and what takes the place of those that do not."""

    matrix: Rows  # (n_obs, n_columns)
    features: tuple[str, ...]
    columns: np.ndarray  # (n_features,) int, -1: missing
    filling: np.ndarray  # (n_features,) float32, in the units of the fit
    cofactor: np.ndarray  # (n_features,) float32, of the transform that is still to be applied; NaN: none

    def blocks(self, n_rows: int | None = None) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield rows, (at most n_rows, n_features) float32, in the units of the fit; never the whole matrix."""
        n_rows = rows_at_once(len(self.features)) if n_rows is None else n_rows
        for read in slices(self.matrix.shape[0], rows_read(self.matrix)):
            block = self.matrix[read]
            for rows in slices(block.shape[0], n_rows):
                values = self.transformed(self._features(block[rows]))
                yield slice(read.start + rows.start, read.start + rows.stop), values

    def rows(self, index: np.ndarray) -> np.ndarray:
        """Return the rows `index`, (n_rows, n_features) float32, in the units of the fit."""
        return self.transformed(self.untransformed(index))

    def untransformed(self, index: np.ndarray) -> np.ndarray:
        """Return rows as they are stored, with what is missing filled in, (n_rows, n_features) float32."""
        return self._features(self.matrix[index])

    def _features(self, block: Matrix) -> np.ndarray:
        """Return the features of rows, with what is missing filled in, (n_rows, n_features) float32."""
        present = self.columns >= 0
        values = np.empty((block.shape[0], len(self.columns)), dtype=np.float32)
        # A sparse matrix may have many more columns than the model takes: first chosen, then made dense.
        chosen = block[:, self.columns[present]]
        with np.errstate(over="ignore"):  # what overflows is refused by name below
            values[:, present] = dense_rows(chosen, slice(None))
        bad = ~np.isfinite(values[:, present]).all(axis=0)
        if bad.any():
            names = listed(list(np.asarray(self.features, dtype=object)[present][bad]))
            msg = f"`adata` has NaN, infinite or too large values in {bad.sum()} features ({names}); remove them first."
            raise about("adata", ValueError(msg))
        values[:, ~present] = self.filling[~present]
        return values

    def transformed(self, values: np.ndarray) -> np.ndarray:
        """Return values in the units of the fit."""
        return arcsinh(values, self.cofactor)


def query(adata: AnnData, fitted: FittedModel, *, fill: float | str | None = None, cure: str | None = None) -> Query:
    """Return the values of cells as the model takes them, with the transform that they still need.

    Missing features are refused by name and number, or filled where `fill` says how; `cure` is what the error then
    advises, if not to fill them.
    """
    layer, use_rep = fitted.params.get("layer"), fitted.params.get("use_rep")
    filling = _filling(fill, fitted.mean)
    matrix, columns, missing = _found(adata, fitted, fill=fill, cure=cure)
    if missing:
        log.warning("%d of %d features are missing and filled in: %s", len(missing), len(columns), listed(missing))
    done = _arcsinh.read_cofactors(adata, layer, fitted.features, embedding=use_rep is not None)
    values = Query(
        matrix=matrix,
        features=fitted.features,
        columns=columns,
        filling=filling,
        cofactor=_pending(done, fitted.cofactor, columns >= 0, fitted.features),
    )
    _refuse_a_second_time(values, fitted)
    return values


def check_query(adata: AnnData, fitted: FittedModel, *, fill: float | str | None) -> None:
    """Raise what `query` raises of names and shapes, without a look at any value."""
    _filling(fill, fitted.mean)
    _found(adata, fitted, fill=fill, cure=None)


def _found(
    adata: AnnData, fitted: FittedModel, *, fill: float | str | None, cure: str | None
) -> tuple[Rows, np.ndarray, list[str]]:
    """Return a matrix, the column of each feature of the model in it, -1 for missing ones, and the names of these."""
    layer, use_rep = fitted.params.get("layer"), fitted.params.get("use_rep")
    if use_rep is None:
        matrix, names = _view.rows(adata, layer=layer), [str(name) for name in adata.var_names]
    else:
        matrix, names = _same_representation(adata, use_rep, fitted.params.get("width"))
    columns, missing = _columns(names, fitted.features)
    if missing and (fill is None or len(missing) > MOST_FILLED * len(columns)):
        raise _missing(missing, names, fitted.features, may_fill=fill is None, cure=cure)
    return matrix, columns, missing


def query_of_results(adata: AnnData, fitted: FittedModel) -> Query:
    """Return the values of cells that carry the results of the model: with features filled in if they were so then."""
    cure = "; give all features that it had when it got its results."
    return query(adata, fitted, fill=fitted.params.get("fill"), cure=cure)


def pending_cofactors(adata: AnnData, fitted: FittedModel, layer: str | None, names: Sequence[str]) -> np.ndarray:
    """Return the cofactors that features of a layer still need to be as in the fit, (n_names,), NaN for none."""
    if fitted.params.get("use_rep") is not None or layer != fitted.params.get("layer"):
        return np.full(len(names), np.nan, dtype=np.float32)
    done = _arcsinh.read_cofactors(adata, layer, names, embedding=False)
    in_fit = pd.Series(fitted.cofactor, index=list(fitted.features)).reindex(list(names)).to_numpy(dtype=np.float32)
    return np.where(np.isfinite(done), np.nan, in_fit).astype(np.float32)


def _same_representation(adata: AnnData, use_rep: str, width: int | None) -> tuple[Rows, list[str]]:
    """Return the representation that the network was fitted on and names for its columns, refused at another width."""
    matrix, names = _view.representation(adata, use_rep, hint="The network was fitted on it.")
    if width is not None and matrix.shape[1] != width:
        msg = (
            f"`adata.obsm[{use_rep!r}]` must have {width} columns, as in the fit, got {matrix.shape[1]}: map the "
            "cells into the same representation first."
        )
        raise about("use_rep", KeyError(msg))
    return matrix, names


def _pending(done: np.ndarray, in_fit: np.ndarray, present: np.ndarray, features: tuple[str, ...]) -> np.ndarray:
    """Return the cofactors that are still to be applied, (n_features,) float32, NaN for none."""
    transformed = np.isfinite(done) & present
    differ = transformed & np.isfinite(in_fit) & ~np.isclose(done, in_fit)
    if differ.any():
        pairs = zip(np.asarray(features)[differ], done[differ], in_fit[differ], strict=True)
        names = listed([f"{name} {here:g} (in the fit {fit:g})" for name, here, fit in pairs])
        msg = f"`adata` was transformed with other cofactors than the cells of the fit: {names}; use the same."
        raise about("adata", ValueError(msg))
    if unknown := int((transformed & ~np.isfinite(in_fit)).sum()):
        log.warning("%d features are on record as transformed, and in the fit not: were they, in another way?", unknown)
    return np.where(transformed | ~present, np.nan, in_fit).astype(np.float32)


def _refuse_a_second_time(query: Query, fitted: FittedModel) -> None:
    """Raise ValueError if the values are like those of the fit as they stand, and not once transformed."""
    pending = np.isfinite(query.cofactor)
    if not pending.any():
        return
    stored = query.untransformed(np.arange(min(CELLS_COMPARED, query.matrix.shape[0])))

    def distance(values: np.ndarray) -> float:
        """Return how far the means lie from those of the fit, in its standard deviations."""
        return float(np.median(np.abs(values.mean(axis=0) - fitted.mean)[pending] / fitted.scale[pending]))

    before, after = distance(stored), distance(query.transformed(stored))
    if (stored[:, pending] == np.round(stored[:, pending])).all():  # whole numbers are counts, however few
        before = np.inf
    # Dim cells, such as blanks, are hardly changed by the transform: then only a clear case is refused.
    if len(stored) >= FEWEST_COMPARED and CLEARLY_NEARER * before < after:
        msg = (
            f"`adata` looks transformed already: its means lie {before:.2g} standard deviations from those of the fit, "
            f"transformed (again) {after:.2g}; give untransformed values, or keep `.uns['arcsinh']` when copying or "
            "concatenating (`uns_merge='same'`), so that it is known."
        )
        raise about("adata", ValueError(msg))
    if before < after:
        log.warning("`adata` may be transformed already: without the transform of the fit it is more like its cells")
    log.info("applying the recorded transform of the fit to %d features", int(pending.sum()))


def _filling(fill: float | str | None, means: np.ndarray) -> np.ndarray:
    """Return what takes the place of missing features, in the units of the fit."""
    if fill is None or (isinstance(fill, str) and fill == "mean"):
        return means.astype(np.float32)
    if isinstance(fill, bool) or not isinstance(fill, numbers.Real):
        msg = f"`fill` must be None, 'mean' or a number, got {fill!r}."
        raise about("fill", (ValueError if isinstance(fill, str) else TypeError)(msg))
    most = float(np.finfo(np.float32).max)
    return np.full(len(means), _checks.number("fill", fill, minimum=-most, maximum=most), dtype=np.float32)


def _columns(names: list[str], features: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Return the column of each feature among `names`, -1 for those that are missing, and the names of these."""
    column_of = {name: column for column, name in enumerate(names)}
    if len(column_of) < len(names):
        counts = Counter(names)
        if twice := [name for name in features if counts[name] > 1]:
            msg = f"`adata` has {len(twice)} features of the fit twice ({listed(twice)}); make names unique."
            raise about("adata", ValueError(msg))
    columns = np.array([column_of.get(name, -1) for name in features])
    missing = [name for name in features if name not in column_of]
    if extra := len(names) - len(features) + len(missing):
        log.debug("ignoring %d features that the fit does not have", extra)
    return columns, missing


def _missing(
    missing: list[str], names: list[str], features: Sequence[str], *, may_fill: bool, cure: str | None
) -> KeyError:
    """Return the error about features of the fit that are missing."""
    msg = f"`adata` lacks {len(missing)} of the {len(features)} features of the fit ({listed(missing)})"
    most = int(MOST_FILLED * len(features))
    if cure is not None:
        msg += cure
    elif len(missing) == len(features):
        msg += f": it has others, such as {listed(names)}; set `adata.var_names` to the same kind of names."
    elif len(missing) > most:
        msg += f"; at most {most} can be filled in."
    else:
        msg += "; `fill='mean'` takes the mean of each in the fit, `fill=0.0` a number." if may_fill else "."
    return about("adata", KeyError(msg))
