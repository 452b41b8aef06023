"""Checked values of the chosen features, with what standardises them. Arrays only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from scgsr._checks import log
from scgsr._values._arcsinh import arcsinh
from scgsr._values._batches import Matrix, slices

# How many offending names an error message spells out.
_NAMES_SHOWN = 5
_ROWS_AT_ONCE = 1024
_ENTRIES_AT_ONCE = 1 << 20


@dataclass(frozen=True, eq=False)
class MatrixView:
    """Checked values of the chosen features with what standardises them: (value - mean) / scale."""

    matrix: Matrix  # (n_obs, n_features)
    features: tuple[str, ...]
    mean: np.ndarray  # (n_features,) float32
    scale: np.ndarray  # (n_features,) float32
    width: int  # columns of `.X`, the layer or the representation


def transformed(view: MatrixView, cofactor: np.ndarray) -> MatrixView:
    """Return the view after arcsinh(value / cofactor), with its moments anew; NaN leaves a feature as it is."""
    matrix = arcsinh(view.matrix, cofactor)
    mean, sd = moments(matrix)
    return replace(view, matrix=matrix, mean=mean, scale=np.where(view.scale > 0, sd, 0))


def check_values(matrix: Any, features: tuple[str, ...]) -> None:
    if 0 in matrix.shape:
        msg = f"`adata` has no values to train on: {matrix.shape[0]} cells x {matrix.shape[1]} features."
        raise ValueError(msg)
    if matrix.shape[0] == 1:
        msg = "`adata` has one cell; at least two are needed, and hundreds for a picture that means something."
        raise ValueError(msg)
    check_finite(matrix, features)


def moments(matrix: Matrix) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each column, in float64."""
    n_obs = matrix.shape[0]
    with np.errstate(over="ignore"):  # what overflows is refused by name below
        mean, squares = _sparse_moments(matrix) if sparse.issparse(matrix) else _dense_moments(matrix)
    return mean, np.sqrt(squares / n_obs)


def _dense_moments(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of each column and its sum of squared deviations, block by block."""
    n_obs = len(matrix)
    blocks = list(slices(n_obs, _ROWS_AT_ONCE))
    mean = sum(matrix[rows].sum(axis=0, dtype=np.float64) for rows in blocks) / n_obs
    return mean, sum(((matrix[rows] - mean) ** 2).sum(axis=0) for rows in blocks)


def _sparse_moments(matrix: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Return the same, from the entries that are stored; the others are zeros."""
    if not matrix.has_canonical_format:  # an entry that is stored in parts is one entry
        matrix = matrix.copy()
        matrix.sum_duplicates()
    n_obs, n_features = matrix.shape
    parts = list(slices(matrix.nnz, _ENTRIES_AT_ONCE))

    def summed(of: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
        sums = np.zeros(n_features)
        for part in parts:
            columns = matrix.indices[part]
            sums += np.bincount(columns, of(matrix.data[part].astype(np.float64), columns), minlength=n_features)
        return sums

    n_stored = summed(lambda values, _: np.ones_like(values))
    mean = summed(lambda values, _: values) / n_obs
    return mean, summed(lambda values, columns: (values - mean[columns]) ** 2) + (n_obs - n_stored) * mean**2


def varying(mean: np.ndarray, sd: np.ndarray, features: tuple[str, ...]) -> np.ndarray:
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
        log.warning(
            "leaving out %d of %d features, constant up to a millionth of their mean: they tell nothing; "
            "`sc.pp.filter_genes(adata, min_cells=3)` drops genes that no or few cells express",
            n_constant,
            len(varies),
        )
    return varies


def check_finite(matrix: Any, features: Sequence[str]) -> None:
    """Raise ValueError, naming the features, if there are NaN or infinite values."""
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
