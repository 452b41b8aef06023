"""`fit(batch_key=)`: what a batch does to the values stays out of the pictures, populations of one batch stay in."""

from __future__ import annotations

import os

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from scgsr import get, tl

KINDS = np.repeat(np.arange(5), 120)
QUICK = {"hidden": (32,), "n_epochs": 40, "progress": False}


def cells(*, shift=1.5, alone=True, seed=0):
    """Five kinds of cells in two runs, of which the second moves all values; the last kind is in one run alone."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 2, size=(5, 12))
    moved = rng.normal(0, shift, size=12)
    run = rng.integers(0, 2, len(KINDS))
    if alone:
        run[KINDS == 4] = 0
    values = centres[KINDS] + rng.normal(size=(len(KINDS), 12)) + run[:, None] * moved
    obs = pd.DataFrame({"kind": KINDS.astype(str), "run": np.array(["one", "two"])[run]})
    obs.index = obs.index.astype(str)
    return ad.AnnData(values.astype(np.float32), obs=obs)


@pytest.fixture(scope="module")
def told():
    adata = cells()
    tl.fit(adata, batch_key="run", **QUICK)
    return adata


def mixing(adata):
    tl.score(adata, batch_key="run", n_permutations=19)
    scores = get.scores(adata).set_index("metric")
    return float(scores.loc["batch_mixing", "value"]), float(scores.loc["batch_r2", "value"])


def test_labels_are_of_kinds_and_not_of_runs(told):
    plain = cells()
    tl.fit(plain, **QUICK)
    agreement = [adjusted_rand_score(adata.obs["kind"], adata.obs["gsr"]) for adata in (told, plain)]
    assert agreement[0] > 0.95 > agreement[1] + 0.1
    assert mixing(told)[0] > mixing(plain)[0] + 0.3
    assert mixing(told)[1] < mixing(plain)[1]


def test_the_kind_of_one_run_stays_by_itself(told):
    labels = told.obs["gsr"][told.obs["kind"] == "4"]
    assert labels.value_counts(normalize=True).iloc[0] > 0.95
    assert (told.obs["kind"][told.obs["gsr"] == labels.mode()[0]] == "4").mean() > 0.95


def test_runs_that_do_not_differ_change_nothing():
    plain, told = (cells(shift=0, alone=False) for _ in range(2))
    tl.fit(plain, **QUICK)
    tl.fit(told, batch_key="run", **QUICK)
    assert adjusted_rand_score(plain.obs["gsr"], told.obs["gsr"]) > 0.95


@pytest.mark.parametrize(
    "settings", [{"start": "random"}, {"hidden": ()}, {"scale": "pca"}, {"threshold": None, "noise": 0.0}]
)
def test_any_network_can_be_told(settings):
    adata = cells()
    tl.fit(adata, batch_key="run", **{**QUICK, **settings})
    assert mixing(adata)[0] > 0.3
    assert np.isfinite(get.model(adata).reconstruct(adata.X)).all()


def test_new_cells_need_no_batch(told):
    new = cells(seed=0)[::3].copy()
    del new.obs["run"]
    tl.transform(new, told)
    np.testing.assert_allclose(new.obsm["X_gsr"], told.obsm["X_gsr"][::3], atol=1e-5)
    assert (new.obs["gsr_novelty"] > 1).mean() < 0.05


def test_a_reconstruction_is_of_one_batch_or_the_mean(told):
    model = get.model(told)
    assert model.batches == ("one", "two")
    whole = model.reconstruct(told.X)
    of_one, of_two = (model.reconstruct(told.X, batch=batch) for batch in model.batches)
    np.testing.assert_allclose(whole, (of_one + of_two) / 2, atol=1e-5)
    run = (told.obs["run"] == "two").to_numpy()[:, None]
    own, other = np.where(run, of_two, of_one), np.where(run, of_one, of_two)
    misfit = [float(((told.X - decoded) ** 2).mean()) for decoded in (own, whole, other)]
    assert misfit == sorted(misfit)
    np.testing.assert_array_equal(model.decode(told.obsm["X_gsr"], batch="two"), of_two)
    with pytest.raises(ValueError, match=r"`batch` must be one of \['one', 'two'\], got 'three'"):
        model.reconstruct(told.X, batch="three")


def test_novelty_is_that_of_the_best_batch(told):
    model, values = get.model(told), told.X[:50]
    of_each = np.stack(
        [((values - model.reconstruct(values, batch=name)) / model.scale) ** 2 for name in model.batches]
    )
    reference = model.novelty_reference
    expected = reference.novelty(model.activations(values), of_each.mean(axis=2).min(axis=0))
    np.testing.assert_allclose(model.novelty(values), expected, atol=1e-4)


def test_a_fit_that_was_told_nothing_knows_no_batch(reference):
    model = get.model(reference)
    assert model.batches == ()
    with pytest.raises(ValueError, match=r"`batch`='one' needs a fit with batches; call .*batch_key"):
        model.reconstruct(reference[:, list(model.features)].X, batch="one")


@pytest.mark.filterwarnings("ignore:Writing zarr v2:UserWarning")  # anndata 0.12 tells of a coming default
@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
def test_files_keep_the_batches(told, suffix, tmp_path):
    path = tmp_path / f"told.{suffix}"
    told.write_h5ad(path) if suffix == "h5ad" else told.write_zarr(path)
    back = ad.read_h5ad(path) if suffix == "h5ad" else ad.read_zarr(path)
    models = [get.model(adata) for adata in (told, back)]
    assert models[1].batches == ("one", "two")
    np.testing.assert_array_equal(*(model.reconstruct(told.X, batch="two") for model in models))
    models[0].save(tmp_path / "model")
    loaded = type(models[0]).load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.reconstruct(told.X, batch="two"), models[0].reconstruct(told.X, batch="two"))


def test_from_disk_as_from_memory(tmp_path):
    memory = cells()
    memory.write_h5ad(tmp_path / "cells.h5ad")
    disk = ad.read_h5ad(tmp_path / "cells.h5ad", backed="r")
    for adata in (memory, disk):
        tl.fit(adata, batch_key="run", **{**QUICK, "n_epochs": 3})
    np.testing.assert_array_equal(memory.obsm["X_gsr"], disk.obsm["X_gsr"])


def test_a_run_with_other_batches_is_another_run(tmp_path):
    settings = {**QUICK, "n_epochs": 3, "checkpoint": tmp_path / "run"}
    adata = cells()
    tl.fit(adata, batch_key="run", **settings)
    other = cells()
    other.obs["run"] = other.obs["run"].to_numpy()[::-1]
    with pytest.raises(ValueError, match=r"`checkpoint`.* of another run"):
        tl.fit(other, batch_key="run", **settings)
    assert os.listdir(tmp_path / "run")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda obs: obs.drop(columns="run"), KeyError("`batch_key`='run' is not in")),
        (lambda obs: obs.assign(run=obs["run"].where(obs["kind"] != "0")), ValueError("got none for 120 of 600")),
        (lambda obs: obs.assign(run=np.linspace(0, 1, 600)), TypeError("must name a column of groups, got numbers")),
        (lambda obs: obs.assign(run=obs.index), ValueError("20 cells or more on average, got 600 batches")),
    ],
)
def test_a_column_that_names_no_batches_is_refused(change, error, unchanged, state):
    adata = cells()
    adata.obs = change(adata.obs)
    before = state(adata)
    with pytest.raises(type(error), match=str(error.args[0])):
        tl.fit(adata, batch_key="run", **QUICK)
    assert unchanged(before, adata)


def test_one_batch_alone_and_small_ones_are_said(caplog):
    adata = cells()
    tl.fit(adata[adata.obs["run"] == "one"].copy(), batch_key="run", **{**QUICK, "n_epochs": 2})
    assert "names one batch alone (one)" in caplog.text
    adata.obs["run"] = np.where(np.arange(adata.n_obs) < 3, "tiny", adata.obs["run"])
    tl.fit(adata, batch_key="run", **{**QUICK, "n_epochs": 2})
    assert "batches of fewer than 20 cells, of which little can be learned: tiny" in caplog.text


def test_score_compares_with_batches_at_random_within_labels(told):
    tl.score(told, batch_key="run", n_permutations=99)
    scores = get.scores(told).set_index("metric").loc[["batch_mixing", "batch_r2"]]
    assert scores["null_mean"].notna().all()
    assert ((scores["p"] > 0) & (scores["p"] <= 1)).all()
    apart = told.copy()
    apart.obsm["X_gsr"] = apart.obsm["X_gsr"].copy()
    apart.obsm["X_gsr"][:, 0] += 50 * (apart.obs["run"] == "two").to_numpy()
    tl.score(apart, batch_key="run", n_permutations=99)
    row = get.scores(apart).set_index("metric").loc["batch_mixing"]
    assert row["value"] < 0.05
    assert row["p"] == 0.01
    apart.obs["run"] = apart.obs["run"].where(np.arange(apart.n_obs) > 0)
    with pytest.raises(ValueError, match="got none for 1; leave them out"):
        tl.score(apart, batch_key="run")


def test_measures_are_the_same_for_any_names_of_batches(told):
    renamed = told.copy()
    renamed.obs["run"] = renamed.obs["run"].map({"one": "z", "two": "a"})
    assert mixing(renamed) == pytest.approx(mixing(told))
