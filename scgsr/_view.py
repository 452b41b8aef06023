"""AnnData -> `MatrixView`: the values that a fit reads. Reads only."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy import sparse

from scgsr import _checks
from scgsr._batches import Matrix, dense_rows

if TYPE_CHECKING:
    from anndata import AnnData

_log = logging.getLogger("scgsr")

# How many offending names an error message spells out.
_NAMES_SHOWN = 5
_ROWS_AT_ONCE = 1024


class Unset:
    """Says that `mask_var` was not given: use highly variable genes if they are marked, as `scanpy.pp.pca` does."""

    def __repr__(self) -> str:
        return "<unset>"


UNSET: Final = Unset()


@dataclass(frozen=True, eq=False)
class MatrixView:
    """Checked values of the chosen features with what standardises them: (value - mean) / scale."""

    matrix: Matrix  # (n_obs, n_features)
    features: tuple[str, ...]
    mean: np.ndarray  # (n_features,) float32
    scale: np.ndarray  # (n_features,) float32


def view(
    adata: AnnData,
    *,
    layer: str | None = None,
    use_rep: str | None = None,
    mask_var: np.ndarray | str | Unset | None = UNSET,
    scale: bool = True,
) -> MatrixView:
    """Return the values to train on: `.X`, a layer or a representation, restricted to the chosen features."""
    _refuse_backed(adata)
    if use_rep is not None and layer is not None:
        msg = f"`layer`={layer!r} and `use_rep`={use_rep!r} exclude each other; give one."
        raise ValueError(msg)
    if use_rep is not None and not isinstance(mask_var, Unset) and mask_var is not None:
        msg = f"`mask_var` chooses columns of `.X` or a layer and cannot be combined with `use_rep`={use_rep!r}."
        raise ValueError(msg)
    if use_rep is None:
        mask = _mask(adata, mask_var)
        matrix = _rows(_source(adata, layer), "`.X`" if layer is None else f"layer {layer!r}")
        matrix, names = (matrix, adata.var_names) if mask is None else (matrix[:, mask], adata.var_names[mask])
    else:
        _checks.existing_key("use_rep", use_rep, adata.obsm.keys(), where=".obsm")
        matrix = _rows(adata.obsm[use_rep], f"obsm {use_rep!r}")
        names = [f"{use_rep}_{column}" for column in range(matrix.shape[1])]
    features = tuple(str(name) for name in names)
    _check_values(matrix, features)
    mean, sd = _moments(matrix)
    varies = _varying(mean, sd, features)
    if not varies.all():
        matrix, mean, sd = matrix[:, varies], mean[varies], sd[varies]
        features = tuple(name for name, keep in zip(features, varies, strict=True) if keep)
    if not scale:
        sd = np.ones_like(sd)
    elif use_rep is not None:  # the relative spread of its columns is information
        sd = np.full_like(sd, np.sqrt(np.mean(sd**2)))
    return MatrixView(matrix, features, mean.astype(np.float32), sd.astype(np.float32))


def features(adata: AnnData, layer: str | None) -> tuple[MatrixView, np.ndarray]:
    """Return all features of `.X` or a layer with their moments in float64, and which of them are not constant."""
    _refuse_backed(adata)
    matrix = _rows(_source(adata, layer), "`.X`" if layer is None else f"layer {layer!r}")
    names = tuple(str(name) for name in adata.var_names)
    _check_values(matrix, names)
    mean, sd = _moments(matrix)
    varies = _varying(mean, sd, names)
    return MatrixView(matrix, names, mean, np.where(varies, sd, 0)), varies


def inputs(adata: AnnData, names: Sequence[str], *, layer: str | None, use_rep: str | None) -> Matrix:
    """Return the values that a fitted network takes, (n_obs, n_features), columns in the order of its features."""
    _refuse_backed(adata)
    if use_rep is None:
        matrix, found = _rows(_source(adata, layer), "`.X`" if layer is None else f"layer {layer!r}"), adata.var_names
        where = "`adata.var_names`"
    else:
        _checks.existing_key("use_rep", use_rep, adata.obsm.keys(), where=".obsm")
        matrix, where = _rows(adata.obsm[use_rep], f"obsm {use_rep!r}"), f"`adata.obsm[{use_rep!r}]`"
        found = [f"{use_rep}_{column}" for column in range(matrix.shape[1])]
    place = {str(name): column for column, name in enumerate(found)}
    if len(place) < len(found):
        msg = "`adata` has names of features that occur twice; call `adata.var_names_make_unique()` and fit again."
        raise ValueError(msg)
    missing = [name for name in names if name not in place]
    if missing:
        msg = (
            f"`adata`: {len(missing)} of the {len(names)} features of the fit are not in {where} "
            f"({', '.join(missing[:_NAMES_SHOWN])}); take an object that still has them."
        )
        raise KeyError(msg)
    matrix = matrix[:, [place[name] for name in names]]
    _check_values(matrix, tuple(names))
    return matrix


def _refuse_backed(adata: AnnData) -> None:
    if adata.isbacked:
        msg = "`adata` is backed by a file; load it first with `adata.to_memory()`."
        raise TypeError(msg)


def _source(adata: AnnData, layer: str | None) -> Any:
    if layer is not None:
        _checks.existing_key("layer", layer, adata.layers.keys(), where=".layers")
        return adata.layers[layer]
    if adata.X is None:
        msg = "`adata` has no `.X`; name a `layer` or a `use_rep` to train on."
        raise ValueError(msg)
    return adata.X


def _rows(values: Any, where: str) -> Matrix:
    """Return `values` as an ndarray or CSR matrix whose rows can be sliced."""
    if hasattr(values, "to_numpy"):  # a data frame in `.obsm`
        values = values.to_numpy()
    if sparse.issparse(values):
        matrix = sparse.csr_matrix(values)
    elif isinstance(values, np.ndarray):
        matrix = np.asarray(values)
    else:
        msg = (
            f"`adata`: {where} is a {type(values).__name__}; a NumPy array or a SciPy sparse matrix in memory is "
            "needed: load it first, for example with `adata.to_memory()`."
        )
        raise TypeError(msg)
    if matrix.ndim != 2 or not (np.issubdtype(matrix.dtype, np.number) or matrix.dtype == bool):
        msg = f"`adata`: {where} must be a table of real numbers, got shape {matrix.shape} of dtype {matrix.dtype}."
        raise ValueError(msg)
    if np.issubdtype(matrix.dtype, np.complexfloating):
        msg = f"`adata`: {where} must hold real numbers, got dtype {matrix.dtype}."
        raise ValueError(msg)
    return matrix


def _mask(adata: AnnData, mask_var: Any) -> np.ndarray | None:
    if isinstance(mask_var, Unset):
        if "highly_variable" not in adata.var:
            return None
        mask = adata.var["highly_variable"].to_numpy()
    elif mask_var is None:
        return None
    elif isinstance(mask_var, str):
        _checks.existing_key("mask_var", mask_var, adata.var.columns, where=".var")
        mask = adata.var[mask_var].to_numpy()
    else:
        mask = np.asarray(mask_var)
    if mask.dtype != bool or mask.shape != (adata.n_vars,):
        msg = (
            f"`mask_var` (unset: 'highly_variable') must be {adata.n_vars} booleans or name a column of `.var` "
            f"of them, got shape {mask.shape} of dtype {mask.dtype}."
        )
        raise ValueError(msg)
    if not mask.any():
        msg = "`mask_var` selects no feature; at least one is needed (`mask_var=None` takes all)."
        raise ValueError(msg)
    if isinstance(mask_var, Unset):
        _log.info("using the %d highly variable features of %d (`mask_var=None` takes all)", mask.sum(), len(mask))
    return mask


def _check_values(matrix: Any, features: tuple[str, ...]) -> None:
    if 0 in matrix.shape:
        msg = f"`adata` has no values to train on: {matrix.shape[0]} cells x {matrix.shape[1]} features."
        raise ValueError(msg)
    if matrix.shape[0] == 1:
        msg = "`adata` has one cell; at least two are needed, and hundreds for a picture that means something."
        raise ValueError(msg)
    if sparse.issparse(matrix):
        bad = np.unique(matrix.indices[~np.isfinite(matrix.data)])
    else:
        bad = np.flatnonzero(~np.isfinite(matrix).all(axis=0))
    if not len(bad):
        return
    shown = ", ".join(features[column] for column in bad[:_NAMES_SHOWN])
    more = f" and {len(bad) - _NAMES_SHOWN} more" if len(bad) > _NAMES_SHOWN else ""
    msg = f"`adata` has NaN or infinite values in {len(bad)} features ({shown}{more}); remove or impute them first."
    raise ValueError(msg)


def _moments(matrix: Matrix) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each column, in float64, with the same arithmetic for dense and sparse."""
    n_obs = matrix.shape[0]
    mean = sum(block.sum(axis=0) for block in _blocks(matrix)) / n_obs
    with np.errstate(over="ignore"):  # what overflows is refused by name below
        squares = sum(((block - mean) ** 2).sum(axis=0) for block in _blocks(matrix))
    return mean, np.sqrt(squares / n_obs)


