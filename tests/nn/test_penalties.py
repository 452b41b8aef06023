"""Penalties beyond the activations' smoothness, and penalties on other people's networks."""

from __future__ import annotations

import copy
import io
import logging
import random

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from scgsr import graphs, nn
from scgsr._random import seeded_init
from scgsr.nn._penalty import ON_WEIGHTS

TORUS = graphs.grid(3, 4, periodic=True)  # with repeated frequencies


def normal(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def classifier(in_features=4, n_classes=3, width=16):
    with seeded_init(0):
        return torch.nn.Sequential(
            torch.nn.Linear(in_features, width), torch.nn.ReLU(), torch.nn.Linear(width, n_classes)
        )


# --- The sparse graph spectrum ---------------------------------------------------------------------------------------


def by_projectors(activations, graph, kernel, laplacian="combinatorial"):
    """Sum over eigenspaces of g(lambda) |P x|, each projector from the frequencies that are equal."""
    frequencies, modes = np.linalg.eigh(graph.laplacian(laplacian).toarray())
    total = np.zeros(len(activations))
    for frequency in np.unique(frequencies.round(6)):
        basis = modes[:, np.abs(frequencies - frequency) < 1e-5]
        total += kernel(frequency) * np.linalg.norm(activations.numpy() @ basis @ basis.T, axis=1)
    return total.mean()


@pytest.mark.parametrize("laplacian", ["combinatorial", "symmetric"])
@pytest.mark.parametrize("graph", [TORUS, graphs.star(12), graphs.path(12)], ids=lambda graph: graph.name)
def test_spectrum_is_the_written_sum_over_eigenspaces(graph, laplacian):
    x = normal(50, 12)
    heat = nn.GraphSpectralPenalty(graph, penalty="spectrum", laplacian=laplacian)
    own = nn.GraphSpectralPenalty(graph, penalty="spectrum", laplacian=laplacian, kernel=np.sqrt)
    assert float(heat(x)) == pytest.approx(by_projectors(x, graph, lambda f: np.exp(-f), laplacian), rel=1e-4)
    assert float(own(x)) == pytest.approx(by_projectors(x, graph, lambda f: max(f, 0) ** 0.5, laplacian), rel=1e-4)


def test_spectrum_does_not_depend_on_the_basis_within_an_eigenspace():
    x, order = normal(50, 12), np.random.default_rng(0).permutation(12)
    one = nn.GraphSpectralPenalty(TORUS, penalty="spectrum")(x)
    other = nn.GraphSpectralPenalty(TORUS.permuted(order), penalty="spectrum")(x[:, order.copy()])
    torch.testing.assert_close(one, other)


def test_the_heat_kernel_makes_low_frequencies_dear():
    frequencies, modes = np.linalg.eigh(TORUS.laplacian().toarray())
    penalty = nn.GraphSpectralPenalty(TORUS, penalty="spectrum")
    cost = [float(penalty(torch.tensor(mode[None], dtype=torch.float32))) for mode in modes.T]
    np.testing.assert_allclose(cost, np.exp(-frequencies), rtol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"penalty": "quadratic", "kernel": np.exp}, ValueError),
        ({"penalty": "spectrum", "kernel": 3}, TypeError),
        ({"penalty": "spectrum", "kernel": lambda f: f[1:]}, ValueError),
        ({"penalty": "spectrum", "kernel": lambda f: f - 1}, ValueError),
        ({"penalty": "spectrum", "kernel": lambda f: f + np.nan}, ValueError),
    ],
)
def test_a_kernel_that_makes_no_sense_is_refused(arguments, error):
    with pytest.raises(error, match="`kernel`"):
        nn.GraphSpectralPenalty(TORUS, **arguments)


# --- Weights ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("laplacian", ["combinatorial", "symmetric"])
def test_weight_is_the_trace_and_weight_cosine_the_mean_over_edges(laplacian):
    graph, W = graphs.wishbone(4, 4), normal(12, 7)
    L, size = graph.laplacian(laplacian).toarray(), W.abs().double().numpy()
    trace = nn.GraphSpectralPenalty(graph, penalty="weight", laplacian=laplacian)(W)
    assert float(trace) == pytest.approx(np.trace(size.T @ L @ size), rel=1e-5)
    V = size / np.linalg.norm(size, axis=1, keepdims=True)
    cosine = nn.GraphSpectralPenalty(graph, penalty="weight_cosine", laplacian=laplacian)(W)
    assert float(cosine) == pytest.approx(np.trace(V.T @ L @ V) / np.trace(L), rel=1e-5)
    if laplacian == "combinatorial":
        A = graph.adjacency.toarray()
        assert float(cosine) == pytest.approx((A * (1 - V @ V.T)).sum() / A.sum(), rel=1e-5)


def test_the_size_of_the_weights_buys_nothing_from_the_cosine():
    W, sizes = normal(12, 7), torch.linspace(0.01, 10, 12)[:, None]
    penalty = nn.GraphSpectralPenalty(TORUS, penalty="weight_cosine")
    torch.testing.assert_close(penalty(W * sizes), penalty(W))


