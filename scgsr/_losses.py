"""Reconstruction terms with their gradients, and the record of what a step measured."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Loss:
    """The named parts of the objective, reconstruction + smoothness * penalty, each a scalar tensor."""

    reconstruction: Tensor
    penalty: Tensor


def squared_error(features: Tensor, reconstruction: Tensor) -> Tensor:
    """Return the mean squared error over cells and features; of standardised features it is 1 - R^2."""
    return (features - reconstruction).square().mean()


def squared_error_and_gradient(features: Tensor, reconstruction: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean squared error and its gradient with respect to the reconstruction, whose place it takes."""
    misfit = reconstruction.sub_(features)
    flat = misfit.view(-1)
    error = torch.dot(flat, flat) / flat.numel()
    return error, misfit.mul_(2 / flat.numel())
