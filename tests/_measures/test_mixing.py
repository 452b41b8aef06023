"""Whether batches lie among each other."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr._measures._mixing import explained_by_batch, mixing, neighbours, within

RNG = np.random.default_rng(0)


def test_batches_far_apart_are_not_mixed_and_random_ones_are():
    codes = np.arange(900) % 3
    together = RNG.normal(size=(900, 4))
    apart = together + 100 * codes[:, None]
    assert mixing(neighbours(apart), codes) == pytest.approx(0)
    # Of 30 neighbours drawn at random from three equal batches: 1 / E[sum s^2] = 1 / (1/3 + 2/3/30).
    assert mixing(neighbours(together), codes) == pytest.approx((1 / (1 / 3 + 2 / 90) - 1) / 2, abs=0.02)


def test_the_index_is_that_of_the_formula():
    points, codes = RNG.normal(size=(60, 2)), RNG.integers(0, 2, 60)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    of_cells = []
    for near in distances.argsort(axis=1)[:, :30]:
        shares = np.bincount(codes[near], minlength=2) / 30
        of_cells.append(1 / (shares**2).sum() - 1)
    assert mixing(neighbours(points), codes) == pytest.approx(np.mean(of_cells))


def test_few_cells_have_few_neighbours():
    assert neighbours(np.zeros((1, 2))).nnz == 0
    np.testing.assert_allclose(neighbours(RNG.normal(size=(5, 2))).sum(axis=1), 1)


def test_what_batches_explain_is_the_share_between_their_means():
    codes = np.arange(1000) % 4
    noise = RNG.normal(size=(1000, 3))
    assert explained_by_batch(noise, codes) < 0.02
    means = np.array([[0.0, 1, 2], [3, 0, 1], [0, 0, 0], [1, 1, 1]])
    assert explained_by_batch(means[codes], codes) == pytest.approx(1)
    mixed = noise + means[codes]
    between = sum(((mixed[codes == code].mean(axis=0) - mixed.mean(axis=0)) ** 2).sum() / 4 for code in range(4))
    assert explained_by_batch(mixed, codes) == pytest.approx(between / mixed.var(axis=0).sum())
    assert np.isnan(explained_by_batch(np.ones((8, 2)), np.arange(8) % 2))


def test_batches_change_places_within_labels_alone():
    labels, codes = np.array(list("aaaabbbbbb")), np.array([0, 0, 1, 1, 0, 0, 0, 0, 0, 2])
    moved = list(within(codes, labels, 50, np.random.default_rng(0)))
    assert len(moved) == 50
    for each in moved:
        np.testing.assert_array_equal(np.sort(each[:4]), [0, 0, 1, 1])
        np.testing.assert_array_equal(np.sort(each[4:]), [0, 0, 0, 0, 0, 2])
    assert len({tuple(each) for each in moved}) > 20


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_the_unit_of_activations_does_not_matter(unit):
    codes, activations = np.arange(90) % 3, np.random.default_rng(1).normal(size=(90, 4))
    assert explained_by_batch(unit * activations, codes) == pytest.approx(explained_by_batch(activations, codes))
    assert (neighbours(unit * activations) != neighbours(activations)).nnz == 0


def test_a_batch_without_cells_explains_nothing():
    activations = np.random.default_rng(1).normal(size=(60, 4))
    codes = np.arange(60) % 2
    assert explained_by_batch(activations, 2 * codes) == pytest.approx(explained_by_batch(activations, codes))


def test_a_cell_is_no_neighbour_of_itself():
    near = neighbours(np.arange(100.0)[:, None])
    assert not near.diagonal().any()
    assert set(np.diff(near.indptr)) == {30}
    np.testing.assert_array_equal(np.sort(near[0].indices), np.arange(1, 31))


def test_a_batch_without_cells_mixes_with_none():
    points, codes = np.random.default_rng(1).normal(size=(90, 2)), np.arange(90) % 2
    near = neighbours(points)
    assert mixing(near, 3 * codes) == mixing(near, codes) > 0.8
    assert np.isnan(mixing(near, np.ones(90, dtype=int)))
