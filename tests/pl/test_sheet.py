"""The sheet: one area for each neuron."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.path import Path as Outline
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import QhullError, cKDTree

from scgsr import graphs
from scgsr.pl import _sheet
from scgsr.pl._sheet import Sheet


def test_each_polygon_holds_its_own_neuron_and_is_convex(polygon_graph):
    for position, polygon in zip(polygon_graph.positions, Sheet.of_graph(polygon_graph).polygons, strict=True):
        assert Outline(polygon).contains_point(position)
        turn = np.roll(polygon, -1, axis=0) - polygon
        following = np.roll(turn, -1, axis=0)
        cross = turn[:, 0] * following[:, 1] - turn[:, 1] * following[:, 0]
        assert (cross >= -1e-9 * np.abs(turn).max() ** 2).all()


def test_a_place_belongs_to_one_neuron_or_to_none(polygon_graph):
    sheet = Sheet.of_graph(polygon_graph)
    left, right, bottom, top = sheet.bounds
    points = np.random.default_rng(0).uniform((left, bottom), (right, top), size=(2000, 2))
    inside = np.array([Outline(polygon).contains_points(points) for polygon in sheet.polygons])
    assert inside.sum(axis=0).max() == 1


@pytest.mark.parametrize("name", ["permuted grid", "two neurons", "path"])
def test_a_compact_layout_has_no_holes(name, graph_named):
    graph = graph_named[name]
    weights = np.random.default_rng(0).dirichlet(np.ones(3), size=500)
    corners = graph.positions[np.random.default_rng(1).integers(graph.n_neurons, size=(500, 3))]
    points = np.einsum("pc,pcx->px", weights, corners)
    inside = np.array(
        [Outline(polygon).contains_points(points, radius=1e-9) for polygon in Sheet.of_graph(graph).polygons]
    )
    assert inside.any(axis=0).all()


BORDERS = {"path": 1, "ring": 2, "permuted grid": 1, "modules": 5, "isolated": 5}


@pytest.mark.parametrize(("name", "n_borders"), BORDERS.items())
def test_a_part_has_one_closed_border_and_a_ring_two(name, n_borders, graph_named):
    corners = np.unique(Sheet.of_graph(graph_named[name]).outline.round(9).reshape(-1, 2), axis=0, return_inverse=True)[
        1
    ]
    start, end = corners.reshape(-1, 2).T
    joined = csr_matrix((np.ones(len(start)), (start, end)), shape=(corners.max() + 1,) * 2)
    assert connected_components(joined, directed=False)[0] == n_borders
    assert (np.bincount(corners) == 2).all()


@pytest.mark.parametrize("name", ["modules", "disjoint"])
def test_unconnected_parts_do_not_touch(name, graph_named):
    graph = graph_named[name]
    polygons, part = Sheet.of_graph(graph).polygons, graph.components[1]
    parts = [np.concatenate([polygons[i] for i in np.flatnonzero(part == each)]) for each in range(part.max() + 1)]
    for one, corners in enumerate(parts):
        for other in parts[one + 1 :]:
            assert cKDTree(corners).query(other)[0].min() > 0.1


def area(polygon):
    x, y = polygon.T
    return 0.5 * (x @ np.roll(y, -1) - y @ np.roll(x, -1))


def test_renumbering_neurons_leaves_the_picture_as_it_was(polygon_graph):
    order = np.random.default_rng(3).permutation(polygon_graph.n_neurons)
    before, after = Sheet.of_graph(polygon_graph), Sheet.of_graph(polygon_graph.permuted(order))
    assert np.allclose(after.bounds, before.bounds)
    for new, old in enumerate(order):
        assert area(after.polygons[new]) == pytest.approx(area(before.polygons[old]))
        assert np.allclose(after.polygons[new].min(axis=0), before.polygons[old].min(axis=0))
        assert np.allclose(after.polygons[new].max(axis=0), before.polygons[old].max(axis=0))


def test_pixels_are_areas_too(pixel_graph):
    sheet = Sheet.of_graph(pixel_graph)
    for position, pixel in zip(pixel_graph.positions, sheet.areas, strict=True):
        assert np.allclose(pixel.mean(axis=0), position)
        assert area(pixel) == 1


def test_the_areas_of_other_graphs_are_their_polygons(polygon_graph):
    sheet = Sheet.of_graph(polygon_graph)
    assert sheet.areas is sheet.polygons


def test_a_position_so_far_away_that_areas_are_lost_to_rounding_is_named():
    ring = graphs.ring(6)
    positions = ring.positions.copy()
    positions[3] = 1e6, -1
    with pytest.raises(ValueError, match=r"`positions` of the neuron graph 'ring' lie too far apart, by up to 1e\+06"):
        Sheet.of_graph(replace(ring, positions=positions))


def test_positions_that_cannot_be_parted_are_named(monkeypatch):
    def flat(*_):
        raise QhullError

    monkeypatch.setattr(_sheet, "areas", flat)
    with pytest.raises(ValueError, match=r"`positions` of the neuron graph 'ring' lie too far apart"):
        Sheet.of_graph(graphs.ring(5))
