"""Columns on one scale, whose products are correlations."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr._values import standardised


def products(columns):
    scaled = standardised(columns)
    return scaled.T @ scaled


@pytest.mark.parametrize("n_rows", [2, 3, 50, 2000])
@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1.0, 1e30, 1e150], ids=str)
def test_products_are_correlations_in_any_unit(n_rows, scale):
    columns = np.random.default_rng(0).normal(size=(n_rows, 6)) @ np.random.default_rng(1).normal(size=(6, 6))
    np.testing.assert_allclose(products(scale * columns), np.corrcoef(columns, rowvar=False), atol=1e-9)


@pytest.mark.parametrize("offset", [1.0, -1e4, 1e7])
def test_products_are_correlations_however_far_from_zero(offset):
    columns = np.random.default_rng(0).normal(size=(100, 4))
    np.testing.assert_allclose(products(columns + offset), np.corrcoef(columns, rowvar=False), atol=1e-6)


def test_columns_have_mean_zero_and_length_one():
    scaled = standardised(np.random.default_rng(0).gamma(1.0, size=(200, 5)))
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-15)
    np.testing.assert_allclose(np.linalg.norm(scaled, axis=0), 1, rtol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, -3.7, 1e-300, 1e300, np.float32(0.1)], ids=str)
@pytest.mark.parametrize("n_rows", [1, 2, 3, 1000])
def test_a_constant_column_becomes_zeros_whatever_its_mean_is_rounded_to(value, n_rows):
    columns = np.column_stack([np.full(n_rows, value), np.arange(n_rows)])
    scaled = standardised(columns)
    assert not scaled[:, 0].any()
    assert n_rows == 1 or scaled[:, 1].any()


def test_what_varies_by_rounding_alone_is_constant_and_a_little_more_is_not():
    steps = np.arange(50) % 2
    rounding, small = 1e6 + 1e-4 * steps, 1e6 + 1e-2 * steps
    scaled = standardised(np.column_stack([rounding, small]))
    assert not scaled[:, 0].any()
    assert np.linalg.norm(scaled[:, 1]) == pytest.approx(1)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float32])
def test_any_numbers_are_computed_in_float64_and_stay_as_they_are(dtype):
    columns = (np.random.default_rng(0).uniform(0, 2, size=(30, 3)) * (1 if dtype is bool else 20)).astype(dtype)
    before = columns.copy()
    scaled = standardised(columns)
    assert scaled.dtype == np.float64
    np.testing.assert_allclose(scaled, standardised(columns.astype(np.float64)), atol=1e-12)
    np.testing.assert_array_equal(columns, before)


def test_float64_columns_are_not_written_to():
    columns = np.random.default_rng(0).normal(size=(30, 3))
    before = columns.copy()
    standardised(columns)
    np.testing.assert_array_equal(columns, before)


def test_neither_scale_nor_shift_changes_the_result():
    columns = np.random.default_rng(0).normal(size=(40, 3))
    np.testing.assert_allclose(standardised(7 * columns - 3), standardised(columns), atol=1e-12)
    np.testing.assert_allclose(standardised(-columns), -standardised(columns), atol=1e-12)
