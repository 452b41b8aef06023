"""A trained network over all cells, block by block."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from scgsr import graphs
from scgsr._model import Autoencoder, AutoencoderConfig, _apply, coordinates, encode, errors, module_space
from scgsr._values import Batches, _matrix

MEAN, SCALE = np.linspace(-1, 1, 6), np.linspace(0.5, 2, 6)


@pytest.fixture
def matrix():
    return np.random.default_rng(0).normal(size=(101, 6)).astype(np.float32)


@pytest.fixture
def network():
    config = AutoencoderConfig(n_features=6, hidden=(20, 10), threshold=0.5, noise=0.3, diffusion=1)
    network = Autoencoder.initialised(config, graphs.grid(3, 4), 0)
    norm = network.layer.norm
    norm.running_mean.copy_(torch.linspace(-0.5, 0.5, 12))
    norm.running_var.copy_(torch.linspace(0.1, 2, 12))
    return network.eval()


@pytest.fixture(params=[1, 7, 100, 101, 8192])
def rows_at_once(request, monkeypatch):
    monkeypatch.setattr(_matrix, "_ROWS_AT_ONCE", request.param)


def batches(matrix):
    return Batches(matrix, MEAN, SCALE, torch.device("cpu"))


def in_one_go(network, matrix):
    """Activations and reconstruction of standardised features, all cells at once."""
    with torch.no_grad():
        return [part.numpy() for part in network(torch.as_tensor((matrix - MEAN) / SCALE, dtype=torch.float32))]


@pytest.mark.usefixtures("rows_at_once")
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_encoding_in_blocks_is_encoding_all_at_once(network, matrix, kind):
    activations = encode(network, batches(kind(matrix)))
    assert activations.dtype == np.float32
    assert activations.flags.c_contiguous
    np.testing.assert_allclose(activations, in_one_go(network, matrix)[0], atol=1e-5)


@pytest.mark.usefixtures("rows_at_once")
def test_decoding_in_blocks_is_decoding_all_at_once(network, matrix):
    activations, reconstruction = in_one_go(network, matrix)
    np.testing.assert_allclose(_apply.decode(network, activations), reconstruction, atol=1e-5)


@pytest.mark.usefixtures("rows_at_once")
@pytest.mark.parametrize("rows", [np.arange(101), np.array([3, 99, 50])], ids=["all", "some"])
def test_the_error_of_a_cell_is_its_mean_squared_misfit_over_features(network, matrix, rows):
    activations, reconstruction = in_one_go(network, matrix)
    scaled = (matrix - MEAN) / SCALE
    expected = ((scaled - reconstruction) ** 2).mean(axis=1)[rows]
    result = errors(network, batches(matrix).in_order(rows), activations[rows])
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("hidden", "n_components", "use_rep", "features"),
    [((20,), None, None, True), ((20,), None, "X_pca", False), ((20,), 4, None, False), ((3,), None, None, False)],
    ids=["features", "an embedding", "principal components", "fewer units than features"],
)
def test_modules_are_looked_for_among_features_only_where_coordinates_are_features(
    hidden, n_components, use_rep, features, matrix
):
    config = AutoencoderConfig(6, hidden, threshold=None, noise=0.0, diffusion=0, n_components=n_components)
    network = Autoencoder.initialised(config, graphs.ring(5), 0)
    space, are_features = module_space(network, {"use_rep": use_rep})
    activations = encode(network, Batches(matrix, MEAN, SCALE, network.device))
    np.testing.assert_array_equal(space(activations), coordinates(network, activations))
    assert are_features is features


@pytest.mark.parametrize("hidden", [(20, 10), (3,)])
def test_coordinates_are_those_of_the_network(hidden, matrix):
    config = AutoencoderConfig(n_features=6, hidden=hidden, threshold=None, noise=0.0, diffusion=0)
    network = Autoencoder.initialised(config, graphs.ring(5), 0)
    activations, reconstruction = in_one_go(network, matrix)
    points = coordinates(network, activations)
    assert points.shape == (101, min(6, hidden[0]))
    centred = [values - values.mean(axis=0) for values in (points, reconstruction)]
    np.testing.assert_allclose(*(values @ values.T for values in centred), atol=1e-4)


def test_nothing_is_recorded_for_a_gradient(network, matrix, monkeypatch):
    recorded = []
    hook = network.layer.register_forward_hook(lambda module, inputs, output: recorded.append(output.requires_grad))
    activations = encode(network, batches(matrix))
    hook.remove()
    hook = network.output.register_forward_hook(lambda module, inputs, output: recorded.append(output.requires_grad))
    _apply.decode(network, activations)
    errors(network, batches(matrix).in_order(), activations)
    hook.remove()
    assert len(recorded) == 3
    assert not any(recorded)


def test_the_activations_that_were_given_stay(network, matrix):
    activations = in_one_go(network, matrix)[0]
    before = activations.copy()
    _apply.decode(network, activations)
    coordinates(network, activations)
    errors(network, batches(matrix).in_order(), activations)
    np.testing.assert_array_equal(activations, before)


def test_no_cells_at_all(network):
    empty = np.empty((0, 6), dtype=np.float32)
    assert encode(network, batches(empty)).shape == (0, 12)
    assert _apply.decode(network, np.empty((0, 12), dtype=np.float32)).shape == (0, 6)
    assert errors(network, batches(empty).in_order(), np.empty((0, 12), dtype=np.float32)).shape == (0,)
