"""The spectral bottleneck, alone and in a fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from _fits import seeded_init

import scgsr
from scgsr import graphs, nn
from scgsr.graphs import Atoms

KERNELS = ("random_walk", "heat", "mexican_hat", "meyer")


def make(in_features=6, graph=None, **settings):
    with seeded_init(0):
        return nn.SpectralBottleneck(in_features, graphs.grid(5) if graph is None else graph, **settings)


def hidden(n=40, seed=0):
    return torch.randn(n, 6, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kernel", KERNELS)
def test_activations_are_convex_combinations_of_atoms(kernel):
    graph, recipe = graphs.grid(5), Atoms(kernel)
    layer = make(graph=graph, atoms=recipe)
    atoms = recipe.on(graph)
    u, s, v = np.linalg.svd(atoms, full_matrices=False)
    kept = s >= 0.1 * s[0]
    analysis = (v[kept].T / s[kept]) @ u[:, kept].T  # the pseudo-inverse without what is weak
    logits = layer.linear(hidden()).detach().numpy() @ analysis
    loadings = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(layer.loadings(hidden()).detach().numpy(), loadings, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(layer(hidden()).detach().numpy(), loadings @ atoms, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(layer.loadings(hidden()).sum(dim=1).detach(), 1, rtol=1e-5)


def test_one_loading_activates_one_place():
    layer = make()
    with torch.no_grad():
        layer.linear.weight.zero_()
        layer.linear.bias.copy_(1000 * layer.atoms_matrix[3])
    lit = layer(hidden(1))[0]
    torch.testing.assert_close(lit, layer.atoms_matrix[3], atol=0.05, rtol=0)


def test_a_new_graph_brings_its_own_atoms_and_the_weights_stay():
    layer, ring = make(), graphs.ring(25)
    weight = layer.linear.weight.clone()
    layer.set_graph(ring)
    np.testing.assert_allclose(layer.atoms_matrix, Atoms().on(ring), rtol=1e-5)
    assert torch.equal(layer.linear.weight, weight)
    assert set(layer.state_dict()) == {"linear.weight", "linear.bias"}  # atoms follow from the graph


def test_any_number_of_leading_dimensions():
    layer, x = make(), hidden(12)
    torch.testing.assert_close(layer(x.reshape(3, 4, 6)), layer(x).reshape(3, 4, 25))
    torch.testing.assert_close(layer(x[0]), layer(x)[0])


def test_a_new_graph_keeps_the_precision():
    with seeded_init(0):
        structured = nn.StructuredLayer(6, graphs.grid(5))
    for layer in (make().double(), structured.double()):
        layer.set_graph(graphs.ring(25))
        assert layer(hidden().double()).dtype == torch.float64


@pytest.mark.parametrize(
    ("arguments", "error"),
    [({"in_features": 0}, ValueError), ({"graph": "grid"}, TypeError), ({"atoms": "heat"}, TypeError)],
)
def test_bad_arguments_are_refused(arguments, error):
    with pytest.raises(error, match=f"`{next(iter(arguments))}`"):
        make(**arguments)
    with pytest.raises(ValueError, match="`graph` must have 25 neurons"):
        make().set_graph(graphs.ring(7))


# --- In a fit --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", KERNELS)
def test_fit_with_atoms_reconstructs_and_is_smooth(cells, kernel):
    graph = graphs.grid(6)
    scgsr.tl.fit(cells, graph, atoms=Atoms(kernel), smoothness=0, balance=0, n_epochs=60)
    history = cells.uns["gsr"]["history"]
    assert history["validation_r2"].iloc[-1] > 0.7
    if kernel == "meyer":
        return  # its narrowest wavelets turn from neuron to neuron
    x = cells.obsm["X_gsr"]
    i, j = graph.adjacency.nonzero()
    correlation = np.corrcoef(x, rowvar=False)
    assert np.nanmean(correlation[i, j]) > 0.4  # without any penalty


def test_a_fit_with_atoms_is_stored_and_found_again(cells, tmp_path):
    scgsr.tl.fit(cells, (5, 5), atoms=Atoms("mexican_hat", scales=(1, 3.5)), n_epochs=3)
    cells.write_h5ad(tmp_path / "cells.h5ad")
    import anndata

    model = scgsr.get.model(anndata.read_h5ad(tmp_path / "cells.h5ad"))
    assert model.network.config.atoms == Atoms("mexican_hat", scales=(1, 3.5))
    np.testing.assert_allclose(model.activations(cells.X), cells.obsm["X_gsr"], rtol=1e-4, atol=1e-6)
    scgsr.tl.score(cells, groupby="group", n_permutations=19)
    assert "smooth by construction" in cells.uns["gsr"]["scores"]["advice"]
    model.save(tmp_path / "model")
    loaded = scgsr.FittedModel.load(tmp_path / "model")
    np.testing.assert_allclose(loaded.activations(cells.X), cells.obsm["X_gsr"], rtol=1e-4, atol=1e-6)


def test_a_fit_with_atoms_is_no_baseline(cells):
    scgsr.tl.fit(cells, (5, 5), n_epochs=2)
    scgsr.tl.fit(cells, (5, 5), n_epochs=2, smoothness=0, atoms=Atoms(), key_added="smooth")
    assert "threshold" not in cells.uns["smooth"]["params"]
    with pytest.raises(ValueError, match="`baseline`='smooth' must be a fit without `atoms`"):
        scgsr.tl.score(cells, groupby="group", baseline="smooth", n_permutations=9)
