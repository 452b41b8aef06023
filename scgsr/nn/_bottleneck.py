"""The spectral bottleneck: activations composed of a few atoms that lie close together on the graph."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from scgsr import _checks
from scgsr.graphs import Atoms, NeuronGraph
from scgsr.nn._checks import check_size

# Singular values of the atoms below this share of the largest are not inverted.
_WEAKEST = 0.1


class SpectralBottleneck(nn.Module):
    """A layer whose activations are convex combinations of atoms, each around one place of the graph.

    For one cell with input h the loadings are ``softmax((W h + b) @ analysis)`` and the activations ``loadings @
    atoms``. `analysis` is the pseudo-inverse of the atoms, without the singular values below a tenth of the largest:
    neighbouring atoms are nearly alike, so their differences would be amplified a hundredfold and one loading would win
    from the start. Loadings are positive and sum to one, so few atoms per cell tell cells apart best, and each neuron
    responds to cells of its own, which overlap with those of its neighbours. No penalty is needed; one may be added.

    Parameters
    ----------
    in_features
        Width of the input.
    graph
        The neurons' graph; its nodes are the outputs, in order.
    atoms
        Recipe of the atoms: random walks, heat, Mexican hats or Meyer wavelets.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or range.

    Examples
    --------
    >>> import torch, scgsr
    >>> bottleneck = scgsr.nn.SpectralBottleneck(8, scgsr.graphs.grid(6))
    >>> hidden = torch.randn(32, 8)
    >>> loadings = bottleneck.loadings(hidden)
    >>> loadings.shape, bool(torch.allclose(loadings.sum(dim=1), torch.ones(32)))
    (torch.Size([32, 18]), True)
    >>> bool(torch.allclose(bottleneck(hidden), loadings @ bottleneck.atoms_matrix))
    True
    """

    atoms_matrix: Tensor
    analysis_matrix: Tensor

    def __init__(self, in_features: int, graph: NeuronGraph, *, atoms: Atoms = Atoms()) -> None:  # noqa: B008 (frozen)
        super().__init__()
        _checks.positive_int("in_features", in_features)
        _checks.instance("graph", graph, NeuronGraph, hint="Make one with scgsr.graphs.")
        _checks.instance("atoms", atoms, Atoms, hint="Make them with scgsr.graphs.Atoms.")
        self.atoms = atoms
        self.linear = nn.Linear(in_features, graph.n_neurons)
        # They follow from the graph, so they are not part of the saved state.
        self.register_buffer("atoms_matrix", torch.empty(0), persistent=False)  # (n_atoms, n_neurons)
        self.register_buffer("analysis_matrix", torch.empty(0), persistent=False)  # (n_neurons, n_atoms)
        self.set_graph(graph)

    def set_graph(self, graph: NeuronGraph) -> None:
        """Replace the graph; the weights stay."""
        check_size(graph, self.linear.out_features)
        matrix = self.atoms.on(graph)
        weight = self.linear.weight
        self.atoms_matrix = torch.as_tensor(matrix, dtype=weight.dtype, device=weight.device)
        analysis = np.linalg.pinv(matrix, rcond=_WEAKEST)
        self.analysis_matrix = torch.as_tensor(analysis, dtype=weight.dtype, device=weight.device)

    def loadings(self, hidden: Tensor) -> Tensor:
        """Return how much of each atom a cell has: (batch, in_features) -> (batch, n_atoms)."""
        return self._loadings(self.linear(hidden))

    def respond(self, inputs: Tensor) -> Tensor:
        """Return the activations from the outputs of the linear part: (batch, n_neurons) -> (batch, n_neurons)."""
        return self._loadings(inputs) @ self.atoms_matrix

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the activations: (batch, in_features) -> (batch, n_neurons)."""
        return self.respond(self.linear(hidden))

    def _loadings(self, inputs: Tensor) -> Tensor:
        return torch.softmax(inputs @ self.analysis_matrix, dim=-1)
