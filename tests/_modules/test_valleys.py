"""The valley between two groups of cells."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from sklearn.covariance import oas

from scgsr._modules._valleys import _fisher_axis, _histogram, _median, separation


def halves(points, axis=0):
    low = points[:, axis] < np.median(points[:, axis])
    return points[low], points[~low]


def apart(one, other):
    return separation(one, other)


@pytest.mark.parametrize("n_cells", [100, 1000, 10_000])
@pytest.mark.parametrize("n_features", [1, 10, 50])
def test_a_population_cut_in_two_has_no_valley(n_cells, n_features):
    cells = np.random.default_rng(1).normal(size=(n_cells, n_features))
    assert apart(*halves(cells)) < 0.3


@pytest.mark.parametrize("n_cells", [50, 1000])
def test_far_populations_are_apart(n_cells):
    rng = np.random.default_rng(1)
    assert apart(rng.normal(size=(n_cells, 5)), rng.normal([8, 0, 0, 0, 0], size=(n_cells, 5))) > 0.9


def test_the_depth_is_that_of_the_mixture():
    """Two normals 3 sd apart: the density in the middle is 2 phi(1.5) / (phi(0) + phi(3)) of the peaks."""
    rng = np.random.default_rng(1)
    one, other = rng.normal(0, 1, size=(3000, 1)), rng.normal(3, 1, size=(3000, 1))
    assert apart(one, other) == pytest.approx(1 - 2 * np.exp(-1.125) / (1 + np.exp(-4.5)), abs=0.08)


def test_a_small_neighbour_of_a_huge_population_is_seen():
    rng = np.random.default_rng(1)
    assert apart(rng.normal(size=(1000, 3)), rng.normal([7, 0, 0], size=(100, 3))) > 0.8


def test_high_dimensional_noise_does_not_pose_as_a_valley():
    rng = np.random.default_rng(1)
    assert apart(rng.normal(size=(60, 50)), rng.normal(size=(60, 50))) < 0.3


def test_too_few_cells_or_no_spread():
    rng = np.random.default_rng(1)
    assert apart(rng.normal(size=(5, 3)), rng.normal(size=(500, 3)) + 50) == 0
    assert apart(np.zeros((50, 2)), np.zeros((50, 2))) == 0
    assert apart(np.zeros((50, 2)), np.ones((50, 2))) > 0.98
    assert apart(np.zeros((50, 10)), np.full((50, 10), 9.0)) > 0.98


def axis_of(one, other):
    """Fisher's axis in scikit-learn's words: its OAS covariance, and a tenth of the mean variance on the diagonal."""
    within = np.concatenate([one - one.mean(axis=0), other - other.mean(axis=0)])
    covariance = np.atleast_2d(oas(within, assume_centered=True)[0])
    covariance = covariance + 0.1 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    return np.linalg.solve(covariance, other.mean(axis=0) - one.mean(axis=0))


def plain(one, other):
    """What `separation` does, step by step in the libraries' own words."""
    sides, n_folds = ([], []), 5 if min(len(one), len(other)) < 100 else 2
    for fold in range(n_folds):
        rest = [np.delete(group, np.s_[fold::n_folds], axis=0) for group in (one, other)]
        axis = axis_of(*rest)
        seen = [group @ axis for group in rest]
        spread = np.sqrt(sum(len(values) * values.var() for values in seen) / sum(map(len, seen)))
        for side, group in zip(sides, (one, other), strict=True):
            side.append((group[fold::n_folds] @ axis - (seen[0].mean() + seen[1].mean()) / 2) / spread)
    low, high = map(np.concatenate, sides)
    if np.median(low) >= np.median(high):
        return 0.0
    counts, edges = np.histogram(np.concatenate([low, high]), 200)
    n_cells = len(low) + len(high)
    spread = np.sqrt((len(low) * low.var() + len(high) * high.var()) / n_cells)
    width = max(1.06 * spread * n_cells**-0.2 / (edges[1] - edges[0]), 0.5)
    counts = gaussian_filter1d(counts.astype(float), width, mode="constant") * 2 * np.sqrt(np.pi) * width
    ratios = [1.0]
    for bin_, centre in enumerate((edges[:-1] + edges[1:]) / 2):
        peak = min(counts[: bin_ + 1].max(), counts[bin_:].max())
        if np.median(low) < centre < np.median(high) and peak > 1:
            ratios.append(counts[bin_] / peak)
    return 1 - min(ratios)


@pytest.mark.parametrize("n_features", [1, 7, 50])
@pytest.mark.parametrize(("n_one", "n_other"), [(10, 11), (33, 500), (1000, 1000)])
def test_separation_is_its_formula(n_one, n_other, n_features):
    rng = np.random.default_rng(n_one + n_features)
    separations = []
    for distance in (0.0, 1.0, 2.5, 5.0, 50.0):
        shift = np.eye(1, n_features)[0] * distance
        one, other = rng.normal(size=(n_one, n_features)), rng.normal(shift, 1.2, size=(n_other, n_features))
        separations.append(apart(one, other))
        assert separations[-1] == pytest.approx(plain(one, other), abs=1e-9)
    assert separations[-1] > 0


@pytest.mark.parametrize("n_cells", [6, 7, 99, 100, 101])
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_separation_is_its_formula_at_the_limits_of_size_and_in_any_unit(n_cells, unit):
    rng = np.random.default_rng(n_cells)
    one, other = rng.normal(size=(n_cells, 3)), rng.normal([6, 0, 0], 1, size=(n_cells + 5, 3))
    assert apart(unit * one, unit * other) == pytest.approx(plain(one, other), abs=1e-6)
    assert plain(one, other) > 0
    assert apart(one[:5], other) == 0


@pytest.mark.parametrize("n_cells", [1, 2, 5, 8])
def test_the_median_of_sorted_values_is_that_of_numpy(n_cells):
    values = np.sort(np.random.default_rng(0).normal(size=n_cells))
    assert _median(values) == pytest.approx(np.median(values))


def test_a_histogram_counts_its_last_edge_and_nothing_twice():
    values, edges = np.array([0.0, 0.5, 1, 1, 1.7, 2]), np.array([0.0, 1, 2])
    np.testing.assert_array_equal(_histogram(values, edges), np.histogram(values, edges)[0])


def test_where_all_cells_of_a_group_are_alike_the_axis_goes_from_mean_to_mean():
    axis = _fisher_axis(np.zeros((9, 3)), np.tile([1.0, 2, -2], (9, 1)))
    np.testing.assert_allclose(axis / np.linalg.norm(axis), [1 / 3, 2 / 3, -2 / 3])
