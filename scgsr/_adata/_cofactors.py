"""Which values are to be transformed, by which cofactors, and whether they may be. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scgsr import _checks
from scgsr._adata import _view
from scgsr._adata._arcsinh import read_arcsinh, says_log1p
from scgsr._adata._channels import markers
from scgsr._checks import about, listed, log
from scgsr._values import Rows, check_finite, dense_rows

if TYPE_CHECKING:
    from anndata import AnnData

# Values look transformed if most features have none above the first, though not all are whole numbers. arcsinh(x / 5)
# of the brightest ion counts is 8 and arcsinh(x / 150) of the largest of 18 bits is 8.2; logicle scales end at 4.5.
_LARGEST_TRANSFORMED = 15.0
# From so few cells nothing is concluded, and no more are looked at.
_FEWEST_CELLS_TO_JUDGE, _MOST_CELLS_TO_JUDGE = 100, 10_000
_LEAST_COFACTOR = 1e-6


@dataclass(frozen=True, eq=False)
class ToTransform:
    """Checked values of `.X` or a layer, and the arcsinh that is to come."""

    layer: str | None
    matrix: Rows  # (n_obs, n_vars)
    cofactor: np.ndarray  # (n_vars,) NaN for a feature that stays as it is
    record: pd.Series  # (n_vars,) what is on record afterwards

    def tell(self) -> None:
        """Say in the log how many features are transformed."""
        chosen = np.isfinite(self.cofactor)
        log.info("arcsinh: transformed %d features, left %d as they are", chosen.sum(), (~chosen).sum())


def to_transform(
    adata: AnnData,
    cofactor: float | Mapping[str, float] | pd.Series,
    *,
    layer: str | None,
    mask_var: np.ndarray | pd.Series | Sequence[str] | str | _view.Unset | None,
) -> ToTransform:
    """Return what `scgsr.pp.arcsinh` is to do, refused where a value has no transform or has it already."""
    matrix = _view.rows(adata, layer=layer)
    one_for_all = not isinstance(cofactor, Mapping | pd.Series)
    if isinstance(mask_var, _view.Unset):
        mask = markers(adata, "arcsinh") if one_for_all else None
    else:
        mask = _view.mask(adata, mask_var)
    if not adata.var_names.is_unique:
        msg = "`adata` has features of the same name; call `adata.var_names_make_unique()` first."
        raise about("adata", ValueError(msg))
    cofactors = _per_feature(cofactor, adata.var_names, mask)
    recorded = read_arcsinh(adata, layer)
    if recorded is not None:
        _refuse_a_second_time(recorded, cofactors, layer)
    chosen = cofactors.notna().to_numpy()
    of_chosen = matrix if chosen.all() else _view.of_columns(matrix, chosen)
    _check_values(of_chosen, adata.var_names[chosen])
    if layer is None and says_log1p(adata):
        log.warning("arcsinh: .uns['log1p'] says that `.X` is log-transformed already; was this the raw data?")
    record = cofactors if recorded is None else cofactors.fillna(recorded)
    return ToTransform(layer=layer, matrix=matrix, cofactor=cofactors.to_numpy(), record=record)


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


def _check_values(matrix: Rows, features: pd.Index) -> None:
    """Refuse values that have no transform, and warn about those that look as if they had it already."""
    check_finite(matrix, [str(name) for name in features])
    if matrix.shape[0] < _FEWEST_CELLS_TO_JUDGE:
        return
    sample = dense_rows(matrix, np.arange(0, matrix.shape[0], -(-matrix.shape[0] // _MOST_CELLS_TO_JUDGE)))
    largest, whole = np.abs(sample).max(axis=0, initial=0), (sample == np.floor(sample)).all(axis=0)
    suspicious = (largest > 0) & (largest < _LARGEST_TRANSFORMED) & ~whole
    if 2 * suspicious.sum() > len(suspicious):
        log.warning(
            "arcsinh: %d of %d features have no value above %g and look transformed already; was this the raw data?",
            suspicious.sum(),
            len(suspicious),
            _LARGEST_TRANSFORMED,
        )
