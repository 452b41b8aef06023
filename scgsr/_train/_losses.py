"""Terms of the objective that need no graph, with their gradients, and the record of what a step measured."""

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


def l1(activations: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean over cells of sum_i |x_i| and its gradient, (batch, n_neurons)."""
    return activations.abs().sum(dim=1).mean(), activations.sign() / len(activations)


def l2(activations: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean over cells of sum_i x_i^2 and its gradient, (batch, n_neurons)."""
    return activations.square().sum(dim=1).mean(), activations * (2 / len(activations))


def batch_mean(activations: Tensor) -> tuple[Tensor, Tensor]:
    """Return sum_i (mean over cells of x_i)^2 and its gradient, (batch, n_neurons): no neuron is on in most cells."""
    mean = activations.mean(dim=0)
    return mean.square().sum(), (mean * (2 / len(activations))).expand_as(activations)
