"""The penalty as a part of any network: its running spreads, its precision, what it refuses."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from scgsr import graphs, nn
from scgsr.nn._penalty import ON_ACTIVATIONS

TORUS = graphs.grid(3, 4, periodic=True)  # with repeated frequencies


@pytest.fixture
def activations():
    return torch.randn(200, 12, generator=torch.Generator().manual_seed(1)).clamp_min(0)


def normal(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


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
    batch[3] = 0  # and a cell that activates nothing
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


def test_one_batch_with_an_infinity_does_not_stay():
    penalty, x = nn.GraphSpectralPenalty(TORUS), normal(50, 12)
    penalty(x)
    spoiled = x.clone()
    spoiled[0, 0] = torch.inf
    assert not torch.isfinite(penalty(spoiled))
    assert torch.isfinite(penalty(x))


def test_second_derivatives_are_refused():
    x = normal(8, 12).requires_grad_()
    with pytest.raises(RuntimeError, match="no second derivatives"):
        torch.autograd.grad(nn.GraphSpectralPenalty(TORUS)(x), x, create_graph=True)


@pytest.mark.parametrize("penalty", ["correlation", "spectrum", "weight"])
def test_a_new_graph_keeps_the_precision(penalty):
    module = nn.GraphSpectralPenalty(TORUS, penalty=penalty).double()
    module.set_graph(graphs.path(12))
    x = normal(12, 12, dtype=torch.float64)
    assert module(x).dtype == torch.float64
    expected = nn.GraphSpectralPenalty(graphs.path(12), penalty=penalty).double()(x)
    torch.testing.assert_close(module(x), expected)


@pytest.mark.parametrize(
    ("penalty", "shape", "shown"),
    [
        ("correlation", (8, 5), r"\(batch, 12\)"),
        ("quadratic", (8, 12, 3), r"\(batch, 12\)"),
        ("quadratic", (12,), r"\(batch, 12\)"),
        ("quadratic", (0, 12), r"\(batch, 12\)"),
        ("weight", (12,), r"\(12, in_features\)"),
        ("weight", (5, 8), r"\(12, in_features\)"),
    ],
)
def test_values_of_another_shape_are_refused(penalty, shape, shown):
    with pytest.raises(ValueError, match=shown):
        nn.GraphSpectralPenalty(TORUS, penalty=penalty)(torch.zeros(shape))


def test_an_output_that_is_no_tensor_names_the_cure():
    with pytest.raises(TypeError, match=r"got tuple; choose it .* `watch"):
        nn.GraphSpectralPenalty(TORUS)((normal(5, 12), normal(5, 12)))


def test_the_penalty_goes_where_the_activations_are(monkeypatch):
    penalty, asked = nn.GraphSpectralPenalty(TORUS), []
    monkeypatch.setattr(penalty, "to", asked.append)
    penalty(normal(8, 12))
    assert asked == []
    with pytest.raises(RuntimeError):  # nothing is computed there
        penalty(normal(8, 12).to("meta"))
    assert asked == [torch.device("meta")]
