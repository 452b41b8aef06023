"""Modules of neurons as values: their neurons, and how they label cells."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from scgsr._modules import Modules, ModuleTree, _modules


def modules_of(templates, pieces, n_cells=None, *, silent=0):
    templates, n_pieces = np.asarray(templates, dtype=np.float32), len(pieces)
    tree = ModuleTree(n_pieces, np.empty((0, 2), dtype=int), np.empty(0))
    n_cells = np.ones(n_pieces, dtype=int) if n_cells is None else np.array(n_cells)
    return Modules.of(tree, templates, n_cells, np.array(pieces), silent=silent)


def test_responses_are_along_the_best_template_and_confidence_is_the_cosine_to_the_mean_picture():
    modules = modules_of([[1, 0, 0, 0], [0.6, 0.8, 0, 0], [0, 0, 1, 0]], [0, 0, 1], [1, 1, 5])
    activations = np.array([[2, 0, 1, 0], [3, 4, 1, 0], [0, 0, 2, 9], [1, 0, 1, 0]], dtype=np.float32)
    np.testing.assert_allclose(modules.responses(activations), [[2, 1], [5, 1], [0, 2], [1, 1]])
    labels, confidence = modules.assign(activations)
    assert labels.tolist() == [0, 0, 1, 0]
    mean = np.array([1.6, 0.8, 0, 0]) / np.sqrt(1.6**2 + 0.8**2)
    cosines = [
        2 * mean[0] / np.sqrt(5),
        (3 * mean[0] + 4 * mean[1]) / np.sqrt(26),
        2 / np.sqrt(85),
        mean[0] / np.sqrt(2),
    ]
    np.testing.assert_allclose(confidence, cosines, rtol=1e-5)
    assert confidence.dtype == np.float32


def test_a_mean_picture_counts_each_piece_by_its_cells():
    modules = modules_of(np.eye(3), [0, 0, 1], [30, 10, 7])
    np.testing.assert_allclose(modules.mean_pictures, [np.array([3, 1, 0]) / np.sqrt(10), [0, 0, 1]], rtol=1e-6)


def test_with_one_module_there_is_no_confidence():
    labels, confidence = modules_of(np.eye(3), [0, 0, 0]).assign(np.eye(3, dtype=np.float32))
    assert not labels.any()
    assert not confidence.any()


def test_a_neuron_is_of_the_module_that_activates_it_most():
    modules = modules_of([[0.8, 0.6, 0, 0], [0, 0.7, -0.71, 0], [0.5, 0, 0.87, 0]], [0, 1, 0])
    assert modules.labels.tolist() == [0, 1, 0, -1]  # the last is dead; of a linear code the sign does not matter


def test_each_module_has_a_neuron_if_there_are_enough():
    """Module 1 leads nowhere: it gets the neuron where it comes nearest to leading."""
    modules = modules_of([[0.7, 0.5, 0.5, 0], [0.1, 0.4, 0.1, 0], [0, 0, 0, 1]], [0, 1, 2])
    assert modules.labels.tolist() == [0, 1, 0, 2]
    assert modules_of([[1], [0.5]], [0, 1]).labels.tolist() == [0]  # there is only one


def test_only_the_module_of_a_cell_leads_by_its_distance_from_the_strongest_rival():
    modules = modules_of(np.eye(4), [0, 1, 2, 2])
    activations = np.array([[3, 1, 0, 2], [1, 1, 0, 0], [0, 0, 0, 0]], dtype=np.float32)
    np.testing.assert_array_equal(modules.leads(activations), [[1, 0, 0], [0, 0, 0], [0, 0, 0]])
    labels, _ = modules.assign(activations)
    assert modules.leads(activations)[0].argmax() == labels[0]
    alone = modules_of(np.eye(4), [0, 0, 0, 0])
    np.testing.assert_array_equal(alone.leads(activations), alone.responses(activations))


@pytest.fixture
def modules():
    """Seven pieces in three modules of nine neurons, the last of which is dead."""
    templates = np.random.default_rng(0).uniform(size=(7, 9)).astype(np.float32)
    templates[:, 8] = 0
    templates /= np.linalg.norm(templates, axis=1, keepdims=True)
    return modules_of(templates, [2, 0, 0, 1, 1, 2, 0], [5, 3, 9, 4, 1, 1, 2], silent=1)


@pytest.fixture
def activations():
    values = np.random.default_rng(1).normal(size=(101, 9)).clip(0)
    values[50] = 0
    return values.astype(np.float32)


def test_responses_are_the_best_match_among_the_templates_of_a_module(modules, activations):
    expected = np.zeros((101, 3))
    for cell, row in enumerate(activations):
        for module in range(3):
            own = modules.templates[modules.pieces == module]
            expected[cell, module] = max(float(row @ template) for template in own)
    responses = modules.responses(activations)
    assert responses.dtype == np.float32
    np.testing.assert_allclose(responses, expected, rtol=1e-5)


def test_blocks_of_cells_make_no_difference(modules, activations, monkeypatch):
    whole, labels = modules.responses(activations), modules.assign(activations)
    monkeypatch.setattr(_modules, "_CELLS_AT_ONCE", 7)
    np.testing.assert_allclose(modules.responses(activations), whole, rtol=1e-6)
    np.testing.assert_allclose(modules.assign(activations).confidence, labels.confidence, rtol=1e-6)


def test_a_cell_has_the_label_of_the_module_that_responds_most(modules, activations):
    labels, responses = modules.assign(activations), modules.responses(activations)
    fires = responses.max(axis=1) > 0
    np.testing.assert_array_equal(labels.codes[fires], responses.argmax(axis=1)[fires])
    assert labels.codes[50] == modules.silent
    assert labels.confidence[50] == 0
    assert (labels.confidence[fires] > 0).all()


def test_brightness_changes_neither_label_nor_confidence(modules, activations):
    dim, bright = modules.assign(0.01 * activations), modules.assign(activations)
    np.testing.assert_array_equal(dim.codes, bright.codes)
    np.testing.assert_allclose(dim.confidence, bright.confidence, atol=1e-5)


def test_the_lead_is_of_the_cells_own_module_and_how_far_it_is_above_the_second(modules, activations):
    labels, leads = modules.assign(activations), modules.leads(activations)
    assert ((leads > 0).sum(axis=1) <= 1).all()
    second, best = np.sort(modules.responses(activations), axis=1)[:, -2:].T
    np.testing.assert_allclose(leads[np.arange(101), labels.codes], best - second, atol=1e-6)


def test_no_module_at_all():
    modules = Modules.none(5)
    assert modules.n_modules == 0
    assert modules.labels.tolist() == [-1] * 5
    assert modules.responses(np.ones((3, 5), dtype=np.float32)).shape == (3, 0)
    labels = modules.assign(np.ones((3, 5), dtype=np.float32))
    assert not labels.codes.any()
    assert not labels.confidence.any()


def test_a_rival_that_responds_negatively_counts_as_silent():
    """Linear neurons have negative activations; confidence is in [0, 1]."""
    modules = modules_of(np.eye(2), [0, 1])
    labels = modules.assign(np.array([[2, -1], [-3, -1], [2, 1]], dtype=np.float32))
    assert labels.codes.tolist() == [0, modules.silent, 0]
    np.testing.assert_allclose(labels.confidence, [2 / np.sqrt(5), 0, 2 / np.sqrt(5)], rtol=1e-6)


def test_a_higher_resolution_only_splits():
    tree = ModuleTree(6, np.array([[0, 1], [2, 3], [6, 7], [8, 4]]), np.array([0.1, 0.4, 0.3, 0.8]))
    cuts = [tree.cut_at(resolution) for resolution in (0.1, 0.5, 1.0, 1.3, 1.9, 50)]
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
        np.testing.assert_array_equal(loaded.tree.cut_at(resolution), modules.tree.cut_at(resolution))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"templates": np.zeros((7, 8), dtype=np.float32)}, "of 9 neurons"),
        ({"templates": np.zeros((4, 9), dtype=np.float32)}, "7 pieces"),
        ({"n_cells": np.ones(6)}, "7 pieces"),
        ({"silent": np.array(3)}, "must be one of 3, got 3"),
        ({"silent": np.array(-1)}, "must be one of 3, got -1"),
        ({"pieces": np.array([2, 0, 0, 3, 3, 2, 0])}, "numbered from 0 on"),
        ({"pieces": np.array([2, 0, 0, -1, 1, 2, 0])}, "of modules -1 to 2"),
        ({"pieces": np.array([2.0, 0, 0, 1, 1, 2, 0])}, "must be whole numbers"),
        ({"labels": np.array([0.0, 1, 1, 0, 0, 1, 0, 1, -1])}, "must be whole numbers"),
        ({"pieces": np.array([2, 0, 0, 1, 1, 2, 9])}, "7 pieces cannot be of modules 0 to 9"),
        ({"labels": np.array([0, 1, 1, 0, 0, 1, 0, 3, -1])}, "one of 3 modules"),
        ({"labels": np.array([0, 1, 1, 0, 0, 1, 0, 1, -2])}, "one of 3 modules"),
        ({"n_cells": np.array([0, 3, 9, 4, 1, 1, 2])}, "each of some cells"),
        ({"merges": np.array([[0, 1]])}, "each with one separation"),
        ({"merges": np.array([[0, 1]] * 7), "separations": np.zeros(7)}, "in this order"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(modules, change, message):
    arrays = {**modules.to_arrays(), "labels": modules.labels, **change}
    with pytest.raises(ValueError, match=message):
        Modules.from_arrays(arrays.pop("labels"), arrays)


def test_a_warning_is_for_more_than_a_fiftieth_of_silent_cells(modules, caplog):
    with caplog.at_level("INFO", logger="scgsr"):
        modules.tell_of_silent_cells(np.arange(100) < 2)
        modules.tell_of_silent_cells(np.arange(100) < 3)
        modules.tell_of_silent_cells(np.zeros(100, dtype=bool))
        Modules.none(3).tell_of_silent_cells(np.ones(100, dtype=bool))
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]
    assert "3 of 100 cells activate no neuron" in caplog.records[1].getMessage()
    assert "the label of the faintest cells, '1'," in caplog.records[1].getMessage()


def test_two_modules_have_a_confidence_and_a_lead():
    modules = modules_of(np.eye(2), [0, 1])
    activations = np.array([[3, 1]], dtype=np.float32)
    np.testing.assert_allclose(modules.assign(activations).confidence, 3 / np.sqrt(10), rtol=1e-6)
    np.testing.assert_array_equal(modules.leads(activations), [[2, 0]])


def test_arrays_at_their_limits_fit_together(modules):
    arrays = {**modules.to_arrays(), "silent": np.array(2), "n_cells": np.ones(7, dtype=int)}
    assert Modules.from_arrays(np.array([0, 1, 2, -1, 0, 0, 0, 0, 2], dtype=np.int8), arrays).silent == 2
    empty = Modules.none(4)
    assert Modules.from_arrays(empty.labels, empty.to_arrays()).n_modules == 0
    with pytest.raises(ValueError, match="each of some cells"):
        Modules.from_arrays(modules.labels, {**modules.to_arrays(), "templates": np.full((7, 9), np.nan)})


def test_a_module_that_leads_nowhere_takes_no_other_modules_only_neuron():
    # Module 1 comes nearest to leading at neuron 0, which is all that module 0 has; so it takes neuron 2.
    modules = modules_of([[1.0, 0, 0, 0], [0.9, 0.1, 0.3, 0], [0, 0.8, 0.9, 0.7]], [0, 1, 2])
    assert modules.labels.tolist() == [0, 2, 1, 2]


def test_equality_is_identity():
    one, other = modules_of(np.eye(2), [0, 1]), modules_of(np.eye(2), [0, 1])
    assert one == one
    assert one != other  # and not an array of answers, which is neither true nor false
    assert len({one, other}) == 2


def test_no_confidence_is_above_one_by_rounding():
    templates = np.random.default_rng(0).uniform(size=(200, 30)).astype(np.float32)
    templates /= np.linalg.norm(templates, axis=1, keepdims=True)
    confidence = modules_of(templates, list(range(200))).assign(templates).confidence
    assert confidence.max() <= 1
    np.testing.assert_allclose(confidence, 1, rtol=1e-5)
