"""From values and limits to one colour scale."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr.pl._scale import beyond, norm

VALUES = np.array([0.5, 1.0, 2.0, 4.0])


def limits(scale):
    return scale.vmin, scale.vmax


@pytest.mark.parametrize(
    ("values", "expected"),
    [(VALUES, (0, 4)), (VALUES - 1, (-0.5, 3)), (np.zeros(3), (0, 1)), (np.full(3, -2.0), (-2, -1))],
    ids=["positive", "mixed", "silent", "one negative value"],
)
def test_without_limits_the_scale_starts_at_silence_or_below(values, expected):
    assert limits(norm(values)) == expected


def test_a_percentile_is_of_the_values():
    assert limits(norm(VALUES, vmin="p0", vmax="p50")) == (0.5, 1.5)


def test_where_most_is_silent_a_percentile_of_zero_is_no_limit():
    assert limits(norm(np.array([0.0] * 99 + [3.0]), vmax="p50")) == (0, 3)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, (-2, 4)),
        ({"vmin": 0}, (0, 2)),
        ({"vmax": 3}, (-1, 3)),
        ({"vmin": 0, "vmax": 9}, (0, 9)),
    ],
)
def test_around_a_centre_the_scale_is_symmetric_unless_both_limits_are_given(given, expected):
    scale = norm(VALUES, vcenter=1, **given)
    assert limits(scale) == expected
    assert scale(1.0) == 0.5


@pytest.mark.parametrize(
    ("given", "argument", "error"),
    [
        ({"vmin": 2, "vmax": 1}, "vmin", ValueError),
        ({"vmin": 3, "vmax": "p0"}, "vmin", ValueError),
        ({"vmax": "high"}, "vmax", ValueError),
        ({"vmax": "p200"}, "vmax", ValueError),
        ({"vmin": True}, "vmin", TypeError),
        ({"vcenter": 5, "vmin": 6, "vmax": 7}, "vcenter", ValueError),
        ({"vcenter": "middle"}, "vcenter", TypeError),
    ],
)
def test_wrong_limits_are_named(given, argument, error):
    with pytest.raises(error, match=f"`{argument}`") as caught:
        norm(VALUES, **given)
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("given", "ends"),
    [
        ({}, "neither"),
        ({"vmax": 3}, "max"),
        ({"vmin": 1}, "min"),
        ({"vmin": 1, "vmax": 3}, "both"),
    ],
)
def test_values_beyond_the_limits_are_told_by_the_ends_of_the_bar(given, ends):
    assert beyond(norm(VALUES, **given), [VALUES[:2], VALUES[2:]]) == ends
