"""The marker planes: what the artists hold."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from scgsr import get, graphs, pl, tl
from scgsr._measures import _programs
from scgsr.pl._scale import DEAD


@pytest.fixture
def fitted(cells):
    tl.fit(cells, (4, 5), n_epochs=10)
    return cells


def panels(figure):
    return [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]


def test_panels_hold_the_planes_on_one_scale_around_zero(fitted):
    figure = pl.programs(fitted, ["feature_3", "feature_0"], show=False)
    planes = _programs.planes(fitted[:, ["feature_3", "feature_0"]].X, fitted.obsm["X_gsr"])
    images = [ax.images[0] for ax in panels(figure)]
    assert [ax.get_title() for ax in panels(figure)] == ["feature_3", "feature_0"]
    for image, plane in zip(images, planes, strict=True):
        np.testing.assert_allclose(image.get_array().filled(np.nan).ravel(), plane)
        assert image.norm is images[0].norm
    reach = np.nanmax(np.abs(planes))
    assert (images[0].norm.vmin, images[0].norm.vcenter, images[0].norm.vmax) == pytest.approx((-reach, 0, reach))


def test_one_marker_is_a_figure_too_and_own_axes_are_used(fitted):
    ax = pl.programs(fitted, "feature_3", vmax=2, show=False).axes[0]
    own = plt.figure().add_subplot()
    assert pl.programs(fitted, "feature_3", ax=own) is own
    assert (ax.images[0].norm.vmin, ax.images[0].norm.vmax) == (-2, 2)


def test_dead_neurons_are_grey(fitted):
    fitted.obsm["X_gsr"][:, 7] = 0
    ax = pl.programs(fitted, "feature_3", show=False).axes[0]
    shown = ax.images[0].to_rgba(ax.images[0].get_array()).reshape(-1, 4)
    np.testing.assert_allclose(shown[7], mpl.colors.to_rgba(DEAD))
    assert (np.ptp(np.delete(shown, 7, axis=0)[:, :3], axis=1) > 0).any()


def test_any_graph(cells):
    tl.fit(cells, graphs.ring(9), n_epochs=3)
    ax = pl.programs(cells, "feature_3", show=False).axes[0]
    polygons = next(artist for artist in ax.collections if isinstance(artist, PolyCollection))
    plane = _programs.planes(cells[:, ["feature_3"]].X, cells.obsm["X_gsr"])[0]
    np.testing.assert_allclose(np.ma.filled(polygons.get_array(), np.nan), plane)


def test_by_default_the_top_risers_of_each_module(fitted):
    tl.programs(fitted)
    n_modules = get.model(fitted).modules.n_modules
    figure = pl.programs(fitted, n=2 * n_modules, show=False)
    titles = [ax.get_title().replace("\n", " ") for ax in panels(figure)]
    names = [title.split(" (module")[0] for title in titles]
    assert len(set(names)) == len(names)
    assert 1 <= len(names) <= 2 * n_modules
    table = get.programs(fitted)
    risers = table[table["effect"] > 0]
    for module, rows in risers.groupby("module"):
        for name in rows["names"].iloc[:2]:
            (title,) = (title for title in titles if title.startswith(f"{name} ("))
            assert module in title.split(" (module")[1].strip("s )").split(", ")
    tops = risers.groupby("module").head(2)["names"]
    assert sorted(names) == sorted(set(tops))


def test_a_marker_that_does_not_vary_is_grey(fitted):
    fitted.layers["same"] = np.ones_like(fitted.X)
    ax = pl.programs(fitted, "feature_3", layer="same", show=False).axes[0]
    shown = ax.images[0].to_rgba(ax.images[0].get_array()).reshape(-1, 4)
    np.testing.assert_allclose(shown, np.tile(mpl.colors.to_rgba(DEAD), (20, 1)))


def test_a_path_is_no_hairline(cells):
    tl.fit(cells, graphs.path(30), n_epochs=2)
    ax = pl.programs(cells, "feature_3", show=False).axes[0]
    ax.figure.canvas.draw()
    box = ax.get_window_extent()
    assert box.width / box.height == pytest.approx(8)


def test_layers_and_many_panels(fitted):
    fitted.layers["less"] = -fitted.X
    one = pl.programs(fitted, "feature_3", show=False).axes[0].images[0].get_array()
    other = pl.programs(fitted, "feature_3", layer="less", show=False).axes[0].images[0].get_array()
    np.testing.assert_allclose(one, -other, atol=1e-6)
    figure = pl.programs(fitted, list(fitted.var_names), ncols=5, show=False)
    assert len(panels(figure)) == 12


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, KeyError, "tl.programs"),
        ({"names": ["feature_3", "CD4"]}, KeyError, "CD4"),
        ({"names": []}, ValueError, "`names`"),
        ({"names": 5}, TypeError, "`names` must be a name or a list of names, got 5"),
        ({"names": "feature_3", "layer": "none"}, KeyError, "`layer`"),
        ({"names": "feature_3", "ncols": 0}, ValueError, "`ncols`"),
        ({"names": ["feature_3", "feature_2"], "ax": True}, TypeError, "`ax`"),
        ({"n": 1.5}, TypeError, "`n`"),
        ({"names": "feature_3", "vmin": 1}, ValueError, "`vmin`"),
        ({"names": "feature_3", "key": "other"}, KeyError, "tl.fit"),
    ],
)
def test_bad_arguments(fitted, arguments, error, message):
    with pytest.raises(error, match=message):
        pl.programs(fitted, **arguments, show=False)


def test_one_panel_holds_no_two_markers(fitted):
    with pytest.raises(ValueError, match="`ax` holds one panel, got 2 to draw"):
        pl.programs(fitted, ["feature_3", "feature_2"], ax=plt.figure().add_subplot(), show=False)
