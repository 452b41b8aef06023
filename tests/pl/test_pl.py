"""The pictures: what the artists hold, not how pixels look."""

from __future__ import annotations

import logging

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import same_color, to_rgba_array
from matplotlib.path import Path as Outline
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from scgsr import graphs, pl, tl
from scgsr.pl._sheet import _NARROW_RIM, Sheet, _unit

N_CELLS = 60
GROUPS = ["B cell", "T cell", "empty", "NK cell"]


def random_geometric(n):
    rng = np.random.default_rng(1)
    places, cells = rng.random((n, 2)), rng.random((500, 2))
    return graphs.coactivation(np.exp(-10 * np.linalg.norm(cells[:, None] - places, axis=2)), n_neighbors=6)


# Drawn as Voronoi cells: no image shape.
LAYOUTS = {
    "one neuron": graphs.path(1),
    "two neurons": graphs.path(2),
    "three neurons": graphs.path(3),
    "path": graphs.path(10),
    "ring": graphs.ring(20),
    "star": graphs.star(30),
    "tree": graphs.tree(4),
    "wishbone": graphs.wishbone(6, 5),
    "modules": graphs.modules(5, 6),
    "disjoint": graphs.disjoint(graphs.grid(3), graphs.ring(7), graphs.path(1)),
    "isolated": graphs.from_adjacency(np.zeros((5, 5))),
    "learned": random_geometric(50),
    "grid, permuted": graphs.grid(5).permuted(np.random.default_rng(2).permutation(25)),
}
IMAGES = {"grid": graphs.grid(4, 6), "torus": graphs.grid(5, periodic=True), "strip": graphs.grid(1, 7)}

every_layout = pytest.mark.parametrize("graph", LAYOUTS.values(), ids=LAYOUTS)
every_graph = pytest.mark.parametrize("graph", (LAYOUTS | IMAGES).values(), ids=[*LAYOUTS, *IMAGES])


def fitted(graph, *, dead=()):
    """Return cells with the slots that a fit writes, filled at random."""
    rng = np.random.default_rng(0)
    activations = rng.gamma(1.0, size=(N_CELLS, graph.n_neurons)).astype(np.float32)
    activations[:, list(dead)] = 0
    modules = np.arange(graph.n_neurons) % 3
    modules[list(dead)] = -1
    group = pd.Categorical(rng.choice(["B cell", "T cell", "NK cell", None], N_CELLS), categories=GROUPS)
    label = pd.Categorical((np.arange(N_CELLS) % min(3, graph.n_neurons)).astype(str))
    adata = ad.AnnData(
        obs=pd.DataFrame({"group": group, "gsr": label}, index=[f"cell_{i}" for i in range(N_CELLS)]),
        obsm={"X_gsr": activations},
    )
    stored = {"adjacency": graph.adjacency, "positions": graph.positions, "name": graph.name}
    history = {
        "epoch": np.arange(4),
        "train_reconstruction": [1.0, 0.5, 0.4, 0.3],
        "validation_reconstruction": [0.9, 0.5, 0.3, 0.2],
        "train_penalty": [0.5, 0.4, 0.3, 0.3],
        "validation_penalty": [0.5, 0.3, 0.3, 0.2],
        "validation_r2": [0.1, 0.5, 0.7, 0.8],
        "edge_jaccard": [np.nan, 0.2, 0.8, 0.9],
        "kept": [False, False, True, False],
    }
    adata.uns["gsr"] = {
        "graph": stored | {"image_shape": np.array(graph.image_shape or (), dtype=int)},
        "modules": modules,
        "history": pd.DataFrame(history),
    }
    adata.uns["gsr_colors"] = np.array(["#aa0000", "#00bb00", "#0000cc"][: len(label.categories)], dtype=object)
    return adata


def means(adata, groupby="group"):
    """Return group means by hand, (n_groups, n_neurons), without empty groups."""
    frame = pd.DataFrame(adata.obsm["X_gsr"].astype(float), index=adata.obs_names)
    return frame.groupby(adata.obs[groupby], observed=True).mean()


def values_of(panel):
    """Return the value of each neuron that a panel shows, in the order of the neurons."""
    return np.ravel((panel.images or panel.collections)[0].get_array())


