"""Modules of neurons, and the labels that cells get from them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

from scgsr._modules import _find

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


def modules_and_coactivation(activations, coordinates=lambda rows: rows, *, resolution=1.0, seed=0):
    """The modules and the co-activation graph; the labels are those that the modules give."""
    rows = np.arange(len(activations))
    (modules, labels), coactivation = _find.find(activations, rows, coordinates, resolution=resolution, seed=seed)
    assert_labels_are_those_of(modules, labels, activations)
    return modules, coactivation


def assert_labels_are_those_of(modules, labels, activations):
    assigned = modules.assign(activations)
    assert np.array_equal(labels.codes, assigned.codes)
    np.testing.assert_allclose(labels.confidence, assigned.confidence, atol=1e-6)


def find(activations, seed=0, resolution=1.0):
    return modules_and_coactivation(activations, seed=seed, resolution=resolution)[0]


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
    modules, _ = modules_and_coactivation(activations, lambda rows: rows @ np.linspace(0, 1, 20)[:, None])
    assert modules.tree.fine.max() > 2
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
    tree, templates = (modules := modules_and_coactivation(activations, decode)[0]).tree, modules.templates
    cuts = [_find.cut(tree, templates, activations, resolution=value) for value in (0.2, 1.0, 2.4, 1e6)]
    for modules, labels in cuts:
        assert_labels_are_those_of(modules, labels, activations)
    counts = [modules.n_modules for modules, _ in cuts]
    assert counts == sorted(counts)
    assert counts[0] == 2
    assert counts[-1] == tree.fine.max() + 1 > counts[0]


def test_held_out_cells_do_not_shape_modules(activations):
    training, changed = np.arange(0, len(activations), 2), activations.copy()
    changed[1::2] = np.random.default_rng(1).permutation(changed[1::2].ravel()).reshape(changed[1::2].shape)
    one, other = (
        _find.find(values, training, lambda rows: rows, resolution=1.0, seed=0)[0].modules
        for values in (activations, changed)
    )
    assert np.array_equal(one.templates, other.templates)
    assert np.array_equal(one.tree.merges, other.tree.merges)


def test_same_seed_same_modules():
    noise = np.random.default_rng(0).uniform(size=(500, 40)).astype(np.float32)
    assert np.array_equal(find(noise, seed=4).labels, find(noise, seed=4).labels)


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


def test_neurons_that_stand_for_no_cell_belong_where_they_fire(activations):
    few = activations[::200]  # three cells of the first group, two of the second, one of the third
    modules = find(few)
    assert modules.templates.any(axis=1).sum() <= 6
    assert (modules.labels[:15] >= 0).all()
    assert modules.labels[15] == -1


def test_leiden_ends_where_ties_gain_rounding_errors():
    # In a process of its own, because what it guards against never ends.
    script = (
        "from scipy import sparse; from scgsr._modules import _find; import sys;"
        "_find.leiden(sparse.load_npz(sys.argv[1]), resolution=30.0, seed=4852961352588442935)"
    )
    ties = Path(__file__).parents[1] / "fixtures" / "leiden_with_ties.npz"
    assert subprocess.run([sys.executable, "-c", script, str(ties)], check=False, timeout=120).returncode == 0


def test_leiden_on_two_cliques():
    clique = sparse.csr_matrix(np.ones((4, 4)) - np.eye(4))
    adjacency = sparse.block_diag([clique, clique]).tolil()
    adjacency[0, 4] = adjacency[4, 0] = 0.1
    labels = _find.leiden(adjacency.tocsr(), resolution=1.0, seed=2**62)
    assert len(set(labels[:4])) == len(set(labels[4:])) == 1
    assert labels[0] != labels[4]


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
    (modules, labels), _ = _find.find(activations, rows, lambda some: some, resolution=1.0, seed=0)
    counts = np.bincount(labels.codes)
    assert modules.n_modules == 3
    assert sorted(counts, reverse=True) == list(counts) == [500, 200, 150]
