"""Graphs put together: groups, capsules, several graphs as one, any adjacency."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import pdist

from scgsr import graphs


@pytest.mark.parametrize(
    "graph",
    [graphs.modules(4, 6), graphs.modules(3, 1), graphs.disjoint(graphs.grid(3), graphs.ring(5), graphs.path(1))],
    ids=str,
)
def test_components_are_drawn_apart(graph):
    _, labels = graph.components
    for one, other in itertools.combinations(np.unique(labels), 2):
        low, high = (
            np.array([getattr(graph.positions[labels == c], f)(axis=0) for c in (one, other)]) for f in ("min", "max")
        )
        assert (low.max(axis=0) - high.min(axis=0)).max() > 1.5  # the boxes leave a gap in x or y


def test_disjoint_keeps_each_graph():
    parts = [graphs.grid(3), graphs.ring(5), graphs.wishbone(2, 2)]
    whole = graphs.disjoint(*parts)
    start = 0
    for part in parts:
        own = slice(start, start + part.n_neurons)
        np.testing.assert_array_equal(whole.adjacency[own, own].toarray(), part.adjacency.toarray())
        np.testing.assert_allclose(pdist(whole.positions[own]), pdist(part.positions))
        start += part.n_neurons


def test_disjoint_needs_graphs():
    with pytest.raises(ValueError, match="at least one NeuronGraph"):
        graphs.disjoint()
    with pytest.raises(TypeError, match="`graphs` must be NeuronGraph, got int"):
        graphs.disjoint(graphs.path(2), 3)


def test_the_same_neuron_of_all_capsules_is_tied():
    graph = graphs.capsules(3, 4)
    capsule, neuron = np.divmod(np.arange(12), 4)
    expected = (neuron[:, None] == neuron) & (capsule[:, None] != capsule)
    assert np.array_equal(graph.adjacency.toarray() > 0, expected)
    assert graph.image_shape == (3, 4)
    with pytest.raises(ValueError, match="`size`"):
        graphs.capsules(2, 0)


def test_modules_are_cliques_without_an_edge_between_them():
    graph = graphs.modules(3, 4)
    module = np.arange(12) // 4
    expected = (module[:, None] == module) & ~np.eye(12, dtype=bool)
    assert np.array_equal(graph.adjacency.toarray() > 0, expected)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix, sparse.coo_array])
def test_any_adjacency_is_kept_whatever_holds_it(container):
    weights = np.array([[0, 0.5, 0], [0.5, 0, 2], [0, 2, 0]])
    graph = graphs.from_adjacency(container(weights))
    np.testing.assert_array_equal(graph.adjacency.toarray(), weights)
    assert pdist(graph.positions).min() > 0.3
    positions = np.array([[0, 0], [1, 0], [5, 5]])
    np.testing.assert_array_equal(graphs.from_adjacency(container(weights), positions=positions).positions, positions)


def test_modules_and_capsules_are_drawn_as_circles_and_rows():
    positions = graphs.modules(2, 5).positions
    for group in (positions[:5], positions[5:]):
        np.testing.assert_allclose(np.linalg.norm(group - group.mean(axis=0), axis=1), 0.5 / np.sin(np.pi / 5))
    np.testing.assert_array_equal(graphs.capsules(2, 3).positions, [[0, 0], [1, 0], [2, 0], [0, -1], [1, -1], [2, -1]])


@pytest.mark.parametrize(("weights", "told"), [(np.zeros((2, 2)), True), (np.ones((2, 2)), False)])
def test_several_components_are_told(weights, told, caplog):
    with caplog.at_level("INFO", logger="scgsr"):
        graphs.from_adjacency(weights)
    assert ("2 components" in caplog.text) is told
