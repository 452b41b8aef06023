"""Laws of NeuronGraph: what it refuses, that it is frozen, permutation."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import logging
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from scgsr import graphs
from scgsr.graphs import NeuronGraph

# Fewer than of other properties: each takes a while.
quick = settings(max_examples=settings.default.max_examples // 5)

EDGE = np.array([[0.0, 1], [1, 0]])
POSITIONS = np.array([[0.0, 0], [1, 0]])


@pytest.mark.parametrize(
    ("adjacency", "error", "message"),
    [
        (np.ones((2, 3)), ValueError, r"square with at least one node, got shape \(2, 3\)"),
        (np.zeros((0, 0)), ValueError, "at least one node"),
        (np.ones(4), ValueError, "square"),
        (np.array([[0, np.nan], [np.nan, 0]]), ValueError, "must be finite"),
        (np.array([[0, np.inf], [np.inf, 0]]), ValueError, "must be finite"),
        (-EDGE, ValueError, "must not be negative, got a smallest weight of -1"),
        (np.triu(EDGE), ValueError, r"must be symmetric.*by up to 1: pass \(A \+ A.T\) / 2"),
        (EDGE.tolist(), TypeError, "`adjacency` must be ndarray or spmatrix or sparray, got list"),
        (EDGE.astype(complex), TypeError, "real numbers, got dtype complex128"),
        (EDGE.astype(str), TypeError, "real numbers"),
    ],
)
def test_bad_adjacency_is_refused(adjacency, error, message):
    with pytest.raises(error, match=message):
        NeuronGraph(adjacency, POSITIONS)
    with pytest.raises(error, match=message):
        graphs.from_adjacency(adjacency)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"positions": np.zeros((3, 2))}, ValueError, r"shape \(2, 2\).*got \(3, 2\)"),
        ({"positions": POSITIONS * np.nan}, ValueError, "`positions` must be finite"),
        ({"positions": POSITIONS * 0}, ValueError, "got 2 neurons in 1 places"),
        ({"image_shape": (2, 2)}, ValueError, r"height \* width = 2 neurons, got \(2, 2\)"),
        ({"image_shape": (2,)}, ValueError, r"\(height, width\)"),
        ({"image_shape": (1.0, 2)}, TypeError, "`image_shape` must be an integer"),
        ({"image_shape": 2}, TypeError, "`image_shape` must be tuple or list, got int"),
        ({"name": None}, TypeError, "`name` must be str"),
    ],
)
def test_bad_fields_are_refused(fields, error, message):
    with pytest.raises(error, match=message):
        NeuronGraph(**({"adjacency": EDGE, "positions": POSITIONS} | fields))


@pytest.mark.parametrize(
    "container",
    [np.asarray, sparse.csr_matrix, sparse.csc_matrix, sparse.coo_array, sparse.lil_matrix, sparse.csr_array],
)
@pytest.mark.parametrize("dtype", [bool, np.int32, np.float32])
def test_any_container_gives_the_same_graph(container, dtype):
    graph = graphs.from_adjacency(container(graphs.tree(2).adjacency.toarray().astype(dtype)))
    assert isinstance(graph.adjacency, sparse.csr_matrix)
    assert graph.adjacency.dtype == np.float64
    np.testing.assert_array_equal(graph.adjacency.toarray(), graphs.tree(2).adjacency.toarray())


@pytest.mark.parametrize("part", ["indptr", "indices", "last"])
@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_matrix])
def test_indices_that_lead_out_of_a_sparse_matrix_are_refused(kind, part):
    matrix = kind(graphs.ring(6).adjacency, copy=True)
    if part == "indices":
        matrix.indices[3] = 10**6
    elif part == "indptr":
        matrix.indptr[2] = 10**6
    else:  # SciPy's own check does not see it
        matrix.indptr, matrix.indices, matrix.data = np.r_[matrix.indptr[:-1], 0], matrix.indices[:0], matrix.data[:0]
    with pytest.raises(ValueError, match="`adjacency` has indices outside of its shape"):
        graphs.from_adjacency(matrix)


def test_explicit_zeros_are_no_edges():
    stored = sparse.csr_matrix((np.array([0.0, 0.0]), ([0, 1], [1, 0])), shape=(2, 2))
    assert graphs.from_adjacency(stored).n_edges == 0


def test_self_loops_are_dropped_and_logged(caplog):
    with caplog.at_level(logging.INFO, logger="scgsr"):
        graph = graphs.from_adjacency(EDGE + np.eye(2))
    np.testing.assert_array_equal(graph.adjacency.toarray(), EDGE)
    assert "self loops" in caplog.text


def test_weights_symmetric_up_to_rounding_are_made_symmetric():
    weights = np.random.default_rng(0).random((6, 6))
    weights = (weights + weights.T) * (1 + 1e-8 * np.triu(np.ones((6, 6)), 1))
    adjacency = graphs.from_adjacency(weights).adjacency.toarray()
    np.testing.assert_array_equal(adjacency, adjacency.T)


def test_a_disconnected_graph_is_allowed_and_logged(caplog):
    with caplog.at_level(logging.INFO, logger="scgsr"):
        assert graphs.from_adjacency(np.kron(np.eye(3), EDGE)).components[0] == 3
    assert "3 components" in caplog.text
    caplog.clear()
    graphs.from_adjacency(EDGE)
    assert not caplog.text


def test_a_graph_is_frozen():
    adjacency, positions = sparse.csr_matrix(EDGE), POSITIONS.copy()
    graph = NeuronGraph(adjacency, positions)
    adjacency.data[:] = 9
    positions[:] = 9
    np.testing.assert_array_equal(graph.adjacency.toarray(), EDGE)
    np.testing.assert_array_equal(graph.positions, POSITIONS)
    for array in (graph.adjacency.data, graph.adjacency.indices, graph.adjacency.indptr, graph.positions):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        graph.name = "other"


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda graph: pickle.loads(pickle.dumps(graph))])
def test_a_graph_can_be_copied(clone):
    graph = graphs.wishbone(3, 2)
    other = clone(graph)
    assert repr(other) == repr(graph) == "NeuronGraph('wishbone': 7 neurons, 6 edges, 1 component)"
    np.testing.assert_array_equal(other.adjacency.toarray(), graph.adjacency.toarray())
    np.testing.assert_array_equal(other.positions, graph.positions)


def test_equality_is_identity():
    graph = graphs.path(3)
    assert graph == graph
    assert graph != graphs.path(3)
    assert {graph: 1}[graph] == 1


@quick
@given(st.permutations(range(12)))
def test_permuting_moves_neurons_with_their_edges_and_places(order):
    graph = graphs.grid(3, 4)
    moved = graph.permuted(order)
    for i, j in itertools.product(range(12), repeat=2):
        assert moved.adjacency[i, j] == graph.adjacency[order[i], order[j]]
    np.testing.assert_array_equal(moved.positions, graph.positions[order])
    back = moved.permuted(np.argsort(order))
    np.testing.assert_array_equal(back.adjacency.toarray(), graph.adjacency.toarray())
    assert moved.image_shape is (None if list(order) != sorted(order) else moved.image_shape)


def test_the_identity_keeps_the_image():
    assert graphs.grid(2, 3).permuted(range(6)).image_shape == (2, 3)
    assert graphs.grid(2, 3).permuted([1, 0, 2, 3, 4, 5]).image_shape is None


@pytest.mark.parametrize(
    ("order", "error"),
    [([0, 1], ValueError), ([0, 1, 1], ValueError), ([1, 2, 3], ValueError), ([0.0, 1.0, 2.0], TypeError)],
)
def test_only_a_permutation_permutes(order, error):
    with pytest.raises(error, match="`order` must hold"):
        graphs.path(3).permuted(order)


def test_its_counts_and_its_words():
    graph = graphs.disjoint(graphs.ring(4), graphs.path(1))
    assert (graph.n_neurons, graph.n_edges, graph.components[0]) == (5, 4, 2)
    assert repr(graph) == "NeuronGraph('disjoint': 5 neurons, 4 edges, 2 components)"
    assert repr(graphs.path(2)) == "NeuronGraph('path': 2 neurons, 1 edge, 1 component)"


def test_weights_are_what_float32_can_hold():
    assert graphs.from_adjacency(1e30 * EDGE).adjacency.max() == 1e30
    with pytest.raises(ValueError, match="`adjacency` must have weights up to 1e"):
        graphs.from_adjacency(1.001e30 * EDGE)
    assert graphs.from_adjacency(3e-308 * EDGE).n_edges == 1
    assert graphs.from_adjacency(1e-308 * EDGE).n_edges == 0  # whose inverse cannot be computed


def test_a_millionth_of_the_largest_weight_is_rounding_and_more_is_not():
    weights = np.kron(np.eye(2), 1000 * EDGE)
    weights[0, 1] += 0.9e-3
    np.testing.assert_allclose(graphs.from_adjacency(weights).adjacency[1, 0], 1000 + 0.45e-3, rtol=1e-12)
    weights[0, 1] += 0.2e-3
    with pytest.raises(ValueError, match="must be symmetric"):
        graphs.from_adjacency(weights)


def test_without_self_loops_nothing_is_logged(caplog):
    with caplog.at_level(logging.INFO, logger="scgsr"):
        NeuronGraph(EDGE, POSITIONS)
    assert not caplog.records


def test_one_neuron_alone_is_a_graph():
    alone = NeuronGraph(np.zeros((1, 1)), np.zeros((1, 2)), (1, 1))
    assert repr(alone) == "NeuronGraph('graph': 1 neuron, 0 edges, 1 component)"
    assert alone.image_shape == (1, 1)


def test_unsigned_numbers_permute_too():
    order = np.array([2, 0, 1], dtype=np.uint8)
    assert graphs.path(3).permuted(order).positions[:, 0].tolist() == [2, 0, 1]
    with pytest.raises(ValueError, match="each of 0 to 2 once"):
        graphs.path(3).permuted(np.arange(3)[:, None])
