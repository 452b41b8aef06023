"""Where cells come from: told beside their features, in every order in which cells come."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from scgsr import _device
from scgsr._values import Batches, MatrixView, Origins, Statistics, Stored

CPU = torch.device("cpu")
# The batch of a cell is its value, modulo 3.
VALUES = np.arange(400, dtype=np.float32)[:, None]
CODES = (np.arange(400) % 3).astype(np.int64)


def view(matrix, origins):
    return MatrixView(
        matrix=matrix,
        features=("a",),
        mean=np.zeros(1, dtype=np.float32),
        scale=np.ones(1, dtype=np.float32),
        width=1,
        statistics=Statistics.of(matrix),
        origins=origins,
    )


def on_disk():
    return Stored(
        read=lambda start, stop: VALUES[start:stop], shape=(400, 1), dtype=VALUES.dtype, n_bytes=1600, block=1
    )


@pytest.mark.parametrize("resident", [False, True])
@pytest.mark.parametrize("matrix", [VALUES, sparse.csr_matrix(VALUES), on_disk()], ids=["dense", "CSR", "on disk"])
def test_each_cell_keeps_its_origin(matrix, resident, monkeypatch):
    monkeypatch.setattr(_device, "has_room_for", lambda n_bytes, device: resident)
    cells = view(matrix, Origins(("x", "y", "z"), CODES)).cells(CPU)
    part = cells.part(np.arange(100, 300))
    rng, seen = np.random.default_rng(0), []
    for batch in part.batches.shuffled(part.rows, 32, rng):
        np.testing.assert_array_equal(batch.origins, batch.features[:, 0].long() % 3)
        seen.append(len(batch.features))
    assert sum(seen) == 200
    np.testing.assert_array_equal(part.batches.origins(part.rows[::7]), CODES[100:300:7])


@pytest.mark.parametrize("matrix", [VALUES, on_disk()], ids=["in memory", "on disk"])
def test_untold_there_is_none_and_the_digest_tells(matrix):
    cells = [view(matrix, origins).cells(CPU) for origins in (None, Origins(("x", "y", "z"), CODES))]
    other = view(matrix, Origins(("x", "y", "z"), CODES[::-1].copy())).cells(CPU)
    part = cells[0].part(np.arange(9))
    assert next(part.batches.shuffled(part.rows, 4, np.random.default_rng(0))).origins is None
    assert part.batches.origins(part.rows) is None
    assert len({each.digest for each in (*cells, other)}) == 3


def test_batches_without_origins_are_as_before():
    one, other = (Batches(VALUES, np.zeros(1), np.ones(1), CPU, origins) for origins in (None, CODES))
    for told, untold in zip(
        *(each.shuffled(np.arange(400), 64, np.random.default_rng(0)) for each in (one, other)), strict=True
    ):
        assert torch.equal(told.features, untold.features)
