"""What activations cost by the graph frequencies that they are made of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor, nn

from scgsr import _ranks
from scgsr.graphs import fourier_basis, same_frequency


class SparseSpectrum(nn.Module):
    """The mean over cells of the sum over eigenspaces of g(lambda) |P x|.

    Whole eigenspaces: rings, grids and tori have repeated eigenvalues, within which the basis is arbitrary, and a sum
    over single coefficients would depend on it.
    """

    modes: Tensor
    member: Tensor
    costs: Tensor

    def __init__(self, laplacian: csr_matrix, kernel: Callable[[np.ndarray], np.ndarray] | None) -> None:
        super().__init__()
        frequencies, modes = fourier_basis(laplacian)
        space = same_frequency(frequencies)
        member = np.eye(space[-1] + 1)[space]
        # One cost for a space, whose frequencies differ by rounding.
        costs = _costs(frequencies, kernel) @ member / member.sum(axis=0)
        for name, values in (("modes", modes), ("member", member), ("costs", costs)):
            # (n_neurons, n_neurons), (n_neurons, n_spaces) and (n_spaces,)
            self.register_buffer(name, torch.as_tensor(values, dtype=torch.float32), persistent=False)

    def value_and_gradient(self, activations: Tensor) -> tuple[Tensor, Tensor]:
        """Return the value, a scalar, and its gradient: (batch, n_neurons) -> (batch, n_neurons)."""
        coefficients = activations @ self.modes
        lengths = (coefficients.square() @ self.member).sqrt_()  # (batch, n_spaces): |P x|
        # Where a length is 0 it has no slope, and no way to fall.
        slope = torch.where(lengths > 0, self.costs / lengths, 0) @ self.member.t()
        value = _ranks.pooled((lengths @ self.costs).mean())
        return value, (coefficients * slope) @ self.modes.t() / _ranks.n_rows(activations)


def _costs(frequencies: np.ndarray, kernel: Callable[[np.ndarray], np.ndarray] | None) -> np.ndarray:
    """Return g(lambda), (n_modes,)."""
    costs = np.exp(-frequencies) if kernel is None else np.asarray(kernel(frequencies), dtype=np.float64)
    if costs.shape != frequencies.shape or not np.isfinite(costs).all() or (costs < 0).any():
        msg = f"`kernel` must return {len(frequencies)} finite numbers of at least 0, one for each eigenvalue."
        raise ValueError(msg)
    return costs