def panels_of(drawn):
    """Return the axes of the pictures, without the colour bar."""
    return [ax for ax in drawn.axes if ax.get_label() != "<colorbar>"]


# The sheet


@every_layout
def test_each_polygon_holds_its_own_neuron_and_is_convex(graph):
    for position, polygon in zip(graph.positions, Sheet.of_graph(graph).polygons, strict=True):
        assert Outline(polygon).contains_point(position)
        turn = np.roll(polygon, -1, axis=0) - polygon
        following = np.roll(turn, -1, axis=0)
        cross = turn[:, 0] * following[:, 1] - turn[:, 1] * following[:, 0]
        assert (cross >= -1e-9 * np.abs(turn).max() ** 2).all()


@every_layout
def test_a_place_belongs_to_the_nearest_neuron_or_to_none(graph):
    sheet = Sheet.of_graph(graph)
    left, right, bottom, top = sheet.bounds
    points = np.random.default_rng(0).uniform((left, bottom), (right, top), size=(2000, 2))
    inside = np.array([Outline(polygon).contains_points(points) for polygon in sheet.polygons])
    distance, nearest = cKDTree(graph.positions).query(points)
    owner = inside.argmax(axis=0)
    covered = inside.any(axis=0)
    assert inside.sum(axis=0).max() == 1
    assert np.array_equal(owner[covered], nearest[covered])
    edges = graph.adjacency.tocoo()
    lengths = np.linalg.norm(graph.positions[edges.row] - graph.positions[edges.col], axis=1)
    near = distance < _NARROW_RIM * _unit(graph.positions, edges.row, lengths) / 2
    assert near.any()
    assert covered[near].all()


@pytest.mark.parametrize("name", ["star", "tree", "grid, permuted"])
def test_a_compact_layout_has_no_holes(name):
    graph = LAYOUTS[name]
    weights = np.random.default_rng(0).dirichlet(np.ones(3), size=500)
    corners = graph.positions[np.random.default_rng(1).integers(graph.n_neurons, size=(500, 3))]
    points = np.einsum("pc,pcx->px", weights, corners)
    inside = np.array([Outline(polygon).contains_points(points, radius=1e-9) for polygon in Sheet.of_graph(graph).polygons])
    assert inside.any(axis=0).all()


BORDERS = {"path": 1, "ring": 2, "star": 1, "tree": 1, "wishbone": 1, "modules": 5, "isolated": 5}


@pytest.mark.parametrize(("name", "n_borders"), BORDERS.items())
def test_a_part_has_one_closed_border_and_a_ring_two(name, n_borders):
    corners = np.unique(Sheet.of_graph(LAYOUTS[name]).outline.round(9).reshape(-1, 2), axis=0, return_inverse=True)[1]
    start, end = corners.reshape(-1, 2).T
    joined = csr_matrix((np.ones(len(start)), (start, end)), shape=(corners.max() + 1,) * 2)
    assert connected_components(joined, directed=False)[0] == n_borders
    assert (np.bincount(corners) == 2).all()


@pytest.mark.parametrize("name", ["modules", "disjoint"])
def test_unconnected_parts_do_not_touch(name):
    graph = LAYOUTS[name]
    polygons, part = Sheet.of_graph(graph).polygons, graph.components[1]
    parts = [np.concatenate([polygons[i] for i in np.flatnonzero(part == each)]) for each in range(part.max() + 1)]
    for one, corners in enumerate(parts):
        for other in parts[one + 1 :]:
            assert cKDTree(corners).query(other)[0].min() > 0.1


def area(polygon):
    x, y = polygon.T
    return 0.5 * (x @ np.roll(y, -1) - y @ np.roll(x, -1))


@every_layout
def test_renumbering_neurons_leaves_the_picture_as_it_was(graph):
    order = np.random.default_rng(3).permutation(graph.n_neurons)
    before, after = Sheet.of_graph(graph), Sheet.of_graph(graph.permuted(order))
    assert np.allclose(after.bounds, before.bounds)
    for new, old in enumerate(order):
        assert area(after.polygons[new]) == pytest.approx(area(before.polygons[old]))
        assert np.allclose(after.polygons[new].min(axis=0), before.polygons[old].min(axis=0))
        assert np.allclose(after.polygons[new].max(axis=0), before.polygons[old].max(axis=0))