@pytest.mark.parametrize("penalty", ON_WEIGHTS)
def test_weights_of_a_convolution_and_of_silent_neurons(penalty):
    module = nn.GraphSpectralPenalty(TORUS, penalty=penalty)
    with seeded_init(0):
        convolution = torch.nn.Conv2d(3, 12, 2)
    with torch.no_grad():
        convolution.weight[:2] = 0
    value = module(convolution.weight)
    value.backward()
    torch.testing.assert_close(value, module(convolution.weight.flatten(1)))
    assert torch.isfinite(convolution.weight.grad).all()


@pytest.mark.parametrize("penalty", ["spectrum", *ON_WEIGHTS])
@pytest.mark.parametrize("graph", [TORUS, graphs.ring(31), graphs.star(12)], ids=lambda graph: graph.name)
def test_gradients_agree_with_finite_differences(penalty, graph):
    n = graph.n_neurons
    values = normal(*((3, n) if penalty == "spectrum" else (n, 3)), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(nn.GraphSpectralPenalty(graph, penalty=penalty).double(), (values,))


# --- The caveat of the symmetric Laplacian ---------------------------------------------------------------------------


def test_the_symmetric_laplacian_is_warned_about_where_it_bites(caplog):
    with caplog.at_level(logging.WARNING, "scgsr"):
        for graph, laplacian in (
            (graphs.ring(12), "symmetric"),
            (graphs.star(12), "combinatorial"),
            (graphs.disjoint(graphs.modules(1, 4), graphs.modules(1, 8)), "symmetric"),  # regular, each by itself
        ):
            nn.GraphSpectralPenalty(graph, laplacian=laplacian)(normal(5, 12))
        assert caplog.text == ""
        faint = graphs.from_adjacency(1e-7 * graphs.path(12).adjacency)
        for graph in (graphs.star(12), faint):
            penalty = nn.GraphSpectralPenalty(graph, laplacian="symmetric")
            for _ in range(3):
                penalty(normal(5, 12))
    assert caplog.text.count("penalises a constant image") == 2  # once for each
    assert "'star' penalises" in caplog.text


# --- Other people's networks -----------------------------------------------------------------------------------------


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


def test_the_penalty_goes_where_the_activations_are(monkeypatch):
    penalty, asked = nn.GraphSpectralPenalty(TORUS), []
    monkeypatch.setattr(penalty, "to", asked.append)
    penalty(normal(8, 12))
    assert asked == []
    with pytest.raises(RuntimeError):  # nothing is computed there
        penalty(normal(8, 12).to("meta"))
    assert asked == [torch.device("meta")]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_network_that_was_moved_is_still_watched():
    model, penalty = classifier(), nn.GraphSpectralPenalty(graphs.grid(4))
    penalty.watch(model[1])
    model(normal(32, 4))
    on_cpu = penalty.value.detach()
    model.cuda()(normal(32, 4).cuda())
    torch.testing.assert_close(penalty.value.detach().cpu(), on_cpu, rtol=1e-3, atol=1e-4)


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


def test_what_cannot_be_watched_is_refused():
    weights = nn.GraphSpectralPenalty(graphs.grid(4), penalty="weight")
    for module in (torch.nn.ReLU(), torch.nn.BatchNorm1d(16)):
        with pytest.raises(ValueError, match="`module` must have a `weight`"):
            weights.watch(module)
    linear = classifier()[0]
    for penalty, pick in ((weights, lambda output: output), (nn.GraphSpectralPenalty(graphs.grid(4)), "mean")):
        with pytest.raises(ValueError, match="`pick`"):
            penalty.watch(linear, pick=pick)


def test_an_output_that_is_no_tensor_names_the_cure():
    with pytest.raises(TypeError, match=r"got tuple; choose it .* `watch"):
        nn.GraphSpectralPenalty(TORUS)((normal(5, 12), normal(5, 12)))


def test_without_a_call_there_is_no_value():
    penalty = nn.GraphSpectralPenalty(graphs.grid(4))
    with pytest.raises(RuntimeError, match="`watch`"):
        _ = penalty.value
    with pytest.raises(TypeError, match="`module`"):
        penalty.watch("layer")


@pytest.mark.parametrize(
    ("penalty", "shape", "wanted"),
    [
        ("correlation", (8, 5), r"\(batch, 12\)"),
        ("quadratic", (8, 12, 3), r"\(batch, 12\)"),
        ("quadratic", (12,), r"\(batch, 12\)"),
        ("quadratic", (0, 12), r"\(batch, 12\)"),
        ("weight", (12,), r"\(12, in_features\)"),
        ("weight", (5, 8), r"\(12, in_features\)"),
    ],
)
def test_values_of_another_shape_are_refused(penalty, shape, wanted):
    with pytest.raises(ValueError, match=wanted):
        nn.GraphSpectralPenalty(TORUS, penalty=penalty)(torch.zeros(shape))


def test_a_sheet_in_a_classifier_of_digits():
    digits = load_digits()
    x = torch.tensor(digits.data / 16, dtype=torch.float32)
    y = torch.tensor(digits.target)
    test = torch.arange(len(y)) % 3 == 0
    graph, found = graphs.grid(8), {}
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
        found[smoothness] = accuracy, 1 - penalty.value.item()  # the mean correlation of neighbours
    assert found[0.0][1] < 0.2
    assert found[1.0][1] > 0.6
    assert found[1.0][0] > found[0.0][0] - 0.02 > 0.9


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
