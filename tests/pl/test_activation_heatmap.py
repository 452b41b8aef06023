"""Heatmaps of activations: what the artists hold."""

from __future__ import annotations

import itertools
import logging

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from _fits import whole_record
from matplotlib.colors import same_color, to_rgba_array

from scgsr import graphs, pl, tl
from scgsr.graphs._order import in_row
from scgsr.pl._scale import DEAD

N_CELLS = 120
MARKERS = ["CD4", "CD8", "CD19", "constant"]
GRAPHS = {
    "one neuron": graphs.path(1),
    "path": graphs.path(10),
    "ring": graphs.ring(12),
    "grid": graphs.grid(4, 6),
    "modules": graphs.modules(4, 5),
    "edgeless": graphs.from_adjacency(np.zeros((5, 5))),
}
every_graph = pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)


@pytest.fixture
def fitted(fitted_with_markers):
    return fitted_with_markers


def order(adata):
    return in_row(adata.uns["gsr"]["graph"]["adjacency"], adata.uns["gsr"]["modules"])


def blocks(ax, n):
    """Return what the pictures of the n groups hold."""
    return [np.asarray(image.get_array()) for image in ax.images[:n]]


def names(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def unchanged(adata, before):
    assert list(adata.uns) == list(before.uns)
    pd.testing.assert_frame_equal(adata.obs, before.obs)
    assert np.array_equal(adata.obsm["X_gsr"], before.obsm["X_gsr"])
    assert np.array_equal(adata.X, before.X)


def panels(figure):
    return [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]


@every_graph
def test_cells_stand_in_the_order_of_time_and_neurons_in_that_of_the_graph(graph, fitted):
    adata = fitted(graph)
    ax = pl.activation_heatmap(adata, groupby="group", pseudotime="time")
    drawn = blocks(ax, 3)
    for block, group in zip(drawn, ["B cell", "T cell", "NK cell"], strict=True):
        cells = adata.obs[adata.obs["group"] == group].sort_values("time").index
        assert np.allclose(block, adata[cells].obsm["X_gsr"][:, order(adata)])
    counts = adata.obs["group"].value_counts()
    assert names(ax) == [f"{group}\n({counts[group]})" for group in ("B cell", "T cell", "NK cell")]


def test_without_groups_a_trajectory_is_one_block(fitted):
    adata = fitted(GRAPHS["path"])
    (block,) = blocks(pl.activation_heatmap(adata, pseudotime="time", show=False), 1)
    assert np.allclose(block, adata.obsm["X_gsr"][np.argsort(adata.obs["time"])])


def test_every_line_is_one_cell_at_equal_distances_in_the_order(fitted):
    adata = fitted(GRAPHS["ring"], n_cells=996)
    adata.obs["all"] = "all"
    (block,) = blocks(pl.activation_heatmap(adata, groupby="all", pseudotime="time"), 1)
    assert len(block) == 200
    ordered = adata.obsm["X_gsr"][np.argsort(adata.obs["time"].to_numpy())]
    assert np.array_equal(block, ordered[::5])


def test_a_large_group_looks_like_a_small_one_of_the_same_cells(fitted):
    adata = fitted(GRAPHS["ring"], n_cells=6000)
    adata.obs["size"] = np.where(np.arange(6000) % 60, "large", "small")
    large, small = blocks(pl.activation_heatmap(adata, groupby="size"), 2)
    assert (len(large), len(small)) == (100, 100)
    for share in (0.5, 0.9, 0.99):
        assert np.quantile(large, share) == pytest.approx(np.quantile(small, share), rel=0.15)


def test_the_labels_of_the_fit_are_the_default_groups(fitted):
    adata = fitted(GRAPHS["grid"])
    ax = pl.activation_heatmap(adata)
    assert names(ax) == ["0\n(40)", "1\n(40)", "2\n(40)"]
    assert ax.get_ylabel() == "gsr"


@pytest.mark.parametrize("pseudotime", [None, "time"])
def test_the_order_of_the_rows_of_the_object_does_not_matter(pseudotime, fitted):
    adata = fitted(GRAPHS["grid"])
    shuffled = adata[np.random.default_rng(1).permutation(N_CELLS)].copy()
    for one, other in zip(
        blocks(pl.activation_heatmap(adata, groupby="group", pseudotime=pseudotime), 3),
        blocks(pl.activation_heatmap(shuffled, groupby="group", pseudotime=pseudotime), 3),
        strict=True,
    ):
        assert np.allclose(one, other)


def test_the_default_order_of_cells_follows_the_strongest_variation(fitted):
    adata = fitted(graphs.path(10))
    hidden = np.random.default_rng(2).permutation(N_CELLS)
    adata.obsm["X_gsr"] = np.exp(-((np.arange(10) - hidden[:, None] / N_CELLS * 10) ** 2) / 8).astype(np.float32)
    adata.obs["all"] = "all"
    (block,) = blocks(pl.activation_heatmap(adata, groupby="all"), 1)
    centre = (block * np.arange(10)).sum(axis=1) / block.sum(axis=1)
    assert np.corrcoef(centre, np.arange(N_CELLS))[0, 1] > 0.9  # from left to right as from top to bottom


def test_strips_have_the_colours_of_labels_and_modules(fitted):
    adata = fitted(GRAPHS["grid"], dead=[5])
    ax = pl.activation_heatmap(adata)
    modules, *labels = ax.images[3:]
    for image, color in zip(labels, adata.uns["gsr_colors"], strict=True):
        assert same_color(image.get_array()[0, 0], color)
    colors = [*adata.uns["gsr_colors"], DEAD]
    expected = to_rgba_array([colors[m] for m in adata.uns["gsr"]["modules"][order(adata)]])
    assert np.allclose(modules.get_array()[0], expected)
    assert [label.get_text() for label in ax.get_xticklabels()] == [
        str(m) if m >= 0 else "dead" for m in pd.unique(adata.uns["gsr"]["modules"][order(adata)])
    ]


def test_colours_of_other_groups_are_not_beside_those_of_modules(fitted):
    adata = fitted(GRAPHS["grid"])
    adata.uns["group_colors"] = ["#ff0000", "#00ff00", "#123456", "#0000ff"]
    ax = pl.activation_heatmap(adata, groupby="group")
    assert len(ax.images) == 3 + 1  # the groups, the strip of modules


@pytest.mark.parametrize("inches", [1.5, 3, 12])
def test_numbers_of_modules_have_room_at_every_width(inches, fitted):
    graph = graphs.path(25)
    adata = fitted(graph)
    adata.uns["gsr"] = whole_record(graph, np.repeat([0, 1, 10, 2, *range(3, 10)], [8, 1, 1, 8, *[1] * 7]))
    ax = pl.activation_heatmap(adata)
    ax.figure.set_figwidth(inches)
    ax.figure.canvas.draw()
    written = [label for label in ax.get_xticklabels() if label.get_text()]
    assert {"0", "2"} <= {label.get_text() for label in written}
    assert inches < 12 or len(written) == 11
    boxes = [label.get_window_extent() for label in written]
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))


