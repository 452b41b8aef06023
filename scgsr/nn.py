"""The structured layer and its graph-spectral penalty, as parts for any torch network.

`StructuredLayer` is an embedding layer whose neurons are the nodes of a graph; `GraphSpectralPenalty` makes the
activations of neighbouring neurons agree. The graph connects neurons, not cells.

References
----------
Tong et al., *Interpretable Neuron Structuring with Graph Spectral Regularization*, IDA 2020,
https://doi.org/10.1007/978-3-030-44584-3_40
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from scgsr import _checks
from scgsr._laplacian import diffusion as diffusion_matrix
from scgsr.graphs import NeuronGraph

__all__ = ["GraphSpectralPenalty", "StructuredLayer"]

PENALTIES = ("correlation", "quadratic", "rayleigh")
LAPLACIANS = ("combinatorial", "symmetric")

# A standard deviation below this share of a typical neuron's counts as no variation at all.
_SD_FLOOR = 1e-3
# A cell this much fainter than the mean cell is half normalised: what is nearly silent must not be blown up.
_FAINT = 0.1


class StructuredLayer(nn.Module):
    """A layer of selective neurons on a graph, made so that a smoothness penalty cannot be cheated.

    For one cell with input h the activations are ``relu(batchnorm(W h) - threshold) @ H``. The batch normalisation
    has no affine part, so every neuron is silent in most cells and none can shrink or grow its way out of the
    penalty; `H`, the lazy random walk on the graph to the power `diffusion` with columns of unit norm, spreads each
    neuron's activation to its neighbours. ``threshold=None`` gives a plain linear layer, ``W h + b``, without
    normalisation or threshold (but with `H`).

    Parameters
    ----------
    in_features
        Width of the input.
    graph
        The neurons' graph; its nodes are the outputs, in order.
    threshold
        How many standard deviations above its mean a neuron must be to fire; None for linear neurons.
    diffusion
        Steps of the random walk; 0 for none.

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
        threshold: float | None = 1.0,
        diffusion: int = 1,
    ) -> None:
        super().__init__()
        _checks.positive_int("in_features", in_features)
        _checks.instance("graph", graph, NeuronGraph, hint="Make one with scgsr.graphs.")
        self.threshold = None if threshold is None else _checks.number("threshold", threshold)
        self.diffusion = _checks.positive_int("diffusion", diffusion, minimum=0)
        selective = threshold is not None
        self.linear = nn.Linear(in_features, graph.n_neurons, bias=not selective)
        self.norm = nn.BatchNorm1d(graph.n_neurons, affine=False) if selective else nn.Identity()
        # Follows from the graph, so it is not part of the saved state.
        self.register_buffer("diffusion_matrix", torch.empty(0), persistent=False)
        self.set_graph(graph)

    def set_graph(self, graph: NeuronGraph) -> None:
        """Replace the graph, as a learned one is at each refresh; the weights stay."""
        _check_size(graph, self.linear.out_features)
        if self.diffusion:
            matrix = diffusion_matrix(graph.adjacency, self.diffusion)
            self.diffusion_matrix = torch.as_tensor(matrix, dtype=torch.float32, device=self.linear.weight.device)

    def code(self, hidden: Tensor) -> Tensor:
        """Return the activations before they diffuse: (batch, in_features) -> (batch, n_neurons)."""
        pre = self.norm(self.linear(hidden))  # (batch, n_neurons)
        return pre if self.threshold is None else torch.relu(pre - self.threshold)

    def diffuse(self, code: Tensor) -> Tensor:
        """Return the code spread over the graph: (batch, n_neurons) -> (batch, n_neurons)."""
        return code @ self.diffusion_matrix if self.diffusion else code

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the activations: (batch, in_features) -> (batch, n_neurons)."""
        return self.diffuse(self.code(hidden))


class GraphSpectralPenalty(nn.Module):
    """How much the activations of neighbouring neurons disagree; with D - A zero if they always fire together.

    With L the Laplacian of the neuron graph and x the activations of one cell:

    - ``"correlation"``: the mean over edges, by weight, of 1 - corr(u_i, u_j) over the batch, written as
      1 + sum_(i != j) L_ij corr(u_i, u_j) / trace(L), where u = x / (|x| + 0.1 mean |x|) is the picture of a cell
      regardless of its brightness. Without this step a few cells that light every neuron very brightly would satisfy
      the penalty for all others. It has no unit: it means the same for every data set.
    - ``"quadratic"``: the mean over cells of x^T L x, as published. It can be lowered by shrinking x.
    - ``"rayleigh"``: the mean over cells of x^T L x / x^T x.

    Parameters
    ----------
    graph
        The neurons' graph.
    penalty
        Which of the three forms.
    laplacian
        ``"combinatorial"`` (D - A) or ``"symmetric"`` (I - D^-1/2 A D^-1/2). The null vector of the symmetric one
        is the square root of the degree: on an irregular graph it penalises a constant image.
    momentum
        Weight of the newest batch in the running variances that keep a rare neuron from giving a spike.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or range. The random-walk Laplacian is refused: as a quadratic form it is
        unbounded below on irregular graphs.

    Examples
    --------
    Neighbours on a path that fire together cost nothing; opposite ones cost 1 - (-1) = 2.

    >>> import torch, scgsr
    >>> penalty = scgsr.nn.GraphSpectralPenalty(scgsr.graphs.path(2))
    >>> x = torch.tensor([[0.0], [1.0], [2.0]])
    >>> round(float(penalty(torch.hstack([x, x]))), 5), round(float(penalty(torch.hstack([x, -x]))), 5)
    (0.0, 2.0)
    """

    laplacian_matrix: Tensor
    running_var: Tensor
    batches_seen: Tensor

    def __init__(
        self,
        graph: NeuronGraph,
        *,
        penalty: str = "correlation",
        laplacian: str = "combinatorial",
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        _checks.instance("graph", graph, NeuronGraph, hint="Make one with scgsr.graphs.")
        self.penalty = _checks.one_of("penalty", penalty, PENALTIES)
        if laplacian == "random_walk":
            msg = (
                "`laplacian`='random_walk' is refused as a penalty: its quadratic form is unbounded below on "
                f"irregular graphs; use one of {list(LAPLACIANS)}."
            )
            raise ValueError(msg)
        self.laplacian = _checks.one_of("laplacian", laplacian, LAPLACIANS)
        self.momentum = _checks.number("momentum", momentum, minimum=0, maximum=1, exclusive=True)
        self.register_buffer("laplacian_matrix", torch.empty(0), persistent=False)
        self.register_buffer("running_var", torch.zeros(graph.n_neurons))
        self.register_buffer("batches_seen", torch.zeros(()))
        self.set_graph(graph)

    def set_graph(self, graph: NeuronGraph) -> None:
        """Replace the graph, as a learned one is at each refresh."""
        _check_size(graph, len(self.running_var))
        matrix = graph.laplacian(self.laplacian).toarray()
        self.laplacian_matrix = torch.as_tensor(matrix, dtype=torch.float32, device=self.running_var.device)
        self._trace = float(np.trace(matrix))

    def forward(self, activations: Tensor) -> Tensor:
        """Return the penalty of a batch: (batch, n_neurons) -> scalar."""
        if self._trace == 0:  # no edges, nothing to disagree about
            return activations.new_zeros(())
        if self.penalty == "correlation":
            return self._correlation(activations)
        energy = ((activations @ self.laplacian_matrix) * activations).sum(dim=1)  # (batch,)
        if self.penalty == "rayleigh":
            norm = activations.square().sum(dim=1)  # (batch,)
            energy = energy / norm.clamp_min(torch.finfo(norm.dtype).tiny)
        return energy.mean()

    def _correlation(self, activations: Tensor) -> Tensor:
        pictures = unit_pictures(activations)  # (batch, n_neurons)
        centred = pictures - pictures.mean(dim=0)
        batch_var = centred.square().mean(dim=0)  # (n_neurons,)
        if self.training:
            self._update_running(batch_var.detach())
        # A neuron that happens to be rarer in this batch than usual is scaled by its usual spread: no spike.
        var = torch.maximum(batch_var, self.running_var)
        floor = (_SD_FLOOR**2 * var.mean()).clamp_min(torch.finfo(var.dtype).tiny)
        scaled = centred * torch.maximum(var, floor).rsqrt()  # (batch, n_neurons)
        product = ((scaled @ self.laplacian_matrix) * scaled).sum() / len(scaled)  # sum_ij L_ij corr_ij
        diagonal = (self.laplacian_matrix.diagonal() * scaled.square().mean(dim=0)).sum()
        return 1 + (product - diagonal) / self._trace

    def _update_running(self, batch_var: Tensor) -> None:
        self.batches_seen += 1
        # The first batches are averaged, so that the zeros of the start leave no trace.
        weight = torch.clamp(1 / self.batches_seen, min=self.momentum)
        self.running_var += weight * (batch_var - self.running_var)


def _check_size(graph: NeuronGraph, n_neurons: int) -> None:
    if graph.n_neurons != n_neurons:
        msg = f"`graph` must have {n_neurons} neurons, as the layer does, got {graph.n_neurons}."
        raise ValueError(msg)


def unit_pictures(activations: Tensor) -> Tensor:
    """Return each cell's activations regardless of their brightness: (batch, n_neurons) -> (batch, n_neurons)."""
    norm = torch.linalg.vector_norm(activations, dim=1, keepdim=True)  # (batch, 1)
    return activations / (norm + _FAINT * norm.mean()).clamp_min(torch.finfo(norm.dtype).tiny)
