"""Borders lie where modules meet."""

from __future__ import annotations

import numpy as np

from scgsr import graphs
from scgsr._page import borders
from scgsr.pl._sheet import Sheet


def test_pixels_of_two_modules_meet_along_a_line():
    areas = Sheet.of_graph(graphs.grid(3, 4)).areas
    modules = np.tile([0, 0, 1, 1], 3)
    found = borders(areas, modules)
    assert found.shape == (3, 2, 2)
    assert (found[:, :, 0] == 1.5).all()
    assert sorted(np.abs(found[:, 0, 1] - found[:, 1, 1]).tolist()) == [1, 1, 1]


def test_areas_of_any_graph_share_their_sides():
    graph = graphs.ring(12)
    areas = Sheet.of_graph(graph).areas
    found = borders(areas, (np.arange(12) >= 6).astype(int))
    assert len(found) == 2


def test_one_module_has_no_border():
    assert borders(Sheet.of_graph(graphs.grid(3)).areas, np.zeros(9)).shape == (0, 2, 2)
