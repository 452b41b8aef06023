"""The picture of silenced regions: what the artists hold."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from scgsr import get, pl, tl


@pytest.fixture
def silenced(cells):
    tl.fit(cells, (4, 5), n_epochs=20, progress=False)
    tl.silence(cells, groupby="group", n_random=30)
    return cells


def test_colours_are_losses_and_dots_are_what_random_regions_seldom_cost(silenced):
    ax = pl.silence(silenced, show=False)
    table = get.silence(silenced)
    shape = ax.images[0].get_array().shape
    np.testing.assert_array_equal(ax.images[0].get_array(), table["loss"].to_numpy().reshape(shape))
    wanted = np.argwhere(table["pvals"].to_numpy().reshape(shape) <= 0.05)
    np.testing.assert_array_equal(ax.collections[0].get_offsets()[:, ::-1], wanted)
    assert ax.images[0].get_clim() == (0, 1)
    assert [label.get_text() for label in ax.get_xticklabels()] == list(silenced.obs["group"].cat.categories)
    n_neurons = table.groupby("region", sort=False)["n_neurons"].first()
    assert [label.get_text() for label in ax.get_yticklabels()] == [f"{name} ({n})" for name, n in n_neurons.items()]


def test_limits_title_axes_and_figure(silenced):
    _, own = plt.subplots()
    ax = pl.silence(silenced, ax=own, vmax="p50", vmin=None, title="Whose region?", cmap="magma")
    assert ax is own
    assert ax.get_title() == "Whose region?"
    assert ax.images[0].get_clim()[1] == np.percentile(get.silence(silenced)["loss"], 50)
    assert ax.images[0].get_cmap().name == "magma"
    assert pl.silence(silenced, return_fig=True).axes[0].images
