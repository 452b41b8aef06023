"""The moderated t: limma's numbers, and what must hold for any values."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from scgsr._measures._moderated import _trigamma_inverse, moderated_tests, squeeze

CASES = json.loads((Path(__file__).parents[1] / "fixtures" / "limma_cases.json").read_text())
RNG = np.random.default_rng(0)
TWO_GROUPS = np.column_stack([np.ones(10), np.repeat([0.0, 1.0], 5)])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_numbers_are_those_of_limma(case):
    design, values = np.array(case["design"]), np.array(case["values"])
    found = moderated_tests(values, design, [1])
    for name in ("effect", "t", "df", "p", "low", "high"):
        np.testing.assert_allclose(getattr(found, name)[:, 0], case[name], rtol=1e-6, err_msg=name)
    np.testing.assert_allclose(stats.false_discovery_control(found.p[:, 0]), case["q"], rtol=1e-6)
    fitted = np.linalg.lstsq(design, values, rcond=None)[0]
    df = len(design) - design.shape[1]
    variances = ((values - design @ fitted) ** 2).sum(axis=0) / df
    _, df_prior = squeeze(variances, np.full(len(variances), float(df)))
    assert df_prior == pytest.approx(float(case["df_prior"]), rel=1e-6)


def test_ten_cases_are_there():
    assert len(CASES) == 10


def test_one_unit_alone_has_the_ordinary_t():
    values = RNG.normal(size=(10, 1))
    found = moderated_tests(values, TWO_GROUPS, [1])
    expected = stats.ttest_ind(values[5:, 0], values[:5, 0])
    assert found.t[0, 0] == pytest.approx(expected.statistic)
    assert found.p[0, 0] == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval()
    assert (found.low[0, 0], found.high[0, 0]) == pytest.approx((low, high))


def test_pairs_are_the_t_of_their_differences():
    values, pair = RNG.normal(size=(10, 1)), np.tile(np.arange(5), 2)
    design = np.hstack([TWO_GROUPS, (pair[:, None] == np.arange(1, 5)).astype(float)])
    found = moderated_tests(values, design, [1])
    expected = stats.ttest_1samp(values[5:, 0] - values[:5, 0], 0)
    assert found.t[0, 0] == pytest.approx(expected.statistic)
    assert found.p[0, 0] == pytest.approx(expected.pvalue)


def test_a_scale_makes_variances_comparable():
    spread = np.geomspace(1, 100, 30)
    values = RNG.normal(size=(10, 30)) * spread
    found = moderated_tests(values, TWO_GROUPS, [1], scale=1 / spread**2)
    alike = moderated_tests(values / spread, TWO_GROUPS, [1])
    np.testing.assert_allclose(found.t, alike.t)
    np.testing.assert_allclose(found.effect, alike.effect * spread[:, None])


@settings(max_examples=settings.default.max_examples // 4)
@given(seed=st.integers(0, 10**6), n_units=st.integers(1, 12), missing=st.floats(0, 0.9))
def test_what_is_missing_is_left_out_and_never_guessed(seed, n_units, missing):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(10, n_units))
    values[rng.random(values.shape) < missing] = np.nan
    found = moderated_tests(values, TWO_GROUPS, [1])
    for unit, column in enumerate(values.T):
        groups = [column[:5][np.isfinite(column[:5])], column[5:][np.isfinite(column[5:])]]
        testable = min(map(len, groups)) >= 1 and sum(map(len, groups)) >= 3
        assert np.isfinite(found.effect[unit, 0]) == testable
        if testable:
            assert found.effect[unit, 0] == pytest.approx(groups[1].mean() - groups[0].mean())
            assert 0 <= found.p[unit, 0] <= 1


def test_units_that_do_not_vary_are_not_tested_and_teach_the_others_nothing():
    age = np.linspace(20, 60, 10)[:, None] - 40
    design = np.hstack([TWO_GROUPS, age])  # the fit of a constant is rounding, seldom zero
    varying = RNG.normal(size=(10, 8))
    found = moderated_tests(np.hstack([np.tile(RNG.uniform(0, 3, 12), (10, 1)), varying]), design, [1])
    alone = moderated_tests(varying, design, [1])
    assert np.isnan(found.p[:12]).all()
    np.testing.assert_allclose(found.p[12:], alone.p)
    np.testing.assert_allclose(found.df[12:], alone.df)


@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_the_unit_of_values_does_not_matter(unit):
    values = np.random.default_rng(5).normal(size=(10, 8)) * np.geomspace(0.1, 10, 8)
    one, other = moderated_tests(values, TWO_GROUPS, [1]), moderated_tests(unit * values, TWO_GROUPS, [1])
    for name in ("t", "df", "p"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-6)
    for name in ("effect", "low", "high"):
        np.testing.assert_allclose(getattr(other, name), unit * getattr(one, name), rtol=1e-6)


@pytest.mark.parametrize("value", [1e-4, 0.01, 1.0, 7.0, 1e4])
def test_the_inverse_of_trigamma_is_one(value):
    assert special.polygamma(1, _trigamma_inverse(value)) == pytest.approx(value, rel=1e-9)


def test_variances_that_differ_by_no_more_than_chance_are_all_the_common_one():
    variances, df = np.array([1.0, 1.1, 0.9, 1.0]), np.array([3.0, 4, 5, 8])
    squeezed, df_prior = squeeze(variances, df)
    assert np.isinf(df_prior)
    np.testing.assert_allclose(squeezed, np.average(variances, weights=df))


def test_one_variance_and_variances_of_which_half_are_zero_stay():
    for variances in (np.array([2.0]), np.array([0.0, 0.0, 3.0])):
        squeezed, df_prior = squeeze(variances, np.full(len(variances), 4.0))
        np.testing.assert_array_equal(squeezed, variances)
        assert df_prior == 0


def test_the_smallest_variances_are_a_hundred_thousandth_of_the_middle_one():
    df = np.full(5, 4.0)
    tiny, floor = np.array([0.0, 1, 2, 3, 4]), np.array([2e-5, 1, 2, 3, 4])
    for one, other in zip(squeeze(tiny, df), squeeze(floor, df), strict=True):
        np.testing.assert_allclose(one, other)


def test_values_that_differ_by_rounding_alone_are_not_tested():
    same = 1e6 * (1 + 1e-13 * np.arange(10.0))
    found = moderated_tests(np.column_stack([same, np.arange(10.0) ** 2]), TWO_GROUPS, [1])
    assert np.isnan(found.t[0, 0])
    assert np.isfinite(found.t[1, 0])


def test_a_single_degree_of_freedom_is_enough():
    values = np.array([1.0, 2, 4])
    design = np.column_stack([np.ones(3), [0.0, 1, 2]])
    found = moderated_tests(values[:, None], design, [1])
    line = stats.linregress([0.0, 1, 2], values)
    assert found.df[0, 0] == 1
    assert found.effect[0, 0] == pytest.approx(line.slope)
    assert found.p[0, 0] == pytest.approx(line.pvalue)
    assert np.isnan(moderated_tests(values[:2, None], design[:2], [1]).p).all()


def test_a_unit_of_zeros_alone_is_not_tested():
    found = moderated_tests(np.column_stack([np.zeros(10), np.arange(10.0) ** 2]), TWO_GROUPS, [1])
    assert np.isnan([found.effect[0, 0], found.t[0, 0], found.p[0, 0]]).all()
    assert np.isfinite(found.p[1, 0])