# Activation maps


@pytest.mark.parametrize("graph", IMAGES.values(), ids=IMAGES)
def test_a_sheet_is_drawn_as_an_image_with_row_zero_on_top(graph):
    adata = fitted(graph)
    figure = pl.activation_map(adata, groupby="group")
    for panel, mean in zip(panels_of(figure), means(adata).to_numpy(), strict=True):
        (image,) = panel.images
        assert image.origin == "upper"
        assert np.allclose(image.get_array(), mean.reshape(graph.image_shape), rtol=1e-12)
        assert image.get_extent()[3] > image.get_extent()[2]


@every_layout
def test_any_other_graph_is_drawn_as_polygons_with_the_means_of_its_neurons(graph):
    adata = fitted(graph)
    for panel, mean in zip(panels_of(pl.activation_map(adata, groupby="group")), means(adata).to_numpy(), strict=True):
        cells = panel.collections[0]
        assert isinstance(cells, PolyCollection)
        assert len(cells.get_paths()) == graph.n_neurons
        assert np.allclose(cells.get_array(), mean, rtol=1e-12)


def test_panels_are_titled_ordered_and_share_one_scale_and_one_colour_bar():
    adata = fitted(IMAGES["grid"])
    figure = pl.activation_map(adata, groupby="group", groups=["T cell", "B cell"])
    counts = adata.obs["group"].value_counts()
    panels = panels_of(figure)
    assert [panel.get_title() for panel in panels] == [f"{name} (n = {counts[name]})" for name in ("T cell", "B cell")]
    assert len(figure.axes) == len(panels) + 1
    norms = {panel.images[0].norm for panel in panels}
    assert len(norms) == 1
    drawn = means(adata).loc[["T cell", "B cell"]].to_numpy()
    (norm,) = norms
    assert (norm.vmin, norm.vmax) == (0, pytest.approx(drawn.max()))


def test_groups_without_cells_are_left_out_and_named_in_the_log(caplog):
    adata = fitted(IMAGES["grid"])
    with caplog.at_level(logging.INFO, logger="scgsr"):
        figure = pl.activation_map(adata, groupby="group")
    assert "empty" in caplog.text
    assert len(panels_of(figure)) == len(GROUPS) - 1


def test_missing_group_is_no_group():
    adata = fitted(IMAGES["grid"])
    assert adata.obs["group"].isna().any()
    drawn = sum(
        int(panel.get_title().split("n = ")[1][:-1]) for panel in panels_of(pl.activation_map(adata, groupby="group"))
    )
    assert drawn == adata.obs["group"].notna().sum()


def test_groups_are_the_labels_of_the_fit_by_default():
    adata = fitted(IMAGES["grid"])
    by_default, by_name = pl.activation_map(adata), pl.activation_map(adata, groupby="gsr")
    for one, other in zip(panels_of(by_default), panels_of(by_name), strict=True):
        assert one.get_title() == other.get_title()
        assert np.array_equal(values_of(one), values_of(other))


@pytest.mark.parametrize("kind", [str, bool, int])
def test_any_column_of_groups_will_do(kind):
    adata = fitted(IMAGES["grid"])
    adata.obs["other"] = np.array([kind(i % 2) for i in range(N_CELLS)])
    first = panels_of(pl.activation_map(adata, groupby="other"))[0]
    assert np.allclose(values_of(first), means(adata, "other").to_numpy()[0])
    assert first.get_title() == f"{kind(0)} (n = 30)"


@every_graph
def test_center_subtracts_the_mean_of_all_cells_and_zero_is_in_the_middle(graph):
    adata = fitted(graph)
    everything = adata.obsm["X_gsr"].mean(axis=0, dtype=np.float64)
    panels = panels_of(pl.activation_map(adata, groupby="group", center=True))
    for panel, mean in zip(panels, means(adata).to_numpy(), strict=True):
        assert np.allclose(values_of(panel), mean - everything, atol=1e-12)
        norm = (panel.images or panel.collections)[0].norm
        assert norm(0.0) == 0.5
        assert norm.vmin == -norm.vmax


