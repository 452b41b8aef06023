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
