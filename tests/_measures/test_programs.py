"""Programs: effects, tails over permutations of the cells, and where features are high."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import sparse, stats

from scgsr._measures import _programs


@pytest.mark.parametrize("as_matrix", [np.asarray, sparse.csr_matrix], ids=["dense", "CSR"])
@pytest.mark.parametrize("offset", [0, 1e4])
def test_effects_are_correlations(as_matrix, offset):
    rng = np.random.default_rng(0)
    x = (rng.poisson(0.5, (3000, 6)) + offset).astype(np.float32)
    x[:, 2] = offset + 7
    y = (x[:, :2] @ np.array([[1, -1], [2, 0]]) + rng.normal(size=(3000, 2))).astype(np.float32)
    found = _programs.effects(as_matrix(x), x.std(axis=0, dtype=np.float64), y)
    wanted = np.corrcoef(x[:, [0, 1, 3, 4, 5]].T, y.T)[:5, 5:]
    np.testing.assert_allclose(found[[0, 1, 3, 4, 5]], wanted, atol=1e-7)
    assert np.isnan(found[2]).all()


def test_moments_of_all_permutations():
    rng = np.random.default_rng(0)
    x, y = rng.exponential(size=7), rng.gamma(0.5, size=7)
    r = [np.corrcoef(x, y[list(order)])[0, 1] for order in itertools.permutations(range(7))]
    n = len(x)
    np.testing.assert_allclose([np.mean(r), np.var(r)], [0, 1 / (n - 1)], atol=1e-12)
    np.testing.assert_allclose(stats.skew(r), stats.skew(x) * stats.skew(y) * np.sqrt(n - 1) / (n - 2))


def test_tails_use_these_moments():
    rng = np.random.default_rng(1)
    x, y = rng.exponential(size=(50, 3)), rng.gamma(0.5, size=(50, 2))
    tails = _programs.Tails.of(x, y)
    np.testing.assert_allclose(tails.scores, np.corrcoef(x.T, y.T)[:3, 3:] * 7)
    skewness = np.outer(stats.skew(x), stats.skew(y)) * 7 / 48
    np.testing.assert_allclose(tails.upper, stats.pearson3.sf(tails.scores, skewness))
    np.testing.assert_allclose(tails.lower, stats.norm.cdf(tails.scores))


@pytest.mark.parametrize("kind", ["normal", "counts", "rare gene", "heavy tails"])
def test_tails_hold_over_permutations(kind):
    rng = np.random.default_rng(0)
    n = 200
    x = {
        "normal": rng.normal(size=(n, 40)),
        "counts": np.log1p(rng.negative_binomial(1, 0.5, size=(n, 40))),
        "rare gene": (rng.random((n, 40)) < 0.03) * rng.gamma(5, size=(n, 40)),
        "heavy tails": rng.standard_t(3, size=(n, 40)),
    }[kind]
    module = np.maximum(rng.normal(size=n) - 1.5, 0)  # lit in few cells
    tails = _programs.Tails.of(x, rng.permuted(np.tile(module, (500, 1)), axis=1).T)
    for pvals in (tails.lower, tails.upper, tails.two_sided):
        for level, most in [(0.05, 0.065), (0.01, 0.016), (0.001, 0.003)]:
            assert (pvals <= level).mean() <= most
    if kind in {"normal", "counts"}:
        assert (tails.upper <= 0.05).mean() == pytest.approx(0.05, abs=0.01)


def test_no_p_value_is_zero_even_beyond_the_end_of_a_tail():
    x = np.append(np.full(999, 0.0), 1.0)[:, None]
    tails = _programs.Tails.of(np.hstack([x, -x]), x)
    assert tails.two_sided.min() > 0
    assert tails.in_direction(np.array([[1], [-1]])).min() > 0


def test_what_is_constant_is_never_significant():
    rng = np.random.default_rng(0)
    x = np.column_stack([np.full(40, 0.1), rng.normal(size=40)])
    tails = _programs.Tails.of(x, np.column_stack([rng.normal(size=40), np.zeros(40)]))
    assert tails.two_sided[0].tolist() == [1, 1]
    assert tails.two_sided[1, 1] == 1
    assert tails.scores[0].tolist() == [0, 0]


def test_a_plane_is_the_activation_weighted_mean_in_standard_deviations():
    rng = np.random.default_rng(0)
    x, a = rng.gamma(2, size=(50, 3)), rng.gamma(1, size=(50, 4))
    a[:, 1] = 0
    planes = _programs.planes(sparse.csr_matrix(x), a)
    for feature, neuron in itertools.product(range(3), [0, 2, 3]):
        wanted = (np.average(x[:, feature], weights=a[:, neuron]) - x[:, feature].mean()) / x[:, feature].std()
        assert planes[feature, neuron] == pytest.approx(wanted)
    assert np.isnan(planes[:, 1]).all()


def test_p_values_are_twice_the_smaller_tail_and_at_most_one():
    tails = _programs.Tails(np.zeros(3), lower=np.array([0.01, 0.6, 0.0]), upper=np.array([0.99, 0.7, 1.0]))
    np.testing.assert_allclose(tails.two_sided, [0.02, 1, np.finfo(float).tiny])
    np.testing.assert_allclose(tails.in_direction(np.array([1, -1, 0])), [0.99, 0.6, np.finfo(float).tiny])


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_the_unit_of_neither_features_nor_activations_matters(unit):
    rng = np.random.default_rng(0)
    x, a = rng.gamma(2, size=(50, 3)), rng.gamma(1, size=(50, 4))
    np.testing.assert_allclose(_programs.planes(unit * x, a / unit), _programs.planes(x, a))
    sd = x.std(axis=0)
    np.testing.assert_allclose(_programs.effects(unit * x, unit * sd, a / unit), _programs.effects(x, sd, a))
    one, other = _programs.Tails.of(x, a), _programs.Tails.of(unit * x, a / unit)
    np.testing.assert_allclose(other.scores, one.scores)
    np.testing.assert_allclose(other.two_sided, one.two_sided)


def test_negative_activations_of_a_neuron_are_silence():
    rng = np.random.default_rng(0)
    x, a = rng.gamma(2, size=(50, 3)), rng.normal(size=(50, 4))
    np.testing.assert_array_equal(_programs.planes(x, a), _programs.planes(x, np.maximum(a, 0)))
    a[:, 2] = -1
    x[:, 1] = 4
    planes = _programs.planes(x, a)
    assert np.isnan(planes[1]).all()
    assert np.isnan(planes[:, 2]).all()
    assert np.isfinite(planes[np.ix_([0, 2], [0, 1, 3])]).all()
