"""What each neuron stands for: the mean picture of the cells that are more like it than like any other."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr._modules import _templates


@pytest.fixture
def activations():
    """Neurons 0-4, 5-9 and 10-14 fire in the cells of one group each; neuron 15 never does."""
    rng = np.random.default_rng(0)
    group, home = np.repeat([0, 1, 2], [600, 400, 200]), np.append(np.repeat([0, 1, 2], 5), -1)
    values = rng.uniform(0.5, 1.5, size=(len(group), 16)) * (group[:, None] == home)
    return (values + rng.uniform(0, 0.05, size=values.shape) * (home >= 0)).astype(np.float32)


def test_templates_are_mean_pictures_of_the_cells_that_match_them(activations):
    shown = _templates.pictures(activations)
    np.testing.assert_allclose(np.linalg.norm(shown, axis=1), 1, rtol=1e-5)
    templates = _templates.learn(shown, np.random.default_rng(0))
    owner = _templates.two_nearest(shown, templates)[:, 0]
    assert set(owner) <= set(np.flatnonzero(templates.any(axis=1)))
    assert (templates[owner] * shown).sum(axis=1).mean() > 0.9


def test_of_equal_templates_the_first_is_nearest():
    shown = np.array([[1, 0, 0, 0], [0.8, 0, 0.6, 0], [0, 0, 0, 1]], dtype=np.float32)
    templates = np.array([[0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0]], dtype=np.float32)
    assert _templates.two_nearest(shown, templates).tolist() == [[1, 3], [1, 3], [1, 2]]
    assert _templates.two_nearest(shown, templates * [[0], [0], [1], [0]]).tolist() == [[2, 2]] * 3


def test_the_two_nearest_are_the_first_of_a_sorted_row():
    shown = _templates.pictures(np.random.default_rng(0).gamma(1.0, size=(300, 12)).astype(np.float32))
    templates = _templates.pictures(np.random.default_rng(1).gamma(1.0, size=(12, 12)).astype(np.float32))
    order = np.argsort(-(shown @ templates.T), axis=1, kind="stable")
    assert np.array_equal(_templates.two_nearest(shown, templates), order[:, :2])


@pytest.mark.parametrize("factor", [1e-10, 1.0, 1e10])
def test_a_picture_has_unit_norm_whatever_the_brightness_and_a_silent_cell_has_none(activations, factor):
    activations[3] = 0
    shown = _templates.pictures(np.float32(factor) * activations)
    assert shown.dtype == np.float32
    np.testing.assert_allclose(shown, _templates.pictures(activations), rtol=1e-5, atol=1e-7)
    norms = np.linalg.norm(shown, axis=1)
    assert norms[3] == 0
    np.testing.assert_allclose(np.delete(norms, 3), 1, rtol=1e-5)


def test_templates_have_unit_norm_and_a_neuron_that_never_fires_has_none(activations):
    templates = _templates.learn(_templates.pictures(activations), np.random.default_rng(0))
    norms = np.linalg.norm(templates, axis=1)
    np.testing.assert_allclose(norms[norms > 0], 1, rtol=1e-5)
    assert norms[15] == 0
    assert (norms[:15] > 0).all()


def test_the_same_random_numbers_give_the_same_templates():
    shown = _templates.pictures(np.random.default_rng(0).gamma(0.3, size=(60, 40)).astype(np.float32))
    assert len(set(shown.argmax(axis=1))) < 40  # some neurons have no cells and adopt some at random
    one, same, other = (_templates.learn(shown, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_neuron_without_cells_adopts_one_of_a_hidden_population():
    """Two populations share their brightest neuron: after a few rounds each has a template of its own."""
    one, other = np.zeros((2, 8), dtype=np.float32)
    one[[0, 1, 2]], other[[0, 5, 6]] = [1, 0.9, 0.8], [1, 0.9, 0.8]
    noise = np.random.default_rng(0).uniform(0, 0.02, size=(200, 8)).astype(np.float32)
    shown = _templates.pictures(np.vstack([np.tile(one, (150, 1)), np.tile(other, (50, 1))]) + noise)
    assert set(shown.argmax(axis=1)) == {0}
    templates = _templates.learn(shown, np.random.default_rng(0))
    match = shown @ templates.T
    assert match.max(axis=1).min() > 0.98
    owner = match.argmax(axis=1)
    assert not set(owner[:150]) & set(owner[150:])


def test_cells_that_all_match_their_template_leave_nothing_to_adopt():
    shown = _templates.pictures(np.tile(np.array([[3, 1, 0]], dtype=np.float32), (50, 1)))
    templates = _templates.learn(shown, np.random.default_rng(0))
    np.testing.assert_allclose(templates[0], shown[0], rtol=1e-5)
    assert not templates[1:].any()


def test_between_counts_each_cell_once_for_its_pair():
    nearest = np.array([[0, 2], [2, 0], [1, 3], [3, 3]])  # the last matches a single template
    counts = _templates.between(nearest, 5).toarray()
    expected = np.zeros((5, 5))
    expected[0, 2] = expected[2, 0] = 2
    expected[1, 3] = expected[3, 1] = 1
    np.testing.assert_array_equal(counts, expected)


@pytest.mark.parametrize("seed", range(3))
def test_between_is_symmetric_without_a_diagonal_and_loses_no_cell(seed):
    nearest = np.random.default_rng(seed).integers(0, 9, size=(400, 2))
    counts = _templates.between(nearest, 9)
    assert (counts != counts.T).nnz == 0
    assert not counts.diagonal().any()
    assert counts.nnz == np.count_nonzero(counts.toarray())  # nothing stored in vain
    assert counts.sum() == 2 * (nearest[:, 0] != nearest[:, 1]).sum()
