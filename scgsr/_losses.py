"""Reconstruction and smoothness terms, and the record of their values."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Loss:
    """The named parts of the objective, each a scalar tensor."""

    reconstruction: Tensor
    penalty: Tensor
    total: Tensor


def squared_error(features: Tensor, reconstruction: Tensor) -> Tensor:
    """Return the mean squared error over cells and features; of standardised features it is 1 - R^2."""
    return (features - reconstruction).square().mean()


def combine(reconstruction: Tensor, penalty: Tensor, smoothness: float) -> Loss:
    """Return reconstruction + smoothness * penalty with its parts."""
    return Loss(reconstruction, penalty, reconstruction + smoothness * penalty)
