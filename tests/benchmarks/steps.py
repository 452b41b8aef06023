"""What each choice in the training step buys: the step as it is against the step without the choice, side by side.

    python tests/benchmarks/steps.py [--repeats 9]

Each row alternates the two in one process; numbers are medians.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from itertools import product
from statistics import median
from time import perf_counter

import numpy as np
import torch
from _settings import settings_of_a_step
from torch import Tensor

from scgsr import graphs
from scgsr._model import Autoencoder, AutoencoderConfig
from scgsr._train._regularizer import Regularizer
from scgsr._train._step import Stepper
from scgsr._values import Minibatch
from scgsr.graphs import NeuronGraph
from scgsr.nn import GraphSpectralPenalty, unit_pictures

SHEET = graphs.grid(10)
# Features and cells per step: a mass cytometry panel, and highly variable genes.
SIZES = [(13, 128), (13, 256), (2000, 128), (2000, 512)]
# So many calls make one measurement.
CALLS = 20

Step = Callable[[], object]


def main() -> None:
    """Measure all rows and print them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats
    sys.stdout.write(f"torch {torch.__version__}, {torch.get_num_threads()} threads\n\n")
    sys.stdout.write("| choice | case | without, ms | with, ms | without / with |\n" + "|---" * 5 + "|\n")
    for choice, case, without, with_it in rows():
        times: dict[Step, list[float]] = {without: [], with_it: []}
        for _, step in product(range(repeats + 1), times):
            times[step].append(_milliseconds(step))
        one, other = (median(found[1:]) for found in times.values())  # the first round warms up
        sys.stdout.write(f"| {choice} | {case} | {one:.3g} | {other:.3g} | {one / other:.2f} |\n")
        sys.stdout.flush()


def rows() -> Iterator[tuple[str, str, Step, Step]]:
    """Yield choice, case, the step without it and the step with it."""
    for size in SIZES:
        name = "{} features, {} cells".format(*size)
        yield "fresh memory for gradients", name, own(*size, in_place=True), own(*size)
        yield "the penalty's own gradient, whole step", name, own(*size, penalty=plain(SHEET)), own(*size)
    for graph, n_cells in ((SHEET, 256), (graphs.grid(32), 256)):
        yield "the penalty's own gradient", _told(graph), penalty_by_autograd(graph, n_cells), penalty(graph, n_cells)
    for graph in (SHEET, neighbours(100), graphs.grid(32), neighbours(1024)):
        yield "sparse Laplacian", _told(graph), penalty(graph, 256, sparse=False), penalty(graph, 256, sparse=True)
    for size in SIZES:
        yield "bfloat16", "{} features, {} cells".format(*size), own(*size), own(*size, precision="bf16")
    for size in SIZES:
        yield "more than one thread", "{} features, {} cells".format(*size), on_one_thread(own(*size)), own(*size)


# --- Whole steps ------------------------------------------------------------------------------------------------------


def own(
    n_features: int,
    n_cells: int,
    precision: str | None = None,
    *,
    in_place: bool = False,
    penalty: Callable[[Tensor], Tensor] | None = None,
) -> Step:
    """Return a step of training as it is; or with gradients that stay in their memory, or with another penalty."""
    config = AutoencoderConfig(n_features=n_features, hidden=256, threshold=0.5, noise=0.25, diffusion=0)
    network = Autoencoder.initialised(config, SHEET, 0).train()
    regularizer = Regularizer(SHEET, {"correlation": 1.0}, "combinatorial")
    stepper = Stepper(network, regularizer, settings_of_a_step(n_cells, precision, anneal=1.0), n_steps=10**7)
    if penalty is not None:
        stepper.regularizer = lambda activations, _: penalty(activations)
    zero_grad = stepper.optimiser.zero_grad
    stepper.optimiser.zero_grad = lambda: zero_grad(set_to_none=not in_place)
    features = torch.randn(n_cells, n_features, generator=torch.Generator().manual_seed(0))
    noise_rng = torch.Generator().manual_seed(0)
    return lambda: stepper.step(Minibatch(features), noise_rng)


def on_one_thread(step: Step) -> Step:
    """Return the step on one thread."""

    def alone() -> None:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        step()
        torch.set_num_threads(threads)

    return alone


# --- The penalty alone ------------------------------------------------------------------------------------------------


def penalty(graph: NeuronGraph, n_cells: int, *, sparse: bool | None = None) -> Step:
    """Return the penalty and its gradient as they are, or with one form of the Laplacian."""
    module, activations = GraphSpectralPenalty(graph), _activations(graph, n_cells)
    if sparse is not None:
        module.operator._entries = module.operator.matrix.to_sparse() if sparse else None
    return lambda: module.value_and_gradient(activations)


def penalty_by_autograd(graph: NeuronGraph, n_cells: int) -> Step:
    """Return the penalty and its gradient from the record of the operations."""
    smooth, activations = plain(graph), _activations(graph, n_cells).requires_grad_()

    def step() -> None:
        activations.grad = None
        smooth(activations).backward()

    return step


def plain(graph: NeuronGraph) -> Callable[[Tensor], Tensor]:
    """Return the correlation penalty as one would write it down."""
    laplacian = torch.as_tensor(graph.laplacian().toarray(), dtype=torch.float32)
    usual = torch.zeros(graph.n_neurons)

    def smooth(activations: Tensor) -> Tensor:
        pictures = unit_pictures(activations)
        centred = pictures - pictures.mean(dim=0)
        var = centred.square().mean(dim=0)
        usual.lerp_(var.detach(), 0.1)
        scaled = centred * torch.maximum(var, usual).clamp_min(1e-12).rsqrt()
        energy = ((scaled @ laplacian) * scaled).sum() / len(scaled)
        diagonal = (laplacian.diagonal() * scaled.square().mean(dim=0)).sum()
        return 1 + (energy - diagonal) / laplacian.trace()

    return smooth


def neighbours(n_neurons: int, k: int = 15) -> NeuronGraph:
    """Return a graph as dense as a learned one."""
    points = np.random.default_rng(0).normal(size=(n_neurons, 3))
    nearest = np.argsort(((points[:, None] - points) ** 2).sum(axis=2), axis=1)[:, 1 : k + 1]
    adjacency = np.zeros((n_neurons, n_neurons))
    np.put_along_axis(adjacency, nearest, 1, axis=1)
    return graphs.from_adjacency(np.maximum(adjacency, adjacency.T), positions=points[:, :2])


def _activations(graph: NeuronGraph, n_cells: int) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.relu(torch.randn(n_cells, graph.n_neurons, generator=rng) - 0.5)


def _told(graph: NeuronGraph) -> str:
    return f"{graph.n_neurons} neurons, {2 * graph.n_edges / graph.n_neurons:.1f} neighbours each, 256 cells"


def _milliseconds(step: Step) -> float:
    start = perf_counter()
    for _ in range(CALLS):
        step()
    return 1e3 * (perf_counter() - start) / CALLS


if __name__ == "__main__":
    main()
