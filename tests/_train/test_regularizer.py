"""Several penalties as one, and what `fit` makes of them."""

from __future__ import annotations

from dataclasses import replace

import anndata
import numpy as np
import pandas as pd
import pytest
import torch

import scgsr
from scgsr import graphs
from scgsr._train import _start
from scgsr._train._config import TrainConfig
from scgsr._train._regularizer import PENALTIES, Regularizer, factors_of
from scgsr.nn import Decay, FixedNoise, GraphSpectralPenalty

GRAPH = graphs.grid(3, 4)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def value_of(name, x):
    return Regularizer(GRAPH, {name: 1.0}, "combinatorial")(x, normal(12, 6))


def test_what_costs_without_a_graph_is_as_written():
    x = normal(50, 12)
    values = x.double().numpy()
    written = {
        "l1": np.abs(values).sum(axis=1).mean(),
        "l2": (values**2).sum(axis=1).mean(),
        "batch_mean": (values.mean(axis=0) ** 2).sum(),
    }
    for name, expected in written.items():
        assert float(value_of(name, x)) == pytest.approx(expected, rel=1e-5)


def test_the_sum_weighs_each_by_its_factor():
    x, W = normal(50, 12), normal(12, 6)
    both = Regularizer(GRAPH, {"quadratic": 2.0, "l1": 0.5, "weight": 3.0}, "symmetric")
    quadratic = GraphSpectralPenalty(GRAPH, penalty="quadratic", laplacian="symmetric")
    weight = GraphSpectralPenalty(GRAPH, penalty="weight", laplacian="symmetric")
    expected = 2 * quadratic(x) + 0.5 * x.abs().sum(dim=1).mean() + 3 * weight(W)
    torch.testing.assert_close(both(x, W), expected)


@pytest.mark.parametrize(
    ("penalty", "error"),
    [
        ("cosine", ValueError),
        ({}, ValueError),
        ({"l1": -1}, ValueError),
        ({"l1": 0}, ValueError),
        ({"quadratic": 1, "l1": None}, TypeError),
        ({"l1": "much"}, TypeError),
        ({"l3": 1}, ValueError),
        (3, TypeError),
        (["l1", "l2"], TypeError),
    ],
)
def test_a_bad_choice_is_refused(cells, penalty, error):
    with pytest.raises(error, match="`penalty"):
        factors_of(penalty)
    with pytest.raises(error, match="`penalty"):
        scgsr.tl.fit(cells, (3, 4), penalty=penalty)
    assert list(cells.uns) == []


# --- In a fit --------------------------------------------------------------------------------------------------------


def fitted(cells, graph=GRAPH, **arguments):
    scgsr.tl.fit(cells, graph, **{"n_epochs": 4, **arguments})
    return cells.obsm["X_gsr"].copy(), scgsr.get.model(cells).network.state_dict()


def test_without_smoothness_all_penalties_run_the_same_network(cells):
    plain, weights = fitted(cells, smoothness=0)
    for penalty in [*PENALTIES, {"quadratic": 1, "l1": 2}]:
        for nothing in (0, Decay(0)):
            activations, state = fitted(cells, penalty=penalty, smoothness=nothing)
            assert np.array_equal(activations, plain), penalty
            assert all(torch.equal(state[name], weights[name]) for name in weights)
    assert cells.uns["gsr"]["params"]["smoothness"] == 0  # a decay of nothing counts as none


def test_a_penalty_never_changes_the_architecture(cells):
    shapes = {name: value.shape for name, value in fitted(cells, smoothness=0)[1].items()}
    for penalty in PENALTIES:
        state = fitted(cells, penalty=penalty, smoothness=0.1)[1]
        assert {name: value.shape for name, value in state.items()} == shapes


@pytest.mark.parametrize("penalty", PENALTIES)
def test_every_penalty_lowers_what_it_measures(cells, penalty):
    settings = {"penalty": penalty, "n_epochs": 40, "threshold": None, "early_stopping": False}
    ends = []
    for smoothness in (0, 0.3):
        fitted(cells, smoothness=smoothness, **settings)
        ends.append(cells.uns["gsr"]["history"]["validation_penalty"].iloc[-1])
    assert ends[1] < 0.8 * ends[0]


@pytest.mark.filterwarnings("ignore:Writing zarr v2:UserWarning")  # anndata 0.12 tells of a coming default
def test_several_penalties_and_schedules_are_on_record_and_survive_files(cells, tmp_path):
    arguments = {
        "penalty": {"quadratic": 1, "l1": 0.1},
        "smoothness": Decay(0.5, factor=0.5, every=3),
        "learning_rate": Decay(1e-3),
        "noise": FixedNoise(0.3),
    }
    activations, _ = fitted(cells, threshold=None, **arguments)
    assert cells.uns["gsr"]["history"]["learning_rate"].eq(1e-3).all()
    for end in ("h5ad", "zarr"):
        getattr(cells, f"write_{end}")(tmp_path / f"cells.{end}")
        read = getattr(anndata, f"read_{end}")(tmp_path / f"cells.{end}")
        params = read.uns["gsr"]["params"]
        assert dict(params["penalty"]) == {"quadratic": 1.0, "l1": 0.1}
        assert dict(params["smoothness"]) == {"start": 0.5, "factor": 0.5, "every": 3}
        assert dict(params["noise"]) == {"sd": 0.3}
        model = scgsr.get.model(read)
        assert model.network.config.noise == FixedNoise(0.3)
        np.testing.assert_allclose(model.activations(cells.X), activations, rtol=1e-4, atol=1e-5)


