"""Pieces grow together wherever no valley keeps them apart."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from scgsr._modules import _growth, _pieces, _valleys


def rng():
    return np.random.default_rng(0)


def grown(points, n_pieces=20, *, features=False):
    """The module of each cell."""
    piece = _pieces.cut_into_pieces(points, n_pieces, n_pieces, seed=0)
    return _growth.grow(points, piece, features=features, rng=rng())[piece]


def test_one_population_grows_together_again():
    assert set(grown(rng().normal(size=(1000, 5)))) == {0}


def test_populations_of_very_different_size_stay_apart():
    group = np.repeat([0, 1, 2], [2000, 300, 30])
    centres = np.array([[0, 0, 0], [9, 0, 0], [0, 9, 9]])
    assert adjusted_rand_score(group, grown(centres[group] + rng().normal(size=(2330, 3)))) > 0.99


def test_a_small_module_that_differs_in_one_feature_alone_is_a_state_of_its_neighbour():
    """Five of a hundred cells have lost one stain: of features a state, of rotated coordinates a population."""
    lost = np.arange(2000) % 20 == 0
    points = rng().normal([8, 8, 0, 0, 0, 0], size=(2000, 6))
    points[lost, 0] -= 8
    assert set(grown(points, features=True)) == {0}
    assert adjusted_rand_score(lost, grown(points)) > 0.99
    points[lost, 1] -= 8  # two features tell a population
    assert adjusted_rand_score(lost, grown(points, features=True)) > 0.99


def test_half_of_the_cells_may_differ_in_one_feature():
    points = rng().normal(size=(1000, 6))
    points[:500, 0] += 8
    assert len(set(grown(points, features=True))) == 2


def test_of_two_features_one_is_enough():
    points = rng().normal(size=(2000, 2))
    points[::20, 0] += 8
    assert len(set(grown(points, features=True))) == 2


def test_each_module_is_compared_with_its_nearest_only():
    points = np.arange(10.0)[:, None].repeat(6, axis=0)
    modules = _growth.Grown(points, np.arange(10).repeat(6), features=False, rng=rng())
    pairs = modules.neighbours(list(range(10)))
    assert all(abs(one - other) <= 3 for one, other in pairs)
    assert {(one, one + 1) for one in range(9)} <= {(min(pair), max(pair)) for pair in pairs}
    assert modules.neighbours([4]) == []


def test_a_merged_module_has_the_cells_and_the_mean_of_both():
    points, piece = rng().normal(size=(90, 2)), np.repeat([0, 1, 2], [20, 30, 40])
    modules = _growth.Grown(points, piece, features=False, rng=rng())
    assert modules.merge(0, 2) == 3
    assert sorted(modules._cells[3]) == [*range(20), *range(50, 90)]
    np.testing.assert_allclose(modules._mean[3], points[piece != 1].mean(axis=0))
    assert modules.pieces[3] == [0, 2]


def test_of_a_huge_module_only_some_cells_are_looked_at(monkeypatch):
    sizes = []
    monkeypatch.setattr(_valleys, "separation", lambda one, other: sizes.append((len(one), len(other))) or 0.0)
    _growth.grow(np.zeros((5030, 1)), np.repeat([0, 1], [30, 5000]), features=False, rng=rng())
    assert sizes == [(30, 1000)]


@pytest.mark.parametrize("seed", range(3))
def test_no_pair_is_measured_twice(monkeypatch, seed):
    measured, separation = [], _valleys.separation
    monkeypatch.setattr(
        _valleys,
        "separation",
        lambda one, other: measured.append((one.tobytes(), other.tobytes())) or separation(one, other),
    )
    points = np.random.default_rng(seed).normal(np.repeat([[0.0, 0], [9, 0], [0, 9]], 200, axis=0))
    grown(points, 15)
    assert len(set(measured)) == len(measured) > 10


@pytest.mark.parametrize(("n_small", "state"), [(9, True), (10, False)])
def test_a_state_has_less_than_a_tenth_of_the_cells_of_its_neighbour(n_small, state):
    points = np.zeros((100 + n_small, 3))
    points[100:, 0] = 5.0
    piece = np.repeat([0, 1], [100, n_small])
    assert _growth.Grown(points, piece, features=True, rng=rng())._is_state(0, 1) is state
    assert _growth.Grown(points, piece, features=False, rng=rng())._is_state(0, 1) is False
    assert _growth.Grown(points[:, :2], piece, features=True, rng=rng())._is_state(0, 1) is False


@pytest.mark.parametrize(("second", "state"), [(0.3, True), (0.32, False), (1.0, False)])
def test_a_state_differs_in_less_than_one_feature_and_a_fifth(second, state):
    # In how many features two differ: (1 + x^2)^2 / (1 + x^4), which is 1.2 at x = 0.318.
    points = np.zeros((105, 3))
    points[100:, 0], points[100:, 1] = 1.0, second
    modules = _growth.Grown(points, np.repeat([0, 1], [100, 5]), features=True, rng=rng())
    assert modules._is_state(0, 1) is modules._is_state(1, 0) is state
    assert (modules.separation(1, 0) == 0) or not state


def test_nearest_pairs_come_first_and_small_modules_before_large_ones():
    points = np.array([[0.0]] * 4 + [[1.0]] * 4 + [[3.0]] * 2 + [[4.1]] * 2)
    modules = _growth.Grown(points, np.repeat([0, 1, 2, 3], [4, 4, 2, 2]), features=False, rng=rng())
    # Ward's cost: 1.21 of two and two cells, 2 of four and four.
    assert modules.neighbours([0, 1, 2, 3])[:2] == [(2, 3), (0, 1)]
    assert modules.neighbours([0, 1]) == [(0, 1)]


def test_growing_numbers_modules_from_0_on_and_gives_every_piece_one():
    group = np.repeat([0, 1, 2], 300)
    points = 20 * np.eye(3)[group] + rng().normal(size=(900, 3))
    piece = _pieces.cut_into_pieces(points, 12, 12, seed=0)
    module = _growth.grow(points, piece, features=False, rng=rng())
    assert sorted(set(module)) == [0, 1, 2]
    assert len(module) == piece.max() + 1
