"""Principal components in front of the network and behind it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from scgsr import graphs
from scgsr._model import Autoencoder, AutoencoderConfig
from scgsr._model._front import PrincipalFront, principal_axes
from scgsr._train._losses import left_out, squared_error


@pytest.fixture
def features():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(400, 5)) @ rng.normal(size=(5, 120)) + 0.3 * rng.normal(size=(400, 120))
    return torch.as_tensor(values - values.mean(axis=0), dtype=torch.float32)


def test_components_are_those_of_scikit_learn_up_to_scale_and_sign(features):
    front = PrincipalFront(120, 5).learn(features, seed=0)
    theirs = PCA(5, svd_solver="full").fit_transform(features.numpy())
    ours = front(features).numpy() / np.sqrt(5 / 120)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-2)


def test_back_and_forth_is_the_projection_on_the_axes(features):
    front = PrincipalFront(120, 7).learn(features, seed=0)
    projected = features @ front.axes.T @ front.axes
    torch.testing.assert_close(front.back(front(features)), projected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(front.axes @ front.axes.T, torch.eye(7), atol=1e-5, rtol=0)


def test_an_error_in_components_is_what_it_adds_to_the_error_in_features(features):
    front = PrincipalFront(120, 7).learn(features, seed=0)
    components = front(features)
    wrong = components + torch.randn(components.shape, generator=torch.Generator().manual_seed(0))
    in_features = squared_error(features, front.back(wrong))
    in_components = squared_error(components, wrong) + left_out(features, components)
    torch.testing.assert_close(in_components, in_features)


@pytest.mark.parametrize(("n_cells", "n_components"), [(3, 5), (400, 120), (4, 4)])
def test_where_there_are_fewer_axes_the_other_components_are_zero(features, n_cells, n_components):
    front = PrincipalFront(120, n_components).learn(features[:n_cells], seed=0)
    components = front(features)
    assert torch.isfinite(components).all()
    assert (components[:, min(n_cells, n_components) :] == 0).all()


def test_the_same_seed_gives_the_same_axes(features):
    np.testing.assert_array_equal(principal_axes(features, 5, seed=3), principal_axes(features, 5, seed=3))


def test_a_network_behind_a_front_takes_and_gives_features_and_keeps_the_axes(features):
    config = AutoencoderConfig(n_features=120, hidden=(16,), threshold=0.5, noise=0.0, diffusion=0, n_components=6)
    graph = graphs.grid(3)
    network = Autoencoder.initialised(config, graph, 0)
    network.front.learn(features, seed=0)
    network.eval()
    activations, reconstruction = network(features)
    assert activations.shape == (400, 9)
    assert reconstruction.shape == features.shape
    assert network.outputs(activations).shape == (400, 6)
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    again = Autoencoder.with_weights(AutoencoderConfig.from_dict(config.to_dict()), graph, weights)
    torch.testing.assert_close(again(features)[1], reconstruction, rtol=0, atol=0)
    assert not [name for name, _ in network.named_parameters() if "front" in name]  # the axes are not trained
