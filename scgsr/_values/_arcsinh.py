"""arcsinh(value / cofactor), dense or sparse."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

_VALUES_AT_ONCE = 2**22


def arcsinh(matrix: Any, cofactor: np.ndarray) -> Any:
    """Return arcsinh(value / cofactor) per column; a column whose cofactor is NaN keeps its values.

    `matrix` is an ndarray or CSR, (n_obs, n_features), and is not changed; the result is float64 if `matrix` is, else
    float32. A sparse matrix stays sparse, because arcsinh(0) = 0.
    """
    if not sparse.issparse(matrix):
        rows = max(1, _VALUES_AT_ONCE // max(1, matrix.shape[1]))
        return _arcsinh(matrix, cofactor, result=np.empty(matrix.shape, _dtype(matrix)), at_once=rows)
    if not matrix.has_canonical_format:  # entries that add up must do so before, not after
        matrix = matrix.copy()
        matrix.sum_duplicates()
    data = np.empty(matrix.nnz, _dtype(matrix))
    for start in range(0, matrix.nnz, _VALUES_AT_ONCE):
        part = slice(start, start + _VALUES_AT_ONCE)
        _arcsinh(matrix.data[part], cofactor[matrix.indices[part]], result=data[part], at_once=_VALUES_AT_ONCE)
    return type(matrix)((data, matrix.indices.copy(), matrix.indptr.copy()), shape=matrix.shape)


def _arcsinh(values: np.ndarray, cofactor: np.ndarray, *, result: np.ndarray, at_once: int) -> np.ndarray:
    """Fill `result`, block by block, so that no other array of its size is needed."""
    chosen = ~np.isnan(cofactor)
    divisor = np.where(chosen, cofactor, 1).astype(result.dtype)
    for start in range(0, len(values), at_once):
        block = result[start : start + at_once]
        block[...] = values[start : start + at_once]
        block /= divisor
        np.arcsinh(block, out=block, where=chosen)
    return result


def _dtype(matrix: Any) -> type[np.floating[Any]]:
    return np.float64 if matrix.dtype == np.float64 else np.float32
