"""What the tests of pictures share: graphs of every kind, and cells with the slots that a fit writes."""

from __future__ import annotations

import itertools

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from _fits import history, whole_record

from scgsr import graphs

# Pixels by which two texts may touch, or one may leave the page.
_SLACK = 1.5

N_CELLS = 60
GROUPS = ["B cell", "T cell", "empty", "NK cell"]


def random_geometric(n):
    rng = np.random.default_rng(1)
    points, cells = rng.random((n, 2)), rng.random((500, 2))
    return graphs.coactivation(np.exp(-10 * np.linalg.norm(cells[:, None] - points, axis=2)), n_neighbors=6)


# These are drawn as Voronoi cells, as they have no image shape.
POLYGON_GRAPHS = {
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
    "permuted grid": graphs.grid(5).permuted(np.random.default_rng(2).permutation(25)),
}
PIXEL_GRAPHS = {"grid": graphs.grid(4, 6), "torus": graphs.grid(5, periodic=True), "strip": graphs.grid(1, 7)}
ALL_GRAPHS = POLYGON_GRAPHS | PIXEL_GRAPHS


@pytest.fixture(scope="session")
def graph_named():
    """Return the graphs by name."""
    return ALL_GRAPHS


@pytest.fixture(params=POLYGON_GRAPHS.values(), ids=POLYGON_GRAPHS)
def polygon_graph(request):
    return request.param


@pytest.fixture(params=PIXEL_GRAPHS.values(), ids=PIXEL_GRAPHS)
def pixel_graph(request):
    return request.param


@pytest.fixture(params=ALL_GRAPHS.values(), ids=ALL_GRAPHS)
def any_graph(request):
    return request.param


def stored_fit(graph, dead=()):
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
    epochs = {
        "epoch": np.arange(4),
        "train_reconstruction": [1.0, 0.5, 0.4, 0.3],
        "validation_reconstruction": [0.9, 0.5, 0.3, 0.2],
        "train_penalty": [0.5, 0.4, 0.3, 0.3],
        "validation_penalty": [0.5, 0.3, 0.3, 0.2],
        "validation_r2": [0.1, 0.5, 0.7, 0.8],
        "edge_jaccard": [np.nan, 0.2, 0.8, 0.9],
        "kept": [False, False, True, False],
    }
    adata.uns["gsr"] = whole_record(graph, modules, history=history(**epochs))
    adata.uns["gsr_colors"] = np.array(["#aa0000", "#00bb00", "#0000cc"][: len(label.categories)], dtype=object)
    return adata


def stored_fit_with_markers(graph, *, dead=(), n_cells=120):
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
        var=pd.DataFrame(index=["CD4", "CD8", "CD19", "constant"]),
        obsm={"X_gsr": activations},
    )
    adata.uns["gsr"] = whole_record(graph, modules)
    adata.uns["gsr_colors"] = np.array(["#aa0000", "#00bb00", "#0000cc"][: min(3, n)], dtype=object)
    return adata


@pytest.fixture(scope="session")
def fitted_with_markers():
    """Return the function that makes cells with the slots that heatmaps read: markers, groups and a pseudotime too."""
    return stored_fit_with_markers


@pytest.fixture(scope="session")
def fitted():
    """Return the function that makes cells with the slots of a fit on a graph, some neurons of it dead."""
    return stored_fit


@pytest.fixture
def on_grid():
    """Cells with the slots of a fit on a grid of 4 x 6 neurons."""
    return stored_fit(PIXEL_GRAPHS["grid"])


@pytest.fixture
def on_ring():
    """Cells with the slots of a fit on a ring of 20 neurons."""
    return stored_fit(POLYGON_GRAPHS["ring"])


def _beyond_the_limits(axes):
    """Labels of ticks that matplotlib keeps and does not draw."""
    for axis, (low, high) in ((axes.xaxis, sorted(axes.get_xlim())), (axes.yaxis, sorted(axes.get_ylim()))):
        for tick, place in zip(axis.get_major_ticks(), axis.get_majorticklocs(), strict=False):
            if not low <= place <= high:
                yield from (tick.label1, tick.label2)


def unreadable(figure):
    """Draw a figure and return which of its texts overlap another one or leave the page."""
    figure.canvas.draw()
    renderer, page = figure.canvas.get_renderer(), figure.bbox.padded(_SLACK)
    panels = set(figure.findobj(plt.Axes))
    undrawn = {text for axes in panels for text in _beyond_the_limits(axes)}
    written = [text for text in figure.findobj(plt.Text) if text.get_visible() and text.get_text().strip()]
    written = [text for text in dict.fromkeys(written) if text not in undrawn]
    boxes = [(text.get_text(), text.get_window_extent(renderer).padded(-_SLACK)) for text in written]
    boxes = [(text, box) for text, box in boxes if box.width > 0 and box.height > 0]
    outside = [
        text
        for text, box in boxes
        if not (page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1)
    ]
    overlapping = [
        (one, other) for (one, box), (other, another) in itertools.combinations(boxes, 2) if box.overlaps(another)
    ]
    return outside + overlapping


@pytest.fixture(scope="session")
def unreadable_texts():
    """Return the function that draws a figure and lists its texts that overlap others or leave the page."""
    return unreadable
