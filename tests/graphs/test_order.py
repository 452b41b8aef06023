"""Neurons in a row."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr import graphs
from scgsr.graphs import in_row
from scgsr.graphs._order import _continuing, _has_at_most_one_loop

GRAPHS = {
    "one neuron": graphs.path(1),
    "path": graphs.path(10),
    "ring": graphs.ring(12),
    "tree": graphs.tree(3),
    "wishbone": graphs.wishbone(6, 5),
    "grid": graphs.grid(6, 7),
    "torus": graphs.grid(5, periodic=True),
    "modules": graphs.modules(4, 5),
    "disjoint": graphs.disjoint(graphs.grid(3), graphs.ring(7), graphs.path(1)),
    "edgeless": graphs.from_adjacency(np.zeros((5, 5))),
}
every_graph = pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)


def spans(graph, row):
    """Return how far apart the ends of each edge stand in the row."""
    rank, edges = np.argsort(row), graph.adjacency.tocoo()
    return np.abs(rank[edges.row] - rank[edges.col])


@every_graph
@pytest.mark.parametrize("n_modules", [0, 1, 3])
def test_each_neuron_stands_once_and_modules_in_one_piece(graph, n_modules):
    n = graph.n_neurons
    modules = np.arange(n) * n_modules // n if n_modules else np.full(n, -1)
    row = in_row(graph.adjacency, modules)
    assert sorted(row) == list(range(n))
    if n_modules and graph.name in {"grid", "torus", "modules"}:
        assert (np.diff(modules[row]) != 0).sum() == len(np.unique(modules)) - 1


@every_graph
def test_neighbours_stand_nearer_than_by_chance(graph):
    row = in_row(graph.adjacency, np.zeros(graph.n_neurons, dtype=int))
    if graph.n_edges:
        rng = np.random.default_rng(0)
        by_chance = np.mean([spans(graph, rng.permutation(graph.n_neurons)).mean() for _ in range(20)])
        assert spans(graph, row).mean() < 0.75 * by_chance


@pytest.mark.parametrize("graph", [graphs.path(9), graphs.disjoint(graphs.path(4), graphs.path(3))], ids=["one", "two"])
def test_a_path_is_walked_along_whatever_the_numbers(graph):
    shuffled = graph.permuted(np.random.default_rng(1).permutation(graph.n_neurons))
    assert (spans(shuffled, in_row(shuffled.adjacency, np.zeros(graph.n_neurons, dtype=int))) == 1).all()


def test_a_ring_is_opened_once():
    ring = graphs.ring(11).permuted(np.random.default_rng(2).permutation(11))
    lengths = spans(ring, in_row(ring.adjacency, np.zeros(11, dtype=int)))
    assert sorted(lengths) == [1] * 20 + [10] * 2


def test_dead_neurons_come_last():
    modules = np.zeros(42, dtype=int)
    modules[[3, 17]] = -1
    assert set(in_row(graphs.grid(6, 7).adjacency, modules)[-2:]) == {3, 17}


@pytest.mark.parametrize("points", [[0.0, 1, 2], [2.0, 1, 0]], ids=["as it is", "turned"])
def test_a_module_goes_on_from_the_end_that_is_nearer(points):
    points = np.array([[-1.0, 0], *([x, 0] for x in points)])
    row = _continuing(np.array([0]), np.array([1, 2, 3]), points)
    assert points[row, 0].tolist() == [0, 1, 2]


def test_a_walk_begins_at_an_end():
    assert in_row(graphs.path(5).permuted([2, 4, 1, 3, 0]).adjacency, np.zeros(5, dtype=int)).tolist() in (
        [1, 3, 0, 2, 4],
        [4, 2, 0, 3, 1],
    )
    leaf = in_row(graphs.star(6).adjacency, np.zeros(6, dtype=int))
    assert leaf[0] != 0
    assert leaf[1] == 0


def test_two_loops_are_not_walked_and_one_is():
    two_loops = graphs.from_adjacency(np.ones((4, 4)))
    assert not _has_at_most_one_loop(two_loops.adjacency)
    assert _has_at_most_one_loop(graphs.ring(4).adjacency)
    chord = graphs.ring(4).adjacency.toarray()
    chord[0, 2] = chord[2, 0] = 1
    assert not _has_at_most_one_loop(graphs.from_adjacency(chord).adjacency)


def test_modules_that_are_near_on_the_graph_stand_side_by_side():
    sheet, column = graphs.grid(4, 12), np.arange(48) % 12
    modules = np.array([2, 0, 3, 1])[column // 3]
    row = modules[in_row(sheet.adjacency, modules)]
    blocks = row[np.flatnonzero(np.diff(row, prepend=-9))].tolist()
    assert blocks in ([2, 0, 3, 1], [1, 3, 0, 2])
