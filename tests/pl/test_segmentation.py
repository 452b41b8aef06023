"""Segmentation: the colour of each neuron, and the legend."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba_array

from scgsr import pl
from scgsr.pl._scale import DEAD

N_CELLS = 60
GROUPS = ["B cell", "T cell", "empty", "NK cell"]


def means(adata, groupby="group"):
    """Return group means by hand, (n_groups, n_neurons), without empty groups."""
    frame = pd.DataFrame(adata.obsm["X_gsr"].astype(float), index=adata.obs_names)
    return frame.groupby(adata.obs[groupby], observed=True).mean()


def faces(ax):
    return ax.images[0].get_array().reshape(-1, 4) if ax.images else ax.collections[0].get_facecolor()


@pytest.mark.parametrize("normalize", ["share", None])
def test_each_neuron_has_the_colour_of_the_group_that_lights_it_most(any_graph, normalize, fitted):
    adata = fitted(any_graph)
    adata.uns["group_colors"] = ["#ff0000", "#00ff00", "#123456", "#0000ff"]
    ax = pl.segmentation(adata, "group", normalize=normalize)
    color = dict(zip(GROUPS, adata.uns["group_colors"], strict=True))
    light, overall = means(adata), adata.obsm["X_gsr"].mean(axis=0, dtype=np.float64)
    if normalize == "share":
        light, overall = light.div(light.sum(axis=1), axis=0), overall / overall.sum()
    lit = light.max().to_numpy() > overall * (1 + 1e-9)
    expected = [color[group] if is_lit else DEAD for group, is_lit in zip(light.idxmax(), lit, strict=True)]
    assert np.allclose(faces(ax), to_rgba_array(expected))


def test_a_few_bright_cells_take_the_sheet_only_without_normalisation(on_grid):
    bright = (on_grid.obs["group"] == "NK cell").to_numpy()
    on_grid.obsm["X_gsr"][bright] *= 100
    owners = [
        len(np.unique(faces(pl.segmentation(on_grid, "group", normalize=how)), axis=0)) for how in ("share", None)
    ]
    assert owners == [3, 1]


def test_a_group_of_all_cells_lights_nothing_more_than_all_cells(on_grid):
    on_grid.obs["all"] = pd.Categorical(["all"] * N_CELLS)
    assert np.allclose(faces(pl.segmentation(on_grid, "all")), to_rgba_array(DEAD))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [({"groupby": "gruop"}, KeyError), ({"groupby": "group", "normalize": "panel"}, ValueError)],
)
def test_wrong_arguments_of_segmentation_are_named(arguments, error, on_grid):
    with pytest.raises(error, match=list(arguments)[-1]):
        pl.segmentation(on_grid, **arguments)


def test_a_dead_neuron_and_one_that_other_groups_light_are_grey(fitted, graph_named):
    adata = fitted(graph_named["grid"], dead=[0])
    adata.obsm["X_gsr"][:, 1] = adata.obs["group"] == "T cell"
    drawn = faces(pl.segmentation(adata, "group", groups=["B cell", "NK cell"]))
    grey = to_rgba_array(DEAD)[0]
    assert np.allclose(drawn[[0, 1]], grey)
    assert not np.allclose(drawn, grey)


def test_the_legend_counts_the_neurons_of_each_group(graph_named, on_grid):
    ax = pl.segmentation(on_grid, "group")
    entries = [text.get_text() for text in ax.get_legend().get_texts()]
    assert sum(int(entry.split("(")[1][:-1]) for entry in entries) == graph_named["grid"].n_neurons
    assert not any(entry.startswith("empty") for entry in entries)


def test_too_few_stored_colours_are_not_used(on_grid):
    on_grid.uns["group_colors"] = ["#ff0000"]
    assert len(np.unique(faces(pl.segmentation(on_grid, "group")), axis=0)) >= 3
