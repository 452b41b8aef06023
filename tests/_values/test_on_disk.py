"""The cells of a fit whose matrix is not in memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from scgsr._train._rounds import EPOCHS_A_ROUND, Rounds
from scgsr._train._training import split
from scgsr._values import Batches, Part, Stored
from scgsr._values import _on_disk as source
from scgsr._values._on_disk import OnDisk

CPU = torch.device("cpu")


def on_disk(matrix, *, block=1, n_bytes=None, mean=0.0, scale=1.0):
    n_features = matrix.shape[1]
    rows = Stored(
        read=lambda start, stop: matrix[start:stop],
        shape=matrix.shape,
        dtype=matrix.dtype,
        n_bytes=matrix.size * 4 if n_bytes is None else n_bytes,
        block=block,
    )
    return OnDisk(rows, np.full(n_features, mean), np.full(n_features, scale), CPU, digest_of_values="values")


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
    known = Part(None, np.empty(0, dtype=int), np.empty(0, dtype=int))
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


@pytest.mark.parametrize("rows", [slice(100, 300), slice(7, 8), slice(499, 900), slice(30, 30), slice(40, 20)])
@pytest.mark.parametrize("of_cell", [4, 1 << 20])
def test_some_neighbours_in_order_are_those_in_memory(rows, of_cell):
    values = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    blocks = list(on_disk(values, n_bytes=500 * of_cell, mean=0.5, scale=2.0).in_order(rows))
    found = torch.cat(blocks) if blocks else torch.empty(0, 3)
    np.testing.assert_allclose(found.numpy(), (values[rows] - 0.5) / 2, rtol=1e-6)
    assert all(len(block) <= max(1, (1 << 23) // of_cell) for block in blocks)
