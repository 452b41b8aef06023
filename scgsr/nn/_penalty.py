"""How much neighbouring neurons disagree."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from scgsr import _checks
from scgsr.graphs import NeuronGraph
from scgsr.nn._pictures import FAINT, brightness
from scgsr.nn._size import check_size

PENALTIES = ("correlation", "quadratic", "rayleigh")
LAPLACIANS = ("combinatorial", "symmetric")

# A Laplacian with at most this share of entries multiplies as a sparse matrix.
_SPARSE = 0.1
# A standard deviation below this share of a typical neuron's counts as no variation at all.
_SD_FLOOR = 1e-3


class GraphSpectralPenalty(nn.Module):
    """How much the activations of neighbouring neurons disagree; with D - A zero if they always fire together.

    With L the Laplacian of the neuron graph and x the activations of one cell:

    - ``"correlation"``: the mean over edges, by weight, of 1 - corr(u_i, u_j) over the batch, written as
      1 + sum_(i != j) L_ij corr(u_i, u_j) / trace(L), where u = x / (|x| + 0.1 mean |x|) is the picture of a cell
      regardless of its brightness. Without this step a few cells that light every neuron very brightly would satisfy
      the penalty for all others. It has no unit: it means the same for every data set.
    - ``"quadratic"``: the mean over cells of x^T L x, as published. It can be lowered by shrinking x.
    - ``"rayleigh"``: the mean over cells of x^T L x / x^T x.

    The gradient is that of these formulas, written out; there are no second derivatives.

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
        self.set_graph(graph)

    def set_graph(self, graph: NeuronGraph) -> None:
        """Replace the graph, as a learned one is at each refresh."""
        check_size(graph, len(self.running_var))
        matrix = graph.laplacian(self.laplacian).toarray()
        self._trace = float(np.trace(matrix))
        if self.penalty == "correlation":  # a neuron agrees with itself
            np.fill_diagonal(matrix, 0)
        self.laplacian_matrix = torch.as_tensor(matrix, dtype=torch.float32, device=self.running_var.device)
        self._few_edges = np.count_nonzero(matrix) <= _SPARSE * matrix.size
        self._sparse: Tensor | None = None

    def forward(self, activations: Tensor) -> Tensor:
        """Return the penalty of a batch: (batch, n_neurons) -> scalar."""
        activations = activations.to(self.laplacian_matrix.dtype)  # those of a layer in low precision, for example
        known = self.value_and_gradient(activations)
        value: Tensor = _Known.apply(activations, *known)  # type: ignore[no-untyped-call]  # torch's own
        return value

    @torch.no_grad()
    def value_and_gradient(self, activations: Tensor) -> tuple[Tensor, Tensor]:
        """Return the penalty of a batch, (batch, n_neurons) -> scalar, and its gradient, (batch, n_neurons).

        Autograd would find the gradient from a record of dozens of small operations; written out it takes half the
        time, and a step of training on few features is made of little else.
        """
        if self._trace == 0:  # no edges, nothing to disagree about
            return activations.new_zeros(()), torch.zeros_like(activations)
        if self.penalty == "correlation":
            return self._correlation(activations)
        product = self._times_laplacian(activations)
        energy = (activations * product).sum(dim=1, keepdim=True)  # (batch, 1)
        if self.penalty == "quadratic":
            return energy.mean(), product.mul_(2 / len(activations))
        norm = activations.square().sum(dim=1, keepdim=True).clamp_min_(torch.finfo(energy.dtype).tiny)
        quotient = energy / norm
        return quotient.mean(), (product - quotient * activations).mul_(2 / len(activations) / norm)

    def _correlation(self, activations: Tensor) -> tuple[Tensor, Tensor]:
        n_cells, tiny = len(activations), torch.finfo(activations.dtype).tiny
        norm, light = brightness(activations)  # (batch, 1) each
        pictures = activations / light
        scaled, scale, moves = self._standardised(pictures)
        product = self._times_laplacian(scaled)
        share = (scaled * product).mean(dim=0)  # (n_neurons,): what each adds to sum_(i != j) L_ij corr_ij
        value = 1 + share.sum() / self._trace
        # To the pictures; that their mean is taken off changes nothing, as product and scaled have columns of mean 0.
        gradient = torch.addcmul(product, scaled, share * moves, value=-1).mul_(scale * (2 / n_cells / self._trace))
        # To the activations, which also make each picture darker, and a little all others.
        darker = (gradient * pictures).sum(dim=1, keepdim=True).div_(light)
        darker = darker.add_(FAINT * darker.mean()).div_(norm.clamp_min_(tiny))
        return value, gradient.div_(light).addcmul_(activations, darker, value=-1)

    def _standardised(self, pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return (u - mean) * scale, (batch, n_neurons), the scale, and for which neurons it follows this batch."""
        centred = pictures - pictures.mean(dim=0)
        var = centred.square().mean(dim=0)  # (n_neurons,)
        if self.training:
            self.running_var.lerp_(var, self.momentum)
        # A neuron that happens to be rarer in this batch than usual is scaled by its usual spread: no spike.
        larger = torch.maximum(var, self.running_var)
        usual = torch.maximum(self.running_var, _SD_FLOOR**2 * larger.mean())
        scale = torch.maximum(larger, usual).clamp_min_(torch.finfo(var.dtype).tiny).rsqrt_()
        return centred.mul_(scale), scale, var >= usual

    def _times_laplacian(self, rows: Tensor) -> Tensor:
        """Return rows @ L, without the diagonal for correlations: (batch, n_neurons) -> (batch, n_neurons)."""
        if not self._few_edges or rows.device.type not in ("cpu", "cuda"):
            return rows @ self.laplacian_matrix
        dense = self.laplacian_matrix
        if self._sparse is None or (self._sparse.device, self._sparse.dtype) != (dense.device, dense.dtype):
            self._sparse = dense.to_sparse()
        return (self._sparse @ rows.t().contiguous()).t()


class _Known(torch.autograd.Function):
    """A scalar whose gradient is known: (inputs, value, gradient) -> value."""

    @staticmethod
    def forward(ctx: Any, _inputs: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
        ctx.save_for_backward(gradient)
        return value.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return upstream * gradient, None, None
