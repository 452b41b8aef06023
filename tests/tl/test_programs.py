"""The verb `programs`: planted programs are found, noise is not, and what the AnnData then holds."""

from __future__ import annotations

import logging

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

import scgsr
from scgsr import get, pp, tl
from scgsr._measures import _programs
from scgsr.nn import StructuredLayer

COLUMNS = ["module", "names", "scores", "effect", "pvals", "pvals_adj"]


def planted(n=1000, *, groups=4, size=5, noise=30, shift=3.0, seed=0):
    """Return cells of some groups, each high in features of its own, beside features of noise."""
    rng = np.random.default_rng(seed)
    group, program = rng.integers(groups, size=n), np.repeat(np.arange(groups), size)
    program = np.append(program, np.full(noise, -1))
    values = rng.normal(size=(n, len(program))) + shift * (group[:, None] == program)
    return ad.AnnData(
        values.astype(np.float32),
        obs=pd.DataFrame({"group": group.astype(str)}, index=[f"cell_{i}" for i in range(n)]),
        var=pd.DataFrame({"program": program}, index=[f"gene_{i}" for i in range(len(program))]),
    )


@pytest.fixture(scope="module")
def shared():
    adata = planted()
    tl.fit(adata, (6, 6), n_epochs=25, validation_fraction=0.2)
    tl.programs(adata)
    return adata


@pytest.fixture
def fitted(shared):
    return shared.copy()


# Planted programs and noise


def test_planted_programs_are_found_and_noise_is_not(fitted):
    table = get.programs(fitted)
    assert list(table.columns) == COLUMNS
    found = set(table.loc[table["pvals_adj"] <= 0.05, "names"])
    true = set(fitted.var_names[fitted.var["program"] >= 0])
    assert len(found & true) >= 0.95 * len(true)
    assert len(found - true) <= 0.05 * len(found)


def test_each_module_leads_with_the_features_of_its_group(fitted):
    table = get.programs(fitted)
    for module, rows in table.groupby("module"):
        cells = fitted.obs["group"][fitted.obs["gsr"] == module]
        top = fitted.var.loc[rows["names"].iloc[:5], "program"]
        assert set(top.astype(str)) == {cells.mode()[0]}
        assert rows["effect"].is_monotonic_decreasing


def test_effects_are_correlations_with_the_lead_over_the_strongest_rival(fitted):
    activations = get.activations(fitted, by="module").to_numpy()
    rivals = [np.delete(activations, module, axis=1).max(axis=1) for module in range(activations.shape[1])]
    leads = np.maximum(activations.T - np.array(rivals), 0)
    wanted = np.corrcoef(fitted.X.T, leads)[: fitted.n_vars, fitted.n_vars :]
    assert fitted.varm["gsr_programs"].dtype == np.float32
    np.testing.assert_allclose(fitted.varm["gsr_programs"], wanted, atol=1e-5)


@pytest.mark.parametrize("shape", [(700, 50), (700, 300)])
def test_p_values_are_uniform_where_there_is_nothing(shape):
    values = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    adata = ad.AnnData(values)
    tl.fit(adata, (6, 6), n_epochs=25, validation_fraction=0.2)
    # Fine modules: what a plain test gets most wrong.
    tl.cluster(adata, resolution=1e6)
    tl.programs(adata)
    stored = adata.uns["gsr"]["programs"]
    assert (stored["pvals_adj"] > 0.05).all()
    for level in (0.05, 0.5):
        assert (stored["pvals"] < level).mean() == pytest.approx(level, rel=0.25)
    activations = get.activations(adata, by="module").to_numpy(dtype=np.float64)
    plain = _programs.Tails.of(values.astype(np.float64), activations).two_sided
    assert (plain < 0.05).mean() > 0.15


def test_a_feature_that_alone_marks_a_population_has_an_effect_but_no_witness():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(1000, 8)).astype(np.float32)
    values[:200, 0] += 6
    adata = ad.AnnData(values)
    tl.fit(adata, (5, 5), n_epochs=25, validation_fraction=0.3)
    tl.cluster(adata, n_clusters=2)
    tl.programs(adata)
    alone = get.programs(adata).query("names == '0'")
    assert alone["effect"].abs().max() > 0.4
    assert alone["pvals_adj"].min() > 0.01


# Laws


def same_tests(adata, other, order=slice(None)):
    one, two = adata.uns["gsr"]["programs"], other.uns["gsr"]["programs"]
    return all(np.allclose(one[name][order], two[name], rtol=1e-3) for name in ("scores", "pvals", "pvals_adj"))


def test_sparse_as_dense(fitted):
    other = fitted.copy()
    other.X = sparse.csr_matrix(other.X)
    tl.programs(other)
    np.testing.assert_allclose(other.varm["gsr_programs"], fitted.varm["gsr_programs"], atol=1e-6)
    assert same_tests(fitted, other)


