"""Heatmaps of activations and of correlations: what the artists hold."""

from __future__ import annotations

import itertools
import logging

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color, to_rgba_array
from scipy import sparse

from scgsr import graphs, pl, tl
from scgsr._measures import feature_correlation
from scgsr.graphs._order import in_row

N_CELLS = 120
GROUPS = ["B cell", "T cell", "empty", "NK cell"]
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


def fitted(graph, *, dead=(), n_cells=N_CELLS):
    """Return cells with the slots that the heatmaps read, filled at random."""
    rng = np.random.default_rng(0)
    n = graph.n_neurons
    activations = rng.gamma(1.0, size=(n_cells, n)).astype(np.float32)
    activations[:, list(dead)] = 0
    modules = np.arange(n) % 3
    modules[list(dead)] = -1
    obs = {
        "group": pd.Categorical(rng.choice(["B cell", "T cell", "NK cell", None], n_cells), categories=GROUPS),
        "gsr": pd.Categorical((np.arange(n_cells) % min(3, n)).astype(str)),
        "time": rng.random(n_cells),
        "many": pd.Categorical([f"group {i % 40}" for i in range(n_cells)]),
    }
    features = np.column_stack([rng.normal(size=(n_cells, 2)), 2 * activations[:, 0] + 1, np.full(n_cells, 0.1)])
    adata = ad.AnnData(
        features.astype(np.float32),
        obs=pd.DataFrame(obs, index=[f"cell_{i}" for i in range(n_cells)]),
        var=pd.DataFrame(index=MARKERS),
        obsm={"X_gsr": activations},
    )
    stored = {"adjacency": graph.adjacency, "positions": graph.positions, "name": graph.name}
    stored["image_shape"] = np.array(graph.image_shape or (), dtype=int)
    adata.uns["gsr"] = {"graph": stored, "modules": modules}
    adata.uns["gsr_colors"] = np.array(["#aa0000", "#00bb00", "#0000cc"][: min(3, n)], dtype=object)
    return adata


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


# Activations


@every_graph
def test_cells_stand_in_the_order_of_time_and_neurons_in_that_of_the_graph(graph):
    adata = fitted(graph)
    ax = pl.activation_heatmap(adata, groupby="group", pseudotime="time")
    drawn = blocks(ax, 3)
    for block, group in zip(drawn, ["B cell", "T cell", "NK cell"], strict=True):
        cells = adata.obs[adata.obs["group"] == group].sort_values("time").index
        assert np.allclose(block, adata[cells].obsm["X_gsr"][:, order(adata)])
    counts = adata.obs["group"].value_counts()
    assert names(ax) == [f"{group}\n({counts[group]})" for group in ("B cell", "T cell", "NK cell")]


def test_without_groups_a_trajectory_is_one_block():
    adata = fitted(GRAPHS["path"])
    (block,) = blocks(pl.activation_heatmap(adata, pseudotime="time", show=False), 1)
    assert np.allclose(block, adata.obsm["X_gsr"][np.argsort(adata.obs["time"])])


def test_every_line_is_one_cell_at_equal_distances_in_the_order():
    adata = fitted(GRAPHS["ring"], n_cells=996)
    adata.obs["all"] = "all"
    (block,) = blocks(pl.activation_heatmap(adata, groupby="all", pseudotime="time"), 1)
    assert len(block) == 200
    ordered = adata.obsm["X_gsr"][np.argsort(adata.obs["time"].to_numpy())]
    assert np.array_equal(block, ordered[::5])


def test_a_large_group_looks_like_a_small_one_of_the_same_cells():
    adata = fitted(GRAPHS["ring"], n_cells=6000)
    adata.obs["size"] = np.where(np.arange(6000) % 60, "large", "small")
    large, small = blocks(pl.activation_heatmap(adata, groupby="size"), 2)
    assert (len(large), len(small)) == (100, 100)
    for share in (0.5, 0.9, 0.99):
        assert np.quantile(large, share) == pytest.approx(np.quantile(small, share), rel=0.15)


def test_the_labels_of_the_fit_are_the_default_groups():
    adata = fitted(GRAPHS["grid"])
    ax = pl.activation_heatmap(adata)
    assert names(ax) == ["0\n(40)", "1\n(40)", "2\n(40)"]
    assert ax.get_ylabel() == "gsr"


@pytest.mark.parametrize("pseudotime", [None, "time"])
def test_the_order_of_the_rows_of_the_object_does_not_matter(pseudotime):
    adata = fitted(GRAPHS["grid"])
    shuffled = adata[np.random.default_rng(1).permutation(N_CELLS)].copy()
    for one, other in zip(
        blocks(pl.activation_heatmap(adata, groupby="group", pseudotime=pseudotime), 3),
        blocks(pl.activation_heatmap(shuffled, groupby="group", pseudotime=pseudotime), 3),
        strict=True,
    ):
        assert np.allclose(one, other)