def test_panel_normalisation_brings_each_panel_to_one_and_keeps_its_pattern():
    adata = fitted(IMAGES["grid"])
    panels = panels_of(pl.activation_map(adata, groupby="group", normalize="panel"))
    for panel, mean in zip(panels, means(adata).to_numpy(), strict=True):
        assert np.allclose(values_of(panel), mean / mean.max())


def test_silent_neurons_give_a_dark_panel_under_any_normalisation():
    adata = fitted(IMAGES["grid"], dead=range(24))
    for normalize in (None, "panel"):
        for panel in panels_of(pl.activation_map(adata, groupby="group", normalize=normalize)):
            image = panel.images[0]
            assert not np.any(image.norm(image.get_array()))


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
def test_single_cells_by_name_position_or_mask(cells, rows):
    adata = fitted(IMAGES["grid"])
    drawn = pl.activation_map(adata, cells)
    panels = [drawn] if len(rows) == 1 else panels_of(drawn)
    assert [panel.get_title() for panel in panels] == [f"cell_{row}" for row in rows]
    for panel, row in zip(panels, rows, strict=True):
        assert np.array_equal(values_of(panel), adata.obsm["X_gsr"][row])


def test_percentile_limits_are_of_what_is_drawn():
    adata = fitted(IMAGES["grid"])
    ax = pl.activation_map(adata, 0, vmin="p10", vmax="p90")
    expected = np.percentile(adata.obsm["X_gsr"][0], [10, 90])
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
def test_limits_are_kept(limits, expected):
    norm = pl.activation_map(fitted(IMAGES["grid"]), 0, **limits).images[0].norm
    assert norm.vmin == expected[0]
    assert expected[1] is None or norm.vmax == expected[1]
    if "vcenter" in limits:
        assert norm(limits["vcenter"]) == 0.5


def test_negative_activations_are_not_cut_off():
    adata = fitted(IMAGES["grid"])
    adata.obsm["X_gsr"] = adata.obsm["X_gsr"] - 2
    assert pl.activation_map(adata, 0).images[0].norm.vmin == adata.obsm["X_gsr"][0].min()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"cells": 0, "groupby": "group"}, ValueError, "`cells` and `groupby`"),
        ({"cells": 0, "groups": ["B cell"]}, ValueError, "`cells` and `groupby`"),
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
def test_wrong_arguments_are_named(arguments, error, message):
    adata = fitted(IMAGES["grid"])
    adata.obs["number"] = np.linspace(0, 1, N_CELLS)
    if arguments.get("ax"):
        arguments = arguments | {"ax": plt.figure().add_subplot()}
    with pytest.raises(error, match=message):
        pl.activation_map(adata, **arguments)


# The neuron graph


@every_graph
def test_nodes_lie_at_their_positions_and_every_edge_is_drawn(graph):
    ax = pl.neuron_graph(fitted(graph))
    edges, nodes = ax.collections
    assert np.array_equal(nodes.get_offsets(), graph.positions)
    segments = np.array(edges.get_segments()).reshape(-1, 2, 2)
    lengths = np.linalg.norm(segments[:, 0] - segments[:, 1], axis=1)
    row, column = graph.adjacency.nonzero()
    if graph.image_shape is None:
        expected = np.linalg.norm(graph.positions[row] - graph.positions[column], axis=1)[row < column]
        assert np.allclose(np.sort(lengths), np.sort(expected))
    else:
        assert lengths.max() <= 1


def test_an_edge_round_the_torus_leaves_the_sheet_on_both_sides():
    height, width = 3, 4
    ax = pl.neuron_graph(fitted(graphs.grid(height, width, periodic=True)))
    segments = np.array(ax.collections[0].get_segments())
    inner = height * (width - 1) + width * (height - 1)
    assert len(segments) == inner + 2 * (height + width)
    outside = (segments < (0, -(height - 1))) | (segments > (width - 1, 0))
    assert outside.any(axis=(1, 2)).sum() == 2 * (height + width)


