"""Whether two fits draw the same pictures: turned and mirrored sheets, permuted neurons."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr import graphs
from scgsr._measures import sameness
from scgsr._measures._sameness import symmetries

ACTIVATIONS = np.random.default_rng(0).gamma(1.0, size=(200, 12))


@pytest.mark.parametrize(("shape", "n_ways"), [((3, 3), 8), ((2, 5), 4)])
def test_every_way_to_lay_a_sheet_on_itself_keeps_its_edges(shape, n_ways):
    ways, adjacency = symmetries(*shape), graphs.grid(*shape).adjacency.toarray()
    assert len({tuple(way) for way in ways}) == len(ways) == n_ways
    for way in ways:
        assert np.array_equal(adjacency[np.ix_(way, way)], adjacency)


@pytest.mark.parametrize("way", range(4))
def test_a_mirrored_sheet_is_the_same(way):
    mirrored = ACTIVATIONS[:, symmetries(3, 4)[way]]
    np.testing.assert_allclose(sameness(ACTIVATIONS, mirrored, graphs.grid(3, 4)), 1)


def test_neurons_in_disorder_are_the_same_on_other_graphs_alone():
    permuted = ACTIVATIONS[:, np.random.default_rng(1).permutation(12)]
    np.testing.assert_allclose(sameness(ACTIVATIONS, permuted, graphs.ring(12)), 1)
    np.testing.assert_allclose(sameness(ACTIVATIONS, permuted, graphs.grid(3, 4, periodic=True)), 1)
    assert sameness(ACTIVATIONS, permuted, graphs.grid(3, 4)).mean() < 0.5


def test_a_dead_neuron_is_like_none():
    dead = ACTIVATIONS.copy()
    dead[:, 5] = 0
    assert sameness(ACTIVATIONS, dead, graphs.grid(3, 4))[5] == 0


@pytest.mark.parametrize("turns", range(4))
def test_a_turned_square_is_the_same(turns):
    square = np.random.default_rng(0).gamma(1.0, size=(50, 3, 3))
    turned = np.rot90(square, turns, axes=(1, 2)).reshape(50, 9)
    np.testing.assert_allclose(sameness(square.reshape(50, 9), turned, graphs.grid(3)), 1)


def test_the_way_to_lay_a_sheet_is_the_one_of_which_most_neurons_are_alike():
    noisy = ACTIVATIONS[:, symmetries(3, 4)[2]] + 0.5 * np.random.default_rng(2).normal(size=ACTIVATIONS.shape)
    expected = [np.corrcoef(ACTIVATIONS[:, n], noisy[:, symmetries(3, 4)[2][n]])[0, 1] for n in range(12)]
    np.testing.assert_allclose(sameness(ACTIVATIONS, noisy, graphs.grid(3, 4)), expected)
