"""What every picture needs around it: panels, titles, legends, showing."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from _fits import whole_record

from scgsr import graphs, pl, tl
from scgsr.pl import _axes

N_CELLS = 60


def panels_of(figure):
    """Return the axes of the pictures, without the colour bar."""
    return [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]


PICTURES = {
    "activation_map": lambda adata, **more: pl.activation_map(adata, 0, **more),
    "neuron_graph": pl.neuron_graph,
    "segmentation": lambda adata, **more: pl.segmentation(adata, "group", **more),
    "history": pl.history,
}
every_picture = pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)


@every_picture
def test_a_picture_writes_nothing(draw, on_grid):
    before = on_grid.copy()
    params = dict(plt.rcParams)
    draw(on_grid)
    assert dict(plt.rcParams) == params
    assert list(on_grid.uns) == list(before.uns)
    pd.testing.assert_frame_equal(on_grid.obs, before.obs)
    assert np.array_equal(on_grid.obsm["X_gsr"], before.obsm["X_gsr"])
    assert list(on_grid.uns["gsr_colors"]) == list(before.uns["gsr_colors"])
    pd.testing.assert_frame_equal(on_grid.uns["gsr"]["history"], before.uns["gsr"]["history"])


@every_picture
def test_what_is_shown_is_not_returned(draw, monkeypatch, on_ring):
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(True))
    assert draw(on_ring, show=False) is not None
    assert draw(on_ring) is not None, "there is no screen here"
    assert not shown
    assert draw(on_ring, show=True) is None
    assert shown


@pytest.mark.parametrize("autoshow", [True, False])
def test_where_there_is_a_screen_scanpy_decides(autoshow, monkeypatch, on_ring):
    import scanpy as sc

    monkeypatch.setattr(plt, "show", lambda: None)
    monkeypatch.setattr(plt, "get_backend", lambda: "TkAgg")
    before = sc.settings.autoshow
    sc.settings.autoshow = autoshow
    try:
        assert (pl.history(on_ring) is None) == autoshow
        own = plt.figure().add_subplot()
        assert pl.activation_map(on_ring, 0, ax=own) is own
    finally:
        sc.settings.autoshow = before


@pytest.mark.parametrize("name", [name for name in PICTURES if name != "history"])
def test_own_axes_are_used(name, on_grid):
    ax = plt.figure().add_subplot()
    assert PICTURES[name](on_grid, ax=ax) is ax
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


@pytest.mark.parametrize("name", ["grid", "wishbone", "path"])
def test_titles_keep_clear_of_each_other_whatever_the_names(name, fitted, graph_named):
    adata = fitted(graph_named[name])
    adata.obs["group"] = pd.Categorical.from_codes(np.arange(N_CELLS) % 5, LONG)
    figure = pl.activation_map(adata, groupby="group", center=True)
    assert_on_the_page(figure)
    panels = panels_of(figure)
    boxes = extents(figure, [panel.title for panel in panels]) + [panel.bbox for panel in panels]
    for i, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[i + 1 :])
    written = [panel.get_title().replace("\n", "").replace(" ", "") for panel in panels]
    assert [title if "…" not in title else f"{LONG[i]}n=12" for i, title in enumerate(written)] == [
        f"{name}n = 12".replace(" ", "") for name in LONG
    ]


@every_picture
@pytest.mark.parametrize("name", ["grid", "path", "learned"])
def test_everything_is_on_the_page(draw, name, fitted, graph_named):
    graph = graph_named[name]
    adata = fitted(graph)
    adata.obs["group"] = pd.Categorical.from_codes(np.arange(N_CELLS) % 45, [f"{LONG[i % 5]} {i}" for i in range(45)])
    adata.uns["gsr"] = whole_record(graph, np.arange(graph.n_neurons) % 25, history=adata.uns["gsr"]["history"])
    draw(adata)
    assert_on_the_page(plt.gcf())


def test_a_name_keeps_its_ends_and_is_shorter_on_a_narrow_page():
    name = "plasmacytoid dendritic cells 12"
    assert _axes.shortened("B cell") == "B cell"
    full, many, narrow = (
        _axes.shortened(name, rows=rows, width=width) for rows, width in ((1, None), (40, 9), (1, 2.5))
    )
    for short, letters in ((full, 24), (many, 16), (narrow, 10)):
        assert len(short) == letters
        assert short.startswith("plas")
        assert short.endswith("s 12")


def test_what_a_fit_stores_can_be_drawn(cells):
    tl.fit(cells, graphs.learned(12, n_neighbors=3), n_epochs=2, progress=False)
    assert len(panels_of(pl.activation_map(cells, groupby="group"))) == 4
    assert len(pl.neuron_graph(cells).collections[-1].get_offsets()) == 12
    assert len(pl.segmentation(cells, "group").collections[0].get_facecolor()) == 12
    assert pl.history(cells).axes[0].get_title() == "reconstruction loss"


def test_the_backends_without_a_screen_are_those_of_matplotlib():
    try:
        from matplotlib.backends.registry import BackendFilter, backend_registry
    except ImportError:  # before matplotlib 3.9
        known = plt.matplotlib.rcsetup.non_interactive_bk
    else:
        known = backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE)
    assert {name.lower() for name in known} == _axes._FILE_BACKENDS
