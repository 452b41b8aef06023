"""Rows to minibatches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from scgsr._batches import Batches, n_batches

CPU = torch.device("cpu")


@pytest.fixture
def matrix():
    values = np.random.default_rng(0).normal(size=(101, 7)) * (np.random.default_rng(1).uniform(size=(101, 7)) < 0.4)
    return values.astype(np.float32)


@pytest.fixture
def moments():
    return np.arange(7.0), np.linspace(0.5, 3, 7)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, lambda m: m.astype(np.float64), np.asfortranarray])
def test_every_kind_of_matrix_gives_the_same_standardised_rows(matrix, moments, kind):
    got = Batches(kind(matrix), *moments, CPU).rows(np.array([3, 0, 99]))
    torch.testing.assert_close(
        got, torch.as_tensor((matrix[[3, 0, 99]] - moments[0]) / moments[1], dtype=torch.float32)
    )


@pytest.mark.parametrize("batch_size", [1, 7, 100, 101, 5000])
def test_chunks_in_order_make_the_whole(matrix, moments, batch_size):
    batches = Batches(sparse.csr_matrix(matrix), *moments, CPU)
    assert torch.equal(torch.cat(list(batches.in_order(batch_size=batch_size))), batches.rows(slice(None)))
    index = np.array([5, 3, 88])
    assert torch.equal(torch.cat(list(batches.in_order(index, batch_size=batch_size))), batches.rows(index))


@pytest.mark.parametrize("batch_size", [2, 3, 32])
@pytest.mark.parametrize("n", [2, 3, 4, 5, 32, 33, 63, 64, 65, 101])
def test_shuffled_batches_hold_every_row_once_and_never_a_single_cell(matrix, moments, n, batch_size):
    index = np.arange(n)
    parts = list(Batches(matrix, *moments, CPU).shuffled(index, batch_size, np.random.default_rng(0)))
    rows = torch.cat(parts)
    expected = Batches(matrix, *moments, CPU).rows(index)
    assert torch.equal(rows.sort(dim=0).values, expected.sort(dim=0).values)
    assert len(parts) == n_batches(n, batch_size)
    assert all(2 <= len(part) <= max(batch_size, 3) for part in parts)  # three cells cannot be two batches


def test_the_order_changes_with_every_epoch_and_repeats_with_the_seed(matrix, moments):
    batches, index = Batches(matrix, *moments, CPU), np.arange(101)
    rng = np.random.default_rng(0)
    first, second = (next(batches.shuffled(index, 32, rng)) for _ in range(2))
    again = next(batches.shuffled(index, 32, np.random.default_rng(0)))
    assert not torch.equal(first, second)
    assert torch.equal(first, again)


def test_batches_leave_the_matrix_alone(matrix, moments):
    before = matrix.copy()
    for part in Batches(matrix, *moments, CPU).in_order():
        part.zero_()
    assert np.array_equal(matrix, before)
