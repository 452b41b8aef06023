"""Neurons as columns: their order, the strip of their modules and its numbers."""

from __future__ import annotations

import itertools

import matplotlib.pyplot as plt
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgba_array

from scgsr.graphs import in_row
from scgsr.pl._columns import _LETTER_WIDTH, Columns, _with_room
from scgsr.pl._scale import DEAD


def test_columns_stand_in_the_order_of_the_graph(fitted, any_graph):
    adata = fitted(any_graph)
    modules = adata.uns["gsr"]["modules"]
    columns = Columns.of_fit(adata, "gsr")
    np.testing.assert_array_equal(columns.order, in_row(any_graph.adjacency, modules))
    np.testing.assert_array_equal(columns.modules, modules[columns.order])
    assert columns.colors == list(adata.uns["gsr_colors"])
    assert columns.heading == f"{any_graph.n_neurons} neurons, by module"


def test_the_strip_has_the_colours_of_the_modules_and_the_grey_of_the_dead(fitted, graph_named):
    columns = Columns.of_fit(fitted(graph_named["grid"], dead=[2, 9]), "gsr")
    ax = plt.figure().add_subplot()
    columns.draw(ax, 3.0, 1.0)
    (strip,) = ax.images
    assert strip.get_extent() == [0, 24, 1.0, 3.0]
    expected = [DEAD if module < 0 else columns.colors[module] for module in columns.modules]
    np.testing.assert_allclose(strip.get_array()[0], to_rgba_array(expected))


def test_each_run_of_a_module_is_named_in_its_middle():
    columns = Columns(np.arange(6), np.array([1, 1, 0, 0, 0, -1]), ["red", "blue"], ["0", "1"])
    ax = plt.figure(figsize=(9, 3)).add_subplot()
    ax.set_xlim(0, 6)
    columns.number(ax)
    ax.figure.canvas.draw()
    assert ax.get_xticks().tolist() == [1.0, 3.5, 5.5]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "0", "dead"]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.floats(0.01, 0.3))
def test_names_that_are_written_do_not_meet_and_the_widest_module_is_named(spans, inches):
    borders = np.concatenate([[0], np.cumsum(spans)])
    middles, names = inches * (borders[1:] + borders[:-1]) / 2, [str(10**i) for i in range(len(spans))]
    kept = sorted(_with_room(middles, np.array(spans), names))
    assert int(np.argmax(spans)) in kept
    for left, right in itertools.pairwise(kept):
        widths = _LETTER_WIDTH * (len(names[left]) + len(names[right]) + 1) / 2
        assert middles[right] - middles[left] >= widths - 1e-12
