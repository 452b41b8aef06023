"""The cells of a fit whose matrix is not in memory."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import torch
from scipy import sparse

from scgsr._ranks._group import GROUP, Group, set_to
from scgsr._train._rounds import EPOCHS_A_ROUND, Rounds
from scgsr._train._training import split
from scgsr._values import Batches, Part, Stored
from scgsr._values import _on_disk as source
from scgsr._values._on_disk import OnDisk

CPU = torch.device("cpu")


def on_disk(matrix, *, block=1, n_bytes=None, mean=0.0, scale=1.0, origins=None):
    n_features = matrix.shape[1]
    rows = Stored(
        read=lambda start, stop: matrix[start:stop],
        shape=matrix.shape,
        dtype=matrix.dtype,
        n_bytes=matrix.size * 4 if n_bytes is None else n_bytes,
        block=block,
    )
    moments = np.full(n_features, mean), np.full(n_features, scale)
    return OnDisk(rows, *moments, CPU, digest_of_values="values", origins=origins)


def test_a_part_and_all_in_order_are_those_in_memory():
    values = np.random.default_rng(0).normal(size=(500, 7))
    index = np.r_[3:40, 100:101, 250:400]
    for kind in (np.asarray, sparse.csr_matrix):
        cells, memory = on_disk(kind(values), mean=0.5, scale=2.0), Batches(values, np.full(7, 0.5), np.full(7, 2), CPU)
        part = cells.part(index)
        assert part.batches.matrix.dtype == np.float32  # whatever is on disk
        np.testing.assert_array_equal(part.index, index)
        torch.testing.assert_close(torch.cat(list(part.in_order())), memory.rows(index))
        torch.testing.assert_close(torch.cat(list(cells.in_order())), torch.cat(list(memory.in_order())))


@pytest.mark.parametrize(
    ("n_cells", "of_cell", "block", "together", "at_once"),
    [
        (10**7, 160, 1, 32, 1 << 16),  # 40 markers, not in chunks
        (10**6, 800, 1300, 81, 41943),  # 2,000 genes of which 5 % are not 0, in large chunks
        (10**6, 8000, 32, 8, 4194),  # 2,000 genes, dense
        (10**6, 80_000, 32, 1, 512),  # 20,000 genes, dense
        (10**5, 8 << 20, 1, 1, 512),  # cells of megabytes
        (3000, 20_000, 64, 1, 1677),  # few cells: at least two hundred blocks can be held out
    ],
)
def test_parts_fit_into_memory_and_have_many_blocks(n_cells, of_cell, block, together, at_once):
    class Shape:
        shape, dtype, size = (n_cells, 1), np.dtype(np.float32), n_cells

    cells = on_disk(Shape, block=block, n_bytes=n_cells * of_cell)
    assert (cells.together, cells.at_once) == (together, at_once)
    assert cells.at_once // cells.together >= 512
    assert cells.at_once * of_cell <= max(source.BYTES_AT_ONCE, 512 * of_cell)


def test_the_digest_is_of_the_values_and_the_moments():
    values = np.ones((5, 2), dtype=np.float32)
    digests = {on_disk(values).digest, on_disk(values, mean=1.0).digest, on_disk(values, scale=2.0).digest}
    assert len(digests) == 3


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_batches_of_a_sorted_file_are_as_mixed_as_theory_says(share):
    """The worst order: all cells of one kind, then all of the other. A batch is drawn from a part of many blocks."""
    n = 200_000
    values = (np.arange(n) < share * n).astype(np.float32)[:, None]
    cells = on_disk(values, block=1000, n_bytes=640 * n)  # parts of up to 52,428 cells in blocks of 100
    training, _ = split(n, 0.1, cells.together, np.random.default_rng(0))
    known = Part(batches=None, rows=np.empty(0, dtype=int), index=np.empty(0, dtype=int))
    rounds = Rounds(cells, training, lambda part: None, known, seed=0)
    # Each round is seen by several epochs.
    parts = [part for number in range(200) for part in rounds.parts(number * EPOCHS_A_ROUND)]
    of_parts = np.array([values[part.index].mean() for part in parts])
    n_blocks, n_all = (len(index) / cells.together for index in (parts[0].index, training))
    variance = share * (1 - share)
    # Blocks of one kind each, drawn without replacement.
    expected = np.sqrt(variance / n_blocks * (1 - n_blocks / n_all))
    assert of_parts.mean() == pytest.approx(share, abs=0.01)
    assert of_parts.std() == pytest.approx(expected, rel=0.15)
    # Within a part each batch is a plain sample of it, and adds less than the blocks would if they were cells.
    rng = np.random.default_rng(1)
    batches = [
        float(batch.features.mean()) - of_part
        for part, of_part in zip(parts[:20], of_parts, strict=False)
        for batch in part.batches.shuffled(part.drawn(rng), 256, rng)
    ]
    assert np.std(batches) == pytest.approx(np.sqrt(variance / 256), rel=0.1)
    assert expected < np.sqrt(variance / 256)


@contextmanager
def as_rank(index, size):
    """As if this process were one of several; nothing is sent."""
    group = Group(members=None, index=index, size=size, store=None, patience=timedelta(0))
    with set_to(GROUP, group):
        yield


@pytest.mark.parametrize(("n_ranks", "block"), [(2, 1), (2, 8), (3, 32), (5, 32)])
def test_ranks_read_every_block_once_and_all_know_where_each_cell_is(n_ranks, block):
    values = np.arange(70_000, dtype=np.float32).reshape(-1, 1)
    cells = on_disk(values, block=block)
    index = np.sort(np.random.default_rng(0).choice(len(values), 9_000, replace=False))
    read = np.zeros(len(index), dtype=int)
    for rank in range(n_ranks):
        with as_rank(rank, n_ranks):
            part = cells.share(index)
        own = part.own()
        assert part.shared
        np.testing.assert_array_equal(part.index, index)
        np.testing.assert_array_equal(part.batches.matrix[part.rows[own], 0], values[index[own], 0])
        assert len(part.batches.matrix) == len(own) == pytest.approx(len(index) / n_ranks, rel=0.05)
        assert np.ptp(index[own]) > 0.99 * np.ptp(index)  # from all over the file
        read[own] += 1
    np.testing.assert_array_equal(read, 1)


def test_without_other_ranks_a_share_is_all():
    cells = on_disk(np.arange(100.0).reshape(-1, 1))
    for part in (cells.share(np.arange(50)), Batches(cells.matrix[:], *cells.moments, CPU).share(np.arange(50))):
        assert not part.shared
        np.testing.assert_array_equal(part.rows, np.arange(50))


def test_batches_of_all_ranks_are_those_of_one_process():
    values = np.random.default_rng(0).normal(size=(40_000, 3)).astype(np.float32)
    origins = np.arange(len(values)) % 4
    cells, index = on_disk(values, block=16, origins=origins), np.arange(0, 20_000, 3)
    weights = 1 + np.sqrt(np.arange(len(index)))

    def batches(part):
        part = replace(part, weights=weights)
        drawn = part.drawn(np.random.default_rng(1))
        for batch in part.batches.shuffled(drawn, 8, np.random.default_rng(2), shared=part.shared):
            yield batch.features.clone(), batch.origins, batch.places

    expected, of_ranks, n_empty = list(batches(cells.part(index))), [], 0
    for rank in range(3):
        with as_rank(rank, 3):
            of_ranks.append(list(batches(cells.share(index))))
    for (features, codes, _), *parts in zip(expected, *of_ranks, strict=True):
        found, known = torch.full_like(features, torch.nan), torch.full_like(codes, -1)
        for own, of_own, places in parts:
            found[places], known[places] = own, of_own
            n_empty += not len(own)
        torch.testing.assert_close(found, features, rtol=0, atol=0)
        assert torch.equal(known, codes)
    assert n_empty > 0, "a rank without a cell must be among them"


@pytest.mark.parametrize("rows", [slice(100, 300), slice(7, 8), slice(499, 900), slice(30, 30), slice(40, 20)])
@pytest.mark.parametrize("of_cell", [4, 1 << 20])
def test_some_neighbours_in_order_are_those_in_memory(rows, of_cell):
    values = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    blocks = list(on_disk(values, n_bytes=500 * of_cell, mean=0.5, scale=2.0).in_order(rows))
    found = torch.cat(blocks) if blocks else torch.empty(0, 3)
    np.testing.assert_allclose(found.numpy(), (values[rows] - 0.5) / 2, rtol=1e-6)
    assert all(len(block) <= max(1, (1 << 23) // of_cell) for block in blocks)
