"""The picture of a cell: its activations regardless of their brightness."""

from __future__ import annotations

import torch
from torch import Tensor

from scgsr import _ranks

# A cell this much fainter than the mean cell is half normalised: what is nearly silent must not be blown up.
FAINT = 0.1


def unit_pictures(activations: Tensor) -> Tensor:
    """Return each cell's activations, scaled to unit norm.

    Activations x become x / (|x| + 0.1 mean |x|): of about unit norm, but near zero for a cell with hardly any
    activation.

    Parameters
    ----------
    activations
        One cell per row, (batch, n_neurons).

    Returns
    -------
    Tensor (batch, n_neurons).

    Examples
    --------
    >>> import torch, scgsr
    >>> pictures = scgsr.nn.unit_pictures(torch.tensor([[3.0, 4.0], [300.0, 400.0], [0.0, 0.0]]))
    >>> bool(torch.allclose(pictures[0] / pictures[0].norm(), pictures[1] / pictures[1].norm()))
    True
    >>> pictures[2]
    tensor([0., 0.])
    """
    return activations / brightness(activations)[1]


def brightness(activations: Tensor) -> tuple[Tensor, Tensor]:
    """Return the norm of each cell's activations, and what they are divided by, (batch, 1) each."""
    norm = torch.linalg.vector_norm(activations, dim=1, keepdim=True)
    return norm, (norm + FAINT * _ranks.pooled(norm.mean())).clamp_min_(torch.finfo(norm.dtype).tiny)