def test_long_names_keep_what_tells_them_apart(fitted):
    adata = fitted(GRAPHS["grid"])
    long = adata.obs["group"].astype(str).map(lambda name: f"cells of the population called {name}")
    adata.obs["long"] = long.astype("category")
    ax = pl.activation_heatmap(adata, groupby="long")
    written = [name.split("\n")[0] for name in names(ax)]
    assert len(set(written)) == 4
    assert all(len(name) <= 24 and "…" in name for name in written)


def test_the_strip_of_time_shows_its_means_and_its_range(fitted):
    adata = fitted(GRAPHS["path"])
    ax = pl.activation_heatmap(adata, pseudotime="time")
    assert np.allclose(np.ravel(ax.images[-1].get_array()), np.sort(adata.obs["time"]))
    low, high = adata.obs["time"].min(), adata.obs["time"].max()
    assert ax.texts[0].get_text() == f"time: {low:.2g} to {high:.2g}"


def test_cells_without_a_time_are_left_out_and_said(caplog, fitted):
    adata = fitted(GRAPHS["path"])
    adata.obs.iloc[:10, list(adata.obs).index("time")] = [np.nan, np.inf] * 5
    adata.obs.loc[adata.obs["group"] == "B cell", "time"] = np.nan
    with caplog.at_level(logging.INFO, logger="scgsr"):
        ax = pl.activation_heatmap(adata, groupby="group", pseudotime="time")
    kept = adata.obs[np.isfinite(adata.obs["time"])]["group"].value_counts()
    assert names(ax) == [f"{group}\n({kept[group]})" for group in ("T cell", "NK cell")]
    assert "without a finite value" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"groupby": "gruop"}, KeyError, "`groupby`"),
        ({"groupby": "time"}, TypeError, "`groupby`"),
        ({"groups": ["7"]}, ValueError, "`groups`"),
        ({"pseudotime": "tmie"}, KeyError, "`pseudotime`"),
        ({"pseudotime": "group"}, TypeError, "`pseudotime`"),
        ({"pseudotime": "never"}, ValueError, "`pseudotime`"),
        ({"groupby": "late", "pseudotime": "early"}, ValueError, "`pseudotime`"),
        ({"vmin": 3, "vmax": 1}, ValueError, "`vmin`"),
        ({"key": "other"}, KeyError, "`key`"),
    ],
)
def test_wrong_arguments_are_named_and_nothing_changes(arguments, error, match, fitted):
    adata = fitted(GRAPHS["grid"])
    adata.obs["never"] = np.nan
    adata.obs["late"] = pd.Categorical(["late" if i > 60 else None for i in range(N_CELLS)])
    adata.obs["early"] = [1.0 if i < 60 else np.nan for i in range(N_CELLS)]
    before = adata.copy()
    with pytest.raises(error, match=match):
        pl.activation_heatmap(adata, **arguments)
    unchanged(adata, before)
    assert not plt.get_fignums()


