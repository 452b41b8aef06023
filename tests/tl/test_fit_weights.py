"""Fits with cells and genes that count differently: `balance` and `scale`."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

from scgsr import FittedModel, datasets, get, tl

GRAPH = (6, 6)
SCALES = ("feature", "common", "pca")


def cosine(one, other):
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def means(adata, groups):
    return {name: adata.obsm["X_gsr"][groups == name].mean(axis=0) for name in np.unique(groups)}


@pytest.fixture(scope="module")
def branches():
    """Cells x 8: nine in ten of one broad kind, and two small kinds that differ from it in one marker each."""
    rng = np.random.default_rng(0)
    n_cells = {"common": 5400, "one": 300, "other": 300}
    parts = [rng.normal(size=(n, 8)) for n in n_cells.values()]
    for part, markers in zip(parts[1:], ([0, 1], [0, 2]), strict=True):
        part[:, markers] += 4
    adata = ad.AnnData(np.concatenate(parts).astype(np.float32))
    adata.obs["kind"] = np.repeat(list(n_cells), list(n_cells.values()))
    return adata[rng.permutation(adata.n_obs)].copy()


@pytest.fixture(scope="module")
def expression():
    """Counts of 150 genes in 400 cells, logged; three kinds of cells differ in 30 of them."""
    rng = np.random.default_rng(1)
    kind = rng.integers(3, size=400)
    rates = (0.2 + rng.gamma(0.5, 1, size=150)) * np.ones((400, 1))
    for k in range(3):
        rates[kind == k, 10 * k : 10 * (k + 1)] += 3
    adata = ad.AnnData(sparse.csr_matrix(np.log1p(rng.poisson(rates)).astype(np.float32)))
    adata.obs["kind"] = kind.astype(str)
    return adata


def test_small_kinds_beside_a_large_one_are_drawn_apart(branches):
    kinds = branches.obs["kind"].to_numpy()
    apart, r2 = {}, {}
    for balance in (0, 5):
        tl.fit(branches, GRAPH, balance=balance, n_epochs=20, progress=False)
        pictures = means(branches, kinds)
        apart[balance] = cosine(pictures["one"], pictures["other"])
        history = branches.uns["gsr"]["history"]
        r2[balance] = history.loc[history["kept"], "validation_r2"].item()
    assert apart[5] < apart[0] - 0.1
    assert r2[5] > r2[0] - 0.02


def test_balance_is_recorded_and_its_default_follows_from_what_the_network_sees(branches, expression):
    branches.obsm["X_some"] = branches.X[:, :4]
    for adata, settings, expected in (
        (branches, {}, 5.0),
        (branches, {"balance": 1.5}, 1.5),
        (branches, {"use_rep": "X_some"}, 2.0),
        (expression, {}, 2.0),
        (expression, {"scale": "common"}, 5.0),
    ):
        tl.fit(adata, GRAPH, n_epochs=1, progress=False, **settings)
        assert adata.uns["gsr"]["params"]["balance"] == expected


def test_without_balance_both_r2_are_the_same_and_a_seed_gives_the_same_bits(branches):
    fits = [tl.fit(branches, GRAPH, balance=0, n_epochs=1, rng=0, progress=False, copy=True) for _ in range(2)]
    np.testing.assert_array_equal(*(fit.obsm["X_gsr"] for fit in fits))
    history = fits[0].uns["gsr"]["history"]
    np.testing.assert_array_equal(history["validation_r2"], history["validation_r2_balanced"])


@pytest.mark.parametrize("seed", [0, 1])
def test_debris_owns_next_to_nothing_and_changes_no_labels(seed):
    cells = datasets.cytof_panel(3000, rng=seed)
    rng = np.random.default_rng(seed)
    debris = rng.uniform(cells.X.min(axis=0), cells.X.max(axis=0), size=(30, cells.n_vars)).astype(np.float32)
    both = ad.AnnData(np.concatenate([cells.X, debris]), var=cells.var)
    tl.fit(both, n_epochs=40, rng=seed, progress=False)
    brightest = both.obsm["X_gsr"].argmax(axis=1)
    is_debris = np.arange(both.n_obs) >= cells.n_obs
    owned = [is_debris[brightest == neuron].mean() > 0.5 for neuron in np.unique(brightest)]
    assert sum(owned) <= 2
    types = cells.obs["cell_type"].cat.codes
    tl.fit(cells, n_epochs=40, rng=seed, progress=False)
    with_debris, without = (adjusted_rand_score(types, fit.obs["gsr"][:3000]) for fit in (both, cells))
    assert with_debris > without - 0.1


@pytest.mark.parametrize("scale", SCALES)
def test_r2_is_on_the_scale_of_the_input_whatever_the_scale(expression, scale):
    tl.fit(expression, GRAPH, scale=scale, n_epochs=60, progress=False)
    held_out = expression[expression.obs["gsr_held_out"].to_numpy()].X.toarray()
    misfit = held_out - get.model(expression).reconstruct(held_out)
    expected = 1 - (misfit**2).sum() / ((held_out - held_out.mean(axis=0)) ** 2).sum()
    history = expression.uns["gsr"]["history"]
    # The normalisation is computed exactly only after the last epoch.
    assert history.loc[history["kept"], "validation_r2"].item() == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("scale", SCALES)
def test_a_fit_goes_through_files_and_maps_new_cells(expression, scale, tmp_path):
    expression.var_names = [f"gene_{i}" for i in range(expression.n_vars)]
    tl.fit(expression, GRAPH, scale=scale, n_epochs=4, progress=False)
    assert expression.uns["gsr"]["params"]["scale"] == scale
    expression.write_h5ad(tmp_path / "cells.h5ad")
    get.model(expression).save(tmp_path / "model")
    new = ad.AnnData(expression.X.toarray()[:50, ::-1], var=expression.var[::-1])
    for reference in (ad.read_h5ad(tmp_path / "cells.h5ad"), FittedModel.load(tmp_path / "model")):
        tl.transform(new, reference)
        np.testing.assert_allclose(new.obsm["X_gsr"], expression.obsm["X_gsr"][:50], rtol=1e-4, atol=1e-5)


def test_dense_and_sparse_cells_give_the_same_pictures(expression):
    dense = ad.AnnData(expression.X.toarray(), var=expression.var)
    tl.fit(dense, GRAPH, n_epochs=3, progress=False)
    tl.fit(expression, GRAPH, n_epochs=3, progress=False)
    np.testing.assert_allclose(dense.obsm["X_gsr"], expression.obsm["X_gsr"], rtol=1e-3, atol=1e-4)


def test_programs_and_saliency_of_components_are_of_features(expression):
    expression.var_names = [f"gene_{i}" for i in range(expression.n_vars)]
    tl.fit(expression, GRAPH, n_epochs=20, progress=False)
    assert get.model(expression).network.front is not None
    tl.programs(expression)
    assert expression.varm["gsr_programs"].shape[0] == 150
    tl.saliency(expression)
    assert set(get.saliency(expression)["names"]) == set(expression.var_names)


def test_many_features_lie_behind_their_components_and_the_pictures_know_the_kinds(expression):
    tl.fit(expression, GRAPH, n_epochs=40, progress=False)
    model = get.model(expression)
    assert model.network.front.axes.shape == (50, 150)
    pictures = list(means(expression, expression.obs["kind"].to_numpy()).values())
    assert max(cosine(pictures[i], pictures[j]) for i, j in ((0, 1), (0, 2), (1, 2))) < 0.6


def test_a_killed_fit_with_weights_goes_on_to_the_same_bits(expression, tmp_path):
    whole = tl.fit(expression, GRAPH, n_epochs=4, progress=False, copy=True)
    epochs = 0

    class Killed(Exception):
        pass

    from scgsr._train._checkpoint import Checkpoint

    write = Checkpoint.write

    def killed(self, state):
        nonlocal epochs
        write(self, state)
        epochs += 1
        if epochs == 2:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "write", killed)
        with pytest.raises(Killed):
            tl.fit(expression, GRAPH, n_epochs=4, progress=False, checkpoint=tmp_path)
    tl.fit(expression, GRAPH, n_epochs=4, progress=False, checkpoint=tmp_path)
    np.testing.assert_array_equal(expression.obsm["X_gsr"], whole.obsm["X_gsr"])


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"balance": -1}, ValueError, "`balance`"),
        ({"balance": "4"}, TypeError, "`balance`"),
        ({"balance": np.nan}, ValueError, "`balance`"),
        ({"scale": "gene"}, ValueError, "`scale`"),
        ({"scale": 2.0}, TypeError, "`scale`"),
    ],
)
def test_what_is_no_weight_is_refused_before_anything_is_written(branches, settings, error, message):
    cells = ad.AnnData(branches.X[:50])
    with pytest.raises(error, match=message):
        tl.fit(cells, GRAPH, **settings)
    assert "gsr" not in cells.uns


def test_the_weights_do_not_depend_on_the_blocks(branches):
    from scgsr._values import Balance

    cells = torch.as_tensor(branches.X)
    one = Balance(cells[:1000], 4.0).weights([cells], len(cells))
    many = Balance(cells[:1000], 4.0).weights(cells.split(700), len(cells))
    np.testing.assert_allclose(one, many, rtol=1e-5)
