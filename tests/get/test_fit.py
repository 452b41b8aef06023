"""Stored results given back."""

from __future__ import annotations

import numpy as np
import pytest
import scanpy as sc

import scgsr
from scgsr import get, graphs


@pytest.fixture
def fitted(cells):
    cells.obsm["X_umap"] = cells.X[:, :2].copy()
    cells.uns["group_colors"] = ["#000000", "#ff0000", "#00ff00", "#0000ff"]
    scgsr.tl.fit(cells, (4, 5), n_epochs=5, hidden=16)
    return cells


def test_neurons_carry_activations_graph_and_cells(fitted):
    neurons = get.neurons(fitted)
    assert neurons.shape == (240, 20)
    assert np.array_equal(neurons.X, fitted.obsm["X_gsr"])
    assert neurons.obs.equals(fitted.obs)
    assert (neurons.varp["graph"] != graphs.grid(4, 5).adjacency).nnz == 0
    assert np.array_equal(neurons.varm["positions"], graphs.grid(4, 5).positions)
    codes = neurons.var["module"].astype(float).fillna(-1).to_numpy()
    assert np.array_equal(codes, fitted.uns["gsr"]["modules"])
    assert list(neurons.uns["group_colors"]) == list(fitted.uns["group_colors"])


def test_neurons_are_independent_of_the_original(fitted):
    neurons, before = get.neurons(fitted), fitted.obsm["X_gsr"].copy()
    neurons.X[:] = 0
    neurons.obs["group"] = "x"
    neurons.obsm["X_umap"][:] = 0
    assert np.array_equal(fitted.obsm["X_gsr"], before)
    assert fitted.obs["group"].nunique() == 4
    assert fitted.obsm["X_umap"].any()


# Scanpy and the libraries below it call what matplotlib will deprecate.
@pytest.mark.filterwarnings("ignore:The set_bad function:PendingDeprecationWarning")
def test_scanpy_works_on_neurons(fitted):
    neurons = get.neurons(fitted)
    sc.tl.rank_genes_groups(neurons, "group", method="wilcoxon")
    best = neurons.uns["rank_genes_groups"]["names"]["group 0"][0]
    assert neurons[neurons.obs["group"] == "group 0", best].X.mean() > neurons[:, best].X.mean()
    sc.pl.embedding(neurons, "umap", color=["neuron_3", "group"], show=False)
    sc.pl.matrixplot(neurons, neurons.var_names[:4], "group", show=False)


def test_images_are_the_activations_row_by_row(fitted):
    images = get.images(fitted)
    assert np.array_equal(images.reshape(240, 20), fitted.obsm["X_gsr"])
    images[:] = 0
    assert fitted.obsm["X_gsr"].any()


def test_images_of_a_graph_that_is_no_sheet(cells):
    scgsr.tl.fit(cells, graphs.tree(2), n_epochs=2, hidden=8)
    with pytest.raises(ValueError, match="not a sheet"):
        get.images(cells)


def test_activations_by_neuron_and_by_module(fitted):
    by_neuron, by_module = get.activations(fitted), get.activations(fitted, by="module")
    assert by_neuron.index.equals(fitted.obs_names)
    arrays = fitted.uns["gsr"]["model"]["arrays"]
    for module in range(arrays["pieces"].max() + 1):
        expected = (fitted.obsm["X_gsr"] @ arrays["templates"][arrays["pieces"] == module].T).max(axis=1)
        np.testing.assert_allclose(by_module[str(module)], expected, rtol=1e-4)
    lit = fitted.obsm["X_gsr"].any(axis=1)
    assert (by_module.idxmax(axis=1) == fitted.obs["gsr"])[lit].all()
    with pytest.raises(ValueError, match="`by`"):
        get.activations(fitted, by="cell")


def test_model_reconstructs_in_input_units(cells):
    cells.X = cells.X * 50 + 1000
    scgsr.tl.fit(cells, graphs.grid(6), n_epochs=60, hidden=32, threshold=None, diffusion=0, smoothness=0)
    got = get.model(cells).reconstruct(cells.X)
    assert got.dtype == np.float32
    error = ((got - cells.X) ** 2).mean() / cells.X.var(axis=0).mean()
    assert error < 0.3


def test_a_fit_of_another_form_is_refused(fitted):
    fitted.uns["gsr"]["schema"] = 1
    with pytest.raises(ValueError, match=r"form 1,.*call `scgsr\.tl\.fit"):
        get.model(fitted)


def test_model_on_sparse_and_empty_matrices(fitted):
    from scipy import sparse

    model = get.model(fitted)
    for kind in (sparse.csr_matrix, sparse.csc_matrix):
        np.testing.assert_allclose(model.activations(kind(fitted.X)), fitted.obsm["X_gsr"], atol=1e-5)
    assert model.activations(fitted.X[:0]).shape == (0, 20)
    assert model.reconstruct(fitted.X[:0]).shape == (0, 12)


@pytest.mark.parametrize("call", ["activations", "reconstruct"])
def test_model_refuses_other_columns(fitted, call):
    with pytest.raises(ValueError, match="`matrix` must have 12 columns"):
        getattr(get.model(fitted), call)(fitted.X[:, :5])


def test_model_refuses_what_has_names_or_no_values(fitted):
    model, bad = get.model(fitted), fitted.X.copy()
    with pytest.raises(TypeError, match="`matrix` must be a NumPy array"):
        model.activations(fitted.to_df())
    bad[3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite"):
        model.activations(bad)


def test_what_is_given_back_is_a_copy(fitted):
    before, mean = fitted.obsm["X_gsr"].copy(), fitted.uns["gsr"]["model"]["arrays"]["mean"].copy()
    table = get.activations(fitted)
    table.iloc[:] = 99
    get.model(fitted).mean[:] = 99
    assert np.array_equal(fitted.obsm["X_gsr"], before)
    assert np.array_equal(fitted.uns["gsr"]["model"]["arrays"]["mean"], mean)


@pytest.mark.parametrize("verb", [get.model, get.neurons, get.images, get.activations])
def test_without_a_fit_the_message_names_the_call(cells, verb):
    with pytest.raises(KeyError, match=r"call `scgsr\.tl\.fit\(adata, key_added='other'\)` first"):
        verb(cells, key="other")
