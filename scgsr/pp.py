"""Transforms before a fit.

`arcsinh`: the transform of cytometry, recorded so that it is not applied twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scgsr import _adata, _checks
from scgsr._adata import UNSET
from scgsr._checks import about, verb
from scgsr._values import Stored
from scgsr._values import arcsinh as transformed

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["arcsinh"]


@verb
def arcsinh(
    adata: AnnData,
    cofactor: float | Mapping[str, float] | pd.Series,
    *,
    layer: str | None = None,
    mask_var: np.ndarray | pd.Series | Sequence[str] | str | None = UNSET,
    copy: bool = False,
) -> AnnData | None:
    """Transform cytometry values, `x -> arcsinh(x / cofactor)`: linear below the cofactor, logarithmic above it.

    The cofactor has no default, because it depends on the instrument: 5 is usual for mass cytometry, 150 for
    fluorescence, and some thousands for spectral cytometers. It is recorded per feature, and a feature with a record is
    not transformed again. Features that are no markers, such as time and scatter, stay as they are where
    :func:`scgsr.io.read_fcs` has recognised them.

    Parameters
    ----------
    adata
        Cells x features, dense or sparse, in memory. Changed in place unless `copy` is set.
    cofactor
        One positive number for all features, or a mapping or Series from feature to number; features without a number,
        or with NaN, stay as they are.
    layer
        Layer to transform. None: `.X`.
    mask_var
        With one cofactor, the features to transform: names, booleans (a Series is read by its index), or the name of a
        boolean column of `.var`. Unset: all but those that ``.var["channel_kind"]`` calls something else than
        ``"marker"``, which the log names. None: all.
    copy
        Return a transformed copy, and leave `adata` as it is.

    Returns
    -------
    None, or with `copy` the copy. Written are

    `.X` or ``.layers[layer]``
        the values, float64 if they were, else float32; sparse if they were.
    ``.uns["arcsinh"]["X"]`` or ``.uns["arcsinh"][layer]``
        DataFrame with the features as index and a column "cofactor", NaN where not transformed. Features are looked up
        by name, so the record also holds for selected or reordered features.

    Raises
    ------
    KeyError
        If there is no such layer, column of `.var`, or feature.
    TypeError
        If an argument has a wrong type, or `adata` is backed.
    ValueError
        If a cofactor is not positive, a feature is recorded as transformed or named twice, or values are NaN or
        infinite. In all cases `adata` is as before.

    Examples
    --------
    >>> import scgsr
    >>> adata = scgsr.datasets.cytof_panel(500)
    >>> scgsr.pp.arcsinh(adata, 5, layer="counts")
    >>> bool(abs(adata.layers["counts"] - adata.X).max() < 1e-5)
    True
    >>> adata.uns["arcsinh"]["counts"].loc["CD19", "cofactor"].item()
    5.0
    """
    from anndata import AnnData

    _checks.instance("adata", adata, AnnData)
    _checks.instance("copy", copy, bool)
    if adata.isbacked or isinstance(_adata.rows(adata, layer=layer), Stored):
        msg = (
            "`adata` has values on disk, which stay as they are: load them with `adata.to_memory()`, or transform the "
            "file with `scgsr fit INPUT OUTPUT --cofactor ...`."
        )
        raise about("adata", TypeError(msg))
    change = _adata.to_transform(adata, cofactor, layer=layer, mask_var=mask_var)
    values = transformed(change.matrix, change.cofactor)
    target = adata.copy() if copy else adata
    _adata.write_arcsinh(target, layer, values, change.record)
    change.tell()
    return target if copy else None
