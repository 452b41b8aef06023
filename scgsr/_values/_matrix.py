"""A matrix in memory, dense or CSR."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from scipy import sparse

from scgsr._checks import about, is_whole

Matrix: TypeAlias = np.ndarray | sparse.csr_matrix

# Rows in a block where nothing is learned, and values in a block of many features: enough to keep the cores busy, few
# enough to stay in their cache.
_ROWS_AT_ONCE, _VALUES_AT_ONCE = 8192, 1 << 20


def dense(matrix: Any) -> np.ndarray:
    """Return a matrix as an ndarray."""
    return matrix.toarray() if sparse.issparse(matrix) else matrix


def unmasked(matrix: np.ndarray, what: str) -> np.ndarray:
    """Return an array without a mask; ValueError if some of its values are masked, as they are then no values."""
    if isinstance(matrix, np.ma.MaskedArray) and np.ma.is_masked(matrix):
        n_masked = int(np.ma.getmaskarray(matrix).sum())
        msg = f"{what} has {n_masked} masked values; leave their rows or columns out, or `numpy.ma.filled` them."
        raise about("adata", ValueError(msg))
    return np.asarray(matrix)


def whole(
    matrix: Any, what: str, argument: str = "adata", *, shape: tuple[int, int] | None = None
) -> sparse.csr_matrix:
    """Return a sparse matrix, or its parts, by rows; ValueError if it is damaged.

    Libraries would follow its indices out of its memory.
    """
    try:
        rows = matrix if sparse.issparse(matrix) else sparse.csr_matrix(matrix, shape=shape)
        sound = is_whole(rows)
    except ValueError:  # its parts do not fit together
        sound = False
    if not sound:
        msg = f"{what} is a damaged sparse matrix: some of its indices lie outside of its shape; read or make it again."
        raise about(argument, ValueError(msg))
    return sparse.csr_matrix(rows)


def n_bytes(matrix: Matrix) -> int:
    """Return what a matrix takes in memory as float32."""
    if isinstance(matrix, np.ndarray):
        return 4 * matrix.size
    return 4 * matrix.nnz + matrix.indices.nbytes + 8 * len(matrix.indptr)


def slices(n_rows: int, step: int) -> Iterator[slice]:
    """Yield the slices of so many rows, the last of which may be shorter, that make all rows."""
    return (slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step))


def rows_at_once(n_features: int) -> int:
    """Return how many rows make a block where nothing is learned."""
    return max(1, min(_ROWS_AT_ONCE, _VALUES_AT_ONCE // max(1, n_features)))
