"""Where to compute, and how exactly: one place that chooses a device and a precision."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import threadpoolctl
import torch

from scgsr import _checks, _ranks
from scgsr._checks import about, log

PRECISIONS = ("tf32", "bf16")
# How the steps of training are carried out: `scgsr._train._execution` says what each of these means.
STEPS = ("plain", "captured")
# Data may take this share of the memory that is free on a device.
_SHARE_OF_FREE = 0.5
# No host has more memory, also where the system does not tell how much there is.
_MOST_BYTES = 10**15


def choose(device: str | torch.device | None = None) -> torch.device:
    """Return `device`, or the best one there is: CUDA, then Apple's MPS, then CPU."""
    if device is not None:
        return _usable(device)
    if torch.cuda.is_available():
        return _of_this_process(torch.device("cuda"))
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def describe(device: torch.device) -> str:
    """Return the device in words, for the log."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        return f"cpu ({torch.get_num_threads()} threads)"
    return str(device)


def has_room_for(n_bytes: int, device: torch.device) -> bool:
    """Return whether data of this size can live on the device, apart from the host's memory, where it is anyway."""
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
    elif device.type == "mps":
        free = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    else:
        return False
    return n_bytes <= _SHARE_OF_FREE * free


def check_precision(precision: str | None, device: torch.device) -> str | None:
    """Return `precision` if the device has it."""
    if precision is None:
        return None
    _checks.one_of("precision", precision, PRECISIONS)
    if precision == "tf32" and device.type != "cuda":
        msg = (
            f"`precision`='tf32' is a format of CUDA devices, and this is {device.type}; leave it None, or take 'bf16'."
        )
        raise about("precision", ValueError(msg))
    if precision == "bf16" and not torch.amp.is_autocast_available(device.type):
        msg = f"`precision`='bf16' is not available on {device.type} with this version of torch; leave it None."
        raise about("precision", ValueError(msg))
    return precision


def check_step(step: str | None, device: torch.device) -> str | None:
    """Return how steps are carried out, if the device can do so; None: as is best there."""
    if step is not None:
        _checks.one_of("step", step, STEPS)
    if step == "captured" and device.type != "cuda":
        msg = f"`step`='captured' is for CUDA devices, and this is {device.type}; leave it out."
        raise about("step", ValueError(msg))
    return step


def too_many_at_once(n_cells: int, device: torch.device) -> MemoryError:
    """Return what to raise where a step of training on so many cells runs out of the device's memory."""
    fewer = f"try `batch_size`={n_cells // 2}, or " if n_cells >= 4 else ""
    msg = f"`batch_size`: a step on {n_cells} cells needs more memory than {device} has; {fewer}give `device`='cpu'."
    return about("batch_size", MemoryError(msg))


@contextmanager
def within_its_memory(device: torch.device) -> Iterator[None]:
    """Let a device that runs out of memory end in words of ours, where smaller batches would not help."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        msg = f"`device`={str(device)!r} has too little memory for this fit; free it of other work, or give 'cpu'."
        raise about("device", MemoryError(msg)) from error


class _Shared:
    """A setting of the whole process that threads change for a while: the last to leave puts back what was there."""

    def __init__(self, get: Callable[[], Any], put: Callable[[Any], Any]) -> None:
        self._get, self._put = get, put
        self._lock, self._n_inside, self._before = threading.Lock(), 0, None

    @contextmanager
    def at(self, value: Any) -> Iterator[None]:
        """Let the setting have a value, also while other threads do."""
        with self._lock:
            if self._n_inside == 0:
                self._before = self._get()
            self._n_inside += 1
            self._put(value)
        try:
            yield
        finally:
            with self._lock:
                self._n_inside -= 1
                if self._n_inside == 0:
                    self._put(self._before)


# Whose process this is, and those that have been seen to be forked from it.
_IMPORTED_IN, _FORKED = os.getpid(), set[int]()


def _calm_after_fork() -> None:
    """Compute in one thread in a process that was forked from one that may have computed in several.

    The threads are gone there, and OpenMP would wait for them for ever; workers of torch's own loaders do the same.
    """
    process = os.getpid()
    if process in {_IMPORTED_IN, *_FORKED}:
        return
    _FORKED.add(process)
    if torch.get_num_threads() > 1:
        log.warning(
            "this process was forked and computes in one thread; to use several, start workers by "
            "`multiprocessing.get_context('spawn')`"
        )
        torch.set_num_threads(1)
    threadpoolctl.threadpool_limits(1, user_api="openmp")


def _blas_threads(numbers: Mapping[str, int] | int) -> None:
    """Let each library of linear algebra, by the path of its file, compute in so many threads; a number is for all."""
    for library in _blas():
        known = numbers if isinstance(numbers, int) else numbers.get(library.filepath)
        if known is not None:  # a library that was not loaded yet stays as it came
            library.set_num_threads(known)


def _blas() -> list[Any]:
    return threadpoolctl.ThreadpoolController().select(user_api="blas").lib_controllers


_BLAS = _Shared(lambda: {library.filepath: library.num_threads for library in _blas()}, _blas_threads)
_PRODUCTS = _Shared(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision)
_DEFAULT_DTYPE = _Shared(torch.get_default_dtype, torch.set_default_dtype)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let nothing change what is computed that a notebook has set for all of it; also a decorator.

    Inside, numbers are float32 in memory unless told otherwise, gradients are recorded, and nothing is cast.
    """
    _calm_after_fork()
    with ExitStack() as stack:
        stack.enter_context(_DEFAULT_DTYPE.at(torch.float32))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if torch.get_default_device().type != "cpu":  # for its cost not else
            stack.enter_context(torch.device("cpu"))
        for kind in ("cpu", "cuda", "mps"):
            if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        yield


