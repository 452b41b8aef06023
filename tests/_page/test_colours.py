"""Colours differ to people with any colour vision, and ramps are those of matplotlib."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest

from scgsr._page import DIVERGING, PALETTE, UNKNOWN, VIRIDIS

# Machado, Oliveira and Fernandes, https://doi.org/10.1109/TVCG.2009.113, severity 1.
VISIONS = {
    "full": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(colours, vision):
    """Return CIELAB of sRGB colours as somebody sees them."""
    share = np.array(colours) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(VISIONS[vision]).T, 0, 1)
    xyz = seen @ TO_XYZ.T / TO_XYZ.sum(axis=1)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.column_stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])])


def least_difference(colours, vision):
    points = lab(colours, vision)
    apart = np.linalg.norm(points[:, None] - points, axis=2)
    return apart[~np.eye(len(points), dtype=bool)].min()


@pytest.mark.parametrize("vision", VISIONS)
def test_groups_can_be_told_apart(vision):
    assert least_difference(PALETTE[:12], vision) > 15
    assert least_difference(PALETTE, vision) > 12


@pytest.mark.parametrize("vision", VISIONS)
def test_groups_differ_from_white_and_from_cells_that_are_not_selected(vision):
    for colour in PALETTE:
        assert least_difference([colour, (255, 255, 255), (222, 222, 222)], vision) > 10, colour


def test_the_palettes_of_matplotlib_would_fail():
    tab10 = [[255 * part for part in colour] for colour in mpl.colormaps["tab10"].colors]
    assert least_difference(tab10, "deuteranopia") < 12


@pytest.mark.parametrize(("ramp", "name"), [(VIRIDIS, "viridis"), (DIVERGING, "RdBu_r")])
def test_ramps_are_those_of_matplotlib(ramp, name):
    shares = np.linspace(0, 1, 101)
    drawn = np.column_stack([np.interp(shares, np.linspace(0, 1, 21), part) for part in np.array(ramp).T])
    assert np.abs(drawn - 255 * mpl.colormaps[name](shares)[:, :3]).max() < 5


def test_unknown_is_grey():
    assert len(set(UNKNOWN)) == 1
