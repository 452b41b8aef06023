"""Learns the neuron graph during training: when it is estimated, from what, and when that ends."""

from __future__ import annotations

import json

import numpy as np
import pytest

from scgsr import graphs
from scgsr._model import pack, unpack
from scgsr._train._graph_learner import GraphLearner
from scgsr._train._run import edgeless
from scgsr.graphs import Steps


def pictures(seed, n_neurons=8):
    """300 cells in which neurons of the same half go together."""
    rng = np.random.default_rng(seed)
    return np.repeat(rng.normal(size=(300, 2)), n_neurons // 2, axis=1) + 0.5 * rng.normal(size=(300, n_neurons))


def test_the_modules_that_were_asked_for_are_no_fragments():
    rng = np.random.default_rng(0)
    noisy = rng.normal(size=(300, 3))[:, [0] * 4 + [1] * 4 + [2] * 4] + 0.3 * rng.normal(size=(300, 12))
    for n_modules, fragmented in ((3, False), (2, True)):
        recipe = graphs.learned(12, n_neighbors=3, n_modules=n_modules, connected=False, stop=graphs.UntilFragmented())
        learner = GraphLearner(recipe, 100, "symmetric")
        learner.refreshed(edgeless(12), noisy, 0, 20)
        assert learner.fragmented is fragmented
        assert learner.n_pieces == 3


def test_a_live_neuron_on_its_own_is_a_fragment():
    z = np.random.default_rng(0).normal(size=(300, 1))
    recipe = graphs.learned(4, n_neighbors=1, connected=False, stop=graphs.UntilFragmented())
    learner = GraphLearner(recipe, 100, "symmetric")
    learner.refreshed(edgeless(4), np.hstack([z, z + 0.1 * np.roll(z, 1), -z, 0 * z]), 0, 20)  # the last one is dead
    assert learner.fragmented
    assert learner.n_pieces == 2


def test_the_graph_before_it_falls_apart_is_kept():
    rng = np.random.default_rng(0)
    whole = rng.normal(size=(300, 1)) + rng.normal(size=(300, 8))
    parts = 0.01 * rng.normal(size=(300, 8)) + np.repeat(rng.normal(size=(300, 2)), 4, axis=1)
    recipe = graphs.learned(
        8,
        n_neighbors=3,
        connected=False,
        warm_up=Steps(10),
        refresh_every=Steps(5),
        stop=graphs.UntilFragmented(more_steps=4),
    )
    learner = GraphLearner(recipe, 100, "symmetric")
    first = learner.refreshed(edgeless(8), whole, 0, 10)
    assert not learner.fragmented
    assert learner.is_due(15)
    learner.similarity = None
    assert learner.refreshed(first, parts, 1, 15) is first
    assert learner.fragmented
    assert len(learner.evolution.epochs) == 1
    assert not learner.is_due(20)
    assert [learner.is_over(step) for step in (18, 19)] == [False, True]
    other = GraphLearner(recipe, 100, "symmetric")
    other.load_state(learner.state())
    assert (other.fragmented, other.is_due(20), other.is_over(19)) == (True, False, True)


@pytest.mark.parametrize(
    ("recipe", "due"),
    [
        (graphs.learned(8, warm_up=0.2, refresh_every=0.25, stop=0.8), [20, 45, 70]),
        (graphs.learned(8, warm_up=0.2, refresh_every=0.2, stop=0.8), [20, 40, 60, 80]),
        (graphs.learned(8, warm_up=0.5, refresh_every=0.1, stop=0.5), [50]),
        (graphs.learned(8, warm_up=0, refresh_every=0.5, stop=1.0), [0, 50, 100]),
        (graphs.learned(8, warm_up=Steps(98), refresh_every=Steps(1), stop=Steps(100)), [98, 99, 100]),
        (graphs.learned(8, warm_up=0.99, refresh_every=1e-6, stop=1.0), [99, 100]),  # at most once a step
    ],
)
def test_estimates_are_due_from_the_warm_up_to_the_stop(recipe, due):
    learner = GraphLearner(recipe, 100, "combinatorial")
    assert [step for step in range(101) if learner.is_due(step)] == due
    assert not any(learner.is_over(step) for step in range(101))  # only a graph that falls apart ends the training


@pytest.mark.parametrize(
    ("stop", "final_from"), [(0.8, 0.8), (Steps(30), 0.3), (graphs.UntilFragmented(more_steps=5), 1.0)], ids=str
)
def test_the_graph_is_final_from_its_stop_on(stop, final_from):
    recipe = graphs.learned(8, n_neighbors=1, connected=False, stop=stop)
    assert GraphLearner(recipe, 100, "combinatorial").final_from == pytest.approx(final_from)


def test_each_estimate_is_half_new_and_half_what_was_before():
    learner, graph = GraphLearner(graphs.learned(8, n_neighbors=3), 100, "combinatorial"), edgeless(8)
    expected = None
    for epoch in range(3):
        newest = graphs.correlation(pictures(epoch))
        expected = newest if expected is None else 0.5 * newest + 0.5 * expected
        before, graph = graph, learner.refreshed(graph, pictures(epoch), epoch, 20 + epoch)
        np.testing.assert_allclose(learner.similarity, expected)
        adjacency = graphs.similarity_graph(expected, kernel="knn", n_neighbors=3, n_modules=None, connected=True)
        assert (graph.adjacency != adjacency).nnz == 0
        jaccard = graphs.edge_jaccard(before.adjacency, graph.adjacency)
        assert learner.edge_jaccard == pytest.approx(jaccard, nan_ok=True)
    assert learner.evolution.epochs == (0, 1, 2)
    assert (learner.evolution.adjacencies[-1] != graph.adjacency).nnz == 0


def test_before_the_first_estimate_there_are_no_pieces_and_nothing_to_compare():
    learner = GraphLearner(graphs.learned(8), 100, "combinatorial")
    assert learner.n_pieces == 0
    assert np.isnan(learner.edge_jaccard)
    assert learner.evolution.epochs == ()


def test_dead_neurons_are_no_pieces():
    learner = GraphLearner(graphs.learned(8, n_neighbors=3), 100, "combinatorial")
    values = pictures(0)
    values[:, 6:] = 0
    learner.refreshed(edgeless(8), values, 0, 20)
    assert learner.n_pieces == 1


def test_where_nothing_fires_there_are_no_edges_and_the_graph_does_not_fall_apart():
    recipe = graphs.learned(8, n_neighbors=1, connected=False, stop=graphs.UntilFragmented())
    learner = GraphLearner(recipe, 100, "symmetric")
    assert learner.refreshed(edgeless(8), np.zeros((50, 8)), 0, 20).n_edges == 0
    assert not learner.fragmented
    assert learner.n_pieces == 0


@pytest.mark.parametrize("n_estimates", [0, 1, 2])
def test_a_state_that_was_stored_goes_on_in_the_same_way(n_estimates):
    recipe, graph = graphs.learned(8, n_neighbors=2, warm_up=0.1), edgeless(8)
    learner = GraphLearner(recipe, 100, "combinatorial")
    for epoch in range(n_estimates):
        graph = learner.refreshed(graph, pictures(epoch), epoch, 10 + epoch)
    tree, arrays = pack(learner.state())
    other = GraphLearner(recipe, 100, "combinatorial")
    other.load_state(unpack(json.loads(json.dumps(tree)), arrays))
    np.testing.assert_equal(other.edge_jaccard, learner.edge_jaccard)
    assert other.n_pieces == learner.n_pieces
    one, same = (one.refreshed(graph, pictures(7), 7, 50) for one in (learner, other))
    assert (one.adjacency != same.adjacency).nnz == 0
    np.testing.assert_array_equal(other.similarity, learner.similarity)
    assert other.evolution.epochs == learner.evolution.epochs


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (graphs.learned(8, warm_up=Steps(100), stop=Steps(200)), "`warm_up`=100 is as long as the whole training"),
        (graphs.learned(8, warm_up=Steps(90), stop=0.5), "`stop` of the learned graph, step 50 of 100, comes before"),
    ],
)
def test_moments_out_of_their_order_are_refused(recipe, message):
    with pytest.raises(ValueError, match=message):
        GraphLearner(recipe, 100, "combinatorial")


def test_the_positions_and_the_name_of_the_graph_stay():
    graph = graphs.grid(2, 4)
    refreshed = GraphLearner(graphs.learned(8), 100, "combinatorial").refreshed(graph, pictures(0), 0, 20)
    np.testing.assert_array_equal(refreshed.positions, graph.positions)
    assert refreshed.name == graph.name
