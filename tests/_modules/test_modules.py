"""Modules of neurons as values: the tree in which they grow together, and how they label cells."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from scgsr._modules import Modules, ModuleTree, _modules


def test_a_tree_is_cut_at_the_running_height():
    tree = ModuleTree(np.array([0, 1, 2, 3, -1]), np.array([[0, 1], [4, 2], [5, 3]]), np.array([0.2, 0.7, 0.5]))
    labels = tree.cut(1.0)  # separations up to 0.5 merge
    assert labels[0] == labels[1]
    assert len(set(labels[:4])) == 3
    assert labels[4] == -1
    assert len(set(tree.cut(0.5)[:4])) == 1  # up to 0.75
    assert len(set(tree.cut(3.0)[:4])) == 4
    assert len(set(tree.cut(1.1)[:4])) == 3  # 0.5 waits for 0.7


def test_responses_and_confidence_are_their_formulas():
    templates = np.array([[1, 0, 0, 0], [0.6, 0.8, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]], dtype=np.float32)
    tree = ModuleTree(np.array([0, 0, 1, -1]), np.empty((0, 2), dtype=int), np.empty(0))
    modules = Modules(np.array([0, 0, 1, -1]), templates, tree)
    activations = np.array([[2, 0, 1, 0], [3, 4, 1, 0], [0, 0, 2, 9], [1, 0, 1, 0]], dtype=np.float32)
    np.testing.assert_allclose(modules.responses(activations), [[2, 1], [5, 1], [0, 2], [1, 1]])
    labels, confidence = modules.assign(activations)
    assert labels.tolist() == [0, 0, 1, 0]
    np.testing.assert_allclose(confidence, [0.5, 0.8, 1, 0])
    assert confidence.dtype == np.float32


def test_only_the_module_of_a_cell_leads_by_its_distance_from_the_strongest_rival():
    templates = np.eye(4, dtype=np.float32)
    tree = ModuleTree(np.array([0, 1, 2, 2]), np.empty((0, 2), dtype=int), np.empty(0))
    modules = Modules(np.array([0, 1, 2, 2]), templates, tree)
    activations = np.array([[3, 1, 0, 2], [1, 1, 0, 0], [0, 0, 0, 0]], dtype=np.float32)
    np.testing.assert_array_equal(modules.leads(activations), [[1, 0, 0], [0, 0, 0], [0, 0, 0]])
    labels, _ = modules.assign(activations)
    assert modules.leads(activations)[0].argmax() == labels[0]
    alone = Modules(np.zeros(4, dtype=int), templates, tree)
    np.testing.assert_array_equal(alone.leads(activations), alone.responses(activations))


@pytest.fixture
def modules():
    """Nine neurons in three modules, the last one dead, and another without a template."""
    templates = np.random.default_rng(0).uniform(size=(9, 9)).astype(np.float32)
    templates[[3, 8]] = 0
    norms = np.linalg.norm(templates, axis=1, keepdims=True)
    templates = np.divide(templates, norms, out=templates, where=norms > 0)
    labels = np.array([2, 0, 0, 1, 1, 2, 0, 1, -1])
    tree = ModuleTree(labels, np.array([[0, 1], [3, 2]]), np.array([0.2, 0.9]))
    return Modules(labels, templates, tree, silent=1)


@pytest.fixture
def activations():
    values = np.random.default_rng(1).normal(size=(101, 9)).clip(0)
    values[50] = 0
    return values.astype(np.float32)


def test_responses_are_the_best_match_among_the_templates_of_a_module(modules, activations):
    expected = np.zeros((101, 3))
    for cell, row in enumerate(activations):
        for module in range(3):
            own = [modules.templates[neuron] for neuron in np.flatnonzero(modules.labels == module)]
            expected[cell, module] = max(float(row @ template) for template in own if template.any())
    responses = modules.responses(activations)
    assert responses.dtype == np.float32
    np.testing.assert_allclose(responses, expected, rtol=1e-5)


def test_blocks_of_cells_make_no_difference(modules, activations, monkeypatch):
    whole = modules.responses(activations)
    monkeypatch.setattr(_modules, "_CELLS_AT_ONCE", 7)
    np.testing.assert_allclose(modules.responses(activations), whole, rtol=1e-6)


def test_a_cell_has_the_label_of_the_module_that_responds_most(modules, activations):
    labels, responses = modules.assign(activations), modules.responses(activations)
    fires = responses.max(axis=1) > 0
    np.testing.assert_array_equal(labels.codes[fires], responses.argmax(axis=1)[fires])
    assert labels.codes[50] == modules.silent
    assert labels.confidence[50] == 0
    second, best = np.sort(responses[fires], axis=1)[:, -2:].T
    np.testing.assert_allclose(labels.confidence[fires], (best - second) / best, rtol=1e-5)


def test_brightness_changes_neither_label_nor_confidence(modules, activations):
    dim, bright = modules.assign(0.01 * activations), modules.assign(activations)
    np.testing.assert_array_equal(dim.codes, bright.codes)
    np.testing.assert_allclose(dim.confidence, bright.confidence, atol=1e-5)


def test_the_lead_is_of_the_cells_own_module_and_its_confidence_times_its_response(modules, activations):
    labels, leads = modules.assign(activations), modules.leads(activations)
    assert ((leads > 0).sum(axis=1) <= 1).all()
    own = leads[np.arange(101), labels.codes]
    np.testing.assert_allclose(own, labels.confidence * modules.responses(activations).max(axis=1), atol=1e-6)


def test_no_module_at_all():
    modules = Modules.none(5)
    assert modules.n_modules == 0
    assert modules.responses(np.ones((3, 5), dtype=np.float32)).shape == (3, 0)
    labels = modules.assign(np.ones((3, 5), dtype=np.float32))
    assert not labels.codes.any()
    assert not labels.confidence.any()


def test_a_merge_waits_for_those_before_it():
    tree = ModuleTree(np.arange(4), np.array([[0, 1], [2, 3], [4, 5]]), np.array([0.7, 0.2, 0.9]))
    assert tree.cut(1.0).max() + 1 == 4  # 0.2 waits for 0.7, which is above 0.5
    assert tree.cut(0.5).max() + 1 == 2


def test_a_rival_that_responds_negatively_counts_as_silent():
    """Linear neurons have negative activations; confidence is at most 1."""
    tree = ModuleTree(np.array([0, 1]), np.empty((0, 2), dtype=int), np.empty(0))
    modules = Modules(np.array([0, 1]), np.eye(2, dtype=np.float32), tree)
    labels = modules.assign(np.array([[2, -1], [-3, -1], [2, 1]], dtype=np.float32))
    assert labels.codes.tolist() == [0, modules.silent, 0]
    np.testing.assert_allclose(labels.confidence, [1, 0, 0.5])


@pytest.mark.parametrize("resolution", [0.01, 0.5, 1.0, 1.9, 10])
def test_a_cut_numbers_modules_without_gaps_and_keeps_fine_modules_whole(resolution):
    rng = np.random.default_rng(0)
    fine = np.append(rng.integers(0, 6, size=40), [*range(6), -1])
    tree = ModuleTree(fine, np.array([[0, 1], [2, 3], [6, 7], [8, 4]]), np.array([0.1, 0.4, 0.3, 0.8]))
    module = tree.cut(resolution)
    assert sorted(set(module[fine >= 0])) == list(range(module.max() + 1))
    assert (module[fine < 0] == -1).all()
    for number in range(6):
        assert len(set(module[fine == number])) == 1


def test_a_higher_resolution_only_splits():
    tree = ModuleTree(np.arange(6), np.array([[0, 1], [2, 3], [6, 7], [8, 4]]), np.array([0.1, 0.4, 0.3, 0.8]))
    cuts = [tree.cut(resolution) for resolution in (0.1, 0.5, 1.0, 1.3, 1.9, 50)]
    assert [cut.max() + 1 for cut in cuts] == sorted(cut.max() + 1 for cut in cuts)
    for coarse, fine in pairwise(cuts):
        assert len({*zip(fine, coarse, strict=True)}) == fine.max() + 1


def test_arrays_bring_the_same_modules_back(modules, activations):
    arrays = {**modules.to_arrays(), "weights": np.ones(3)}
    loaded = Modules.from_arrays(modules.labels, arrays)
    assert list(arrays) == ["weights"]  # the others were taken out
    for one, other in zip(loaded.assign(activations), modules.assign(activations), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (loaded.silent, loaded.n_modules) == (modules.silent, modules.n_modules)
    for resolution in (0.1, 1.0, 5.0):
        np.testing.assert_array_equal(loaded.tree.cut(resolution), modules.tree.cut(resolution))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"templates": np.zeros((4, 9), dtype=np.float32)}, "of 9 neurons"),
        ({"fine": np.zeros(8, dtype=int)}, "of 9 neurons"),
        ({"silent": np.array(3)}, "must be one of 3, got 3"),
        ({"silent": np.array(-1)}, "must be one of 3, got -1"),
        ({"labels": np.array([0, 2, 2, 0, 0, 2, 0, 2, -1])}, "numbered from 0 on"),
        ({"labels": np.array([0, 1, 1, 0, 0, 1, 0, 1, -2])}, "numbered from 0 on"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(modules, change, message):
    arrays = {**modules.to_arrays(), "labels": modules.labels, **change}
    with pytest.raises(ValueError, match=message):
        Modules.from_arrays(arrays.pop("labels"), arrays)
