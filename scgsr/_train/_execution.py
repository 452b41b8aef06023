"""How losses and their gradient are computed: operation by operation, compiled, or captured once on a GPU and replayed.

A step on few features is some 75 small operations, so that on a GPU their launches set the pace. `Compiled` lets the
compiler of torch join operations. `Captured` records what the device does from a batch to the gradient; to replay that
is one launch. Both do what `Plain` does, and fall back on it.

What depends on more than the batch stays outside of what is captured. Which cells are in a batch, the refresh of a
learned graph and whether to stop are decided on the host. The smoothness is a tensor that is filled anew for each step.
The update of the weights is one operation already, whose schedule changes two numbers, the learning rate and the weight
of the newest gradient, that a recording would hold as they were. Batches of each size are captured apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from scgsr import _ranks
from scgsr._checks import about, log
from scgsr._values import Minibatch

# So many steps of a size are plain before it is captured, so that workspaces are there, which last.
_WARM_UP = 3
# Batches of an epoch differ by one cell in size, and those of parts of a file a little more; others are plain.
_MOST_SIZES = 4

Parts: TypeAlias = tuple[Tensor, Tensor]
# From features, origins and noise to the two parts of the objective.
Objective: TypeAlias = Callable[[Tensor, Tensor | None, Tensor | None], Parts]
# Leaves the gradient of an objective on a batch in the weights, and returns its parts.
Backward: TypeAlias = Callable[[Objective, Minibatch, torch.Generator], Parts]


def execution(step: str, objective: Objective, backward: Backward, weights: Iterable[nn.Parameter]) -> Plain:
    """Return what computes gradients in this way; `step` is checked by :func:`scgsr._device.check_step`."""
    if step != "plain" and _ranks.how_many() > 1:
        msg = f"`step`={step!r} is for one process, and {_ranks.how_many()} fit together here; leave it out."
        raise about("step", ValueError(msg))
    if step == "compiled":
        return Compiled(objective, backward)
    return Captured(objective, backward, weights) if step == "captured" else Plain(objective, backward)


class Plain:
    """Operation by operation."""

    def __init__(self, objective: Objective, backward: Backward) -> None:
        self.objective, self.backward = objective, backward
        self.recordings: dict[int, _Recording] = {}  # by the number of cells; plain steps make none

    def __call__(self, batch: Minibatch, noise_rng: torch.Generator) -> Parts:
        """Leave the gradient on a batch in the weights, and return the parts of the objective, until the next step."""
        return self.backward(self.objective, batch, noise_rng)

    def forget(self) -> None:
        """Drop all recordings, as another neuron graph takes the place of the one whose matrices they read."""
        self.recordings.clear()


class Compiled(Plain):
    """The losses and their gradients compiled."""

    def __init__(self, objective: Objective, backward: Backward) -> None:
        super().__init__(self._joined, backward)
        self._plain, self._works = objective, True
        self._compiled: Objective | None = None

    def _joined(self, features: Tensor, origins: Tensor | None, noise: Tensor | None) -> Parts:
        if self._works:
            try:
                if self._compiled is None:  # which fails at once on a Python that is too new
                    self._compiled = torch.compile(self._plain, fullgraph=True)
                return self._compiled(features, origins, noise)
            except torch.OutOfMemoryError:
                raise
            except (RuntimeError, ImportError, OSError) as error:  # an error of the step itself comes again
                self._works = False
                _tell_of_plain_steps("compiled", error)
        return self._plain(features, origins, noise)


class Captured(Plain):
    """Recorded as a CUDA graph with memory of its own, into which each batch is copied; the noise is drawn inside."""

    def __init__(self, objective: Objective, backward: Backward, weights: Iterable[nn.Parameter]) -> None:
        super().__init__(objective, backward)
        self._weights = list(weights)
        self._recorder = Recorder(self._weights[0].device)
        self._n_plain: dict[int, int] = {}
        self._works = True

    def __call__(self, batch: Minibatch, noise_rng: torch.Generator) -> Parts:
        """Leave the gradient on a batch in the weights, and return the parts of the objective, until the next step."""
        n_cells = len(batch.features)
        if n_cells not in self.recordings and self._is_due(n_cells):
            self._record(batch, noise_rng)
        if n_cells in self.recordings:
            return self.recordings[n_cells].replay_on(batch, self._weights)
        return self._recorder.beside(lambda: self.backward(self.objective, batch, noise_rng))

    def _is_due(self, n_cells: int) -> bool:
        """Whether a step on so many cells is to be recorded, after some that are plain."""
        if not self._works or (n_cells not in self._n_plain and len(self._n_plain) == _MOST_SIZES):
            return False
        self._n_plain[n_cells] = self._n_plain.get(n_cells, 0) + 1
        return self._n_plain[n_cells] > _WARM_UP

    def _record(self, batch: Minibatch, noise_rng: torch.Generator) -> None:
        own = Minibatch(batch.features.clone(), None if batch.origins is None else batch.origins.clone())
        try:
            replay, parts = self._recorder.record(lambda: self.backward(self.objective, own, noise_rng), noise_rng)
        except RuntimeError as error:
            self._works = False
            _tell_of_plain_steps("captured", error)
            return
        gradients = [weight.grad for weight in self._weights]
        self.recordings[len(own.features)] = _Recording(own=own, replay=replay, parts=parts, gradients=gradients)


class Recorder:
    """Records what is run on a CUDA device, on a stream of its own, as CUDA wants it."""

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device)

    def beside(self, run: Callable[[], Parts]) -> Parts:
        """Run on the stream that will be recorded: memory that lasts is made for it."""
        here = torch.cuda.current_stream(self._stream.device)
        self._stream.wait_stream(here)
        with torch.cuda.stream(self._stream):
            parts = run()
        here.wait_stream(self._stream)
        return parts

    def record(self, run: Callable[[], Parts], rng: torch.Generator) -> tuple[Callable[[], object], Parts]:
        """Return what runs it again, and where it leaves its results; nothing is computed yet, and `rng` stays."""
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(rng)
        with torch.cuda.graph(graph, stream=self._stream):
            parts = run()
        return graph.replay, parts


@dataclass(frozen=True, eq=False, kw_only=True)
class _Recording:
    """What leads from batches of one size to their gradients."""

    own: Minibatch  # what it reads
    replay: Callable[[], object]
    parts: Parts  # what it writes, as the next
    gradients: list[Tensor | None]

    def replay_on(self, batch: Minibatch, weights: list[nn.Parameter]) -> Parts:
        for own, given in ((self.own.features, batch.features), (self.own.origins, batch.origins)):
            if own is not None and given is not None:  # both are, or none
                own.copy_(given)
        self.replay()
        for weight, gradient in zip(weights, self.gradients, strict=True):
            weight.grad = gradient
        return self.parts


def _tell_of_plain_steps(step: str, error: Exception) -> None:
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    log.warning("`step`=%r does not work here, steps are plain: %s", step, reason)
