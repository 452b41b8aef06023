"""The picture of what `score` measured: what the artists hold."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from scgsr import pl
from scgsr.pl._score import _NAMES

OVERALL = {"morans_i": (0.8, 0.0, 0.05), "validation_r2": (0.4, np.nan, np.nan), "unknown": (0.1, 0.0, 0.1)}
BY_GROUP = {"B cell": (1.0, 0.5, 0.1), "$T$ cell": (0.5, 0.4, 0.1), "NK cell": (np.nan, np.nan, np.nan)}


@pytest.fixture
def scored(on_grid):
    rows = [("segment_connectivity", group, *numbers) for group, numbers in BY_GROUP.items()]
    rows += [(metric, "", *numbers) for metric, numbers in OVERALL.items()]
    table = pd.DataFrame(rows, columns=["metric", "group", "value", "null_mean", "null_sd"])
    on_grid.uns["gsr"]["scores"] = {"table": table, "verdict": "structure real", "advice": "", "groupby": "group"}
    return on_grid


def rows_of(ax):
    """Return name, value, number and the ends of the bar of each row."""
    values = ax.collections[0].get_offsets()
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]
    names = [label.get_text() for label in ax.get_yticklabels()]
    return list(zip(names, values, [text.get_text() for text in ax.texts], bars, strict=True))


def test_measures_stand_in_their_order_with_dot_bar_and_number(scored):
    left, _ = pl.score(scored).axes
    assert left.get_title() == "measures of the fit"  # no verdict on what goes into a paper
    rows = rows_of(left)
    measured = [metric for metric in _NAMES if metric in OVERALL]
    assert [name for name, *_ in rows] == [_NAMES[metric] for metric in measured]
    for height, (metric, (_, dot, number, bar)) in enumerate(zip(measured, rows, strict=True)):
        value, mean, sd = OVERALL[metric]
        assert tuple(dot) == (value, height)
        assert number == f"{value:.2f}"
        np.testing.assert_allclose(bar, [mean - 2 * sd, mean + 2 * sd])


def test_each_group_has_a_row_and_no_value_is_said(scored):
    _, right = pl.score(scored).axes
    assert [name for name, *_ in rows_of(right)] == list(BY_GROUP)
    assert [number for _, _, number, _ in rows_of(right)] == ["1.00", "0.50", "none"]
    assert right.get_title() == "region in one piece, by group"


@pytest.mark.parametrize("n_groups", [1, 20, 60])
def test_everything_is_on_the_page_and_panels_are_aligned_at_the_top(scored, n_groups):
    table = scored.uns["gsr"]["scores"]["table"]
    row = table.iloc[[0]]
    rows = [row.assign(group=f"a group with a long name, the number {i} of many") for i in range(n_groups)]
    scored.uns["gsr"]["scores"]["table"] = pd.concat([table[table["group"] == ""], *rows])
    figure = pl.score(scored)
    figure.canvas.draw()
    page, renderer = figure.bbox.padded(1), figure.canvas.get_renderer()
    for ax in figure.axes:
        box = ax.get_tightbbox(renderer)
        assert page.x0 <= box.x0 <= box.x1 <= page.x1
        assert page.y0 <= box.y0 <= box.y1 <= page.y1
    left, right = figure.axes
    assert left.get_position().y1 == pytest.approx(right.get_position().y1)


def test_own_axes_take_the_first_panel(scored):
    ax = plt.figure().add_subplot()
    assert pl.score(scored, ax=ax, title="mine") is ax
    assert ax.get_title() == "mine"
    assert len(plt.get_fignums()) == 1


def test_what_is_shown_is_not_returned(scored, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: None)
    assert pl.score(scored, show=True) is None


def test_without_scores_the_error_names_the_call(on_grid):
    with pytest.raises(KeyError, match=r"scgsr\.tl\.score"):
        pl.score(on_grid)
    with pytest.raises(KeyError, match=r"scgsr\.tl\.fit"):
        pl.score(on_grid, key="other")
