"""The pictures of an activation map, without what is drawn around them."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr.pl._pictures import Pictures


def pictures(images, counts=None, **more):
    images = np.array(images, dtype=float)
    names = [f"p{i}" for i in range(len(images))]
    return Pictures(
        names=names, images=images, what="mean", counts=None if counts is None else np.array(counts), **more
    )


def test_each_is_divided_by_its_largest_value_and_silence_stays():
    drawn = pictures([[1, 4], [0, 0], [-2, 1], [np.nan, np.nan]]).drawn("panel")
    np.testing.assert_allclose(drawn.images, [[0.25, 1], [0, 0], [-1, 0.5], [np.nan, np.nan]])
    assert drawn.what == "mean / panel maximum"


def test_a_centre_is_taken_off_first():
    drawn = pictures([[1, 4]]).drawn("panel", np.array([1.0, 2]))
    np.testing.assert_allclose(drawn.images, [[0, 1]])
    assert drawn.what == "mean - mean of all cells / panel maximum"


@pytest.mark.parametrize(
    ("counts", "expected"), [([20, 9, 0], [[1, 2]]), ([9, 9, 0], [[1, 2], [30, 4]]), ([0, 0, 0], [[0.0]])]
)
def test_the_scale_is_set_by_groups_of_many_cells_if_there_are_any(counts, expected):
    images = [[1, 2] if counts[0] else [np.nan, np.nan], [30, 4] if counts[1] else [np.nan, np.nan], [np.nan, np.nan]]
    np.testing.assert_allclose(pictures(images, counts).for_scale(), expected)


def test_names_stand_above_the_first_row_alone():
    made = pictures(np.ones((4, 3)), [5, 10, 0, 1234], rows=("a", "b"))
    assert made.ncols == 2
    assert made.titles == ["p0\nonly n = 5", "p1\nn = 10", "", "\nn = 1,234"]
    assert made.few.tolist() == [True, False, False, False]


@pytest.mark.parametrize("normalize", [None, "panel"])
def test_the_reference_is_itself_and_the_others_differ_from_it(normalize):
    made = pictures([[1, 2], [1, 4], [0, 0], [1, 1]], [20] * 4, rows=("a", "b"), reference=1)
    drawn = made.drawn(normalize)
    unit = 4 if normalize else 1
    np.testing.assert_allclose(drawn.images[[1, 3]], [[0.25, 1], [1, 1]])
    np.testing.assert_allclose(drawn.images[[0, 2]], [[0, -2 / unit], [-1, -1]])
    assert drawn.is_reference.tolist() == [False, True, False, True]
    np.testing.assert_allclose(drawn.for_scale(), drawn.images[[0, 2]])
