"""Grids: as large as the page allows, in rows that fit."""

from __future__ import annotations

import pytest

from scgsr.pl._grid import GAP, chosen


def grid(n, *, aspect=1.0, ncols=None, width=None, height=None, name="B cell"):
    return chosen([f"{name}\nn = 10"] * n, aspect=aspect, ncols=ncols, width=width, height=height)


@pytest.mark.parametrize("n", [1, 2, 4, 12, 40, 200])
@pytest.mark.parametrize("width", [2.5, 4.0, 6.3, 8.0])
@pytest.mark.parametrize("aspect", [0.125, 0.8, 1.0, 3.0])
def test_rows_are_not_wider_than_the_page_and_hold_all(n, width, aspect):
    found = grid(n, aspect=aspect, width=width)
    assert found.ncols * (found.column + GAP) <= width * (1 + 1e-9)
    assert (len(found.heads) - 1) * found.ncols < n <= len(found.heads) * found.ncols
    assert found.width / found.height == pytest.approx(aspect)


@pytest.mark.parametrize("height", [1.5, 3.0, 6.0])
@pytest.mark.parametrize("n", [1, 4, 12])
def test_a_given_height_is_kept(n, height):
    assert grid(n, width=6.0, height=height).total <= height * (1 + 1e-9)


def test_forty_pictures_fit_a_page():
    assert grid(40).total <= 10
    assert grid(40, width=2.5).total <= 11


def test_four_stand_in_a_row_and_the_user_may_want_others():
    assert grid(4).ncols == 4
    assert grid(4, width=6.3).ncols == 4
    assert grid(4, ncols=2).ncols == 2
    assert grid(4, ncols=9).ncols == 4


def test_letters_are_smaller_where_pictures_are():
    large, small = grid(1), grid(40, width=2.5)
    assert small.points < large.points
    assert small.points >= 6


def test_a_title_is_cut_where_it_has_no_room_and_the_number_stays():
    for title in grid(40, width=2.5, name="plasmacytoid dendritic cells of the second batch").titles:
        assert title.endswith("\nn = 10")
        assert "…" in title
