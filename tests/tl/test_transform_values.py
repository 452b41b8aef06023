"""Which values `tl.transform` reads from new cells: features by name, what is missing, the recorded transform."""

from __future__ import annotations

import logging

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import scgsr
from scgsr import tl

QUICK = {"hidden": (16,), "n_epochs": 10, "batch_size": 40, "progress": False}


def slots(adata):
    return {name: sorted(getattr(adata, name)) for name in ("obs", "var", "obsm", "varm", "uns", "layers")}


class TestMissingFeatures:
    @pytest.mark.parametrize(("n_missing", "fill"), [(1, None), (3, None), (3, "mean"), (3, 0.0)])
    def test_are_refused_with_their_number_and_names(self, new, reference, n_missing, fill):
        few = new[:, n_missing:].copy()
        before = slots(few)
        with pytest.raises(KeyError, match=rf"lacks {n_missing} of the 12 features of the fit \(feature_0"):
            tl.transform(few, reference, fill=fill)
        assert slots(few) == before

    def test_are_filled_with_the_mean_of_the_reference(self, new, reference, caplog):
        few = new[:, 2:].copy()
        with caplog.at_level(logging.WARNING, logger="scgsr"):
            tl.transform(few, reference, fill="mean")
        assert "2 of 12 features are missing and filled in: feature_0, feature_1" in caplog.text
        full = new.copy()
        full.X[:, :2] = scgsr.get.model(reference).mean[:2]
        tl.transform(full, reference)
        np.testing.assert_allclose(few.obsm["X_gsr"], full.obsm["X_gsr"], atol=1e-5)

    def test_are_filled_with_a_number(self, new, reference):
        tl.transform(few := new[:, 1:].copy(), reference, fill=1.5)
        full = new.copy()
        full.X[:, 0] = 1.5
        tl.transform(full, reference)
        np.testing.assert_allclose(few.obsm["X_gsr"], full.obsm["X_gsr"], atol=1e-5)

    def test_other_kinds_of_names_are_said(self, new, reference):
        new.var_names = [f"ENSG{i}" for i in range(new.n_vars)]
        with pytest.raises(KeyError, match=r"lacks 12 of the 12.*such as ENSG0.*set `adata.var_names`"):
            tl.transform(new, reference, fill="mean")

    @pytest.mark.parametrize(("fill", "error"), [("median", ValueError), ([0], TypeError), (np.nan, ValueError)])
    def test_another_filling_is_refused(self, new, reference, fill, error):
        with pytest.raises(error, match="`fill`"):
            tl.transform(new, reference, fill=fill)


