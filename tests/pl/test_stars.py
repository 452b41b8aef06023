"""Stars: each sector is where a marker lies between its lowest and its highest neuron."""

from __future__ import annotations

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import same_color

from scgsr import graphs, pl, tl
from scgsr.pl import _markers, _stars
from scgsr.pl._scale import DEAD
from scgsr.pl._sheet import Sheet

NAMES = ["feature_0", "feature_3", "feature_7"]


@pytest.fixture
def fitted(cells):
    tl.fit(cells, (4, 5), hidden=(16,), n_epochs=5, progress=False)
    return cells


def area(polygon):
    x, y = polygon.T
    return 0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))


@pytest.mark.parametrize("graph", [(4, 5), graphs.tree(3)])
def test_the_area_of_a_sector_is_the_share_between_the_extremes(cells, graph):
    tl.fit(cells, graph, hidden=(16,), n_epochs=5, progress=False)
    ax = pl.stars(cells, NAMES)
    _, planes = _markers.planes(cells, "gsr", NAMES, None)
    sheet = Sheet.of_graph(graphs.grid(4, 5) if isinstance(graph, tuple) else graph)
    centres, radii = sheet.circles
    known = np.isfinite(planes).all(axis=0)
    for wedges, plane in zip(ax.collections[1:], planes, strict=True):
        share = (plane - np.nanmin(plane)) / np.ptp(plane[known])
        drawn = np.flatnonzero(known & (share > 0))
        polygons = [path.vertices[:-1] for path in wedges.get_paths()]
        np.testing.assert_allclose([polygon[0] for polygon in polygons], centres[drawn])
        whole = np.pi * radii[drawn] ** 2 / len(planes)
        np.testing.assert_allclose([area(polygon) for polygon in polygons], share[drawn] * whole, rtol=0.02)


def test_the_first_sector_begins_at_the_top_and_the_next_follows_clockwise(fitted):
    ax = pl.stars(fitted, NAMES)
    first, second = (wedges.get_paths()[0].vertices for wedges in ax.collections[1:3])
    for wedge, (start, end) in ((first, (0, 120)), (second, (120, 240))):
        turns = np.degrees(np.arctan2(*(wedge[[1, -2]] - wedge[0]).T)) % 360
        np.testing.assert_allclose(turns, [start, end], atol=1e-6)


def test_dead_neurons_are_grey_discs_and_constant_markers_have_no_sectors(fitted):
    fitted.obsm["X_gsr"][:, 7] = 0
    fitted.layers["same"] = fitted.X.copy()
    fitted.layers["same"][:, 3] = 1
    ax = pl.stars(fitted, NAMES, layer="same")
    discs = ax.collections[0].get_facecolor()
    assert same_color(discs[7], DEAD)
    assert (np.delete(discs, 7, axis=0)[:, 3] == 0).all()
    assert [len(wedges.get_paths()) > 0 for wedges in ax.collections[1:]] == [True, False, True]


def test_circles_lie_inside_the_areas_and_do_not_overlap(any_graph):
    centres, radii = Sheet.of_graph(any_graph).circles
    apart = np.linalg.norm(centres[:, None] - centres, axis=2) + 9 * np.eye(len(centres))
    assert (apart > (radii[:, None] + radii) * (1 - 1e-6)).all()
    assert (radii > 0).all()


def test_all_markers_by_default_in_the_colours_of_the_user(fitted):
    ax = pl.stars(fitted, palette="viridis")
    entries = [text.get_text() for text in ax.get_legend().get_texts()]
    assert entries == list(fitted.var_names)
    own = plt.figure().add_subplot()
    assert pl.stars(fitted, "feature_0", ax=own, title="mine") is own
    assert own.get_title() == "mine"


@pytest.mark.parametrize("width", [85 / 25.4, 120 / 25.4, 180 / 25.4, None])
@pytest.mark.parametrize("n", [1, 12])
def test_what_is_written_can_be_read(fitted, n, width, unreadable_texts):
    ax = pl.stars(fitted, list(fitted.var_names[:n]), figsize=None if width is None else (width, None))
    assert unreadable_texts(ax.figure) == []


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"names": []}, ValueError, "`names` must be 1 to 24"),
        ({"names": ["CD4"]}, KeyError, "CD4"),
        ({"names": 5}, TypeError, "`names`"),
        ({"layer": "none"}, KeyError, "`layer`"),
        ({"palette": ["red"]}, ValueError, "`palette`"),
        ({"key": "other"}, KeyError, "tl.fit"),
    ],
)
def test_wrong_arguments_are_named(fitted, arguments, error, message):
    with pytest.raises(error, match=message):
        pl.stars(fitted, **arguments)


def test_too_many_markers_must_be_named():
    with pytest.raises(ValueError, match="`names` must be 1 to 24 markers, got 30"):
        pl.stars(ad.AnnData(np.zeros((3, 30), dtype=np.float32)))


def test_extremes():
    shares = _stars._between_extremes(np.array([[1.0, 2, 3], [5, 5, 5], [np.nan, 0, 4], [np.nan] * 3]))
    np.testing.assert_allclose(shares, [[0, 0.5, 1], [np.nan] * 3, [np.nan, 0, 1], [np.nan] * 3])
