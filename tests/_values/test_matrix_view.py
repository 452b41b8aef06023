"""Checked values with what standardises them: moments, constant columns, what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from scgsr._values import MatrixView, Statistics, transformed, varying

NAMES = tuple(f"feature_{i}" for i in range(12))


def known(mean, sd):
    """Return what is known of values with these moments."""
    return replace(Statistics.of(np.zeros((2, len(mean)))), mean=mean, sd=sd, largest=np.abs(mean) + sd)


# --- Which features vary ---------------------------------------------------------------------------------------------


def test_constant_features_are_left_out_and_counted(caplog):
    mean, sd = np.array([1.0, -5.0, 0.0, 1e6]), np.array([1.0, 0.0, 0.0, 0.5])
    assert varying(known(mean, sd), NAMES[:4]).tolist() == [True, False, False, False]
    assert "leaving out 3 of 4 features" in caplog.text


@pytest.mark.parametrize("value", [0.1, 1e5 / 3, -7.7, 1e-30], ids=str)
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_the_rounding_of_a_constant_is_no_variation(value, kind):
    values = np.column_stack([np.full(1000, value), np.arange(1000) % 7]).astype(np.float32)
    assert varying(Statistics.of(kind(values)), NAMES[:2]).tolist() == [False, True]


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_the_unit_of_a_feature_does_not_decide_whether_it_varies(scale, caplog, counts):
    assert varying(Statistics.of(scale * counts()[:, :-1].astype(float)), NAMES[:-1]).all()
    assert not caplog.records


def test_where_nothing_varies_there_is_nothing_to_learn():
    with pytest.raises(ValueError, match="all 3 features are constant") as caught:
        varying(known(np.ones(3), np.zeros(3)), NAMES[:3])
    assert caught.value.argument == "adata"


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_features_whose_moments_overflow_are_named(kind, counts):
    values = counts().astype(np.float64)
    values[:, 3], values[:, 5] = 1e200, 1e39
    values[::2, 3] *= -1
    with pytest.raises(ValueError, match=r"too large for float32 in 2 features \(feature_3, feature_5\)") as caught:
        varying(Statistics.of(kind(values)), NAMES)
    assert caught.value.argument == "adata"


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_the_moments_of_the_largest_float32_do_not_overflow(kind, counts, moments):
    values = counts().astype(np.float32)
    values[:, 3] = 3e38
    values[::2, 3] *= -1
    mean, sd = moments(kind(values))
    assert mean[3] == 0
    assert sd[3] == pytest.approx(3e38)
    with pytest.raises(ValueError, match=r"too large for float32 in 1 features \(feature_3\)"):  # their differences do
        varying(Statistics.of(kind(values)), NAMES)


@pytest.mark.parametrize("factor", [1e-60, 1e-46, 1e-39])
def test_values_whose_spread_float32_cannot_hold_are_named(factor, counts):
    values = counts().astype(np.float64)
    values[:, 7] *= factor
    with pytest.raises(ValueError, match=r"too small for float32 in 1 features \(feature_7\); rescale"):
        varying(Statistics.of(values), NAMES)


# --- A transform of the view -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_a_transformed_view_has_the_moments_of_the_transformed_values(kind, counts, moments):
    values = counts().astype(np.float64)[:, :4]
    mean, sd = moments(values)
    view = MatrixView(matrix=kind(values), features=NAMES[:4], mean=mean, scale=sd, width=12)
    cofactor = np.array([5.0, np.nan, 150.0, 1.0])
    other = transformed(view, cofactor)
    expected = np.where(np.isnan(cofactor), values, np.arcsinh(values / np.where(np.isnan(cofactor), 1, cofactor)))
    shown = other.matrix.toarray() if sparse.issparse(other.matrix) else other.matrix
    np.testing.assert_allclose(shown, expected, rtol=1e-12)
    np.testing.assert_allclose(other.mean, expected.mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(other.scale, expected.std(axis=0), rtol=1e-10)
    assert (other.features, other.width) == (view.features, view.width)
    np.testing.assert_array_equal(view.mean, mean)


def test_a_feature_that_was_left_out_stays_out(counts, moments):
    values = counts().astype(np.float64)[:, :2]
    mean, sd = moments(values)
    view = MatrixView(matrix=values, features=NAMES[:2], mean=mean, scale=sd * [1, 0], width=2)
    assert transformed(view, np.array([5.0, 5.0])).scale[1] == 0


def test_a_millionth_of_the_mean_is_rounding_and_more_is_not():
    sd = np.array([0.99e-6, 1.01e-6, 1.01e-6])
    assert varying(known(np.array([1.0, 1.0, -1.0]), sd), NAMES[:3]).tolist() == [False, True, True]


def test_the_limits_of_float32_belong_to_what_is_fine():
    tiny, most = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max) / 16
    fine = replace(known(np.zeros(2), np.array([tiny, 1.0])), largest=np.array([1.0, 0.999 * most]))
    assert varying(fine, NAMES[:2]).all()
    with pytest.raises(ValueError, match=r"too small for float32 in 1 features \(feature_0\)"):
        varying(replace(fine, sd=np.array([0.999 * tiny, 1.0])), NAMES[:2])
    with pytest.raises(ValueError, match=r"too large for float32 in 1 features \(feature_1\)"):
        varying(replace(fine, largest=np.array([1.0, most])), NAMES[:2])
    with pytest.raises(ValueError, match="too large"):
        varying(replace(fine, largest=np.array([1.0, np.nan])), NAMES[:2])


def test_where_all_features_vary_nothing_is_said(caplog):
    assert varying(known(np.zeros(3), np.ones(3)), NAMES[:3]).all()
    assert not caplog.records
