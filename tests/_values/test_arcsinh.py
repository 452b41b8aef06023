"""arcsinh(value / cofactor), dense or sparse."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from scgsr._values import _arcsinh, arcsinh

COFACTOR = np.array([5.0, np.nan, 150.0, 0.5])


@pytest.fixture
def matrix():
    values = np.random.default_rng(0).normal(0, 300, size=(23, 4)) * (np.random.default_rng(1).random((23, 4)) < 0.6)
    return values.astype(np.float32)


def by_hand(values):
    """Column by column, in float64."""
    values = np.asarray(values, dtype=np.float64)
    columns = [column if np.isnan(c) else np.arcsinh(column / c) for column, c in zip(values.T, COFACTOR, strict=True)]
    return np.column_stack(columns)


def dense(matrix):
    return matrix.toarray() if sparse.issparse(matrix) else matrix


@pytest.mark.parametrize("kind", [np.asarray, np.asfortranarray, sparse.csr_matrix, sparse.csr_array])
@pytest.mark.parametrize("at_once", [1, 10, 2**22])
def test_each_column_is_divided_by_its_cofactor(matrix, kind, at_once, monkeypatch):
    monkeypatch.setattr(_arcsinh, "_VALUES_AT_ONCE", at_once)
    given = kind(matrix)
    result = arcsinh(given, COFACTOR)
    np.testing.assert_allclose(dense(result), by_hand(matrix), rtol=1e-6, atol=1e-6)
    assert type(result) is type(given)
    np.testing.assert_array_equal(dense(given), matrix)  # which stays


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize(
    ("dtype", "expected"), [(np.float64, np.float64), (np.float32, np.float32), (np.int32, np.float32)]
)
def test_precision_is_that_of_the_matrix_and_whole_numbers_become_float32(matrix, kind, dtype, expected):
    given = kind(matrix.astype(dtype))
    result = arcsinh(given, COFACTOR)
    assert result.dtype == expected
    tolerance = 1e-13 if expected == np.float64 else 1e-6
    np.testing.assert_allclose(dense(result), by_hand(dense(given)), rtol=tolerance, atol=tolerance)


def test_a_column_without_a_cofactor_keeps_its_bits(matrix):
    matrix[0, 1] = 1.2345678e30
    for kind in (np.asarray, sparse.csr_matrix):
        np.testing.assert_array_equal(dense(arcsinh(kind(matrix), COFACTOR))[:, 1], matrix[:, 1])


def test_the_result_is_no_view(matrix):
    for given in (matrix, sparse.csr_matrix(matrix)):
        result = arcsinh(given, np.full(4, np.nan))
        (result.data if sparse.issparse(result) else result)[:] = 7
        np.testing.assert_array_equal(dense(given), matrix)


def test_a_sparse_matrix_stores_what_it_stored(matrix):
    given = sparse.csr_matrix(matrix)
    given.data[3] = 0  # stored in spite of it
    result = arcsinh(given, COFACTOR)
    np.testing.assert_array_equal(result.indices, given.indices)
    np.testing.assert_array_equal(result.indptr, given.indptr)
    assert not np.shares_memory(result.indices, given.indices)


def test_entries_stored_in_parts_add_up_before_they_are_transformed():
    parts = sparse.csr_matrix((np.array([3.0, 4.0, 8.0]), np.array([0, 0, 2]), np.array([0, 2, 3])), shape=(2, 4))
    before = parts.nnz
    np.testing.assert_allclose(dense(arcsinh(parts, COFACTOR)), by_hand([[7, 0, 0, 0], [0, 0, 8, 0]]))
    assert parts.nnz == before


def test_signs_and_order_are_kept():
    values = np.linspace(-1e6, 1e6, 101)[:, None]
    result = arcsinh(values, np.array([5.0]))
    assert (np.diff(result[:, 0]) > 0).all()
    np.testing.assert_allclose(result, -result[::-1], atol=1e-12)


@pytest.mark.parametrize("shape", [(0, 4), (3, 0)])
def test_nothing_at_all(shape):
    cofactor = np.full(shape[1], 5.0)
    for kind in (np.asarray, sparse.csr_matrix):
        assert arcsinh(kind(np.zeros(shape, dtype=np.float32)), cofactor).shape == shape
