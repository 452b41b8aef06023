"""The picture of the energy over the frequencies of the neuron graph."""

from __future__ import annotations

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from _fits import whole_record

from scgsr import graphs, pl, tl
from scgsr._measures import graph_spectrum, permutation_null

N_CELLS = 80
GRAPHS = {
    "path": graphs.path(10),
    "ring": graphs.ring(12),
    "grid": graphs.grid(5),
    "star": graphs.star(9),
    "modules": graphs.modules(3, 4),
    "disjoint": graphs.disjoint(graphs.grid(3), graphs.ring(5), graphs.path(1)),
}
every_graph = pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
both_kinds = pytest.mark.parametrize("kind", ["combinatorial", "symmetric"])


def random_cells(graph, n_cells=N_CELLS):
    return np.random.default_rng(0).gamma(1.0, size=(n_cells, graph.n_neurons)).astype(np.float32)


def fitted(graph):
    activations = random_cells(graph)
    activations[0] = 0  # a silent cell has no spectrum
    rng = np.random.default_rng(1)
    obs = {
        "group": pd.Categorical(rng.choice(["b", "a", None], N_CELLS), categories=["b", "empty", "a"]),
        "gsr": pd.Categorical((np.arange(N_CELLS) % 3).astype(str)),
        "many": pd.Categorical([f"$_group {i % 40}" for i in range(N_CELLS)]),
        "number": rng.random(N_CELLS),
    }
    adata = ad.AnnData(obs=pd.DataFrame(obs, index=[f"cell_{i}" for i in range(N_CELLS)]), obsm={"X_gsr": activations})
    adata.uns["gsr"] = whole_record(graph, np.arange(graph.n_neurons) % 3)
    adata.uns["gsr_colors"] = np.array(["#aa0000", "#00bb00", "#0000cc"], dtype=object)
    return adata


def bands(graph, cells, kind="combinatorial"):
    """Return expectation and mean share in each band by hand: tenths of the eigenvectors, frequencies kept whole."""
    _, shares, expected = graph_spectrum(cells, graph.adjacency, kind)
    band = np.floor(10 * (np.cumsum(expected) - expected / 2))
    frame = pd.DataFrame({"band": band, "expected": expected, "mean": np.nanmean(shares, axis=0)})
    return frame[expected > 1e-12].groupby("band")[["expected", "mean"]].sum()


@every_graph
@both_kinds
def test_lines_are_energies_in_units_of_random_places(graph, kind):
    adata = fitted(graph)
    ax = pl.spectrum(adata, groupby="group", laplacian=kind)
    *lines, null = ax.lines
    for line, group in zip(lines, ["b", "a"], strict=True):
        cells = adata.obsm["X_gsr"][(adata.obs["group"] == group).to_numpy()]
        by_hand = bands(graph, cells, kind)
        assert np.allclose(line.get_ydata(), by_hand["mean"] / by_hand["expected"])
        assert line.get_ydata() @ by_hand["expected"] == pytest.approx(1)
    assert set(null.get_ydata()) == {1}
    counts = adata.obs["group"].value_counts()
    assert [text.get_text() for text in ax.figure.legends[0].get_texts()] == [
        *(f"{group} ({counts[group]})" for group in ("b", "a")),
        "random places",
    ]


def test_neurons_in_random_places_lie_on_the_line():
    adata, graph = fitted(GRAPHS["grid"]), GRAPHS["grid"]
    adata.obs["all"] = "all"
    (line, _) = pl.spectrum(adata, groupby="all").lines
    by_hand = bands(graph, adata.obsm["X_gsr"])

    def lowest(columns):
        band = bands(graph, columns)
        return float(band["mean"].iloc[0] / band["expected"].iloc[0])

    null = permutation_null(lowest, adata.obsm["X_gsr"], n_permutations=99, rng=np.random.default_rng(0))
    assert abs(line.get_ydata()[0] - 1) < 5 * null.std()
    assert by_hand["expected"].sum() == pytest.approx(1)


