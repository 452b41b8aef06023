"""Activation maps: what the artists hold, not how pixels look."""

from __future__ import annotations

import logging

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection

from scgsr import pl

N_CELLS = 60
GROUPS = ["B cell", "T cell", "empty", "NK cell"]


def means(adata, groupby="group"):
    """Return group means by hand, (n_groups, n_neurons), without empty groups."""
    frame = pd.DataFrame(adata.obsm["X_gsr"].astype(float), index=adata.obs_names)
    return frame.groupby(adata.obs[groupby], observed=True).mean()


def values_of(panel):
    """Return the value of each neuron that a panel shows, in the order of the neurons."""
    return np.ravel((panel.images or panel.collections)[0].get_array())


def panels_of(figure):
    """Return the axes of the pictures, without the colour bar."""
    return [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]


def test_a_sheet_is_drawn_as_an_image_with_row_zero_on_top(pixel_graph, fitted):
    adata = fitted(pixel_graph)
    figure = pl.activation_map(adata, groupby="group", normalize=None)
    for panel, mean in zip(panels_of(figure), means(adata).to_numpy(), strict=True):
        (image,) = panel.images
        assert image.origin == "upper"
        assert np.allclose(image.get_array(), mean.reshape(pixel_graph.image_shape), rtol=1e-12)
        assert image.get_extent()[3] > image.get_extent()[2]


def test_any_other_graph_is_drawn_as_polygons_with_the_means_of_its_neurons(polygon_graph, fitted):
    adata = fitted(polygon_graph)
    figure = pl.activation_map(adata, groupby="group", normalize=None)
    for panel, mean in zip(panels_of(figure), means(adata).to_numpy(), strict=True):
        cells = panel.collections[0]
        assert isinstance(cells, PolyCollection)
        assert len(cells.get_paths()) == polygon_graph.n_neurons
        assert np.allclose(cells.get_array(), mean, rtol=1e-12)


def test_panels_are_titled_ordered_and_share_one_scale_and_one_colour_bar(on_grid):
    figure = pl.activation_map(on_grid, groupby="group", groups=["T cell", "B cell"], normalize=None)
    counts = on_grid.obs["group"].value_counts()
    panels = panels_of(figure)
    assert [panel.get_title() for panel in panels] == [f"{name}\nn = {counts[name]}" for name in ("T cell", "B cell")]
    assert len(figure.axes) == len(panels) + 1
    norms = {panel.images[0].norm for panel in panels}
    assert len(norms) == 1
    drawn = means(on_grid).loc[["T cell", "B cell"]].to_numpy()
    (norm,) = norms
    assert (norm.vmin, norm.vmax) == (0, pytest.approx(drawn.max()))


def test_groups_without_cells_are_left_out_and_named_in_the_log(caplog, on_grid):
    with caplog.at_level(logging.INFO, logger="scgsr"):
        figure = pl.activation_map(on_grid, groupby="group")
    assert "empty" in caplog.text
    assert len(panels_of(figure)) == len(GROUPS) - 1


def test_missing_group_is_no_group(on_grid):
    assert on_grid.obs["group"].isna().any()
    drawn = sum(
        int(panel.get_title().split("n = ")[1]) for panel in panels_of(pl.activation_map(on_grid, groupby="group"))
    )
    assert drawn == on_grid.obs["group"].notna().sum()


def test_groups_are_the_labels_of_the_fit_by_default(on_grid):
    by_default, by_name = pl.activation_map(on_grid), pl.activation_map(on_grid, groupby="gsr")
    for one, other in zip(panels_of(by_default), panels_of(by_name), strict=True):
        assert one.get_title() == other.get_title()
        assert np.array_equal(values_of(one), values_of(other))


@pytest.mark.parametrize("kind", [str, bool, int])
def test_any_column_of_groups_will_do(kind, on_grid):
    on_grid.obs["half"] = np.array([kind(i % 2) for i in range(N_CELLS)])
    first = panels_of(pl.activation_map(on_grid, groupby="half", normalize=None))[0]
    assert np.allclose(values_of(first), means(on_grid, "half").to_numpy()[0])
    assert first.get_title() == f"{kind(0)}\nn = 30"


def test_center_subtracts_the_mean_of_all_cells_and_zero_is_in_the_middle(any_graph, fitted):
    adata = fitted(any_graph)
    everything = adata.obsm["X_gsr"].mean(axis=0, dtype=np.float64)
    panels = panels_of(pl.activation_map(adata, groupby="group", center=True, normalize=None))
    for panel, mean in zip(panels, means(adata).to_numpy(), strict=True):
        assert np.allclose(values_of(panel), mean - everything, atol=1e-12)
        norm = (panel.images or panel.collections)[0].norm
        assert norm(0.0) == 0.5
        assert norm.vmin == -norm.vmax


def test_panel_normalisation_brings_each_panel_to_one_and_keeps_its_pattern(on_grid):
    panels = panels_of(pl.activation_map(on_grid, groupby="group", normalize="panel"))
    for panel, mean in zip(panels, means(on_grid).to_numpy(), strict=True):
        assert np.allclose(values_of(panel), mean / mean.max())


