"""Cells on graphs of their own shape and of others."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.stats import binomtest, norm

from scgsr._measures._tears import _STANDARD_ERRORS, _border_cells, _bound, _neighbours, borders, has_no_branches
from scgsr.graphs import disjoint, grid, path, ring, star

N = 12


def lit(position, graph, *, width=0.6):
    """Return activations of cells at a position along the neurons, 0 to n."""
    n = graph.n_neurons
    apart = np.abs(position[:, None] - (np.arange(n) + 0.5))
    if graph.name == "ring":
        apart = np.minimum(apart, n - apart)
    return np.exp(-((apart / width) ** 2) / 2) * (apart < 3 * width)


def circle(n_cells=3000):
    turn = np.linspace(0, 1, n_cells, endpoint=False)
    return turn * N, np.column_stack([np.cos(2 * np.pi * turn), np.sin(2 * np.pi * turn)])


def line(n_cells=3000):
    position = np.linspace(0, N, n_cells, endpoint=False)
    return position, np.column_stack([position, np.zeros(n_cells)])


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        (path(5), True),
        (ring(5), True),
        (disjoint(path(2), ring(3), path(1)), True),
        (star(4), False),
        (grid(2, 3), False),
    ],
)
def test_graphs_without_branches(graph, expected):
    assert has_no_branches(graph.adjacency) == expected
    assert not has_no_branches(csr_matrix((4, 4)))


def test_cells_on_a_graph_of_their_shape_are_not_torn():
    position, points = circle()
    found = borders(lit(position, ring(N)), points, ring(N).adjacency)
    assert found.torn == 0
    assert found.closure > 0.3
    position, points = line()
    found = borders(lit(position, path(N)), points, path(N).adjacency)
    assert found.torn == 0
    assert np.isnan(found.closure)


def test_a_circle_on_a_path_is_torn_at_its_ends():
    position, points = circle()
    assert borders(lit(position, path(N)), points, path(N).adjacency).torn > 0.3


def test_a_line_on_a_ring_leaves_a_seam():
    position, points = line()
    found = borders(lit(position, ring(N)), points, ring(N).adjacency)
    assert found.torn == 0
    assert found.closure < 0.1


def test_neurons_without_cells_do_not_part_their_neighbours():
    position, points = circle()
    activations = lit(position, ring(N))
    wide = np.zeros((len(activations), 2 * N))
    wide[:, ::2] = activations
    found = borders(wide, points, ring(2 * N).adjacency)
    assert found.torn == 0
    assert found.closure > 0.3


def test_cells_that_hang_together_on_two_pieces_of_a_graph_are_torn():
    position, points = line()
    halves = disjoint(path(N // 2), path(N // 2))
    assert borders(lit(position, path(N)), points, halves.adjacency).torn > 0.3
    gap = np.column_stack([points[:, 0] + 100 * (position >= N // 2), points[:, 1]])
    assert borders(lit(position, path(N)), gap, halves.adjacency).torn == 0


def test_a_linear_code_counts_by_its_absolute_values():
    position, points = circle()
    sign = np.where(np.arange(3000) % 2, 1, -1)[:, None]
    one, other = (
        borders(values, points, ring(N).adjacency) for values in (lit(position, ring(N)), sign * lit(position, ring(N)))
    )
    assert one == other


def test_of_fewer_cells_less_is_sure():
    torn, closures = [], []
    for n_cells in (120, 3000):
        position, points = circle(n_cells)
        torn.append(borders(lit(position, path(N)), points, path(N).adjacency).torn)
        position, points = line(n_cells)
        closures.append(borders(lit(position, ring(N)), points, ring(N).adjacency).closure)
    assert torn[0] < torn[1]
    assert closures[0] > closures[1]


@pytest.mark.parametrize("n_places", [0, 1])
def test_without_two_places_nothing_is_known(n_places):
    activations = np.zeros((50, 4))
    activations[:, 0] = n_places
    found = borders(activations, np.zeros((50, 2)), ring(4).adjacency)
    assert np.isnan(found.torn)
    assert np.isnan(found.closure)


def test_two_places_do_not_close_a_ring():
    activations = np.eye(6)[np.repeat([0, 1], 50)]
    points = np.linspace(0, 1, 100)[:, None]
    assert borders(activations, points, ring(6).adjacency).closure == 0


@pytest.mark.parametrize(("edges", "expected"), [([], False), ([(0, 1)], True), ([(0, 1), (2, 3)], True)])
def test_pairs_have_no_branches_and_neurons_alone_are_nothing(edges, expected):
    adjacency = np.zeros((4, 4))
    for one, other in edges:
        adjacency[one, other] = adjacency[other, one] = 1
    assert has_no_branches(csr_matrix(adjacency)) is expected


@pytest.mark.parametrize(("part", "whole"), [(0, 7), (3, 7), (7, 7), (40, 1000)])
def test_the_bounds_are_those_of_wilson(part, whole):
    interval = binomtest(part, whole).proportion_ci(2 * norm.cdf(_STANDARD_ERRORS) - 1, method="wilson")
    at = lambda z: _bound(np.array([part]), np.array([whole]), z)[0]
    assert at(-_STANDARD_ERRORS) == pytest.approx(interval.low, abs=1e-12)
    assert at(_STANDARD_ERRORS) == pytest.approx(interval.high)


def test_of_no_cells_nothing_is_known():
    assert _bound(np.zeros(1), np.zeros(1), -_STANDARD_ERRORS)[0] == 0
    assert _bound(np.zeros(1), np.zeros(1), _STANDARD_ERRORS)[0] == 1
    assert norm.sf(_STANDARD_ERRORS) == pytest.approx(0.05, abs=1e-4)  # as its comment says


def test_on_a_border_are_cells_at_most_half_as_far_again_from_the_second_place():
    centres = np.array([[0.0], [10.0], [100.0]])
    # 4 and 6 from the first two: exactly half as far again; 3.9 and 6.1 are more.
    points = np.array([[4.0], [3.9], [6.0], [55.0], [52.0]])
    expected = np.zeros((3, 3))
    expected[0, 1] = expected[1, 0] = 1
    expected[1, 2] += 2  # 45 and 45, 42 and 48
    np.testing.assert_array_equal(_border_cells(points, centres), expected)


def test_places_of_too_few_cells_are_left_out():
    n_cells = [300, 300, 4]  # the place in the middle of the path has four cells, far from all others
    activations = np.eye(3)[np.repeat([0, 2, 1], n_cells)]
    points = np.concatenate([np.linspace(0, 1, 300), np.linspace(1, 2, 300), np.full(4, 50.0)])[:, None]
    assert borders(activations, points, path(3).adjacency).torn == 0
    more = np.concatenate([activations, activations[-1:]]), np.concatenate([points, points[-1:]])
    assert borders(*more, path(3).adjacency).torn > 0.5  # of five it is a place


def test_neighbours_have_no_place_between_them():
    hops = np.abs(np.subtract.outer([0, 1, 3], [0, 1, 3])).astype(float)
    np.testing.assert_array_equal(_neighbours(hops), [[False, True, False], [True, False, True], [False, True, False]])
    hops[2], hops[:, 2], hops[2, 2] = np.inf, np.inf, 0
    np.testing.assert_array_equal(_neighbours(hops), [[False, True, False], [True, False, False], [False] * 3])
