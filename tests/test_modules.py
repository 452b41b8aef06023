"""Modules of neurons, and the labels that cells get from them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from scgsr import _modules
from scgsr._modules import Modules
from scgsr.graphs import correlation, similarity_graph


@pytest.fixture
def code():
    """300 cells; neurons 0-4, 5-9 and 10-14 fire in 150, 100 and 50 of them; neuron 15 never does."""
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1, 2], [150, 100, 50])
    home = np.append(np.repeat([0, 1, 2], 5), -1)
    values = rng.uniform(0.5, 1.5, size=(300, 16)) * (group[:, None] == home)
    return (values + rng.uniform(0, 0.05, size=(300, 16)) * (home >= 0)).astype(np.float32)


def find(code, seed=0, resolution=1.0):
    coactivation = similarity_graph(correlation(code))
    return _modules.find(coactivation, code, resolution=resolution, seed=seed)


def test_modules_are_found_and_numbered_by_cells_won(code):
    modules = find(code)
    assert modules.labels.tolist() == [0] * 5 + [1] * 5 + [2] * 5 + [-1]
    labels, confidence = modules.assign(code)
    assert np.bincount(labels).tolist() == [150, 100, 50]
    assert (confidence > 0.5).all()


def test_permuting_neurons_permutes_modules(code):
    order = np.random.default_rng(1).permutation(16)
    assert np.array_equal(find(code[:, order]).labels, find(code).labels[order])


def test_resolution_splits(code):
    counts = [find(code, resolution=resolution).n_modules for resolution in (0.01, 1.0, 20.0)]
    assert counts == sorted(counts)
    assert counts[0] == 1
    assert counts[-1] == 15


def test_same_seed_same_modules():
    noise = np.random.default_rng(0).uniform(size=(500, 40))
    assert np.array_equal(find(noise, seed=4).labels, find(noise, seed=4).labels)


def test_confidence_is_its_formula():
    modules = Modules(np.array([0, 0, 1, 2]))
    labels, confidence = modules.assign(np.array([[1, 1, 1.5, 0], [0, 0, 0, 3], [1, 0, 1, 0]], dtype=np.float32))
    assert labels.tolist() == [0, 2, 0]
    np.testing.assert_allclose(confidence, [0.25, 1, 0])
    assert confidence.dtype == np.float32


def test_silent_cells_get_the_faintest_module_and_no_confidence(code):
    code[:150] *= 0.1
    modules = find(code)
    labels, confidence = modules.assign(np.zeros((3, 16), dtype=np.float32))
    assert (labels == modules.labels[0]).all()
    assert (confidence == 0).all()


@pytest.mark.parametrize("n_neurons", [1, 2])
def test_few_neurons(n_neurons):
    code = np.random.default_rng(0).uniform(0.1, 1, size=(20, n_neurons)).astype(np.float32)
    labels, confidence = find(code).assign(code)
    assert labels.shape == confidence.shape == (20,)
    assert ((confidence >= 0) & (confidence <= 1)).all()


def test_a_dead_code_has_no_modules():
    code = np.zeros((20, 5), dtype=np.float32)
    modules = find(code)
    assert (modules.labels == -1).all()
    labels, confidence = modules.assign(code)
    assert not labels.any()
    assert not confidence.any()


def test_a_dead_neuron_that_neighbours_diffuse_to_is_in_no_module(code):
    diffused = code.copy()
    diffused[:, 15] = 0.3 * code[:, 0]
    coactivation = similarity_graph(correlation(code))
    assert _modules.find(coactivation, diffused, resolution=1.0, seed=0).labels[15] == -1


def test_leiden_on_two_cliques():
    clique = sparse.csr_matrix(np.ones((4, 4)) - np.eye(4))
    adjacency = sparse.block_diag([clique, clique]).tolil()
    adjacency[0, 4] = adjacency[4, 0] = 0.1
    labels = _modules.leiden(adjacency.tocsr(), resolution=1.0, seed=2**62)
    assert len(set(labels[:4])) == len(set(labels[4:])) == 1
    assert labels[0] != labels[4]
