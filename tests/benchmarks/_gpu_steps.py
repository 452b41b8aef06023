"""Steps of training for `gpu.py`: the cells, what carries the steps out, how long they take and what they launch."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch
from _gpu_limits import wait
from _settings import settings_of_a_step
from scipy import sparse
from torch.utils._python_dispatch import TorchDispatchMode

from scgsr import graphs
from scgsr._model import Autoencoder, AutoencoderConfig
from scgsr._random import torch_generator
from scgsr._train._regularizer import Regularizer
from scgsr._train._step import Stepper
from scgsr._values import Batches, Minibatch

SHEET = graphs.grid(10)
# A round of training sees so many cells at most.
_ROUND = 50_000
# Steps until memory is there and steps are captured.
_WARM_UP = 6
# Operations that only look at memory in another way, or ask for some: nothing is launched.
_WITHOUT_LAUNCH = (
    *("view", "t.", "transpose", "permute", "expand", "detach", "alias", "empty", "new_empty", "select", "slice"),
    *("split", "unsqueeze", "squeeze", "as_strided", "reshape", "is_same_size", "_local"),
)
_LAUNCHES = ("LaunchKernel", "GraphLaunch", "MemcpyAsync", "MemsetAsync")


@dataclass(frozen=True, kw_only=True)
class Case:
    """Cells of one size, and what they are trained by."""

    n_cells: int
    n_features: int
    is_sparse: bool = False

    def __str__(self) -> str:
        return f"{self.n_cells:,} x {self.n_features:,}{' CSR' if self.is_sparse else ''}"

    def matrix(self) -> np.ndarray | sparse.csr_matrix:
        """Return simulated cells, the same each time: twenty groups, or one value in each twenty columns."""
        rng = np.random.default_rng(0)
        if not self.is_sparse:
            centres = rng.normal(0, 2, size=(20, self.n_features)).astype(np.float32)
            cells = rng.standard_normal((self.n_cells, self.n_features), dtype=np.float32)
            cells += centres[rng.integers(0, 20, self.n_cells)]
            return cells
        per_cell = max(1, self.n_features // 20)
        columns = 20 * np.arange(per_cell) + rng.integers(0, 20, (self.n_cells, per_cell))
        values = rng.standard_exponential((self.n_cells, per_cell), dtype=np.float32)
        ends = np.arange(self.n_cells + 1) * per_cell
        shape = self.n_cells, 20 * per_cell
        return sparse.csr_matrix((values.ravel(), columns.ravel().astype(np.int32), ends), shape=shape)


class Training:
    """Endless steps on the cells of a case, in random order, as a fit makes them."""

    def __init__(
        self,
        matrix: np.ndarray | sparse.csr_matrix,
        batch_size: int,
        device: torch.device,
        step: str,
        precision: str | None,
    ) -> None:
        n_cells, n_features = matrix.shape
        self.batches = Batches(matrix, np.zeros(n_features), np.ones(n_features), device)
        self.stored = matrix.nnz * 8 / n_cells if sparse.issparse(matrix) else 4 * n_features
        self.n_entries = int((SHEET.laplacian() != 0).sum())
        self.device, self.batch_size = device, batch_size
        self.n_round = min(n_cells, _ROUND) // batch_size * batch_size  # all batches are of one size
        config = AutoencoderConfig(n_features=n_features, hidden=256, threshold=0.5, noise=0.25, diffusion=0)
        self.network = Autoencoder.initialised(config, SHEET, 0).train().to(device)
        regularizer = Regularizer(SHEET, {"correlation": 1.0}, "combinatorial").to(device)
        self.stepper = Stepper(
            self.network, regularizer, settings_of_a_step(batch_size, precision, anneal=10.0), 10**6, step
        )
        self.noise_rng = torch_generator(0, device)
        self.sums = torch.zeros(2, device=device)
        self._minibatches = self._shuffled()

    def _shuffled(self) -> Iterator[Minibatch]:
        rng = np.random.default_rng(0)
        index = np.sort(rng.permutation(self.batches.shape[0])[: self.n_round])
        while True:
            yield from self.batches.shuffled(index, self.batch_size, rng)

    def step(self) -> None:
        """Take the next batch and one step on it, as an epoch does."""
        self.sums += self.stepper.step(next(self._minibatches), self.noise_rng)

    def warm_up(self) -> None:
        """Take the steps that are unlike all later ones."""
        for _ in range(_WARM_UP):
            self.step()
        wait(self.device)

    def seconds(self, most: float) -> tuple[float, float]:
        """Return seconds of a step, and of the host alone to hand it over, from about so many seconds of steps.

        The host may run ahead of the device, as far as its queue is long: what it hands over in a few steps is its own.
        """
        n_steps, spent = 1, 0.0
        while True:
            start = perf_counter()
            for _ in range(n_steps):
                self.step()
            handed = perf_counter() - start
            wait(self.device)
            taken = perf_counter() - start
            spent += taken
            if spent + 4 * taken > most:
                return taken / n_steps, handed / n_steps
            n_steps *= 3

    def counts(self, n_steps: int = 6) -> dict[str, float | None]:
        """Return what a step launches, runs on the device, and how often it waits; None for what cannot be seen."""
        if self.device.type == "cuda":
            waits = _waits(self, n_steps)
            launches, kernels, busy, copies = _profiled(self, n_steps)
            if kernels:
                found = {"launches": launches, "kernels": kernels, "busy, us": busy, "copies from the host": copies}
                return {what: number / n_steps for what, number in {**found, "waits": waits}.items()}
        unseen = {"kernels": None, "busy, us": None, "copies from the host": None}
        with Operations() as seen:
            for _ in range(n_steps):
                self.step()
        return {"launches": seen.launches / n_steps, **unseen, "waits": seen.reads / n_steps}


class Operations(TorchDispatchMode):
    """Counts operations that are launched one by one, and those by which the host reads a value back."""

    def __init__(self) -> None:
        super().__init__()
        self.launches = self.reads = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        name = str(operation).removeprefix("aten.")
        self.reads += name.startswith(("_local_scalar_dense", "is_nonzero", "nonzero"))
        self.launches += not name.startswith(_WITHOUT_LAUNCH)
        return operation(*args, **(kwargs or {}))


def _waits(training: Training, n_steps: int) -> int:
    """Return how often CUDA made the host wait for the device in so many steps, as torch tells it."""
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            for _ in range(n_steps):
                training.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(warning.message) for warning in told)


def _profiled(training: Training, n_steps: int) -> tuple[int, int, float, int]:
    """Return launches, kernels, microseconds in which kernels run, and copies from the host of so many steps.

    Copies to the device and within it count as kernels too. Where the profiler is blind there are none.
    """
    from torch.autograd import DeviceType
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiled:
        for _ in range(n_steps):
            training.step()
        wait(training.device)
    events = list(profiled.events())
    launches = sum(any(name in event.name for name in _LAUNCHES) for event in events)
    on_device = [event for event in events if event.device_type == DeviceType.CUDA]
    on_device = [event for event in on_device if not event.name.startswith("Optimizer.")]  # a mark around its kernels
    busy = sum(event.time_range.elapsed_us() for event in on_device)
    return launches, len(on_device), busy, sum("HtoD" in event.name for event in on_device)
