"""What comes before a fit.

`arcsinh`: the transform of cytometry, recorded so that it is not applied twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from scgsr import _adata, _checks
from scgsr._checks import about, listed, log
from scgsr._values import Stored, check_finite
from scgsr._values import arcsinh as transformed

if TYPE_CHECKING:
    from anndata import AnnData

    from scgsr._values import Matrix

__all__ = ["arcsinh"]

# Values look transformed if most features have none above the first, though not all are whole numbers. arcsinh(x / 5)
# of the brightest ion counts is 8 and arcsinh(x / 150) of the largest of 18 bits is 8.2; logicle scales end at 4.5.
_LARGEST_TRANSFORMED = 15.0
# From so few cells nothing is concluded, and no more are looked at.
_FEWEST_CELLS_TO_JUDGE, _MOST_CELLS_TO_JUDGE = 100, 10_000
_LEAST_COFACTOR = 1e-6


def arcsinh(
    adata: AnnData,
    cofactor: float | Mapping[str, float] | pd.Series,
    *,
    layer: str | None = None,
    mask_var: np.ndarray | str | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Transform cytometry values, `x -> arcsinh(x / cofactor)`: linear below the cofactor, logarithmic above it.

    The cofactor has no default, because it depends on the instrument: 5 is usual for mass cytometry, 150 for
    fluorescence, and some thousands for spectral cytometers. It is recorded per feature, and a feature with a record is
    not transformed a second time. Leave out what is not a marker, such as time and scatter.

    Parameters
    ----------
    adata
        Cells x features, dense or sparse, in memory. Changed in place unless `copy` is set.
    cofactor
        One positive number for all features, or a mapping or Series from feature to number: features that it does not
        name, or has as NaN, stay as they are.
    layer
        Which layer to transform, None for `.X`.
    mask_var
        With one cofactor, the features to transform: a boolean array, or the name of a boolean column of `.var`.
    copy
        Return a transformed copy, and leave `adata` as it is.

    Returns
    -------
    None, or with `copy` the copy. Written are

    `.X` or ``.layers[layer]``
        the values, float64 if they were, else float32; sparse if they were.
    ``.uns["arcsinh"]["X"]`` or ``.uns["arcsinh"][layer]``
        DataFrame with the features as index and a column "cofactor", NaN where not transformed. Features are looked
        up by name, so that it holds for a selection and another order too.

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
    matrix, mask = _adata.rows(adata, layer=layer), _adata.mask(adata, mask_var)
    if adata.isbacked or isinstance(matrix, Stored):
        msg = (
            "`adata` has values on disk, which stay as they are: load them with `adata.to_memory()`, or transform the "
            "file with `scgsr fit INPUT OUTPUT --cofactor ...`."
        )
        raise about("adata", TypeError(msg))
    if not adata.var_names.is_unique:
        msg = "`adata` has features of the same name; call `adata.var_names_make_unique()` first."
        raise about("adata", ValueError(msg))
    cofactors = _per_feature(cofactor, adata.var_names, mask)
    recorded = _adata.read_arcsinh(adata, layer)
    if recorded is not None:
        _refuse_a_second_time(recorded, cofactors, layer)
    chosen = cofactors.notna().to_numpy()
    _check_values(matrix if chosen.all() else matrix[:, chosen], adata.var_names[chosen])
    if layer is None and _adata.says_log1p(adata):
        log.warning("arcsinh: .uns['log1p'] says that `.X` is log-transformed already; was this the raw data?")
    values = transformed(matrix, cofactors.to_numpy())
    target = adata.copy() if copy else adata
    _adata.write_arcsinh(target, layer, values, cofactors if recorded is None else cofactors.fillna(recorded))
    log.info("arcsinh: transformed %d features, left %d as they are", chosen.sum(), (~chosen).sum())
    return target if copy else None


def _per_feature(cofactor: Any, features: pd.Index, mask: np.ndarray | None) -> pd.Series:
    """Return a cofactor for each feature, NaN for those that stay as they are."""
    if not isinstance(cofactor, Mapping | pd.Series):
        number = _positive("cofactor", cofactor)
        return pd.Series(number if mask is None else np.where(mask, number, np.nan), index=features)
    if mask is not None:
        msg = "`mask_var` chooses features for one cofactor; a `cofactor` per feature names them itself."
        raise about("mask_var", ValueError(msg))
    unknown = [name for name in cofactor.keys() if name not in features]  # noqa: SIM118  # a Series contains its index
    if unknown:
        msg = f"`cofactor` names {listed(unknown)}, which are not in .var_names, such as {listed(list(features))}."
        raise about("cofactor", KeyError(msg))
    if isinstance(cofactor, pd.Series) and not cofactor.index.is_unique:
        twice = list(cofactor.index[cofactor.index.duplicated()])
        msg = f"`cofactor` names {listed(twice)} more than once."
        raise about("cofactor", ValueError(msg))
    numbers = {name: _positive(f"cofactor[{name!r}]", value) for name, value in cofactor.items() if not _missing(value)}
    if not numbers:
        msg = "`cofactor` names no feature; give one number for all, or at least one feature."
        raise about("cofactor", ValueError(msg))
    return pd.Series([numbers.get(name, np.nan) for name in features], index=features, dtype=float)


def _missing(value: Any) -> bool:
    return value is pd.NA or (isinstance(value, float | np.floating) and bool(np.isnan(value)))


def _positive(name: str, value: Any) -> float:
    """Return a cofactor by which a value can be divided."""
    try:
        cofactor = _checks.number(name, value, minimum=0, exclusive=True)
    except (TypeError, ValueError) as error:
        raise about("cofactor", error) from None
    if cofactor < _LEAST_COFACTOR:
        msg = f"`{name}` must be at least {_LEAST_COFACTOR:g}, got {cofactor:g}: values divided by it overflow."
        raise about("cofactor", ValueError(msg))
    return cofactor


def _refuse_a_second_time(recorded: pd.Series, cofactors: pd.Series, layer: str | None) -> None:
    twice = recorded[recorded.notna() & cofactors.notna()]
    if twice.empty:
        return
    names = listed([f"{name} by {value:g}" for name, value in twice.items()])
    where = "X" if layer is None else layer
    msg = (
        f"`adata` has {len(twice)} of these features recorded as transformed already ({names}); leave them "
        f"out, or, if {where!r} holds raw values again, `del adata.uns['arcsinh'][{where!r}]`."
    )
    raise about("adata", ValueError(msg))


def _check_values(matrix: Matrix, features: pd.Index) -> None:
    """Refuse values that have no transform, and warn about those that look as if they had it already."""
    check_finite(matrix, [str(name) for name in features])
    if matrix.shape[0] < _FEWEST_CELLS_TO_JUDGE:
        return
    sample: Any = matrix[:: -(-matrix.shape[0] // _MOST_CELLS_TO_JUDGE)]
    sample = sample.toarray() if sparse.issparse(sample) else sample
    largest, whole = np.abs(sample).max(axis=0, initial=0), (sample == np.floor(sample)).all(axis=0)
    suspicious = (largest > 0) & (largest < _LARGEST_TRANSFORMED) & ~whole
    if 2 * suspicious.sum() > len(suspicious):
        log.warning(
            "arcsinh: %d of %d features have no value above %g and look transformed already; was this the raw data?",
            suspicious.sum(),
            len(suspicious),
            _LARGEST_TRANSFORMED,
        )
