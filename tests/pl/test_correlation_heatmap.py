"""Heatmaps of correlations: what the artists hold."""

from __future__ import annotations

import itertools

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from scgsr import graphs, pl, tl
from scgsr.graphs._order import in_row

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


def names(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def unchanged(adata, before):
    assert list(adata.uns) == list(before.uns)
    pd.testing.assert_frame_equal(adata.obs, before.obs)
    assert np.array_equal(adata.obsm["X_gsr"], before.obsm["X_gsr"])
    assert np.array_equal(adata.X, before.X)


def panels(figure):
    return [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csc_matrix], ids=["dense", "csr", "csc"])
@every_graph
def test_each_panel_holds_the_correlations_of_its_group(graph, kind, fitted):
    adata = fitted(graph)
    values = adata.X.astype(float)
    adata.layers["kind"] = kind(adata.X)
    figure = pl.correlation_heatmap(adata, "group", layer="kind")
    rows = [MARKERS.index(name) for name in names(panels(figure)[0])]
    assert sorted(rows) == [0, 1, 2, 3]
    for panel, group in zip(panels(figure), ["B cell", "T cell", "NK cell"], strict=True):
        cells = (adata.obs["group"] == group).to_numpy()
        drawn = np.ma.filled(panel.images[0].get_array(), np.nan)
        for line, row in enumerate(rows):
            if MARKERS[row] == "constant":
                assert np.isnan(drawn[line]).all()
                continue
            expected = [np.corrcoef(values[cells, row], neuron)[0, 1] for neuron in adata.obsm["X_gsr"][cells].T]
            assert np.allclose(drawn[line], np.array(expected)[order(adata)], atol=1e-6)
        assert panel.images[0].get_clim() == (-1, 1)
        assert panel.get_title() == f"{group}\nn = {cells.sum()}"


def test_rows_have_one_order_in_which_like_markers_stand_together(fitted):
    adata = fitted(graphs.path(10))
    a = adata.obsm["X_gsr"]
    noise = np.random.default_rng(1).normal(scale=0.1, size=(N_CELLS, 4)).astype(np.float32)
    adata.X = np.column_stack([a[:, 0], a[:, 9], a[:, 0], a[:, 9]]) + noise
    drawn = pl.correlation_heatmap(adata, "group")
    markers = [MARKERS.index(name) for name in names(panels(drawn)[0])]
    assert [{0, 2}, {1, 3}] == sorted(map(set, (markers[:2], markers[2:])), key=min)


def test_chosen_markers_and_groups_only(fitted):
    adata = fitted(GRAPHS["grid"])
    ax = pl.correlation_heatmap(adata, "group", groups="T cell", names="CD8").axes[0]
    assert names(ax) == ["CD8"]
    assert ax.images[0].get_array().shape == (1, 24)


def test_own_axes_hold_one_group(fitted):
    ax = plt.figure().add_subplot()
    assert pl.correlation_heatmap(fitted(GRAPHS["grid"]), "group", groups="T cell", ax=ax) is ax
    with pytest.raises(ValueError, match="`ax` holds one panel"):
        pl.correlation_heatmap(fitted(GRAPHS["grid"]), "group", ax=ax)


def test_limits_and_colours_are_those_of_the_user(fitted):
    figure = pl.correlation_heatmap(fitted(GRAPHS["grid"]), "group", cmap="PiYG", vmin=-0.5, vmax=0.5)
    image = figure.axes[0].images[0]
    assert (image.norm.vmin, image.norm.vmax, image.cmap.name) == (-0.5, 0.5, "PiYG")


def test_a_dead_neuron_and_a_tiny_group_are_undefined(fitted):
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
def test_wrong_markers_are_named_and_nothing_changes(arguments, error, match, fitted):
    adata = fitted(GRAPHS["grid"])
    adata.layers["missing"] = np.where(np.arange(4) == 1, np.nan, adata.X)
    before = adata.copy()
    with pytest.raises(error, match=match):
        pl.correlation_heatmap(adata, "group", **arguments)
    unchanged(adata, before)


def test_many_features_must_be_named(fitted):
    adata = fitted(graphs.path(5))
    wide = ad.AnnData(
        np.ones((N_CELLS, 41), dtype=np.float32), obs=adata.obs, obsm=dict(adata.obsm), uns=dict(adata.uns)
    )
    with pytest.raises(ValueError, match=r"`names`=None .* 41"):
        pl.correlation_heatmap(wide, "group")


def test_features_twice_in_the_object_cannot_be_named(fitted):
    adata = fitted(graphs.path(5))
    adata.var_names = ["CD4", "CD8", "CD4", "constant"]
    with pytest.raises(ValueError, match="`names`"):
        pl.correlation_heatmap(adata, "group", names=["CD4"])


@pytest.mark.parametrize("millimetres", [85, 180])
def test_forty_groups_with_long_names_are_on_the_page_and_apart(millimetres, fitted):
    adata = fitted(GRAPHS["modules"])
    long = [f"$_CD8+_effector_memory_cells that re-express CD45RA {i}" for i in range(40)]
    adata.obs["many"] = pd.Categorical.from_codes(np.arange(N_CELLS) % 40, long)
    drawn = pl.correlation_heatmap(adata, "many")
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


def test_a_picture_writes_nothing_and_what_is_shown_is_not_returned(monkeypatch, fitted):
    monkeypatch.setattr(plt, "show", lambda: None)
    adata, params = fitted(GRAPHS["grid"]), dict(plt.rcParams)
    before = adata.copy()
    assert pl.correlation_heatmap(adata, "many", show=False) is not None
    assert pl.correlation_heatmap(adata, "many", show=True) is None
    unchanged(adata, before)
    assert dict(plt.rcParams) == params


def test_what_a_fit_stores_can_be_drawn(cells):
    tl.fit(cells, graphs.learned(12, n_neighbors=3), n_epochs=2, progress=False)
    assert len(panels(pl.correlation_heatmap(cells, "group"))) == 4
