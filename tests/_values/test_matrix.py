"""A matrix in memory, dense or CSR."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from scgsr._values._matrix import dense, n_bytes, rows_at_once, slices, unmasked

VALUES = np.arange(12, dtype=np.float64).reshape(3, 4)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csr_array])
def test_any_matrix_becomes_an_ndarray(kind):
    found = dense(kind(VALUES))
    assert isinstance(found, np.ndarray)
    np.testing.assert_array_equal(found, VALUES)


def test_bytes_are_those_of_float32():
    assert n_bytes(VALUES) == 48
    matrix = sparse.csr_matrix(VALUES)
    assert n_bytes(matrix) == 4 * 11 + 4 * 11 + 8 * 4


@pytest.mark.parametrize(
    ("n_rows", "step", "expected"), [(5, 2, [(0, 2), (2, 4), (4, 5)]), (4, 4, [(0, 4)]), (0, 3, [])]
)
def test_slices_are_all_rows_in_order(n_rows, step, expected):
    assert [(part.start, part.stop) for part in slices(n_rows, step)] == expected


def test_a_block_has_a_million_values_and_eight_thousand_rows_at_most():
    assert rows_at_once(1) == 8192
    assert rows_at_once(0) == 8192
    assert rows_at_once(128) == 8192
    assert rows_at_once(256) == 4096
    assert rows_at_once(1 << 20) == rows_at_once(1 << 21) == 1


def test_masked_values_are_counted_and_an_empty_mask_is_none():
    masked = np.ma.MaskedArray(VALUES, mask=VALUES > 8)
    with pytest.raises(ValueError, match="here has 3 masked values; leave") as caught:
        unmasked(masked, "here")
    assert caught.value.argument == "adata"
    for fine in (VALUES, np.ma.MaskedArray(VALUES), np.ma.MaskedArray(VALUES, mask=VALUES > 99)):
        found = unmasked(fine, "here")
        assert type(found) is np.ndarray
        np.testing.assert_array_equal(found, VALUES)
