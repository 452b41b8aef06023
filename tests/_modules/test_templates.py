"""Pictures of cells, mean pictures of pieces, and the co-activation of neurons."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr._modules import _templates


@pytest.fixture
def activations():
    return np.random.default_rng(0).gamma(0.5, size=(300, 16)).astype(np.float32)


@pytest.mark.parametrize("factor", [1e-10, 1.0, 1e10])
def test_a_picture_has_unit_norm_whatever_the_brightness_and_a_silent_cell_has_none(activations, factor):
    activations[3] = 0
    shown = _templates.pictures(np.float32(factor) * activations)
    assert shown.dtype == np.float32
    np.testing.assert_allclose(shown, _templates.pictures(activations), rtol=1e-5, atol=1e-7)
    norms = np.linalg.norm(shown, axis=1)
    assert norms[3] == 0
    np.testing.assert_allclose(np.delete(norms, 3), 1, rtol=1e-5)


def test_the_template_of_a_piece_is_the_mean_picture_of_its_cells_at_unit_norm(activations):
    shown, piece = _templates.pictures(activations), np.random.default_rng(1).integers(0, 5, size=300)
    means = np.stack([shown[piece == number].mean(axis=0) for number in range(5)])
    expected = means / np.linalg.norm(means, axis=1, keepdims=True)
    templates = _templates.mean_pictures(shown, piece)
    assert templates.dtype == np.float32
    np.testing.assert_allclose(templates, expected, rtol=1e-5)


def test_coactivation_counts_each_cell_once_for_its_two_brightest_neurons():
    shown = np.array([[0, 3, 2, 1], [0, 2, 3, 1], [4, 0, 0, 1], [0, 0, 5, 0], [-4, 0, 0.5, 1]], dtype=np.float32)
    expected = np.zeros((4, 4))
    expected[1, 2] = expected[2, 1] = 2
    expected[0, 3] = expected[3, 0] = 2  # the sign of a linear code does not matter
    np.testing.assert_array_equal(_templates.coactivation(shown).toarray(), expected)  # the fourth activates one neuron


def test_coactivation_of_a_single_neuron_is_empty():
    assert _templates.coactivation(np.ones((5, 1), dtype=np.float32)).shape == (1, 1)
    assert _templates.coactivation(np.ones((5, 1), dtype=np.float32)).nnz == 0


def test_coactivation_of_two_neurons_counts_the_cells_that_activate_both():
    shown = np.array([[1, 2], [3, 0], [0.5, 0.5]], dtype=np.float32)
    np.testing.assert_array_equal(_templates.coactivation(shown).toarray(), [[0, 2], [2, 0]])
