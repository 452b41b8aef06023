"""The neuron graph: what the artists hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color
from scipy.spatial.distance import pdist

from scgsr import graphs, pl

N_CELLS = 60


def test_nodes_lie_at_their_positions_and_every_edge_is_drawn(any_graph, fitted):
    ax = pl.neuron_graph(fitted(any_graph))
    edges, nodes = ax.collections
    assert np.array_equal(nodes.get_offsets(), any_graph.positions)
    segments = np.array(edges.get_segments()).reshape(-1, 2, 2)
    lengths = np.linalg.norm(segments[:, 0] - segments[:, 1], axis=1)
    row, column = any_graph.adjacency.nonzero()
    if any_graph.image_shape is None:
        expected = np.linalg.norm(any_graph.positions[row] - any_graph.positions[column], axis=1)[row < column]
        assert np.allclose(np.sort(lengths), np.sort(expected))
    else:
        assert lengths.max() <= 1


def test_an_edge_round_the_torus_leaves_the_sheet_on_both_sides(fitted):
    height, width = 3, 4
    ax = pl.neuron_graph(fitted(graphs.grid(height, width, periodic=True)))
    segments = np.array(ax.collections[0].get_segments())
    inner = height * (width - 1) + width * (height - 1)
    assert len(segments) == inner + 2 * (height + width)
    outside = (segments < (0, -(height - 1))) | (segments > (width - 1, 0))
    assert outside.any(axis=(1, 2)).sum() == 2 * (height + width)


def test_a_module_has_the_colour_of_the_label_with_its_number_and_the_dead_are_hollow(fitted, graph_named):
    adata = fitted(graph_named["grid"], dead=[4])
    ax = pl.neuron_graph(adata)
    nodes = ax.collections[-1]
    modules = adata.uns["gsr"]["modules"]
    alive = modules >= 0
    assert same_color(nodes.get_facecolor()[alive], [adata.uns["gsr_colors"][m] for m in modules[alive]])
    assert nodes.get_facecolor()[4][3] == 0
    assert not same_color(nodes.get_edgecolor()[4], nodes.get_edgecolor()[5])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0 (8)", "1 (7)", "2 (8)", "dead (1)"]


def test_a_module_that_no_cell_has_gets_a_colour_of_its_own(on_grid):
    on_grid.obs["gsr"] = pd.Categorical(["0", "2"] * (N_CELLS // 2))
    on_grid.uns["gsr_colors"] = np.array(["#1f77b4", "#ff7f0e"], dtype=object)
    faces = pl.neuron_graph(on_grid).collections[-1].get_facecolor()
    assert same_color(faces[[0, 2]], ["#1f77b4", "#ff7f0e"])
    assert len(np.unique(faces, axis=0)) == 3


def diameters(ax):
    """Return the diameters of the nodes in units of the layout; matplotlib has no getter before 3.9."""
    ax.figure.canvas.draw()
    return 2 * ax.collections[-1].get_transforms()[:, 0, 0]


def test_the_more_active_the_larger(on_ring):
    sizes = diameters(pl.neuron_graph(on_ring))
    mean = on_ring.obsm["X_gsr"].mean(axis=0)
    assert np.argmax(sizes) == np.argmax(mean)
    assert np.allclose(sizes**2 / sizes.max() ** 2, mean / mean.max(), rtol=1e-5)


@pytest.mark.parametrize("name", ["ring", "tree", "learned", "path"])
def test_most_nodes_keep_clear_of_each_other(name, fitted, graph_named):
    graph = graph_named[name]
    sizes = diameters(pl.neuron_graph(fitted(graph)))
    assert sizes.max() < np.quantile(pdist(graph.positions), 0.05)


def test_nodes_take_the_colour_of_the_numbers_given(fitted, graph_named):
    adata = fitted(graph_named["tree"])
    values = np.arange(graph_named["tree"].n_neurons)
    assert np.array_equal(pl.neuron_graph(adata, color=values).collections[-1].get_array(), values)
    mean = adata.obsm["X_gsr"].mean(axis=0, dtype=np.float64)
    assert np.allclose(pl.neuron_graph(adata, color="activation").collections[-1].get_array(), mean)


@pytest.mark.parametrize(
    ("color", "error"),
    [("modul", ValueError), ([1.0, 2.0], ValueError), ([np.nan] * 20, ValueError), (["a"] * 20, TypeError)],
)
def test_wrong_colours_are_refused(color, error, on_ring):
    with pytest.raises(error, match="`color`"):
        pl.neuron_graph(on_ring, color=color)
