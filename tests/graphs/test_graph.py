"""The neuron graph is a frozen, checked value."""

from __future__ import annotations

import dataclasses
import logging

import numpy as np
import pytest
from scipy import sparse

from scgsr import graphs
from scgsr.graphs import NeuronGraph

PAIR = np.array([[0.0, 1], [1, 0]])
APART = np.array([[0, 0], [1, 0]])


def test_it_keeps_copies_that_nobody_can_write_to():
    adjacency, positions = sparse.csr_matrix(PAIR), APART.astype(float)
    graph = NeuronGraph(adjacency, positions)
    adjacency.data[:] = 5
    positions[:] = 7
    np.testing.assert_array_equal(graph.adjacency.toarray(), PAIR)
    np.testing.assert_array_equal(graph.positions, APART)
    for array in (graph.adjacency.data, graph.adjacency.indices, graph.adjacency.indptr, graph.positions):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 9
    with pytest.raises(dataclasses.FrozenInstanceError):
        graph.name = "other"


@pytest.mark.parametrize("container", [np.asarray, sparse.csc_matrix, sparse.coo_array])
@pytest.mark.parametrize("dtype", [bool, np.int8, np.float32])
def test_weights_become_sorted_csr_of_float64(container, dtype):
    graph = NeuronGraph(container(PAIR.astype(dtype)), APART)
    assert graph.adjacency.format == "csr"
    assert graph.adjacency.dtype == np.float64
    assert graph.adjacency.has_sorted_indices
    np.testing.assert_array_equal(graph.adjacency.toarray(), PAIR)


def test_self_loops_are_dropped_and_told_of(caplog):
    with caplog.at_level(logging.INFO, logger="scgsr"):
        graph = NeuronGraph(PAIR + np.eye(2), APART)
    assert "self loops" in caplog.text
    np.testing.assert_array_equal(graph.adjacency.toarray(), PAIR)


def test_weights_symmetric_up_to_rounding_are_made_symmetric():
    weights = PAIR + np.array([[0, 1e-8], [0, 0]])
    adjacency = NeuronGraph(weights, APART).adjacency
    assert (adjacency != adjacency.T).nnz == 0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"adjacency": PAIR.tolist()}, TypeError, "`adjacency`"),
        ({"adjacency": PAIR.astype(complex)}, TypeError, "real numbers, got dtype complex128"),
        ({"adjacency": np.zeros((0, 0))}, ValueError, "at least one node"),
        ({"adjacency": np.zeros((2, 3))}, ValueError, r"square .* got shape \(2, 3\)"),
        ({"adjacency": PAIR + np.nan}, ValueError, "`adjacency` must be finite"),
        ({"adjacency": -PAIR}, ValueError, "smallest weight of -1"),
        ({"adjacency": np.triu(PAIR)}, ValueError, r"symmetric, got .* \(A \+ A.T\) / 2"),
        ({"positions": APART[:1]}, ValueError, r"`positions` must have shape \(2, 2\)"),
        ({"positions": APART + np.inf}, ValueError, "`positions` must be finite"),
        ({"positions": 0 * APART}, ValueError, "2 neurons in 1 places"),
        ({"image_shape": (1, 3)}, ValueError, "`image_shape` must be .* = 2 neurons"),
        ({"image_shape": 2}, TypeError, "`image_shape`"),
        ({"name": 3}, TypeError, "`name`"),
    ],
)
def test_what_is_no_graph_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        NeuronGraph(**({"adjacency": PAIR, "positions": APART} | arguments))


def test_renumbering_keeps_edges_and_drawing():
    graph, order = graphs.wishbone(4, 3), np.random.default_rng(0).permutation(10)
    renumbered = graph.permuted(order)
    np.testing.assert_array_equal(renumbered.adjacency.toarray(), graph.adjacency.toarray()[np.ix_(order, order)])
    np.testing.assert_array_equal(renumbered.positions, graph.positions[order])
    back = renumbered.permuted(np.argsort(order))
    np.testing.assert_array_equal(back.adjacency.toarray(), graph.adjacency.toarray())


def test_a_renumbered_sheet_is_no_image_unless_nothing_moved():
    sheet = graphs.grid(2, 3)
    assert sheet.permuted(range(6)).image_shape == (2, 3)
    assert sheet.permuted([1, 0, 2, 3, 4, 5]).image_shape is None


@pytest.mark.parametrize(
    ("order", "error"), [([0, 0, 1], ValueError), ([0, 1], ValueError), ([0.0, 1.0, 2.0], TypeError)]
)
def test_what_is_no_order_is_refused(order, error):
    with pytest.raises(error, match="`order`"):
        graphs.path(3).permuted(order)


def test_its_counts_and_its_words():
    graph = graphs.disjoint(graphs.ring(4), graphs.path(1))
    assert (graph.n_neurons, graph.n_edges, graph.components[0]) == (5, 4, 2)
    assert repr(graph) == "NeuronGraph('disjoint': 5 neurons, 4 edges, 2 components)"
    assert repr(graphs.path(2)) == "NeuronGraph('path': 2 neurons, 1 edge, 1 component)"
