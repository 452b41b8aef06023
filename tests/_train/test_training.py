"""The training loop: splits, schedules, early stop, learned graphs."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from anndata import AnnData

from scgsr import _random, graphs
from scgsr._model import Autoencoder, AutoencoderConfig
from scgsr._train._config import TrainConfig, annealing
from scgsr._train._graph_learner import GraphLearner
from scgsr._train._run import edgeless
from scgsr._train._training import split, train
from scgsr._values._batches import Batches
from scgsr.graphs import Steps

CPU = torch.device("cpu")
SETTINGS = {
    "smoothness": 0.1,
    "start": None,
    "anneal": 10.0,
    "penalty": "correlation",
    "laplacian": "combinatorial",
    "n_epochs": 10,
    "batch_size": 64,
    "learning_rate": 5e-3,
    "validation_fraction": 0.1,
    "early_stopping": True,
    "precision": None,
}


def run(cells, graph=None, *, rows=None, seed=0, threshold=1.0, noise=0.25, diffusion=0, **settings):
    matrix = cells.X if rows is None else cells.X[:rows]
    batches = Batches(matrix, matrix.mean(axis=0), np.maximum(matrix.std(axis=0), 1e-3), CPU)
    model = AutoencoderConfig(
        n_features=matrix.shape[1], hidden=(16,), threshold=threshold, noise=noise, diffusion=diffusion
    )
    graph = graphs.grid(4) if graph is None else graph
    config = TrainConfig(**{**SETTINGS, **settings}).on(graph)
    return train(batches, graph, model, config, seed=seed, progress=False)


@pytest.mark.parametrize(("n", "fraction"), [(2, 0.5), (3, 0.9), (10, 0.1), (101, 0.25), (50, 0.0)])
def test_split_is_a_partition_that_leaves_two_cells_to_train(n, fraction):
    training, validation = split(n, fraction, np.random.default_rng(0))
    assert sorted([*training, *validation]) == list(range(n))
    assert len(training) >= 2
    assert len(validation) == min(int(n * fraction), n - 2)


@pytest.mark.parametrize("rows", [2, 3, 5, 64, 65, 71, 129])
def test_any_number_of_cells_trains(cells, rows):
    trained = run(cells, rows=rows, n_epochs=2)
    assert len(trained.history) == 2
    assert np.isfinite(trained.history["train_reconstruction"]).all()
    assert not trained.network.training


def test_training_learns(cells):
    history = run(cells, n_epochs=40).history
    assert history["validation_r2"].iloc[-1] > 0.5
    assert history["train_reconstruction"].iloc[-1] < history["train_reconstruction"].iloc[0] / 2


def test_smoothness_makes_neighbours_agree(cells):
    histories = [run(cells, smoothness=value, n_epochs=30).history for value in (0, 0.1, 1)]
    penalties = [history["train_penalty"].iloc[-1] for history in histories]
    assert penalties[0] > penalties[1] > penalties[2]


def test_the_penalty_is_annealed_to_what_was_asked_for():
    multiples = [annealing(10, progress) for progress in np.linspace(0, 1, 21)]
    assert multiples[0] == 10
    assert multiples == sorted(multiples, reverse=True)
    assert set(multiples[10:]) == {1}
    assert {annealing(1, progress) for progress in np.linspace(0, 1, 21)} == {1}


def test_smoothness_zero_runs_the_same_network(cells):
    with_penalty, without = run(cells, smoothness=0.5).network, run(cells, smoothness=0).network
    shapes = [
        {name: value.shape for name, value in network.state_dict().items()} for network in (with_penalty, without)
    ]
    assert shapes[0] == shapes[1]
    assert str(with_penalty) == str(without)


def test_smoothness_zero_is_training_without_any_penalty(cells):
    no_edges = graphs.from_adjacency(np.zeros((16, 16)))
    one, other = run(cells, smoothness=0).network, run(cells, no_edges, smoothness=5).network
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_same_seed_same_bits(cells):
    one, same, other = (run(cells, graphs.learned(12, n_neighbors=3), seed=seed) for seed in (1, 1, 2))
    for name, value in one.network.state_dict().items():
        assert torch.equal(value, same.network.state_dict()[name]), name
    assert one.history.equals(same.history)
    assert np.array_equal(one.graph.adjacency.toarray(), same.graph.adjacency.toarray())
    assert not torch.equal(one.network.output.weight, other.network.output.weight)


def test_normalisation_is_exact_over_the_training_cells(cells):
    network = run(cells, validation_fraction=0).network
    scaled = torch.as_tensor((cells.X - cells.X.mean(axis=0)) / cells.X.std(axis=0))
    with torch.no_grad():
        pre = network.layer.norm(network.layer.linear(network.encoder(scaled)))
    torch.testing.assert_close(pre.mean(dim=0), torch.zeros(16), atol=1e-4, rtol=0)
    torch.testing.assert_close(pre.std(dim=0, correction=0), torch.ones(16), atol=1e-3, rtol=0)


def test_validation_r2_is_its_formula(cells):
    result = run(cells, validation_fraction=0.3, early_stopping=False, threshold=None)
    scaled = (cells.X - cells.X.mean(axis=0)) / cells.X.std(axis=0)
    held_out = scaled[split(len(scaled), 0.3, _random.generator(_random.spawn(0, 4)[1]))[1]]
    with torch.no_grad():
        reconstruction = result.network(torch.as_tensor(held_out))[1].numpy()
    variance = ((held_out - held_out.mean(axis=0)) ** 2).sum()
    expected = 1 - ((held_out - reconstruction) ** 2).sum() / variance
    assert result.history["validation_r2"].iloc[-1] == pytest.approx(expected, abs=1e-4)
    assert result.validation_r2 == pytest.approx(expected, abs=1e-4)


def test_without_validation_all_epochs_run_and_nothing_is_made_up(cells):
    history = run(cells, validation_fraction=0, n_epochs=7).history
    assert len(history) == 7
    assert history[["validation_r2", "validation_penalty", "validation_reconstruction"]].isna().all(axis=None)


def test_early_stopping_keeps_the_best_network(cells):
    # Thirty cells without noise are soon learned by heart: the held-out error rises again.
    settings = {"rows": 60, "n_epochs": 150, "batch_size": 8, "learning_rate": 2e-2, "validation_fraction": 0.5}
    settings |= {"threshold": None, "noise": 0.0, "smoothness": 0.0}
    stopped = run(cells, **settings)
    errors = stopped.history["validation_reconstruction"][75:]  # compared once the rate has come down
    assert len(stopped.history) < 150
    assert errors.iloc[-1] > errors.min()
    assert len(run(cells, **settings, early_stopping=False).history) == 150
    matrix = cells.X[:60]
    scaled = (matrix - matrix.mean(axis=0)) / matrix.std(axis=0)
    held_out = torch.as_tensor(scaled[split(60, 0.5, _random.generator(_random.spawn(0, 4)[1]))[1]])
    with torch.no_grad():
        error = float((stopped.network(held_out)[1] - held_out).square().mean())
    assert error == pytest.approx(errors.min(), rel=1e-4)


@pytest.mark.parametrize("kernel", ["knn", "adaptive", "soft"])
def test_a_learned_graph_ties_neurons_that_fire_together(cells, kernel):
    result = run(cells, graphs.learned(20, n_neighbors=4, kernel=kernel), n_epochs=30)
    scaled = torch.as_tensor((cells.X - cells.X.mean(axis=0)) / cells.X.std(axis=0))
    with torch.no_grad():
        correlation = graphs.correlation(result.network.encode(scaled).numpy())
    tied = result.graph.adjacency.toarray() > 0
    assert result.graph.n_neurons == 20
    assert correlation[tied].mean() > correlation[~tied & ~np.eye(20, dtype=bool)].mean() + 0.3
    assert result.history["edge_jaccard"].dropna().between(0, 1).all()
    assert len(np.unique(result.graph.positions, axis=0)) == 20


def test_a_learned_graph_has_no_penalty_before_its_warm_up(cells):
    recipe = graphs.learned(20, n_neighbors=4, warm_up=0.5)
    history = run(cells, recipe, n_epochs=20, early_stopping=False).history
    assert (history["train_penalty"][:10] == 0).all()
    assert (history["train_penalty"][10:] > 0).all()


def test_a_learned_graph_stays_after_its_stop(cells):
    recipe = graphs.learned(20, n_neighbors=4, warm_up=0.2, stop=0.2)
    history = run(cells, recipe, n_epochs=20, early_stopping=False).history
    assert history["edge_jaccard"].nunique() == 1  # one estimate, never replaced


def in_pieces(n_modules):
    """240 cells in which so many groups of features are independent of each other."""
    rng = np.random.default_rng(0)
    signal = np.repeat(rng.normal(size=(240, n_modules)), 12 // n_modules, axis=1)
    return AnnData((signal + 0.3 * rng.normal(size=signal.shape)).astype(np.float32))


def test_a_graph_that_is_not_held_together_may_fall_apart_and_says_so(caplog):
    recipe = graphs.learned(24, n_neighbors=1, connected=False)
    with caplog.at_level(logging.INFO, "scgsr"):
        result = run(in_pieces(4), recipe, n_epochs=20)
    assert result.history["components"].iloc[-1] > 1
    assert result.history["components"].iloc[0] == 0  # no graph yet
    assert f"in {result.history['components'].iloc[-1]} pieces" in caplog.text
    held = run(in_pieces(4), graphs.learned(24, n_neighbors=1), n_epochs=20).history
    assert (held["components"][held["edge_jaccard"].notna()] == 1).all()


def test_a_modular_graph_has_the_number_of_modules_asked_for():
    result = run(in_pieces(3), graphs.learned(24, n_neighbors=4, n_modules=3), n_epochs=20)
    assert result.history["components"].iloc[-1] == 3


def test_a_module_of_one_neuron_is_a_piece():
    result = run(in_pieces(3), graphs.learned(8, n_neighbors=4, n_modules=7), n_epochs=20)
    assert result.history["components"].iloc[-1] == 7  # seven modules of eight neurons: most are alone


def test_the_modules_that_were_asked_for_are_no_fragments():
    rng = np.random.default_rng(0)
    noisy = rng.normal(size=(300, 3))[:, [0] * 4 + [1] * 4 + [2] * 4] + 0.3 * rng.normal(size=(300, 12))
    for n_modules, fragmented in ((3, False), (2, True)):
        recipe = graphs.learned(12, n_neighbors=3, n_modules=n_modules, connected=False, stop=graphs.UntilFragmented())
        learner = GraphLearner(recipe, 100, "symmetric")
        learner.refreshed(edgeless(12), noisy, 0, 20)
        assert learner.fragmented is fragmented
        assert learner.n_pieces == 3


def test_a_live_neuron_on_its_own_is_a_fragment():
    z = np.random.default_rng(0).normal(size=(300, 1))
    recipe = graphs.learned(4, n_neighbors=1, connected=False, stop=graphs.UntilFragmented())
    learner = GraphLearner(recipe, 100, "symmetric")
    learner.refreshed(edgeless(4), np.hstack([z, z + 0.1 * np.roll(z, 1), -z, 0 * z]), 0, 20)  # the last one is dead
    assert learner.fragmented
    assert learner.n_pieces == 2


def test_learning_ends_when_the_graph_falls_apart_and_training_soon_after():
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


def test_the_graph_before_it_falls_apart_is_kept():
    rng = np.random.default_rng(0)
    whole = rng.normal(size=(300, 1)) + rng.normal(size=(300, 8))
    parts = 0.01 * rng.normal(size=(300, 8)) + np.repeat(rng.normal(size=(300, 2)), 4, axis=1)
    recipe = graphs.learned(
        8,
        n_neighbors=3,
        connected=False,
        warm_up=Steps(10),
        refresh_every=Steps(5),
        stop=graphs.UntilFragmented(more_steps=4),
    )
    learner = GraphLearner(recipe, 100, "symmetric")
    first = learner.refreshed(edgeless(8), whole, 0, 10)
    assert not learner.fragmented
    assert learner.is_due(15)
    learner.similarity = None
    assert learner.refreshed(first, parts, 1, 15) is first
    assert learner.fragmented
    assert len(learner.evolution.epochs) == 1
    assert not learner.is_due(20)
    assert [learner.is_over(step) for step in (18, 19)] == [False, True]
    other = GraphLearner(recipe, 100, "symmetric")
    other.load_state(learner.state())
    assert (other.fragmented, other.is_due(20), other.is_over(19)) == (True, False, True)


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (
            graphs.learned(20, warm_up=Steps(5000), stop=Steps(6000)),
            "`warm_up`=5000 is as long as the whole training, 40 steps",
        ),
        (graphs.learned(20, warm_up=Steps(30), stop=0.5), "`stop` of the learned graph, step 20 of 40, comes before"),
    ],
)
def test_moments_beyond_the_training_are_refused(cells, recipe, said):
    with pytest.raises(ValueError, match=said):
        run(cells, recipe)


@pytest.mark.parametrize("penalty", ["quadratic", "rayleigh"])
@pytest.mark.parametrize("laplacian", ["combinatorial", "symmetric"])
def test_other_penalties_train(cells, penalty, laplacian):
    calm, free = (
        run(cells, graphs.tree(3), penalty=penalty, laplacian=laplacian, smoothness=value).history for value in (1, 0)
    )
    assert calm["validation_penalty"].iloc[-1] < free["validation_penalty"].iloc[-1]


@pytest.mark.parametrize("n_train", [100, 1000, 30_000, 10**6])
def test_epochs_are_chosen_for_the_number_of_cells(n_train):
    chosen = TrainConfig(**{**SETTINGS, "n_epochs": None}).epochs(n_train)
    steps = chosen * -(-n_train // SETTINGS["batch_size"])
    assert 6 <= chosen <= 200
    assert chosen in (6, 200) or 1200 <= steps < 1200 + -(-n_train // SETTINGS["batch_size"])


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
def test_bad_settings_are_refused(cells, name, value, error):
    with pytest.raises(error, match=f"`{name}`"):
        run(cells, **{name: value})


def test_network_of_a_run_is_an_autoencoder_on_its_graph(cells):
    result = run(cells, graphs.ring(9))
    assert isinstance(result.network, Autoencoder)
    assert result.graph.n_neurons == result.network.layer.linear.out_features == 9