def test_silent_neurons_give_a_dark_panel_under_any_normalisation(fitted, graph_named):
    adata = fitted(graph_named["grid"], dead=range(24))
    for normalize in (None, "panel"):
        for panel in panels_of(pl.activation_map(adata, groupby="group", normalize=normalize)):
            image = panel.images[0]
            assert not np.any(image.norm(image.get_array()))


def test_each_panel_has_its_own_maximum_unless_a_limit_is_given(on_grid):
    panels = panels_of(pl.activation_map(on_grid, groupby="group"))
    assert [panel.images[0].get_array().max() for panel in panels] == [1, 1, 1]
    limited = panels_of(pl.activation_map(on_grid, groupby="group", vmax=2))
    for panel, mean in zip(limited, means(on_grid).to_numpy(), strict=True):
        assert np.allclose(values_of(panel), mean)
    figure = pl.activation_map(on_grid, groupby="group")
    assert "panel maximum" in figure.axes[-1].get_ylabel().replace("\n", " ")


def test_groups_of_few_cells_are_marked_and_set_no_shared_scale(on_grid):
    few = np.where(np.arange(N_CELLS) < 4, "few", "many")
    on_grid.obs["size"] = pd.Categorical(few, categories=["many", "few"])
    on_grid.obsm["X_gsr"][:4] *= 100
    figure = pl.activation_map(on_grid, groupby="size", normalize=None)
    many, few = panels_of(figure)
    assert (many.get_title(), few.get_title()) == ("many\nn = 56", "few\nonly n = 4")
    assert few.title.get_color() != many.title.get_color()
    assert few.images[0].norm.vmax == values_of(many).max() < values_of(few).max()


def test_two_columns_give_rows_and_columns_and_empty_combinations_say_so(on_grid):
    on_grid.obs["dose"] = pd.Categorical(np.where(on_grid.obs["group"] == "B cell", "10", np.arange(N_CELLS) % 2 + 1))
    figure = pl.activation_map(on_grid, groupby=["group", "dose"], normalize=None)
    panels = panels_of(figure)
    heads = [panel.get_title().split("\n")[0] for panel in panels[:3]]
    assert heads == ["1", "2", "10"], "numbers in their order"
    assert [panel.get_ylabel() for panel in panels[::3]] == ["B cell", "T cell", "NK cell"]
    empty = [[text.get_text().replace("\n", " ") for text in panel.texts] for panel in panels]
    assert empty == [["no cells"]] * 2 + [[]] * 3 + [["no cells"]] + [[]] * 2 + [["no cells"]]
    chosen = (on_grid.obs["group"] == "T cell") & (on_grid.obs["dose"] == "2")
    assert np.allclose(values_of(panels[4]), on_grid.obsm["X_gsr"][chosen].mean(axis=0))
    assert len({round(panel.get_position().x0, 9) for panel in panels}) == 3
    assert len({round(panel.get_position().y0, 9) for panel in panels}) == 3


def test_a_reference_is_drawn_itself_and_the_others_differ_from_it_within_the_row(on_grid):
    on_grid.obs["half"] = pd.Categorical(np.where(np.arange(N_CELLS) % 2, "treated", "control"))
    light = {
        (group, half): on_grid.obsm["X_gsr"][(on_grid.obs["group"] == group) & (on_grid.obs["half"] == half)].mean(0)
        for group in ("B cell", "T cell")
        for half in ("control", "treated")
    }
    for normalize in (None, "panel"):
        figure = pl.activation_map(
            on_grid, groupby=["group", "half"], groups=["B cell", "T cell"], reference="control", normalize=normalize
        )
        panels = panels_of(figure)
        assert len(figure.axes) == len(panels) + 1, "one colour bar"
        for row, group in enumerate(["B cell", "T cell"]):
            reference, other = panels[2 * row : 2 * row + 2]
            itself, treated = light[group, "control"], light[group, "treated"]
            assert np.allclose(values_of(reference), itself / itself.max(), atol=1e-6)
            unit = 1 if normalize is None else itself.max()
            assert np.allclose(values_of(other), (treated - itself) / unit, atol=1e-6)
            assert other.images[0].norm.vmin == -other.images[0].norm.vmax


def test_without_cells_in_the_reference_a_row_says_so(on_grid):
    on_grid.obs["half"] = pd.Categorical(np.where(on_grid.obs["group"] == "T cell", "treated", "control"))
    figure = pl.activation_map(on_grid, groupby=["group", "half"], reference="control")
    texts = [[text.get_text().replace("\n", " ") for text in panel.texts] for panel in panels_of(figure)]
    assert texts == [[], ["no cells"], ["no cells"], ["no reference"], [], ["no cells"]]


def test_titles_are_those_of_the_user(on_grid):
    figure = pl.activation_map(on_grid, groupby="gsr", title=["a", "b", "c"])
    assert [panel.get_title() for panel in panels_of(figure)] == ["a", "b", "c"]
    assert "all of it" in [text.get_text() for text in pl.activation_map(on_grid, title="all of it").texts]
    assert pl.activation_map(on_grid, 0, title="one").axes[0].get_title() == "one"


