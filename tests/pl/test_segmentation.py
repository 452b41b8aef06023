"""Segmentation: the colour of each neuron, and the legend."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba_array

from scgsr import pl
from scgsr.pl._sheet import HATCHED

N_CELLS = 60
GROUPS = ["B cell", "T cell", "empty", "NK cell"]


def means(adata, groupby="group"):
    """Return group means by hand, (n_groups, n_neurons), without empty groups."""
    frame = pd.DataFrame(adata.obsm["X_gsr"].astype(float), index=adata.obs_names)
    return frame.groupby(adata.obs[groupby], observed=True).mean()


def faces(ax):
    return ax.images[0].get_array().reshape(-1, 4) if ax.images else ax.collections[0].get_facecolor()


def striped(adata, factor=8.0):
    """Let each group activate neurons of its own, as far as they go; return the group that owns each neuron."""
    owner = np.arange(adata.obsm["X_gsr"].shape[1]) % 3
    group = adata.obs["group"].cat.remove_unused_categories().cat.codes.to_numpy()
    adata.obsm["X_gsr"] = np.where(group[:, None] == owner, factor, 1) * (1 + 0.1 * adata.obsm["X_gsr"])
    return owner


@pytest.mark.parametrize("normalize", ["panel", None])
@pytest.mark.parametrize("name", ["grid", "tree", "learned"])
def test_each_neuron_has_the_colour_of_the_group_that_activates_it_most(name, graph_named, normalize, fitted):
    adata = fitted(graph_named[name])
    owner = striped(adata)
    adata.uns["group_colors"] = ["#ff0000", "#00ff00", "#123456", "#0000ff"]
    drawn = faces(pl.segmentation(adata, "group", normalize=normalize))
    full = to_rgba_array(["#ff0000", "#00ff00", "#0000ff"])[owner]
    assert np.array_equal(drawn[:, :3].argmax(axis=1), owner)
    # Paler by as much as the runner-up has of the owner's mean.
    light = means(adata).to_numpy()
    light = light if normalize is None else light / light.max(axis=1, keepdims=True)
    first, second = np.sort(light, axis=0)[[-1, -2]]
    strength = 0.25 + 0.75 * (1 - second / first)
    assert np.allclose(drawn[:, :3], strength[:, None] * full[:, :3] + 1 - strength[:, None])


def test_a_few_bright_cells_take_the_sheet_only_without_normalisation(on_grid):
    striped(on_grid)
    bright = (on_grid.obs["group"] == "NK cell").to_numpy()
    on_grid.obsm["X_gsr"][bright] *= 100
    assert owned(pl.segmentation(on_grid, "group")) == [8, 8, 8]
    assert owned(pl.segmentation(on_grid, "group", normalize=None)) == [0, 0, 24]


def owned(ax):
    """Return how many neurons the legend gives to each group."""
    entries = [text.get_text() for text in ax.get_legend().get_texts()]
    return [int(entry.split("(")[1][:-1]) for entry in entries if not entry.startswith("no clear")]


def hatched(ax):
    """Return how many areas are hatched."""
    return sum(len(drawn.get_paths()) for drawn in ax.collections if drawn.get_hatch())


def test_neurons_are_white_and_hatched_where_groups_differ_by_chance_alone(on_grid):
    ax = pl.segmentation(on_grid, "group")
    assert np.allclose(faces(ax), to_rgba_array("white"))
    assert hatched(ax) == 24
    last = ax.get_legend().get_patches()[-1]
    assert last.get_hatch() == HATCHED["hatch"]
    assert ax.get_legend().get_texts()[-1].get_text() == "no clear owner (24)"


@pytest.mark.parametrize("name", ["grid", "tree"])
def test_grey_groups_do_not_look_like_neurons_without_owner(name, graph_named, fitted):
    adata = fitted(graph_named[name])
    striped(adata)
    adata.obsm["X_gsr"][:, 0] = 0
    ax = pl.segmentation(adata, "group", palette=["0.3", "0.7", "white"])
    assert hatched(ax) == 1
    assert [bool(patch.get_hatch()) for patch in ax.get_legend().get_patches()] == [False] * 3 + [True]


def test_nothing_is_hatched_where_every_neuron_has_an_owner(on_grid):
    striped(on_grid)
    assert hatched(pl.segmentation(on_grid, "group")) == 0


def test_a_group_of_all_cells_owns_nothing(on_grid):
    on_grid.obs["all"] = pd.Categorical(["all"] * N_CELLS)
    assert hatched(pl.segmentation(on_grid, "all")) == 24


def test_the_picture_is_the_same_every_time(on_grid):
    striped(on_grid, factor=1.3)
    assert np.array_equal(faces(pl.segmentation(on_grid, "group")), faces(pl.segmentation(on_grid, "group")))


def test_the_log_names_compare_where_samples_do_not_mix_groups(on_grid, caplog):
    on_grid.obs["donor"] = pd.Categorical((np.arange(N_CELLS) % 6).astype(str))
    on_grid.obs["condition"] = pd.Categorical(np.where(np.arange(N_CELLS) % 2, "treated", "control"))
    pl.segmentation(on_grid, "group", sample_key="donor")
    assert not caplog.records
    pl.segmentation(on_grid, "condition", sample_key="donor")
    assert "scgsr.tl.compare(adata, 'condition', 'donor')" in caplog.text


@pytest.mark.parametrize(
    ("palette", "expected"),
    [
        (["#ff0000", (0.0, 1.0, 0.0), "blue"], ["#ff0000", "#00ff00", "#0000ff"]),
        ({"T cell": "#00ff00", "NK cell": "blue", "B cell": "red"}, ["#ff0000", "#00ff00", "#0000ff"]),
        ("Set1", ["#e41a1c", "#377eb8", "#4daf4a"]),
    ],
)
def test_the_palette_is_that_of_the_user(palette, expected, on_grid):
    ax = pl.segmentation(on_grid, "group", palette=palette)
    patches = ax.get_legend().get_patches()
    assert np.allclose([patch.get_facecolor() for patch in patches][:3], to_rgba_array(expected), atol=0.01)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"groupby": "gruop"}, KeyError),
        ({"groupby": "group", "normalize": "share"}, ValueError),
        ({"groupby": "group", "sample_key": "donor"}, KeyError),
        ({"groupby": "group", "palette": ["red"]}, ValueError),
        ({"groupby": "group", "palette": ["red", "nonsense", "blue"]}, ValueError),
        ({"groupby": "group", "palette": {"T cell": "red"}}, ValueError),
        ({"groupby": "group", "palette": "nonsense"}, ValueError),
    ],
)
def test_wrong_arguments_of_segmentation_are_named(arguments, error, on_grid):
    with pytest.raises(error, match=list(arguments)[-1]):
        pl.segmentation(on_grid, **arguments)


def test_a_dead_neuron_is_white(fitted, graph_named):
    adata = fitted(graph_named["grid"])
    striped(adata)
    adata.obsm["X_gsr"][:, 0] = 0
    drawn = faces(pl.segmentation(adata, "group"))
    assert np.allclose(drawn[0], 1)
    assert not np.isclose(drawn[1:], 1).all(axis=1).any()


def test_the_legend_counts_the_neurons_of_each_group(graph_named, on_grid):
    ax = pl.segmentation(on_grid, "group")
    entries = [text.get_text() for text in ax.get_legend().get_texts()]
    assert sum(int(entry.split("(")[1][:-1]) for entry in entries) == graph_named["grid"].n_neurons
    assert not any(entry.startswith("empty") for entry in entries)


def legend_colors(ax):
    return [patch.get_facecolor() for patch in ax.get_legend().get_patches()]


def test_too_few_stored_colours_are_not_used(on_grid):
    on_grid.uns["group_colors"] = ["#ff0000"]
    assert len(np.unique(legend_colors(pl.segmentation(on_grid, "group")), axis=0)) == 4
