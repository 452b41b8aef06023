"""Which features of which layer are transformed, and by which cofactor -> AnnData and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scgsr._adata._fit import tell_of_view
from scgsr._adata._keys import ARCSINH
from scgsr._checks import log

if TYPE_CHECKING:
    from anndata import AnnData

# What a layer has of which nothing is on record.
_EMPTY = pd.DataFrame({"cofactor": []})


def write_arcsinh(adata: AnnData, layer: str | None, matrix: Any, cofactors: pd.Series) -> None:
    """Replace the values of `.X` or a layer and record the cofactors, NaN for a feature that is not transformed."""
    tell_of_view(adata)
    before = adata.uns.get(ARCSINH)
    table = pd.DataFrame({"cofactor": cofactors.to_numpy(dtype=float)}, index=cofactors.index.rename(None))
    # The record first: it makes a view a copy, whereas values would reach the parent of a view before anndata 0.13.
    adata.uns[ARCSINH] = {**(before or {}), layer or "X": table}
    try:
        if layer is None:
            adata.X = matrix
        else:
            adata.layers[layer] = matrix
    except BaseException:
        if before is None:
            del adata.uns[ARCSINH]
        else:
            adata.uns[ARCSINH] = before
        raise


def read_cofactors(adata: AnnData, layer: str | None, features: Sequence[str], *, embedding: bool) -> np.ndarray:
    """Return the recorded cofactors of these features, (n_features,) float32; NaN where none is recorded."""
    recorded = None if embedding or layer == "X" else read_arcsinh(adata, layer)
    if recorded is None:
        return np.full(len(features), np.nan, dtype=np.float32)
    once = recorded[~recorded.index.duplicated()]
    return once.reindex(list(features)).to_numpy(dtype=np.float32)


def read_arcsinh(adata: AnnData, layer: str | None) -> pd.Series | None:
    """Return the recorded cofactors in the order of the features, NaN where none is recorded; None without a record."""
    record = adata.uns.get(ARCSINH, {})
    if layer == "X":
        msg = "`layer`='X' cannot be told from `.X` in the record of the transform; rename the layer."
        raise ValueError(msg)
    table = record.get(layer or "X", _EMPTY) if isinstance(record, Mapping) else record
    if not isinstance(table, pd.DataFrame) or "cofactor" not in table:
        msg = (
            f"`adata`: .uns[{ARCSINH!r}] must be what `scgsr.pp.arcsinh` writes, a dict of data frames with a column "
            f"'cofactor', got a {type(table).__name__}; rename it."
        )
        raise ValueError(msg)
    if table is _EMPTY:
        return None
    found = table["cofactor"][~table.index.duplicated()].reindex(adata.var_names)
    if table["cofactor"].notna().any() and found.isna().all():
        log.warning(".uns[%r] tells of a transform, but of none of these features: were they renamed?", ARCSINH)
    return found
