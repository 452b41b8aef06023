"""Gain and amplification of a channel: only positive numbers say anything."""

from __future__ import annotations

import pytest

from scgsr.io._scale import decades, gain


@pytest.mark.parametrize(
    ("text", "expected"),
    [("4,1", 4.0), ("4.5,0", 4.5), ("4;1", 4.0), ("0,0", 0.0), ("0,1", 0.0), (" ", 0.0), ("x,1", 0.0), ("-2,1", 0.0)],
)
def test_decades_are_the_first_number(text, expected):
    assert decades({"p2e": text, "p1e": "9,1"}, 2) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("8", 8.0), (" 0.01 ", 0.01), ("1e2", 100.0), ("0", None), ("-1", None), ("nan", None)]
)
def test_a_gain_is_a_positive_number_or_none(text, expected):
    assert gain({"p3g": text}, 3) == expected


@pytest.mark.parametrize("text", ["inf", "", "x"])
def test_nonsense_is_no_gain(text):
    assert gain({"p1g": text}, 1) is None


def test_a_channel_without_keywords_is_linear_and_has_no_gain():
    assert (decades({}, 1), gain({}, 1)) == (0.0, None)
