"""Laws of all builders of neuron graphs, and of the shapes."""

from __future__ import annotations

import itertools
import logging

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from scgsr import graphs

# What each call builds: neurons, edges, components, sorted set of degrees.
BUILT = {
    "grid(3, 5)": (graphs.grid(3, 5), 15, 3 * 4 + 2 * 5, 1, {2, 3, 4}),
    "grid(4)": (graphs.grid(4), 16, 24, 1, {2, 3, 4}),
    "grid(1)": (graphs.grid(1), 1, 0, 1, {0}),
    "grid(1, 7)": (graphs.grid(1, 7), 7, 6, 1, {1, 2}),
    "grid(3, 5, diagonal)": (graphs.grid(3, 5, diagonal=True), 15, 22 + 2 * 2 * 4, 1, {3, 5, 8}),
    "torus(3, 5)": (graphs.grid(3, 5, periodic=True), 15, 30, 1, {4}),
    "torus(4, 5, diagonal)": (graphs.grid(4, 5, diagonal=True, periodic=True), 20, 80, 1, {8}),
    "torus(1)": (graphs.grid(1, periodic=True), 1, 0, 1, {0}),
    "torus(1, 5)": (graphs.grid(1, 5, periodic=True), 5, 5, 1, {2}),
    "torus(2)": (graphs.grid(2, periodic=True), 4, 4, 1, {2}),
    "torus(2, 5)": (graphs.grid(2, 5, periodic=True), 10, 15, 1, {3}),
    "torus(2, 2, diagonal)": (graphs.grid(2, diagonal=True, periodic=True), 4, 6, 1, {3}),
    "ring(3)": (graphs.ring(3), 3, 3, 1, {2}),
    "ring(20)": (graphs.ring(20), 20, 20, 1, {2}),
    "path(1)": (graphs.path(1), 1, 0, 1, {0}),
    "path(10)": (graphs.path(10), 10, 9, 1, {1, 2}),
    "star(2)": (graphs.star(2), 2, 1, 1, {1}),
    "star(30)": (graphs.star(30), 30, 29, 1, {1, 29}),
    "tree(1)": (graphs.tree(1), 3, 2, 1, {1, 2}),
    "tree(5)": (graphs.tree(5), 63, 62, 1, {1, 2, 3}),
    "tree(3, branching=3)": (graphs.tree(3, branching=3), 40, 39, 1, {1, 3, 4}),
    "wishbone(8, 6)": (graphs.wishbone(8, 6), 20, 19, 1, {1, 2, 3}),
    "wishbone(1, 1)": (graphs.wishbone(1, 1), 3, 2, 1, {1, 2}),
    "wishbone(4, 3, n_branches=9)": (graphs.wishbone(4, 3, n_branches=9), 31, 30, 1, {1, 2, 10}),
    "wishbone(2, 2, n_branches=1)": (graphs.wishbone(2, 2, n_branches=1), 4, 3, 1, {1, 2}),
    "modules(4, 6)": (graphs.modules(4, 6), 24, 4 * 15, 4, {5}),
    "modules(3, 1)": (graphs.modules(3, 1), 3, 0, 3, {0}),
    "capsules(4, 6)": (graphs.capsules(4, 6), 24, 6 * 6, 6, {3}),
    "disjoint": (graphs.disjoint(graphs.grid(3), graphs.ring(5), graphs.path(1)), 15, 17, 3, {0, 2, 3, 4}),
}
built = pytest.mark.parametrize("name", BUILT)


@built
def test_builders_by_formula(name):
    graph, n_neurons, n_edges, n_components, degrees = BUILT[name]
    adjacency = graph.adjacency.toarray()
    assert (graph.n_neurons, graph.n_edges, graph.components[0]) == (n_neurons, n_edges, n_components)
    assert set(adjacency.sum(axis=0)) == degrees
    np.testing.assert_array_equal(adjacency, adjacency.T)
    assert set(np.unique(adjacency)) <= {0.0, 1.0}
    assert not adjacency.diagonal().any()


