"""Ward's order, for groups of any size."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.cluster.hierarchy import linkage

from scgsr._modules import _ward


@pytest.fixture
def points():
    return np.random.default_rng(0).normal(size=(40, 3))


def test_of_single_points_the_order_is_that_of_scipy(points):
    merges, added = _ward.merge_order(points, np.ones(40))
    expected = linkage(points, "ward")
    np.testing.assert_array_equal(np.sort(merges, axis=1), np.sort(expected[:, :2], axis=1))
    np.testing.assert_allclose(added, expected[:, 2] ** 2 / 2)  # SciPy's height is the root of twice what is added


def test_groups_merge_as_if_their_points_had_merged_first(points):
    """Points in the same place merge at no cost; what follows is the order of groups with so many cells."""
    n_cells = np.random.default_rng(1).integers(1, 6, size=12)
    merges, added = _ward.merge_order(points[:12], n_cells)
    expected = linkage(np.repeat(points[:12], n_cells, axis=0), "ward")
    np.testing.assert_allclose(added, expected[-11:, 2] ** 2 / 2)
    assert sorted(merges.ravel()) == list(range(22))


def test_costs_are_what_merging_adds_to_the_squared_distances(points):
    one, other = points[:10], points[10:]
    inside = lambda group: ((group - group.mean(axis=0)) ** 2).sum()
    means = np.stack([one.mean(axis=0), other.mean(axis=0)])
    cost = _ward.costs(means, np.array([10, 30]))
    assert cost[0, 1] == cost[1, 0] == pytest.approx(inside(points) - inside(one) - inside(other))
    np.testing.assert_allclose(_ward.costs_to(0, means, np.array([10, 30])), cost[0], atol=1e-12)


def test_a_single_group_has_nothing_to_merge_with():
    merges, added = _ward.merge_order(np.zeros((1, 2)), np.array([5]))
    assert merges.shape == (0, 2)
    assert added.shape == (0,)