def test_a_module_has_the_colour_of_the_label_with_its_number_and_the_dead_are_hollow():
    adata = fitted(IMAGES["grid"], dead=[4])
    ax = pl.neuron_graph(adata)
    nodes = ax.collections[-1]
    modules = adata.uns["gsr"]["modules"]
    alive = modules >= 0
    assert same_color(nodes.get_facecolor()[alive], [adata.uns["gsr_colors"][m] for m in modules[alive]])
    assert nodes.get_facecolor()[4][3] == 0
    assert not same_color(nodes.get_edgecolor()[4], nodes.get_edgecolor()[5])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0 (8)", "1 (7)", "2 (8)", "dead (1)"]


def test_a_module_that_no_cell_has_gets_a_colour_of_its_own():
    adata = fitted(IMAGES["grid"])
    adata.obs["gsr"] = pd.Categorical(["0", "2"] * (N_CELLS // 2))
    adata.uns["gsr_colors"] = np.array(["#1f77b4", "#ff7f0e"], dtype=object)
    faces = pl.neuron_graph(adata).collections[-1].get_facecolor()
    assert same_color(faces[[0, 2]], ["#1f77b4", "#ff7f0e"])
    assert len(np.unique(faces, axis=0)) == 3


def test_the_more_active_the_larger():
    adata = fitted(LAYOUTS["ring"])
    nodes = pl.neuron_graph(adata).collections[-1]
    mean = adata.obsm["X_gsr"].mean(axis=0)
    assert np.argmax(nodes.get_widths()) == np.argmax(mean)
    assert np.allclose(nodes.get_widths() ** 2 / nodes.get_widths().max() ** 2, mean / mean.max(), rtol=1e-5)


@pytest.mark.parametrize("name", ["ring", "tree", "learned", "path"])
def test_most_nodes_keep_clear_of_each_other(name):
    graph = LAYOUTS[name]
    diameters = pl.neuron_graph(fitted(graph)).collections[-1].get_widths()
    assert diameters.max() < np.quantile(pdist(graph.positions), 0.05)


def test_nodes_take_the_colour_of_the_numbers_given():
    adata = fitted(LAYOUTS["tree"])
    values = np.arange(LAYOUTS["tree"].n_neurons)
    assert np.array_equal(pl.neuron_graph(adata, color=values).collections[-1].get_array(), values)
    mean = adata.obsm["X_gsr"].mean(axis=0, dtype=np.float64)
    assert np.allclose(pl.neuron_graph(adata, color="activation").collections[-1].get_array(), mean)


@pytest.mark.parametrize(
    ("color", "error"),
    [("modul", ValueError), ([1.0, 2.0], ValueError), ([np.nan] * 20, ValueError), (["a"] * 20, TypeError)],
)
def test_wrong_colours_are_refused(color, error):
    with pytest.raises(error, match="`color`"):
        pl.neuron_graph(fitted(LAYOUTS["ring"]), color=color)


# Segmentation


def faces(ax):
    return ax.images[0].get_array().reshape(-1, 4) if ax.images else ax.collections[0].get_facecolor()


@every_graph
@pytest.mark.parametrize("normalize", ["share", None])
def test_each_neuron_has_the_colour_of_the_group_that_lights_it_most(graph, normalize):
    adata = fitted(graph)
    adata.uns["group_colors"] = ["#ff0000", "#00ff00", "#123456", "#0000ff"]
    ax = pl.segmentation(adata, "group", normalize=normalize)
    color = dict(zip(GROUPS, adata.uns["group_colors"], strict=True))
    light, overall = means(adata), adata.obsm["X_gsr"].mean(axis=0, dtype=np.float64)
    if normalize == "share":
        light, overall = light.div(light.sum(axis=1), axis=0), overall / overall.sum()
    lit = light.max().to_numpy() > overall * (1 + 1e-9)
    expected = [color[group] if is_lit else DEAD for group, is_lit in zip(light.idxmax(), lit, strict=True)]
    assert np.allclose(faces(ax), to_rgba_array(expected))


def test_a_few_bright_cells_take_the_sheet_only_without_normalisation():
    adata = fitted(IMAGES["grid"])
    bright = (adata.obs["group"] == "NK cell").to_numpy()
    adata.obsm["X_gsr"][bright] *= 100
    owners = [len(np.unique(faces(pl.segmentation(adata, "group", normalize=how)), axis=0)) for how in ("share", None)]
    assert owners == [3, 1]


def test_a_group_of_all_cells_lights_nothing_more_than_all_cells():
    adata = fitted(IMAGES["grid"])
    adata.obs["all"] = pd.Categorical(["all"] * N_CELLS)
    assert np.allclose(faces(pl.segmentation(adata, "all")), to_rgba_array(DEAD))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [({"groupby": "gruop"}, KeyError), ({"groupby": "group", "normalize": "panel"}, ValueError)],
)
def test_wrong_arguments_of_segmentation_are_named(arguments, error):
    with pytest.raises(error, match=list(arguments)[-1]):
        pl.segmentation(fitted(IMAGES["grid"]), **arguments)


def test_a_dead_neuron_and_one_that_other_groups_light_are_grey():
    adata = fitted(IMAGES["grid"], dead=[0])
    adata.obsm["X_gsr"][:, 1] = adata.obs["group"] == "T cell"
    drawn = faces(pl.segmentation(adata, "group", groups=["B cell", "NK cell"]))
    grey = to_rgba_array(DEAD)[0]
    assert np.allclose(drawn[[0, 1]], grey)
    assert not np.allclose(drawn, grey)


def test_the_legend_counts_the_neurons_of_each_group():
    ax = pl.segmentation(fitted(IMAGES["grid"]), "group")
    entries = [text.get_text() for text in ax.get_legend().get_texts()]
    assert sum(int(entry.split("(")[1][:-1]) for entry in entries) == IMAGES["grid"].n_neurons
    assert not any(entry.startswith("empty") for entry in entries)


def test_too_few_stored_colours_are_not_used():
    adata = fitted(IMAGES["grid"])
    adata.uns["group_colors"] = ["#ff0000"]
    assert len(np.unique(faces(pl.segmentation(adata, "group")), axis=0)) >= 3


# History


def test_history_draws_what_was_recorded():
    adata = fitted(LAYOUTS["ring"])
    table = adata.uns["gsr"]["history"]
    reconstruction, penalty, r2, edges = pl.history(adata).axes
    assert np.array_equal(reconstruction.lines[0].get_ydata(), table["train_reconstruction"])
    assert np.array_equal(reconstruction.lines[1].get_ydata(), table["validation_reconstruction"])
    assert np.array_equal(penalty.lines[1].get_ydata(), table["validation_penalty"])
    assert np.array_equal(r2.lines[0].get_ydata(), table["validation_r2"])
    assert np.array_equal(edges.lines[0].get_xdata(), table["epoch"])
    assert r2.get_title().endswith("0.700")  # of the network that was kept


@pytest.mark.parametrize("absent", [np.nan, None], ids=["all missing", "no column"])
def test_history_leaves_out_what_was_not_recorded(absent):
    adata = fitted(LAYOUTS["ring"])
    table = adata.uns["gsr"]["history"]
    for name in [name for name in table if name.startswith(("validation", "edge"))]:
        if absent is None:
            del table[name]
        else:
            table[name] = absent
    figure = pl.history(adata)
    assert [ax.get_title() for ax in figure.axes] == ["reconstruction loss", "graph penalty"]
    assert all(len(ax.lines) == 1 for ax in figure.axes)


# All pictures

PICTURES = {
    "activation_map": lambda adata, **more: pl.activation_map(adata, 0, **more),
    "neuron_graph": pl.neuron_graph,
    "segmentation": lambda adata, **more: pl.segmentation(adata, "group", **more),
    "history": pl.history,
}
every_picture = pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)


