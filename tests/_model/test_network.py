"""The autoencoder: shapes, noise, symmetry under a renumbering of the neurons."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scgsr import graphs
from scgsr._model import Autoencoder, AutoencoderConfig
from scgsr._train._losses import squared_error


def make(graph, *, hidden=(20, 10), threshold=1.0, noise=0.3, diffusion=1, seed=0):
    return Autoencoder.initialised(
        AutoencoderConfig(n_features=6, hidden=hidden, threshold=threshold, noise=noise, diffusion=diffusion),
        graph,
        seed,
    )


@pytest.fixture
def features():
    return torch.randn(64, 6, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("hidden", [(), (8,), (20, 10), 8])
@pytest.mark.parametrize("graph", [graphs.grid(3, 4), graphs.tree(3), graphs.from_adjacency(np.zeros((1, 1)))])
def test_shapes(hidden, graph, features):
    activations, reconstruction = make(graph, hidden=hidden)(features)
    assert activations.shape == (64, graph.n_neurons)
    assert reconstruction.shape == features.shape


def test_permuting_neurons_and_graph_together_permutes_the_activations(features):
    graph, order = graphs.grid(3, 4), np.random.default_rng(0).permutation(12)
    network = make(graph).eval()
    other = make(graph.permuted(order)).eval()
    weights = network.state_dict()
    for name in ("layer.linear.weight", "layer.norm.running_mean", "layer.norm.running_var"):
        weights[name] = weights[name][order]
    weights["decoder.0.weight"] = weights["decoder.0.weight"][:, order]
    other.load_state_dict(weights)
    activations, reconstruction = network(features)
    permuted, same = other(features)
    torch.testing.assert_close(permuted, activations[:, order])
    torch.testing.assert_close(same, reconstruction)


def test_noise_is_in_units_of_each_neurons_spread(features):
    activations = make(graphs.ring(12), noise=0).encode(features).detach()
    network, noise = make(graphs.ring(12), noise=0.5), torch.Generator().manual_seed(0)
    seen = torch.stack([network.noisy(activations, noise) for _ in range(400)])
    spread = (seen - activations).std(dim=(0, 1))
    torch.testing.assert_close(spread, 0.5 * activations.std(dim=0, correction=0), rtol=0.05, atol=1e-3)
    assert torch.equal(make(graphs.ring(12), noise=0).noisy(activations, noise), activations)


@pytest.mark.parametrize("hidden", [(2,), (5, 3), (20,), ()])
def test_coordinates_are_as_far_apart_as_the_reconstructions(hidden, features):
    network = make(graphs.ring(12), hidden=hidden)
    with torch.no_grad():
        activations, reconstruction = network(features)
        coordinates = network.coordinates(activations)
    assert coordinates.shape == (len(features), min(6, [12, *hidden][-1] if not hidden else hidden[0]))
    apart, expected = (torch.cdist(points.double(), points.double()) for points in (coordinates, reconstruction))
    torch.testing.assert_close(apart, expected, rtol=1e-5, atol=1e-6)


def test_same_seed_same_weights():
    one, same, other = (make(graphs.ring(12), seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["output.weight"], other["output.weight"])


def test_config_rebuilds_the_network():
    config = AutoencoderConfig(n_features=6, hidden=[20, 10], threshold=None, noise=0.0, diffusion=0)
    assert AutoencoderConfig(**config.to_dict()) == config


@pytest.mark.parametrize(
    ("change", "error", "name"),
    [
        ({"hidden": (0,)}, ValueError, "hidden"),
        ({"hidden": "wide"}, TypeError, "hidden"),
        ({"hidden": 2.5}, TypeError, "hidden"),
        ({"noise": -1}, ValueError, "noise"),
        ({"threshold": "x"}, TypeError, "threshold"),
        ({"diffusion": 0.5}, TypeError, "diffusion"),
    ],
)
def test_bad_settings_are_refused(change, error, name):
    with pytest.raises(error, match=f"`{name}`"):
        make(graphs.ring(5), **change)


def test_losses_are_their_formulas(features):
    error = squared_error(features, torch.zeros_like(features))
    assert error.item() == pytest.approx(float((features**2).mean()))
