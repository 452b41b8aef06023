"""What each of two processes runs for `test_steps.py`: every case once alone, and once together with the other.

It prints the results as JSON, and is no test file itself.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import sys
from datetime import timedelta
from unittest import mock

import torch

from scgsr import _ranks, graphs
from scgsr._model import Autoencoder, AutoencoderConfig
from scgsr._ranks import _batch
from scgsr._train import TrainConfig
from scgsr._train._regularizer import PENALTIES, Regularizer, uses_graph
from scgsr._train._step import Stepper
from scgsr._values import Minibatch
from scgsr.nn import Decay, FixedNoise

N_STEPS, N_ROWS, N_FEATURES = 20, 256, 9
GRAPH, OTHER_GRAPH = graphs.grid(3, 4), graphs.modules(3, 4)
# How many rows of each batch the first of the two processes has.
SPLITS = {"even": 128, "uneven": 85}
SEVERAL = {"correlation": 1.0, "l1": 0.1, "weight_cosine": 0.5}
BEYOND = [
    {"noise": FixedNoise(0.5)},
    {"diffusion": 2},
    {"n_components": 4},
    {"atoms": graphs.Atoms(), "threshold": None},
    {"laplacian": "symmetric"},
    {"hidden": ()},
    {"origins": ("one", "two", "three")},
]


def cases():
    """Yield the name and the settings of each case."""
    for penalty, threshold, exchanged in itertools.product([*PENALTIES, SEVERAL], [0.5, None], [False, True]):
        if uses_graph(penalty) or not exchanged:
            yield {"penalty": penalty, "threshold": threshold, "exchanged": exchanged}
    yield from BEYOND
    yield from ({"dtype": "32", "penalty": penalty} for penalty in ("correlation", "quadratic", "weight_cosine", "l1"))


# With these faults are planted.
FEW = [{"penalty": penalty, "threshold": 0.5, "exchanged": True} for penalty in ("correlation", "quadratic")]


def name_of(case):
    return ", ".join(f"{key}={value}" for key, value in case.items())


def batches():
    """Yield batches of cells with structure, (n_rows, n_features)."""
    rng = torch.Generator().manual_seed(0)
    mixing = torch.randn(4, N_FEATURES, generator=rng)
    for _ in range(N_STEPS):
        # Sorted by what they are like, so that the ranks have different kinds of cells.
        sources = torch.randn(N_ROWS, 4, generator=rng)
        sources = sources[sources[:, 0].argsort()]
        cells = sources.relu() @ mixing + 0.1 * torch.randn(N_ROWS, N_FEATURES, generator=rng)
        yield (cells - cells.mean(dim=0)) / cells.std(dim=0) + 0.1


def trained(own, *, seed=0, penalty="correlation", laplacian="combinatorial", exchanged=False, dtype="64", **network):
    """Return network, penalty and losses after the steps, on the rows `own` of each batch."""
    defaults = {"n_features": N_FEATURES, "hidden": (16,), "threshold": 0.5, "noise": 0.25, "diffusion": 0}
    model = Autoencoder.initialised(AutoencoderConfig(**{**defaults, **network}), GRAPH, seed).train()
    if model.front is not None:
        model.front.learn(next(batches()), seed=0)
    penalties = {penalty: 1.0} if isinstance(penalty, str) else penalty
    dtype, regularizer = getattr(torch, f"float{dtype}"), Regularizer(GRAPH, penalties, laplacian)
    model.to(dtype), regularizer.to(dtype)
    _ranks.take_first(model.state_dict().values())
    config = TrainConfig(
        smoothness=0.3,
        start="random",
        anneal=1.0,
        balance=0.0,
        penalty=penalty,
        laplacian=laplacian,
        n_epochs=1,
        batch_size=N_ROWS,
        learning_rate=Decay(1e-2),
        validation_fraction=0.0,
        early_stopping=False,
        precision=None,
    )
    # In the order of the cells, so that the ranks have other batches of the laboratory.
    codes = torch.arange(N_ROWS) * len(model.config.origins) // N_ROWS if model.config.origins else None
    stepper, noise, losses = Stepper(model, regularizer, config, N_STEPS), torch.Generator().manual_seed(1), []
    for number, features in enumerate(batches()):
        if exchanged and number == N_STEPS // 2:
            model.layer.set_graph(OTHER_GRAPH)
            regularizer.set_graph(OTHER_GRAPH)
        batch = Minibatch(features[own].to(dtype), None if codes is None else codes[own])
        losses.append(stepper.step(batch, noise).clone())
    return model, regularizer, torch.stack(losses)


@torch.no_grad()
def difference(one, two):
    """Return the largest differences of weights, activations and losses, in units of the largest value of each."""
    states = [{**model.state_dict(), **regularizer.state_dict()} for model, regularizer, _ in (one, two)]
    cells = next(batches())
    activations = [model.eval().encode(cells.to(model.output.weight.dtype)) for model, *_ in (one, two)]
    return {
        "weights": max(relative(states[0][name].double(), states[1][name].double()) for name in states[0]),
        "activations": relative(*activations),
        "losses": relative(one[2], two[2]),
    }


def relative(one, two):
    return float((one - two).abs().max() / two.abs().max().clamp_min(1e-12))


def bits(model, regularizer, losses):
    values = [*model.state_dict().values(), *regularizer.state_dict().values(), losses]
    return hashlib.sha256(b"".join(value.numpy().tobytes() for value in values)).hexdigest()


class OfOwnRows(torch.autograd.Function):
    """A mean over one's own rows as it is, with the gradient that one's share of the batch has."""

    @staticmethod
    def forward(ctx, mean):
        ctx.share = _batch._BATCH.get().share
        return mean.clone()

    @staticmethod
    def backward(ctx, upstream):
        return upstream * ctx.share


# Functions of `_ranks` in their place.
PLANTED = {
    "nothing": {},
    # Each rank normalises and penalises its own rows, as plain data-parallel training does.
    "own statistics": {
        "centred": lambda rows: (rows - rows.mean(dim=0), rows.var(dim=0, correction=0)),
        "normalised": lambda rows, norm: norm(rows),
        "pooled": OfOwnRows.apply,
    },
    # The number of rows follows from one's own, as if the other rank had as many.
    "number of an even split": {"n_rows": lambda rows: 2 * len(rows)},
}


def main():
    alone = [(case, trained(slice(None), **case)) for case in cases()]
    results = {}
    with _ranks.joined(torch.device("cpu"), patience=timedelta(seconds=60)):
        for fault, replaced in PLANTED.items():
            chosen = alone if fault == "nothing" else [pair for pair in alone if pair[0] in FEW]
            with mock.patch.dict(vars(_ranks), replaced):
                results[fault] = {split: compared(chosen, n_first) for split, n_first in SPLITS.items()}
    sys.stdout.write(json.dumps(results))


def compared(alone, n_first):
    """Return, by case, the largest differences from one process, and a digest of all bits."""
    results = {}
    for case, expected in alone:
        own = slice(n_first) if _ranks.is_first() else slice(n_first, None)
        # The weights of the first process count, whatever the other has drawn.
        together = trained(own, **case, seed=0 if _ranks.is_first() else 1)
        results[name_of(case)] = {"bits": bits(*together), **difference(together, expected)}
    return results


if __name__ == "__main__":
    main()