def test_more_than_eight_groups_are_rows_of_doublings():
    adata = fitted(GRAPHS["grid"])
    ax = pl.spectrum(adata, groupby="many")
    (image,) = ax.images
    assert image.get_array().shape[0] == 40
    for row, group in zip(image.get_array(), adata.obs["many"].cat.categories, strict=True):
        by_hand = bands(GRAPHS["grid"], adata.obsm["X_gsr"][(adata.obs["many"] == group).to_numpy()])
        assert np.allclose(row, np.log2(np.maximum(by_hand["mean"] / by_hand["expected"], 2.0**-8)))
    assert image.norm.vcenter == 0
    assert image.norm.vmax == -image.norm.vmin <= 4


def test_a_group_of_silent_cells_is_undefined():
    adata = fitted(GRAPHS["ring"])
    adata.obsm["X_gsr"][(adata.obs["many"] == "$_group 0").to_numpy()] = 0
    image = pl.spectrum(adata, groupby="many").images[0]
    silent = list(adata.obs["many"].cat.categories).index("$_group 0")
    assert np.isnan(np.ma.filled(image.get_array(), np.nan)).all(axis=1).nonzero()[0].tolist() == [silent]
    assert np.isnan(pl.spectrum(adata, groupby="many", groups=["$_group 0"]).lines[0].get_ydata()).all()


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"groupby": "gruop"}, KeyError, "`groupby`"),
        ({"groupby": "number"}, TypeError, "`groupby`"),
        ({"groups": ["7"]}, ValueError, "`groups`"),
        ({"laplacian": "random_walk"}, ValueError, "`laplacian`"),
        ({"laplacian": 3}, TypeError, "`laplacian`"),
        ({"key": "other"}, KeyError, "`key`"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, match):
    with pytest.raises(error, match=match):
        pl.spectrum(fitted(GRAPHS["grid"]), **arguments)


@pytest.mark.parametrize("graph", [graphs.path(1), graphs.from_adjacency(np.zeros((5, 5)))], ids=["one", "edgeless"])
def test_a_graph_without_edges_has_no_frequencies(graph):
    with pytest.raises(ValueError, match="no edges"):
        pl.spectrum(fitted(graph))


@pytest.mark.parametrize("groupby", ["group", "many"])
def test_the_picture_writes_nothing_and_stays_on_the_page(groupby):
    adata, params = fitted(GRAPHS["grid"]), dict(plt.rcParams)
    before = adata.copy()
    for millimetres in (85, 180):
        figure = pl.spectrum(adata, groupby=groupby).figure
        figure.set_figwidth(millimetres / 25.4)
        figure.canvas.draw()
        page, renderer = figure.bbox.padded(2), figure.canvas.get_renderer()
        for ax in figure.axes:
            box = ax.get_tightbbox(renderer)
            assert page.x0 <= box.x0 <= box.x1 <= page.x1
            assert page.y0 <= box.y0 <= box.y1 <= page.y1
    assert dict(plt.rcParams) == params
    assert np.array_equal(adata.obsm["X_gsr"], before.obsm["X_gsr"])
    pd.testing.assert_frame_equal(adata.obs, before.obs)
    assert list(adata.uns) == list(before.uns)


def test_own_axes_are_used_and_what_is_shown_is_not_returned(monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: None)
    ax = plt.figure().add_subplot()
    assert pl.spectrum(fitted(GRAPHS["grid"]), ax=ax) is ax
    assert len(plt.get_fignums()) == 1
    assert pl.spectrum(fitted(GRAPHS["grid"]), show=True) is None


def test_what_a_fit_learns_is_coarse(cells):
    tl.fit(cells, (5, 5), n_epochs=10, progress=False)
    for line in pl.spectrum(cells, groupby="group").lines[:-1]:
        assert line.get_ydata()[0] > 1 > line.get_ydata()[-1]
