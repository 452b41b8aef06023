"""What holds for any graph of neurons: its Laplacian, its drawing, its parts, and that a record keeps it to the bit."""

from __future__ import annotations

import re
from math import comb

import numpy as np
import pytest
from _fits import model_of
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse

from scgsr import FittedModel, graphs

CONTAINERS = [np.asarray, sparse.csr_matrix, sparse.csc_matrix, sparse.coo_matrix, sparse.csr_array, np.asfortranarray]
FLOATS = {"f8": st.floats(0, 1e12), "f4": st.floats(0, 2.0**40, width=32)}
WEIGHTS = {**FLOATS, "i8": st.integers(0, 10**9), "?": st.booleans()}
SIDE = st.integers(1, 7)


@st.composite
def adjacencies(draw):
    """Symmetric weights of 1 to 12 neurons, many of them 0, in any container and of any type."""
    n, kind = draw(st.integers(1, 12)), draw(st.sampled_from(sorted(WEIGHTS)))
    upper = np.triu(draw(arrays.arrays(kind, (n, n), elements=WEIGHTS[kind], fill=st.just(0))))
    upper = np.where(np.eye(n, dtype=bool), upper, upper + upper.T).astype(kind)
    return draw(st.sampled_from(CONTAINERS))(upper)


def dense(matrix):
    return matrix.toarray() if sparse.issparse(matrix) else np.asarray(matrix)


def without_loops(adjacency):
    return np.where(np.eye(adjacency.shape[0], dtype=bool), 0, dense(adjacency)).astype(float)


def parts_of(weights):
    """Return the number of connected parts, by walking from each neuron that no walk has reached."""
    unseen, parts = set(range(len(weights))), 0
    while unseen:
        parts, reached = parts + 1, [unseen.pop()]
        while reached:
            near = unseen & set(np.flatnonzero(weights[reached.pop()]).tolist())
            unseen -= near
            reached += near
    return parts


@given(adjacencies())
def test_a_graph_keeps_the_weights_without_loops(adjacency):
    graph, weights = graphs.from_adjacency(adjacency), without_loops(adjacency)
    np.testing.assert_array_equal(graph.adjacency.toarray(), weights)
    assert graph.adjacency.dtype == np.float64
    assert (graph.n_neurons, graph.n_edges) == (len(weights), np.count_nonzero(weights) // 2)
    assert graph.components[0] == parts_of(weights)
    same_part = graph.components[1][:, None] == graph.components[1]
    assert same_part[weights > 0].all()
    assert repr(graph).startswith(f"NeuronGraph('adjacency': {len(weights)} neuron")


@given(adjacencies())
def test_its_laplacians_are_those_of_the_definition(adjacency):
    graph, weights = graphs.from_adjacency(adjacency), without_loops(adjacency)
    degree = weights.sum(axis=1)
    combinatorial = graph.laplacian().toarray()
    np.testing.assert_allclose(combinatorial, np.diag(degree) - weights, rtol=1e-12, atol=0)
    np.testing.assert_array_equal(combinatorial, combinatorial.T)
    assert np.linalg.eigvalsh(combinatorial).min() >= -1e-9 * max(degree.max(), 1)
    eigenvalues, vectors = graphs.fourier_basis(graph.laplacian("symmetric"))
    assert eigenvalues.max() <= 2 + 1e-9
    assert np.isfinite(vectors).all()
    for kind in ("symmetric", "random_walk"):
        np.testing.assert_array_equal(np.diag(graph.laplacian(kind).toarray()) != 0, degree > 0)


@given(adjacencies())
def test_its_drawing_is_finite_apart_and_the_same_again(adjacency):
    graph = graphs.from_adjacency(adjacency)
    assert graph.positions.shape == (graph.n_neurons, 2)
    assert np.isfinite(graph.positions).all()
    assert len(np.unique(graph.positions, axis=0)) == graph.n_neurons
    np.testing.assert_array_equal(graph.positions, graphs.from_adjacency(adjacency).positions)


@given(adjacencies(), st.text(), st.randoms(use_true_random=False))
def test_a_record_keeps_it_to_the_bit(adjacency, name, random):
    graph = graphs.from_adjacency(adjacency)
    graph = graphs.NeuronGraph(graph.adjacency, graph.positions, (1, graph.n_neurons), name)
    graph = graph.permuted(random.sample(range(graph.n_neurons), graph.n_neurons))
    read = FittedModel.from_record(model_of(graph).to_record()).graph
    np.testing.assert_array_equal(read.adjacency.toarray(), graph.adjacency.toarray())
    np.testing.assert_array_equal(read.positions, graph.positions)
    assert (read.image_shape, read.name) == (graph.image_shape, name)


SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


@given(arrays.arrays(st.sampled_from(["f8", "f4", "i8", "?", "c16", "U2"]), SHAPES), st.booleans())
def test_any_array_is_a_graph_or_refused_by_name(array, mirrored):
    if mirrored and array.ndim == 2 and array.shape[0] == array.shape[1] and array.dtype.kind in "fi":
        with np.errstate(all="ignore"):
            array = np.abs(np.maximum(array, array.T))
    try:
        graph = graphs.from_adjacency(array)
    except (TypeError, ValueError) as error:
        assert re.match(r"`adjacency` .*\.$", str(error))  # noqa: PT017
        return
    assert np.isfinite(graph.adjacency.data).all()
    assert np.isfinite(graph.positions).all()
    assert np.isfinite(graph.laplacian().toarray()).all()


@given(SIDE, SIDE, st.booleans())
def test_sheets(height, width, diagonal):
    graph = graphs.grid(height, width, diagonal=diagonal)
    n_diagonal = 2 * (height - 1) * (width - 1) if diagonal else 0
    assert graph.n_edges == height * (width - 1) + width * (height - 1) + n_diagonal
    assert (graph.components[0], graph.image_shape) == (1, (height, width))
    torus = graphs.grid(height, width, diagonal=diagonal, periodic=True)
    degree = torus.adjacency.sum(axis=1)
    assert degree.min() == degree.max()  # all neurons of a torus are alike


@given(SIDE, SIDE, st.integers(2, 3))
def test_counts_of_the_other_shapes(one, other, branching):
    n_of_tree = sum(branching**level for level in range(min(one, 4) + 1))
    counts = [
        (graphs.path(one), one, one - 1, 1),
        (graphs.ring(one + 2), one + 2, one + 2, 1),
        (graphs.star(one + 1), one + 1, one, 1),
        (graphs.tree(min(one, 4), branching=branching), n_of_tree, n_of_tree - 1, 1),
        (graphs.wishbone(one, other, n_branches=branching), one + branching * other, one + branching * other - 1, 1),
        (graphs.modules(one, other), one * other, one * comb(other, 2), one),
        (graphs.capsules(one, other), one * other, other * comb(one, 2), other),
        (graphs.disjoint(graphs.path(one), graphs.grid(one, other)), one + one * other, None, 2),
    ]
    for graph, n_neurons, n_edges, n_parts in counts:
        assert (graph.n_neurons, graph.components[0]) == (n_neurons, n_parts), graph
        assert n_edges in (None, graph.n_edges), graph
        assert len(np.unique(graph.positions.round(9), axis=0)) == n_neurons, graph


def test_walking_finds_the_parts():
    assert parts_of(np.zeros((3, 3))) == 3
    assert parts_of(np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]])) == 2
    with pytest.raises(ValueError, match="`adjacency`"):
        graphs.from_adjacency(np.empty((0, 0)))
