"""From a view of the cells to all that a fit knows: arrays alone, each wrapped, encoded and labelled once."""

from __future__ import annotations

import logging
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from scipy import sparse

from scgsr import _model, _modules, _random, graphs
from scgsr._model import Autoencoder, AutoencoderConfig, FittedModel
from scgsr._train import TrainConfig, _learn, _training, learn
from scgsr._train._training import split
from scgsr._values import Batches, MatrixView, Statistics

GRAPHS = {"grid": graphs.grid(4, 5), "learned": graphs.learned(20, n_neighbors=4)}


def view_of(matrix):
    found = Statistics.of(matrix)
    mean, sd = found.mean, found.sd
    names = tuple(f"feature_{i}" for i in range(matrix.shape[1]))
    return MatrixView(matrix=matrix, features=names, mean=mean, scale=sd, width=matrix.shape[1])


@pytest.fixture
def view(cells):
    return view_of(np.asarray(cells.X))


@pytest.fixture
def learned(train_config):
    """Learn from a view, with some settings of training changed."""

    def learned(view, graph=GRAPHS["grid"], *, seed=0, threshold=0.5, least=0.5, resolution=1.0, **settings):
        n_features = len(view.features)
        return learn(
            view,
            graph,
            AutoencoderConfig(
                n_features=n_features, hidden=(16,), threshold=threshold, noise=0.25, diffusion=0, least=least
            ),
            train_config(**{"batch_size": 40, **settings}).on(graph),
            resolution=resolution,
            seed=seed,
            device=torch.device("cpu"),
            source={"layer": "counts"},
            progress=False,
        )

    return learned


