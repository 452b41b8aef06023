"""The picture of `compare`: what is found is marked, and texts keep apart at any width."""

from __future__ import annotations

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from scgsr import get, graphs, pl, tl


def compared(n_modules, n_levels, graph=(5, 5)):
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, n_modules, 2400)
    samples = np.arange(2400) % (3 * n_levels)
    values = rng.normal(size=(2400, 6)) + 3 * rng.normal(size=(n_modules, 6))[kinds]
    values[samples % n_levels == 1, 0] += 2
    obs = pd.DataFrame(
        {"sample": samples.astype(str), "kind": np.array([f"population {k}" for k in range(n_modules)])[kinds]}
    )
    obs["level"] = np.array(["control", "treated", "treated twice", "washed"])[samples % n_levels]
    obs.index = obs.index.astype(str)
    adata = ad.AnnData(values.astype(np.float32), obs=obs, var=pd.DataFrame(index=[f"CD{i} long" for i in range(6)]))
    tl.fit(adata, graph, hidden=(16,), n_epochs=3, progress=False)
    tl.compare(adata, "level", "sample", groupby="kind", min_samples=2)
    return adata


@pytest.fixture(scope="module")
def two():
    return compared(4, 2)


def test_it_shows_the_tables(two):
    figure = pl.compare(two, show=False)
    sheet, bars, heat = figure.axes[:3]
    neurons, states = get.compare(two, "neurons"), get.compare(two, "state")
    np.testing.assert_allclose(sheet.images[0].get_array().filled(np.nan).ravel(), neurons["t"])
    assert sheet.images[0].norm.vmin == -sheet.images[0].norm.vmax
    np.testing.assert_allclose(heat.images[0].get_array().filled(np.nan).ravel(), states["t"])
    assert len(heat.collections[0].get_offsets()) == (states["q"] <= 0.05).sum() > 0
    assert len(sheet.collections[-1].get_paths()) == (neurons["q"] <= 0.05).sum() > 0
    np.testing.assert_allclose(bars.collections[1].get_offsets()[:, 0], get.compare(two)["effect"])
    assert sheet.get_title() == "treated\nagainst control"
    plt.close(figure)


def test_it_is_drawn_into_the_axes_of_the_user(two):
    figure, axes = plt.subplots(1, 3, figsize=(9, 3), layout="constrained")
    own = pl.compare(two, show=False)
    drawn = pl.compare(two, ax=axes)
    assert drawn == list(axes)
    for mine, its in zip(drawn, own.axes[:3], strict=True):
        assert len(mine.collections) == len(its.collections)
        assert len(mine.images) == len(its.images)
    assert drawn[0].get_title() == "treated\nagainst control"
    assert len(figure.axes) == 5  # with two colour bars
    with pytest.raises(TypeError, match=r"`ax` must be 3 axes, one for each panel \(sheet, modules and markers"):
        pl.compare(two, ax=axes[0])
    plt.close("all")


def test_neurons_without_pixels_have_borders_too():
    adata = compared(3, 2, graphs.ring(12))
    figure = pl.compare(adata, show=False)
    found = get.compare(adata, "neurons")["q"] <= 0.05
    assert len(figure.axes[0].collections[-1].get_paths()) == found.sum() > 0
    plt.close(figure)


@pytest.mark.parametrize("width", [3.35, 4.7, 7.1, None])
@pytest.mark.parametrize(("n_modules", "n_levels"), [(3, 2), (3, 4), (30, 2)])
def test_texts_keep_apart(n_modules, n_levels, width, unreadable_texts):
    adata = compared(n_modules, n_levels)
    figure = pl.compare(adata, figsize=None if width is None else (width, None), show=False)
    assert unreadable_texts(figure) == []
    plt.close(figure)


def test_of_many_markers_those_with_the_smallest_p_are_shown(two):
    from scgsr.pl import _compare

    state = pd.DataFrame({"names": [f"m{i}" for i in range(50)], "p": np.linspace(1, 0.01, 50)})
    assert _compare._shown(state)[0] == "m49"
    assert len(_compare._shown(state)) == 30


def test_without_tests_it_names_the_call(cells):
    tl.fit(cells, (4, 5), hidden=(16,), n_epochs=2, progress=False)
    with pytest.raises(KeyError, match=r"scgsr\.tl\.compare"):
        pl.compare(cells, show=False)
