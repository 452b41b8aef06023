"""The structured layer and the penalty."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from scgsr import graphs, nn
from scgsr._random import seeded_init
from scgsr.nn._penalty import ON_ACTIVATIONS


@pytest.fixture
def activations():
    return torch.randn(200, 12, generator=torch.Generator().manual_seed(1)).clamp_min(0)


def make_layer(in_features, graph, **settings):
    with seeded_init(0):
        return nn.StructuredLayer(in_features, graph, **settings)


def weighted_graph(n=12, seed=0):
    weights = np.random.default_rng(seed).uniform(size=(n, n)) * (
        np.random.default_rng(seed + 1).uniform(size=(n, n)) < 0.3
    )
    return graphs.from_adjacency(np.triu(weights, 1) + np.triu(weights, 1).T)


def edge_mean(matrix, graph):
    weights = graph.adjacency.toarray()
    return (weights * matrix).sum() / weights.sum()


def pictures(activations):
    norm = np.linalg.norm(activations.numpy(), axis=1, keepdims=True)
    return activations.numpy() / (norm + 0.1 * norm.mean())


def test_correlation_penalty_is_the_mean_over_edges_of_one_minus_the_correlation(activations):
    graph = weighted_graph()
    expected = 1 - edge_mean(np.corrcoef(pictures(activations), rowvar=False), graph)
    assert float(nn.GraphSpectralPenalty(graph)(activations)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("factor", [1e-6, 0.1, 300])
def test_correlation_penalty_cannot_be_lowered_by_scale(activations, factor):
    graph = weighted_graph()
    before, after = (float(nn.GraphSpectralPenalty(graph)(x)) for x in (activations, factor * activations))
    assert after == pytest.approx(before, abs=1e-4)


def test_correlation_penalty_cannot_be_bought_by_a_few_bright_cells(activations):
    # Two cells of 200 that light everything make every pair of neurons correlate, but they are only two cells.
    bright = activations.clone()
    bright[:2] = 100
    assert np.corrcoef(bright.numpy(), rowvar=False).min() > 0.9
    penalty = nn.GraphSpectralPenalty(graphs.ring(12))
    assert float(penalty(bright)) > 0.9 * float(penalty(activations))


@pytest.mark.parametrize("laplacian", ["combinatorial", "symmetric"])
def test_quadratic_and_rayleigh_are_the_written_formulas(activations, laplacian):
    graph = weighted_graph()
    L, x = graph.laplacian(laplacian).toarray(), activations.double().numpy()
    energy = np.einsum("ci,ij,cj->c", x, L, x)
    quadratic = nn.GraphSpectralPenalty(graph, penalty="quadratic", laplacian=laplacian)
    rayleigh = nn.GraphSpectralPenalty(graph, penalty="rayleigh", laplacian=laplacian)
    assert float(quadratic(activations)) == pytest.approx(energy.mean(), rel=1e-4)
    assert float(rayleigh(activations)) == pytest.approx((energy / (x**2).sum(axis=1)).mean(), rel=1e-4)


def test_symmetric_correlation_penalty_weighs_edges_by_degree(activations):
    graph = weighted_graph()
    L, corr = graph.laplacian("symmetric").toarray(), np.corrcoef(pictures(activations), rowvar=False)
    expected = (L * corr).sum() / np.trace(L)
    got = nn.GraphSpectralPenalty(graph, laplacian="symmetric")(activations)
    assert float(got) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("penalty", ON_ACTIVATIONS)
def test_permuting_neurons_and_graph_leaves_the_penalty(activations, penalty):
    graph, order = weighted_graph(), np.random.default_rng(3).permutation(12)
    one = nn.GraphSpectralPenalty(graph, penalty=penalty)(activations)
    other = nn.GraphSpectralPenalty(graph.permuted(order), penalty=penalty)(activations[:, order.copy()])
    assert float(one) == pytest.approx(float(other), rel=1e-5)


@pytest.mark.parametrize("penalty", ON_ACTIVATIONS)
def test_a_graph_without_edges_costs_nothing(activations, penalty):
    empty = graphs.from_adjacency(np.zeros((12, 12)))
    assert float(nn.GraphSpectralPenalty(empty, penalty=penalty)(activations)) == 0


@pytest.mark.parametrize("penalty", ON_ACTIVATIONS)
def test_silent_and_rare_neurons_give_finite_values_and_gradients(activations, penalty):
    module = nn.GraphSpectralPenalty(graphs.ring(12), penalty=penalty)
    module(activations)  # the running variances have seen every neuron fire
    batch = activations.clone()
    batch[:, :4] = 0
    batch[1:, 4] = 0
    batch[3] = 0  # and a cell that lights nothing
    batch.requires_grad_()
    value = module(batch)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(batch.grad).all()


def test_a_neuron_rare_in_one_batch_is_scaled_by_its_usual_spread(activations):
    rare = activations.clone()
    rare[:, 0] = 0
    rare[0, 0] = 1e-3
    seen, fresh = nn.GraphSpectralPenalty(graphs.ring(12)), nn.GraphSpectralPenalty(graphs.ring(12))
    for _ in range(5):
        seen(activations)

    def steepest(module):
        x = rare.clone().requires_grad_()
        module(x).backward()
        return float(x.grad[:, 0].abs().max())

    assert steepest(seen) < steepest(fresh) / 100


def test_gradient_agrees_with_finite_differences():
    x = torch.rand(9, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    module = nn.GraphSpectralPenalty(graphs.ring(5)).double().eval()
    assert torch.autograd.gradcheck(module, (x,))


@pytest.mark.parametrize(
    "graph", [graphs.ring(12), graphs.ring(40), graphs.modules(2, 6)], ids=lambda graph: graph.name
)
def test_gradient_with_usual_spreads_agrees_with_the_record_of_the_operations(graph):
    n = graph.n_neurons
    first, second = (
        torch.rand(2, 30, n, generator=torch.Generator().manual_seed(0), dtype=torch.float64).sub(0.4).relu()
    )
    second[:, : n // 2] *= torch.linspace(0, 1, n // 2)  # some are rarer than usual, the first is silent
    module = nn.GraphSpectralPenalty(graph).double()
    module(first)
    x = second.clone().requires_grad_()
    value = module(x)
    value.backward()
    usual = module.running_var

    plain = second.clone().requires_grad_()
    norm = torch.linalg.vector_norm(plain, dim=1, keepdim=True)
    pictures = plain / (norm + 0.1 * norm.mean())
    centred = pictures - pictures.mean(dim=0)
    var = centred.square().mean(dim=0)
    scaled = centred * torch.maximum(var, usual).rsqrt()
    weights = torch.as_tensor(graph.adjacency.toarray())
    expected = 1 - (weights * (scaled.T @ scaled / 30)).sum() / weights.sum()
    expected.backward()
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(x.grad, plain.grad)
    assert (var < usual).any()
    assert (var > usual).any()


@pytest.mark.parametrize("penalty", ON_ACTIVATIONS)
@pytest.mark.parametrize("graph", [graphs.ring(40), graphs.modules(2, 6)], ids=lambda g: g.name)
def test_activations_in_another_precision(graph, penalty):
    module = nn.GraphSpectralPenalty(graph, penalty=penalty).eval()
    x = torch.rand(20, graph.n_neurons, generator=torch.Generator().manual_seed(0))
    expected = module(x)
    for other in (x.bfloat16(), x.double()):
        other.requires_grad_()
        for autocast in (False, True):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
                value = module(other)
            value.backward()
            torch.testing.assert_close(value, expected, rtol=0.02, atol=0)
            assert other.grad.dtype == other.dtype


def test_a_penalty_can_be_copied_and_moved():
    x = torch.rand(9, 40, generator=torch.Generator().manual_seed(0))
    module = nn.GraphSpectralPenalty(graphs.ring(40)).eval()
    value = module(x)  # the sparse Laplacian is there now
    assert torch.equal(copy.deepcopy(module)(x), value)
    torch.testing.assert_close(module.double()(x.double()).float(), value)
    module.float().set_graph(graphs.path(40))
    torch.testing.assert_close(module(x), nn.GraphSpectralPenalty(graphs.path(40)).eval()(x))


def test_random_walk_is_refused_with_the_reason():
    with pytest.raises(ValueError, match="unbounded below"):
        nn.GraphSpectralPenalty(graphs.ring(5), laplacian="random_walk")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"penalty": "cosine"}, ValueError),
        ({"laplacian": "normalized"}, ValueError),
        ({"penalty": 1}, TypeError),
        ({"momentum": 0}, ValueError),
    ],
)
def test_penalty_refuses_bad_arguments(arguments, error):
    with pytest.raises(error, match=f"`{next(iter(arguments))}`"):
        nn.GraphSpectralPenalty(graphs.ring(5), **arguments)


def test_selective_neurons_are_standardised_before_the_threshold():
    layer = make_layer(6, graphs.ring(8), threshold=0.7, diffusion=0)
    hidden = 100 + 50 * torch.randn(500, 6, generator=torch.Generator().manual_seed(0))
    pre = layer.linear(hidden)
    standard = (pre - pre.mean(dim=0)) / pre.std(dim=0, correction=0)
    torch.testing.assert_close(layer(hidden), torch.relu(standard - 0.7), rtol=1e-3, atol=1e-3)


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
def test_diffusion_lights_the_neighbours_and_nothing_else(diffusion):
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


def test_a_graph_of_another_size_is_refused():
    for part in (make_layer(3, graphs.ring(5)), nn.GraphSpectralPenalty(graphs.ring(5))):
        with pytest.raises(ValueError, match="`graph` must have 5 neurons"):
            part.set_graph(graphs.ring(7))