def test_the_default_order_of_cells_follows_the_strongest_variation():
    adata = fitted(graphs.path(10))
    hidden = np.random.default_rng(2).permutation(N_CELLS)
    adata.obsm["X_gsr"] = np.exp(-((np.arange(10) - hidden[:, None] / N_CELLS * 10) ** 2) / 8).astype(np.float32)
    adata.obs["all"] = "all"
    (block,) = blocks(pl.activation_heatmap(adata, groupby="all"), 1)
    centre = (block * np.arange(10)).sum(axis=1) / block.sum(axis=1)
    assert np.corrcoef(centre, np.arange(N_CELLS))[0, 1] > 0.9  # from left to right as from top to bottom


def test_strips_have_the_colours_of_labels_and_modules():
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


def test_colours_of_other_groups_are_not_beside_those_of_modules():
    adata = fitted(GRAPHS["grid"])
    adata.uns["group_colors"] = ["#ff0000", "#00ff00", "#123456", "#0000ff"]
    ax = pl.activation_heatmap(adata, groupby="group")
    assert len(ax.images) == 3 + 1  # the groups, the strip of modules


@pytest.mark.parametrize("inches", [1.5, 3, 12])
def test_numbers_of_modules_have_room_at_every_width(inches):
    adata = fitted(GRAPHS["path"])
    adata.uns["gsr"]["modules"] = np.array([0, 0, 0, 0, 1, 10, 2, 2, 2, 2])
    ax = pl.activation_heatmap(adata)
    ax.figure.set_figwidth(inches)
    ax.figure.canvas.draw()
    written = [label for label in ax.get_xticklabels() if label.get_text()]
    assert {"0", "2"} <= {label.get_text() for label in written}
    assert inches < 12 or len(written) == 4
    boxes = [label.get_window_extent() for label in written]
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))


def test_long_names_keep_what_tells_them_apart():
    adata = fitted(GRAPHS["grid"])
    long = adata.obs["group"].astype(str).map(lambda name: f"cells of the population called {name}")
    adata.obs["long"] = long.astype("category")
    ax = pl.activation_heatmap(adata, groupby="long")
    written = [name.split("\n")[0] for name in names(ax)]
    assert len(set(written)) == 4
    assert all(len(name) <= 24 and "…" in name for name in written)


def test_the_strip_of_time_shows_its_means_and_its_range():
    adata = fitted(GRAPHS["path"])
    ax = pl.activation_heatmap(adata, pseudotime="time")
    assert np.allclose(np.ravel(ax.images[-1].get_array()), np.sort(adata.obs["time"]))
    low, high = adata.obs["time"].min(), adata.obs["time"].max()
    assert ax.texts[0].get_text() == f"time: {low:.2g} to {high:.2g}"


def test_cells_without_a_time_are_left_out_and_said(caplog):
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
def test_wrong_arguments_are_named_and_nothing_changes(arguments, error, match):
    adata = fitted(GRAPHS["grid"])
    adata.obs["never"] = np.nan
    adata.obs["late"] = pd.Categorical(["late" if i > 60 else None for i in range(N_CELLS)])
    adata.obs["early"] = [1.0 if i < 60 else np.nan for i in range(N_CELLS)]
    before = adata.copy()
    with pytest.raises(error, match=match):
        pl.activation_heatmap(adata, **arguments)
    unchanged(adata, before)
    assert not plt.get_fignums()


# Correlations


def panels(figure):
    return [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csc_matrix], ids=["dense", "csr", "csc"])
@every_graph
def test_each_panel_holds_the_correlations_of_its_group(graph, kind):
    adata = fitted(graph)
    values = adata.X.astype(float)
    adata.layers["kind"] = kind(adata.X)
    figure = pl.correlation_heatmap(adata, "group", layer="kind")
    rows = [MARKERS.index(name) for name in names(panels(figure)[0])]
    assert sorted(rows) == [0, 1, 2, 3]
    for panel, group in zip(panels(figure), ["B cell", "T cell", "NK cell"], strict=True):
        cells = (adata.obs["group"] == group).to_numpy()
        drawn = np.ma.filled(panel.images[0].get_array(), np.nan)
        for place, row in enumerate(rows):
            if MARKERS[row] == "constant":
                assert np.isnan(drawn[place]).all()
                continue
            wanted = [np.corrcoef(values[cells, row], neuron)[0, 1] for neuron in adata.obsm["X_gsr"][cells].T]
            assert np.allclose(drawn[place], np.array(wanted)[order(adata)], atol=1e-6)
        assert panel.images[0].get_clim() == (-1, 1)
        assert panel.get_title() == f"{group}\n(n = {cells.sum()})"