@every_picture
def test_a_picture_writes_nothing(draw):
    adata = fitted(IMAGES["grid"])
    before = adata.copy()
    params = dict(plt.rcParams)
    draw(adata)
    assert dict(plt.rcParams) == params
    assert list(adata.uns) == list(before.uns)
    pd.testing.assert_frame_equal(adata.obs, before.obs)
    assert np.array_equal(adata.obsm["X_gsr"], before.obsm["X_gsr"])
    assert list(adata.uns["gsr_colors"]) == list(before.uns["gsr_colors"])
    pd.testing.assert_frame_equal(adata.uns["gsr"]["history"], before.uns["gsr"]["history"])


@every_picture
def test_what_is_shown_is_not_returned(draw, monkeypatch):
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(True))
    adata = fitted(LAYOUTS["ring"])
    assert draw(adata, show=False) is not None
    assert draw(adata) is not None, "there is no screen here"
    assert not shown
    assert draw(adata, show=True) is None
    assert shown


@pytest.mark.parametrize("autoshow", [True, False])
def test_where_there_is_a_screen_scanpy_decides(autoshow, monkeypatch):
    import scanpy as sc

    monkeypatch.setattr(plt, "show", lambda: None)
    monkeypatch.setattr(plt, "get_backend", lambda: "TkAgg")
    before = sc.settings.autoshow
    sc.settings.autoshow = autoshow
    try:
        assert (pl.history(fitted(LAYOUTS["ring"])) is None) == autoshow
        own = plt.figure().add_subplot()
        assert pl.activation_map(fitted(LAYOUTS["ring"]), 0, ax=own) is own
    finally:
        sc.settings.autoshow = before


