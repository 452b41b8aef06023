"""The structured layer: selective neurons on a graph."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from scgsr import _checks, _ranks
from scgsr.graphs import NeuronGraph
from scgsr.graphs import diffusion as diffusion_matrix
from scgsr.nn._checks import check_size


class StructuredLayer(nn.Module):
    """A layer of selective neurons on a graph, whose scale a smoothness penalty cannot shrink.

    For one cell with input h the activations are ``relu(z - min(threshold, max(z) - least)) @ H``, z = batchnorm(W h):
    where no neuron passes the threshold, the threshold falls until the strongest does, so every cell has a picture. The
    batch normalisation has no affine part, so every neuron is inactive in most cells, and none can lower the penalty by
    its scale; `H`, the lazy random walk on the graph to the power `diffusion` with columns of unit norm, spreads each
    neuron's activation to its neighbours. ``threshold=None`` gives a plain linear layer, ``W h + b``, without
    normalisation or threshold (but with `H`).

    Parameters
    ----------
    in_features
        Width of the input.
    graph
        The neurons' graph; its nodes are the outputs, in order.
    threshold
        How many standard deviations above its mean a neuron must be to be active; None for linear neurons.
    diffusion
        Steps of the random walk; 0 for none.
    least
        Least activation of the strongest neuron of each cell. 0: a cell may have no active neuron.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or range.

    Examples
    --------
    >>> import torch, scgsr
    >>> layer = scgsr.nn.StructuredLayer(8, scgsr.graphs.ring(5))
    >>> activations = layer(torch.randn(32, 8))
    >>> activations.shape, bool((activations >= 0).all())
    (torch.Size([32, 5]), True)
    """

    diffusion_matrix: Tensor

    def __init__(
        self,
        in_features: int,
        graph: NeuronGraph,
        *,
        threshold: float | None = 0.5,
        diffusion: int = 0,
        least: float = 0.5,
    ) -> None:
        super().__init__()
        _checks.positive_int("in_features", in_features)
        _checks.instance("graph", graph, NeuronGraph, hint="Make one with scgsr.graphs.")
        self.threshold = None if threshold is None else _checks.number("threshold", threshold)
        self.diffusion = _checks.positive_int("diffusion", diffusion, minimum=0)
        self.least = _checks.number("least", least, minimum=0)
        selective = threshold is not None
        self.linear = nn.Linear(in_features, graph.n_neurons, bias=not selective)
        self.norm = nn.BatchNorm1d(graph.n_neurons, affine=False) if selective else nn.Identity()
        # Follows from the graph, so it is not part of the saved state.
        self.register_buffer("diffusion_matrix", torch.empty(0), persistent=False)
        self.set_graph(graph)

    def set_graph(self, graph: NeuronGraph) -> None:
        """Replace the graph, as a learned one is at each refresh; the weights stay."""
        check_size(graph, self.linear.out_features)
        weight = self.linear.weight
        matrix = diffusion_matrix(graph.adjacency, self.diffusion) if self.diffusion else ()
        self.diffusion_matrix = torch.as_tensor(matrix, dtype=weight.dtype, device=weight.device)

    def code(self, hidden: Tensor) -> Tensor:
        """Return the activations before they diffuse: (batch, in_features) -> (batch, n_neurons)."""
        return self.fire(self.linear(hidden))

    def fire(self, inputs: Tensor) -> Tensor:
        """Return which neurons fire, and how strongly, at these inputs: (batch, n_neurons) -> (batch, n_neurons)."""
        inputs = _ranks.normalised(inputs, self.norm)
        if self.threshold is None:
            return inputs
        if self.least == 0:
            return torch.relu(inputs - self.threshold)
        lowered = inputs.amax(dim=1, keepdim=True) - self.least  # (batch, 1)
        return torch.relu(inputs - lowered.clamp_max(self.threshold))

    def diffuse(self, code: Tensor) -> Tensor:
        """Return the code spread over the graph: (batch, n_neurons) -> (batch, n_neurons)."""
        return code @ self.diffusion_matrix if self.diffusion else code

    def respond(self, inputs: Tensor) -> Tensor:
        """Return the activations from the outputs of the linear part: (batch, n_neurons) -> (batch, n_neurons)."""
        return self.diffuse(self.fire(inputs))

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the activations: (batch, in_features) -> (batch, n_neurons)."""
        return self.respond(self.linear(hidden))
