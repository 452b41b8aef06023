"""All penalties of a fit as one: some of the activations, some of the weights, each with its factor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from scgsr import _checks
from scgsr._train._losses import batch_mean, l1, l2
from scgsr.graphs import NeuronGraph
from scgsr.nn import ON_ACTIVATIONS, ON_WEIGHTS, GraphSpectralPenalty

# From activations or weights to a penalty and its gradient.
Measure = Callable[[Tensor], tuple[Tensor, Tensor]]

# What costs without regard to the graph.
_PLAIN: dict[str, Measure] = {"batch_mean": batch_mean, "l1": l1, "l2": l2}
PENALTIES = (*ON_ACTIVATIONS, *ON_WEIGHTS, *_PLAIN)


def factors_of(penalty: Any) -> dict[str, float]:
    """Return the factor of each penalty that the argument `penalty` names."""
    if not isinstance(penalty, str | Mapping):
        msg = f"`penalty` must be a name, or several as {{name: factor}}, got {penalty!r}; names are {list(PENALTIES)}."
        raise TypeError(msg)
    if isinstance(penalty, str):
        return {_checks.one_of("penalty", penalty, PENALTIES): 1.0}
    if not penalty:
        msg = "`penalty` must name at least one, got an empty dict; `smoothness=0` trains without any."
        raise ValueError(msg)
    for name, factor in penalty.items():
        _checks.one_of("penalty", name, PENALTIES)
        _checks.number(f"penalty[{name!r}]", factor, minimum=0, exclusive=True)
    return {name: float(factor) for name, factor in penalty.items()}


class Regularizer(nn.Module):
    """The sum of penalties on one structured layer."""

    def __init__(self, graph: NeuronGraph, factors: Mapping[str, float], laplacian: str) -> None:
        super().__init__()
        self.factors = dict(factors)
        on_graph = [name for name in factors if name not in _PLAIN]
        self.spectral = nn.ModuleDict(
            {name: GraphSpectralPenalty(graph, penalty=name, laplacian=laplacian) for name in on_graph}
        )
        self._of_activations = [self._part(name) for name in factors if name not in ON_WEIGHTS]
        self._of_weights = [self._part(name) for name in factors if name in ON_WEIGHTS]

    @property
    def has_graph(self) -> bool:
        """Whether any of them looks at the graph."""
        return len(self.spectral) > 0

    def set_graph(self, graph: NeuronGraph) -> None:
        """Replace the graph, as a learned one is at each refresh."""
        for penalty in self.spectral.values():
            penalty.set_graph(graph)  # type: ignore[operator]  # ModuleDict forgets what it holds

    @torch.no_grad()
    def of_activations(self, activations: Tensor) -> tuple[Tensor, Tensor]:
        """Return the penalties of a batch, (batch, n_neurons) -> scalar, and their gradient, (batch, n_neurons)."""
        if not self._of_activations:
            return activations.new_zeros(()), torch.zeros_like(activations)
        return _summed(self._of_activations, activations)

    @torch.no_grad()
    def of_weights(self, weight: Tensor) -> tuple[Tensor, Tensor] | None:
        """Return those of the weights into the layer, (n_neurons, n_inputs), with their gradient, if there are any."""
        return _summed(self._of_weights, weight.detach()) if self._of_weights else None

    @torch.no_grad()
    def forward(self, activations: Tensor, weight: Tensor) -> Tensor:
        """Return the sum of all penalties, a scalar."""
        value, _ = self.of_activations(activations)
        on_weights = self.of_weights(weight)
        return value if on_weights is None else value + on_weights[0]

    def _part(self, name: str) -> tuple[float, Measure]:
        measure: Any = _PLAIN[name] if name in _PLAIN else self.spectral[name].value_and_gradient
        return self.factors[name], measure


def _summed(parts: list[tuple[float, Measure]], values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weighted sum of at least one measure, and of their gradients."""
    weighed = []
    for factor, measure in parts:
        value, gradient = measure(values)
        weighed.append((value, gradient) if factor == 1 else (factor * value, factor * gradient))
    total, slope = weighed[0]
    for value, gradient in weighed[1:]:
        total, slope = total + value, slope + gradient
    return total, slope
