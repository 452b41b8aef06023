"""Terms of the objective that need no graph."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scgsr._train._losses import WITHOUT_GRAPH, batch_mean, squared_error


@pytest.fixture
def features():
    return torch.randn(64, 6, generator=torch.Generator().manual_seed(0))


def test_losses_are_their_formulas(features):
    error = squared_error(features, torch.zeros_like(features))
    assert error.item() == pytest.approx(float((features**2).mean()))


def test_what_costs_without_a_graph_is_as_written():
    x = torch.randn(50, 12, generator=torch.Generator().manual_seed(0))
    values = x.double().numpy()
    written = {
        "l1": np.abs(values).sum(axis=1).mean(),
        "l2": (values**2).sum(axis=1).mean(),
        "batch_mean": (values.mean(axis=0) ** 2).sum(),
    }
    assert written.keys() == WITHOUT_GRAPH.keys()
    for name, expected in written.items():
        assert float(WITHOUT_GRAPH[name](x)) == pytest.approx(expected, rel=1e-5)


def test_the_squared_error_of_standardised_features_is_what_is_not_explained(features):
    scaled = (features - features.mean(dim=0)) / features.std(dim=0, correction=0)
    assert float(squared_error(scaled, torch.zeros_like(scaled))) == pytest.approx(1, rel=1e-5)  # R2 = 0
    assert float(squared_error(scaled, scaled)) == 0  # R2 = 1
    assert float(squared_error(scaled, 0.5 * scaled)) == pytest.approx(0.25, rel=1e-5)


@pytest.mark.parametrize("name", WITHOUT_GRAPH)
def test_the_order_of_neurons_plays_no_part_and_silence_costs_nothing(name, features):
    order = torch.randperm(6, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(WITHOUT_GRAPH[name](features[:, order]), WITHOUT_GRAPH[name](features))
    assert float(WITHOUT_GRAPH[name](torch.zeros(5, 6))) == 0


def test_a_neuron_on_in_all_cells_costs_more_than_one_that_is_on_in_a_few():
    always, seldom = torch.ones(100, 1), torch.zeros(100, 1)
    seldom[:10] = 10  # as much in all
    assert float(batch_mean(always)) == pytest.approx(float(batch_mean(seldom)))
    assert float(WITHOUT_GRAPH["l2"](always)) < float(WITHOUT_GRAPH["l2"](seldom))
    spread = torch.eye(100)  # 100 neurons, each on in one cell
    assert float(batch_mean(spread)) < 0.02 * float(batch_mean(torch.full((100, 100), 0.1)))
