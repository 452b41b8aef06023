"""Modules of neurons, and the labels that cells get from them."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from scgsr import io, tl
from scgsr._modules import _find
from scgsr._modules._valleys import FEWEST_CELLS

SIZES = [600, 400, 200]


@pytest.fixture
def group():
    return np.repeat([0, 1, 2], SIZES)


@pytest.fixture
def activations(group):
    """Neurons 0-4, 5-9 and 10-14 fire in the cells of one group each; neuron 15 never does."""
    rng = np.random.default_rng(0)
    home = np.append(np.repeat([0, 1, 2], 5), -1)
    values = rng.uniform(0.5, 1.5, size=(len(group), 16)) * (group[:, None] == home)
    return (values + rng.uniform(0, 0.05, size=values.shape) * (home >= 0)).astype(np.float32)


def modules_and_coactivation(activations, coordinates=lambda rows: rows, *, resolution=1.0):
    """The modules and the co-activation graph; the labels are those that the modules give."""
    rows = np.arange(len(activations))
    (modules, labels), coactivation = _find.find(activations, rows, coordinates, resolution=resolution, features=False)
    assert_labels_are_those_of(modules, labels, activations)
    return modules, coactivation


def assert_labels_are_those_of(modules, labels, activations):
    assigned = modules.assign(activations)
    assert np.array_equal(labels.codes, assigned.codes)
    np.testing.assert_allclose(labels.confidence, assigned.confidence, atol=1e-6)


def find(activations):
    return modules_and_coactivation(activations)[0]


def test_modules_are_found_and_numbered_by_cells_won(activations, group):
    modules = find(activations)
    assert modules.labels.tolist() == [0] * 5 + [1] * 5 + [2] * 5 + [-1]
    labels, confidence = modules.assign(activations)
    assert np.array_equal(labels, group)
    assert (confidence > 0.5).all()


def test_populations_that_share_their_neurons_are_told_apart_by_the_pattern():
    """Neurons 0-4 fire everywhere, 5-9 in every second group, 10-14 in the last two: no neuron is of one group."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(4), 400)
    on = np.repeat(np.column_stack([np.ones(1600), group % 2, group // 2]), 5, axis=1)
    activations = (on * rng.uniform(0.6, 1.4, size=on.shape)).astype(np.float32)
    labels, _ = find(activations).assign(activations)
    assert adjusted_rand_score(group, labels) > 0.99


def test_one_population_without_a_valley_stays_one():
    rng = np.random.default_rng(0)
    where = rng.uniform(0, 1, size=(3000, 1))
    activations = np.maximum(0, 0.3 - np.abs(where - np.linspace(0, 1, 20))).astype(np.float32)  # tuned along a line
    decode = lambda rows: rows @ np.linspace(0, 1, 20)[:, None] / rows.sum(axis=1, keepdims=True)
    modules, _ = modules_and_coactivation(activations, decode)
    assert modules.tree.n_pieces > 10
    assert modules.n_modules == 1


def test_the_coactivation_graph_counts_cells_between_neurons(activations):
    _, coactivation = modules_and_coactivation(activations)
    assert coactivation.sum() == 2 * len(activations)
    assert (coactivation != coactivation.T).nnz == 0
    assert coactivation[15].nnz == 0


def test_permuting_neurons_permutes_modules(activations):
    order = np.random.default_rng(1).permutation(16)
    assert np.array_equal(find(activations[:, order]).labels, find(activations).labels[order])


def test_resolution_splits():
    rng = np.random.default_rng(0)
    near, far = rng.normal(0, 1, size=(2000, 1)), rng.normal([[3.2]], 1, size=(2000, 1))  # a shallow valley
    where = np.vstack([near, far, rng.normal([[12]], 1, size=(2000, 1))])
    activations = np.exp(-((where - np.linspace(-3, 15, 30)) ** 2)).astype(np.float32)
    decode = lambda rows: rows @ np.linspace(-3, 15, 30)[:, None] / rows.sum(axis=1, keepdims=True)
    found = modules_and_coactivation(activations, decode)[0]
    cuts = [_find.recut(found, found.tree.cut_at(value), activations) for value in (0.2, 1.0, 2.4, 1e6)]
    for modules, labels in cuts:
        assert_labels_are_those_of(modules, labels, activations)
    counts = [modules.n_modules for modules, _ in cuts]
    assert counts == sorted(counts)
    assert counts[0] == 2
    assert counts[-1] == found.tree.n_pieces > counts[0]
    finer = modules_and_coactivation(activations, decode, resolution=2.4)[0]
    assert np.array_equal(finer.pieces, cuts[2].modules.pieces)


@pytest.mark.parametrize("n_modules", [1, 2, 3, 7])
def test_any_number_of_modules_can_be_cut(activations, n_modules):
    found = find(activations)
    modules, labels = _find.recut(found, found.tree.cut(n_modules), activations)
    assert modules.n_modules == n_modules
    assert_labels_are_those_of(modules, labels, activations)
    assert set(modules.labels[:15]) <= set(range(n_modules))


def test_held_out_cells_do_not_shape_modules(activations):
    training, changed = np.arange(0, len(activations), 2), activations.copy()
    changed[1::2] = np.random.default_rng(1).permutation(changed[1::2].ravel()).reshape(changed[1::2].shape)
    one, other = (
        _find.find(values, training, lambda rows: rows, resolution=1.0, features=False)[0].modules
        for values in (activations, changed)
    )
    assert np.array_equal(one.templates, other.templates)
    assert np.array_equal(one.tree.merges, other.tree.merges)


def test_the_same_activations_give_the_same_modules(monkeypatch):
    monkeypatch.setattr(_find, "_CELLS", 300)  # also where only some of the cells are looked at
    noise = np.random.default_rng(0).uniform(size=(500, 40)).astype(np.float32)
    one, other = find(noise), find(noise)
    assert np.array_equal(one.labels, other.labels)
    assert np.array_equal(one.templates, other.templates)


def test_what_is_a_state_of_a_feature_is_a_population_of_a_rotated_one():
    lost = np.arange(2000) % 20 == 0
    features = np.random.default_rng(0).normal([8, 8, 0, 0, 0, 0], size=(2000, 6))
    features[lost, 0] -= 8
    activations = np.exp(-((features[:, :1] - np.linspace(-3, 12, 30)) ** 2)).astype(np.float32)
    counts = [
        _find.find(activations, np.arange(2000), lambda _: features, resolution=1.0, features=meant)[
            0
        ].modules.n_modules
        for meant in (True, False)
    ]
    assert counts == [1, 2]


def test_silent_cells_get_the_faintest_module_and_no_confidence(activations):
    activations[:600] *= 0.1
    modules = find(activations)
    labels, confidence = modules.assign(np.zeros((3, 16), dtype=np.float32))
    assert (labels == modules.labels[0]).all()
    assert (confidence == 0).all()


@pytest.mark.parametrize("n_neurons", [1, 2])
def test_few_neurons(n_neurons):
    activations = np.random.default_rng(0).uniform(0.1, 1, size=(20, n_neurons)).astype(np.float32)
    labels, confidence = find(activations).assign(activations)
    assert labels.shape == confidence.shape == (20,)
    assert ((confidence >= 0) & (confidence <= 1)).all()


def test_nothing_fires():
    activations = np.zeros((20, 5), dtype=np.float32)
    modules = find(activations)
    assert (modules.labels == -1).all()
    labels, confidence = modules.assign(activations)
    assert not labels.any()
    assert not confidence.any()


@pytest.mark.parametrize("seed", range(5))
def test_every_module_wins_a_cell(seed):
    """Also where the space of the valleys has little to do with the pictures, and where each piece is a module."""
    rng = np.random.default_rng(seed)
    activations, points = rng.gamma(0.5, size=(400, 12)).astype(np.float32), rng.normal(size=(400, 3))
    found = _find.find(activations, np.arange(400), lambda _: points, resolution=1e6, features=False)[0]
    assert set(found.labels.codes) == set(range(found.modules.n_modules))
    assert found.modules.n_modules > 5


def test_six_cells_are_enough(activations):
    few = activations[::200]  # three cells of the first group, two of the second, one of the third
    modules = find(few)
    assert modules.n_modules >= 1
    assert (modules.labels[:15] >= 0).all()
    assert modules.labels[15] == -1


def test_a_single_cell_that_fires_is_a_module_in_any_number_of_dimensions():
    activations = np.zeros((50, 6), dtype=np.float32)
    activations[7, 2] = 1
    modules, _ = modules_and_coactivation(
        activations, lambda rows: np.tile(rows, 20)
    )  # more dimensions than components are looked at
    assert modules.n_modules == 1
    assert modules.labels[2] == 0


def test_module_0_wins_most_cells_also_where_many_are_silent():
    """Silent cells count for the module that they get, the faintest, and not for the first of the tree."""
    rng = np.random.default_rng(0)
    sizes, n_silent = (200, 150, 100), 400
    home = np.repeat([0, 1, 2], 5)
    group = np.repeat([0, 1, 2], sizes)
    light = np.array([3.0, 2.0, 0.5])[group][:, None]  # the smallest population is the faintest
    lit = (light * rng.uniform(0.5, 1.5, size=(len(group), 15)) * (group[:, None] == home)).astype(np.float32)
    activations = np.concatenate([lit, np.zeros((n_silent, 15), dtype=np.float32)])
    rows = np.arange(len(activations))
    (modules, labels), _ = _find.find(activations, rows, lambda some: some, resolution=1.0, features=False)
    counts = np.bincount(labels.codes)
    assert modules.n_modules == 3
    assert sorted(counts, reverse=True) == list(counts) == [500, 200, 150]


# Modules of one neuron in fits of the shared sets (three seeds each, two stacks of packages) have 22 to 131 cells, and
# a cosine of at most 0.80 to the mean picture of any other module. Those of thymus are DN cells, of pbmc3k FCGR3A+
# monocytes. How many cells they have is up to the pieces; that valleys part them asks for `FEWEST_CELLS` at least.
_MOST_ALIKE = 0.9


def _thymus(folder):
    return ad.read_h5ad(folder / "thymus_masscyt.h5ad")


def _flow(folder):
    return io.read_fcs(folder / "flowsom_ff.fcs")  # whose scatter, time and dead-cell stain `fit` leaves out


def _levine(folder):
    adata = ad.read_h5ad(folder / "cytof_levine32_gated1500.h5ad")
    adata = adata[:, ~adata.var["is_technical"].to_numpy(dtype=bool)].copy()
    adata.X = np.arcsinh(adata.X / 5)
    return adata


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0])
@pytest.mark.parametrize("cells", [_thymus, _flow, _levine])
def test_a_module_of_one_neuron_has_cells_that_lie_apart(shared_data, cells, seed):
    adata = cells(shared_data)
    tl.fit(adata, rng=seed)
    neurons = np.bincount(np.asarray(adata.uns["gsr"]["modules"]))
    pictures, labels = adata.obsm["X_gsr"], adata.obs["gsr"].astype(int).to_numpy()
    pictures = pictures / np.maximum(np.linalg.norm(pictures, axis=1, keepdims=True), 1e-9)
    means = np.stack([pictures[labels == module].mean(axis=0) for module in range(len(neurons))])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    alike = (means @ means.T - 2 * np.eye(len(means))).max(axis=1)
    assert len(neurons) >= 3
    for module in np.flatnonzero(neurons <= 1):
        assert (labels == module).sum() >= FEWEST_CELLS
        assert alike[module] <= _MOST_ALIKE
    assert (neurons <= 1).sum() <= len(neurons) / 4, "modules are regions"


def test_the_faintest_module_is_that_whose_cells_are_least_active_on_average(monkeypatch):
    activations = np.array([[4.0, 0], [2, 0], [-2, -0.5], [0, 1], [0, 0], [9, 9]])
    winners = np.array([0, 0, 1, 2, 2, -1])
    # Means 3, 2.5 and 1: silent cells and those that none won do not count.
    assert _find._faintest(winners, activations, 3) == 2
    assert _find._faintest(winners, activations, 4) == 2  # the fourth wins no cell
    activations[3, 1] = 2.6
    monkeypatch.setattr(_find, "_CELLS_AT_ONCE", 2)
    assert _find._faintest(winners, activations, 3) == 1


def test_of_many_dimensions_fifty_components_are_looked_at():
    points = np.random.default_rng(0).normal(size=(80, 60))
    shown = _find._principal(points)
    assert shown.shape == (80, 50)
    centred = points - points.mean(axis=0)
    variances = np.linalg.svd(centred, compute_uv=False)[:5] ** 2
    np.testing.assert_allclose((shown**2).sum(axis=0)[:5], variances, rtol=0.05)
    assert _find._principal(points[:7]).shape == (7, 7)
    assert np.array_equal(shown, _find._principal(points))


@pytest.mark.parametrize("unit", [1e-3, 1e3])
def test_the_unit_of_activations_does_not_matter(activations, unit):
    one, other = find(activations), find(np.float32(unit) * activations)
    assert np.array_equal(one.labels, other.labels)
    np.testing.assert_allclose(one.templates, other.templates, atol=1e-5)


def test_cells_without_activation_shape_no_module(activations):
    with_silent = np.concatenate([activations, np.zeros((300, 16), dtype=np.float32)])
    assert find(with_silent).n_cells.sum() == len(activations)
    assert find(activations).n_cells.sum() == len(activations)
