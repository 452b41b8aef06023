"""What each of two processes runs for `test_group.py` and `test_batch.py`.

It prints the results as JSON, and is no test file itself. The functions run one after the other, each in a group of its
own: one group must leave nothing behind that harms the next.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import timedelta

import numpy as np
import torch
import torch.distributed as dist

from scgsr import _ranks, graphs, nn
from scgsr._ranks import _group

_group._PATIENCE_FOR_REASONS = timedelta(seconds=1)

CPU = torch.device("cpu")
RANK = int(os.environ.get("RANK", 0))
# Rows of a batch, of which the first process has two and the other one three.
ROWS = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
OWN = slice(0, 2) if RANK == 0 else slice(2, 5)


def joined(**settings):
    return _ranks.joined(CPU, **settings)


def words():
    """Return what ranks tell each other outside of batches."""
    weight = torch.nn.Parameter(torch.full((2,), float(RANK)))
    unused = torch.nn.Parameter(torch.zeros(1))
    with joined():
        _ranks.take_first([weight])
        weight.grad = torch.tensor([1.0 + RANK, 10.0])
        _ranks.sum_gradients([weight, unused])
        return {
            "is first": _ranks.is_first(),
            "own rows": np.arange(5)[_ranks.own_rows(5)].tolist(),
            "own blocks": np.arange(5)[_ranks.own_rows(5, 2)].tolist(),
            "one block": np.arange(5)[_ranks.own_rows(5, 9)].tolist(),
            "gathered from one": _ranks.gathered(np.full((RANK, 2), 0.5)).tolist(),
            "own turns": list(_ranks.own_turns("abcde")),
            "weight": weight.tolist(),
            "gradient": weight.grad.tolist(),
            "summed": _ranks.summed(np.array([0.1, RANK])).tolist(),
            "gathered": _ranks.gathered(np.full((1 + RANK, 2), RANK, dtype=np.int16)).tolist(),
            "on first": _ranks.on_first(lambda: {"rank": RANK, "alone": _ranks.summed(np.ones(1)).tolist()}),
            # Another join inside is part of the same group.
            "inner": [_ranks.summed(np.ones(1)).tolist() for _ in range(1) if enter_again()],
        }


def enter_again():
    with joined():
        return _ranks.summed(np.ones(1)).tolist() == [2.0]


def statistics():
    """Return what becomes of the rows of one batch, once alone and once together."""
    alone = of_batch(ROWS)
    with joined():
        penalty = float(nn.GraphSpectralPenalty(graphs.ring(3)).double()(ROWS[OWN]))
        with _ranks.one_batch(len(ROWS[OWN])):
            together = of_batch(ROWS[OWN])
    users = float(nn.GraphSpectralPenalty(graphs.ring(3)).double()(ROWS[OWN]))
    return {"alone": alone, "together": together, "penalty outside of a batch": [penalty, users]}


def of_batch(rows):
    rows = rows.clone().requires_grad_()
    norm = torch.nn.BatchNorm1d(3, affine=False, dtype=torch.float64)
    deviations, variance = _ranks.centred(rows)
    normal = _ranks.normalised(rows, norm)
    mean = _ranks.pooled(rows.mean(dim=0))
    loss = _ranks.pooled((normal.relu() ** 2 * variance + deviations**3).mean()) + mean.square().sum()
    loss.backward()
    values = {"of rows": {"deviations": deviations, "normal": normal, "gradient": rows.grad}}
    values["of rows"]["noise"] = _ranks.normal_like(rows, torch.Generator().manual_seed(0))
    values["of rows"]["evaluated"] = _ranks.normalised(rows, norm.eval())
    values["of all"] = {"variance": variance, "mean": mean, "loss": loss, "n_rows": torch.tensor(_ranks.n_rows(rows))}
    values["of all"] |= norm.state_dict()
    return {kind: {name: value.tolist() for name, value in some.items()} for kind, some in values.items()}


def other_cells():
    with joined():
        _ranks.check_equal("cells", np.array([1.0, 1 + 1e-6 * RANK]))
        _ranks.check_equal("cells", np.array([1.0, 1 + RANK]))


def other_arguments():
    with joined():
        _ranks.check_equal(f"seed {RANK}", np.ones(1))


def without_rows():
    """Return what becomes of a batch whose rows lie all on the second rank."""
    own = ROWS[:0] if RANK == 0 else ROWS
    alone = of_batch(ROWS)
    with joined(), _ranks.one_batch(len(own)):
        return {"alone": alone, **of_batch(own)}


def places():
    """Return which rows of a batch a rank has, and their noise."""
    own = np.array([0, 2] if RANK == 0 else [1, 3, 4])
    with joined(), _ranks.one_batch(len(own), own):
        noise = _ranks.normal_like(ROWS[own], torch.Generator().manual_seed(0))
    return own.tolist(), noise.tolist()


def in_a_group_of_the_user():
    """Return sums in a group that the user has made, and whether it is still there."""
    store = dist.TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]) + 1, 2, RANK == 0)
    dist.init_process_group("gloo", store=store, rank=RANK, world_size=2)
    sums = []
    for _ in range(2):
        with joined():
            sums += _ranks.summed(np.ones(1)).tolist()
    dist.barrier()
    still = dist.is_initialized()
    dist.destroy_process_group()
    return {"sums": sums, "still there": still}


def one_fails():
    with joined(patience=timedelta(seconds=60)):
        if RANK == 1:
            msg = "planted"
            raise KeyError(msg)
        _ranks.summed(np.ones(1))


def one_fails_on_the_first():
    def make():
        msg = "planted"
        raise OSError(msg)

    with joined(patience=timedelta(seconds=60)):
        _ranks.on_first(make)


def one_does_not_answer():
    with joined(patience=timedelta(seconds=1)):
        time.sleep(1.5 * RANK)
        _ranks.summed(np.ones(1))


def one_is_killed():
    with joined(patience=timedelta(seconds=60)):
        if RANK == 1:
            os.kill(os.getpid(), 9)
        _ranks.summed(np.ones(1))


def one_is_not_there():
    with joined(patience=timedelta(seconds=1)):
        return "joined nobody"


def main():
    for scenario in (
        words,
        statistics,
        without_rows,
        places,
        other_cells,
        other_arguments,
        in_a_group_of_the_user,
        one_fails,
        one_fails_on_the_first,
        one_does_not_answer,
        one_is_killed,
        one_is_not_there,
    ):
        start = time.monotonic()
        try:
            result = scenario()
        except (RuntimeError, ValueError, KeyError, OSError) as error:
            result = f"{type(error).__name__}: {error}"
        sys.stdout.write(json.dumps({scenario.__name__: [result, time.monotonic() - start]}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
