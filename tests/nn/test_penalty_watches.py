"""The penalty on other people's networks: it watches a module and changes nothing about it."""

from __future__ import annotations

import copy
import io
import random

import numpy as np
import pytest
import torch
from _fits import seeded_init
from sklearn.datasets import load_digits

from scgsr import graphs, nn


def normal(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def classifier(in_features=4, n_classes=3, width=16):
    with seeded_init(0):
        return torch.nn.Sequential(
            torch.nn.Linear(in_features, width), torch.nn.ReLU(), torch.nn.Linear(width, n_classes)
        )


def test_a_watched_module_leaves_its_penalty_and_stays_as_it_is():
    model, penalty = classifier(), nn.GraphSpectralPenalty(graphs.grid(4)).eval()
    x = normal(32, 4)
    before, names = model(x), list(model.state_dict())
    handle = penalty.watch(model.eval()[1])
    torch.testing.assert_close(model(x), before)
    assert list(model.state_dict()) == names
    torch.testing.assert_close(penalty.value, penalty(model[:2](x)))
    penalty.value.backward()
    assert model[0].weight.grad.abs().sum() > 0
    handle.remove()
    seen = penalty.value
    model(2 * x)
    assert penalty.value is seen


def test_weights_are_watched_as_outputs_are():
    model, penalty = classifier(), nn.GraphSpectralPenalty(graphs.grid(4), penalty="weight_cosine")
    penalty.watch(model[0])
    model(normal(8, 4))
    torch.testing.assert_close(penalty.value, penalty(model[0].weight))


def test_one_module_is_watched_at_a_time():
    model, penalty = classifier(), nn.GraphSpectralPenalty(graphs.grid(4), penalty="quadratic")
    penalty.watch(model[0])
    penalty.watch(model[1])
    x = normal(8, 4)
    model(x)
    torch.testing.assert_close(penalty.value, penalty(model[:2](x)))


def test_what_is_penalised_can_be_picked_from_any_output():
    class Encoder(torch.nn.Module):
        def forward(self, x):
            return {"mean": x, "variance": x**2}

    encoder, penalty = Encoder(), nn.GraphSpectralPenalty(graphs.ring(5), penalty="quadratic")
    penalty.watch(encoder, pick=lambda output: output["mean"])
    x = normal(8, 5)
    encoder(x)
    torch.testing.assert_close(penalty.value, penalty(x))


def test_cells_for_testing_do_not_change_what_spread_is_usual():
    model, penalty = classifier(), nn.GraphSpectralPenalty(graphs.grid(4))
    penalty.watch(model[1])
    model(normal(32, 4))
    usual = penalty.running_var.clone()
    model.eval()
    model(100 * normal(32, 4))  # a Sequential passes its mode on
    assert torch.equal(penalty.running_var, usual)
    model.train()
    model(normal(32, 4, seed=1))
    assert not torch.equal(penalty.running_var, usual)


def test_a_watched_network_can_be_copied_and_saved():
    model, penalty = classifier(), nn.GraphSpectralPenalty(graphs.grid(4))
    penalty.watch(model[1])
    x = normal(32, 4)
    before = model(x)
    model_copy, file = copy.deepcopy(model), io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    value = penalty.value
    for other in (model_copy, torch.load(file, weights_only=False)):
        torch.testing.assert_close(other(x), before)
    assert penalty.value is value  # the copies have penalties of their own
    model_copy.load_state_dict(model.state_dict())


def test_a_copy_watches_one_module_too():
    model, penalty = classifier(width=3, n_classes=3), nn.GraphSpectralPenalty(graphs.ring(3), penalty="quadratic")
    penalty.watch(model[2])
    other, watcher = copy.deepcopy((model, penalty))
    watcher.watch(other[1])
    x = normal(8, 4)
    other(x)
    torch.testing.assert_close(watcher.value, watcher(other[:2](x)))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_network_that_was_moved_is_still_watched():
    model, penalty = classifier(), nn.GraphSpectralPenalty(graphs.grid(4))
    penalty.watch(model[1])
    model(normal(32, 4))
    on_cpu = penalty.value.detach()
    model.cuda()(normal(32, 4).cuda())
    torch.testing.assert_close(penalty.value.detach().cpu(), on_cpu, rtol=1e-3, atol=1e-4)


def test_what_cannot_be_watched_is_refused():
    weights = nn.GraphSpectralPenalty(graphs.grid(4), penalty="weight")
    for module in (torch.nn.ReLU(), torch.nn.BatchNorm1d(16)):
        with pytest.raises(ValueError, match="`module` must have a `weight`"):
            weights.watch(module)
    linear = classifier()[0]
    for penalty, pick in ((weights, lambda output: output), (nn.GraphSpectralPenalty(graphs.grid(4)), "mean")):
        with pytest.raises(ValueError, match="`pick`"):
            penalty.watch(linear, pick=pick)


def test_without_a_call_there_is_no_value():
    penalty = nn.GraphSpectralPenalty(graphs.grid(4))
    with pytest.raises(RuntimeError, match="`watch`"):
        _ = penalty.value
    with pytest.raises(TypeError, match="`module`"):
        penalty.watch("layer")


def test_a_sheet_in_a_classifier_of_digits():
    digits = load_digits()
    x = torch.tensor(digits.data / 16, dtype=torch.float32)
    y = torch.tensor(digits.target)
    test = torch.arange(len(y)) % 3 == 0
    graph, scores = graphs.grid(8), {}
    for smoothness in (0.0, 1.0):
        model = classifier(64, 10, 64)
        penalty = nn.GraphSpectralPenalty(graph)
        penalty.watch(model[1])
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
        for _ in range(80):
            optimiser.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(x[~test]), y[~test]) + smoothness * penalty.value
            loss.backward()
            optimiser.step()
        model.eval()
        accuracy = float((model(x[test]).argmax(dim=1) == y[test]).float().mean())
        scores[smoothness] = accuracy, 1 - penalty.value.item()  # the mean correlation of neighbours
    assert scores[0.0][1] < 0.2
    assert scores[1.0][1] > 0.6
    assert scores[1.0][0] > scores[0.0][0] - 0.02 > 0.9


