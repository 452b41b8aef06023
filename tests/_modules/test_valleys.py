"""The valley between two groups of cells."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from scgsr._modules._valleys import separation


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
    assert apart(rng.normal(size=(9, 3)), rng.normal(size=(500, 3)) + 50) == 0
    assert apart(np.zeros((50, 2)), np.zeros((50, 2))) == 0
    assert apart(np.zeros((50, 2)), np.ones((50, 2))) > 0.98
    assert apart(np.zeros((50, 10)), np.full((50, 10), 9.0)) > 0.98


def plain(one, other):
    """What `separation` does, step by step in NumPy's own words."""
    sides = [], []
    for half in (0, 1):
        seen = [group[half::2] for group in (one, other)]
        covariance = sum(len(cells) * np.atleast_2d(np.cov(cells.T, ddof=0)) for cells in seen) / sum(map(len, seen))
        shrunken = 0.9 * covariance + 0.1 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
        axis = np.linalg.solve(shrunken, seen[1].mean(axis=0) - seen[0].mean(axis=0))
        low, high = (group[1 - half :: 2] @ axis for group in (one, other))
        distance = np.median(high) - np.median(low)
        if distance <= 0:
            return 0.0
        for side, values in zip(sides, (low, high), strict=True):
            side.append((values - (np.median(low) + np.median(high)) / 2) / distance)
    low, high = map(np.concatenate, sides)
    counts, edges = np.histogram(np.concatenate([low, high]), 200)
    n_cells = len(low) + len(high)
    spread = np.sqrt((len(low) * low.var() + len(high) * high.var()) / n_cells)
    width = max(1.06 * spread * n_cells**-0.2 / (edges[1] - edges[0]), 0.5)
    counts = gaussian_filter1d(counts.astype(float), width, mode="constant") * 2 * np.sqrt(np.pi) * width
    ratios = [1.0]
    for bin_, centre in enumerate((edges[:-1] + edges[1:]) / 2):
        peak = min(counts[: bin_ + 1].max(), counts[bin_:].max())
        if np.median(low) < centre < np.median(high) and peak > 1:
            ratios.append((counts[bin_] + np.sqrt(counts[bin_] + 1) / 2) / (peak - np.sqrt(peak) / 2))
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
