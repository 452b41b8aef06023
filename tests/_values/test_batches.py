"""Rows to minibatches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from scgsr import _device
from scgsr._values import _batches
from scgsr._values._batches import Batches, n_batches, n_bytes

CPU = torch.device("cpu")


@pytest.fixture
def matrix():
    values = np.random.default_rng(0).normal(size=(101, 7)) * (np.random.default_rng(1).uniform(size=(101, 7)) < 0.4)
    return values.astype(np.float32)


@pytest.fixture
def moments():
    return np.arange(7.0), np.linspace(0.5, 3, 7)


def read_only(matrix):
    matrix = matrix.copy()
    matrix.flags.writeable = False
    return matrix


def with_entries_in_two_parts(matrix):
    """A CSR matrix in no order in which every entry is stored as two halves."""
    coo = sparse.coo_matrix(matrix)
    rows, columns, values = (np.concatenate([part, part[::-1]]) for part in (coo.row, coo.col, coo.data / 2))
    order = np.argsort(rows, kind="stable")
    starts = np.searchsorted(rows[order], np.arange(len(matrix) + 1))
    return sparse.csr_matrix((values[order], columns[order], starts), shape=matrix.shape)


KINDS = {
    "dense": np.asarray,
    "double": lambda m: m.astype(np.float64),
    "columns first": np.asfortranarray,
    "big-endian": lambda m: m.astype(">f4"),
    "read-only": read_only,
    "every second row of another": lambda m: np.repeat(m, 2, axis=0)[::2],
    "CSR": sparse.csr_matrix,
    "CSR of doubles": lambda m: sparse.csr_matrix(m.astype(np.float64)),
    "CSR array": sparse.csr_array,
    "CSR in no order": with_entries_in_two_parts,
}


@pytest.fixture(params=[False, True], ids=["on the host", "on the device"])
def resident(request, monkeypatch):
    """Data on the host, and as on a device that has room for it, which the CPU stands in for."""
    monkeypatch.setattr(_device, "has_room_for", lambda n_bytes, device: request.param)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("index", [np.array([3, 0, 99]), np.array([5, 5]), np.arange(90, 101), np.array([], dtype=int)])
def test_every_kind_of_matrix_gives_the_same_standardised_rows(matrix, moments, kind, index, resident):
    matrix[0] = 0  # an empty row
    batches = Batches(kind(matrix), *moments, CPU)
    expected = torch.as_tensor((matrix[index] - moments[0]) / moments[1], dtype=torch.float32)
    torch.testing.assert_close(batches.rows(index), expected)
    memory = torch.full((50, 7), torch.nan)
    got = batches.rows(index, out=memory)
    torch.testing.assert_close(got, expected)
    assert len(got) == 0 or got.data_ptr() == memory.data_ptr()
    assert memory[len(expected) :].isnan().all()


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_data_on_a_device_comes_in_the_same_batches(matrix, moments, kind, monkeypatch):
    found = []
    for resident in (False, True):
        monkeypatch.setattr(_device, "has_room_for", lambda n_bytes, device, there=resident: there)
        shuffled = Batches(kind(matrix), *moments, CPU).shuffled(np.arange(3, 90), 16, np.random.default_rng(0))
        found.append(torch.cat([part.clone() for part in shuffled]))
    assert torch.equal(*found)


def test_data_on_a_device_takes_what_is_said(matrix, moments, monkeypatch):
    monkeypatch.setattr(_device, "has_room_for", lambda n_bytes, device: True)
    for kind in (np.asarray, sparse.csr_matrix, lambda m: sparse.csr_matrix(m.astype(np.float64))):
        parts = Batches(kind(matrix), *moments, CPU)._resident.parts
        assert sum(part.nbytes for part in parts) == n_bytes(kind(matrix))


@pytest.mark.parametrize("rows_at_once", [1, 7, 100, 101, 5000])
def test_blocks_in_order_make_the_whole(matrix, moments, rows_at_once, monkeypatch):
    monkeypatch.setattr(_batches, "_ROWS_AT_ONCE", rows_at_once)
    batches = Batches(sparse.csr_matrix(matrix), *moments, CPU)
    blocks = list(batches.in_order())
    assert max(map(len, blocks)) == min(rows_at_once, len(matrix))
    assert torch.equal(torch.cat(blocks), batches.rows(np.arange(len(matrix))))
    index = np.array([5, 3, 88])
    assert torch.equal(torch.cat(list(batches.in_order(index))), batches.rows(index))


@pytest.mark.parametrize("batch_size", [2, 3, 32])
@pytest.mark.parametrize("n", [2, 3, 4, 5, 32, 33, 63, 64, 65, 101])
def test_shuffled_batches_hold_every_row_once_and_never_a_single_cell(matrix, moments, n, batch_size):
    index = np.arange(n)
    parts = [
        part.clone() for part in Batches(matrix, *moments, CPU).shuffled(index, batch_size, np.random.default_rng(0))
    ]
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