def test_the_same_schedule_goes_on_from_a_checkpoint(cells, tmp_path):
    arguments = {"penalty": {"spectrum": 1, "weight_cosine": 1}, "smoothness": Decay(0.5, factor=0.5, every=3)}
    whole, _ = fitted(cells, learning_rate=Decay(1e-3, factor=0.9, every=2), **arguments)
    arguments |= {"learning_rate": Decay(1e-3, factor=0.9, every=2), "checkpoint": tmp_path}
    resumed = cells.copy()
    fitted(resumed, **arguments)
    assert np.array_equal(fitted(resumed, **arguments)[0], whole)
    with pytest.raises(ValueError, match="differs in smoothness"):
        fitted(resumed, **{**arguments, "smoothness": Decay(0.5)})


def test_the_smoothness_and_the_rate_of_a_run_follow_the_decay(cells):
    config = TrainConfig(
        smoothness=Decay(8.0, 0.5, 10),
        start=None,
        anneal=1.0,
        penalty="quadratic",
        laplacian="combinatorial",
        n_epochs=5,
        batch_size=100,
        learning_rate=Decay(1e-2, 0.1, 6),
        validation_fraction=0.1,
        early_stopping=False,
        precision=None,
    )
    assert [config.smoothness_at(step, 100) for step in (0, 10, 20)] == [8, 4, 2]
    annealed = replace(config, anneal=4.0)
    assert [annealed.smoothness_at(step, 100) for step in (0, 25, 50, 99)] == [32, 4, 0.25, 8 * 0.5**9]
    # Three steps an epoch: the rate falls after the second.
    fitted(cells, learning_rate=Decay(1e-2, factor=0.1, every=6), n_epochs=5, batch_size=100)
    assert cells.uns["gsr"]["history"]["learning_rate"].tolist() == pytest.approx([1e-2, 1e-3, 1e-3, 1e-4, 1e-4])


def test_training_starts_from_neurons_in_order_where_a_penalty_looks_at_a_given_graph(cells, monkeypatch):
    calls = []
    monkeypatch.setattr(_start, "organise", lambda *arguments: calls.append(arguments))
    for arguments, ordered in (
        ({}, 1),
        ({"smoothness": Decay(0.1)}, 1),
        ({"smoothness": 0}, 0),
        ({"start": "random"}, 0),
        ({"start": "ordered", "smoothness": 0}, 1),
        ({"start": "ordered", "penalty": "l1"}, 1),
        ({"penalty": "l1"}, 0),
        ({"penalty": {"l1": 1, "quadratic": 1}}, 1),
    ):
        calls.clear()
        fitted(cells, n_epochs=1, **arguments)
        assert len(calls) == ordered, arguments
        assert cells.uns["gsr"]["params"]["start"] == ("ordered" if ordered else "random")


@pytest.mark.parametrize(
    "graph", [graphs.learned(12), graphs.from_adjacency(np.zeros((12, 12)))], ids=["learned", "edgeless"]
)
def test_neurons_without_a_given_neighbourhood_cannot_start_in_order(cells, graph):
    with pytest.raises(ValueError, match="`start`='ordered' needs a given graph with edges"):
        fitted(cells, graph, start="ordered")
    fitted(cells, graph, n_epochs=1)
    assert cells.uns["gsr"]["params"]["start"] == "random"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"start": "sorted"}, ValueError),
        ({"start": 1}, TypeError),
        ({"anneal": 0.5}, ValueError),
        ({"anneal": "much"}, TypeError),
    ],
)
def test_a_bad_start_or_anneal_is_refused(cells, arguments, error):
    (name,) = arguments
    with pytest.raises(error, match=f"`{name}`") as caught:
        fitted(cells, **arguments)
    assert caught.value.argument == name
    assert list(cells.uns) == []


def test_the_symmetric_laplacian_is_warned_about_once_and_only_where_it_bites(cells, caplog):
    star = graphs.star(12)
    for arguments, times in (
        ({"penalty": {"quadratic": 1, "rayleigh": 1, "weight": 1}}, 1),
        ({"smoothness": 0}, 0),
        ({"penalty": "l1"}, 0),
        ({"laplacian": "combinatorial"}, 0),
    ):
        caplog.clear()
        fitted(cells, star, **{"n_epochs": 1, "laplacian": "symmetric", **arguments})
        assert caplog.text.count("penalises a constant image") == times, arguments


def test_a_rate_of_nothing_is_refused(cells):
    with pytest.raises(ValueError, match="`learning_rate`"):
        fitted(cells, learning_rate=Decay(0))


def test_the_history_has_a_row_for_each_epoch(cells):
    fitted(cells, penalty="weight")
    history = cells.uns["gsr"]["history"]
    assert isinstance(history, pd.DataFrame)
    assert (history["train_penalty"] > 0).all()