def test_the_order_of_the_cells_does_not_matter(fitted):
    other = fitted[np.random.default_rng(0).permutation(fitted.n_obs)].copy()
    tl.programs(other)
    np.testing.assert_allclose(other.varm["gsr_programs"], fitted.varm["gsr_programs"], atol=1e-6)
    assert same_tests(fitted, other)


def test_the_order_of_the_features_does_not_matter_to_effects_and_names(fitted):
    before = get.programs(fitted)
    reordered = fitted[:, np.random.default_rng(0).permutation(fitted.n_vars)].copy()
    pd.testing.assert_frame_equal(get.programs(reordered), before)
    tl.programs(reordered)
    columns = ["module", "names", "effect"]
    pd.testing.assert_frame_equal(get.programs(reordered)[columns], before[columns])


def test_the_table_of_a_part_is_a_part_of_the_table(fitted):
    before = get.programs(fitted)
    kept = fitted.var_names[[20, 3, 7]]
    part = get.programs(fitted[:100, kept].copy())
    pd.testing.assert_frame_equal(part, before[before["names"].isin(kept)].reset_index(drop=True))
    one = get.programs(fitted, module=1)
    pd.testing.assert_frame_equal(one, before[before["module"] == "1"].reset_index(drop=True))


def test_only_held_out_cells_give_p_values(fitted, caplog):
    held_out = fitted.obs["gsr_held_out"].to_numpy()
    assert held_out.sum() == fitted.uns["gsr"]["programs"]["n_cells"] == 200
    without = fitted[~held_out].copy()
    with caplog.at_level(logging.WARNING, logger="scgsr"):
        tl.programs(without)
    assert "`validation_fraction`" in caplog.text
    assert get.programs(without)["pvals"].isna().all()
    assert get.programs(without)["effect"].notna().all()
    # All unseen: nothing proposes, all is tested, two-sided.
    alone = fitted[held_out].copy()
    tl.programs(alone)
    stored = alone.uns["gsr"]["programs"]
    wanted = stats.false_discovery_control(stored["pvals"].ravel())
    np.testing.assert_allclose(stored["pvals_adj"].ravel(), wanted)
    np.testing.assert_allclose(stored["scores"], fitted.uns["gsr"]["programs"]["scores"], rtol=1e-4, atol=1e-4)


def test_cells_that_were_mapped_are_all_unseen(fitted):
    new = ad.AnnData(fitted.X[::3].copy(), var=fitted.var.copy())
    tl.transform(new, fitted)
    tl.programs(new)
    assert new.uns["gsr"]["programs"]["n_cells"] == new.n_obs


def test_a_transform_that_is_still_to_be_applied_is(cells):
    raw = ad.AnnData(5 * np.sinh(cells.X), obs=cells.obs.copy(), var=cells.var.copy())
    reference = raw.copy()
    pp.arcsinh(reference, 5)
    tl.fit(reference, (4, 4), n_epochs=3)
    tl.transform(raw, reference)
    reference.obs["gsr_held_out"] = True
    for verb, read in ((tl.programs, get.programs), (tl.saliency, get.saliency)):
        verb(raw)
        verb(reference)
        column = "pvals" if verb is tl.programs else "gradient"
        assert read(raw)[column].notna().all()
    saliencies = get.saliency(raw)["gradient"], get.saliency(reference)["gradient"]
    np.testing.assert_allclose(*saliencies, atol=1e-4)


def test_a_seed_gives_the_same_and_n_cells_limits(fitted):
    one, two = tl.programs(fitted, rng=5, copy=True), tl.programs(fitted, rng=5, copy=True)
    assert same_tests(one, two)
    few = tl.programs(fitted, n_cells=50, copy=True)
    assert few.uns["gsr"]["programs"]["n_cells"] == 50
    np.testing.assert_array_equal(few.varm["gsr_programs"], fitted.varm["gsr_programs"])


# Other inputs


def test_features_beyond_those_of_the_fit_and_constant_ones():
    adata = planted(600)
    adata.var["highly_variable"] = np.arange(adata.n_vars) % 2 == 0
    adata.X[:, 1] = 3
    adata.layers["twice"] = 2 * adata.X
    tl.fit(adata, (6, 6), n_epochs=25, validation_fraction=0.2)
    tl.programs(adata, layer="twice")
    stored = adata.uns["gsr"]["programs"]
    assert stored["layer"] == "twice"
    assert set(stored["names"]) == set(adata.var_names) - {"gene_1"}
    assert np.isnan(adata.varm["gsr_programs"][1]).all()
    unused = get.programs(adata).query("names == 'gene_3'")
    assert unused["pvals_adj"].min() < 0.05
    tl.programs(adata)
    assert adata.uns["gsr"]["programs"]["layer"] == ""