@pytest.mark.parametrize("name", [name for name in PICTURES if name != "history"])
def test_own_axes_are_used(name):
    ax = plt.figure().add_subplot()
    assert PICTURES[name](fitted(IMAGES["grid"]), ax=ax) is ax
    assert len(plt.get_fignums()) == 1


LONG = ["_CD4+ central memory", "$\\no formula$ T", "CD8+_effector_memory_cells_that_re-express_CD45RA", "B", "ILC 3"]


def extents(figure, artists):
    renderer = figure.canvas.get_renderer()
    return [artist.get_window_extent(renderer) for artist in artists]


def assert_on_the_page(figure):
    figure.canvas.draw()
    page = figure.bbox.padded(1)
    for ax in figure.axes:
        box = ax.get_tightbbox(figure.canvas.get_renderer())
        assert page.x0 <= box.x0, ax
        assert box.x1 <= page.x1, ax
        assert page.y0 <= box.y0, ax
        assert box.y1 <= page.y1, ax


@pytest.mark.parametrize("graph", [IMAGES["grid"], LAYOUTS["wishbone"], LAYOUTS["path"]], ids=["grid", "tall", "low"])
def test_titles_keep_clear_of_each_other_whatever_the_names(graph):
    adata = fitted(graph)
    adata.obs["group"] = pd.Categorical.from_codes(np.arange(N_CELLS) % 5, LONG)
    figure = pl.activation_map(adata, groupby="group", center=True)
    assert_on_the_page(figure)
    panels = panels_of(figure)
    boxes = extents(figure, [panel.title for panel in panels]) + [panel.bbox for panel in panels]
    for i, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[i + 1 :])
    assert [panel.get_title().replace("\n", "").replace(" ", "") for panel in panels] == [
        f"{name} (n = 12)".replace(" ", "") for name in LONG
    ]


@every_picture
@pytest.mark.parametrize("graph", [IMAGES["grid"], LAYOUTS["path"], LAYOUTS["learned"]], ids=["grid", "low", "blob"])
def test_everything_is_on_the_page(draw, graph):
    adata = fitted(graph)
    adata.obs["group"] = pd.Categorical.from_codes(np.arange(N_CELLS) % 45, [f"{LONG[i % 5]} {i}" for i in range(45)])
    adata.uns["gsr"]["modules"] = np.arange(graph.n_neurons) % 25
    draw(adata)
    assert_on_the_page(plt.gcf())


def test_what_a_fit_stores_can_be_drawn(cells):
    tl.fit(cells, graphs.learned(12, n_neighbors=3), n_epochs=2, progress=False)
    assert len(panels_of(pl.activation_map(cells, groupby="group"))) == 4
    assert len(pl.neuron_graph(cells).collections[-1].get_offsets()) == 12
    assert len(faces(pl.segmentation(cells, "group"))) == 12
    assert pl.history(cells).axes[0].get_title() == "reconstruction loss"
