"""How much neighbouring neurons disagree."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from scgsr import _checks
from scgsr._checks import about
from scgsr.graphs import NeuronGraph
from scgsr.nn._checks import check_size, checked_laplacian, warn_of_constant_image
from scgsr.nn._laplacian_product import LaplacianProduct
from scgsr.nn._penalties import ON_ACTIVATIONS, ON_WEIGHTS
from scgsr.nn._spectrum import SparseSpectrum

# A standard deviation below this share of a typical neuron's counts as no variation at all.
_SD_FLOOR = 1e-3


class GraphSpectralPenalty(nn.Module):
    """How much neighbouring neurons differ, by the activations or the weights of any layer of any network.

    With L the Laplacian of the neuron graph and x the activations of one cell:

    - ``"correlation"``: the mean over edges, by weight, of 1 - corr(u_i, u_j) over the batch, written as 1 + sum_(i !=
      j) L_ij corr(u_i, u_j) / trace(L), where u = x / (|x| + 0.1 mean |x|) is the picture of a cell scaled to unit
      norm. Without this step a few cells that activate every neuron strongly would make all neurons correlate. It has
      no unit and means the same for every data set.
    - ``"quadratic"``: the mean over cells of x^T L x, as published. It can be lowered by shrinking x.
    - ``"rayleigh"``: the mean over cells of x^T L x / x^T x.
    - ``"spectrum"``: the mean over cells of the sum over the eigenspaces of L of g(lambda) |P x|, with P the projector
      on the eigenspace and g the `kernel`. It leaves few frequencies; with exp(-lambda) low ones cost most, so it does
      not smooth. As with all others, a graph without edges costs nothing.

    With W the weights into the layer, (n_neurons, in_features), and |W| their absolute values:

    - ``"weight"``: trace(|W|^T L |W|). It can be lowered by shrinking W.
    - ``"weight_cosine"``: trace(V^T L V) / trace(L), where V is |W| with rows of unit norm: with D - A the mean over
      edges of 1 - cos(|w_i|, |w_j|).

    The gradient of these formulas is written out; there are no second derivatives.

    Parameters
    ----------
    graph
        The neurons' graph.
    penalty
        Which of the six.
    laplacian
        ``"combinatorial"`` (D - A) or ``"symmetric"`` (I - D^-1/2 A D^-1/2). The null vector of the symmetric one is
        the square root of the degree: on an irregular graph it penalises a constant image, and the log says so.
    kernel
        g of ``"spectrum"``: from the eigenvalues, float array (n,), to as many numbers of at least 0. None:
        exp(-lambda).
    momentum
        Weight of the newest batch in the running variances, which prevent jumps by neurons that are rarely active.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or range, or `kernel` is given for another penalty. The random-walk Laplacian
        is refused: as a quadratic form it is unbounded below on irregular graphs.

    Examples
    --------
    Neighbours on a path that are active in the same cells cost nothing; opposite ones cost 1 - (-1) = 2.

    >>> import torch, scgsr
    >>> penalty = scgsr.nn.GraphSpectralPenalty(scgsr.graphs.path(2))
    >>> x = torch.tensor([[0.0], [1.0], [2.0]])
    >>> round(float(penalty(torch.hstack([x, x]))), 5), round(float(penalty(torch.hstack([x, -x]))), 5)
    (0.0, 2.0)

    Three lines add it to your own network. With ``"correlation"`` start with the weight 1, which suited a classifier of
    digits; 0.1 is enough in :func:`scgsr.tl.fit`, which starts with neurons in order and ten times as much.

    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))
    >>> smooth = scgsr.nn.GraphSpectralPenalty(scgsr.graphs.grid(4))
    >>> _ = smooth.watch(model[1])
    >>> x, y = torch.randn(32, 4), torch.randint(3, (32,))
    >>> loss = torch.nn.functional.cross_entropy(model(x), y) + smooth.value
    >>> loss.backward()
    """

    running_var: Tensor
    ON_ACTIVATIONS: ClassVar[tuple[str, ...]] = tuple(ON_ACTIVATIONS)
    ON_WEIGHTS: ClassVar[tuple[str, ...]] = tuple(ON_WEIGHTS)

    def __init__(
        self,
        graph: NeuronGraph,
        *,
        penalty: str = "correlation",
        laplacian: str = "combinatorial",
        kernel: Callable[[np.ndarray], np.ndarray] | None = None,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        _checks.instance("graph", graph, NeuronGraph, hint="Make one with scgsr.graphs.")
        formulas: dict[str, Any] = {**ON_ACTIVATIONS, **ON_WEIGHTS}
        self.penalty = _checks.one_of("penalty", penalty, formulas)
        self._formula = formulas[self.penalty]
        self.laplacian = checked_laplacian(laplacian)
        if kernel is not None and penalty != "spectrum":
            msg = f"`kernel` is of `penalty`='spectrum' and has no meaning for {penalty!r}; leave it out."
            raise about("kernel", ValueError(msg))
        if kernel is not None and not callable(kernel):
            msg = f"`kernel` must be a function of the eigenvalues, got {type(kernel).__name__}."
            raise about("kernel", TypeError(msg))
        self.kernel = kernel
        self.momentum = _checks.number("momentum", momentum, minimum=0, maximum=1, exclusive=True)
        self.register_buffer("running_var", torch.zeros(graph.n_neurons))
        self._value: Tensor | None = None
        self._handle: RemovableHandle | None = None
        self._n_watched = 0
        self._warned = False
        self.set_graph(graph)

    @property
    def value(self) -> Tensor:
        """The penalty at the last forward pass of the module that is watched, a scalar."""
        if self._value is None:
            msg = "`value` is there once a module that `watch` was given has been called."
            raise RuntimeError(msg)
        return self._value

    @staticmethod
    def check_laplacian(laplacian: str) -> str:
        """Return the kind of a Laplacian, refused as by the constructor if it cannot be a penalty."""
        return checked_laplacian(laplacian)

    def set_graph(self, graph: NeuronGraph) -> None:
        """Replace the graph, as a learned one is at each refresh."""
        check_size(graph, len(self.running_var))
        self._graph, self._has_edges = graph, graph.n_edges > 0
        laplacian = graph.laplacian(self.laplacian)
        operator: LaplacianProduct | SparseSpectrum
        if self.penalty == "spectrum":
            operator = SparseSpectrum(laplacian, self.kernel)
        else:  # a neuron agrees with itself, so that correlations leave the diagonal out
            operator = LaplacianProduct(laplacian, diagonal=self.penalty != "correlation")
        self.operator = operator.to(self.running_var)

    def watch(self, module: nn.Module, *, pick: Callable[[Any], Tensor] | None = None) -> RemovableHandle:
        """Leave in `value`, at each forward pass of a module of any network, the penalty of its output or its weights.

        Nothing about the network changes; add `value`, times a smoothness, to the loss.

        Parameters
        ----------
        module
            Its output, (batch, n_neurons), is penalised, or its `weight`, (n_neurons, ...), if the penalty is of
            weights. Another module that was watched before is no longer.
        pick
            From the output, whatever it is, to the activations. None: the output itself. Not for weights.

        Returns
        -------
        What ends the watch with ``.remove()``.

        Raises
        ------
        TypeError, ValueError
            If it is no module, or one without a matrix of weights where weights are penalised; if `pick` is no
            function, or given for weights.
        """
        _checks.instance("module", module, nn.Module)
        if pick is not None and (self.penalty in ON_WEIGHTS or not callable(pick)):
            msg = "`pick` must be a function of the output, and is not for penalties of weights; leave it out."
            raise about("pick", ValueError(msg))
        if self.penalty in ON_WEIGHTS and getattr(getattr(module, "weight", None), "ndim", 0) < 2:
            msg = f"`module` must have a `weight` of shape (n_neurons, ...), got {type(module).__name__}."
            raise about("module", ValueError(msg))
        if self._handle is not None:
            self._handle.remove()
        self._n_watched += 1
        self._handle = module.register_forward_hook(partial(self._see, self._n_watched, pick))
        return self._handle

    def forward(self, activations: Tensor) -> Tensor:
        """Return the penalty of a batch, (batch, n_neurons), or of weights, (n_neurons, ...), as a scalar."""
        activations = self._checked(activations)
        if not self._warned:
            self._warned = True
            self.warn_of_constant_image()
        if activations.device != self.running_var.device:
            self.to(activations.device)  # it is no part of the network that was moved
        activations = activations.to(self.running_var.dtype)  # those of a layer in low precision, for example
        before = self.running_var.clone()
        with _without_autocast(activations.device.type):
            value = self.penalise(activations)
        # Variances of a batch with an infinity, whose step mixed precision skips, are forgotten.
        self.running_var.copy_(torch.where(self.running_var.isfinite(), self.running_var, before))
        return value

    def penalise(self, values: Tensor) -> Tensor:
        """Return what `forward` returns, without its checks, of float32 values on the device of the penalty."""
        value: Tensor = _Known.apply(values, *self.value_and_gradient(values))  # type: ignore[no-untyped-call]
        return value

    @torch.no_grad()
    def value_and_gradient(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return the penalty of a batch, (batch, n_neurons), or of weights, a scalar, and its gradient."""
        if not self._has_edges:  # nothing to disagree about
            return values.new_zeros(()), torch.zeros_like(values)
        return self._formula(values, self.operator, self._scale_of)

    def warn_of_constant_image(self) -> None:
        """Log that a constant image has a penalty, where it has: with the symmetric Laplacian of an irregular graph."""
        warn_of_constant_image(self._graph, self.laplacian)

    def _scale_of(self, variance: Tensor) -> tuple[Tensor, Tensor]:
        """Return what scales each neuron to unit variance, (n_neurons,), and whether that follows this batch's."""
        if self.training:
            self.running_var.lerp_(variance, self.momentum)
        # A neuron that happens to be rarer in this batch than usual is scaled by its usual spread: no spike.
        larger = torch.maximum(variance, self.running_var)
        usual = torch.maximum(self.running_var, _SD_FLOOR**2 * larger.mean())
        scale = torch.maximum(larger, usual).clamp_min_(torch.finfo(variance.dtype).tiny).rsqrt_()
        return scale, variance >= usual

    def _checked(self, activations: Any) -> Tensor:
        """Return activations, or weights as a matrix, of the right shape."""
        if not isinstance(activations, Tensor):
            msg = (
                f"`activations` must be a tensor, got {type(activations).__name__}; choose it from the output of a "
                "module by `watch(module, pick=lambda output: output[0])`."
            )
            raise TypeError(msg)
        on_weights, n_neurons = self.penalty in ON_WEIGHTS, len(self.running_var)
        if on_weights and activations.ndim > 2:
            activations = activations.flatten(1)
        if activations.ndim != 2 or activations.shape[not on_weights] != n_neurons or not activations.numel():
            wanted = f"({n_neurons}, in_features)" if on_weights else f"(batch, {n_neurons})"
            got = tuple(activations.shape)
            msg = f"`activations` must have shape {wanted} for `penalty`={self.penalty!r}, got {got}."
            raise ValueError(msg)
        return activations

    def _see(self, number: int, pick: Callable[[Any], Tensor] | None, module: nn.Module, _: Any, output: Any) -> None:
        if number != self._n_watched:  # a copy of a network has the hooks of former watches as well
            return
        if self.penalty in ON_WEIGHTS:
            self._value = self(module.weight)
            return
        self.train(module.training)  # cells that are only tested must not move the running variances
        self._value = self(output if pick is None else pick(output))

    def __getstate__(self) -> dict[str, Any]:
        # A copy of the network, to keep the best one for example, takes its hooks along; the last value is in no copy.
        return {**self.__dict__, "_value": None, "_handle": None}


def _without_autocast(device: str) -> AbstractContextManager[object]:
    """Return a context in which nothing is cast to a lower precision, on a device that has autocast."""
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()


class _Known(torch.autograd.Function):
    """A scalar whose gradient is known: (inputs, value, gradient) -> value."""

    @staticmethod
    def forward(ctx: Any, _inputs: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
        ctx.save_for_backward(gradient)
        return value.clone()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        if torch.is_grad_enabled():
            msg = "GraphSpectralPenalty has no second derivatives: call `backward` without `create_graph`."
            raise RuntimeError(msg)
        (gradient,) = ctx.saved_tensors
        return upstream * gradient, None, None
