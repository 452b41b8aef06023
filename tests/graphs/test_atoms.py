"""Atoms on graphs, against the formulas and against PyGSP."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr import graphs
from scgsr.graphs import Atoms
from scgsr.graphs._atoms import centers

GRAPHS = [graphs.ring(12), graphs.grid(4, 5), graphs.star(9), graphs.wishbone(4, 3)]
WAVELETS = ("heat", "mexican_hat", "meyer")
by_name = {"ids": lambda graph: graph.name}


def all_of(kernel, graph, scales=None):
    """The atoms of all neurons, (n_scales, n_neurons, n_neurons)."""
    n = graph.n_neurons
    order = centers(graph, n)
    atoms = Atoms(kernel, scales, n).on(graph).reshape(-1, n, n)
    return atoms[:, np.argsort(order)]


def unit_rows(matrix):
    norm = np.linalg.norm(matrix, axis=1, keepdims=True)
    return matrix / np.where(norm > 1e-9, norm, np.inf)  # where a kernel leaves nothing, nothing is left


def filtered(graph, kernel):
    frequencies, modes = np.linalg.eigh(graph.laplacian().toarray())
    return modes * kernel(frequencies) @ modes.T


@pytest.mark.parametrize("graph", GRAPHS, **by_name)
def test_random_walk_atoms_are_where_walkers_end(graph):
    A = graph.adjacency.toarray() + np.eye(graph.n_neurons)
    step = A / A.sum(axis=1, keepdims=True)
    (five,) = all_of("random_walk", graph)
    np.testing.assert_allclose(five, unit_rows(np.linalg.matrix_power(step, 5)))
    one, two = all_of("random_walk", graph, (1, 2))
    np.testing.assert_allclose(one, unit_rows(step))
    np.testing.assert_allclose(two, unit_rows(step @ step))


@pytest.mark.parametrize("graph", GRAPHS, **by_name)
def test_the_written_kernels(graph):
    top = np.linalg.eigvalsh(graph.laplacian().toarray())[-1]
    (heat,) = all_of("heat", graph, (0.7,))
    np.testing.assert_allclose(heat, unit_rows(filtered(graph, lambda x: np.exp(-0.7 * x))), atol=1e-9)
    (usual,) = all_of("heat", graph)
    np.testing.assert_allclose(usual, unit_rows(filtered(graph, lambda x: np.exp(-10 / top * x))), atol=1e-9)
    low, hat = all_of("mexican_hat", graph, (0.7,))
    np.testing.assert_allclose(hat, unit_rows(filtered(graph, lambda x: 0.7 * x * np.exp(-0.7 * x))), atol=1e-9)
    smooth = lambda x: 1.2 / np.e * np.exp(-((x / (0.02 * top)) ** 4))
    np.testing.assert_allclose(low, unit_rows(filtered(graph, smooth)), atol=1e-9)
    np.testing.assert_allclose(hat.sum(axis=1), 0, atol=1e-9)
    assert (np.diagonal(hat) > 0).all()


@pytest.mark.parametrize("graph", GRAPHS, **by_name)
def test_meyer_wavelets_are_a_tight_frame_in_bands_of_twice_the_width(graph):
    from scgsr.graphs._atoms import _meyer

    # Before the rows are scaled: their squares share every frequency out among them.
    frame = sum(matrix @ matrix.T for matrix in _meyer(graph, None))
    np.testing.assert_allclose(frame, np.eye(graph.n_neurons), atol=1e-9)
    frequencies, modes = np.linalg.eigh(graph.laplacian().toarray())
    top = frequencies[-1]
    gains = [np.diagonal(modes.T @ matrix @ modes) for matrix in _meyer(graph, None)]
    for gain, scale in zip(gains[1:], (16 / 3, 8 / 3, 4 / 3), strict=True):
        x = scale / top * frequencies
        v = lambda y: y**4 * (35 - 84 * y + 70 * y**2 - 20 * y**3)
        expected = np.select(
            [(x >= 2 / 3) & (x < 4 / 3), (x >= 4 / 3) & (x < 8 / 3)],
            [np.sin(np.pi / 2 * v(1.5 * x - 1)), np.cos(np.pi / 2 * v(0.75 * x - 1))],
        )
        np.testing.assert_allclose(gain, expected, atol=1e-9)
    x = 16 / 3 / top * frequencies
    low = np.select([x < 2 / 3, x < 4 / 3], [1.0, np.cos(np.pi / 2 * v(1.5 * x - 1))])
    np.testing.assert_allclose(gains[0], low, atol=1e-9)


@pytest.mark.parametrize("graph", GRAPHS, **by_name)
@pytest.mark.parametrize("kernel", WAVELETS)
def test_wavelets_are_those_of_pygsp(graph, kernel):
    filters = pytest.importorskip("pygsp.filters", reason="pygsp is not installed")
    from pygsp.graphs import Graph

    theirs = Graph(graph.adjacency.copy())
    theirs.compute_fourier_basis()
    bank = {
        "heat": lambda: filters.Heat(theirs, scale=10),
        "mexican_hat": lambda: filters.MexicanHat(theirs, Nf=4),
        "meyer": lambda: filters.Meyer(theirs, Nf=4),
    }[kernel]()
    ours = all_of(kernel, graph)
    gains = bank.evaluate(theirs.e)
    assert len(ours) == len(gains)
    for atoms, gain in zip(ours, gains, strict=True):
        np.testing.assert_allclose(atoms, unit_rows(theirs.U * gain @ theirs.U.T), atol=1e-6)


@pytest.mark.parametrize("kernel", ["random_walk", "heat"])
def test_an_atom_is_at_home_around_its_centre(kernel):
    graph = graphs.grid(8)
    chosen = centers(graph, 32)
    atoms = Atoms(kernel).on(graph)
    row, column = np.divmod(np.arange(64), 8)
    share = atoms**2  # rows of sum 1
    middle = np.column_stack([share @ row, share @ column])
    assert np.abs(middle - np.column_stack([row[chosen], column[chosen]])).max() < 1.5
    np.testing.assert_allclose(np.linalg.norm(atoms, axis=1), 1)


def test_centres_lie_well_apart():
    assert centers(graphs.path(9), 3).tolist() == [0, 8, 4]
    ring = np.sort(centers(graphs.ring(16), 4))
    assert np.diff(ring).tolist() == [4, 4, 4]
    parts = graphs.disjoint(graphs.path(4), graphs.path(3))
    assert (centers(parts, 2) >= 4).sum() == 1  # the other component comes before a second centre
    assert sorted(centers(parts, 7)) == list(range(7))


def test_a_strong_edge_is_short():
    weights = np.zeros((3, 3))
    weights[0, 1] = weights[1, 0] = 10
    weights[1, 2] = weights[2, 1] = 0.1
    assert centers(graphs.from_adjacency(weights), 2).tolist() == [0, 2]


def test_a_graph_without_edges_has_atoms_of_one_neuron():
    empty = graphs.from_adjacency(np.zeros((6, 6)))
    for kernel in ("random_walk", "heat"):
        np.testing.assert_allclose(Atoms(kernel).on(empty), np.eye(6)[:3])
    assert np.isfinite(Atoms("mexican_hat").on(empty)).all()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"kernel": "haar"}, ValueError),
        ({"scales": ()}, ValueError),
        ({"scales": "12"}, TypeError),
        ({"scales": 3}, TypeError),
        ({"scales": (1.5,)}, TypeError),
        ({"kernel": "heat", "scales": (0.0,)}, ValueError),
        ({"n_centers": 0}, ValueError),
    ],
)
def test_bad_recipes_are_refused(arguments, error):
    with pytest.raises(error, match=f"`{list(arguments)[-1]}`"):
        Atoms(**arguments)


def test_more_centres_than_neurons_are_refused():
    with pytest.raises(ValueError, match="`n_centers` must be at most the number of neurons, 9"):
        Atoms(n_centers=10).on(graphs.ring(9))
    with pytest.raises(TypeError, match="`graph`"):
        Atoms().on((3, 3))


@pytest.mark.parametrize(("n", "n_atoms"), [(1, 1), (2, 1), (5, 2), (6, 3)])
def test_half_of_the_neurons_are_centres_and_at_least_one(n, n_atoms):
    assert Atoms().on(graphs.path(n)).shape == (n_atoms, n)


@pytest.mark.parametrize("unit", [1e-6, 1e6])
@pytest.mark.parametrize("kernel", WAVELETS)
def test_without_scales_the_unit_of_weights_does_not_matter(kernel, unit):
    graph = graphs.wishbone(4, 3)
    scaled = graphs.from_adjacency(unit * graph.adjacency, positions=graph.positions)
    np.testing.assert_allclose(Atoms(kernel).on(scaled), Atoms(kernel).on(graph), atol=1e-7)


def test_scales_are_kept_as_plain_numbers():
    assert Atoms(scales=[1, np.int64(2)]).scales == (1, 2)
    assert Atoms("heat", scales=np.array([0.5, 2])).scales == (0.5, 2.0)
    assert Atoms(n_centers=np.int64(3)).n_centers == 3
    assert Atoms(n_centers=9).on(graphs.ring(9)).shape == (9, 9)
