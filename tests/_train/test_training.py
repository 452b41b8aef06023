"""Training from random weights to the network that is kept and its final graph."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from anndata import AnnData

from scgsr import graphs
from scgsr._model import Autoencoder
from scgsr._train import _rounds, _start, _training
from scgsr._train._training import split
from scgsr._values import Balance
from scgsr.graphs import Steps
from scgsr.nn import Decay


@pytest.mark.parametrize(("n", "fraction"), [(2, 0.5), (3, 0.9), (10, 0.1), (101, 0.25), (50, 0.0)])
def test_split_is_a_partition_that_leaves_two_cells_to_train(n, fraction):
    training, validation = split(n, fraction, 1, np.random.default_rng(0))
    assert sorted([*training, *validation]) == list(range(n))
    assert len(training) >= 2
    assert len(validation) == min(int(n * fraction), n - 2)


@pytest.mark.parametrize(("n", "fraction"), [(20, 0.1), (100, 0.5)])
def test_who_is_held_out_is_drawn_at_random(n, fraction):
    one, same, other = (split(n, fraction, 1, np.random.default_rng(seed))[1].tolist() for seed in (0, 0, 1))
    assert one == same != other
    assert one == sorted(one)


def test_cells_that_make_one_round_are_weighed_once(cells, run, monkeypatch):
    n_weighed, weights = [], Balance.weights
    monkeypatch.setattr(Balance, "weights", lambda self, blocks, n: n_weighed.append(n) or weights(self, blocks, n))
    trained = run(cells, balance=2.0, n_epochs=3)
    assert n_weighed == [216, 24]
    assert len(trained.known.rows) == 216
    monkeypatch.setattr(_rounds, "CELLS_A_ROUND", 100)
    monkeypatch.setattr(_training, "CELLS_A_ROUND", 100)
    monkeypatch.setattr(_training, "CELLS_SAMPLED", 50)
    n_weighed.clear()
    run(cells, balance=2.0, n_epochs=9, early_stopping=False)
    assert n_weighed == [50, 24, 72, 72, 72]  # each round for three epochs


def in_pieces(n_modules):
    """240 cells in which so many groups of features are independent of each other."""
    rng = np.random.default_rng(0)
    signal = np.repeat(rng.normal(size=(240, n_modules)), 12 // n_modules, axis=1)
    return AnnData((signal + 0.3 * rng.normal(size=signal.shape)).astype(np.float32))


@pytest.mark.parametrize("rows", [2, 3, 5, 64, 65, 71, 129])
def test_any_number_of_cells_trains(cells, rows, run):
    trained = run(cells, rows=rows, n_epochs=2)
    assert len(trained.history) == 2
    assert np.isfinite(trained.history["train_reconstruction"]).all()
    assert not trained.network.training


def test_training_learns(cells, run):
    history = run(cells, n_epochs=40).history
    assert history["validation_r2"].iloc[-1] > 0.5
    assert history["train_reconstruction"].iloc[-1] < history["train_reconstruction"].iloc[0] / 2


def test_smoothness_makes_neighbours_agree(cells, run):
    histories = [run(cells, smoothness=value, n_epochs=30).history for value in (0, 0.1, 1)]
    penalties = [history["train_penalty"].iloc[-1] for history in histories]
    assert penalties[0] > penalties[1] > penalties[2]


def test_smoothness_zero_runs_the_same_network(cells, run):
    with_penalty, without = run(cells, smoothness=0.5).network, run(cells, smoothness=0).network
    shapes = [
        {name: value.shape for name, value in network.state_dict().items()} for network in (with_penalty, without)
    ]
    assert shapes[0] == shapes[1]
    assert str(with_penalty) == str(without)


def test_smoothness_zero_is_training_without_any_penalty(cells, run):
    no_edges = graphs.from_adjacency(np.zeros((16, 16)))
    one, other = run(cells, smoothness=0).network, run(cells, no_edges, smoothness=5).network
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_same_seed_same_bits(cells, run):
    one, same, other = (run(cells, graphs.learned(12, n_neighbors=3), seed=seed) for seed in (1, 1, 2))
    for name, value in one.network.state_dict().items():
        assert torch.equal(value, same.network.state_dict()[name]), name
    assert one.history.equals(same.history)
    assert np.array_equal(one.graph.adjacency.toarray(), same.graph.adjacency.toarray())
    assert not torch.equal(one.network.output.weight, other.network.output.weight)


@pytest.mark.parametrize("kernel", ["knn", "adaptive", "soft"])
def test_a_learned_graph_ties_neurons_that_fire_together(cells, kernel, run):
    result = run(cells, graphs.learned(20, n_neighbors=4, kernel=kernel), n_epochs=30)
    scaled = torch.as_tensor((cells.X - cells.X.mean(axis=0)) / cells.X.std(axis=0))
    with torch.no_grad():
        correlation = graphs.correlation(result.network.encode(scaled).numpy())
    tied = result.graph.adjacency.toarray() > 0
    assert result.graph.n_neurons == 20
    assert correlation[tied].mean() > correlation[~tied & ~np.eye(20, dtype=bool)].mean() + 0.3
    assert result.history["edge_jaccard"].dropna().between(0, 1).all()
    assert len(np.unique(result.graph.positions, axis=0)) == 20


def test_a_learned_graph_has_no_penalty_before_its_warm_up(cells, run):
    recipe = graphs.learned(20, n_neighbors=4, warm_up=0.5)
    history = run(cells, recipe, n_epochs=20, early_stopping=False).history
    assert (history["train_penalty"][:10] == 0).all()
    assert (history["train_penalty"][10:] > 0).all()


def test_a_learned_graph_stays_after_its_stop(cells, run):
    recipe = graphs.learned(20, n_neighbors=4, warm_up=0.2, stop=0.2)
    history = run(cells, recipe, n_epochs=20, early_stopping=False).history
    assert history["edge_jaccard"].nunique() == 1  # one estimate, never replaced


def test_a_graph_that_is_not_held_together_may_fall_apart_and_says_so(caplog, run):
    recipe = graphs.learned(24, n_neighbors=1, connected=False)
    with caplog.at_level(logging.INFO, "scgsr"):
        result = run(in_pieces(4), recipe, n_epochs=20)
    assert result.history["components"].iloc[-1] > 1
    assert result.history["components"].iloc[0] == 0  # no graph yet
    assert f"in {result.history['components'].iloc[-1]} pieces" in caplog.text
    held = run(in_pieces(4), graphs.learned(24, n_neighbors=1), n_epochs=20).history
    assert (held["components"][held["edge_jaccard"].notna()] == 1).all()


def test_a_modular_graph_has_the_number_of_modules_asked_for(run):
    result = run(in_pieces(3), graphs.learned(24, n_neighbors=4, n_modules=3), n_epochs=20)
    assert result.history["components"].iloc[-1] == 3


def test_a_module_of_one_neuron_is_a_piece(run):
    result = run(in_pieces(3), graphs.learned(8, n_neighbors=4, n_modules=7), n_epochs=20)
    assert result.history["components"].iloc[-1] == 7  # seven modules of eight neurons: most are alone


@pytest.mark.parametrize("penalty", ["quadratic", "rayleigh"])
@pytest.mark.parametrize("laplacian", ["combinatorial", "symmetric"])
def test_other_penalties_train(cells, penalty, laplacian, run):
    calm, free = (
        run(cells, graphs.tree(3), penalty=penalty, laplacian=laplacian, smoothness=value).history for value in (1, 0)
    )
    assert calm["validation_penalty"].iloc[-1] < free["validation_penalty"].iloc[-1]


def test_network_of_a_run_is_an_autoencoder_on_its_graph(cells, run):
    result = run(cells, graphs.ring(9))
    assert isinstance(result.network, Autoencoder)
    assert result.graph.n_neurons == result.network.layer.linear.out_features == 9


def test_learning_ends_when_the_graph_falls_apart_and_training_soon_after(run):
    recipe = graphs.learned(
        24,
        n_neighbors=1,
        connected=False,
        warm_up=Steps(10),
        refresh_every=Steps(2),
        stop=graphs.UntilFragmented(more_steps=7),
    )
    result = run(in_pieces(4), recipe, n_epochs=100, batch_size=100, early_stopping=False, validation_fraction=0)
    # Three steps an epoch: at step 10 one neighbour each makes many pieces, and step 17, in epoch 5, is the first not
    # to be taken.
    assert len(result.evolution.epochs) == 1
    assert len(result.history) == 6
    assert result.history["kept"].iloc[-1]


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (
            graphs.learned(20, warm_up=Steps(5000), stop=Steps(6000)),
            "`warm_up`=5000 is as long as the whole training, 40 steps",
        ),
        (graphs.learned(20, warm_up=Steps(30), stop=0.5), "`stop` of the learned graph, step 20 of 40, comes before"),
    ],
)
def test_moments_beyond_the_training_are_refused(cells, run, recipe, message):
    with pytest.raises(ValueError, match=message):
        run(cells, recipe)


@pytest.mark.parametrize("n_obs", [2, 3, 40])
@pytest.mark.parametrize("n_epochs", [1, 2])
def test_the_shortest_training(cells, run, n_obs, n_epochs):
    result = run(cells, graphs.learned(6, n_neighbors=2), rows=n_obs, n_epochs=n_epochs)
    assert len(result.history) == n_epochs


def test_a_learned_graph_of_fewer_neurons_than_neighbours(cells, run):
    assert run(cells, graphs.learned(6), n_epochs=60).graph.n_edges > 0


def test_a_graph_that_was_not_learned_is_warned_about(cells, run, caplog):
    result = run(cells, graphs.learned(6, n_neighbors=2, warm_up=0.9, stop=0.9), n_epochs=1, threshold=9)
    assert result.graph.n_edges == 0
    assert "the learned graph has no edges" in caplog.text


def test_the_symmetric_laplacian_is_warned_about_once_and_only_where_it_bites(cells, run, caplog):
    star = graphs.star(12)
    for arguments, times in (
        ({"penalty": {"quadratic": 1, "rayleigh": 1, "weight": 1}}, 1),
        ({"smoothness": 0}, 0),
        ({"penalty": "l1"}, 0),
        ({"laplacian": "combinatorial"}, 0),
    ):
        caplog.clear()
        run(cells, star, **{"n_epochs": 1, "laplacian": "symmetric", **arguments})
        assert caplog.text.count("penalises a constant image") == times, arguments


@pytest.mark.parametrize(("graph", "warned"), [(graphs.ring(8), False), (graphs.star(8), True)])
def test_the_symmetric_laplacian_warns_on_an_irregular_graph(cells, run, caplog, graph, warned):
    run(cells, graph, laplacian="symmetric", n_epochs=1)
    assert ("penalises a constant image" in caplog.text) is warned


def test_training_starts_from_neurons_in_order_where_a_penalty_looks_at_a_given_graph(cells, run, monkeypatch):
    calls = []
    monkeypatch.setattr(_start, "organise", lambda *arguments: calls.append(arguments))
    for settings, ordered in (
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
        run(cells, n_epochs=1, **settings)
        assert len(calls) == ordered, settings


def test_a_run_that_goes_on_is_not_put_in_order_once_more(cells, run, tmp_path, monkeypatch):
    run(cells, n_epochs=2, checkpoint=tmp_path)
    monkeypatch.setattr(_start, "organise", None)
    assert len(run(cells, n_epochs=2, checkpoint=tmp_path).history) == 2


def test_held_out_cells_change_nothing_but_what_is_said_of_them(cells, run):
    """Neither network nor graph depends on cells that were held out."""
    recipe = graphs.learned(12, n_neighbors=3)
    first = run(cells, recipe, validation_fraction=0.2, early_stopping=False, start="random")
    # Pairs of held-out cells swap their values of one feature: the moments stay.
    other = cells.copy()
    other.X[np.ix_(first.held_out, [3])] = other.X[np.ix_(first.held_out[::-1], [3])]
    second = run(other, recipe, validation_fraction=0.2, early_stopping=False, start="random")
    assert np.array_equal(first.held_out, second.held_out)
    for name, value in first.network.state_dict().items():
        torch.testing.assert_close(second.network.state_dict()[name], value, rtol=1e-3, atol=1e-4)
    assert (first.graph.adjacency != second.graph.adjacency).nnz == 0
    assert first.validation_r2 != pytest.approx(second.validation_r2, abs=1e-3)
