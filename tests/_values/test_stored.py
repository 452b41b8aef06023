"""Rows that are read when they are asked for."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from scgsr._values import Statistics, Stored, arcsinh, dense_rows, last_written, rows_read

N_CELLS, N_FEATURES = 97, 6
KINDS = [np.asarray, sparse.csr_matrix]


def values():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(N_CELLS, N_FEATURES)) * (rng.random((N_CELLS, N_FEATURES)) < 0.6)).astype(np.float32)


def stored(matrix, *, asked=None, **settings):
    """Rows of a matrix, with a note of which were asked for."""

    def read(start, stop):
        if asked is not None:
            asked.append((start, stop))
        return matrix[start:stop]

    whole = {"shape": matrix.shape, "dtype": matrix.dtype, "n_bytes": 4 * N_CELLS * N_FEATURES, "block": 1}
    return Stored(read=read, **{**whole, **settings})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [slice(3, 20), slice(None), slice(5, 5), slice(90, 200), np.array([4, 5, 6, 50, 96])])
def test_the_rows_are_those_of_the_matrix(kind, rows):
    matrix = kind(values())
    found = stored(matrix)[rows]
    assert sparse.issparse(found) == sparse.issparse(matrix)
    np.testing.assert_array_equal(dense_rows(stored(matrix), rows), values()[rows])


@given(st.lists(st.integers(0, N_CELLS - 1), max_size=60))
def test_any_rows_are_read_run_by_run_and_no_other(index):
    asked = []
    index = np.array(sorted(set(index)), dtype=int)
    found = stored(values(), asked=asked)[index]
    np.testing.assert_array_equal(found, values()[index])
    if len(index):
        assert sum(stop - start for start, stop in asked) == len(index)
        assert len(asked) == 1 + (np.diff(index) != 1).sum()


@pytest.mark.parametrize("kind", KINDS)
def test_columns_are_chosen_in_what_is_read(kind):
    matrix, chosen = kind(values()), np.array([True, False, True, True, False, True])
    some = stored(matrix).only(chosen)
    np.testing.assert_array_equal(dense_rows(some, slice(None)), values()[:, chosen])
    fewer = some.only(np.array([3, 1]))
    np.testing.assert_array_equal(dense_rows(fewer, slice(7, 30)), values()[7:30][:, [5, 2]])
    assert (fewer.shape, fewer.n_bytes) == ((N_CELLS, 2), stored(matrix).n_bytes)  # whole rows are read


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_transformed_is_so_as_it_is_read(kind):
    cofactor = np.array([5, np.nan, 1, 150, np.nan, 2], dtype=np.float32)
    expected = arcsinh(values(), cofactor)
    other = stored(kind(values())).transformed(cofactor)
    np.testing.assert_array_equal(dense_rows(other, slice(10, 40)), expected[10:40])
    chosen = np.array([0, 3])
    np.testing.assert_array_equal(dense_rows(other.only(chosen), slice(None)), expected[:, chosen])
    assert stored(values().astype(int)).transformed(cofactor).dtype == np.float32


def test_a_file_that_was_written_to_is_not_read_on(tmp_path):
    path = tmp_path / "cells"
    path.write_bytes(b"1")
    rows = stored(values(), path=str(path), written=last_written(str(path)))
    assert rows[:3].shape == (3, N_FEATURES)
    path.write_bytes(b"22")
    os.utime(path, ns=(1, 1))
    for each in (rows, rows.only(np.arange(2))):
        with pytest.raises(ValueError, match="has been written to since it was opened") as caught:
            each[:3]
        assert caught.value.argument == "adata"


@pytest.mark.parametrize("kind", KINDS)
def test_statistics_are_those_of_the_matrix_with_a_digest(kind):
    matrix = kind(values())
    one, other = Statistics.of(matrix), Statistics.of(stored(matrix))
    np.testing.assert_allclose(other.mean, one.mean, rtol=1e-12)
    np.testing.assert_allclose(other.sd, one.sd, rtol=1e-12)
    np.testing.assert_array_equal(other.largest, one.largest)
    changed = values()
    changed[50, 3] += 1
    digests = {found.digest for found in (other, Statistics.of(stored(kind(changed))))}
    assert len(digests) == 2
    # The size of what is read at once does not change it.
    assert Statistics.of(stored(matrix, n_bytes=1 << 30)).digest == other.digest


def test_so_many_rows_are_read_at_once_as_fit_into_a_few_megabytes_whole_blocks_if_they_do():
    matrix = values()
    assert rows_read(stored(matrix, n_bytes=N_CELLS << 20)) == 8
    assert rows_read(stored(matrix, n_bytes=N_CELLS << 20, block=3)) == 6
    assert rows_read(stored(matrix, n_bytes=N_CELLS << 20, block=1000)) == 8
    assert rows_read(stored(matrix, n_bytes=N_CELLS << 30)) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_slice_may_have_steps_and_no_rows_have_all_columns(kind):
    matrix = stored(kind(values()))
    np.testing.assert_array_equal(dense_rows(matrix, slice(3, 40, 5)), values()[3:40:5])
    np.testing.assert_array_equal(dense_rows(matrix, slice(40, 3)), values()[40:3])
    assert matrix[np.array([], dtype=int)].shape == (0, N_FEATURES)
    np.testing.assert_array_equal(dense_rows(matrix, np.array([0])), values()[:1])
    np.testing.assert_array_equal(dense_rows(matrix, np.array([0, 1, 3])), values()[[0, 1, 3]])


@pytest.mark.parametrize("change", [{"dtype": np.dtype(np.float64)}, {"shape": (N_CELLS - 1, N_FEATURES)}])
def test_the_digest_tells_types_and_shapes_apart(change):
    assert Statistics.of(stored(values(), **change)).digest != Statistics.of(stored(values())).digest
    assert len(Statistics.of(stored(sparse.csr_matrix(values()))).digest) == 24


def test_a_matrix_of_doubles_stays_one_when_it_is_transformed():
    cofactor = np.full(N_FEATURES, 5.0)
    assert stored(values().astype(np.float64)).transformed(cofactor).dtype == np.float64
    assert stored(values()).transformed(cofactor).dtype == np.float32


def test_a_file_whose_size_alone_has_changed_was_written_to(tmp_path):
    path = tmp_path / "cells"
    path.write_bytes(b"1")
    os.utime(path, ns=(5, 5))
    rows = stored(values(), path=str(path), written=last_written(str(path)))
    assert rows.written == (5, 1)
    path.write_bytes(b"22")
    os.utime(path, ns=(5, 5))
    with pytest.raises(ValueError, match="has been written to"):
        rows[:3]


def test_equality_is_identity():
    one, other = stored(values(), columns=np.arange(6)), stored(values(), columns=np.arange(6))
    assert one == one
    assert one != other  # and not an array of answers, which is neither true nor false
    assert len({one, other}) == 2