@contextmanager
def in_one_thread() -> Iterator[None]:
    """Let NumPy, SciPy and scikit-learn compute in one thread for a while; also a decorator.

    They round sums in another way for each number of threads, and a last digit of what training starts from decides how
    it ends. Steps of training are computed by torch, in all threads: two round as one does, more do not.
    """
    with _BLAS.at(1), threadpoolctl.threadpool_limits(1, user_api="openmp"):
        yield


def multiplying(precision: str | None) -> AbstractContextManager[None]:
    """Allow products of float32 matrices to be rounded to TF32 for a while, if that is asked for."""
    # Even to read the setting fails where torch's newer names of it were used.
    return _PRODUCTS.at("high") if precision == "tf32" else nullcontext()


def low_precision(precision: str | None, device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which dense layers compute in bfloat16, if that is asked for; their weights stay float32."""
    if precision != "bf16" or not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def _usable(device: str | torch.device) -> torch.device:
    if not isinstance(device, str | torch.device):
        msg = (
            f"`device` must be None, a name such as 'cpu' or 'cuda:0', or a torch.device, got {type(device).__name__}."
        )
        raise about("device", TypeError(msg))
    try:
        chosen = _of_this_process(torch.device(device))
        float(torch.zeros(1, device=chosen))  # a `meta` device has no values
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        msg = f"`device`={str(device)!r} cannot be used here ({reason}); leave `device=None` to choose what there is."
        raise about("device", ValueError(msg)) from error
    return chosen


def free_memory() -> float:
    """Return how many bytes of the host's memory can be had; infinite where the system does not tell."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            return next(1024 * float(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):  # another system than Linux
        return float("inf")


def check_memory(sizes: Mapping[str, int], n_bytes: int, what: str) -> None:
    """Raise ValueError if `what` takes more than the memory that is free; the largest of the sizes is named for it."""
    free = min(free_memory(), _MOST_BYTES)
    if n_bytes > free:
        name = max(sizes, key=lambda name: sizes[name])
        # Python writes out no number of more than 4,300 digits.
        size = f"{sizes[name]:,}" if sizes[name] < _MOST_BYTES else "10**15 or more"
        needed = f"{n_bytes / 1e9:,.0f} GB" if n_bytes < 1000 * _MOST_BYTES else "more than a billion GB"
        cure = f"{free / 1e9:,.0f} GB of memory are free; give a smaller one"
        msg = f"`{name}`={size} is too large: {what} take {needed}, and {cure}."
        raise about(name, ValueError(msg))


def _of_this_process(device: torch.device) -> torch.device:
    """Return the device, for CUDA without a number the one of this process among those of the machine."""
    index, n_devices = _ranks.local_index(), torch.cuda.device_count() if device.type == "cuda" else 0
    if device.index is not None or index is None or n_devices == 0:
        return device
    return torch.device("cuda", index % n_devices)