@built
def test_every_builder_draws_neurons_apart(name):
    graph = BUILT[name][0]
    assert graph.positions.shape == (graph.n_neurons, 2)
    assert np.isfinite(graph.positions).all()
    assert pdist(graph.positions).min(initial=np.inf) > 0.3


@pytest.mark.parametrize("name", ["grid(3, 5)", "ring(20)", "path(10)", "wishbone(8, 6)", "star(2)"])
def test_tied_neurons_are_drawn_a_unit_apart(name):
    graph = BUILT[name][0]
    source, target = graph.adjacency.nonzero()
    np.testing.assert_allclose(np.linalg.norm(graph.positions[source] - graph.positions[target], axis=1), 1)


def test_builders_have_nothing_to_log(caplog):
    with caplog.at_level(logging.DEBUG, logger="scgsr"):
        graphs.grid(1, periodic=True)
        graphs.grid(2, periodic=True, diagonal=True)
        graphs.modules(2, 1)
    assert not caplog.records


def test_grid_is_an_image_in_row_major_order_with_row_zero_at_the_top():
    graph = graphs.grid(2, 3)
    assert graph.image_shape == (2, 3)
    np.testing.assert_array_equal(graph.positions, [[0, 0], [1, 0], [2, 0], [0, -1], [1, -1], [2, -1]])
    np.testing.assert_array_equal(np.flatnonzero(graph.adjacency.toarray()[1]), [0, 2, 4])


def test_torus_looks_the_same_from_every_neuron():
    height, width = 3, 5
    graph = graphs.grid(height, width, periodic=True)
    index = np.arange(graph.n_neurons).reshape(height, width)
    for shift in itertools.product(range(height), range(width)):
        moved = graph.permuted(np.roll(index, shift, axis=(0, 1)).ravel())
        np.testing.assert_array_equal(moved.adjacency.toarray(), graph.adjacency.toarray())


def test_only_sheets_and_capsules_are_images():
    images = [name for name in BUILT if name.startswith(("grid", "torus", "capsules"))]
    assert [name for name in BUILT if BUILT[name][0].image_shape] == images


