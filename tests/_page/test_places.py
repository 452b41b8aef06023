"""A cell lies amid the neurons that it activates."""

from __future__ import annotations

import numpy as np

from scgsr import _random, graphs
from scgsr._page import on_sheet

POSITIONS = graphs.grid(4, 6).positions


def test_a_cell_of_one_neuron_lies_in_its_area():
    places = on_sheet(np.eye(24, dtype=np.float32), POSITIONS, _random.generator(0))
    assert (np.abs(places - POSITIONS) < 0.5).all()


def test_a_cell_lies_between_what_it_activates_and_nearer_to_the_brighter():
    activations = np.zeros((2, 24))
    activations[0, [0, 5]] = 1
    activations[1, [0, 5]] = [3, 2]
    places = on_sheet(activations, POSITIONS, _random.generator(0))
    assert abs(places[0, 0] - 2.5) < 0.5
    assert places[1, 0] < places[0, 0]


def test_negative_activations_count_by_their_size():
    activations = np.zeros((1, 24))
    activations[0, 7] = -2
    assert np.abs(on_sheet(activations, POSITIONS, _random.generator(0))[0] - POSITIONS[7]).max() < 0.5


def test_a_cell_without_a_picture_lies_below_the_sheet():
    place = on_sheet(np.zeros((1, 24)), POSITIONS, _random.generator(0))[0]
    assert place[1] < POSITIONS[:, 1].min() - 0.5
    assert abs(place[0] - POSITIONS[:, 0].mean()) < 0.5


def test_cells_of_one_neuron_do_not_hide_each_other_and_stay_where_they_are():
    activations = np.tile(np.eye(24)[3], (50, 1))
    places = on_sheet(activations, POSITIONS, _random.generator(0))
    assert len(np.unique(places, axis=0)) == 50
    assert np.array_equal(places, on_sheet(activations, POSITIONS, _random.generator(0)))


def test_a_single_neuron_has_a_place_too():
    assert np.isfinite(on_sheet(np.ones((3, 1)), np.zeros((1, 2)), _random.generator(0))).all()
