"""How often training sees each cell."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scgsr._values import Balance, _density


def weights(cells, balance=4.0, *, n_landmarks=2000, blocks=3):
    cells = torch.as_tensor(cells, dtype=torch.float32)
    return Balance(cells[:n_landmarks], balance).weights(cells.chunk(blocks), len(cells))


def population(rng, centre, n_cells, sd=1.0):
    return rng.normal(centre, sd, size=(n_cells, 8))


@pytest.fixture
def rare():
    """A common kind, a rare one of 4 %, and 1 % debris anywhere, in random order; and which is which."""
    rng = np.random.default_rng(0)
    parts = [population(rng, 0, 3800), population(rng, 6, 160), rng.uniform(-20, 20, size=(40, 8))]
    order = rng.permutation(4000)
    kind = np.repeat([0, 1, 2], [len(part) for part in parts])[order]
    return np.concatenate(parts)[order], kind


def test_a_rare_kind_weighs_more_and_debris_like_common_cells(rare):
    cells, kind = rare
    weight = weights(cells)
    common, few, debris = (weight[kind == k].mean() for k in range(3))
    assert few > 3 * common
    assert debris < common
    assert weight[kind == 2].sum() < 0.02 * weight.sum()


def test_more_balance_prefers_the_rare_kind_more_and_none_leaves_all_alike(rare):
    cells, kind = rare
    shares = [w[kind == 1].sum() / w.sum() for w in (weights(cells, balance) for balance in (0, 1, 2, 4))]
    assert shares == sorted(shares)
    assert shares[0] == pytest.approx(0.04)
    assert np.ptp(weights(cells, 0)) == 0


def test_where_there_is_nothing_to_balance_all_cells_weigh_nearly_alike():
    cells = np.random.default_rng(0).uniform(size=(4000, 2))
    weight = weights(cells)
    assert weight.sum() ** 2 / (weight**2).sum() > 0.75 * len(weight)  # the effective number of cells


def test_the_loneliness_is_the_distance_to_the_fifth_neighbour_smoothed_over_the_neighbours():
    landmarks = np.random.default_rng(0).normal(size=(300, 4))
    apart = np.linalg.norm(landmarks[:, None] - landmarks, axis=-1)
    fifth = np.sort(apart, axis=1)[:, 5]
    expected = np.median(fifth[np.argsort(apart, axis=1)[:, :6]], axis=1)
    around = _density._Surroundings.of(torch.as_tensor(landmarks))
    np.testing.assert_allclose(around.distance, expected, rtol=1e-6)
    np.testing.assert_array_equal(around.alone, fifth > 1.3 * expected)
    lonely = np.log(expected / np.median(expected))
    low, high = np.quantile(lonely, [0.25, 0.75])
    upper = high + 1.5 * (high - low)
    fenced = around.fenced()
    within = (lonely > low - 1.5 * (high - low)) & (lonely < upper)
    np.testing.assert_allclose(fenced[within], lonely[within], atol=1e-6)
    assert 0 < fenced.max() <= upper + 1e-6


@pytest.mark.parametrize("n_dims", [1, 2, 5])
def test_the_exponent_is_at_most_the_dimension_in_which_cells_spread(n_dims):
    cells = np.random.default_rng(0).uniform(size=(3000, n_dims)) @ np.random.default_rng(1).normal(size=(n_dims, 10))
    assert _density._Surroundings.of(torch.as_tensor(cells)).dimension == pytest.approx(n_dims, rel=0.3)
    np.testing.assert_allclose(weights(cells, 50), weights(cells, 1000))


def test_a_cell_weighs_as_its_nearest_landmark():
    rng = np.random.default_rng(0)
    cells = torch.as_tensor(rng.normal(size=(500, 3)), dtype=torch.float32)
    weight = weights(cells, n_landmarks=100)
    distance, nearest = torch.cdist(cells, cells[:100]).min(dim=1)
    around = _density._Surroundings.of(cells[:100])
    near = (distance.numpy() < 1.29 * around.distance[nearest]) & ~around.alone[nearest]
    assert near.mean() > 0.5
    np.testing.assert_allclose(weight[near], weight[:100][nearest][near])


@pytest.mark.parametrize(
    "cells",
    [np.zeros((50, 3)), np.repeat(np.eye(3), 20, axis=0), np.ones((1, 3)), np.arange(4.0)[:, None]],
    ids=["all the same", "three points", "one cell", "fewer cells than neighbours"],
)
def test_where_there_is_no_density_all_cells_weigh_the_same(cells):
    np.testing.assert_array_equal(weights(cells), np.ones(len(cells)))


@given(st.integers(2, 60), st.integers(1, 4), st.floats(0, 8), st.integers(0, 99))
def test_weights_are_finite_above_zero_and_one_in_the_mean(n_cells, n_dims, balance, seed):
    rng = np.random.default_rng(seed)
    cells = rng.choice([0.0, 1.0, 1e3], size=(n_cells, n_dims)) * rng.normal(size=(n_cells, n_dims))
    weight = weights(cells, balance, blocks=1)
    assert np.isfinite(weight).all()
    assert (weight > 0).all()
    assert weight.mean() == pytest.approx(1)


def test_the_unit_of_the_cells_does_not_matter(rare):
    cells, _ = rare
    np.testing.assert_allclose(weights(cells[:500]), weights(1000 * cells[:500]), rtol=1e-3)


def test_beyond_the_upper_fence_loneliness_is_mirrored_and_below_the_lower_it_is_cut():
    lonely = np.array([-50.0, -1, -0.5, -0.2, 0, 0.5, 2.4, 3, 50])
    around = _density._Surroundings(np.exp(lonely), np.zeros(9, dtype=bool), 2.0)
    # Quartiles -0.5 and 2.4: the fences lie 1.5 times 2.9 beyond them.
    low, high = -0.5 - 1.5 * 2.9, 2.4 + 1.5 * 2.9
    np.testing.assert_allclose(around.fenced(), [low, *lonely[1:8], 0], atol=1e-12)
    beyond = _density._Surroundings(np.exp(np.append(lonely[:8], high + 1)), np.zeros(9, dtype=bool), 2.0)
    assert beyond.fenced()[-1] == pytest.approx(high - 1)


def test_six_landmarks_have_a_density_and_five_do_not():
    cells = torch.as_tensor(np.random.default_rng(0).normal(size=(6, 2)))
    assert _density._Surroundings.of(cells) is not None
    assert _density._Surroundings.of(cells[:5]) is None


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_the_unit_decides_neither_who_is_alone_nor_the_dimension(unit):
    cells = torch.as_tensor(np.random.default_rng(0).normal(size=(200, 3)))
    one, other = (_density._Surroundings.of(part) for part in (cells, unit * cells))
    np.testing.assert_array_equal(one.alone, other.alone)
    assert other.dimension == pytest.approx(one.dimension)
    np.testing.assert_allclose(other.distance, unit * one.distance)


def test_a_cell_that_is_much_lonelier_than_its_landmark_weighs_no_more_than_a_common_one():
    rng = np.random.default_rng(0)
    cells = torch.as_tensor(rng.normal(size=(300, 2)), dtype=torch.float32)
    lonely = np.argmax(weights(cells, n_landmarks=300))  # the landmark with the largest weight
    far = cells[lonely] + torch.tensor([1e3, 1e3])
    weight = Balance(cells, 4.0).weights([torch.cat([cells, far[None]])], 301)
    assert weight[lonely] > 2 * np.median(weight)
    assert weight[-1] <= np.median(weight) * (1 + 1e-6)


def test_landmarks_of_which_many_are_there_twice_have_a_density():
    twice = torch.as_tensor(np.random.default_rng(0).normal(size=(60, 2)).repeat(2, axis=0))
    around = _density._Surroundings.of(twice)
    assert around is not None
    assert (around.distance > 0).all()
    six_times = twice[::2].repeat_interleave(6, dim=0)  # whose fifth neighbours are themselves
    assert _density._Surroundings.of(six_times) is None
