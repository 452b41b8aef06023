"""All penalties of a fit as one: some of the activations, some of the weights, each with its factor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from scgsr import _checks, _ranks
from scgsr._checks import about
from scgsr._train._losses import WITHOUT_GRAPH
from scgsr.graphs import NeuronGraph
from scgsr.nn import GraphSpectralPenalty

PENALTIES = (*GraphSpectralPenalty.ON_ACTIVATIONS, *GraphSpectralPenalty.ON_WEIGHTS, *WITHOUT_GRAPH)


def factors_of(penalty: Any) -> dict[str, float]:
    """Return the factor of each penalty that the argument `penalty` names."""
    if not isinstance(penalty, str | Mapping):
        msg = f"`penalty` must be a name, or several as {{name: factor}}, got {penalty!r}; names are {list(PENALTIES)}."
        raise about("penalty", TypeError(msg))
    if isinstance(penalty, str):
        return {_checks.one_of("penalty", penalty, PENALTIES): 1.0}
    if not penalty:
        msg = "`penalty` must name at least one, got an empty dict; `smoothness=0` trains without any."
        raise about("penalty", ValueError(msg))
    for name, factor in penalty.items():
        _checks.one_of("penalty", name, PENALTIES)
        try:
            _checks.number(f"penalty[{name!r}]", factor, minimum=0, exclusive=True)
        except (TypeError, ValueError) as error:
            raise about("penalty", error) from None
    return {name: float(factor) for name, factor in penalty.items()}


def uses_graph(penalty: str | Mapping[str, float]) -> bool:
    """Whether any of the penalties looks at the graph."""
    return any(name not in WITHOUT_GRAPH for name in factors_of(penalty))


class Regularizer(nn.Module):
    """The sum of penalties on one structured layer."""

    def __init__(self, graph: NeuronGraph, factors: Mapping[str, float], laplacian: str) -> None:
        super().__init__()
        self.factors = dict(factors)
        on_graph = [name for name in factors if name not in WITHOUT_GRAPH]
        self.spectral = nn.ModuleDict(
            {name: GraphSpectralPenalty(graph, penalty=name, laplacian=laplacian) for name in on_graph}
        )

    def set_graph(self, graph: NeuronGraph) -> None:
        """Replace the graph, as a learned one is at each refresh."""
        for penalty in self.spectral.values():
            penalty.set_graph(graph)  # type: ignore[operator]  # a ModuleDict is typed as one of Modules

    def warn_of_constant_image(self) -> None:
        """Log that a constant image has a penalty, where the Laplacian makes it so."""
        for penalty in list(self.spectral.values())[:1]:  # all have the same Laplacian
            penalty.warn_of_constant_image()  # type: ignore[operator]

    def forward(self, activations: Tensor, weight: Tensor) -> Tensor:
        """Return the sum of all penalties, a scalar.

        Parameters
        ----------
        activations
            Those of a batch, (batch, n_neurons).
        weight
            The weights into the layer, (n_neurons, n_inputs).
        """
        parts = [factor * self._penalty(name, activations, weight) for name, factor in self.factors.items()]
        return parts[0] if len(parts) == 1 else sum(parts[1:], start=parts[0])

    def _penalty(self, name: str, activations: Tensor, weight: Tensor) -> Tensor:
        if name in WITHOUT_GRAPH:
            return WITHOUT_GRAPH[name](activations)
        spectral = self.spectral[name]
        if name in GraphSpectralPenalty.ON_WEIGHTS:
            return _ranks.pooled(spectral.penalise(weight))  # type: ignore[operator]
        return spectral.penalise(activations)  # type: ignore[operator]
