"""`tl.fit` as a user calls it."""

from __future__ import annotations

import logging

import anndata as ad
import numpy as np
import pytest
import scanpy as sc
import torch
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

import scgsr
from scgsr import graphs, tl

QUICK = {"n_epochs": 5, "hidden": 16}
SLOTS = {"obs": {"gsr", "gsr_confidence", "gsr_held_out", "gsr_fit"}, "obsm": {"X_gsr"}, "uns": {"gsr", "gsr_colors"}}


def same(one, other):
    """Whether two AnnData hold the same values in the slots of a fit."""
    records = [data.uns["gsr"] for data in (one, other)]
    return (
        np.array_equal(one.obsm["X_gsr"], other.obsm["X_gsr"])
        and one.obs["gsr"].equals(other.obs["gsr"])
        and one.obs["gsr_confidence"].equals(other.obs["gsr_confidence"])
        and records[0]["history"].equals(records[1]["history"])
        and all(
            np.array_equal(value, records[1]["model"]["arrays"][name], equal_nan=True)
            for name, value in records[0]["model"]["arrays"].items()
        )
    )


@pytest.fixture
def fitted(cells):
    tl.fit(cells, (4, 5), **QUICK)
    return cells


WEIGHTS = sparse.random(11, 11, 0.4, random_state=np.random.default_rng(0)).toarray()
GRAPHS = {
    "default": None,
    "pair": (4, 5),
    "torus": graphs.grid(4, 5, periodic=True),
    "ring": graphs.ring(12),
    "path": graphs.path(10),
    "star": graphs.star(9),
    "tree": graphs.tree(3),
    "wishbone": graphs.wishbone(4, 4),
    "modules": graphs.modules(3, 5),
    "disjoint": graphs.disjoint(graphs.ring(5), graphs.path(4)),
    "own": graphs.from_adjacency(np.maximum(WEIGHTS, WEIGHTS.T)),
    "learned": graphs.learned(20, n_neighbors=4),
    "coactivation": graphs.coactivation(np.random.default_rng(0).uniform(size=(50, 14)), n_neighbors=3),
    "one neuron": graphs.from_adjacency(np.zeros((1, 1))),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_every_graph_writes_the_promised_slots(cells, name, state):
    before = state(cells)
    assert tl.fit(cells, GRAPHS[name], **QUICK) is None
    n_neurons = cells.uns["gsr"]["graph"]["adjacency"].shape[0]
    assert cells.obsm["X_gsr"].shape == (240, n_neurons)
    assert cells.obsm["X_gsr"].dtype == np.float32
    assert cells.obsm["X_gsr"].flags.c_contiguous
    assert cells.obs["gsr"].cat.categories.tolist() == [str(i) for i in range(cells.obs["gsr"].nunique())]
    assert cells.obs["gsr_confidence"].dtype == np.float32
    assert cells.obs["gsr_confidence"].between(0, 1).all()
    assert len(cells.uns["gsr_colors"]) == cells.obs["gsr"].nunique()
    assert cells.uns["gsr"]["modules"].shape == (n_neurons,)
    for mapping, added in SLOTS.items():
        assert set(getattr(cells, mapping).keys()) - set(before[mapping].keys()) == added


def test_nothing_else_changes(cells, state, unchanged):
    cells.layers["counts"] = sparse.csr_matrix(np.abs(cells.X).round())
    cells.obsm["X_pca"] = cells.X[:, :2].copy()
    cells.obs["score"] = np.arange(240, dtype=np.float16)
    cells.var["highly_variable"] = True
    cells.uns["mine"] = {"a": 1}
    before = state(cells)
    tl.fit(cells, (4, 5), **QUICK)
    for mapping, added in SLOTS.items():
        for name in added:
            del getattr(cells, mapping)[name]
    assert unchanged(before, cells)
    assert cells.obs["score"].dtype == np.float16


def test_groups_are_found_and_activate_different_neurons(cells):
    tl.fit(cells, (6, 6), n_epochs=60, hidden=32)
    assert adjusted_rand_score(cells.obs["group"], cells.obs["gsr"]) > 0.9
    means = scgsr.get.activations(cells).groupby(cells.obs["group"], observed=True).mean().to_numpy()
    assert len(set(means.argmax(axis=1))) == 4


def test_labels_are_the_modules_with_most_activation(fitted):
    shares = scgsr.get.activations(fitted, by="module")
    fires = fitted.obsm["X_gsr"].any(axis=1)
    assert (shares.idxmax(axis=1) == fitted.obs["gsr"])[fires].all()
    counts = fitted.obs["gsr"].value_counts()[fitted.obs["gsr"].cat.categories].to_numpy()
    assert (np.diff(counts) <= 0).all()


def test_dense_and_sparse_give_the_same_bits(cells):
    tl.fit(cells, (4, 5), **QUICK)
    for kind in (sparse.csr_matrix, sparse.csc_matrix, np.asfortranarray, lambda m: m.astype(np.float64)):
        other = ad.AnnData(kind(cells.X), obs=cells.obs[["group"]], var=cells.var)
        tl.fit(other, (4, 5), **QUICK)
        assert same(cells, other), kind


def test_same_seed_same_bits_and_another_seed_others(cells):
    first, second, other = (
        tl.fit(cells, graphs.learned(20, n_neighbors=4), rng=rng, copy=True, **QUICK) for rng in (3, 3, 4)
    )
    assert same(first, second)
    assert not same(first, other)
    assert first.uns["gsr"]["params"]["seed"] == 3


def test_generator_and_seed_sequence_repeat_too(cells):
    for make in (np.random.default_rng, np.random.SeedSequence):
        assert same(*(tl.fit(cells, (4, 5), rng=make(1), copy=True, **QUICK) for _ in range(2)))


def test_copy_leaves_the_original(cells, state, unchanged):
    before = state(cells)
    copied = tl.fit(cells, (4, 5), copy=True, **QUICK)
    assert unchanged(before, cells)
    assert "X_gsr" in copied.obsm


def test_layer_rep_and_mask_choose_what_is_trained_on(cells):
    cells.layers["other"] = cells.X[::-1].copy()
    cells.obsm["X_pca"] = cells.X[:, :3].copy()
    cells.var["some"] = np.arange(12) < 7
    tl.fit(cells, (3, 3), layer="other", key_added="a", **QUICK)
    tl.fit(cells, (3, 3), use_rep="X_pca", key_added="b", **QUICK)
    tl.fit(cells, (3, 3), mask_var="some", key_added="c", **QUICK)
    model = scgsr.get.model(cells, key="a")
    np.testing.assert_allclose(model.activations(cells.layers["other"]), cells.obsm["X_a"], atol=1e-5)
    assert list(cells.uns["b"]["features"]) == ["X_pca_0", "X_pca_1", "X_pca_2"]
    assert list(cells.uns["c"]["features"]) == list(cells.var_names[:7])


@pytest.mark.parametrize("n_obs", [2, 3, 33, 65, 129])
def test_any_number_of_cells(cells, n_obs):
    few = cells[:n_obs].copy()
    tl.fit(few, (3, 3), batch_size=32, **QUICK)
    assert np.isfinite(few.obsm["X_gsr"]).all()


def test_a_view_works_and_its_parent_stays(cells, caplog, state, unchanged):
    before, view = state(cells), cells[cells.obs["group"] != "group 1"]
    with caplog.at_level(logging.INFO, logger="scgsr"), pytest.warns(ad.ImplicitModificationWarning):
        tl.fit(view, (4, 5), **QUICK)
    assert view.obsm["X_gsr"].shape == (180, 20)
    assert "is a view" in caplog.text
    assert unchanged(before, cells)


def test_a_second_fit_replaces_the_first_without_stale_slots(fitted, caplog):
    fitted.obs["gsr_novelty"] = 0.0
    fitted.varm["gsr_programs"] = np.zeros((12, 3))
    fitted.uns["gsr"]["scores"] = {"old": 1}
    with caplog.at_level(logging.INFO, logger="scgsr"):
        tl.fit(fitted, graphs.ring(7), **QUICK)
    assert "overwriting the results under key 'gsr'" in caplog.text
    assert fitted.obsm["X_gsr"].shape == (240, 7)
    assert "gsr_novelty" not in fitted.obs
    assert "gsr_programs" not in fitted.varm
    assert "scores" not in fitted.uns["gsr"]


def test_a_fit_whose_uns_was_lost_can_be_repeated(fitted):
    joined = ad.concat([fitted, fitted.copy()], index_unique="-")
    assert "gsr" not in joined.uns
    with pytest.raises(KeyError, match="uns_merge"):
        tl.cluster(joined)
    tl.fit(joined, (3, 3), **QUICK)
    assert joined.obsm["X_gsr"].shape == (480, 9)


def test_keys_live_side_by_side(fitted):
    first = fitted.obsm["X_gsr"].copy()
    tl.fit(fitted, graphs.ring(7), key_added="ring", **QUICK)
    assert fitted.obsm["X_ring"].shape == (240, 7)
    assert {"ring", "ring_confidence"} <= set(fitted.obs)
    assert np.array_equal(fitted.obsm["X_gsr"], first)


@pytest.mark.parametrize("fmt", ["h5ad", "zarr"])
@pytest.mark.parametrize("graph", [(4, 5), graphs.learned(20, n_neighbors=4), graphs.tree(3)])
@pytest.mark.filterwarnings("ignore:Writing zarr v2:UserWarning")  # anndata 0.12 tells of a coming default
def test_results_survive_files(cells, tmp_path, fmt, graph):
    tl.fit(cells, graph, threshold=None, **QUICK)
    path = tmp_path / f"cells.{fmt}"
    getattr(cells, f"write_{fmt}")(path)
    read = getattr(ad, f"read_{fmt}")(path)
    assert same(cells, read)
    assert read.uns["gsr"]["params"].keys() == cells.uns["gsr"]["params"].keys()
    assert (read.uns["gsr"]["coactivation"] != cells.uns["gsr"]["coactivation"]).nnz == 0
    model, stored = scgsr.get.model(cells), scgsr.get.model(read)
    assert np.array_equal(model.activations(cells.X), stored.activations(read.X))
    assert stored.graph.image_shape == model.graph.image_shape
    assert np.array_equal(stored.graph.positions, model.graph.positions)
    tl.cluster(read)
    assert read.obs["gsr"].dtype == "category"


def test_the_model_applied_to_the_training_cells_gives_the_stored_activations(fitted):
    model = scgsr.get.model(fitted)
    np.testing.assert_allclose(model.activations(fitted.X), fitted.obsm["X_gsr"], atol=1e-5)
    labels, _ = model.modules.assign(fitted.obsm["X_gsr"])
    assert (labels.astype(str) == fitted.obs["gsr"]).all()


def test_booleans_are_numbers(cells):
    cells.X = np.asarray(cells.X) > 0
    tl.fit(cells, (4, 5), **QUICK)
    assert np.isfinite(cells.obsm["X_gsr"]).all()


def test_the_default_graph_is_a_sheet_without_diffusion(cells):
    tl.fit(cells, **QUICK)
    assert cells.uns["gsr"]["params"]["diffusion"] == 0
    assert cells.uns["gsr"]["graph"]["name"] == "grid"
    assert cells.uns["gsr"]["graph"]["image_shape"].tolist() == [10, 10]
    assert cells.obsm["X_gsr"].shape == (240, 100)


def test_constant_features_do_not_change_the_fit(cells):
    padded = ad.AnnData(np.hstack([cells.X, np.zeros((240, 100), dtype=np.float32)]))
    tl.fit(cells, (4, 5), **QUICK)
    tl.fit(padded, (4, 5), **QUICK)
    assert np.array_equal(cells.obsm["X_gsr"], padded.obsm["X_gsr"])
    assert len(padded.uns["gsr"]["features"]) == 12


def test_integers_of_numpy_are_integers(cells):
    two = np.int64(2)
    tl.fit(cells, (4, 5), n_epochs=two, batch_size=np.int64(32), hidden=[np.int64(8)], diffusion=np.int64(1))
    assert len(cells.uns["gsr"]["history"]) == 2


def test_precision_is_what_was_asked_for_and_on_record(cells):
    exact, rough, repeated = (
        tl.fit(cells, (4, 5), precision=precision, copy=True, **QUICK) for precision in (None, "bf16", "bf16")
    )
    assert [fit.uns["gsr"]["params"].get("precision") for fit in (exact, rough)] == [None, "bf16"]
    assert not same(exact, rough)
    assert same(rough, repeated)
    assert rough.obsm["X_gsr"].dtype == np.float32
    r2 = [fit.uns["gsr"]["history"]["validation_r2"].iloc[-1] for fit in (exact, rough)]
    assert r2[1] == pytest.approx(r2[0], abs=0.05)


def test_a_step_that_the_device_has_not_is_refused(cells, state, unchanged):
    before = state(cells)
    with pytest.raises(ValueError, match=r"`step`='captured' is for CUDA devices.*leave it out"):
        tl.fit(cells, (4, 5), step="captured", device="cpu", **QUICK)
    with pytest.raises(ValueError, match=r"`step`.*'fast'"):
        tl.fit(cells, (4, 5), step="fast", **QUICK)
    assert unchanged(before, cells)


def test_a_device_that_runs_out_of_memory_says_what_to_try(cells, state, unchanged, monkeypatch):
    def out_of_memory(*_):
        raise torch.OutOfMemoryError

    before = state(cells)
    with monkeypatch.context() as patch:
        patch.setattr(scgsr._train._step, "squared_error", out_of_memory)
        with pytest.raises(MemoryError, match=r"`batch_size`: a step on 216 cells .* try `batch_size`=108"):
            tl.fit(cells, (4, 5), **QUICK)
    with monkeypatch.context() as patch:
        patch.setattr(scgsr._train._run.Run, "validate", out_of_memory)
        with pytest.raises(MemoryError, match="`device`='cpu' has too little memory"):
            tl.fit(cells, (4, 5), **QUICK)
    assert unchanged(before, cells)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("graph", [(4, 5), graphs.learned(20, n_neighbors=4)])
def test_captured_steps_come_to_the_fit_of_plain_ones_on_a_gpu(cells, graph, monkeypatch, caplog):
    plain = tl.fit(cells, graph, device="cuda", step="plain", copy=True, **QUICK)
    replayed, replay_on = [], scgsr._train._execution._Recording.replay_on
    monkeypatch.setattr(
        scgsr._train._execution._Recording, "replay_on", lambda *args: replayed.append(1) or replay_on(*args)
    )
    with caplog.at_level(logging.WARNING, logger="scgsr"):
        tl.fit(cells, graph, device="cuda", **QUICK)  # as it is by default
    assert "`step`" not in caplog.text
    assert replayed
    np.testing.assert_allclose(cells.obsm["X_gsr"], plain.obsm["X_gsr"], atol=1e-2)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_that_runs_out_of_memory_says_what_to_try():
    rows = np.random.default_rng(0).normal(size=(20_000, 50)).astype(np.float32)
    torch.cuda.set_per_process_memory_fraction(0.003)
    try:
        with pytest.raises(MemoryError, match=r"`batch_size`: a step on .* try `batch_size`=|`device`="):
            tl.fit(ad.AnnData(rows), (10, 10), hidden=(16_384,), batch_size=18_000, n_epochs=1, device="cuda")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("graph", [(4, 5), graphs.learned(20, n_neighbors=4)])
def test_the_same_weights_give_the_same_activations_on_a_gpu(cells, graph):
    tl.fit(cells, graph, device="cuda", **QUICK)
    on_cpu = scgsr.get.model(cells).activations(cells.X)
    np.testing.assert_allclose(on_cpu, cells.obsm["X_gsr"], atol=1e-3)
    assert same(cells, tl.fit(cells, graph, device="cuda", copy=True, **QUICK))


@pytest.mark.parametrize(
    "graph",
    [graphs.grid(8), graphs.ring(40), graphs.tree(5), graphs.learned(64)],
    ids=["grid", "ring", "tree", "learned"],
)
def test_blood_progenitors_after_the_usual_preprocessing(shared_data, graph):
    adata = ad.read_h5ad(shared_data / "paul15_counts.h5ad")
    sc.pp.normalize_total(adata)
    sc.pp.log1p(adata)
    sc.pp.highly_variable_genes(adata, n_top_genes=500)
    tl.fit(adata, graph, n_epochs=15)
    assert adata.uns["gsr"]["history"]["validation_r2"].iloc[-1] > 0.02
    assert adjusted_rand_score(adata.obs["cell_type"], adata.obs["gsr"]) > 0.1