def assert_same(one, other):
    """Two fits to the bit."""
    for name, value in one.fitted.network.state_dict().items():
        assert torch.equal(other.fitted.network.state_dict()[name], value), name
    for name in ("activations", "held_out"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for name in ("codes", "confidence"):
        np.testing.assert_array_equal(getattr(one.labels, name), getattr(other.labels, name))
    for name, value in one.fitted.novelty_reference.to_arrays().items():
        np.testing.assert_array_equal(other.fitted.novelty_reference.to_arrays()[name], value)
    assert one.fitted.history.equals(other.fitted.history)
    assert (one.fitted.coactivation != other.fitted.coactivation).nnz == 0
    assert (one.fitted.graph.adjacency != other.fitted.graph.adjacency).nnz == 0


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_the_fitted_model_gives_the_activations_and_labels_that_were_returned(view, graph, learned):
    result = learned(view, graph)
    assert result.activations.shape == (240, 20)
    assert result.activations.dtype == np.float32
    np.testing.assert_array_equal(result.fitted.activations(view.matrix), result.activations)
    labels = result.fitted.modules.assign(result.activations)
    np.testing.assert_array_equal(result.labels.codes, labels.codes)
    np.testing.assert_allclose(result.labels.confidence, labels.confidence, atol=1e-6)
    assert result.fitted.graph.n_neurons == 20


def test_labels_are_numbered_by_the_cells_that_they_win(view, learned):
    counts = np.bincount(learned(view, resolution=20.0).labels.codes)
    assert len(counts) > 1
    assert (np.diff(counts) <= 0).all()


@pytest.mark.parametrize("fraction", [0.1, 0.5])
def test_held_out_cells_are_the_validation_rows(view, fraction, monkeypatch, learned):
    trained, train = [], _learn.train
    monkeypatch.setattr(_learn, "train", lambda *a, **settings: trained.append(train(*a, **settings)) or trained[-1])
    result = learned(view, validation_fraction=fraction)
    assert result.held_out.dtype == bool
    np.testing.assert_array_equal(np.flatnonzero(result.held_out), trained[0].held_out)
    train_seed = _random.spawn(0, 3)[0]
    _, validation = split(240, fraction, 1, _random.generator(_random.spawn(train_seed, 4)[1]))
    np.testing.assert_array_equal(trained[0].held_out, validation)
    assert result.validation_r2 == trained[0].validation_r2


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_same_seed_same_bits_and_another_seed_others(view, graph, learned):
    one, same, other = (learned(view, graph, seed=seed) for seed in (3, 3, 4))
    assert_same(one, same)
    assert not np.array_equal(one.activations, other.activations)
    assert not np.array_equal(one.held_out, other.held_out)
    assert one.fitted.params["seed"] == 3


def test_sparse_and_dense_values_give_the_same_bits(cells, learned):
    matrix = np.where(cells.X > 1, cells.X, 0)
    view = view_of(matrix)
    for kind in (sparse.csr_matrix, sparse.csr_array):
        assert_same(learned(view), learned(replace(view, matrix=kind(matrix))))


# --- Each thing once -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_the_matrix_is_wrapped_once_and_the_model_is_made_once(view, graph, kind, monkeypatch, learned):
    wrapped, made = [], []
    wrap, check = Batches.__init__, FittedModel.__post_init__
    monkeypatch.setattr(Batches, "__init__", lambda self, *values: wrapped.append(values[0]) or wrap(self, *values))
    monkeypatch.setattr(FittedModel, "__post_init__", lambda self: made.append(self) or check(self))
    view = replace(view, matrix=kind(view.matrix))
    result = learned(view, graph)
    assert len(wrapped) == 1
    assert wrapped[0] is view.matrix  # no copy of it
    assert len(made) == 1
    assert made[0] is result.fitted


def test_after_training_each_cell_is_encoded_once(view, monkeypatch, learned):
    rows, train, encode = [], _learn.train, Autoencoder.encode
    monkeypatch.setattr(_learn, "train", lambda *a, **settings: (train(*a, **settings), rows.clear())[0])
    monkeypatch.setattr(Autoencoder, "encode", lambda self, x: rows.append(x.clone()) or encode(self, x))
    learned(view)
    expected = torch.as_tensor((view.matrix - view.mean) / view.scale, dtype=torch.float32)
    torch.testing.assert_close(torch.cat(rows), expected)


def test_each_cell_is_labelled_once(view, monkeypatch, learned):
    n_cells, responses = [], _modules.Modules.responses
    monkeypatch.setattr(_modules.Modules, "responses", lambda self, x: n_cells.append(len(x)) or responses(self, x))
    learned(view)
    assert n_cells == [240]


def test_the_view_stays_as_it_is(view, learned):
    before = view.matrix.copy(), view.mean.copy(), view.scale.copy()
    learned(view)
    for values, copy in zip((view.matrix, view.mean, view.scale), before, strict=True):
        np.testing.assert_array_equal(values, copy)


# --- Who was held out ------------------------------------------------------------------------------------------------


def test_modules_are_found_without_the_held_out_cells(view, monkeypatch, learned):
    calls, find = [], _modules.find
    monkeypatch.setattr(_modules, "find", lambda *values, **settings: calls.append(values) or find(*values, **settings))
    result = learned(view)
    ((activations, training, _),) = calls
    assert activations is result.activations
    assert np.array_equal(training, np.flatnonzero(~result.held_out))


def test_without_held_out_cells_nothing_is_made_up(view, learned):
    result = learned(view, validation_fraction=0.0)
    assert not result.held_out.any()
    assert np.isnan(result.validation_r2)
    novelty = result.fitted.novelty(view.matrix)
    assert np.median(novelty) == pytest.approx(0, abs=1e-3)  # calibrated on all cells
    assert np.quantile(novelty, 0.99) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(("fraction", "on_held_out"), [(0.5, True), (20 / 240 + 1e-9, True), (0.05, False)])
def test_novelty_is_calibrated_on_held_out_cells_if_there_are_enough(view, fraction, on_held_out, learned):
    result = learned(view, validation_fraction=fraction)
    assert (result.held_out.sum() >= 20) == on_held_out
    novelty = result.fitted.novelty(view.matrix)
    calibrated_on = novelty[result.held_out] if on_held_out else novelty
    assert np.median(calibrated_on) == pytest.approx(0, abs=1e-3)
    assert np.quantile(calibrated_on, 0.99) == pytest.approx(1, abs=1e-3)


def test_what_is_typical_is_learned_from_training_cells(view, learned):
    result = learned(view, validation_fraction=0.5)
    training = result.activations[~result.held_out].astype(np.float64)
    np.testing.assert_allclose(result.fitted.novelty_reference.location, training.mean(axis=0), rtol=1e-6)


def test_novelty_is_made_from_some_cells_of_many(view, monkeypatch, learned):
    monkeypatch.setattr(_learn, "CELLS_SAMPLED", 30)
    monkeypatch.setattr(_training, "CELLS_SAMPLED", 30)
    n_rows, error = [], _model.errors
    monkeypatch.setattr(_model, "errors", lambda network, blocks, x: n_rows.append(len(x)) or error(network, blocks, x))
    reference = learned(view, validation_fraction=0.5).fitted.novelty_reference
    assert n_rows == [30]
    assert np.isfinite(reference.limits).all()


# --- What is on record and what is said ------------------------------------------------------------------------------


def test_all_that_decided_the_fit_is_on_record(view, learned):
    params = learned(view, seed=7, resolution=2.0, penalty={"quadratic": 1}).fitted.params
    expected = {"layer": "counts", "seed": 7, "resolution": 2.0, "width": 12, "start": "ordered", "hidden": (16,)}
    assert {name: params[name] for name in expected} == expected
    assert params["penalty"] == {"quadratic": 1.0}
    assert {field.name for field in fields(TrainConfig)} <= set(params)


def test_features_scaling_and_the_recorded_transform_are_those_of_the_view(view, learned):
    fitted = learned(view).fitted
    assert fitted.features == view.features
    np.testing.assert_array_equal(fitted.mean, view.mean)
    np.testing.assert_array_equal(fitted.scale, view.scale)
    assert np.isnan(fitted.cofactor).all()
    cofactor = np.where(np.arange(12) < 6, 5.0, np.nan)
    np.testing.assert_array_equal(learned(replace(view, cofactor=cofactor)).fitted.cofactor, cofactor)


def test_another_resolution_changes_modules_alone(view, learned):
    coarse, fine = (learned(view, resolution=resolution) for resolution in (0.01, 50.0))
    assert coarse.fitted.modules.n_modules < fine.fitted.modules.n_modules
    np.testing.assert_array_equal(coarse.activations, fine.activations)
    np.testing.assert_array_equal(coarse.fitted.modules.tree.merges, fine.fitted.modules.tree.merges)


def test_device_and_result_are_said_in_the_log(view, caplog, learned):
    with caplog.at_level(logging.INFO, logger="scgsr"):
        learned(view).report()
    lines = [record.getMessage() for record in caplog.records]
    assert sum(line.startswith("training on cpu") for line in lines) == 1
    assert any("10 epochs, R2" in line and "modules" in line for line in lines)


def test_a_collapsed_code_is_warned_about(view, caplog, learned):
    result = learned(view, threshold=8, least=0)
    result.report()
    assert "the code carries next to nothing" in caplog.text
    assert (result.labels.codes == 0).all()
    assert (result.labels.confidence == 0).all()


def test_cells_that_light_no_neuron_are_said(view, caplog, learned):
    with caplog.at_level(logging.INFO, logger="scgsr"):
        learned(view, threshold=2, least=0, n_epochs=2).report()
        learned(view, threshold=2, n_epochs=2).report()
    said = [record.getMessage() for record in caplog.records if "activate no neuron" in record.getMessage()]
    assert len(said) == 1
    assert "confidence 0" in said[0]


def test_an_untrained_code_is_warned_about(view, caplog, learned):
    learned(view, n_epochs=1, learning_rate=1e-9).report()
    assert "the code carries next to nothing" in caplog.text


def with_r2(result, r2, explainable):
    """Return the same fit with another R2, where so much could be explained."""
    return replace(result, validation_r2=r2, fitted=replace(result.fitted, explainable_r2=explainable))


def test_a_code_is_judged_by_what_can_be_explained(view, caplog, learned):
    result = learned(view, n_epochs=40)
    for r2, explainable in ((0.02, 0.03), (0.02, np.nan), (0.5, 0.9)):
        with_r2(result, r2, explainable).report()
    assert "next to nothing" not in caplog.text
    with_r2(result, 0.1, 0.9).report()
    assert "R2 0.100 on held-out cells, of which ten principal components explain 0.900" in caplog.text
    caplog.clear()
    with_r2(result, 0.5, 0.0).report()
    assert "features have nothing in common" in caplog.text


def test_a_fit_knows_what_can_be_explained(view, learned):
    # Four groups of cells in twelve features: components explain most.
    assert 0.8 < learned(view, n_epochs=1).fitted.explainable_r2 < 1
    assert np.isnan(learned(view, n_epochs=1, validation_fraction=0.0).fitted.explainable_r2)
    noise = np.random.default_rng(0).normal(size=(240, 12)).astype(np.float32)
    assert learned(view_of(noise), n_epochs=1).fitted.explainable_r2 == 0


def test_a_healthy_code_is_not_warned_about(view, caplog, learned):
    learned(view, n_epochs=40).report()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_without_held_out_cells_the_report_says_so(view, caplog, learned):
    with caplog.at_level(logging.INFO, logger="scgsr"):
        learned(view, validation_fraction=0.0).report()
    assert "no cells held out" in caplog.text
    assert "nan" not in caplog.text
