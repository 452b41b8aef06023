"""One step of training: its gradient, its precision, and that nothing of it needs the host."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scgsr import graphs
from scgsr._model import Autoencoder, AutoencoderConfig
from scgsr._train._config import TrainConfig
from scgsr._train._regularizer import PENALTIES, Regularizer
from scgsr._train._step import Stepper
from scgsr._values import Minibatch
from scgsr.nn import Decay, FixedNoise

GRAPH = graphs.grid(3, 4)


def config(**settings):
    defaults = {
        "smoothness": 0.3,
        "start": "random",
        "anneal": 1.0,
        "penalty": "correlation",
        "laplacian": "combinatorial",
        "balance": 0.0,
        "n_epochs": 1,
        "batch_size": 40,
        "learning_rate": Decay(1e-2),
        "validation_fraction": 0.0,
        "early_stopping": False,
        "precision": None,
    }
    return TrainConfig(**{**defaults, **settings})


def stepper(*, graph=GRAPH, penalty="correlation", precision=None, device="cpu", laplacian="combinatorial", **network):
    settings = {"n_features": 7, "hidden": (16,), "threshold": 0.5, "noise": 0.25, "diffusion": 0, **network}
    penalties = {penalty: 1.0} if isinstance(penalty, str) else penalty
    model = Autoencoder.initialised(AutoencoderConfig(**settings), graph, 0).train().to(device)
    if model.front is not None and device == "cpu":
        model.front.learn(cells(40), seed=0)
    regularizer = Regularizer(graph, penalties, laplacian).to(device)
    return Stepper(model, regularizer, config(penalty=penalty, precision=precision, laplacian=laplacian), 100)


def cells(n, seed=0):
    return torch.randn(n, 7, generator=torch.Generator().manual_seed(seed))


def noise():
    return torch.Generator().manual_seed(1)


SETTINGS = [
    {},
    {"hidden": (16, 9)},
    {"hidden": ()},
    {"threshold": None},
    {"threshold": None, "noise": 0.0, "hidden": (5, 5)},
    {"diffusion": 2},
    {"noise": FixedNoise(0.5)},
    {"atoms": graphs.Atoms()},
    {"graph": graphs.from_adjacency(np.zeros((12, 12)))},
    {"graph": graphs.modules(3, 4)},
    {"graph": graphs.star(12), "laplacian": "symmetric"},
    {"n_components": 4},
]
ALL_PENALTIES = [*PENALTIES, {"quadratic": 0.5, "l1": 2.0, "weight": 0.1}]


@pytest.mark.parametrize("penalty", ALL_PENALTIES, ids=str)
def test_the_gradient_is_the_derivative_of_reconstruction_plus_smoothness_times_penalty(penalty):
    """By finite differences of the losses in float64, along random directions of all weights."""
    step = stepper(penalty=penalty, threshold=None)  # no kinks but those of the leaky ReLU
    step.network.double()
    step.regularizer.double().eval()  # running variances stay
    features, weights = cells(40).double(), list(step.network.parameters())

    def objective():
        with torch.no_grad():
            inputs = step.network.layer.linear(step.network.hidden(features))
            activations = step.network.layer.respond(inputs)
            reconstruction = step.network.decode(activations + fixed_noise)
            smooth = step.regularizer(activations, step.network.layer.linear.weight)
            return float(((features - reconstruction) ** 2).mean() + 0.3 * smooth)

    with torch.no_grad():
        activations = step.network.encode(features)
        fixed_noise = step.network.noisy(activations, step.network.noise(40, noise())) - activations
    step.network.zero_grad()
    error, smooth = losses_in_double(step, features)
    (error + 0.3 * smooth).backward()
    rng = torch.Generator().manual_seed(3)
    for _ in range(3):
        directions = [torch.randn(weight.shape, generator=rng, dtype=torch.float64) for weight in weights]
        slope = sum(float((weight.grad * d).sum()) for weight, d in zip(weights, directions, strict=True))
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                for weight, direction in zip(weights, directions, strict=True):
                    weight.add_(direction, alpha=sign * 1e-6)
            values.append(objective())
            with torch.no_grad():
                for weight, direction in zip(weights, directions, strict=True):
                    weight.sub_(direction, alpha=sign * 1e-6)
        assert slope == pytest.approx((values[0] - values[1]) / 2e-6, rel=1e-3, abs=1e-5)


def losses_in_double(step, features):
    """The losses of a step without the rounding to float32."""
    network, layer = step.network, step.network.layer
    activations = layer.respond(layer.linear(network.hidden(features)))
    smooth = step.regularizer(activations, layer.linear.weight)
    seen = network.noisy(activations, network.noise(len(features), noise()))
    return ((features - network.decode(seen)) ** 2).mean(), smooth


@pytest.mark.parametrize("penalty", ALL_PENALTIES, ids=str)
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_steps_lower_the_objective_on_a_batch(settings, penalty):
    step = stepper(**settings, penalty=penalty)
    features = cells(40)
    objectives = [step.step(Minibatch(features), noise()) @ torch.tensor([1.0, 0.3]) for _ in range(40)]
    assert objectives[-1] < objectives[0]
    assert step.n_done == 40
    assert not objectives[0].requires_grad


@pytest.mark.parametrize("penalty", ["correlation", {"quadratic": 0.5, "l1": 2.0, "weight": 0.1}], ids=str)
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_step_has_the_bits_of_the_same_step_written_out(settings, penalty):
    """With the objective as one sum, and the smoothness as a number: how a step is carried out changes no bit."""
    found, expected = (stepper(**settings, penalty=penalty) for _ in range(2))
    network, rngs, features = expected.network, (noise(), noise()), cells(40)
    for n_done in range(10):
        losses = found.step(Minibatch(features), rngs[0])
        expected.optimiser.zero_grad()
        inputs = network.inputs(features)
        activations = network.layer.respond(network.layer.linear(network.encoder(inputs)))
        smooth = expected.regularizer(activations, network.layer.linear.weight)
        outputs = network.outputs(network.noisy(activations, network.noise(40, rngs[1])))
        error = torch.nn.functional.mse_loss(outputs, inputs)
        if network.front is not None:
            error = error + (features.square().mean(dim=1).mean() - inputs.square().mean(dim=1).mean())
        torch.add(error, smooth, alpha=expected.config.smoothness_at(n_done, 100)).backward()
        expected.optimiser.step()
        expected.schedule.step()
        assert [float(value) for value in losses] == [float(error.detach()), float(smooth.detach())]
    for one, other in zip(found.network.parameters(), network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_step_that_is_too_large_for_the_device_says_what_to_try(monkeypatch):
    def out_of_memory(*_):
        msg = "CUDA out of memory. Tried to allocate 20.00 GiB"
        raise torch.OutOfMemoryError(msg)

    step = stepper()
    monkeypatch.setattr(step.network.encoder, "forward", out_of_memory)
    with pytest.raises(
        MemoryError, match=r"^`batch_size`: a step on 40 cells .* cpu has; try `batch_size`=20, or give"
    ):
        step.step(Minibatch(cells(40)), noise())
    with pytest.raises(MemoryError, match=r"a step on 3 cells .* has; give `device`='cpu'"):
        step.step(Minibatch(cells(3)), noise())


def test_features_stay_as_they_are():
    step, features = stepper(), cells(40)
    step.step(Minibatch(features), noise())
    assert torch.equal(features, cells(40))


def test_a_step_follows_the_gradient_of_its_own_batch_alone():
    """Gradients of the batch before are forgotten."""
    one, two = stepper(noise=0.0), stepper(noise=0.0)
    two.step(Minibatch(cells(40, seed=5)), noise())
    two.network.load_state_dict(one.network.state_dict())
    two.regularizer.load_state_dict(one.regularizer.state_dict())
    for each in (one, two):
        each.step(Minibatch(cells(40)), noise())
    for parameter, other in zip(one.network.parameters(), two.network.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, other.grad)


def test_in_bfloat16_the_gradient_is_nearly_the_same_and_the_weights_stay_float32():
    exact, rounded = (stepper(noise=0.0, precision=precision) for precision in (None, "bf16"))
    for some in (exact, rounded):
        some.step(Minibatch(cells(40)), noise())
    for parameter, expected in zip(rounded.network.parameters(), exact.network.parameters(), strict=True):
        assert parameter.dtype == parameter.grad.dtype == torch.float32
        assert not torch.equal(parameter.grad, expected.grad)
        assert torch.nn.functional.cosine_similarity(parameter.grad.flatten(), expected.grad.flatten(), dim=0) > 0.99


@pytest.mark.parametrize("precision", [None, "bf16"])
@pytest.mark.parametrize("penalty", ALL_PENALTIES, ids=str)
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_a_step_never_touches_the_host(settings, penalty, precision):
    """Tensors on torch's `meta` device have no values: whatever reads one back, or needs it on the host, fails."""
    step = stepper(**settings, penalty=penalty, precision=precision, device="meta")
    features = torch.empty(40, 7, device="meta")
    for _ in range(2):
        losses = step.step(Minibatch(features), torch.Generator())
    assert losses.device.type == "meta"
    assert {parameter.grad.device.type for parameter in step.network.parameters()} == {"meta"}


def test_a_value_that_is_read_back_is_noticed():
    """The test above can fail: a step that looks at its loss does."""
    step = stepper(device="meta")
    losses = step.step(Minibatch(torch.empty(40, 7, device="meta")), torch.Generator())
    with pytest.raises(RuntimeError, match="meta"):
        float(losses[0])
