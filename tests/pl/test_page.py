"""The page: sizes that were asked for, legends beside or below, names of rows."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest
from matplotlib.cm import ScalarMappable
from matplotlib.patches import Patch

from scgsr.pl._page import Page


def page(n=1, **more):
    made = Page(titles=[f"group {i}\nn = 10" for i in range(n)], aspect=1.0, **more)
    for ax in made.axes:
        ax.set(xticks=[], yticks=[])
    return made


@pytest.mark.parametrize("figsize", [(3.35, None), (3.35, 2.5), (None, 3.0), (None, None)])
@pytest.mark.parametrize("n", [1, 5])
def test_a_size_that_is_asked_for_is_kept(n, figsize, unreadable_texts):
    made = page(n, figsize=figsize, heading="all of them")
    made.colorbar(ScalarMappable(), "mean activation / panel maximum")
    for wanted, found in zip(figsize, made.figure.get_size_inches(), strict=True):
        assert wanted is None or found == pytest.approx(wanted)
    assert unreadable_texts(made.figure) == []


def test_all_pictures_have_one_size_and_keep_apart():
    made = page(7)
    made.colorbar(ScalarMappable(), "values")
    made.figure.canvas.draw()
    boxes = [ax.bbox for ax in made.axes]
    assert len({(round(box.width, 6), round(box.height, 6)) for box in boxes}) == 1
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[i + 1 :])


@pytest.mark.parametrize(("width", "beside"), [(7.1, True), (2.5, False), (None, True)])
def test_a_legend_stands_where_there_is_room(width, beside, unreadable_texts):
    made = page(figsize=(width, None))
    names = [f"population number {i}" for i in range(6)]
    made.legend([Patch() for _ in names], names, heading="population")
    assert unreadable_texts(made.figure) == []
    legend, panel = made.axes[0].get_legend().get_window_extent(), made.axes[0].bbox
    assert (legend.x0 >= panel.x1) == beside
    assert (legend.y1 <= panel.y0) == (not beside)


def test_names_of_rows_stand_left_of_them(unreadable_texts):
    made = page(6, ncols=2, row_names=["B cells", "a population with a very long name", "T cells"])
    assert [ax.get_ylabel().split()[0] for ax in made.axes[::2]] == ["B", "a", "T"]
    assert [ax.get_ylabel() for ax in made.axes[1::2]] == ["", "", ""]
    assert unreadable_texts(made.figure) == []


def test_own_axes_are_titled_and_no_figure_is_made():
    ax = plt.figure().add_subplot()
    made = page(ax=ax)
    assert made.axes == [ax]
    assert ax.get_title() == "group 0\nn = 10"
    assert len(plt.get_fignums()) == 1
