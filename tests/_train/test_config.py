"""How to train: the settings, and the schedules that follow from them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from scgsr import graphs
from scgsr._train._config import TrainConfig, annealing, patience, value_at
from scgsr.nn import Decay

GRID, EDGELESS = graphs.grid(3, 4), graphs.from_adjacency(np.zeros((12, 12)))


def rates(config, n_steps):
    """The learning rate of each step."""
    optimiser = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=value_at(config.learning_rate, 0))
    schedule = config.schedule(optimiser, n_steps)
    values = []
    for _ in range(n_steps):
        values.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return values


# --- Where training starts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "start"),
    [
        ({}, "ordered"),
        ({"smoothness": Decay(0.1)}, "ordered"),
        ({"smoothness": 0}, "random"),
        ({"smoothness": Decay(0)}, "random"),
        ({"start": "random"}, "random"),
        ({"start": "ordered", "smoothness": 0}, "ordered"),
        ({"start": "ordered", "penalty": "l1"}, "ordered"),
        ({"penalty": "l1"}, "random"),
        ({"penalty": {"l1": 1, "quadratic": 1}}, "ordered"),
    ],
    ids=str,
)
def test_neurons_start_in_order_where_a_penalty_looks_at_a_given_graph(train_config, settings, start):
    config = train_config(**settings)
    on_graph = config.on(GRID)
    assert on_graph.start == start
    assert on_graph == replace(config, start=start)  # nothing else is decided
    assert on_graph.on(GRID) == on_graph


@pytest.mark.parametrize("graph", [graphs.learned(12), EDGELESS], ids=["learned", "edgeless"])
def test_neurons_without_a_given_neighbourhood_cannot_start_in_order(train_config, graph):
    with pytest.raises(ValueError, match="`start`='ordered' needs a given graph with edges") as caught:
        train_config(start="ordered").on(graph)
    assert caught.value.argument == "start"
    assert train_config().on(graph).start == "random"


# --- What is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"start": "sorted"}, ValueError),
        ({"start": 1}, TypeError),
        ({"anneal": 0.5}, ValueError),
        ({"anneal": 1e300}, ValueError),
        ({"anneal": "much"}, TypeError),
    ],
)
def test_a_bad_start_or_anneal_is_refused(train_config, settings, error):
    (name,) = settings
    with pytest.raises(error, match=f"`{name}`") as caught:
        train_config(**settings)
    assert caught.value.argument == name


def test_a_rate_of_nothing_is_refused(train_config):
    with pytest.raises(ValueError, match="`learning_rate`") as caught:
        train_config(learning_rate=Decay(0))
    assert caught.value.argument == "learning_rate"


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("smoothness", -1, ValueError),
        ("smoothness", "high", TypeError),
        ("n_epochs", 0, ValueError),
        ("batch_size", 1, ValueError),
        ("batch_size", 2.5, TypeError),
        ("learning_rate", 0, ValueError),
        ("validation_fraction", 1.0, ValueError),
        ("penalty", "cosine", ValueError),
        ("laplacian", "random_walk", ValueError),
        ("early_stopping", "yes", TypeError),
    ],
)
def test_bad_settings_are_refused(train_config, name, value, error):
    with pytest.raises(error, match=f"`{name}`"):
        train_config(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("smoothness", -1),
        ("n_epochs", 0),
        ("batch_size", 1),
        ("learning_rate", "fast"),
        ("validation_fraction", 1.0),
        ("penalty", "cosine"),
        ("penalty", {}),
        ("penalty", 3),
        ("laplacian", "normalized"),
        ("early_stopping", 1),
    ],
)
def test_an_error_carries_the_argument(train_config, name, value):
    with pytest.raises((TypeError, ValueError)) as caught:
        train_config(**{name: value})
    assert caught.value.argument == name


def test_numbers_of_numpy_become_those_of_python(train_config):
    config = train_config(
        smoothness=np.float32(0.5),
        anneal=np.int64(2),
        n_epochs=np.int32(3),
        batch_size=np.int64(32),
        learning_rate=np.float64(0.01),
        validation_fraction=np.float32(0.25),
        penalty={"l1": np.float32(2)},
    )
    stored = json.loads(json.dumps(config.to_dict()))
    assert stored["smoothness"] == 0.5
    assert stored["penalty"] == {"l1": 2.0}
    assert (type(config.n_epochs), type(config.batch_size), type(config.anneal)) == (int, int, float)


# --- Schedules -------------------------------------------------------------------------------------------------------


def test_the_penalty_is_annealed_to_what_was_asked_for():
    multiples = [annealing(10, progress) for progress in np.linspace(0, 1, 21)]
    assert multiples[0] == 10
    assert multiples == sorted(multiples, reverse=True)
    assert set(multiples[10:]) == {1}
    assert {annealing(1, progress) for progress in np.linspace(0, 1, 21)} == {1}


def test_annealing_is_geometric_until_half_of_the_training():
    multiples = [annealing(16, progress) for progress in (0, 0.125, 0.25, 0.375, 0.5, 0.75, 1)]
    assert multiples == pytest.approx([16, 8, 4, 2, 1, 1, 1])


def test_the_smoothness_of_a_run_follows_the_decay(train_config):
    config = train_config(smoothness=Decay(8.0, 0.5, 10), anneal=1.0)
    assert [config.smoothness_at(step, 100) for step in (0, 10, 20)] == [8, 4, 2]
    annealed = replace(config, anneal=4.0)
    assert [annealed.smoothness_at(step, 100) for step in (0, 25, 50, 99)] == [32, 4, 0.25, 8 * 0.5**9]


@pytest.mark.parametrize(("smoothness", "penalises"), [(0.1, True), (0, False), (Decay(0.1), True), (Decay(0), False)])
def test_a_decay_of_nothing_is_no_smoothness(train_config, smoothness, penalises):
    config = train_config(smoothness=smoothness)
    assert config.penalises is config.uses_graph is penalises
    if not penalises:
        assert config.to_dict()["smoothness"] == 0
    assert {config.smoothness_at(step, 10) > 0 for step in range(10)} == {penalises}


@pytest.mark.parametrize(
    ("penalty", "uses"), [("l1", False), ({"l1": 1, "l2": 1}, False), ({"l1": 1, "weight": 1}, True)]
)
def test_only_some_penalties_look_at_the_graph(train_config, penalty, uses):
    config = train_config(penalty=penalty)
    assert config.penalises
    assert config.uses_graph is uses


def test_the_rate_rises_once_to_its_peak_and_falls_to_almost_nothing(train_config):
    values = rates(train_config(learning_rate=0.02), 100)
    peak = int(np.argmax(values))
    assert peak == pytest.approx(30, abs=1)
    assert values[peak] == pytest.approx(0.02, rel=1e-3)
    assert (np.diff(values[: peak + 1]) > 0).all()
    assert (np.diff(values[peak:]) < 0).all()
    assert values[-1] < 1e-4 * values[peak]


def test_a_rate_that_decays_is_taken_as_it_is(train_config):
    decay = Decay(0.02, factor=0.5, every=7)
    assert rates(train_config(learning_rate=decay), 30) == pytest.approx([decay.at(step) for step in range(30)])


@pytest.mark.parametrize("n_epochs", [1, 6, 15, 16, 100, 200])
def test_patience_is_a_fifth_of_the_epochs_and_at_least_three(n_epochs):
    assert patience(n_epochs) == max(3, round(n_epochs / 5))


def test_a_number_has_the_same_value_at_every_step():
    assert {value_at(0.3, step) for step in (0, 1, 10**6)} == {0.3}
    assert value_at(Decay(8.0, 0.5, 10), 20) == 2


# --- Epochs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_train", [100, 1000, 30_000, 10**6])
def test_epochs_are_chosen_for_the_number_of_cells(n_train, train_config):
    chosen = train_config(n_epochs=None, batch_size=64).epochs(n_train)
    steps = chosen * -(-n_train // 64)
    assert 6 <= chosen <= 200
    assert chosen in (6, 200) or 1200 <= steps < 1200 + -(-n_train // 64)


@pytest.mark.parametrize("n_train", [2, 1000, 10**7])
def test_epochs_that_were_asked_for_are_taken(train_config, n_train):
    assert train_config(n_epochs=7).epochs(n_train) == 7


@pytest.mark.parametrize("rounds", [2, 4, 20, 200, 10**4])
def test_many_cells_get_six_passes_but_no_more_steps_than_a_network_needs(train_config, rounds):
    chosen = train_config(n_epochs=None, batch_size=256).epochs(50_000, rounds)
    steps = chosen * 196
    assert chosen == 6 * rounds or 4800 <= steps < 4800 + 196
    assert steps <= 4800 + 196


def test_more_cells_never_get_more_epochs(train_config):
    config = train_config(n_epochs=None)
    chosen = [config.epochs(n_train) for n_train in (2, 10, 100, 1000, 10**4, 10**5, 10**6)]
    assert chosen == sorted(chosen, reverse=True)


# --- Back from the record of a fit -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [{}, {"smoothness": Decay(0.1, factor=0.5, every=3)}, {"learning_rate": Decay(0.1)}, {"penalty": {"l1": 2.0}}],
    ids=str,
)
def test_settings_come_back_from_the_parameters_of_a_fit(train_config, settings):
    config = train_config(**settings)
    assert TrainConfig.from_params({**config.to_dict(), "layer": None}) == config


def test_a_setting_that_is_missing_is_named(train_config):
    stored = train_config().to_dict()
    del stored["balance"]
    with pytest.raises(KeyError, match="balance"):
        TrainConfig.from_params(stored)
