"""How losses and their gradient are computed: operation by operation, or captured once on a GPU and replayed.

A step on few features is some 120 small operations, so that on a GPU their launches set the pace. `Captured` records
what the device does from a batch to the gradient; to replay that is one launch. It does what `Plain` does, and falls
back on it. What `torch.compile` made of a step was less than 1.3 times as fast, and compiling takes half a minute.

What depends on more than the batch stays outside of what is captured. Which cells are in a batch, the refresh of a
learned graph and whether to stop are decided on the host. The smoothness is a tensor that is filled where it changes.
The update of the weights is one operation already, whose schedule changes two numbers, the learning rate and the weight
of the newest gradient, that a recording would hold as they were. Batches of each size are captured apart.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from scgsr import _random, _ranks
from scgsr._checks import about, log
from scgsr._values import Minibatch

# So many steps of a size are plain before it is captured, so that workspaces are there, which last.
_WARM_UP = 3
# Batches of an epoch differ by one cell in size, and those of parts of a file a little more; others are plain.
_MOST_SIZES = 4

# Leaves the gradient of the objective on a batch in the weights, and returns the losses, (2,).
Backward: TypeAlias = Callable[[Minibatch, torch.Generator], Tensor]


def chosen(step: str | None, device: torch.device) -> str:
    """Return how steps are carried out on a device; None: captured where that can be, which is faster.

    `step` is checked by :func:`scgsr._device.check_step`.
    """
    together = _ranks.how_many()
    if step == "captured" and together > 1:
        msg = f"`step`='captured' is for one process, and {together} fit together here; leave it out."
        raise about("step", ValueError(msg))
    return step or ("captured" if device.type == "cuda" and together == 1 else "plain")


def execution(step: str, backward: Backward, weights: Iterable[nn.Parameter]) -> Plain:
    """Return what computes gradients in this way."""
    return Captured(backward, list(weights)) if step == "captured" else Plain(backward)


class Plain:
    """Operation by operation."""

    def __init__(self, backward: Backward) -> None:
        self.backward = backward
        self.recordings: dict[int, _Recording] = {}  # by the number of cells; plain steps make none

    def __call__(self, batch: Minibatch, noise_rng: torch.Generator) -> Tensor:
        """Leave the gradient on a batch in the weights, and return the losses, (2,), valid until the next step."""
        return self.backward(batch, noise_rng)

    def forget(self) -> None:
        """Drop all recordings, and their memory."""
        self.recordings.clear()


class Captured(Plain):
    """Recorded as a CUDA graph, in which the noise is drawn too.

    It reads the memory of the batch that was recorded; a batch that lies elsewhere is copied there.
    """

    def __init__(self, backward: Backward, weights: list[nn.Parameter]) -> None:
        super().__init__(backward)
        self._weights = weights
        self._recorder = Recorder(weights[0].device)
        self._n_plain: dict[int, int] = {}
        self._works = True

    def __call__(self, batch: Minibatch, noise_rng: torch.Generator) -> Tensor:
        """Leave the gradient on a batch in the weights, and return the losses, (2,), valid until the next step."""
        n_cells = len(batch.features)
        if n_cells not in self.recordings and self._is_due(n_cells):
            self._record(batch, noise_rng)
        if n_cells in self.recordings:
            return self.recordings[n_cells].replay_on(batch, self._weights)
        if not self._works:
            return self.backward(batch, noise_rng)
        return self._recorder.beside(lambda: self.backward(batch, noise_rng))

    def _is_due(self, n_cells: int) -> bool:
        """Whether a step on so many cells is to be recorded, after some that are plain."""
        if not self._works or (n_cells not in self._n_plain and len(self._n_plain) == _MOST_SIZES):
            return False
        self._n_plain[n_cells] = self._n_plain.get(n_cells, 0) + 1
        return self._n_plain[n_cells] > _WARM_UP

    def _record(self, batch: Minibatch, noise_rng: torch.Generator) -> None:
        # The memory of this batch is that of most others: features need not be copied then.
        own = batch._replace(origins=None if batch.origins is None else batch.origins.clone())
        try:
            replay, losses = self._recorder.record(lambda: self.backward(own, noise_rng), noise_rng)
        except RuntimeError as error:
            self._works = False
            self.forget()
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            log.warning("`step`='captured' does not work here, steps are plain: %s", reason)
            return
        gradients = [weight.grad for weight in self._weights]
        self.recordings[len(own.features)] = _Recording(own=own, replay=replay, losses=losses, gradients=gradients)


class Recorder:
    """Records what is run on a CUDA device, on a stream of its own, as CUDA wants it."""

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device)

    def beside(self, run: Callable[[], Tensor]) -> Tensor:
        """Run on the stream that will be recorded: memory that lasts is made for it."""
        here = torch.cuda.current_stream(self._stream.device)
        self._stream.wait_stream(here)
        with torch.cuda.stream(self._stream):
            losses = run()
        here.wait_stream(self._stream)
        return losses

    def record(self, run: Callable[[], Tensor], rng: torch.Generator) -> tuple[Callable[[], object], Tensor]:
        """Return what runs it again, and where it leaves its results; nothing is computed yet, and `rng` stays."""
        graph, here, before = torch.cuda.CUDAGraph(), torch.cuda.current_stream(self._stream.device), rng.get_state()
        graph.register_generator_state(rng)
        with torch.cuda.device(here.device):
            try:
                with _without_garbage_collection(), torch.cuda.graph(graph, stream=self._stream):
                    losses = run()
            except RuntimeError:  # torch leaves the stream in use, and the generator as one that is being recorded
                torch.cuda.set_stream(here)
                fresh = _random.torch_generator(0, rng.device)
                fresh.set_state(before)
                rng.graphsafe_set_state(fresh.graphsafe_get_state())
                raise
        return graph.replay, losses


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Let no garbage be collected: a recording of an earlier fit among it would spoil the one that is made now."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@dataclass(frozen=True, eq=False, kw_only=True)
class _Recording:
    """What leads from batches of one size to their gradients."""

    own: Minibatch  # what it reads
    replay: Callable[[], object]
    losses: Tensor  # what it writes, as the next
    gradients: list[Tensor | None]

    def replay_on(self, batch: Minibatch, weights: list[nn.Parameter]) -> Tensor:
        """Compute losses and gradients of a batch, and leave these in the weights."""
        for own, given in ((self.own.features, batch.features), (self.own.origins, batch.origins)):
            if own is not None and given is not None and own.data_ptr() != given.data_ptr():  # both are, or none
                own.copy_(given)
        self.replay()
        for weight, gradient in zip(weights, self.gradients, strict=True):
            weight.grad = gradient
        return self.losses
