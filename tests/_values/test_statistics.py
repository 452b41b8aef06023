"""What all values of a matrix tell: moments, extremes, what is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import sparse

from scgsr import _ranks
from scgsr._values import Statistics, Stored, _matrix, _statistics, check_finite

NAMES = tuple(f"feature_{i}" for i in range(12))


def in_parts(matrix):
    """A CSR matrix in no order in which every entry is stored as two halves."""
    coo = sparse.coo_matrix(matrix)
    rows, columns, values = (np.concatenate([part, part[::-1]]) for part in (coo.row, coo.col, coo.data / 2))
    order = np.argsort(rows, kind="stable")
    starts = np.searchsorted(rows[order], np.arange(matrix.shape[0] + 1))
    return sparse.csr_matrix((values[order], columns[order], starts), shape=matrix.shape)


def with_stored_zeros(matrix):
    """A CSR matrix that stores the zeros of every third row."""
    rows = np.arange(matrix.shape[0])[:, None] % 3 == 0
    coo = sparse.coo_matrix(np.where((matrix == 0) & rows, np.nan, matrix))
    coo.data[np.isnan(coo.data)] = 0
    assert (coo.data == 0).any()
    return coo.tocsr()


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("kind", [np.asarray, np.asfortranarray, sparse.csr_matrix, sparse.csr_array])
def test_moments_are_mean_and_standard_deviation(dtype, kind, counts, moments):
    values = counts().astype(dtype)
    mean, sd = moments(kind(values))
    assert mean.dtype == sd.dtype == np.float64
    np.testing.assert_allclose(mean, values.astype(np.float64).mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(sd, values.astype(np.float64).std(axis=0), rtol=1e-10)


@pytest.mark.parametrize("stored", [sparse.csr_matrix, in_parts, with_stored_zeros])
@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_dense_and_sparse_have_the_same_moments(stored, scale, counts, moments):
    values = (scale * np.log1p(counts())).astype(np.float32)
    dense, from_sparse = moments(values), moments(stored(values))
    for one, other in zip(dense, from_sparse, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-10)
    assert from_sparse[1][-1] == 0  # of a column without entries


@pytest.mark.parametrize("stored", [in_parts, with_stored_zeros])
def test_the_matrix_stays_as_it_is_stored(stored, counts, moments):
    matrix = stored(counts().astype(np.float32))
    parts = [part.copy() for part in (matrix.data, matrix.indices, matrix.indptr)]
    moments(matrix)
    for part, before in zip((matrix.data, matrix.indices, matrix.indptr), parts, strict=True):
        np.testing.assert_array_equal(part, before)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_a_large_mean_does_not_drown_a_small_variance(kind, moments):
    """As a mean of squares less a squared mean would in float32, and nearly does in float64."""
    steps = (np.arange(1000) % 2).astype(np.float32)
    _, sd = moments(kind(np.column_stack([1e4 + steps, 1e6 + steps]).astype(np.float32)))
    np.testing.assert_allclose(sd, 0.5, rtol=1e-6)


@pytest.mark.parametrize("rows_at_once", [1, 7, 299, 300, 1024])
def test_blocks_of_rows_make_no_difference(rows_at_once, monkeypatch, counts, moments):
    values = counts().astype(np.float32)
    whole = moments(values)
    monkeypatch.setattr(_matrix, "_ROWS_AT_ONCE", rows_at_once)
    for one, other in zip(whole, moments(values), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-12)


def test_what_is_standardised_by_the_moments_has_mean_zero_and_variance_one(counts, moments):
    values = counts().astype(np.float32)[:, :-1]
    mean, sd = moments(values)
    scaled = (values - mean) / sd
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.var(axis=0), 1, rtol=1e-12)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_extremes_signs_and_whole_numbers_are_told_feature_by_feature(kind, counts):
    values = counts().astype(np.float64)
    values[3, 2], values[4, 5], values[5, 7] = -7.0, 2.5, 1e6
    found = Statistics.of(kind(values))
    np.testing.assert_array_equal(found.largest, np.abs(values).max(axis=0))
    np.testing.assert_array_equal(found.negative, (values < 0).any(axis=0))
    np.testing.assert_array_equal(found.whole, np.arange(12) != 5)
    some = found.only(np.arange(12) == 5)
    assert (some.whole.tolist(), some.negative.tolist(), len(some.mean)) == ([False], [False], 1)
    assert found.digest == ""  # of what is in memory it is made only where it is needed


# --- What is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize(
    ("shape", "message"),
    [((0, 3), "0 cells x 3 features"), ((3, 0), "3 cells x 0 features"), ((1, 3), "has one cell")],
)
def test_too_little_to_learn_from_is_refused(kind, shape, message):
    with pytest.raises(ValueError, match=message) as caught:
        Statistics.of(kind(np.ones(shape))).check(NAMES[: shape[1]])
    assert caught.value.argument == "adata"


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_features_with_values_that_are_not_finite_are_named(kind, bad, counts):
    values = counts().astype(np.float32)
    for column in (7, 2):
        values[column, column] = bad
    with pytest.raises(ValueError, match=r"in 2 features \(feature_2, feature_7\)") as caught:
        Statistics.of(kind(values)).check(NAMES)
    assert caught.value.argument == "adata"


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_finite_values_pass(kind, counts):
    Statistics.of(kind(counts())).check(NAMES)
    check_finite(kind(np.full((2, 2), np.finfo(np.float32).max)), NAMES[:2])


def test_two_cells_are_enough_and_what_is_known_of_features_is_counted():
    Statistics.of(np.array([[1.0], [2]])).check(NAMES[:1])
    found = Statistics.of(np.array([[1.0, 4], [3, 4]]))
    assert (found.n_cells, found.mean.tolist(), found.sd.tolist()) == (2, [2, 4], [1, 0])
    assert Statistics.of(np.zeros((0, 2))).sd.tolist() == [0, 0]


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_values_below_zero_and_zero_itself_are_told_apart(kind):
    found = Statistics.of(kind(np.array([[0.0, -1e-9, 5], [0, 0, 0]])))
    assert found.negative.tolist() == [False, True, False]
    assert found.whole.tolist() == [True, False, True]
    assert found.largest.tolist() == [0, 1e-9, 5]


@pytest.mark.parametrize("sizes", [(1, 1), (3, 1), (1, 7), (0, 4), (5, 0)])
def test_sums_of_two_blocks_are_those_of_the_whole(sizes):
    values = np.random.default_rng(0).normal(size=(sum(sizes), 2))
    joined = _statistics._Sums(2, "")
    for block in np.split(values, [sizes[0]]):
        if len(block):
            joined.add(block)
    assert joined.n_cells == len(values)
    np.testing.assert_allclose(joined.mean, values.mean(axis=0))
    np.testing.assert_allclose(joined.squares, ((values - values.mean(axis=0)) ** 2).sum(axis=0), atol=1e-12)
    before = joined.mean.copy()
    joined._join(0, np.full(2, np.nan), np.full(2, np.nan))
    np.testing.assert_array_equal(joined.mean, before)


def of_ranks(matrix, n_ranks, monkeypatch, stored_as):
    """What each of several ranks finds: all look once to say what they hand on, and once to take it in."""

    def of_rank(rank, gathered):
        monkeypatch.setattr(_ranks, "own_turns", lambda items: itertools.islice(items, rank, None, n_ranks))
        monkeypatch.setattr(_ranks, "gathered", gathered)
        return Statistics.of(stored_as(matrix))

    handed_on = []
    for rank in range(n_ranks):
        handed_on.append([])
        of_rank(rank, lambda own: handed_on[-1].append(own) or own)
    result = []
    for rank in range(n_ranks):
        messages = iter([np.concatenate(parts) for parts in zip(*handed_on, strict=True)])
        result.append(of_rank(rank, lambda _own, messages=messages: next(messages)))
    return result


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("n_ranks", [2, 3, 5])  # of four blocks, so that one of five ranks has none
def test_ranks_find_together_what_one_finds(kind, n_ranks, counts, monkeypatch):
    values = counts(70).astype(np.float64)
    values[:, 1] += 0.5
    values[3, 2], values[65, 3], values[40, 4], values[66, 5] = -7, np.nan, 1e6, 0.25
    matrix = kind(values)
    monkeypatch.setattr(_statistics, "rows_read", lambda _matrix: 20)

    def stored(matrix):
        return Stored(
            read=lambda start, stop: matrix[start:stop], shape=matrix.shape, dtype=matrix.dtype, n_bytes=1, block=1
        )

    alone, together = Statistics.of(stored(matrix)), of_ranks(matrix, n_ranks, monkeypatch, stored)
    for found in together:
        assert found.n_cells == 70
        for name in ("mean", "sd", "largest"):
            np.testing.assert_allclose(getattr(found, name), getattr(alone, name), rtol=1e-10, err_msg=name)
        for name in ("finite", "negative", "whole"):
            np.testing.assert_array_equal(getattr(found, name), getattr(alone, name), err_msg=name)
            assert getattr(found, name).dtype == bool
        assert found.digest == together[0].digest != alone.digest
        assert len(found.digest) == 24
    planted = [alone.finite[3], alone.whole[1], alone.negative[2], alone.negative[0]]
    assert planted == [False, False, True, False]
    values[0, 0] += 1
    assert of_ranks(kind(values), n_ranks, monkeypatch, stored)[0].digest != together[0].digest


def test_equality_is_identity():
    one, other = Statistics.of(np.ones((2, 2))), Statistics.of(np.ones((2, 2)))
    assert one == one
    assert one != other  # and not an array of answers, which is neither true nor false
    assert len({one, other}) == 2
