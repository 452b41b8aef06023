"""The gradient of a step, against autograd on the same network."""

from __future__ import annotations

import pytest
import torch

from scgsr import graphs
from scgsr._model import Autoencoder, AutoencoderConfig
from scgsr._train._backprop import DenseLayers, Gradient
from scgsr._train._losses import squared_error
from scgsr._train._regularizer import PENALTIES, Regularizer
from scgsr.nn import FixedNoise

GRAPH = graphs.grid(3, 4)


def parts(*, hidden=(16,), threshold=0.5, noise=0.25, diffusion=0, atoms=None, penalty="correlation", graph=GRAPH):
    config = AutoencoderConfig(7, hidden, threshold, noise, diffusion, atoms)
    penalties = {penalty: 1.0} if isinstance(penalty, str) else penalty
    return Autoencoder.initialised(config, graph, 0).train(), Regularizer(graph, penalties, "combinatorial")


def cells(n, seed=0):
    return torch.randn(n, 7, generator=torch.Generator().manual_seed(seed))


def noise():
    return torch.Generator().manual_seed(1)


def formula(name, penalty, activations, weight):
    """A penalty with what torch records: the graph-spectral ones by call, the others written out here."""
    if name in ("weight", "weight_cosine"):
        return penalty.spectral[name](weight)
    plain = {
        "l1": lambda x: x.abs().sum(dim=1).mean(),
        "l2": lambda x: (x * x).sum(dim=1).mean(),
        "batch_mean": lambda x: (x.mean(dim=0) ** 2).sum(),
    }
    return plain[name](activations) if name in plain else penalty.spectral[name](activations)


def by_autograd(network, penalty, features, smoothness):
    """Reconstruction, penalty and the gradients of all weights, from the record of the operations."""
    network.zero_grad()
    activations = network.encode(features)
    # The noise is given: its size must not be what learns.
    seen = activations + (network.noisy(activations, noise()) - activations).detach()
    reconstruction, smooth = squared_error(features, network.decode(seen)), 0
    for name, factor in penalty.factors.items():
        smooth = smooth + factor * formula(name, penalty, activations, network.layer.linear.weight)
    (reconstruction + smoothness * smooth).backward()
    return reconstruction, smooth, [parameter.grad for parameter in network.parameters()]


@pytest.mark.parametrize("penalty", [*PENALTIES, {"quadratic": 0.5, "l1": 2.0, "weight": 0.1}], ids=str)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"hidden": (16, 9)},
        {"hidden": ()},
        {"threshold": None},
        {"threshold": None, "noise": 0.0, "hidden": (5, 5)},
        {"diffusion": 2},
        {"noise": 0.0},
        {"noise": FixedNoise(0.5)},
        {"atoms": graphs.Atoms()},
        {"graph": graphs.from_adjacency(torch.zeros(12, 12).numpy())},
        {"graph": graphs.modules(3, 4)},
    ],
    ids=str,
)
def test_gradients_are_those_of_autograd(settings, penalty):
    network, smooth = parts(**settings, penalty=penalty)
    gradient = Gradient(network, smooth, 40, None)
    for n_cells, seed in ((40, 0), (33, 1)):  # the second batch leaves memory of the first unused
        loss = gradient.of(cells(n_cells, seed), 0.3, noise())
        got = [parameter.grad.clone() for parameter in network.parameters()]
    # Running moments do not change the gradient in training, but those of the penalty do.
    other, plain = parts(**settings, penalty=penalty)
    by_autograd(other, plain, cells(40), 0.3)
    error, penalty_value, expected = by_autograd(other, plain, cells(33, 1), 0.3)
    torch.testing.assert_close(loss.reconstruction, error.detach())
    torch.testing.assert_close(loss.penalty, penalty_value.detach())
    assert not loss.penalty.requires_grad
    for one, two in zip(got, expected, strict=True):
        # A nearly silent cell makes Rayleigh's quotient steep: there rounding shows.
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-4 * float(two.abs().max()))
    torch.testing.assert_close(network.state_dict(), other.state_dict())


def test_memory_is_taken_once():
    network, penalty = parts()
    gradient = Gradient(network, penalty, 40, None)
    places = []
    for n_cells in (40, 39):
        gradient.of(cells(n_cells), 0.3, noise())
        stacks = (gradient.encoder, gradient.decoder)
        layers = [layer for stack in stacks for layer in stack.layers]
        places.append([place.data_ptr() for layer in layers for place in (layer.outputs, layer.row_gradients)])
        places[-1] += [parameter.grad.data_ptr() for parameter in network.parameters()]
    assert places[0] == places[1]


def test_features_stay_as_they_are():
    network, penalty = parts()
    features = cells(40)
    Gradient(network, penalty, 40, None).of(features, 0.3, noise())
    assert torch.equal(features, cells(40))


def test_in_bfloat16_the_gradient_is_nearly_the_same_and_the_weights_stay_float32():
    network, penalty = parts(noise=0.0)
    _, _, expected = by_autograd(*parts(noise=0.0), cells(40), 0.3)
    Gradient(network, penalty, 40, "bf16").of(cells(40), 0.3, noise())
    for parameter, gradient in zip(network.parameters(), expected, strict=True):
        assert parameter.dtype == parameter.grad.dtype == torch.float32
        assert not torch.equal(parameter.grad, gradient)
        assert torch.nn.functional.cosine_similarity(parameter.grad.flatten(), gradient.flatten(), dim=0) > 0.99


def test_a_changed_weight_is_seen():
    linear = parts(hidden=())[0].output  # 12 -> 7
    for low in (False, True):
        stack = DenseLayers([linear], 4, low=low)
        with torch.no_grad():
            linear.weight.zero_()
            linear.bias.fill_(2)
            assert torch.equal(stack.forward(torch.ones(4, 12)), torch.full((4, 7), 2.0))
            linear.weight.fill_(1)
            assert torch.equal(stack.forward(torch.ones(4, 12)), torch.full((4, 7), 14.0))
