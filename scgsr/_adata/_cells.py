"""What is known of each cell: its group, its number, all of it. Reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scgsr import _checks
from scgsr._adata._keys import COLORS
from scgsr._checks import about, listed, log
from scgsr._values import Origins

if TYPE_CHECKING:
    from anndata import AnnData


# What a batch does to the values cannot be learned from fewer cells.
_FEWEST_IN_A_BATCH = 20


def column_of(adata: AnnData, argument: str, column: str) -> pd.Series:
    """Return a column of `.obs`, refused if several have its name, or if it holds lists or other collections."""
    _checks.existing_key(argument, column, adata.obs, where="`adata.obs`")
    values = adata.obs[column]
    if isinstance(values, pd.DataFrame):
        msg = f"`{argument}`={column!r} is in `adata.obs` more than once, {values.shape[1]} times; rename the columns."
        raise about(argument, ValueError(msg))
    lists = (value for value in values if not pd.api.types.is_hashable(value)) if values.dtype == object else iter(())
    if (first := next(lists, None)) is not None:
        msg = (
            f"`{argument}`={column!r} must name a column with one value for each cell, such as a name, "
            f"got a {type(first).__name__}; make texts of them, `adata.obs[{column!r}].astype(str)`."
        )
        raise about(argument, TypeError(msg))
    return values


def groups(
    adata: AnnData,
    argument: str,
    column: str,
    *,
    least: int | None = None,
    most: int | None = None,
    hint: str = "",
) -> pd.Categorical:
    """Return the group of each cell as a column of `.obs` has it; numbers are no groups.

    With bounds, categories without cells are removed, and the number of groups that are left is checked; `hint` says
    what helps if it is out of bounds.
    """
    values = column_of(adata, argument, column)
    if pd.api.types.is_float_dtype(values.dtype):
        cure = "bin them first, as with `pandas.cut`"
        msg = f"`{argument}`={column!r} must name a column of groups, got numbers; {cure}."
        raise about(argument, TypeError(msg))
    labels = pd.Categorical(values)
    if least is None and most is None:
        return labels
    labels = labels.remove_unused_categories()
    n_groups = len(labels.categories)
    if n_groups < (least or 0) or (most is not None and n_groups > most):
        msg = f"`{argument}`={column!r} must have {_bounds(least, most)} groups with cells, got {n_groups}."
        raise about(argument, ValueError(f"{msg} {hint}" if hint else msg))
    return labels


def _bounds(least: int | None, most: int | None) -> str:
    if most is None:
        return f"at least {least}"
    return f"at most {most}" if least is None else f"{least} to {most}"


def origins(adata: AnnData, batch_key: str | None) -> Origins | None:
    """Return which batch each cell comes from, as a column of `.obs` says; None if none is named."""
    if batch_key is None:
        return None
    batches = groups(adata, "batch_key", batch_key, least=1)
    if n_unknown := int((batches.codes < 0).sum()):
        msg = (
            f"`batch_key`={batch_key!r} must name the batch of every cell, got none for {n_unknown} of {adata.n_obs}; "
            "leave these cells out, or give them a batch of their own."
        )
        raise about("batch_key", ValueError(msg))
    names, sizes = [str(name) for name in batches.categories], np.bincount(batches.codes)
    if len(names) > 1 and _FEWEST_IN_A_BATCH * len(names) > adata.n_obs:
        msg = (
            f"`batch_key`={batch_key!r} must name batches of {_FEWEST_IN_A_BATCH} cells or more on average, got "
            f"{len(names)} batches of {adata.n_obs} cells."
        )
        raise about("batch_key", ValueError(msg))
    if len(names) == 1:
        log.warning("`batch_key`=%r names one batch alone (%s): there is nothing to tell apart", batch_key, names[0])
    elif (small := sizes < _FEWEST_IN_A_BATCH).any():
        few = listed([name for name, is_small in zip(names, small, strict=True) if is_small])
        log.warning("batches of fewer than %d cells, of which little can be learned: %s", _FEWEST_IN_A_BATCH, few)
    return Origins(names=tuple(names), codes=batches.codes.astype(np.int64))


def numbers(adata: AnnData, argument: str, column: str) -> np.ndarray:
    """Return a column of `.obs` as numbers, (n_obs,) float64; missing ones are NaN, and some are finite."""
    values = column_of(adata, argument, column)
    if not pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype):
        msg = f"`{argument}`={column!r} must name a column of numbers, got dtype {values.dtype}."
        raise about(argument, TypeError(msg))
    floats = values.to_numpy(dtype=np.float64, na_value=np.nan)
    if not np.isfinite(floats).any():
        msg = f"`{argument}`={column!r} must have finite numbers, got none."
        raise about(argument, ValueError(msg))
    return floats


def read_cells(adata: AnnData) -> dict[str, Any]:
    """Return copies of all that is known of the cells, as arguments of a new AnnData of the same cells."""
    return {
        "obs": adata.obs.copy(),
        "obsm": {name: adata.obsm[name].copy() for name in adata.obsm},
        "uns": {name: np.array(colors) for name, colors in adata.uns.items() if name.endswith(COLORS)},
    }
