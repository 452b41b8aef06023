"""Checked values of the chosen features, with what standardises them. Arrays only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from scgsr._checks import about, listed, log
from scgsr._values._arcsinh import arcsinh
from scgsr._values._batches import Matrix, slices

_ROWS_AT_ONCE = 1024
# A standard deviation of at most this share of the mean is rounding, which must not be blown up to one.
_CONSTANT = 1e-6


@dataclass(frozen=True, eq=False)
class MatrixView:
    """Checked values of the chosen features with what standardises them: (value - mean) / scale."""

    matrix: Matrix  # (n_obs, n_features)
    features: tuple[str, ...]
    mean: np.ndarray  # (n_features,)
    scale: np.ndarray  # (n_features,)
    width: int  # columns of `.X`, the layer or the representation
    scaling: str = "feature"  # how `scale` came about: "feature", "common", or "pca" for common and then components
    cofactor: np.ndarray | None = None  # (n_features,) of the arcsinh on record, NaN for none; None: nobody asked


def transformed(view: MatrixView, cofactor: np.ndarray) -> MatrixView:
    """Return the view after arcsinh(value / cofactor), with its moments anew; NaN leaves a feature as it is."""
    matrix = arcsinh(view.matrix, cofactor)
    mean, sd = moments(matrix)
    return replace(view, matrix=matrix, mean=mean, scale=np.where(view.scale > 0, sd, 0))


def check_values(matrix: Matrix, features: Sequence[str]) -> None:
    """Raise ValueError if there is nothing to learn from, or a value is not finite."""
    if 0 in matrix.shape:
        msg = f"`adata` has no values to train on: {matrix.shape[0]} cells x {matrix.shape[1]} features."
        raise about("adata", ValueError(msg))
    if matrix.shape[0] == 1:
        msg = "`adata` has one cell; at least two are needed, and hundreds for a picture that means something."
        raise about("adata", ValueError(msg))
    check_finite(matrix, features)


def check_finite(matrix: Any, features: Sequence[str]) -> None:
    """Raise ValueError, naming the features, if there are NaN or infinite values."""
    if sparse.issparse(matrix):
        bad = np.unique(matrix.indices[~np.isfinite(matrix.data)])
    else:
        bad = np.flatnonzero(~np.isfinite(matrix).all(axis=0))
    if len(bad):
        names = listed([features[column] for column in bad.tolist()])
        msg = f"`adata` has NaN or infinite values in {len(bad)} features ({names}); remove or impute them first."
        raise about("adata", ValueError(msg))


def moments(matrix: Matrix) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each column, (n_features,) each, in float64."""
    with np.errstate(over="ignore"):  # `varying` names the features whose moments overflow
        mean, variance = _sparse_moments(matrix) if sparse.issparse(matrix) else _dense_moments(matrix)
    return mean, np.sqrt(variance)


def varying(mean: np.ndarray, sd: np.ndarray, features: Sequence[str]) -> np.ndarray:
    """Return which features vary, (n_features,) bool; constant ones would only dilute the reconstruction error."""
    largest = np.finfo(np.float32).max
    too_large = np.flatnonzero(~((np.abs(mean) < largest) & (sd < largest)))
    if len(too_large):
        names = listed([features[column] for column in too_large.tolist()])
        msg = f"`adata` has values too large for float32 in {len(too_large)} features ({names}); rescale them."
        raise about("adata", ValueError(msg))
    varies = sd > _CONSTANT * np.abs(mean)
    if not varies.any():
        msg = f"`adata`: all {len(features)} features are constant; there is nothing to learn."
        raise about("adata", ValueError(msg))
    if not varies.all():
        log.warning(
            "leaving out %d of %d features, constant up to a millionth of their mean: they tell nothing; "
            "`sc.pp.filter_genes(adata, min_cells=3)` drops genes that no or few cells express",
            len(varies) - int(varies.sum()),
            len(varies),
        )
    return varies


def _dense_moments(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance of each column, block by block."""
    n_obs = len(matrix)
    blocks = list(slices(n_obs, _ROWS_AT_ONCE))
    mean = sum(matrix[rows].sum(axis=0, dtype=np.float64) for rows in blocks) / n_obs
    return mean, sum(((matrix[rows] - mean) ** 2).sum(axis=0) for rows in blocks) / n_obs


def _sparse_moments(matrix: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance of each column from the stored entries."""
    from sklearn.utils.sparsefuncs import mean_variance_axis

    if not matrix.has_canonical_format:  # an entry that is stored in parts is one entry
        matrix = matrix.copy()
        matrix.sum_duplicates()
    in_float64 = sparse.csr_matrix((matrix.data.astype(np.float64), matrix.indices, matrix.indptr), shape=matrix.shape)
    return mean_variance_axis(in_float64, axis=0)
