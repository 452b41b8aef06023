"""One training run: what an epoch sees, what it reports, which network is kept."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch

from scgsr import _random, graphs
from scgsr._model import pack, unpack
from scgsr._train import _run
from scgsr._train._graph_learner import GraphLearner
from scgsr._train._run import edgeless
from scgsr._train._training import split


def scaled(cells):
    """The cells as the network sees them, in float64."""
    matrix = cells.X.astype(np.float64)
    return (matrix - matrix.mean(axis=0)) / matrix.std(axis=0)


def test_normalisation_is_exact_over_the_training_cells(cells, run):
    network = run(cells, validation_fraction=0).network
    scaled = torch.as_tensor((cells.X - cells.X.mean(axis=0)) / cells.X.std(axis=0))
    with torch.no_grad():
        pre = network.layer.norm(network.layer.linear(network.encoder(scaled)))
    torch.testing.assert_close(pre.mean(dim=0), torch.zeros(16), atol=1e-4, rtol=0)
    torch.testing.assert_close(pre.std(dim=0, correction=0), torch.ones(16), atol=1e-3, rtol=0)


def test_validation_r2_is_its_formula(cells, run):
    result = run(cells, validation_fraction=0.3, early_stopping=False, threshold=None)
    scaled = (cells.X - cells.X.mean(axis=0)) / cells.X.std(axis=0)
    held_out = scaled[split(len(scaled), 0.3, 1, _random.generator(_random.spawn(0, 4)[1]))[1]]
    with torch.no_grad():
        reconstruction = result.network(torch.as_tensor(held_out))[1].numpy()
    variance = ((held_out - held_out.mean(axis=0)) ** 2).sum()
    expected = 1 - ((held_out - reconstruction) ** 2).sum() / variance
    assert result.history["validation_r2"].iloc[-1] == pytest.approx(expected, abs=1e-4)
    assert result.validation_r2 == pytest.approx(expected, abs=1e-4)


def test_without_validation_all_epochs_run_and_nothing_is_made_up(cells, run):
    history = run(cells, validation_fraction=0, n_epochs=7).history
    assert len(history) == 7
    assert history[["validation_r2", "validation_penalty", "validation_reconstruction"]].isna().all(axis=None)


def test_early_stopping_keeps_the_best_network(cells, run):
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
    held_out = torch.as_tensor(scaled[split(60, 0.5, 1, _random.generator(_random.spawn(0, 4)[1]))[1]])
    with torch.no_grad():
        error = float((stopped.network(held_out)[1] - held_out).square().mean())
    assert error == pytest.approx(errors.min(), rel=1e-4)


def test_the_history_says_which_epoch_was_kept(cells, run):
    assert run(cells).history["kept"].sum() == 1


def test_the_history_has_a_row_for_each_epoch(cells, run):
    history = run(cells, penalty="weight", n_epochs=4).history
    assert history["epoch"].tolist() == [0, 1, 2, 3]
    assert isinstance(history, pd.DataFrame)
    assert (history["train_penalty"] > 0).all()


@pytest.mark.parametrize("progress", [True, False, None])
def test_progress_is_shown_when_asked_or_in_a_terminal(cells, run, capsys, progress):
    run(cells, progress=progress, n_epochs=2)
    assert ("epoch" in capsys.readouterr().err) is (progress is True)


def test_an_epoch_trains_on_every_training_cell_once_and_on_no_other(cells, new_run, monkeypatch):
    run = new_run(cells)
    batches, step = [], run.stepper.step
    monkeypatch.setattr(
        run.stepper, "step", lambda batch, rng: batches.append(batch.features.clone()) or step(batch, rng)
    )
    before = {name: value.clone() for name, value in run.network.named_parameters()}
    row = run.train_epoch(0)
    seen = torch.cat(batches).numpy()
    expected = scaled(cells)[:180]
    order, own = (np.lexsort(values.T) for values in (expected, seen))
    np.testing.assert_allclose(seen[own], expected[order], atol=1e-5)
    assert run.stepper.n_done == len(batches) == 3
    assert all(not torch.equal(value, before[name]) for name, value in run.network.named_parameters())
    assert row["learning_rate"] == run.stepper.schedule.get_last_lr()[0]


def test_the_losses_of_an_epoch_are_means_over_its_steps(cells, new_run, monkeypatch):
    run = new_run(cells)
    losses, step = [], run.stepper.step

    def recorded(rows, rng):
        losses.append(step(rows, rng))
        return losses[-1]

    monkeypatch.setattr(run.stepper, "step", recorded)
    row = run.train_epoch(0)
    expected = torch.stack(losses).mean(dim=0).tolist()
    assert [row["train_reconstruction"], row["train_penalty"]] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("threshold", [1.0, None])
def test_validation_is_of_the_held_out_cells_without_noise(cells, new_run, threshold):
    run = new_run(cells, threshold=threshold, noise=5.0, penalty="quadratic", smoothness=0.2)
    run.train_epoch(0)
    row = run.validate()
    assert row == run.validate()  # no noise is drawn, no running moment moves
    held_out = torch.as_tensor(scaled(cells)[180:], dtype=torch.float32)
    with torch.no_grad():
        activations, reconstruction = run.network(held_out)
    x, misfit = activations.double().numpy(), (reconstruction - held_out).double().numpy()
    L = graphs.grid(4).laplacian().toarray()
    assert row["validation_reconstruction"] == pytest.approx((misfit**2).mean(), rel=1e-4)
    assert row["validation_penalty"] == pytest.approx(np.einsum("ci,ij,cj->c", x, L, x).mean(), rel=1e-4)
    sd = run.judged.batches.moments[1]  # R2 is on the scale of the input
    explained = 1 - ((misfit * sd) ** 2).sum() / ((((held_out - held_out.mean(dim=0)).numpy()) * sd) ** 2).sum()
    assert row["validation_r2"] == row["validation_r2_balanced"] == pytest.approx(explained, abs=1e-5)


@pytest.mark.parametrize("balance", [0.0, 2.0])
def test_many_held_out_cells_are_judged_by_some_of_them(cells, run, monkeypatch, balance):
    all_of_them = run(cells, validation_fraction=0.5, balance=balance, n_epochs=3)
    assert len(all_of_them.judged.rows) == 120
    n_rows, judged = [], _run.Run._judged
    monkeypatch.setattr(_run.Run, "_judged", lambda self, rows: n_rows.append(len(rows)) or judged(self, rows))
    monkeypatch.setattr(_run, "_CELLS_JUDGED", 40)
    some = run(cells, validation_fraction=0.5, balance=balance, n_epochs=3)
    assert set(n_rows) == {40}
    assert some.validation_r2 == pytest.approx(all_of_them.validation_r2, abs=0.1)
    assert some.validation_r2 != all_of_them.validation_r2


def test_what_does_not_vary_over_the_held_out_cells_has_no_explained_variance(cells, new_run):
    run = new_run(cells, n_held_out=1)
    assert np.isnan(run.validate()["validation_r2"])
    assert np.isfinite(run.validate()["validation_reconstruction"])


def test_without_held_out_cells_nothing_is_validated(cells, new_run):
    assert all(np.isnan(value) for value in new_run(cells, n_held_out=0).validate().values())


def test_calibration_gives_the_exact_moments_of_the_training_cells(cells, new_run):
    run = new_run(cells)
    run.train_epoch(0)
    norm = run.network.layer.norm
    running = norm.running_mean.clone(), norm.running_var.clone()
    weights = {name: value.clone() for name, value in run.network.named_parameters()}
    run.calibrate()
    training = torch.as_tensor(scaled(cells)[:180], dtype=torch.float32)
    with torch.no_grad():
        inputs = run.network.layer.linear(run.network.encoder(training)).double().numpy()
    np.testing.assert_allclose(norm.running_mean, inputs.mean(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(norm.running_var, inputs.var(axis=0), rtol=1e-4)
    assert not torch.allclose(norm.running_mean, running[0])
    assert not torch.allclose(norm.running_var, running[1])
    assert all(torch.equal(value, weights[name]) for name, value in run.network.named_parameters())
    run.calibrate()  # exact moments stay exact
    np.testing.assert_allclose(norm.running_var, inputs.var(axis=0), rtol=1e-4)


def test_a_layer_without_normalisation_has_nothing_to_calibrate(cells, new_run):
    run = new_run(cells, threshold=None)
    before = {name: value.clone() for name, value in run.network.state_dict().items()}
    run.calibrate()
    assert all(torch.equal(value, before[name]) for name, value in run.network.state_dict().items())


@pytest.mark.parametrize("best", [None, 0, 2])
def test_the_history_marks_the_epoch_whose_network_was_kept(cells, new_run, best):
    run = new_run(cells)
    run.history = [{"epoch": epoch, "validation_r2": 0.1 * epoch} for epoch in range(4)]
    run.best.epoch = best
    kept = run.kept_history()
    assert kept["epoch"][kept["kept"]].tolist() == [3 if best is None else best]
    assert "kept" not in run.history[0]


@pytest.mark.parametrize("graph", [graphs.grid(4), graphs.learned(16, n_neighbors=3)], ids=["grid", "learned"])
@pytest.mark.parametrize("n_epochs", [0, 1, 4])
def test_a_state_that_was_stored_goes_on_to_the_same_bits(cells, new_run, graph, n_epochs):
    settings = {"penalty": {"correlation": 1, "weight_cosine": 1}, "n_epochs": 6}
    run = new_run(cells, graph, **settings)
    for epoch in range(n_epochs):
        run.history.append({"epoch": epoch, **run.train_epoch(epoch), **run.validate()})
    tree, arrays = pack(run.state())
    other = new_run(cells, graph, seed=5, **settings)  # other weights, order and noise: all come from the state
    other.load_state(unpack(json.loads(json.dumps(tree)), arrays))
    for epoch in range(n_epochs, 6):
        rows = [one.train_epoch(epoch) | one.validate() for one in (run, other)]
        np.testing.assert_equal(rows[0], rows[1])
    for name, value in run.network.state_dict().items():
        assert torch.equal(other.network.state_dict()[name], value), name
    assert (run.graph.adjacency != other.graph.adjacency).nnz == 0


def test_a_sample_is_of_training_cells_without_repeats(cells, new_run):
    run = new_run(cells)
    whole = run.sample(1000)
    np.testing.assert_allclose(whole.numpy(), scaled(cells)[:180], atol=1e-5)
    some = run.sample(50).numpy()
    assert len({tuple(row) for row in some.tolist()}) == 50
    assert {tuple(row) for row in some.tolist()} <= {tuple(row) for row in whole.tolist()}


def test_pictures_for_a_learned_graph_are_taken_before_diffusion(cells, new_run):
    run = new_run(cells, graphs.learned(16), diffusion=2)
    run.train_epoch(0)
    run.set_graph(graphs.grid(4))
    shown = run.pictures(run.sample(GraphLearner.CELLS))
    assert run.network.training
    assert shown.any()
    with torch.no_grad():
        run.network.eval()
        code = run.network.layer.code(run.network.encoder(run.sample(GraphLearner.CELLS))).numpy()
    norms = np.linalg.norm(code, axis=1, keepdims=True)
    np.testing.assert_allclose(shown, code / (norms + 0.1 * norms.mean()), rtol=1e-4, atol=1e-6)


def test_a_new_graph_reaches_the_layer_and_the_penalty(cells, new_run):
    run = new_run(cells, graphs.learned(16), diffusion=1)
    x = torch.rand(20, 16, generator=torch.Generator().manual_seed(0))
    weight = run.network.layer.linear.weight.detach()
    assert float(run.regularizer(x, weight)) == 0  # a learned graph begins without edges
    run.set_graph(graphs.ring(16))
    assert float(run.regularizer(x, weight)) > 0
    diffused = run.network.layer.diffuse(torch.eye(16))
    assert (torch.count_nonzero(diffused, dim=1) == 3).all()


def test_the_first_graph_of_a_learned_one_has_no_edges():
    graph = edgeless(5)
    assert (graph.n_neurons, graph.n_edges, graph.name) == (5, 0, "learned")
    assert len(np.unique(graph.positions, axis=0)) == 5


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda history: history.drop(columns="epoch"),
        lambda history: history[[]],
        lambda history: history.assign(epoch=history["epoch"] + 1),
        lambda history: history.assign(epoch="x"),
    ],
)
def test_a_history_of_other_epochs_is_refused(cells, new_run, spoilt):
    run = new_run(cells, graphs.grid(4), n_epochs=3)
    run.history.append({"epoch": 0, **run.train_epoch(0), **run.validate()})
    state = run.state()
    with pytest.raises((KeyError, ValueError), match="epoch"):
        new_run(cells, graphs.grid(4), n_epochs=3).load_state({**state, "history": spoilt(state["history"])})
