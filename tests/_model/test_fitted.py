"""A model applied to cells, saved, and brought back without data."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

import scgsr
from scgsr import FittedModel, get, graphs, tl
from scgsr._model._record import with_identity
from scgsr._modules import Modules

QUICK = {"hidden": (16,), "n_epochs": 5, "batch_size": 40, "progress": False}
GRAPHS = [(4, 5), graphs.learned(20, n_neighbors=4), graphs.tree(3)]


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("options", [{}, {"threshold": None, "diffusion": 1}, {"hidden": (8, 4), "scale": False}])
def test_a_saved_model_comes_back(cells, graph, options, tmp_path):
    tl.fit(cells, graph, **{**QUICK, **options})
    model = get.model(cells)
    model.save(tmp_path / "model")
    loaded = FittedModel.load(str(tmp_path / "model"))
    for apply in ("activations", "reconstruct", "novelty"):
        np.testing.assert_array_equal(getattr(loaded, apply)(cells.X), getattr(model, apply)(cells.X))
    assert loaded.features == model.features
    assert loaded.graph.image_shape == model.graph.image_shape
    assert (loaded.graph.adjacency != model.graph.adjacency).nnz == 0
    assert (loaded.coactivation != model.coactivation).nnz == 0
    np.testing.assert_array_equal(loaded.modules.labels, model.modules.labels)
    pd.testing.assert_frame_equal(loaded.history, model.history)
    assert loaded.evolution.epochs == model.evolution.epochs
    assert {name: str(value) for name, value in loaded.params.items()} == {
        name: str(value) for name, value in model.params.items()
    }
    assert loaded.versions == model.versions
    assert loaded.explainable_r2 == pytest.approx(model.explainable_r2, abs=0)


@pytest.mark.parametrize("explainable", [0.0, 0.25, float("nan")])
def test_what_can_be_explained_is_kept_and_older_records_do_not_know_it(model, explainable):
    record = replace(model, explainable_r2=explainable).to_record()
    assert FittedModel.from_record(record).explainable_r2 == pytest.approx(explainable, nan_ok=True)
    record["model"]["arrays"].pop("explainable_r2")
    assert np.isnan(FittedModel.from_record(with_identity(record)).explainable_r2)


def test_what_a_model_gives_is_the_readers_own(model, cells):
    record = model.to_record()
    record["graph"]["positions"][:] = 0
    record["features"][0] = "changed"
    assert model.graph.positions.any()
    assert model.features[0] == "feature_0"
    assert scgsr.get.model(cells).features[0] == "feature_0"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda record: record.pop("graph"),
        lambda record: [record.update(schema=2), record.pop("graph")],
        lambda record: record["features"]["values"].__setitem__(1, record["features"]["values"][0]),
        lambda record: record.update(features={"__kind__": "strings", "values": ["a"]}),
        lambda record: record["model"].update(config="{"),
        lambda record: record["model"]["arrays"].pop("mean"),
        lambda record: record["model"]["arrays"].pop("output.weight"),
        lambda record: record["graph"]["adjacency"].update(shape=[3, 3]),
        lambda record: record["model"]["arrays"].update(mean=record["model"]["arrays"]["typical_precision"]),
        lambda record: record.update(modules=record["evolution"]["epoch"]),
        lambda record: record["model"]["arrays"].update(templates=record["model"]["arrays"]["mean"]),
        lambda record: record["model"]["arrays"].update(silent=record["coactivation"]["indices"]),
        lambda record: record["graph"]["positions"].update(name="nowhere"),
        lambda record: record["model"].update(
            config=record["model"]["config"].replace('"hidden": [16]', '"hidden": [1000000000000]')
        ),
    ],
)
def test_a_spoilt_record_is_refused(folder, spoil):
    outer = json.loads((folder / "model.json").read_text())
    spoil(outer["record"])
    (folder / "model.json").write_text(json.dumps(outer))
    with pytest.raises(ValueError, match="damaged model"):
        FittedModel.load(folder)


def test_activations_and_reconstruction_are_in_the_units_of_the_features(model, cells):
    """The network sees standardised values; what it reconstructs comes back in those of the matrix."""
    scaled = torch.as_tensor((cells.X - model.mean) / model.scale, dtype=torch.float32)
    with torch.no_grad():
        activations, reconstruction = model.network(scaled)
    np.testing.assert_allclose(model.activations(cells.X), activations, atol=1e-5)
    np.testing.assert_allclose(model.reconstruct(cells.X), reconstruction.numpy() * model.scale + model.mean, atol=1e-4)
    np.testing.assert_array_equal(model.decode(model.activations(cells.X)), model.reconstruct(cells.X))


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array, np.asfortranarray])
def test_any_kind_of_matrix_gives_the_same(model, cells, kind):
    np.testing.assert_allclose(model.activations(kind(cells.X)), model.activations(cells.X), atol=1e-6)
    np.testing.assert_allclose(model.novelty(kind(cells.X)), model.novelty(cells.X), atol=1e-4)


def test_novelty_takes_activations_that_are_known(model, cells, monkeypatch):
    expected, activations = model.novelty(cells.X), model.activations(cells.X)
    monkeypatch.setattr(FittedModel, "activations", None)  # they are not computed once more
    np.testing.assert_array_equal(model.novelty(cells.X, activations=activations), expected)


def test_novelty_without_a_reference_asks_for_a_new_fit(model, cells):
    with pytest.raises(ValueError, match="fit again"):
        replace(model, novelty_reference=None).novelty(cells.X)


@pytest.mark.parametrize("verb", ["activations", "reconstruct", "novelty"])
@pytest.mark.parametrize(
    ("matrix", "error"), [(np.zeros((2, 11)), ValueError), (np.full((2, 12), np.nan), ValueError), ("X", TypeError)]
)
def test_another_matrix_is_refused(model, verb, matrix, error):
    with pytest.raises(error, match="`matrix`"):
        getattr(model, verb)(matrix)


def shorter(reference):
    return replace(reference, location=reference.location[:7], precision=reference.precision[:7, :7])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda model: {"features": model.features[1:]}, "one entry for each feature"),
        (lambda model: {"mean": model.mean[1:]}, "one entry for each feature"),
        (lambda model: {"mean": np.stack([model.mean] * 2, axis=1)}, "one entry for each feature"),
        (lambda model: {"cofactor": model.cofactor[1:]}, "one entry for each feature"),
        (lambda model: {"features": (model.features[1], *model.features[1:])}, "different names"),
        (lambda model: {"mean": np.full(12, np.nan)}, "`mean` must be finite"),
        (lambda model: {"scale": np.zeros(12)}, "`scale` finite and above 0"),
        (lambda model: {"graph": graphs.ring(7)}, "of the 7 neurons"),
        (lambda model: {"modules": Modules.none(7), "names": ()}, "of the 20 neurons"),
        (lambda model: {"coactivation": model.coactivation[:7]}, "of the 20 neurons"),
        (
            lambda model: {"novelty_reference": shorter(model.novelty_reference)},
            "`novelty_reference` must be of the 20",
        ),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(model, change, message):
    with pytest.raises(ValueError, match=message):
        replace(model, **change(model))


def test_a_model_cannot_be_changed(model):
    with pytest.raises(AttributeError):
        model.mean = model.mean + 1


def test_its_name_says_what_it_maps(model):
    assert repr(model) == f"FittedModel(12 features -> 20 neurons (grid), {model.modules.n_modules} modules)"


def test_a_record_makes_the_same_model(model, cells):
    loaded = FittedModel.from_record(model.to_record())
    assert not loaded.network.training
    for verb in ("activations", "reconstruct", "novelty"):
        np.testing.assert_array_equal(getattr(loaded, verb)(cells.X), getattr(model, verb)(cells.X))
    np.testing.assert_array_equal(loaded.cofactor, model.cofactor)
    assert (loaded.params, loaded.versions) == (model.params, model.versions)
