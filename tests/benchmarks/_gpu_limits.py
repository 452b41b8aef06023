"""What `gpu.py` holds a step against: operations, bytes and launches of the network that is there, rates of the card.

In plain words, for a step on a batch:

- **Operations.** A dense layer multiplies the batch by its matrix, forward; to find the gradient of the weights it
  multiplies as often once more, and again for that of its inputs, which the first layer does not need. Each of these is
  2 operations for each cell and weight. The penalty multiplies activations by the Laplacian once: 2 operations for each
  cell and entry. All else is a few operations for each number, which the bytes below stand for.
- **Bytes.** The values of the batch are read from where they lie (4 bytes each, or 8 for a stored value of a sparse
  matrix and its column), written as a batch, and read by the first layer, for the gradient of its weights, and by the
  loss. What each layer gives is written and read once, and so is its gradient. Each weight is read forward and
  backward, its gradient written and read, and Adam reads and writes the weight and two moments: ten times 4 bytes.
- **Launches.** How often the host hands the device something to do, as counted while steps run. A captured step is one
  launch for the host; then the device itself begins one kernel after the other, each in the time that one of a captured
  row of kernels takes that do nothing.

No step can be faster than the longest of the four times that follow from the rates. The limit is low, not tight.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import torch
from torch import nn

from scgsr._model import Autoencoder

# Sides of the matrices that are multiplied, and numbers that are copied: large enough to keep any card busy.
_SIDE, _COPIED = 8192, 1 << 28
_QUICK_SIDE, _QUICK_COPIED = 256, 1 << 20
_EMPTY = 2000
_REPEATS = 5


@dataclass(frozen=True, kw_only=True)
class Rates:
    """What the device does, measured here and now."""

    operations: float  # of products of float32 matrices, per second
    bytes: float  # read and written in a copy, per second
    launch: float  # seconds from one launch of an operation that does nothing to the next
    kernel: float  # the same of such operations that were captured and are replayed


def wait(device: torch.device) -> None:
    """Wait until all that was launched is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(run: Callable[[], object], device: torch.device, times: int = 1) -> float:
    """Return how long one of so many runs in a row takes: the median of five, after one to warm up."""
    found = []
    for _ in range(_REPEATS + 1):
        wait(device)
        start = perf_counter()
        for _ in range(times):
            run()
        wait(device)
        found.append((perf_counter() - start) / times)
    return median(found[1:])


def rates(device: torch.device, *, quick: bool) -> Rates:
    """Measure a product, a copy, and an operation on one number."""
    side, n = (_QUICK_SIDE, _QUICK_COPIED) if quick else (_SIDE, _COPIED)
    left, right, product = (torch.ones(side, side, device=device) for _ in range(3))
    source, target = (torch.ones(n, device=device) for _ in range(2))
    number = torch.zeros(1, device=device)
    launch = seconds(number.zero_, device, times=_EMPTY)
    return Rates(
        operations=2 * side**3 / seconds(lambda: torch.mm(left, right, out=product), device),
        bytes=8 * n / seconds(lambda: target.copy_(source), device),
        launch=launch,
        kernel=seconds(_captured(number.zero_, _EMPTY), device) / _EMPTY if device.type == "cuda" else launch,
    )


def _captured(run: Callable[[], object], times: int) -> Callable[[], object]:
    """Return what replays so many runs in a row that were captured."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(times):
            run()
    return graph.replay


def operations(network: Autoencoder, n_cells: float, n_entries: int) -> float:
    """Return how many operations the products of a step take; `n_entries` are those of the Laplacian."""
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    weights = sum(layer.weight.numel() for layer in layers)
    return 2 * n_cells * (3 * weights - network.first_weight.numel() + n_entries)


def n_bytes(network: Autoencoder, n_cells: float, stored: float) -> float:
    """Return how many bytes a step moves at least; `stored` are those of one cell's values where they lie."""
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    given = sum(layer.out_features for layer in layers)
    weights = sum(weight.numel() for weight in network.parameters())
    return n_cells * (stored + 4 * 4 * network.config.n_features + 4 * 4 * given) + 10 * 4 * weights


def least_seconds(
    rate: Rates, n_operations: float, moved: float, *, launches: float, kernels: float
) -> tuple[float, str]:
    """Return the shortest time of a step, and what sets it."""
    times = {
        "operations": n_operations / rate.operations,
        "bytes": moved / rate.bytes,
        "launches": launches * rate.launch,
        "kernels": kernels * rate.kernel,
    }
    longest = max(times, key=times.__getitem__)
    return times[longest], longest
