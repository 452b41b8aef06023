"""One step of training: the objective on a batch, its gradient, the update of the weights."""

from __future__ import annotations

import torch
from torch import Tensor

from scgsr import _device, _ranks
from scgsr._model import Autoencoder
from scgsr._train._config import TrainConfig, value_at
from scgsr._train._execution import execution
from scgsr._train._losses import left_out, squared_error
from scgsr._train._regularizer import Regularizer
from scgsr._values import Minibatch

# Devices on which one kernel updates all weights.
_WITH_FUSED_ADAM = ("cpu", "cuda")


class Stepper:
    """Lowers reconstruction + smoothness * penalty by one step for each batch.

    Nothing here is read back from the device, so that a GPU is never kept waiting.
    """

    def __init__(
        self, network: Autoencoder, regularizer: Regularizer, config: TrainConfig, n_steps: int, step: str = "plain"
    ) -> None:
        self.network, self.regularizer, self.config, self.n_steps = network, regularizer, config, n_steps
        self.optimiser = torch.optim.Adam(
            network.parameters(),
            lr=value_at(config.learning_rate, 0),
            fused=network.device.type in _WITH_FUSED_ADAM,
        )
        self.schedule = config.schedule(self.optimiser, n_steps)
        self.n_done = 0
        # What the losses are multiplied by: 1 and the smoothness, a tensor that a captured step reads anew.
        self._weights = torch.ones((), device=network.device), torch.ones((), device=network.device)
        self._smoothness = 1.0  # the value that the second one holds
        self._execution = execution(step, self._backward, network.parameters())

    def step(self, batch: Minibatch, noise_rng: torch.Generator) -> Tensor:
        """Update the weights by a batch; return reconstruction error and penalty before the update, (2,).

        They are valid until the next step. Of several ranks each gives its own rows of the batch; the losses are those
        of the whole batch.
        """
        smoothness = self.config.smoothness_at(self.n_done, self.n_steps)
        if smoothness != self._smoothness:  # once the annealing is over there is nothing to fill
            self._weights[1].fill_(smoothness)
            self._smoothness = smoothness
        try:
            losses = self._execution(batch, noise_rng)
        except torch.OutOfMemoryError as error:
            raise _device.too_many_at_once(len(batch.features), self.network.device) from error
        _ranks.sum_gradients(self.network.parameters())
        self.optimiser.step()
        self.schedule.step()
        self.n_done += 1
        return losses

    def forget_captured(self) -> None:
        """Free what was captured: with a neuron graph that is no longer there, or for steps that are over."""
        self._execution.forget()

    def losses(self, features: Tensor, origins: Tensor | None, noise: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return reconstruction error and penalty; what makes the layer structured is never of low precision."""
        network, layer = self.network, self.network.layer
        inputs = network.inputs(features)  # (batch, n_inputs)
        with _device.low_precision(self.config.precision, features.device):
            responses = layer.linear(network.encoder(inputs))  # (batch, n_neurons)
        activations = layer.respond(responses.to(features.dtype))
        penalty = self.regularizer(activations, layer.linear.weight)
        with _device.low_precision(self.config.precision, features.device):
            outputs = network.outputs(network.noisy(activations, noise), origins)
        error = squared_error(inputs, outputs.to(features.dtype))
        if network.front is not None:
            error = error + left_out(features, inputs)
        return error, penalty

    def _backward(self, batch: Minibatch, noise_rng: torch.Generator) -> Tensor:
        """Leave the gradient in the weights, and return the losses, (2,); all that this reads are tensors."""
        self.optimiser.zero_grad()
        with _ranks.one_batch(len(batch.features), batch.places):
            noise = self.network.noise(len(batch.features), noise_rng)
            losses = self.losses(batch.features, batch.origins, noise)
            torch.autograd.backward(losses, self._weights)
        return torch.stack([loss.detach() for loss in losses])
