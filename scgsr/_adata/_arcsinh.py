"""Which features of which layer are transformed, and by which cofactor -> AnnData and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from scgsr._adata._fit import tell_of_view
from scgsr._adata._keys import ARCSINH, LOG1P
from scgsr._checks import about, log

if TYPE_CHECKING:
    from anndata import AnnData

# How the record names `.X`.
_X = "X"
_COFACTOR = "cofactor"


def write_arcsinh(adata: AnnData, layer: str | None, matrix: Any, cofactors: pd.Series) -> None:
    """Replace the values of `.X` or a layer and record the cofactors, NaN for a feature that is not transformed.

    A sparse matrix becomes one of the kind that was there. A failure leaves all as it was.
    """
    tell_of_view(adata)
    source = adata.X if layer is None else adata.layers[layer]
    values = type(source)(matrix) if sparse.issparse(source) else matrix
    before = adata.uns.get(ARCSINH)
    # The record first: it makes a view a copy, whereas values would reach the parent of a view before anndata 0.13.
    record_arcsinh(adata, layer, cofactors)
    try:
        if layer is None:
            adata.X = values
        else:
            adata.layers[layer] = values
    except BaseException:
        if before is None:
            del adata.uns[ARCSINH]
        else:
            adata.uns[ARCSINH] = before
        raise


def record_arcsinh(adata: AnnData, layer: str | None, cofactors: pd.Series) -> None:
    """Record the cofactors of `.X` or a layer, NaN for a feature that is not transformed."""
    table = pd.DataFrame({_COFACTOR: cofactors.to_numpy(dtype=float)}, index=cofactors.index.rename(None))
    adata.uns[ARCSINH] = {**(adata.uns.get(ARCSINH) or {}), layer or _X: table}


def read_cofactors(adata: AnnData, layer: str | None, features: Sequence[str], *, embedding: bool) -> np.ndarray:
    """Return the recorded cofactors of these features, (n_features,) float32; NaN where none is recorded."""
    recorded = None if embedding or layer == _X else read_arcsinh(adata, layer)
    if recorded is None:
        return np.full(len(features), np.nan, dtype=np.float32)
    once = recorded[~recorded.index.duplicated()]
    return once.reindex(list(features)).to_numpy(dtype=np.float32)


def read_arcsinh(adata: AnnData, layer: str | None) -> pd.Series | None:
    """Return the recorded cofactors in the order of the features, NaN where none is recorded; None without a record."""
    if layer == _X:
        msg = "`layer`='X' cannot be told from `.X` in the record of the transform; rename the layer."
        raise about("layer", ValueError(msg))
    record = adata.uns.get(ARCSINH, {})
    table = record.get(layer or _X) if isinstance(record, Mapping) else record
    if table is None:
        return None
    if not isinstance(table, pd.DataFrame) or _COFACTOR not in table:
        msg = (
            f"`adata`: .uns[{ARCSINH!r}] must be what `scgsr.pp.arcsinh` writes, a dict of data frames with a column "
            f"{_COFACTOR!r}, got a {type(table).__name__}; rename it."
        )
        raise about("adata", ValueError(msg))
    cofactors = table[_COFACTOR][~table.index.duplicated()].reindex(adata.var_names)
    if table[_COFACTOR].notna().any() and cofactors.isna().all():
        log.warning(".uns[%r] records a transform, but of none of these features: were they renamed?", ARCSINH)
    return cofactors


def says_log1p(adata: AnnData) -> bool:
    """Whether Scanpy has left a note that `.X` is log-transformed."""
    return LOG1P in adata.uns
