"""The start: neurons laid out over the cells as in a self-organising map."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from scgsr import graphs
from scgsr._model import Autoencoder, AutoencoderConfig
from scgsr._train import _start
from scgsr._values import Batches


def network(graph, n_features):
    config = AutoencoderConfig(n_features=n_features, hidden=(64,), threshold=0.5, noise=0.0, diffusion=0)
    return Autoencoder.initialised(config, graph, 0)


def test_a_ring_goes_once_round_a_circle():
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 800)
    points = np.column_stack([np.cos(angle), np.sin(angle), np.zeros(800)])
    units = _start.prototypes(points - points.mean(axis=0), graphs.ring(20))
    phase = np.unwrap(np.arctan2(units[:, 1], units[:, 0]))
    assert abs(spearmanr(phase, np.arange(20))[0]) > 0.99
    assert abs(phase[-1] - phase[0]) == pytest.approx(2 * np.pi * 19 / 20, abs=0.5)


def test_a_path_follows_a_bent_line():
    position = np.random.default_rng(0).uniform(0, 1, 800)
    points = np.exp(-((position[:, None] - np.linspace(0, 1, 30)) ** 2) / 0.02)
    points = points - points.mean(axis=0)
    units = _start.prototypes(points, graphs.path(10))
    nearest = ((points[:, None] - units) ** 2).sum(axis=2).argmin(axis=1)
    assert abs(spearmanr(nearest, position)[0]) > 0.98


@pytest.mark.parametrize(
    "graph",
    [graphs.grid(5, 6), graphs.star(9), graphs.tree(3), graphs.disjoint(graphs.ring(5), graphs.path(4)),
     graphs.modules(4, 3), graphs.from_adjacency(np.diag([1.0, 0, 1], 1) + np.diag([1.0, 0, 1], -1))],
    ids=lambda graph: graph.name,
)  # fmt: skip
@pytest.mark.parametrize("n_features", [1, 2, 12])
def test_every_neuron_responds_on_any_graph(graph, n_features):
    features = torch.as_tensor(np.random.default_rng(0).normal(size=(300, n_features)), dtype=torch.float32)
    model = network(graph, n_features)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    _start.organise(model, graph, features)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"layer.linear.weight"}
    responses = model.layer.linear(model.encoder(features)).detach().numpy()
    assert np.isfinite(responses).all()
    assert (responses.std(axis=0) > 1e-3).all()


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("hidden", [(), (64,)])
def test_neurons_start_without_a_view_of_batches(ordered, hidden):
    rng = np.random.default_rng(0)
    codes, moved = rng.integers(0, 2, 1200), rng.normal(0, 2, 12)
    values = (rng.normal(size=(1200, 12)) * np.geomspace(3, 1, 12) + codes[:, None] * moved).astype(np.float32)
    graph = graphs.grid(5, 6)

    def of_batch(told):
        """Share of the variance of the neurons' responses that lies between batches."""
        names = ("a", "b") if told else ()
        config = AutoencoderConfig(n_features=12, hidden=hidden, threshold=0.5, noise=0.0, diffusion=0, origins=names)
        model = Autoencoder.initialised(config, graph, 0)
        moments = np.zeros(12), np.ones(12)
        part = Batches(values, *moments, torch.device("cpu"), codes if told else None).part(np.arange(1200))
        _start.begin(model, graph, part, ordered=ordered, rng=np.random.default_rng(0))
        responses = model.layer.linear(model.encoder(torch.from_numpy(values))).detach().numpy()
        means = np.stack([responses[codes == code].mean(axis=0) for code in (0, 1)])
        if told:
            shift = (model.shift[1] - model.shift[0]).detach().numpy()
            assert np.linalg.norm(shift - moved) < 0.4 * np.linalg.norm(moved)
        return (((means - responses.mean(axis=0)) ** 2).mean(axis=0) / responses.var(axis=0)).mean()

    assert of_batch(told=True) < 0.25 * of_batch(told=False)


def test_only_some_directions_are_turned_away():
    weight, shift = (
        torch.randn(7, 8, generator=torch.Generator().manual_seed(0)),
        torch.eye(6, 8) * torch.arange(6, 0, -1)[:, None],
    )
    before = weight.clone()
    _start._turn_away(weight, shift)
    assert np.linalg.matrix_rank((weight - before).numpy(), tol=1e-4) == 2  # a quarter of eight
    _start._turn_away(same := before.clone(), torch.zeros(3, 8))
    assert torch.equal(same, before)


def test_neighbours_start_alike():
    features = torch.as_tensor(np.random.default_rng(0).normal(size=(500, 8)), dtype=torch.float32)
    graph = graphs.grid(6, 6)
    model = network(graph, 8)

    def agreement():
        with torch.no_grad():
            correlation = np.corrcoef(model.layer.linear(model.encoder(features)).numpy().T)
        rows, columns = graph.adjacency.nonzero()
        return correlation[rows, columns].mean()

    before = agreement()
    _start.organise(model, graph, features)
    assert agreement() > before + 0.4