def test_a_fit_of_a_layer_and_of_a_representation():
    adata = planted(600)
    adata.layers["values"], adata.obsm["X_pca"] = adata.X.copy(), adata.X[:, :10] @ np.eye(10)
    adata.X[:] = 0
    adata.X[:, 0] = np.arange(600)
    tl.fit(adata, (5, 5), layer="values", n_epochs=5)
    tl.programs(adata)
    assert adata.uns["gsr"]["programs"]["layer"] == "values"
    tl.fit(adata, (5, 5), use_rep="X_pca", n_epochs=5, key_added="rep")
    tl.programs(adata, layer="values", key="rep")
    assert get.programs(adata, key="rep")["names"].nunique() == adata.n_vars


@pytest.mark.parametrize("fmt", ["h5ad", "zarr"])
@pytest.mark.parametrize("held_out", [0.2, 0.0])
@pytest.mark.filterwarnings("ignore:Writing zarr v2:UserWarning")  # anndata 0.12 tells of a coming default
def test_programs_survive_files(cells, tmp_path, fmt, held_out):
    tl.fit(cells, (4, 4), n_epochs=3, validation_fraction=held_out)
    tl.programs(cells)
    path = tmp_path / f"cells.{fmt}"
    getattr(cells, f"write_{fmt}")(path)
    read = getattr(ad, f"read_{fmt}")(path)
    pd.testing.assert_frame_equal(get.programs(read), get.programs(cells), check_dtype=False)
    tl.programs(read)
    pd.testing.assert_frame_equal(get.programs(read), get.programs(cells), check_dtype=False)


def test_a_new_fit_or_new_modules_drop_the_programs(fitted):
    tl.cluster(fitted, resolution=2)
    with pytest.raises(KeyError, match=r"tl\.programs"):
        get.programs(fitted)
    assert "gsr_programs" not in fitted.varm
    tl.programs(fitted)
    tl.fit(fitted, (3, 3), n_epochs=2)
    assert "gsr_programs" not in fitted.varm
    assert "programs" not in fitted.uns["gsr"]


def test_nothing_else_changes_and_a_view_keeps_its_parent(fitted):
    before = fitted.copy()
    assert tl.programs(fitted, n_cells=100) is None
    assert set(fitted.uns["gsr"]) == set(before.uns["gsr"])
    np.testing.assert_array_equal(fitted.X, before.X)
    np.testing.assert_array_equal(fitted.obsm["X_gsr"], before.obsm["X_gsr"])
    copied = tl.programs(fitted, n_cells=50, copy=True)
    assert copied.uns["gsr"]["programs"]["n_cells"] == 50
    assert fitted.uns["gsr"]["programs"]["n_cells"] == 100


# Bad input


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"layer": "none"}, KeyError, "`layer`"),
        ({"key": "other"}, KeyError, "tl.fit"),
        ({"n_cells": 3}, ValueError, "`n_cells`"),
        ({"n_cells": "all"}, TypeError, "`n_cells`"),
        ({"rng": "a"}, TypeError, "`rng`"),
        ({"copy": 1}, TypeError, "`copy`"),
    ],
)
def test_bad_arguments(fitted, arguments, error, message):
    with pytest.raises(error, match=message):
        tl.programs(fitted, **arguments)


def test_a_feature_of_the_fit_must_be_there_once(fitted):
    with pytest.raises(KeyError, match="gene_0"):
        tl.programs(fitted[:, 1:].copy())
    fitted.var_names = ["gene_1", *fitted.var_names[1:]]
    with pytest.raises(ValueError, match="twice"):
        tl.programs(fitted)


def test_a_module_that_is_not_there(fitted):
    with pytest.raises(ValueError, match="`module`"):
        get.programs(fitted, module="99")


def test_no_modules(monkeypatch):
    adata = planted(300)
    monkeypatch.setattr(StructuredLayer, "fire", lambda layer, inputs: 0 * inputs)  # no neuron ever fires
    tl.fit(adata, (3, 3), n_epochs=1)
    with pytest.raises(ValueError, match="no modules"):
        tl.programs(adata)


def test_a_failure_leaves_the_cells_as_they_were(fitted):
    before = get.programs(fitted)
    fitted.X[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        tl.programs(fitted, rng=1)
    fitted.X[0, 0] = 0
    with pytest.raises(ValueError, match="shape"):
        scgsr._adata.write_programs(fitted, "gsr", np.zeros((3, 1)), fitted.uns["gsr"]["programs"])
    pd.testing.assert_frame_equal(get.programs(fitted), before)
