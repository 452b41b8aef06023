"""Pieces of cells."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr._modules import _pieces


def test_each_piece_has_cells_and_they_are_numbered_from_0_on():
    piece = _pieces.cut_into_pieces(np.random.default_rng(0).normal(size=(500, 4)), 12, 12, seed=0)
    assert sorted(set(piece)) == list(range(12))


def test_a_piece_that_holds_two_populations_is_halved():
    """Twenty populations far from each other, and k-means with five centres."""
    group = np.repeat(np.arange(20), 40)
    centres = np.random.default_rng(1).normal(0, 30, size=(20, 5))
    points = centres[group] + np.random.default_rng(2).normal(size=(800, 5))
    piece = _pieces.cut_into_pieces(points, 5, 100, seed=0)
    of_each_group = [set(piece[group == number]) for number in range(20)]
    assert all(len(set(group[piece == number])) == 1 for number in set(piece))
    assert sum(map(len, of_each_group)) == len(set(piece)) < 30


def test_never_more_pieces_than_asked_for():
    points = np.random.default_rng(1).normal(0, 30, size=(20, 5))[np.repeat(np.arange(20), 40)]
    points = points + np.random.default_rng(2).normal(size=points.shape)
    assert len(set(_pieces.cut_into_pieces(points, 5, 8, seed=0))) == 8
    assert len(set(_pieces.cut_into_pieces(points, 50, 8, seed=0))) == 8


def test_one_population_is_not_halved():
    points = np.random.default_rng(0).normal(size=(2000, 10))
    assert len(set(_pieces.cut_into_pieces(points, 10, 100, seed=0))) == 10


@pytest.mark.parametrize("n_different", [1, 2, 3])
def test_no_more_pieces_than_different_cells(n_different):
    points = np.eye(n_different, 4).repeat(20, axis=0)
    assert len(set(_pieces.cut_into_pieces(points, 10, 10, seed=0))) == n_different


def test_means_and_counts_are_those_of_the_cells():
    rng = np.random.default_rng(0)
    points, piece = rng.normal(size=(300, 3)), rng.integers(0, 7, size=300)
    means, n_cells = _pieces.means_of(points, piece)
    np.testing.assert_array_equal(n_cells, np.bincount(piece))
    np.testing.assert_allclose(means, [points[piece == number].mean(axis=0) for number in range(7)])


def test_cells_that_are_all_zero_are_one_piece():
    assert not _pieces.cut_into_pieces(np.zeros((30, 2)), 5, 5, seed=0).any()


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_the_unit_of_the_cells_does_not_matter(unit):
    points = np.random.default_rng(0).normal(size=(60, 3))
    np.testing.assert_array_equal(
        _pieces.cut_into_pieces(unit * points, 8, 8, seed=0), _pieces.cut_into_pieces(points, 8, 8, seed=0)
    )


@pytest.mark.parametrize(("n_cells", "n_pieces"), [(6, 2), (5, 1)])
def test_pieces_are_halved_down_to_populations_of_six_cells(n_cells, n_pieces):
    points = np.random.default_rng(0).normal(np.repeat([0.0, 50], n_cells)[:, None])
    assert len(set(_pieces.cut_into_pieces(points, 1, 9, seed=0))) == n_pieces


def test_a_small_piece_does_not_end_the_search_for_those_that_hold_two_populations():
    # k-means makes three pieces, one of them of four cells; each of the two large ones holds two populations.
    centres = np.array([[0.0, 0], [12, 0], [300, 0], [312, 0], [0, 3000]])
    group = np.repeat(np.arange(5), [50, 50, 50, 50, 4])
    points = centres[group] + np.random.default_rng(0).normal(size=(204, 2))
    for seed in range(6):  # in whichever order the pieces are looked at
        piece = _pieces.cut_into_pieces(points, 3, 9, seed=seed)
        assert len(set(piece)) == 5
        assert all(len(set(group[piece == number])) == 1 for number in range(5))