class TestRecordedTransform:
    """Raw values 5 sinh(x), transformed in the reference by `pp.arcsinh` with cofactor 5."""

    @pytest.fixture
    def raw(self, cells):
        return ad.AnnData(5 * np.sinh(cells.X), obs=cells.obs.copy(), var=cells.var.copy())

    @pytest.fixture
    def reference(self, raw):
        fitted = raw.copy()
        scgsr.pp.arcsinh(fitted, 5)
        tl.fit(fitted, (4, 5), **QUICK)
        return fitted

    def test_is_applied_to_untransformed_values_and_these_stay(self, raw, reference):
        before = raw.X.copy()
        tl.transform(raw, reference)
        np.testing.assert_allclose(raw.obsm["X_gsr"], reference.obsm["X_gsr"], atol=1e-4)
        np.testing.assert_array_equal(raw.X, before)
        assert "arcsinh" not in raw.uns

    def test_is_not_applied_where_it_is_on_record(self, raw, reference):
        scgsr.pp.arcsinh(raw, 5)
        tl.transform(raw, reference)
        np.testing.assert_allclose(raw.obsm["X_gsr"], reference.obsm["X_gsr"], atol=1e-5)

    def test_is_applied_to_the_features_that_still_need_it(self, raw, reference):
        scgsr.pp.arcsinh(raw, {"feature_3": 5.0, "feature_0": 5.0})
        tl.transform(raw[:, ::-1].copy(), reference)
        tl.transform(raw, reference)
        np.testing.assert_allclose(raw.obsm["X_gsr"], reference.obsm["X_gsr"], atol=1e-4)

    def test_another_cofactor_is_refused(self, raw, reference):
        scgsr.pp.arcsinh(raw, {"feature_3": 150.0})
        with pytest.raises(ValueError, match=r"other cofactors .*: feature_3 150 \(in the fit 5\)"):
            tl.transform(raw, reference)

    def test_a_second_transform_is_refused_although_the_record_is_lost(self, raw, reference):
        scgsr.pp.arcsinh(raw, 5)
        del raw.uns["arcsinh"]
        with pytest.raises(ValueError, match="looks transformed already"):
            tl.transform(raw, reference)
        assert "gsr" not in raw.uns

    def test_travels_with_a_saved_model(self, raw, reference, tmp_path):
        scgsr.get.model(reference).save(tmp_path / "model")
        tl.transform(raw, tmp_path / "model")
        np.testing.assert_allclose(raw.obsm["X_gsr"], reference.obsm["X_gsr"], atol=1e-4)

    def test_a_record_that_the_reference_has_not_is_said(self, raw, cells, caplog):
        tl.fit(cells, (4, 5), **QUICK)  # transformed by hand
        scgsr.pp.arcsinh(raw, 5)
        with caplog.at_level(logging.WARNING, logger="scgsr"):
            tl.transform(raw, cells)
        assert "12 features are on record as transformed, and in the fit not" in caplog.text

    def test_missing_features_are_filled_in_the_units_of_the_fit(self, raw, reference):
        few = raw[:, 1:].copy()
        tl.transform(few, reference, fill="mean")
        full = reference.copy()
        full.X[:, 0] = scgsr.get.model(reference).mean[0]
        tl.transform(full, reference)
        np.testing.assert_allclose(few.obsm["X_gsr"], full.obsm["X_gsr"], atol=1e-4)


def test_a_layer_and_a_representation_are_read_as_in_the_fit(cells):
    cells.layers["other"] = cells.X * 2
    cells.obsm["X_rep"] = cells.X[:, :5].copy()
    bare = ad.AnnData(cells.X.copy(), var=cells.var.copy())
    tl.fit(cells, (4, 5), layer="other", **QUICK)
    with pytest.raises(KeyError, match=r"`layer`='other' is not in \.layers"):
        tl.transform(bare, cells)
    bare.layers["other"] = cells.X * 2
    tl.transform(bare, cells)
    np.testing.assert_array_equal(bare.obsm["X_gsr"], cells.obsm["X_gsr"])
    tl.fit(cells, (4, 5), use_rep="X_rep", key_added="on_rep", **QUICK)
    with pytest.raises(KeyError, match=r"`use_rep`='X_rep' is not in \.obsm"):
        tl.transform(bare, cells, key="on_rep")
    bare.obsm["X_rep"] = cells.X[:, :6].copy()
    with pytest.raises(KeyError, match="must have 5 columns, as in the fit, got 6"):
        tl.transform(bare, cells, key="on_rep")
    bare.obsm["X_rep"] = cells.obsm["X_rep"]
    tl.transform(bare, cells, key="on_rep", key_added="mapped")
    np.testing.assert_array_equal(bare.obsm["X_mapped"], cells.obsm["X_on_rep"])


def test_columns_of_a_data_frame_are_matched_by_name(new, reference):
    frame = pd.DataFrame(reference.X, index=reference.obs_names, columns=[f"P{i}" for i in range(12)])
    reference.obsm["protein"], new.obsm["protein"] = frame, frame[frame.columns[::-1]]
    tl.fit(reference, (4, 5), use_rep="protein", **QUICK)
    assert list(reference.uns["gsr"]["features"][:2]) == ["protein_P0", "protein_P1"]
    tl.transform(new, reference)
    np.testing.assert_array_equal(new.obsm["X_gsr"], reference.obsm["X_gsr"])
    new.obsm["protein"] = frame.add_prefix("other_")
    with pytest.raises(KeyError, match="lacks 12 of the 12 features"):
        tl.transform(new, reference)


