"""Silence: losses are those of the decoder, and random regions hang together."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr import get, graphs, tl
from scgsr._measures import _silence


@pytest.fixture
def fitted(cells):
    tl.fit(cells, (4, 5), n_epochs=10, progress=False)
    return cells


def test_the_loss_is_the_rise_of_the_squared_error_as_a_share_of_the_signal(fitted):
    model, codes = get.model(fitted), np.arange(240) % 3
    regions = np.zeros((2, 20), dtype=bool)
    regions[0, [0, 1, 5]] = regions[1, 7:12] = True
    found = _silence.silence(model, fitted.X, codes, regions, n_random=4, rng=np.random.default_rng(0))
    activations = model.activations(fitted.X)
    for row, region in enumerate(regions):
        silenced = np.where(region, 0, activations)
        whole, part = (((model.decode(a) - fitted.X) / model.scale) ** 2 for a in (activations, silenced))
        signal = ((fitted.X - model.mean) / model.scale) ** 2
        wanted = [(part[codes == g].sum() - whole[codes == g].sum()) / signal[codes == g].sum() for g in range(3)]
        np.testing.assert_allclose(found.loss[row], wanted, rtol=1e-4, atol=1e-6)


def test_a_fit_that_knows_batches_gives_each_cell_its_best_one(cells):
    cells.obs["batch"] = ["a", "b"] * 120
    cells.X[1::2] += 2
    tl.fit(cells, (4, 5), batch_key="batch", n_epochs=10, progress=False)
    model = get.model(cells)
    region = np.arange(20) < 6
    found = _silence.silence(model, cells.X, np.zeros(240, int), region[None], n_random=2, rng=np.random.default_rng(0))
    activations = model.activations(cells.X)

    def error(values):
        each = [(((model.decode(values, batch=b) - cells.X) / model.scale) ** 2).sum(axis=1) for b in ("a", "b")]
        return np.min(each, axis=0).sum()

    signal = (((cells.X - model.mean) / model.scale) ** 2).sum()
    wanted = (error(np.where(region, 0, activations)) - error(activations)) / signal
    np.testing.assert_allclose(found.loss[0, 0], wanted, rtol=1e-4)


def test_losses_of_components_are_those_of_features(cells):
    tl.fit(cells, (4, 5), scale="pca", n_epochs=10, progress=False)
    model, region = get.model(cells), np.arange(20) < 8
    found = _silence.silence(model, cells.X, np.zeros(240, int), region[None], n_random=2, rng=np.random.default_rng(0))
    activations = model.activations(cells.X)
    axes = model.network.front.axes.numpy()
    whole, part, signal = (
        (((values - cells.X) / model.scale) @ axes.T) ** 2
        for values in (model.decode(activations), model.decode(np.where(region, 0, activations)), model.mean)
    )
    np.testing.assert_allclose(found.loss[0, 0], (part.sum() - whole.sum()) / signal.sum(), rtol=1e-3)


def test_nothing_is_lost_by_neurons_that_are_silent_and_never_more_seldom_than_by_chance(fitted):
    model = get.model(fitted)
    used = model.activations(fitted.X).any(axis=0)
    codes = fitted.obs["group"].cat.codes.to_numpy()
    all_of_them = used[None]
    found = _silence.silence(model, fitted.X, codes, all_of_them, n_random=9, rng=np.random.default_rng(0))
    np.testing.assert_allclose(found.loss[0], found.expected[0], rtol=1e-6)  # there is but one region of that size
    np.testing.assert_array_equal(found.pvals, 1)


@pytest.mark.parametrize("size", [1, 4, 9])
def test_random_regions_have_their_size_hang_together_and_reach_every_place(size):
    graph, rng = graphs.grid(6), np.random.default_rng(0)
    drawn = list(_silence.random_regions(graph.adjacency, np.ones(36, dtype=bool), size, 200, rng))
    assert {region.sum() for region in drawn} == {size}
    assert np.any(drawn, axis=0).all()
    assert not np.all(drawn, axis=0).any()
    adjacency = graph.adjacency.toarray()
    for region in drawn:
        reached = np.zeros(36, dtype=bool)
        reached[np.flatnonzero(region)[0]] = True
        for _ in range(size):
            reached |= (adjacency[reached].any(axis=0)) & region
        assert (reached == region).all()


def test_random_regions_avoid_silent_neurons_and_leave_a_piece_that_is_too_small():
    graph, allowed = graphs.disjoint(graphs.ring(5), graphs.ring(5)), np.arange(10) != 2
    for region in _silence.random_regions(graph.adjacency, allowed, 7, 50, np.random.default_rng(0)):
        assert region.sum() == 7
        assert not region[2]


def test_of_neurons_equally_near_all_are_drawn_and_of_nearer_ones_none_is_left_out():
    graph, rng = graphs.star(7), np.random.default_rng(0)
    drawn = list(_silence.random_regions(graph.adjacency, np.ones(7, dtype=bool), 2, 300, rng))
    assert all(region[0] for region in drawn)  # the hub is the nearest to each spoke, and itself the nearest
    partners = np.sum(drawn, axis=0)[1:]
    assert partners.sum() == 300
    assert partners.min() > 20  # 50 are expected
