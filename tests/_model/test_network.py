"""The autoencoder: shapes, noise, symmetry under a renumbering of the neurons."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from scgsr import graphs
from scgsr._model import Autoencoder, AutoencoderConfig
from scgsr.nn import FixedNoise


def make(graph, *, hidden=(20, 10), threshold=1.0, noise=0.3, diffusion=1, seed=0, atoms=None):
    config = AutoencoderConfig(
        n_features=6, hidden=hidden, threshold=threshold, noise=noise, diffusion=diffusion, atoms=atoms
    )
    return Autoencoder.initialised(config, graph, seed)


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


def told(hidden, *, origins=("a", "b", "c"), n_components=None):
    config = AutoencoderConfig(
        n_features=6,
        hidden=hidden,
        threshold=0.5,
        noise=0.0,
        diffusion=0,
        n_components=n_components,
        origins=origins,
    )
    return Autoencoder.initialised(config, graphs.grid(3, 4), 0).eval()


@pytest.mark.parametrize("hidden", [(), (8,), (20, 10)])
def test_origins_are_told_to_the_decoder_alone(hidden, features):
    network, untold = told(hidden), told(hidden, origins=())
    untold_weights = untold.state_dict()
    assert all(
        torch.equal(value, untold_weights[name])
        for name, value in network.state_dict().items()
        if name in untold_weights
    )
    origins = torch.arange(64) % 3
    assert torch.equal(network(features, origins)[1], untold(features)[1])  # nothing is known of them yet
    with torch.no_grad():
        for parameter in (network.shift, network.origin):
            if parameter is not None:
                parameter.normal_(generator=torch.Generator().manual_seed(0))
    activations, of_own = network(features, origins)
    assert torch.equal(activations, untold.encode(features))
    of_each = torch.stack([network.decode(activations, torch.full((64,), code)) for code in range(3)])
    torch.testing.assert_close(of_own, of_each[origins, torch.arange(64)])
    assert (of_each.std(dim=0) > 1e-3).any()
    torch.testing.assert_close(network.decode(activations), of_each.mean(dim=0))
    # Distances in the coordinates are those of the mean reconstructions.
    wanted, found = (torch.pdist(points) for points in (of_each.mean(dim=0), network.coordinates(activations)))
    torch.testing.assert_close(found / found.max(), wanted / wanted.max(), atol=1e-3, rtol=1e-3)


def test_origins_survive_json():
    config = told((8,)).config
    assert AutoencoderConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_noise_is_in_units_of_each_neurons_spread(features):
    activations = make(graphs.ring(12), noise=0).encode(features).detach()
    network, noise = make(graphs.ring(12), noise=0.5), torch.Generator().manual_seed(0)
    seen = torch.stack([network.noisy(activations, network.noise(len(activations), noise)) for _ in range(400)])
    spread = (seen - activations).std(dim=(0, 1))
    torch.testing.assert_close(spread, 0.5 * activations.std(dim=0, correction=0), rtol=0.05, atol=1e-3)
    silent = make(graphs.ring(12), noise=0)
    assert silent.noise(5, noise) is None
    assert torch.equal(silent.noisy(activations, None), activations)


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


def test_fixed_noise_has_one_size_for_all_neurons():
    x = torch.linspace(0.01, 10, 12) * torch.randn(20_000, 12, generator=torch.Generator().manual_seed(0))
    for noise, expected in ((FixedNoise(0.5), torch.full((12,), 0.5)), (0.5, 0.5 * x.std(dim=0))):
        network = Autoencoder.initialised(
            AutoencoderConfig(n_features=7, hidden=(8,), threshold=None, noise=noise, diffusion=0), graphs.grid(3, 4), 0
        )
        added = network.noisy(x, network.noise(len(x), torch.Generator().manual_seed(1))) - x
        torch.testing.assert_close(added.std(dim=0), expected, rtol=0.05, atol=0)
    silent = Autoencoder.initialised(
        AutoencoderConfig(n_features=7, hidden=(8,), threshold=None, noise=FixedNoise(0), diffusion=0),
        graphs.grid(3, 4),
        0,
    )
    assert silent.noise(len(x), torch.Generator()) is None


@pytest.mark.parametrize("size", [0.5, FixedNoise(0.5)])
def test_noise_is_no_way_for_the_gradient(size, features):
    """Only the activations themselves have one: the network must not learn to lower the noise."""
    activations = features.repeat(1, 2).requires_grad_()
    network = make(graphs.ring(12), noise=size)
    noise = network.noise(len(activations), torch.Generator().manual_seed(0))
    network.noisy(activations, noise).sum().backward()
    torch.testing.assert_close(activations.grad, torch.ones_like(activations))


@pytest.mark.parametrize("settings", [{"diffusion": 0}, {"threshold": None}, {"atoms": graphs.Atoms()}], ids=str)
def test_a_network_from_arrays_can_be_moved(settings, features):
    """Nothing of it is left on the device without values on which it was made."""
    network = make(graphs.grid(3, 4), **settings).eval()
    arrays = {name: value.numpy() for name, value in network.state_dict().items()}
    again = Autoencoder.with_weights(network.config, graphs.grid(3, 4), arrays)
    assert not [name for name, value in again.named_buffers() if value.is_meta]
    assert torch.equal(again.to("cpu").encode(features), network.encode(features))


@pytest.mark.parametrize("threshold", [0.5, None])
def test_weights_as_arrays_make_the_same_network(threshold, features):
    network = make(graphs.grid(3, 4), threshold=threshold).eval()
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    loaded = Autoencoder.with_weights(network.config, graphs.grid(3, 4), weights)
    assert not loaded.training
    for one, other in zip(loaded(features), network(features), strict=True):
        assert torch.equal(one, other)
    with torch.no_grad():
        loaded.output.weight.zero_()
    assert weights["output.weight"].any()  # the arrays are not the network's own


def test_a_network_of_absurd_width_is_refused_before_it_takes_memory():
    config = AutoencoderConfig(n_features=6, hidden=(10**12,), threshold=None, noise=0.0, diffusion=0)
    with pytest.raises(RuntimeError, match=r"Missing key|size mismatch"):
        Autoencoder.with_weights(config, graphs.ring(5), {})


@pytest.mark.parametrize("noise", [0.25, FixedNoise(0.5)])
@pytest.mark.parametrize("atoms", [None, graphs.Atoms("heat", scales=(1.0, 2.0))])
def test_settings_survive_json(noise, atoms):
    config = AutoencoderConfig(n_features=6, hidden=(20, 10), threshold=None, noise=noise, diffusion=0, atoms=atoms)
    assert AutoencoderConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