def mask(*rows):
    chosen = np.zeros(N_CELLS, dtype=bool)
    chosen[list(rows)] = True
    return chosen


@pytest.mark.parametrize(
    ("cells", "rows"),
    [
        ("cell_3", [3]),
        (3, [3]),
        (-1, [N_CELLS - 1]),
        (["cell_5", "cell_2"], [5, 2]),
        ([5, 2], [5, 2]),
        (np.array([5, 2]), [5, 2]),
        (mask(2, 5), [2, 5]),
    ],
)
def test_single_cells_by_name_position_or_mask(cells, rows, on_grid):
    panels = panels_of(pl.activation_map(on_grid, cells, normalize=None))
    assert [panel.get_title() for panel in panels] == [f"cell_{row}" for row in rows]
    for panel, row in zip(panels, rows, strict=True):
        assert np.array_equal(values_of(panel), on_grid.obsm["X_gsr"][row])


def test_percentile_limits_are_of_what_is_drawn(on_grid):
    ax = pl.activation_map(on_grid, 0, vmin="p10", vmax="p90").axes[0]
    expected = np.percentile(on_grid.obsm["X_gsr"][0], [10, 90])
    assert np.allclose([ax.images[0].norm.vmin, ax.images[0].norm.vmax], expected)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"vmin": 0.5, "vmax": 2}, (0.5, 2)),
        ({"vmin": -1}, (-1, None)),
        ({"vcenter": 1, "vmax": 4}, (-2, 4)),
        ({"vcenter": 1, "vmin": 0, "vmax": 4}, (0, 4)),
    ],
)
def test_limits_are_kept(limits, expected, on_grid):
    norm = pl.activation_map(on_grid, 0, **limits).axes[0].images[0].norm
    assert norm.vmin == expected[0]
    assert expected[1] is None or norm.vmax == expected[1]
    if "vcenter" in limits:
        assert norm(limits["vcenter"]) == 0.5


def test_negative_activations_are_not_cut_off(on_grid):
    on_grid.obsm["X_gsr"] = on_grid.obsm["X_gsr"] - 2
    assert pl.activation_map(on_grid, 0, normalize=None).axes[0].images[0].norm.vmin == on_grid.obsm["X_gsr"][0].min()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"cells": 0, "groupby": "group"}, ValueError, "`cells` excludes `groupby`"),
        ({"cells": 0, "groups": ["B cell"]}, ValueError, "`cells` excludes `groupby`"),
        ({"cells": "group"}, KeyError, "did you mean groupby='group'"),
        ({"groupby": ["group", "gsr", "half"]}, ValueError, "`groupby` must name one column"),
        ({"groupby": "group", "reference": "B cell"}, ValueError, "`reference` is a level of the second"),
        ({"groupby": ["group", "gsr"], "reference": "3"}, ValueError, "`reference` must be one of"),
        ({"groupby": ["group", "gsr"], "reference": "0", "center": True}, ValueError, "`center`"),
        ({"groupby": "group", "title": ["one"]}, ValueError, "`title`"),
        ({"groupby": "group", "figsize": 3}, TypeError, "`figsize`"),
        ({"save": "picture.pdf"}, TypeError, "fig.savefig"),
        ({"cells": "nobody"}, KeyError, "nobody"),
        ({"cells": 1.5}, KeyError, "`cells`"),
        ({"cells": N_CELLS}, ValueError, str(N_CELLS)),
        ({"cells": [True, False]}, ValueError, "mask"),
        ({"cells": []}, ValueError, "`cells` must select"),
        ({"cells": mask()}, ValueError, "`cells` must select"),
        ({"cells": [0] * 201}, ValueError, "`cells` must select"),
        ({"groupby": "gruop"}, KeyError, "'group'"),
        ({"groupby": "number"}, TypeError, "`groupby`"),
        ({"groupby": "group", "groups": "D cell"}, ValueError, "'B cell'"),
        ({"groupby": "group", "groups": "empty"}, ValueError, "`groupby`"),
        ({"groupby": "group", "ax": True}, ValueError, "`ax`"),
        ({"normalize": "neuron"}, ValueError, "`normalize`"),
        ({"ncols": 0}, ValueError, "`ncols`"),
        ({"vmin": 2, "vmax": 1}, ValueError, "`vmin`"),
        ({"vmin": "two"}, ValueError, "`vmin`"),
        ({"vmax": "p101"}, ValueError, "`vmax`"),
        ({"vmax": None, "vmin": "p0", "vcenter": -5}, ValueError, "`vcenter`"),
        ({"key": "other"}, KeyError, r"scgsr\.tl\.fit"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message, on_grid):
    on_grid.obs["number"] = np.linspace(0, 1, N_CELLS)
    if arguments.get("ax"):
        arguments = arguments | {"ax": plt.figure().add_subplot()}
    with pytest.raises(error, match=message):
        pl.activation_map(on_grid, **arguments)
