"""Multiplication of a batch by the Laplacian of the neuron graph."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor, nn

# On a processor, a Laplacian with at most this share of entries multiplies as a sparse matrix. On a GPU the dense
# product is faster, except for thousands of neurons and of cells at once.
_SPARSE_UP_TO = 0.1


class LaplacianProduct(nn.Module):
    """rows -> rows @ L, (batch, n_neurons) -> (batch, n_neurons); without the diagonal of L if that is asked for."""

    matrix: Tensor

    def __init__(self, laplacian: csr_matrix, *, diagonal: bool = True) -> None:
        super().__init__()
        dense = laplacian.toarray()
        self.trace = float(np.trace(dense))
        if not diagonal:
            np.fill_diagonal(dense, 0)
        # It follows from the graph, so it is not part of the saved state.
        self.register_buffer("matrix", torch.as_tensor(dense, dtype=torch.float32), persistent=False)
        few = np.count_nonzero(dense) <= _SPARSE_UP_TO * dense.size
        self._entries = torch.as_tensor(dense, dtype=torch.float32, device="cpu").to_sparse() if few else None

    def forward(self, rows: Tensor) -> Tensor:
        """Return rows @ L."""
        # `torch.compile`, to which users may give a network of their own, takes no sparse matrices.
        if torch.compiler.is_compiling() or self._entries is None or rows.device.type != "cpu":
            return rows @ self.matrix
        self._entries = self._entries.to(dtype=rows.dtype)  # once, where the penalty is of doubles
        return (self._entries @ rows.t().contiguous()).t()