def test_tree_numbers_its_generations():
    graph = graphs.tree(3, branching=3)
    for child in range(1, graph.n_neurons):
        assert graph.adjacency[child, (child - 1) // 3] == 1
    radius = np.linalg.norm(graph.positions, axis=1)
    np.testing.assert_allclose(radius, np.repeat([0, 1, 2, 3], [1, 3, 9, 27]), atol=1e-12)


def test_wishbone_splits_after_its_stem():
    graph = graphs.wishbone(4, 3)
    np.testing.assert_array_equal(np.flatnonzero(graph.adjacency.toarray()[3]), [2, 4, 7])
    x, y = graph.positions.T
    assert (x[:4] == 0).all()
    assert (x[4:7] < 0).all()
    assert (x[7:] > 0).all()
    assert (np.diff(y[:7]) > 0).all()


@pytest.mark.parametrize(
    ("build", "argument"),
    [
        (lambda value: graphs.grid(value), "height"),
        (lambda value: graphs.grid(3, value), "width"),
        (lambda value: graphs.ring(value), "n"),
        (lambda value: graphs.path(value), "n"),
        (lambda value: graphs.star(value), "n"),
        (lambda value: graphs.tree(value), "depth"),
        (lambda value: graphs.tree(2, branching=value), "branching"),
        (lambda value: graphs.wishbone(value, 2), "n_stem"),
        (lambda value: graphs.wishbone(2, value), "n_branch"),
        (lambda value: graphs.wishbone(2, 2, n_branches=value), "n_branches"),
        (lambda value: graphs.modules(value, 2), "n_modules"),
        (lambda value: graphs.modules(2, value), "size"),
        (lambda value: graphs.learned(value), "n_neurons"),
        (lambda value: graphs.learned(n_neighbors=value), "n_neighbors"),
    ],
)
def test_sizes_are_positive_integers(build, argument):
    with pytest.raises(ValueError, match=f"`{argument}` must be at least [123], got 0"):
        build(0)
    with pytest.raises(TypeError, match=f"`{argument}` must be an integer"):
        build(2.5)


@pytest.mark.parametrize(("depth", "branching"), [(3, 2), (2, 3), (2, 5)])
def test_a_generation_is_centred_on_the_one_above_it(depth, branching):
    graph = graphs.tree(depth, branching=branching)
    parent = (np.arange(1, graph.n_neurons) - 1) // branching
    for one in np.unique(parent[parent > 0]):
        x, y = graph.positions[1:][parent == one].mean(axis=0)
        along, aside = graph.positions[one]
        assert x * aside - y * along == pytest.approx(0, abs=1e-9)  # in the direction of the parent, seen from the root
        assert x * along + y * aside > 0
    first, *_, last = graph.positions[-(branching**depth) :]
    assert first[0] > 0 > last[0]  # clockwise, half a step from the top
    assert first == pytest.approx(last * [-1, 1])


@pytest.mark.parametrize(("n_branches", "degrees"), [(2, 70), (3, 70), (5, 60)])
def test_branches_of_a_wishbone_are_a_fan_about_straight_up(n_branches, degrees):
    graph = graphs.wishbone(3, 2, n_branches=n_branches)
    np.testing.assert_array_equal(graph.positions[:3], [[0, -2], [0, -1], [0, 0]])
    ends = graph.positions[4::2]
    np.testing.assert_allclose(np.linalg.norm(ends, axis=1), 2)
    turns = np.degrees(np.arctan2(ends[:, 0], ends[:, 1]))
    np.testing.assert_allclose(turns, degrees * (np.arange(n_branches) - (n_branches - 1) / 2), atol=1e-9)


def test_rings_and_spokes_go_clockwise_from_the_top():
    positions = graphs.ring(4).positions
    np.testing.assert_allclose(positions, np.array([[0, 1], [1, 0], [0, -1], [-1, 0]]) / np.sqrt(2), atol=1e-12)
    np.testing.assert_allclose(graphs.star(4).positions[:2], [[0, 0], [0, 1]], atol=1e-12)
    many = np.linalg.norm(np.diff(graphs.star(30).positions[1:], axis=0), axis=1)
    np.testing.assert_allclose(many, 1)
    np.testing.assert_array_equal(graphs.path(3).positions, [[0, 0], [1, 0], [2, 0]])


@pytest.mark.parametrize(
    ("build", "entries"),  # how many entries of the adjacency are counted for an edge
    [
        (lambda: graphs.grid(30, 40), 1),
        (lambda: graphs.grid(30, 40, diagonal=True), 1),
        (lambda: graphs.ring(50), 1),
        (lambda: graphs.path(50), 1),
        (lambda: graphs.star(50), 1),
        (lambda: graphs.wishbone(50, 7, n_branches=3), 1),
        (lambda: graphs.modules(7, 30), 2),
        (lambda: graphs.capsules(30, 7), 2),
    ],
)
def test_what_a_graph_takes_is_known_before_it_is_made(build, entries, monkeypatch):
    known = []
    for room in ("_shapes", "_composed"):
        monkeypatch.setattr(f"scgsr.graphs.{room}.check_size", lambda sizes, *numbers: known.append((sizes, *numbers)))
    graph = build()
    ((sizes, n_neurons, n_edges),) = known
    assert n_neurons == graph.n_neurons
    assert graph.n_edges <= n_edges / entries <= 1.05 * graph.n_edges
    assert max(sizes.values()) <= n_neurons


def test_of_a_tree_the_last_generation_is_known_before_it_is_made(monkeypatch):
    known = []
    monkeypatch.setattr("scgsr.graphs._shapes.check_size", lambda sizes, *numbers: known.append((sizes, *numbers)))
    graphs.tree(3, branching=4)
    assert known == [({"depth": 3, "branching": 4}, 64, 64)]


@pytest.mark.parametrize("build", [lambda: graphs.tree(10**9), lambda: graphs.grid(10**7), lambda: graphs.path(10**14)])
def test_a_graph_that_no_memory_holds_is_refused(build):
    with pytest.raises(ValueError, match="memory"):
        build()
