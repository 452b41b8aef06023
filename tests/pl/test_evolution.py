"""How a learned graph came about."""

from __future__ import annotations

from dataclasses import replace

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from _fits import whole_record
from matplotlib.colors import same_color, to_rgba

from scgsr import _adata, graphs, pl
from scgsr.graphs import edge_jaccard
from scgsr.pl._scale import DEAD

N = 30


def estimates(n):
    """Return `n` graphs on the same neurons, each a little unlike the one before."""
    rng = np.random.default_rng(0)
    cells = rng.gamma(1.0, size=(300, N))
    adjacencies = []
    for _ in range(n):
        cells = cells + rng.normal(scale=0.2, size=cells.shape)
        adjacencies.append(graphs.coactivation(cells, n_neighbors=4).adjacency)
    return adjacencies


def fitted(n, *, dead=()):
    adjacencies = estimates(n)
    adjacency = adjacencies[-1] if n else graphs.path(N).adjacency
    graph = replace(graphs.from_adjacency(adjacency), name="learned")
    modules = np.arange(N) % 3
    modules[list(dead)] = -1
    obs = {"gsr": pd.Categorical(["0", "1", "2"] * 4)}
    adata = ad.AnnData(
        obs=pd.DataFrame(obs, index=[f"cell_{i}" for i in range(12)]),
        obsm={"X_gsr": np.ones((12, N), dtype=np.float32)},
    )
    evolution = graphs.Evolution(tuple(range(0, 3 * n, 3)), tuple(adjacencies))
    adata.uns["gsr"] = whole_record(graph, modules, evolution=evolution)
    adata.uns["gsr_colors"] = np.array(["#aa0000", "#00bb00", "#0000cc"], dtype=object)
    return adata


def test_estimates_are_read_as_they_were_made():
    read = _adata.read_evolution(fitted(5), "gsr")
    assert [epoch for epoch, _ in read] == [0, 3, 6, 9, 12]
    for (_, one), other in zip(read, estimates(5), strict=True):
        assert (one != other).nnz == 0


@pytest.mark.parametrize(("n", "drawn"), [(1, 1), (2, 2), (8, 8), (9, 8), (30, 8)])
def test_at_most_eight_are_drawn_the_first_and_the_last_among_them(n, drawn):
    figure = pl.evolution(fitted(n))
    titles = [ax.get_title() for ax in figure.axes]
    assert len(titles) == drawn
    assert titles[0] == "epoch 0\nthe first"
    epochs = [int(title.split()[1]) for title in titles]
    assert epochs[-1] == 3 * (n - 1)
    steps = np.diff(epochs)
    assert steps.max(initial=0) <= steps.min(initial=99) + 3


def test_each_title_has_the_agreement_with_the_estimate_just_before():
    adjacencies = estimates(20)
    for ax in pl.evolution(fitted(20)).axes[1:]:
        index = int(ax.get_title().split()[1]) // 3
        assert ax.get_title().endswith(f"Jaccard {edge_jaccard(adjacencies[index - 1], adjacencies[index]):.2f}")


def test_edges_are_kept_or_new_and_neurons_stand_where_the_final_graph_puts_them():
    adata, adjacencies = fitted(6), estimates(6)
    for index, ax in enumerate(pl.evolution(adata).axes):
        kept, fresh, nodes = ax.collections
        shared = adjacencies[index].multiply(adjacencies[max(index - 1, 0)] != 0).nnz // 2
        assert len(kept.get_segments()) == shared
        assert len(fresh.get_segments()) == adjacencies[index].nnz // 2 - shared
        assert not same_color(kept.get_color()[0], "0.1")
        assert np.array_equal(nodes.get_offsets(), adata.uns["gsr"]["graph"]["positions"])
        faces = [to_rgba(adata.uns["gsr_colors"][module]) for module in adata.uns["gsr"]["modules"]]
        assert np.allclose(nodes.get_facecolor(), faces)


def test_dead_neurons_are_grey():
    nodes = pl.evolution(fitted(2, dead=[4])).axes[0].collections[-1]
    assert same_color(nodes.get_facecolor()[4], DEAD)


def test_a_given_graph_does_not_evolve():
    adata = fitted(0)
    with pytest.raises(ValueError, match=r"`scgsr.graphs.learned` graphs evolve"):
        pl.evolution(adata)


@pytest.mark.parametrize(("arguments", "error"), [({"key": "other"}, KeyError), ({"ncols": 0}, ValueError)])
def test_wrong_arguments_are_named(arguments, error):
    with pytest.raises(error, match=f"`{next(iter(arguments))}`"):
        pl.evolution(fitted(2), **arguments)


def test_it_survives_a_file(tmp_path):
    adata = fitted(4)
    adata.write_h5ad(tmp_path / "a.h5ad")
    stored = ad.read_h5ad(tmp_path / "a.h5ad")
    assert [ax.get_title() for ax in pl.evolution(stored).axes] == [ax.get_title() for ax in pl.evolution(adata).axes]


@pytest.mark.parametrize(("millimetres", "ncols"), [(85, 2), (180, 4)])
def test_the_picture_writes_nothing_and_stays_on_the_page(millimetres, ncols, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: None)
    adata, params = fitted(8), dict(plt.rcParams)
    before = list(adata.uns["gsr"])
    figure = pl.evolution(adata, ncols=ncols)
    figure.set_figwidth(millimetres / 25.4)
    figure.canvas.draw()
    page, renderer = figure.bbox.padded(2), figure.canvas.get_renderer()
    titles = [ax.title.get_window_extent(renderer) for ax in figure.axes]
    assert not any(one.overlaps(other) for i, one in enumerate(titles) for other in titles[i + 1 :])
    for box in titles:
        assert page.x0 <= box.x0 <= box.x1 <= page.x1
        assert box.y1 <= figure.bbox.y1
    assert dict(plt.rcParams) == params
    assert list(adata.uns["gsr"]) == before
    assert pl.evolution(adata, show=True) is None


def test_evolution_is_drawn_into_the_axes_of_the_user():
    _, axes = plt.subplots(2, 2, layout="constrained")
    adata = fitted(4)
    drawn = pl.evolution(adata, ax=axes)
    assert drawn == list(axes.ravel())
    own = pl.evolution(adata).axes
    assert [panel.get_title() for panel in drawn] == [panel.get_title() for panel in own]
    assert [text.get_text() for text in drawn[-1].get_legend().get_texts()][:3] == ["new edge", "kept edge", "module 0"]
    assert pl.evolution(fitted(1), ax=plt.subplots()[1])[0].get_title() == "epoch 0\nthe first"
    with pytest.raises(TypeError, match=r"`ax` must be 4 axes, one for each panel \(one for each estimate\), got 1"):
        pl.evolution(adata, ax=axes[0, 0])
    with pytest.raises(ValueError, match="`ncols` arranges the panels of a new figure, got 2 with `ax`"):
        pl.evolution(adata, ax=axes, ncols=2)