PICTURES = {
    "activations": lambda adata, **more: pl.activation_heatmap(adata, groupby="many", **more),
    "trajectory": lambda adata, **more: pl.activation_heatmap(adata, groupby="group", pseudotime="time", **more),
}
every_picture = pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)


@every_picture
@pytest.mark.parametrize("millimetres", [85, 180])
def test_forty_groups_with_long_names_are_on_the_page_and_apart(draw, millimetres, fitted):
    adata = fitted(GRAPHS["modules"])
    long = [f"$_CD8+_effector_memory_cells that re-express CD45RA {i}" for i in range(40)]
    adata.obs["many"] = pd.Categorical.from_codes(np.arange(N_CELLS) % 40, long)
    drawn = draw(adata)
    figure = drawn if isinstance(drawn, plt.Figure) else drawn.figure
    figure.set_figwidth(millimetres / 25.4)
    figure.canvas.draw()
    renderer, page = figure.canvas.get_renderer(), figure.bbox.padded(2)
    for ax in panels(figure):
        box = ax.get_tightbbox(renderer)
        assert page.y0 <= box.y0 <= box.y1 <= page.y1
        rows = [label.get_window_extent(renderer) for label in ax.get_yticklabels()]
        assert not any(one.overlaps(other) for one, other in itertools.pairwise(rows))
        assert all(page.x0 <= row.x0 for row in rows)


@every_picture
def test_a_picture_writes_nothing_and_what_is_shown_is_not_returned(draw, monkeypatch, fitted):
    monkeypatch.setattr(plt, "show", lambda: None)
    adata, params = fitted(GRAPHS["grid"]), dict(plt.rcParams)
    before = adata.copy()
    assert draw(adata, show=False) is not None
    assert draw(adata, show=True) is None
    unchanged(adata, before)
    assert dict(plt.rcParams) == params


def test_own_axes_are_used(fitted):
    ax = plt.figure().add_subplot()
    assert pl.activation_heatmap(fitted(GRAPHS["grid"]), ax=ax) is ax
    assert len(plt.get_fignums()) == 1


def test_what_a_fit_stores_can_be_drawn(cells):
    tl.fit(cells, graphs.learned(12, n_neighbors=3), n_epochs=2, progress=False)
    assert len(names(pl.activation_heatmap(cells, groupby="group"))) == 4
