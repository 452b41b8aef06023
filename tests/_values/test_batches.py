"""Rows to minibatches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from scgsr import _device
from scgsr._values import _matrix, checked, dense_rows, filled, rows_at_once, slices
from scgsr._values._batches import Batches, n_batches

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
    by_place = []
    for resident in (False, True):
        monkeypatch.setattr(_device, "has_room_for", lambda n_bytes, device, is_there=resident: is_there)
        shuffled = Batches(kind(matrix), *moments, CPU).shuffled(np.arange(3, 90), 16, np.random.default_rng(0))
        by_place.append(torch.cat([part.features.clone() for part in shuffled]))
    assert torch.equal(*by_place)


def test_every_epoch_has_its_batches_in_the_same_memory(matrix, moments):
    """So that a captured step can read them where they lie."""
    batches, rng = Batches(matrix, *moments, CPU), np.random.default_rng(0)
    assert len({part.features.data_ptr() for _ in range(3) for part in batches.shuffled(np.arange(101), 16, rng)}) == 1
    larger = [part.features for part in batches.shuffled(np.arange(101), 50, rng)]
    assert max(map(len, larger)) == 34  # 101 cells in three batches


@pytest.mark.parametrize("rows_at_once", [1, 7, 100, 101, 5000])
def test_blocks_in_order_make_the_whole(matrix, moments, rows_at_once, monkeypatch):
    monkeypatch.setattr(_matrix, "_ROWS_AT_ONCE", rows_at_once)
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
    batches = Batches(matrix, *moments, CPU)
    parts = [part.features.clone() for part in batches.shuffled(index, batch_size, np.random.default_rng(0))]
    rows = torch.cat(parts)
    expected = Batches(matrix, *moments, CPU).rows(index)
    assert torch.equal(rows.sort(dim=0).values, expected.sort(dim=0).values)
    assert len(parts) == n_batches(n, batch_size)
    assert all(2 <= len(part) <= max(batch_size, 3) for part in parts)  # three cells cannot be two batches


def test_the_order_changes_with_every_epoch_and_repeats_with_the_seed(matrix, moments):
    batches, index = Batches(matrix, *moments, CPU), np.arange(101)
    rng = np.random.default_rng(0)
    first, second = (next(batches.shuffled(index, 32, rng)).features.clone() for _ in range(2))
    same = next(batches.shuffled(index, 32, np.random.default_rng(0))).features
    assert not torch.equal(first, second)
    assert torch.equal(first, same)


def test_batches_leave_the_matrix_alone(matrix, moments):
    before = matrix.copy()
    for part in Batches(matrix, *moments, CPU).in_order():
        part.zero_()
    assert np.array_equal(matrix, before)


# --- Helpers of all who go through rows ------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_rows", "step"), [(0, 3), (1, 3), (9, 3), (10, 3), (2, 100)])
def test_slices_make_all_rows(n_rows, step):
    parts = [list(range(n_rows))[part] for part in slices(n_rows, step)]
    assert [row for part in parts for row in part] == list(range(n_rows))
    assert all(0 < len(part) <= step for part in parts)


@pytest.mark.parametrize("n_features", [1, 13, 2000, 10**7])
def test_a_block_of_many_features_has_few_rows_but_never_none(n_features):
    rows = rows_at_once(n_features)
    assert 1 <= rows <= _matrix._ROWS_AT_ONCE
    assert rows == 1 or rows * n_features <= _matrix._VALUES_AT_ONCE


@pytest.mark.parametrize("batch_size", [2, 3, 64])
@pytest.mark.parametrize("n_rows", range(2, 200, 7))
def test_an_epoch_has_no_batch_above_the_size_and_none_of_a_single_cell(n_rows, batch_size):
    sizes = [len(part) for part in np.array_split(np.arange(n_rows), n_batches(n_rows, batch_size))]
    assert min(sizes) >= 2
    assert max(sizes) <= max(batch_size, 3)
    assert max(sizes) - min(sizes) <= 1


def test_blocks_fill_one_array(matrix):
    blocks = (torch.as_tensor(matrix[rows]) for rows in slices(101, 17))
    result = filled(blocks, matrix.shape)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, matrix)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csr_array])
@pytest.mark.parametrize("index", [slice(3, 9), np.array([5, 5, 0])], ids=["slice", "rows"])
def test_rows_of_any_matrix_are_dense(matrix, kind, index):
    np.testing.assert_array_equal(dense_rows(kind(matrix), index), matrix[index])


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csc_matrix, sparse.coo_matrix])
def test_a_checked_matrix_is_dense_or_csr_with_the_same_values(matrix, kind):
    result = checked(kind(matrix), 7)
    assert isinstance(result, np.ndarray) or result.format == "csr"
    np.testing.assert_array_equal(dense_rows(result, slice(None)), matrix)


def damaged():
    matrix = sparse.csr_matrix(np.ones((3, 7)))
    matrix.indices[4] = 99
    return matrix


@pytest.mark.parametrize(
    ("matrix", "error", "message"),
    [
        (np.zeros((3, 6)), ValueError, r"must have 7 columns.*got \(3, 6\)"),
        (np.zeros(7), ValueError, "must have 7 columns"),
        (sparse.csr_matrix((3, 8)), ValueError, "must have 7 columns"),
        (np.full((3, 7), np.nan), ValueError, "NaN or infinite"),
        (sparse.csr_matrix(np.full((3, 7), np.inf)), ValueError, "NaN or infinite"),
        (damaged(), ValueError, "`matrix` is a damaged sparse matrix"),
        ([[0.0] * 7], TypeError, "got list"),
    ],
)
def test_another_matrix_is_refused(matrix, error, message):
    with pytest.raises(error, match=message):
        checked(matrix, 7)