def _blocks(matrix: Matrix) -> Iterator[np.ndarray]:
    """Yield dense float64 blocks of rows; a sparse matrix is never densified whole."""
    for start in range(0, matrix.shape[0], _ROWS_AT_ONCE):
        yield np.ascontiguousarray(dense_rows(matrix, slice(start, start + _ROWS_AT_ONCE)), dtype=np.float64)


def _varying(mean: np.ndarray, sd: np.ndarray, features: tuple[str, ...]) -> np.ndarray:
    """Return which features carry information; constant ones would only dilute the reconstruction error."""
    largest = np.finfo(np.float32).max
    too_large = ~((np.abs(mean) < largest) & (sd < largest))
    if too_large.any():
        names = ", ".join(features[column] for column in np.flatnonzero(too_large)[:_NAMES_SHOWN])
        msg = f"`adata` has values too large for float32 in {too_large.sum()} features ({names}); rescale them."
        raise ValueError(msg)
    # Rounding leaves a constant column with a tiny spread, which must not be blown up to one.
    varies = sd > 1e-6 * np.abs(mean)
    if not varies.any():
        msg = f"`adata`: all {len(features)} features are constant; there is nothing to learn."
        raise ValueError(msg)
    if not varies.all():
        n_constant = len(varies) - int(varies.sum())
        _log.info("leaving out %d of %d features, constant up to a millionth of their mean", n_constant, len(varies))
    return varies
