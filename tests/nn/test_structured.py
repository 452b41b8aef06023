"""The structured layer: selective neurons on a graph."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from _fits import seeded_init

from scgsr import graphs, nn


def make_layer(in_features, graph, **settings):
    with seeded_init(0):
        return nn.StructuredLayer(in_features, graph, **settings)


def test_selective_neurons_are_standardised_before_the_threshold():
    layer = make_layer(6, graphs.ring(8), threshold=0.7, diffusion=0)
    hidden = 100 + 50 * torch.randn(500, 6, generator=torch.Generator().manual_seed(0))
    pre = layer.linear(hidden)
    standard = (pre - pre.mean(dim=0)) / pre.std(dim=0, correction=0)
    threshold = (standard.amax(dim=1, keepdim=True) - 0.5).clamp_max(0.7)
    torch.testing.assert_close(layer(hidden), torch.relu(standard - threshold), rtol=1e-3, atol=1e-3)
    layer = make_layer(6, graphs.ring(8), threshold=0.7, diffusion=0, least=0)
    standard = (layer.linear(hidden) - layer.linear(hidden).mean(dim=0)) / layer.linear(hidden).std(dim=0)
    torch.testing.assert_close(layer(hidden), torch.relu(standard - 0.7), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("threshold", [0.0, 0.5, 3.0])
def test_the_strongest_neuron_of_each_cell_fires_at_least_so_much(threshold):
    hidden = torch.randn(500, 6, generator=torch.Generator().manual_seed(0))
    for least in (0.25, 0.5):
        activations = make_layer(6, graphs.ring(8), threshold=threshold, least=least)(hidden)
        assert activations.amax(dim=1).min() >= least - 1e-6
    silent = (make_layer(6, graphs.ring(8), threshold=threshold, least=0)(hidden) == 0).all(dim=1)
    assert silent.any()


def test_where_a_neuron_passes_the_threshold_by_enough_nothing_changes():
    hidden = torch.randn(500, 6, generator=torch.Generator().manual_seed(0))
    plain, lifted = (make_layer(6, graphs.ring(8), least=least)(hidden) for least in (0, 0.5))
    clear = plain.amax(dim=1) >= 0.5
    assert 0.1 < clear.float().mean() < 1
    torch.testing.assert_close(plain[clear], lifted[clear])


def test_rescaling_the_weights_leaves_the_activations():
    layer = make_layer(6, graphs.ring(8))
    hidden = torch.randn(300, 6, generator=torch.Generator().manual_seed(0))
    before = layer(hidden)
    with torch.no_grad():
        layer.linear.weight.mul_(0.3)
    torch.testing.assert_close(layer(hidden), before, rtol=1e-2, atol=1e-2)  # the cheat of shrinking buys nothing


def test_linear_layer_is_plainly_linear():
    layer = make_layer(6, graphs.ring(8), threshold=None, diffusion=0)
    hidden = torch.randn(50, 6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(layer(hidden), hidden @ layer.linear.weight.T + layer.linear.bias)


@pytest.mark.parametrize("diffusion", [1, 2])
def test_diffusion_activates_the_neighbours_and_nothing_else(diffusion):
    layer = make_layer(3, graphs.path(9), diffusion=diffusion)
    code = torch.zeros(1, 9)
    code[0, 4] = 1
    lit = torch.nonzero(layer.diffuse(code)[0]).ravel().tolist()
    assert lit == list(range(4 - diffusion, 5 + diffusion))


def test_no_diffusion_returns_the_code():
    layer = make_layer(3, graphs.path(9), diffusion=0).eval()
    hidden = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(layer(hidden), layer.code(hidden))


def test_a_new_graph_changes_the_diffusion_and_not_the_weights():
    layer = make_layer(3, graphs.path(9), diffusion=1).eval()
    hidden = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    code, before = layer.code(hidden), layer(hidden)
    layer.set_graph(graphs.star(9))
    assert torch.equal(layer.code(hidden), code)
    assert not torch.allclose(layer(hidden), before)


def test_layer_and_penalty_train_in_somebody_elses_network():
    graph = graphs.ring(16)
    layer, penalty = make_layer(5, graph), nn.GraphSpectralPenalty(graph)
    hidden = torch.randn(256, 5, generator=torch.Generator().manual_seed(0))
    start = penalty(layer(hidden)).item()
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.01)
    for _ in range(100):
        optimiser.zero_grad()
        penalty(layer(hidden)).backward()
        optimiser.step()
    assert penalty(layer(hidden)).item() < 0.8 * start


@pytest.mark.parametrize(
    ("arguments", "error", "name"),
    [
        ({"in_features": 0}, ValueError, "in_features"),
        ({"graph": "ring"}, TypeError, "graph"),
        ({"threshold": "high"}, TypeError, "threshold"),
        ({"threshold": float("nan")}, ValueError, "threshold"),
        ({"diffusion": -1}, ValueError, "diffusion"),
    ],
)
def test_layer_refuses_bad_arguments(arguments, error, name):
    settings = {"in_features": 3, "graph": graphs.ring(5), **arguments}
    with pytest.raises(error, match=f"`{name}`"):
        nn.StructuredLayer(settings.pop("in_features"), settings.pop("graph"), **settings)


@pytest.mark.parametrize("diffusion", [1, 3])
def test_diffusion_is_where_lazy_walks_end_with_columns_of_unit_norm(diffusion):
    graph = graphs.wishbone(3, 3)
    layer = make_layer(3, graph, diffusion=diffusion)
    step = graph.adjacency.toarray() + np.eye(graph.n_neurons)
    walks = np.linalg.matrix_power(step / step.sum(axis=1, keepdims=True), diffusion)  # row j: from neuron j
    expected = walks.T / np.linalg.norm(walks, axis=1)
    np.testing.assert_allclose(layer.diffuse(torch.eye(graph.n_neurons)).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_the_parts_of_the_layer_make_the_whole():
    layer = make_layer(3, graphs.path(9), diffusion=2).eval()
    hidden = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    inputs = layer.linear(hidden)
    assert torch.equal(layer.code(hidden), layer.fire(inputs))
    assert torch.equal(layer.respond(inputs), layer.diffuse(layer.fire(inputs)))
    assert torch.equal(layer(hidden), layer.respond(inputs))


@pytest.mark.parametrize("threshold", [0.5, None])
def test_what_follows_from_the_graph_is_not_saved(threshold):
    layer = make_layer(3, graphs.path(9), diffusion=2, threshold=threshold)
    learned = {"linear.weight", "linear.bias"} if threshold is None else {"linear.weight"}
    assert {name for name in layer.state_dict() if not name.startswith("norm.")} == learned
