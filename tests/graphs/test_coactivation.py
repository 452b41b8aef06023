"""Laws of the graph of neurons that fire together: correlation, support and weights of edges."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from scgsr import graphs
from scgsr.graphs._coactivation import KERNELS, WEAKEST_EDGE

# Fewer than of other properties: each takes a while.
quick = settings(max_examples=settings.default.max_examples // 5)


def simulated(n_cells=400, n_modules=4, size=6, n_dead=3, seed=0):
    """Neurons in modules that share a signal, and some that never fire."""
    rng = np.random.default_rng(seed)
    live = np.repeat(rng.normal(size=(n_cells, n_modules)), size, axis=1) + 0.5 * rng.normal(
        size=(n_cells, n_modules * size)
    )
    return np.hstack([live, np.full((n_cells, n_dead), 0.1)]).astype(np.float32)


def test_correlation_is_that_of_numpy_and_zero_for_dead_neurons():
    activations = simulated()
    result = graphs.correlation(activations)
    live = np.corrcoef(activations[:, :24].astype(float), rowvar=False)
    np.testing.assert_allclose(result[:24, :24], live, atol=1e-12)
    assert not result[24:].any()
    assert not result[:, 24:].any()


@quick
@given(st.integers(0, 10_000), st.floats(-12, 12), st.floats(-6, 6))
def test_correlation_knows_neither_scale_nor_offset(seed, exponent, offset):
    activations = np.random.default_rng(seed).normal(size=(20, 5))
    result = graphs.correlation(10.0**exponent * (activations + offset))
    np.testing.assert_allclose(result, graphs.correlation(activations), atol=1e-9)
    np.testing.assert_array_equal(result, result.T)
    assert abs(result).max() == 1


@pytest.mark.parametrize("tiny", [1e-300, 1e-30])
def test_correlation_of_tiny_activations_does_not_underflow(tiny):
    activations = np.random.default_rng(0).normal(size=(20, 3))
    np.testing.assert_allclose(graphs.correlation(tiny * activations), graphs.correlation(activations), atol=1e-12)


@pytest.mark.parametrize("function", [graphs.correlation, graphs.coactivation])
@pytest.mark.parametrize(
    ("activations", "error", "message"),
    [
        (np.ones((1, 4)), ValueError, r"at least two cells, got \(1, 4\)"),
        (np.ones(4), ValueError, r"got \(4,\)"),
        (np.ones((4, 0)), ValueError, r"got \(4, 0\)"),
        (np.array([[0.0, np.nan], [1, 2]]), ValueError, "`activations` must be finite"),
        ([[0.0, 1.0], [1.0, 0.0]], TypeError, "`activations` must be ndarray, got list"),
    ],
)
def test_bad_activations_are_refused(function, activations, error, message):
    with pytest.raises(error, match=message):
        function(activations)


kernels = pytest.mark.parametrize("kernel", KERNELS)


@kernels
@pytest.mark.parametrize("n_neighbors", [1, 3, 100])
@pytest.mark.parametrize("seed", range(3))
def test_dead_neurons_are_isolated_and_all_others_connected(kernel, n_neighbors, seed):
    graph = graphs.coactivation(simulated(seed=seed), kernel=kernel, n_neighbors=n_neighbors)
    n_components, labels = graph.components
    assert n_components == 1 + 3
    assert len(set(labels[:24])) == 1
    assert graph.name == "coactivation"


@kernels
def test_weights_are_symmetric_within_bounds_and_on_one_support(kernel):
    similarity = graphs.correlation(simulated())
    weights = graphs.similarity_graph(similarity, kernel=kernel, n_neighbors=4)
    support = graphs.similarity_graph(similarity, kernel="knn", n_neighbors=4)
    np.testing.assert_array_equal(weights.toarray(), weights.toarray().T)
    np.testing.assert_array_equal(weights.toarray() > 0, support.toarray() > 0)
    assert weights.data.min() >= WEAKEST_EDGE
    assert weights.data.max() <= 1


@quick
@given(st.integers(0, 10_000), st.integers(2, 15), st.integers(1, 20))
def test_the_support_is_nearest_neighbours_and_a_spanning_tree(seed, n, n_neighbors):
    similarity = np.random.default_rng(seed).uniform(-1, 1, size=(n, n))
    similarity = (similarity + similarity.T) / 2
    chosen = graphs.similarity_graph(similarity, n_neighbors=n_neighbors).toarray() > 0
    np.fill_diagonal(similarity, -np.inf)
    rank = (similarity[:, None, :] > similarity[:, :, None]).sum(axis=2)  # how many are nearer to i than j is
    near = (rank < n_neighbors) & (similarity > 0)
    near |= near.T
    assert chosen[near].all()
    assert connected_components(sparse.csr_matrix(chosen))[0] == 1
    # The others are of the maximum spanning tree: edges that are stronger do not join their ends.
    for i, j in np.argwhere(chosen & ~near):
        stronger = (similarity > similarity[i, j]) & np.isfinite(similarity)
        assert not np.equal(*connected_components(sparse.csr_matrix(stronger))[1][[i, j]])


def test_kernels_by_hand():
    similarity = np.array([[1, 0.8, 0.4], [0.8, 1, 0.2], [0.4, 0.2, 1]])
    squared = 2 * (1 - similarity)
    scale = np.array([squared[0, 2], squared[1, 2], squared[2, 1]])  # to the second nearest
    adaptive = (np.exp(-squared / scale[:, None]) + np.exp(-squared / scale[None, :])) / 2
    for kernel, weights in [("knn", np.ones((3, 3))), ("adaptive", adaptive), ("soft", similarity**2)]:
        result = graphs.similarity_graph(similarity, kernel=kernel, n_neighbors=2).toarray()
        np.testing.assert_allclose(result, weights * (1 - np.eye(3)), rtol=1e-12)


@kernels
def test_neurons_that_are_copies_of_one_another(kernel):
    activations = np.repeat(np.random.default_rng(0).normal(size=(50, 2)), 4, axis=1)
    graph = graphs.coactivation(activations, kernel=kernel, n_neighbors=3)
    for one, other in itertools.combinations(range(4), 2):
        np.testing.assert_allclose(graph.adjacency[one, other], 1, atol=1e-6)


@kernels
def test_renumbering_neurons_renumbers_the_graph(kernel):
    activations, order = simulated(), np.random.default_rng(1).permutation(27)
    weights = graphs.similarity_graph(graphs.correlation(activations), kernel=kernel, n_neighbors=4)
    renumbered = graphs.similarity_graph(graphs.correlation(activations[:, order]), kernel=kernel, n_neighbors=4)
    np.testing.assert_allclose(renumbered.toarray(), weights.toarray()[np.ix_(order, order)], atol=1e-12)


@kernels
def test_opposite_neurons_still_hang_together(kernel):
    signal = np.random.default_rng(0).normal(size=(50, 1))
    graph = graphs.coactivation(np.hstack([signal, signal, -signal, -signal]), kernel=kernel, n_neighbors=1)
    assert graph.components[0] == 1
    assert (graph.n_edges, graph.adjacency.data.min() > 0) == (3, True)


@pytest.mark.parametrize("n_cells", [3, 10, 1000])
@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e9 + 0.1])
def test_a_constant_neuron_is_dead_whatever_its_mean_is_rounded_to(n_cells, value):
    live = np.random.default_rng(0).normal(size=(n_cells, 2))
    assert not graphs.correlation(np.column_stack([live, np.full(n_cells, value)]))[2].any()


def test_modules_of_neurons_are_found():
    graph = graphs.coactivation(simulated(n_dead=0), n_neighbors=5)
    module = np.arange(24) // 6
    source, target = graph.adjacency.nonzero()
    across = (module[source] != module[target]).sum() / 2
    assert across <= 3  # the links of the spanning tree alone


@kernels
@pytest.mark.parametrize("n", [1, 5])
def test_a_layer_that_is_dead_has_no_edges(kernel, n):
    graph = graphs.coactivation(np.ones((10, n)), kernel=kernel)
    assert (graph.n_neurons, graph.n_edges) == (n, 0)


@pytest.mark.parametrize(
    ("similarity", "kernel", "message"),
    [
        (np.ones((2, 3)), "knn", "square"),
        (np.array([[1, np.nan], [np.nan, 1]]), "knn", "finite and symmetric"),
        (np.array([[1, 0.5], [0.1, 1]]), "knn", "finite and symmetric"),
        (3 * np.ones((2, 2)), "adaptive", "at most 1 for kernel='adaptive', got 3"),
        (np.eye(2), "gauss", "`kernel` must be one of"),
    ],
)
def test_bad_similarity_is_refused(similarity, kernel, message):
    with pytest.raises(ValueError, match=message):
        graphs.similarity_graph(similarity, kernel=kernel)


@pytest.mark.parametrize("kernel", KERNELS)
def test_modules_have_no_edge_between_them_and_hang_together_within(kernel):
    activations = simulated(n_modules=4, size=6, n_dead=3)
    graph = graphs.coactivation(activations, kernel=kernel, n_neighbors=3, n_modules=4)
    n_components, label = connected_components(graph.adjacency)
    assert n_components == 4 + 3  # the dead ones are alone
    truth = np.repeat(np.arange(4), 6)
    assert len(set(zip(label[:24], truth, strict=True))) == 4
    assert graph.adjacency.data.min() >= WEAKEST_EDGE


@pytest.mark.parametrize("n_modules", [2, 3, 8, 24, 40])
def test_as_many_modules_as_asked_for_if_there_are_so_many_neurons(n_modules):
    similarity = graphs.correlation(simulated(n_dead=0))
    adjacency = graphs.similarity_graph(similarity, n_neighbors=4, n_modules=n_modules)
    assert connected_components(adjacency)[0] == min(n_modules, 24)
    repeated = graphs.similarity_graph(similarity, n_neighbors=4, n_modules=n_modules)
    assert (adjacency != repeated).nnz == 0


def test_modules_are_found_where_nothing_is_alike():
    adjacency = graphs.similarity_graph(np.eye(6) - 0.5 * np.ones((6, 6)), n_modules=2)
    assert connected_components(adjacency)[0] == 2


def test_unconnected_graphs_are_the_nearest_neighbours_alone():
    similarity = graphs.correlation(simulated(n_dead=1))
    loose = graphs.similarity_graph(similarity, n_neighbors=2, connected=False)
    held = graphs.similarity_graph(similarity, n_neighbors=2)
    assert connected_components(loose)[0] > connected_components(held)[0] == 2
    assert ((loose > 0) > (held > 0)).nnz == 0  # no edge that the other lacks


@pytest.mark.parametrize(("arguments", "name"), [({"n_modules": 0}, "n_modules"), ({"connected": "yes"}, "connected")])
def test_bad_modules_are_refused(arguments, name):
    with pytest.raises((TypeError, ValueError), match=f"`{name}`"):
        graphs.coactivation(simulated(), **arguments)


@pytest.mark.parametrize("shape", [(3,), (3, 2), (0, 0), (3, 3, 3)])
def test_a_similarity_that_is_no_square_is_refused(shape):
    with pytest.raises(ValueError, match="`similarity` must be square with at least one neuron, got shape"):
        graphs.similarity_graph(np.ones(shape), n_neighbors=1)


def test_what_is_not_alike_is_not_tied_without_a_spanning_tree():
    similarity = np.array([[1.0, 0.5, 0], [0.5, 1, -0.2], [0, -0.2, 1]])
    loose = graphs.similarity_graph(similarity, n_neighbors=2, connected=False).toarray()
    np.testing.assert_array_equal(loose, [[0, 1, 0], [1, 0, 0], [0, 0, 0]])
    held = graphs.similarity_graph(similarity, kernel="soft", n_neighbors=2).toarray()
    np.testing.assert_allclose(held, [[0, 0.25, 0.001], [0.25, 0, 0], [0.001, 0, 0]])  # no edge weighs less


def test_two_neurons_have_the_scale_of_the_only_other_one():
    pair = graphs.similarity_graph(np.array([[1, 0.3], [0.3, 1]]), kernel="adaptive", n_neighbors=1)
    assert pair[0, 1] == pytest.approx(np.exp(-1))


def test_of_equally_similar_neurons_the_lower_number_is_taken():
    tied = graphs.similarity_graph(np.full((4, 4), 0.5), n_neighbors=1, connected=False).toarray()
    np.testing.assert_array_equal(tied, [[0, 1, 1, 1], [1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]])


def test_a_similarity_may_be_above_one_by_rounding():
    similarity = np.array([[1, 1 + 1e-10, 0.2], [1 + 1e-10, 1, 0.3], [0.2, 0.3, 1]])
    assert graphs.similarity_graph(similarity, kernel="adaptive", n_neighbors=1)[0, 1] == pytest.approx(1)
    similarity[0, 1] = similarity[1, 0] = 1 + 1e-8
    with pytest.raises(ValueError, match="at most 1"):
        graphs.similarity_graph(similarity, kernel="adaptive", n_neighbors=1)


@pytest.mark.parametrize("unit", [1e-6, 1e3])
def test_the_unit_of_similarities_decides_no_edge(unit):
    similarity = graphs.correlation(simulated())
    edges = graphs.similarity_graph(similarity, n_neighbors=4)
    assert (graphs.similarity_graph(unit * similarity, n_neighbors=4) != edges).nnz == 0


def test_two_cells_and_one_neuron_have_correlations():
    np.testing.assert_allclose(graphs.correlation(np.array([[1.0], [2]])), [[1]])