def test_rows_have_one_order_in_which_like_markers_stand_together():
    adata = fitted(graphs.path(10))
    a = adata.obsm["X_gsr"]
    noise = np.random.default_rng(1).normal(scale=0.1, size=(N_CELLS, 4)).astype(np.float32)
    adata.X = np.column_stack([a[:, 0], a[:, 9], a[:, 0], a[:, 9]]) + noise
    drawn = pl.correlation_heatmap(adata, "group")
    found = [MARKERS.index(name) for name in names(panels(drawn)[0])]
    assert [{0, 2}, {1, 3}] == sorted(map(set, (found[:2], found[2:])), key=min)


def test_chosen_markers_and_groups_only():
    adata = fitted(GRAPHS["grid"])
    ax = pl.correlation_heatmap(adata, "group", groups="T cell", names="CD8")
    assert isinstance(ax, plt.Axes)
    assert names(ax) == ["CD8"]
    assert ax.images[0].get_array().shape == (1, 24)


def test_a_dead_neuron_and_a_tiny_group_are_undefined():
    adata = fitted(graphs.path(5), dead=[2])
    adata.obs["group"] = pd.Categorical(["big"] * (N_CELLS - 2) + ["two"] * 2)
    big, two = panels(pl.correlation_heatmap(adata, "group"))
    mask = np.ma.getmaskarray(np.ma.masked_invalid(big.images[0].get_array()))
    assert mask[:, 2].all()
    assert not mask[:3, [0, 1, 3, 4]].any()
    assert np.ma.getmaskarray(np.ma.masked_invalid(two.images[0].get_array())).all()


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"names": ["CD5"]}, KeyError, "`names`"),
        ({"names": []}, ValueError, "`names`"),
        ({"names": ["CD4", "CD4"]}, ValueError, "`names`"),
        ({"names": ["CD4"], "layer": "raw"}, KeyError, "`layer`"),
        ({"names": ["CD8"], "layer": "missing"}, ValueError, "CD8"),
        ({"ncols": 0}, ValueError, "`ncols`"),
        ({"groups": "empty"}, ValueError, "`groupby`"),
    ],
)
def test_wrong_markers_are_named_and_nothing_changes(arguments, error, match):
    adata = fitted(GRAPHS["grid"])
    adata.layers["missing"] = np.where(np.arange(4) == 1, np.nan, adata.X)
    before = adata.copy()
    with pytest.raises(error, match=match):
        pl.correlation_heatmap(adata, "group", **arguments)
    unchanged(adata, before)


def test_many_features_must_be_named():
    adata = fitted(graphs.path(5))
    wide = ad.AnnData(
        np.ones((N_CELLS, 41), dtype=np.float32), obs=adata.obs, obsm=dict(adata.obsm), uns=dict(adata.uns)
    )
    with pytest.raises(ValueError, match=r"`names`=None .* 41"):
        pl.correlation_heatmap(wide, "group")


def test_features_twice_in_the_object_cannot_be_named():
    adata = fitted(graphs.path(5))
    adata.var_names = ["CD4", "CD8", "CD4", "constant"]
    with pytest.raises(ValueError, match="`names`"):
        pl.correlation_heatmap(adata, "group", names=["CD4"])


def test_correlation_law():
    rng = np.random.default_rng(0)
    features, neurons = rng.normal(size=(30, 3)), rng.normal(size=(30, 4))
    found = feature_correlation(features, neurons)
    assert np.allclose(found, np.corrcoef(features.T, neurons.T)[:3, 3:])
    assert np.allclose(feature_correlation(1e3 - 2 * features, neurons), -found)
    assert np.isnan(feature_correlation(features[:2], neurons)).all()


# Both

PICTURES = {
    "activations": lambda adata, **more: pl.activation_heatmap(adata, groupby="many", **more),
    "trajectory": lambda adata, **more: pl.activation_heatmap(adata, groupby="group", pseudotime="time", **more),
    "correlations": lambda adata, **more: pl.correlation_heatmap(adata, "many", **more),
}
every_picture = pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)


@every_picture
@pytest.mark.parametrize("millimetres", [85, 180])
def test_forty_groups_with_long_names_are_on_the_page_and_apart(draw, millimetres):
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
def test_a_picture_writes_nothing_and_what_is_shown_is_not_returned(draw, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: None)
    adata, params = fitted(GRAPHS["grid"]), dict(plt.rcParams)
    before = adata.copy()
    assert draw(adata, show=False) is not None
    assert draw(adata, show=True) is None
    unchanged(adata, before)
    assert dict(plt.rcParams) == params


def test_own_axes_are_used():
    ax = plt.figure().add_subplot()
    assert pl.activation_heatmap(fitted(GRAPHS["grid"]), ax=ax) is ax
    assert len(plt.get_fignums()) == 1


def test_what_a_fit_stores_can_be_drawn(cells):
    tl.fit(cells, graphs.learned(12, n_neighbors=3), n_epochs=2, progress=False)
    assert len(names(pl.activation_heatmap(cells, groupby="group"))) == 4
    assert len(panels(pl.correlation_heatmap(cells, "group"))) == 4