@pytest.mark.parametrize("to", [np.asarray, sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array])
def test_order_of_features_extra_ones_and_sparsity_make_no_difference(new, reference, to):
    rng = np.random.default_rng(0)
    order = rng.permutation(new.n_vars)
    wide = np.hstack([new.X[:, order], rng.normal(size=(new.n_obs, 2)).astype(np.float32)])
    names = [*new.var_names[order], "extra_1", "extra_2"]
    other = ad.AnnData(to(wide), obs=new.obs.copy())
    other.var_names = names
    tl.transform(other, reference)
    np.testing.assert_allclose(other.obsm["X_gsr"], reference.obsm["X_gsr"], atol=1e-5)
    assert other.obs["gsr"].equals(reference.obs["gsr"])


def test_programs_and_planes_of_mapped_raw_cells_are_those_of_transformed_ones(cells):
    raw = ad.AnnData(5 * np.sinh(cells.X), obs=cells.obs.copy(), var=cells.var.copy())
    reference = raw.copy()
    scgsr.pp.arcsinh(reference, 5)
    tl.fit(reference, (4, 5), **QUICK)
    done = raw.copy()
    scgsr.pp.arcsinh(done, 5)
    for some in (raw, done):
        tl.transform(some, reference)
        tl.programs(some)
    np.testing.assert_allclose(raw.varm["gsr_programs"], done.varm["gsr_programs"], atol=1e-4)
    np.testing.assert_allclose(raw.uns["gsr"]["programs"]["scores"], done.uns["gsr"]["programs"]["scores"], atol=1e-2)
    planes = [scgsr.pl.programs(some, "feature_3", show=False).axes[0].images[0].get_array() for some in (raw, done)]
    np.testing.assert_allclose(*planes, atol=1e-4)


def test_cells_with_features_filled_in_can_be_described(new, reference):
    few = new[:, 2:].copy()
    tl.transform(few, reference, fill="mean")
    tl.programs(few)
    tl.saliency(few)
    assert set(scgsr.get.programs(few)["names"]) == set(few.var_names)
    assert few.uns["gsr"]["params"]["fill"] == "mean"


@pytest.mark.parametrize("verb", [tl.programs, tl.saliency])
def test_cells_that_lost_features_are_told_to_give_all(new, reference, verb):
    tl.transform(new, reference)
    for n_lost in (1, 6):
        with pytest.raises(KeyError, match=rf"lacks {n_lost} of the 12 features.*; give all features") as error:
            verb(new[:, n_lost:].copy())
        assert "fill" not in str(error.value)


def test_a_filling_is_not_inherited_by_cells_mapped_with_mapped_ones(new, reference):
    few = new[:, 2:].copy()
    tl.transform(few, reference, fill="mean")
    with pytest.raises(KeyError, match="lacks 2 of the 12 features"):
        tl.transform(new[:, 2:].copy(), few)


def test_a_wide_sparse_matrix_is_made_dense_only_where_the_model_looks(new, reference, monkeypatch):
    wide = sparse.hstack([sparse.csr_matrix(new.X), sparse.csr_matrix((new.n_obs, 5000))], format="csr")
    other = ad.AnnData(wide)
    other.var_names = [*new.var_names, *(f"extra_{i}" for i in range(5000))]
    widths, whole = [], sparse.csr_matrix.toarray

    def watched(self, *arguments, **options):
        widths.append(self.shape[1])
        return whole(self, *arguments, **options)

    monkeypatch.setattr(sparse.csr_matrix, "toarray", watched)
    tl.transform(other, reference)
    np.testing.assert_allclose(other.obsm["X_gsr"], reference.obsm["X_gsr"], atol=1e-5)
    assert 0 < max(widths) <= 20


def test_dim_cells_are_not_taken_for_transformed(cells):
    """The transform hardly changes them, so which of the two they are more like says little."""
    raw = ad.AnnData(5 * np.sinh(cells.X), var=cells.var.copy())
    scgsr.pp.arcsinh(raw, 5)
    tl.fit(raw, (4, 5), **QUICK)
    dim = ad.AnnData(np.random.default_rng(0).poisson(1.0, size=(300, 12)).astype(np.float32), var=cells.var.copy())
    tl.transform(dim, raw)
    assert dim.obs["gsr_novelty"].notna().all()
