"""Rows of a matrix -> standardised minibatches on a device; a sparse matrix is densified per batch, never whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

Matrix: TypeAlias = np.ndarray | sparse.csr_matrix

# Rows per batch where nothing is learned: large enough to keep the cores busy, small enough to stay in memory.
_ROWS_AT_ONCE = 8192


class Batches:
    """Minibatches of a matrix, (batch, n_features) float32 tensors of (value - mean) / scale."""

    def __init__(self, matrix: Matrix, mean: np.ndarray, scale: np.ndarray, device: torch.device) -> None:
        self.matrix = matrix
        self.device = device
        self._mean = torch.as_tensor(mean, dtype=torch.float32, device=device)
        self._scale = torch.as_tensor(scale, dtype=torch.float32, device=device)

    @property
    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """What is subtracted and what is divided by, (n_features,) each."""
        return self._mean.cpu().numpy(), self._scale.cpu().numpy()

    def rows(self, index: np.ndarray | slice) -> Tensor:
        """Return the rows `index`, standardised."""
        dense = dense_rows(self.matrix, index)
        values = torch.as_tensor(np.ascontiguousarray(dense, dtype=np.float32)).to(self.device)
        return (values - self._mean) / self._scale

    def shuffled(self, index: np.ndarray, batch_size: int, rng: np.random.Generator) -> Iterator[Tensor]:
        """Yield the rows `index` in random order, in batches of nearly equal size."""
        for part in np.array_split(rng.permutation(index), n_batches(len(index), batch_size)):
            yield self.rows(part)

    def in_order(self, index: np.ndarray | None = None, batch_size: int = _ROWS_AT_ONCE) -> Iterator[Tensor]:
        """Yield the rows `index` (all by default) in order."""
        n_rows = self.matrix.shape[0] if index is None else len(index)
        for start in range(0, n_rows, batch_size):
            part = slice(start, min(start + batch_size, n_rows))
            yield self.rows(part if index is None else index[part])


def checked(matrix: Any, n_features: int) -> Matrix:
    """Return a matrix of finite values with so many columns, dense or CSR."""
    if not (isinstance(matrix, np.ndarray) or sparse.issparse(matrix)):
        msg = (
            f"`matrix` must be a NumPy array or a SciPy sparse matrix, got {type(matrix).__name__}; its columns "
            "are those of `adata[:, list(model.features)].X`."
        )
        raise TypeError(msg)
    if not np.isfinite(matrix.data if sparse.issparse(matrix) else matrix).all():
        msg = "`matrix` has NaN or infinite values; remove or impute them first."
        raise ValueError(msg)
    if matrix.ndim != 2 or matrix.shape[1] != n_features:
        msg = f"`matrix` must have {n_features} columns, one per feature of the model, got {matrix.shape}."
        raise ValueError(msg)
    return sparse.csr_matrix(matrix) if sparse.issparse(matrix) else np.asarray(matrix)


def dense_rows(matrix: Matrix, index: np.ndarray | slice) -> np.ndarray:
    """Return the rows `index` of a dense or sparse matrix as an ndarray."""
    block: Any = matrix[index]
    return block.toarray() if sparse.issparse(block) else block


def n_batches(n_rows: int, batch_size: int) -> int:
    """Return how many batches of nearly equal size an epoch has; none is ever left with a single cell."""
    return max(1, min(-(-n_rows // batch_size), n_rows // 2))