@pytest.fixture
def _borrowed_random_state():
    """Put the global generators back, which other packages draw from."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    yield
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])


@pytest.mark.filterwarnings("ignore")  # of scvi-tools and what it is built on
@pytest.mark.usefixtures("_borrowed_random_state")
def test_on_a_model_of_scvi_tools(cells, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # it leaves folders behind
    scvi = pytest.importorskip("scvi", reason="scvi-tools is not installed")
    counts = cells.copy()
    counts.X = np.random.default_rng(0).poisson(np.exp(np.clip(cells.X, -1, 3))).astype(np.float32)
    scvi.model.SCVI.setup_anndata(counts)
    values = [_trained_scvi(scvi, counts, smoothness) for smoothness in (0.0, 50.0)]
    assert values[1] < 0.5 * values[0]


def _trained_scvi(scvi, counts, smoothness):
    """Train, with the penalty on the means of the latent code; return the penalty of all cells."""
    scvi.settings.seed = 0
    model = scvi.model.SCVI(counts, n_latent=8)
    penalty = nn.GraphSpectralPenalty(graphs.ring(8))
    penalty.watch(model.module.z_encoder.mean_encoder)

    class Plan(scvi.train.TrainingPlan):
        def training_step(self, batch, batch_idx):
            return super().training_step(batch, batch_idx) + smoothness * penalty.value

    model._training_plan_cls = Plan
    model.train(max_epochs=40, accelerator="cpu", enable_progress_bar=False, logger=False, batch_size=120)
    return float(penalty.eval()(torch.tensor(model.get_latent_representation())))
