"""One step's gradient, faster than recorded operations give it.

Autograd takes fresh memory for every result of every step, and for wide layers waits for that memory. Here the dense
layers, which do nearly all of the arithmetic, write their outputs and gradients into the same tensors at every step,
by the rules that every textbook has; the penalty knows its own gradient. What makes the layer structured
(normalisation, threshold, diffusion) is small and may be anything: there autograd works as usual.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from scgsr._model import NEGATIVE_SLOPE, Autoencoder
from scgsr._train._losses import Loss, squared_error_and_gradient
from scgsr._train._regularizer import Regularizer


class Gradient:
    """Fills the `.grad` of a network's weights with the gradient of reconstruction + smoothness * penalties."""

    def __init__(self, network: Autoencoder, regularizer: Regularizer, batch_size: int, precision: str | None) -> None:
        self.network, self.regularizer = network, regularizer
        low = precision == "bf16"
        self.encoder = DenseLayers([*_linear(network.encoder), network.layer.linear], batch_size, low=low)
        self.decoder = DenseLayers([*_linear(network.decoder), network.output], batch_size, low=low)

    def of(self, features: Tensor, smoothness: float, noise_rng: torch.Generator) -> Loss:
        """Return the parts of the objective for a batch, (batch, n_features), once the gradient is in place."""
        inputs = self.encoder.forward(features).requires_grad_()  # (batch, n_neurons)
        layer = self.network.layer
        activations = layer.respond(inputs)
        with torch.no_grad():
            penalty, gradient = self.regularizer.of_activations(activations)
            reconstruction = self.decoder.forward(self.network.noisy(activations, noise_rng))
            error, misfit = squared_error_and_gradient(features, reconstruction)
            gradient = (gradient * smoothness).add_(self.decoder.backward(misfit))
        activations.backward(gradient)
        self.encoder.backward(inputs.grad, to_rows=False)  # type: ignore[arg-type]  # there is one by now
        on_weights = self.regularizer.of_weights(layer.linear.weight)
        if on_weights is not None:
            layer.linear.weight.grad.add_(on_weights[1], alpha=smoothness)  # type: ignore[union-attr]
            penalty = penalty + on_weights[0]
        return Loss(error, penalty)


class DenseLayers:
    """Linear layers with a leaky ReLU between them, forward and backward, in memory that is taken once.

    A batch may have fewer rows than the memory has room for. What `forward` and `backward` return is there until
    they are called again.
    """

    def __init__(self, layers: Sequence[nn.Linear], batch_size: int, *, low: bool) -> None:
        last = len(layers) - 1
        self.layers = [
            _Dense(linear, batch_size, activated=number < last, low=low) for number, linear in enumerate(layers)
        ]

    @torch.no_grad()
    def forward(self, rows: Tensor) -> Tensor:
        """Return the outputs of the last layer, float32: (batch, in_features) -> (batch, out_features)."""
        for layer in self.layers:
            rows = layer.forward(rows)
        return rows.float().detach()

    @torch.no_grad()
    def backward(self, gradient: Tensor, *, to_rows: bool = True) -> Tensor:
        """Put the weights' gradients in place, given that of the outputs; return that of the rows, if asked for."""
        for layer in self.layers[:0:-1]:
            gradient = layer.backward(gradient)
        return self.layers[0].backward(gradient, to_rows=to_rows).float()


class _Dense:
    """One of the layers."""

    def __init__(self, linear: nn.Linear, batch_size: int, *, activated: bool, low: bool) -> None:
        self.linear, self.activated, self.low = linear, activated, low
        self.dtype = torch.bfloat16 if low else torch.float32
        self.weight_gradient = linear.weight.grad = torch.zeros_like(linear.weight)
        if linear.bias is not None:
            linear.bias.grad = torch.zeros_like(linear.bias)
        self.weight = linear.weight.detach()
        self.outputs = self._memory(batch_size, linear.out_features)
        self.row_gradients = self._memory(batch_size, linear.in_features)
        self.rows = self.outputs

    def forward(self, rows: Tensor) -> Tensor:
        """Return the outputs: (batch, in_features) -> (batch, out_features)."""
        self.rows = rows.to(self.dtype)
        # In low precision the weights stay as they are, so that small steps can change them, and a copy multiplies.
        self.weight = self.linear.weight.detach().to(self.dtype)
        outputs = self.outputs[: len(rows)]
        if self.linear.bias is None:
            torch.mm(self.rows, self.weight.t(), out=outputs)
        else:
            torch.addmm(self.linear.bias.to(self.dtype), self.rows, self.weight.t(), out=outputs)
        return nn.functional.leaky_relu_(outputs, NEGATIVE_SLOPE) if self.activated else outputs

    def backward(self, gradient: Tensor, *, to_rows: bool = True) -> Tensor:
        """Put the weights' gradients in place; return that of the rows, or what came in if that is not asked for."""
        gradient = gradient.to(self.dtype)
        if self.activated:  # the sign of an output is that of what the leaky ReLU saw
            outputs = self.outputs[: len(gradient)]
            gradient = torch.ops.aten.leaky_relu_backward(gradient, outputs, NEGATIVE_SLOPE, True)
        if self.low:
            self.weight_gradient.copy_(gradient.t() @ self.rows)
        else:
            torch.mm(gradient.t(), self.rows, out=self.weight_gradient)
        if self.linear.bias is not None:
            torch.sum(gradient, dim=0, dtype=torch.float32, out=self.linear.bias.grad)
        return torch.mm(gradient, self.weight, out=self.row_gradients[: len(gradient)]) if to_rows else gradient

    def _memory(self, *shape: int) -> Tensor:
        return torch.empty(shape, dtype=self.dtype, device=self.linear.weight.device)


def _linear(stack: nn.Sequential) -> list[nn.Linear]:
    return [layer for layer in stack if isinstance(layer, nn.Linear)]
