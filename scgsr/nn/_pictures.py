"""The picture of a cell: its activations regardless of their brightness."""

from __future__ import annotations

import torch
from torch import Tensor

# A cell this much fainter than the mean cell is half normalised: what is nearly silent must not be blown up.
FAINT = 0.1


def unit_pictures(activations: Tensor) -> Tensor:
    """Return each cell's activations regardless of their brightness: (batch, n_neurons) -> (batch, n_neurons)."""
    return activations / brightness(activations)[1]


def brightness(activations: Tensor) -> tuple[Tensor, Tensor]:
    """Return the norm of each cell's activations, and what they are divided by, (batch, 1) each."""
    norm = torch.linalg.vector_norm(activations, dim=1, keepdim=True)
    return norm, (norm + FAINT * norm.mean()).clamp_min_(torch.finfo(norm.dtype).tiny)
