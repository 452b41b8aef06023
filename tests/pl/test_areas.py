"""Areas: equal in size, apart where the graph has no edge."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.path import Path as Outline
from scipy.spatial import cKDTree

from scgsr import graphs
from scgsr.pl import _areas
from scgsr.pl._sheet import Sheet, _rim, _unit_of

TREES = {
    "tree": graphs.tree(4),
    "three": graphs.tree(3, branching=3),
    "star": graphs.star(13),
    "fork": graphs.wishbone(6, 5),
}


def size(polygon):
    x, y = polygon.T
    return 0.5 * (x @ np.roll(y, -1) - y @ np.roll(x, -1))


def diagram(graph):
    """Return the areas before gaps are cut, and how many there are."""
    middle = graph.positions.mean(axis=0)
    sites = np.concatenate([graph.positions, _rim(graph)]) - middle
    return _areas._equal(sites, graph.n_neurons)


def test_all_areas_are_equal_but_for_the_gaps(polygon_graph):
    sizes = diagram(polygon_graph).sizes(polygon_graph.n_neurons)
    assert np.ptp(sizes) <= 0.03 * sizes.mean()


def test_without_gaps_polygons_have_these_sizes(graph_named):
    graph = graph_named["permuted grid"]
    sizes = [size(polygon) for polygon in Sheet.of_graph(graph).polygons]
    np.testing.assert_allclose(sizes, diagram(graph).sizes(25), rtol=1e-5)


def along(polygon):
    """Return points along the sides of a polygon."""
    shares = np.linspace(0, 1, 50)[:, None, None]
    return (polygon + shares * (np.roll(polygon, -1, axis=0) - polygon)).reshape(-1, 2)


@pytest.mark.parametrize("graph", TREES.values(), ids=TREES)
def test_areas_of_a_tree_touch_only_where_it_has_an_edge(graph):
    sheet, tied = Sheet.of_graph(graph), graph.adjacency.toarray() > 0
    sides = [along(polygon) for polygon in sheet.polygons]
    trees = [cKDTree(points) for points in sides]
    linked = 0
    for one in range(graph.n_neurons):
        for other in range(one):
            apart = trees[one].query(sides[other])[0].min()
            if not tied[one, other]:
                assert apart > 0.02 * _unit_of(graph)
            else:
                linked += apart > 0.02 * _unit_of(graph)
    assert len(sheet.links) >= linked


def test_spokes_too_thin_to_reach_the_hub_are_linked_to_it():
    assert len(Sheet.of_graph(graphs.star(40)).links) == 39
    assert len(Sheet.of_graph(graphs.wishbone(6, 5)).links) == 0


def test_neurons_across_a_square_of_edges_may_touch_and_children_of_one_parent_may_not():
    square, star = _areas._touching(graphs.ring(4).adjacency), _areas._touching(graphs.star(4).adjacency)
    assert square[0, 2]
    assert not star[1, 2]
    assert star[0, 1]


def test_cutting_keeps_what_is_on_this_side():
    square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    part = _areas._cut(square, np.array([1.0, 0]), 0.25)
    assert size(part) == pytest.approx(0.25)
    assert Outline(part).contains_point((0.2, 0.5))
    assert np.array_equal(_areas._cut(square, np.array([1.0, 0]), 2.0), square)
