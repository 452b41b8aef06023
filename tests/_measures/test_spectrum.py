"""Energy over the frequencies of the neuron graph."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scgsr import graphs
from scgsr._measures import graph_spectrum
from scgsr._measures._pictures import low_frequency_share
from scgsr.graphs import energy

N_CELLS = 80
GRAPHS = {
    "path": graphs.path(10),
    "ring": graphs.ring(12),
    "grid": graphs.grid(5),
    "star": graphs.star(9),
    "modules": graphs.modules(3, 4),
    "disjoint": graphs.disjoint(graphs.grid(3), graphs.ring(5), graphs.path(1)),
}
every_graph = pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
both_kinds = pytest.mark.parametrize("kind", ["combinatorial", "symmetric"])


def random_cells(graph, n_cells=N_CELLS):
    return np.random.default_rng(0).gamma(1.0, size=(n_cells, graph.n_neurons)).astype(np.float32)


@every_graph
@both_kinds
def test_shares_sum_to_one_and_so_does_the_expectation(graph, kind):
    frequencies, shares, expected = graph_spectrum(random_cells(graph), graph.adjacency, kind)
    assert np.allclose(shares.sum(axis=1), 1)
    assert expected.sum() == pytest.approx(1)
    assert (np.diff(frequencies) > 1e-9).all()


@every_graph
@both_kinds
def test_the_spectrum_holds_the_laplacian_energy(graph, kind):
    activations = random_cells(graph)
    frequencies, shares, _ = graph_spectrum(activations, graph.adjacency, kind)
    centred = activations - activations.mean(axis=1, keepdims=True, dtype=float)
    rayleigh = energy(graph.laplacian(kind), centred) / np.square(centred).sum(axis=1)
    assert np.allclose(shares @ frequencies, rayleigh)


@every_graph
@both_kinds
def test_the_expectation_is_the_mean_over_permutations_of_neurons(graph, kind):
    activations = random_cells(graph, 3)

    def mean_shares(columns):
        return graph_spectrum(columns, graph.adjacency, kind)[1].mean(axis=0)

    rng = np.random.default_rng(2)
    found = np.array([mean_shares(activations[:, rng.permutation(graph.n_neurons)]) for _ in range(300)])
    expected = graph_spectrum(activations, graph.adjacency, kind)[2]
    assert np.allclose(found.mean(axis=0), expected, atol=5 * found.std(axis=0).max() / np.sqrt(300))


def test_the_expectation_is_flat_in_eigenvectors():
    expected = graph_spectrum(random_cells(graphs.ring(12)), graphs.ring(12).adjacency)[2]
    assert np.allclose(expected, np.array([0, 2, 2, 2, 2, 2, 1]) / 11)


@every_graph
def test_renumbering_the_neurons_changes_nothing(graph):
    new = np.random.default_rng(3).permutation(graph.n_neurons)
    activations = random_cells(graph)
    for one, other in zip(
        graph_spectrum(activations, graph.adjacency),
        graph_spectrum(activations[:, new], graph.permuted(new).adjacency),
        strict=True,
    ):
        assert np.allclose(one, other)


@given(scale=st.floats(0.1, 100), shift=st.floats(-10, 10))
def test_brightness_and_background_do_not_matter(scale, shift):
    activations, graph = random_cells(graphs.grid(4)).astype(float), graphs.grid(4)
    one, other = (graph_spectrum(x, graph.adjacency)[1] for x in (activations, scale * activations + shift))
    assert np.allclose(one, other)


def test_a_flat_cell_has_no_spectrum():
    shares = graph_spectrum(np.array([[0.1] * 5, [1.0, 2, 3, 4, 5]]), graphs.path(5).adjacency)[1]
    assert np.isnan(shares[0]).all()
    assert not np.isnan(shares[1]).any()


def test_low_frequencies_hold_what_the_score_says():
    graph = graphs.grid(5)
    activations = random_cells(graph)
    frequencies, shares, expected = graph_spectrum(activations, graph.adjacency)
    low = frequencies <= frequencies[np.searchsorted(np.cumsum(expected), 0.25 - 1e-9)] + 1e-9
    assert np.allclose(shares[:, low].sum(axis=1), low_frequency_share(activations, graph.adjacency))


@pytest.mark.parametrize(
    ("activations", "kind", "error", "match"),
    [
        (np.ones((2, 4)), "random_walk", ValueError, "`kind`"),
        (np.ones((2, 4)), None, TypeError, "`kind`"),
        (np.ones((2, 3)), "combinatorial", ValueError, "`activations`"),
    ],
)
def test_wrong_arguments_of_the_spectrum(activations, kind, error, match):
    with pytest.raises(error, match=match):
        graph_spectrum(activations, graphs.path(4).adjacency, kind)


def test_one_neuron_has_no_spectrum():
    with pytest.raises(ValueError, match="single neuron"):
        graph_spectrum(np.ones((3, 1)), graphs.path(1).adjacency)


@pytest.mark.parametrize("unit", [1e-4, 1e4])
def test_the_unit_of_weights_is_that_of_the_frequencies(unit):
    graph = GRAPHS["grid"]
    frequencies, shares, expected = graph_spectrum(random_cells(graph), graph.adjacency)
    scaled = graph_spectrum(random_cells(graph), unit * graph.adjacency)
    for one, other in zip(scaled, (unit * frequencies, shares, expected), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9 * unit, rtol=1e-6)
