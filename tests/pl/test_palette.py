"""Colours that the user gives, in any form; and those that are stored, in any form that Scanpy takes."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import same_color

from scgsr import pl
from scgsr.pl import _palette

GROUPS = ["B cell", "T cell", "NK cell"]
RGB = ["#ff0000", "#00ff00", "#0000ff"]


@pytest.mark.parametrize(
    "palette",
    [
        RGB,
        tuple(RGB),
        np.array(RGB),
        [(1, 0, 0), (0, 1.0, 0), (0, 0, 1.0)],
        np.eye(3),
        [*RGB, "black"],
        dict(zip(GROUPS, ["red", "lime", "blue"], strict=True)),
        dict(zip(GROUPS[::-1], RGB[::-1], strict=True)),
    ],
)
def test_any_form_will_do(palette):
    assert same_color(_palette.colors(palette, GROUPS), RGB)


def test_a_colour_map_is_taken_as_it_comes_or_at_equal_distances():
    assert same_color(_palette.colors("Set1", GROUPS), ["#e41a1c", "#377eb8", "#4daf4a"])
    assert len(set(_palette.colors("viridis", range(40)))) == 40


def test_without_a_palette_there_is_no_choice():
    assert _palette.colors(None, GROUPS) is None


def test_modules_may_be_numbers_or_their_labels():
    assert same_color(_palette.colors({"0": "red", "1": "blue"}, range(2)), ["red", "blue"])
    assert same_color(_palette.colors({0: "red", 1: "blue"}, range(2)), ["red", "blue"])


@pytest.mark.parametrize(
    "palette", [["red"], {"B cell": "red"}, "no such map", ["red", "lime", "no such colour"], [0.5, "x", 7]]
)
def test_what_is_no_palette_is_named(palette):
    with pytest.raises(ValueError, match="`palette`"):
        _palette.colors(palette, GROUPS)


def test_pictures_take_it(on_grid):
    ax = pl.neuron_graph(on_grid, palette=RGB, show=False)
    handles = ax.get_legend().legend_handles
    assert same_color([handle.get_color() for handle in handles], RGB)


def test_a_stored_name_that_matplotlib_does_not_know_is_refused(on_grid):
    on_grid.uns["gsr_colors"] = ["no colour"] * 40
    for drawn in (
        lambda: _palette.of_modules(on_grid, "gsr", None),
        lambda: _palette.of_groups(on_grid, "gsr", ["0"], None),
    ):
        with pytest.raises(ValueError, match=r"'gsr_colors'\] must hold colours.*'no colour'.*del adata\.uns"):
            drawn()
    assert same_color(_palette.of_groups(on_grid, "gsr", ["0"], ["red"]), ["red"])
