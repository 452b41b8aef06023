"""The valley between two groups of cells."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr._valleys import separation


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
