"""Colours of groups of cells and of modules."""

from __future__ import annotations

import numpy as np
import pytest
from scanpy.plotting import palettes

from scgsr._adata import group_colors, palette


@pytest.mark.parametrize(
    ("n", "source"), [(1, "default_20"), (20, "default_20"), (21, "default_28"), (29, "default_102")]
)
def test_the_palette_is_the_smallest_of_scanpy_that_has_enough(n, source):
    assert list(palette(n)) == list(getattr(palettes, source)[:n])


def test_beyond_the_largest_palette_colours_repeat():
    colors = palette(205)
    assert colors.shape == (205,)
    assert list(colors[102:204]) == list(colors[:102])


def test_stored_colours_go_by_the_category(cells):
    cells.uns["group_colors"] = ["#000001", "#000002", "#000003", "#000004"]
    assert group_colors(cells, "group", ["group 2", "group 0"]) == ["#000003", "#000001"]


@pytest.mark.parametrize("stored", [None, ["#000001"]])
def test_without_enough_stored_colours_they_are_those_of_scanpy(cells, stored):
    if stored is not None:
        cells.uns["group_colors"] = stored
    assert group_colors(cells, "group", ["group 3"]) == [palettes.default_20[3]]
    assert set(cells.uns) == ({"group_colors"} if stored else set())


@pytest.mark.parametrize(
    "stored",
    [
        ["#ff0000", "#00ff00", "#0000ff", "#ffffff"],
        [(1, 0, 0), (0, 1.0, 0), (0, 0, 1.0), (1, 1, 1)],
        np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]),
        np.array(["#ff0000", "#00ff00", "#0000ff", "#ffffff"], dtype=object),
        {"group 2": "#0000ff", "group 0": "#ff0000", "group 1": (0, 1, 0), "group 3": "#ffffff"},
    ],
)
def test_stored_colours_may_have_any_form_that_scanpy_takes(cells, stored):
    cells.uns["group_colors"] = stored
    assert group_colors(cells, "group", ["group 2", "group 0", "group 1"]) == ["#0000ff", "#ff0000", "#00ff00"]


def test_a_stored_dict_without_a_group_is_not_used(cells):
    cells.uns["group_colors"] = {"group 0": "#ff0000"}
    assert group_colors(cells, "group", ["group 3"]) == [palettes.default_20[3]]


@pytest.mark.parametrize("stored", [np.arange(4), 7, [None] * 4, {"group 0": 1}, [(1, 0)] * 4, [(2, 0, 0)] * 4])
def test_what_is_no_colour_is_refused_with_a_cure(cells, stored):
    cells.uns["group_colors"] = stored
    with pytest.raises(ValueError, match=r"`adata`: \.uns\['group_colors'\] must hold colours.*del adata\.uns"):
        group_colors(cells, "group", ["group 0"])
