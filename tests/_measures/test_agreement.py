"""Agreement with a known order of the cells, and of two fits with each other."""

from __future__ import annotations

import cmath

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.stats import rankdata

from scgsr import _measures, graphs
from scgsr._measures import _agreement
from scgsr.graphs import diffusion


def adjacency(graph):
    return graph.adjacency


def blobs(graph, n_cells, *, hops=2, rng=0):
    """Return pictures of one blob each, around a random neuron."""
    near = (diffusion(graph.adjacency, hops) > 0).astype(float)
    return near[np.random.default_rng(rng).integers(graph.n_neurons, size=n_cells)]


@pytest.mark.parametrize(("turns", "sign", "start"), [(1, 1, 0.0), (1, -1, 2.0), (2, 1, 1.0), (3, -1, 0.5)])
def test_circular_agreement_finds_winding_and_direction(turns, sign, start):
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 500)
    places = 2 * np.pi * np.arange(30) / 30
    bumps = np.exp(4 * np.cos(sign * turns * angle[:, None] + start - places))
    resultant, winding = _measures.circular_agreement(bumps, angle)
    assert winding == turns
    assert resultant == pytest.approx(1, abs=1e-3) if turns == 1 else resultant < 0.2


def test_circular_agreement_leaves_out_what_has_no_phase_or_angle():
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    bumps = np.exp(4 * np.cos(angle[:, None] - 2 * np.pi * np.arange(12) / 12))
    bumps[:10], bumps[10:20], angle[20:30] = 0, 1, np.nan
    assert _measures.circular_agreement(bumps, angle) == (pytest.approx(1, abs=1e-3), 1)
    assert np.isnan(_measures.circular_agreement(bumps[:5], angle[:5])[0])


def test_rank_agreement_is_spearman_without_sign():
    rng = np.random.default_rng(0)
    activations, truth, coordinate = rng.random((50, 6)), rng.random(50), rng.random(6)
    truth = truth.round(1)  # with ties
    position = activations @ coordinate / activations.sum(axis=1)
    ranks = rankdata(position), rankdata(truth)
    expected = abs(np.corrcoef(*ranks)[0, 1])
    assert _measures.rank_agreement(activations, coordinate, truth) == pytest.approx(expected)
    assert _measures.rank_agreement(np.eye(5), np.arange(5), np.exp(-np.arange(5.0))) == pytest.approx(1)
    assert np.isnan(_measures.rank_agreement(np.zeros((3, 5)), np.arange(5), np.arange(3.0)))
    assert np.isnan(_measures.rank_agreement(np.ones((3, 5)), np.arange(5), np.arange(3.0)))


def test_rank_agreement_of_two_cells_and_without_them():
    assert _measures.rank_agreement(np.eye(2), np.arange(2), np.array([5.0, 1])) == pytest.approx(1)
    assert np.isnan(_measures.rank_agreement(np.eye(2), np.arange(2), np.array([5.0, np.nan])))
    assert np.isnan(_measures.rank_agreement(np.eye(3), np.arange(3), np.ones(3)))


def test_dead_neurons_are_matched_with_what_is_left():
    activations = blobs(graphs.ring(9), 200)
    activations[:, 4] = 0.1
    shuffle = np.random.default_rng(2).permutation(9)
    partner = _measures.match_neurons(activations, activations[:, shuffle])
    assert np.array_equal(shuffle[partner], np.arange(9))


def test_neurons_are_put_in_order_around_a_ring_and_along_a_path():
    shuffle = np.random.default_rng(0).permutation(12)
    around = shuffle[_agreement.ring_order(adjacency(graphs.ring(12).permuted(shuffle)))]
    assert set(np.diff(around) % 12) in ({1}, {11})
    along = _agreement.direction(adjacency(graphs.path(12).permuted(shuffle)))
    assert np.array_equal(along, shuffle) or np.array_equal(along, 11 - shuffle)
    assert list(np.sort(_agreement.direction(adjacency(graphs.path(2))))) == [0, 1]


