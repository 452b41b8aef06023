"""Terms of the objective that need no graph."""

from __future__ import annotations

from torch import Tensor, nn

from scgsr import _ranks


def squared_error(features: Tensor, reconstruction: Tensor) -> Tensor:
    """Return the mean squared error over cells and features; of standardised features it is 1 - R^2."""
    return _ranks.pooled(nn.functional.mse_loss(reconstruction, features))


def left_out(features: Tensor, components: Tensor) -> Tensor:
    """Return the mean square of the features that the components in front of the network leave out: a constant.

    With the error of the components it is that of the features.
    """
    # By rows first: a sum over all of a large matrix is rounded in another way for each number of threads.
    of_features, of_components = (values.square().mean(dim=1).mean() for values in (features, components))
    return _ranks.pooled(of_features - of_components)


def l1(activations: Tensor) -> Tensor:
    """Return the mean over cells of sum_i |x_i|: (batch, n_neurons) -> scalar."""
    return _ranks.pooled(activations.abs().sum(dim=1).mean())


def l2(activations: Tensor) -> Tensor:
    """Return the mean over cells of sum_i x_i^2: (batch, n_neurons) -> scalar."""
    return _ranks.pooled(activations.square().sum(dim=1).mean())


def batch_mean(activations: Tensor) -> Tensor:
    """Return sum_i (mean over cells of x_i)^2: (batch, n_neurons) -> scalar. No neuron is to be on in most cells."""
    return _ranks.pooled(activations.mean(dim=0)).square().sum()


# Penalties that take the activations and know no graph.
WITHOUT_GRAPH = {"batch_mean": batch_mean, "l1": l1, "l2": l2}
