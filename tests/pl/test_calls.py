"""What users of `scanpy.pl` try first."""

from __future__ import annotations

import inspect

import matplotlib.pyplot as plt
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scgsr import pl
from scgsr.pl._calls import checked_figsize, checked_titles

PICTURES = {name: getattr(pl, name) for name in pl.__all__ if name != "report"}  # which is a page


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
def test_save_is_refused_with_what_to_write(draw, on_grid):
    with pytest.raises(TypeError, match=r"fig\.savefig"):
        draw(on_grid, save="picture.pdf")


@pytest.mark.parametrize(
    "name", [name for name, draw in PICTURES.items() if "groupby" in list(inspect.signature(draw).parameters)[2:]]
)
def test_a_column_in_the_second_place_is_refused_with_what_to_write(name, on_grid):
    with pytest.raises((TypeError, KeyError), match="did you mean groupby='group'"):
        PICTURES[name](on_grid, "group")


def test_a_colour_in_the_second_place_too(on_grid):
    with pytest.raises(TypeError, match="did you mean color='activation'"):
        pl.neuron_graph(on_grid, "activation")
    with pytest.raises(TypeError, match="positional"):
        pl.history(on_grid, 3)


@pytest.mark.parametrize("many", [True, False])
def test_the_type_does_not_depend_on_the_number_of_panels(many, on_grid):
    assert isinstance(pl.activation_map(on_grid, [0, 1] if many else 0), Figure)
    assert isinstance(pl.activation_map(on_grid, [0, 1] if many else 0, return_fig=True), Figure)


def test_the_figure_is_returned_if_asked_for(on_grid, monkeypatch):
    assert isinstance(pl.neuron_graph(on_grid), Axes)
    assert isinstance(pl.neuron_graph(on_grid, return_fig=True), Figure)
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(True))
    assert isinstance(pl.neuron_graph(on_grid, return_fig=True, show=True), Figure)
    assert shown == [True]


def test_sizes_are_checked():
    assert checked_figsize(None) == (None, None)
    assert checked_figsize((3, None)) == (3.0, None)
    for wrong in (3, "3", (1, 2, 3)):
        with pytest.raises(TypeError, match="`figsize`"):
            checked_figsize(wrong)
    for wrong in ((0, 1), (-1, None), (float("nan"), 1)):
        with pytest.raises(ValueError, match="`figsize`"):
            checked_figsize(wrong)
    with pytest.raises(ValueError, match="`ax`"):
        checked_figsize((1, 2), plt.figure().add_subplot())


def test_titles_are_checked():
    assert checked_titles(None, ["a", "b"]) == ("", ["a", "b"])
    assert checked_titles("all", ["a", "b"]) == ("all", ["a", "b"])
    assert checked_titles("one", ["a"]) == ("", ["one"])
    assert checked_titles(["x", "y"], ["a", "b"]) == ("", ["x", "y"])
    with pytest.raises(ValueError, match="`title`"):
        checked_titles(["x"], ["a", "b"])
    with pytest.raises(TypeError, match="`title`"):
        checked_titles(3, ["a", "b"])