@pytest.mark.parametrize("graph", [graphs.path(5), graphs.grid(3), graphs.disjoint(graphs.ring(3), graphs.ring(4))])
def test_what_is_no_ring_is_refused(graph):
    with pytest.raises(ValueError, match=r"`angle` .* `scgsr.graphs.ring"):
        _agreement.ring_order(graph.adjacency)


@pytest.mark.parametrize("graph", [graphs.ring(8), graphs.grid(4), graphs.disjoint(graphs.path(3), graphs.path(4))])
def test_a_graph_without_direction_is_refused(graph):
    with pytest.raises(ValueError, match=r"`pseudotime` .* `scgsr.graphs.path"):
        _agreement.direction(graph.adjacency)


def test_fits_are_aligned_before_their_edges_are_compared():
    activations = blobs(graphs.ring(15), 300)
    shuffle = np.random.default_rng(1).permutation(15)
    partner = _measures.match_neurons(activations, activations[:, shuffle])
    assert np.array_equal(shuffle[partner], np.arange(15))
    moved = graphs.ring(15).permuted(shuffle).adjacency
    assert graphs.edge_jaccard(adjacency(graphs.ring(15)), moved[partner][:, partner]) == 1
    assert graphs.edge_jaccard(adjacency(graphs.ring(15)), moved) < 0.5
    assert np.isnan(graphs.edge_jaccard(csr_matrix((3, 3)), csr_matrix((3, 3))))


def test_circular_agreement_is_that_of_the_formula_for_any_pictures():
    rng = np.random.default_rng(3)
    activations, angle = rng.normal(size=(40, 7)), rng.uniform(-9, 9, 40)
    resultants = []
    for winding in (1, 2, 3):
        for sign in (1, -1):
            total = 0j
            for cell, at in zip(activations, angle, strict=True):
                phase = cmath.phase(sum(x * cmath.exp(2j * cmath.pi * j / 7) for j, x in enumerate(cell)))
                total += cmath.exp(1j * (phase - sign * winding * at))
            resultants.append(abs(total) / 40)
    found, winding = _measures.circular_agreement(activations, angle)
    assert found == pytest.approx(max(resultants[:2]))
    assert winding == 1 + np.argmax(resultants) // 2


def test_rank_agreement_of_a_linear_code_counts_absolute_values():
    rng = np.random.default_rng(0)
    activations, truth = rng.random((50, 6)), rng.random(50)
    truth[3] = np.nan
    sign = rng.choice([-1.0, 1.0], size=activations.shape)
    expected = _measures.rank_agreement(np.delete(activations, 3, axis=0), np.arange(6), np.delete(truth, 3))
    assert _measures.rank_agreement(sign * activations, np.arange(6), truth) == pytest.approx(expected)


def test_a_ring_begins_at_its_first_neuron():
    around = _agreement.ring_order(adjacency(graphs.ring(7).permuted([3, 0, 5, 1, 6, 2, 4])))
    assert around[0] == 0
    assert sorted(around) == list(range(7))
    assert len(_agreement.ring_order(adjacency(graphs.ring(3)))) == 3


@pytest.mark.parametrize("weight", [1e-3, 1.0, 1e6])
def test_a_tree_has_the_direction_of_its_fiedler_vector_whatever_its_weights(weight):
    branched = adjacency(graphs.wishbone(6, 3))
    dense = branched.toarray()
    fiedler = np.linalg.eigh(np.diag(dense.sum(axis=0)) - dense)[1][:, 1]
    found = _agreement.direction(branched * weight)
    assert abs(found @ fiedler) == pytest.approx(1)


def test_small_weights_have_a_direction_and_equal_frequencies_have_none():
    assert len(_agreement.direction(1e-6 * adjacency(graphs.path(4)))) == 4
    with pytest.raises(ValueError, match="`pseudotime`"):
        _agreement.direction(1e-6 * adjacency(graphs.star(5)))
