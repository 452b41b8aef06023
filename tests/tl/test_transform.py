"""New cells through a fitted model: features by name, the same pictures and modules, and how unlike they are."""

from __future__ import annotations

import logging

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import scgsr
from scgsr import _adata, tl
from scgsr._adata import _query

QUICK = {"hidden": (16,), "n_epochs": 10, "batch_size": 40, "progress": False}


@pytest.fixture
def reference(cells):
    tl.fit(cells, (4, 5), **QUICK)
    return cells


@pytest.fixture
def new(cells):
    """The same cells, never seen by a fit."""
    return ad.AnnData(cells.X.copy(), obs=cells.obs[["group"]].copy(), var=cells.var.copy())


def slots(adata):
    return {name: sorted(getattr(adata, name)) for name in ("obs", "var", "obsm", "varm", "uns", "layers")}


@pytest.mark.parametrize("kind", ["AnnData", "FittedModel", "folder"])
def test_the_cells_of_the_fit_get_what_the_fit_gave_them(new, reference, kind, tmp_path):
    model = scgsr.get.model(reference)
    model.save(tmp_path / "model")
    tl.transform(new, {"AnnData": reference, "FittedModel": model, "folder": tmp_path / "model"}[kind])
    np.testing.assert_array_equal(new.obsm["X_gsr"], reference.obsm["X_gsr"])
    assert new.obs["gsr"].equals(reference.obs["gsr"])
    assert new.obs["gsr_confidence"].equals(reference.obs["gsr_confidence"])
    assert list(new.uns["gsr_colors"]) == list(reference.uns["gsr_colors"])
    assert np.quantile(new.obs["gsr_novelty"], 0.5) == pytest.approx(0, abs=0.2)
    # A model alone does not know its cells; a fitted AnnData recognises them.
    if kind == "AnnData":
        assert new.obs["gsr_held_out"].equals(reference.obs["gsr_held_out"])
    else:
        assert new.obs["gsr_held_out"].all()
    assert reference.obs["gsr_held_out"].sum() == 24


def test_other_cells_of_the_same_names_are_new(new, reference):
    new.X[:, 3] += 0.5
    tl.transform(new, reference)
    assert new.obs["gsr_held_out"].all()


@pytest.mark.parametrize("kind", ["AnnData", "FittedModel"])
def test_marks_of_another_fit_are_not_inherited(new, reference, kind):
    new.obs_names = [f"new_{name}" for name in new.obs_names]
    tl.fit(new, (4, 5), rng=1, **QUICK)
    assert not new.obs["gsr_held_out"].all()
    tl.transform(new, reference if kind == "AnnData" else scgsr.get.model(reference))
    assert new.obs["gsr_held_out"].all()


def test_a_union_that_lost_its_marks_gets_them_back(new, reference):
    new.obs_names = [f"new_{name}" for name in new.obs_names]
    both = ad.concat([reference, new])
    assert "gsr_held_out" not in both.obs
    tl.transform(both, reference)
    known = reference.obs["gsr_held_out"].to_numpy()
    np.testing.assert_array_equal(both.obs["gsr_held_out"], np.append(known, np.ones(new.n_obs, dtype=bool)))


@pytest.mark.parametrize("join", ["inner", "outer"])
def test_a_union_of_cells_knows_which_were_held_out(new, reference, join):
    other = new.copy()
    other.obs_names = [f"other_{name}" for name in other.obs_names]
    both = ad.concat([reference, other], join=join, uns_merge="first")
    both.uns["gsr"] = reference.uns["gsr"]
    if join == "inner":
        assert _adata.read_held_out(both, "gsr") is None
    else:
        assert _adata.read_held_out(both, "gsr").sum() == 24


def test_other_labels_keep_what_is_known_of_the_cells(new, reference):
    new.obs_names = [f"new_{name}" for name in new.obs_names]
    tl.transform(new, reference)
    tl.cluster(new, resolution=50, key_added="fine")
    assert new.obs["fine_novelty"].equals(new.obs["gsr_novelty"].rename("fine_novelty"))
    assert new.obs["fine_held_out"].all()
    tl.cluster(reference, resolution=50)
    assert reference.obs["gsr_held_out"].sum() == 24
    assert "gsr_novelty" not in reference.obs


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


def test_labels_have_the_colours_of_the_reference(new, reference):
    reference.uns["gsr_colors"] = np.array(["#123456", *reference.uns["gsr_colors"][1:]], dtype=object)
    tl.transform(new, reference)
    assert list(new.uns["gsr_colors"]) == list(reference.uns["gsr_colors"])


def test_labels_are_never_renumbered(new, reference):
    tl.cluster(reference, resolution=50)
    assert reference.obs["gsr"].nunique() > 2
    for label in reference.obs["gsr"].cat.categories[1:3]:
        few = new[(reference.obs["gsr"] == label).to_numpy()].copy()
        tl.transform(few, reference)
        assert set(few.obs["gsr"]) == {label}
        assert list(few.obs["gsr"].cat.categories) == list(reference.obs["gsr"].cat.categories)
        assert len(few.uns["gsr_colors"]) == len(few.obs["gsr"].cat.categories)


def test_blocks_give_what_the_whole_gives(new, reference, monkeypatch):
    tl.transform(new, reference)
    monkeypatch.setattr(_query.Query.blocks, "__defaults__", (7,))
    tl.transform(new, reference, key_added="blocks")
    np.testing.assert_allclose(new.obsm["X_blocks"], new.obsm["X_gsr"], atol=1e-5)
    np.testing.assert_allclose(new.obs["blocks_novelty"], new.obs["gsr_novelty"], atol=1e-3)


def test_later_functions_work_on_mapped_cells(new, reference):
    tl.transform(new, reference, key_added="mapped")
    assert scgsr.get.neurons(new, key="mapped").shape == (new.n_obs, 20)
    assert scgsr.get.images(new, key="mapped").shape == (new.n_obs, 4, 5)
    tl.transform(reference, scgsr.get.model(new, key="mapped"), key_added="again")
    np.testing.assert_array_equal(reference.obsm["X_again"], reference.obsm["X_gsr"])
    scgsr.pl.activation_map(new, groupby="group", key="mapped", show=False)


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


class TestBadInput:
    def test_names_twice(self, new, reference):
        new.var_names = ["feature_0", *new.var_names[:-1]]
        with pytest.raises(ValueError, match=r"1 features of the fit twice \(feature_0\)"):
            tl.transform(new, reference)

    def test_values_that_are_not_finite(self, new, reference):
        new.X[5, 3] = np.nan
        before = slots(new)
        with pytest.raises(ValueError, match=r"in 1 features \(feature_3\)"):
            tl.transform(new, reference)
        assert slots(new) == before

    def test_values_that_no_network_can_bear(self, new, reference):
        new.X[2, 3] = 3e38
        with pytest.raises(ValueError, match="1 cells with values too extreme"):
            tl.transform(new, reference)
        assert "X_gsr" not in new.obsm

    @pytest.mark.parametrize(("fill", "error"), [(1e39, ValueError), ([1], TypeError), (True, TypeError)])
    def test_a_filling_of_another_kind(self, new, reference, fill, error):
        with pytest.raises(error, match="`fill` must be"):
            tl.transform(new[:, 1:].copy(), reference, fill=fill)

    def test_slots_that_no_fit_has_written(self, new, reference):
        new.obs["gsr"] = "mine"
        with pytest.raises(ValueError, match="`key_added`='gsr' would overwrite"):
            tl.transform(new, reference)

    def test_the_reference_itself_is_not_overwritten(self, reference):
        with pytest.raises(ValueError, match="would overwrite the fit of the reference"):
            tl.transform(reference, reference)
        tl.transform(reference, reference, key_added="mapped")
        np.testing.assert_array_equal(reference.obs["mapped_held_out"], reference.obs["gsr_held_out"])

    def test_no_cells(self, new, reference):
        with pytest.raises(ValueError, match="no cells"):
            tl.transform(new[:0].copy(), reference)

    @pytest.mark.parametrize(("reference", "error"), [(3, TypeError), ("nowhere", FileNotFoundError)])
    def test_no_reference(self, new, reference, error):
        with pytest.raises(error):
            tl.transform(new, reference)

    def test_a_reference_without_a_fit(self, new):
        with pytest.raises(KeyError, match=r"call `scgsr\.tl\.fit"):
            tl.transform(new, new)


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


def test_an_outer_union_is_mapped(new, reference):
    new.obs_names = [f"new_{name}" for name in new.obs_names]
    model = scgsr.get.model(reference)
    both = ad.concat([reference, new], join="outer")
    assert both.obsm["X_gsr"].dtype == np.float64 or np.isnan(both.obsm["X_gsr"]).any()
    tl.transform(both, model)
    assert both.obsm["X_gsr"].dtype == np.float32
    assert np.isfinite(both.obsm["X_gsr"]).all()


def test_copy_and_views_leave_the_original(new, reference):
    before = slots(new)
    copied = tl.transform(new, reference, copy=True)
    assert slots(new) == before
    assert "gsr_novelty" in copied.obs
    view = new[:20]
    with pytest.warns(ad.ImplicitModificationWarning):
        tl.transform(view, reference)
    assert slots(new) == before
    assert view.n_obs == 20
    assert "gsr" in view.obs


@pytest.mark.filterwarnings("ignore:Writing zarr v2:UserWarning")
@pytest.mark.parametrize("fmt", ["h5ad", "zarr"])
def test_results_survive_files(new, reference, tmp_path, fmt):
    tl.transform(new, reference)
    getattr(new, f"write_{fmt}")(tmp_path / f"new.{fmt}")
    read = getattr(ad, f"read_{fmt}")(tmp_path / f"new.{fmt}")
    assert read.obs["gsr_novelty"].equals(new.obs["gsr_novelty"])
    np.testing.assert_array_equal(scgsr.get.model(read).activations(new.X), new.obsm["X_gsr"])


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
    planes = [scgsr.pl.programs(some, "feature_3", show=False).images[0].get_array() for some in (raw, done)]
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


def test_cells_of_the_reference_in_a_union_stay_trained_on(new, reference):
    new.obs_names = [f"new_{name}" for name in new.obs_names]
    both = ad.concat([reference, new], join="outer", uns_merge="first")
    known = reference.obs["gsr_held_out"].to_numpy()
    tl.transform(both, reference)
    np.testing.assert_array_equal(both.obs["gsr_held_out"][: len(known)], known)


@pytest.mark.parametrize(("as_type", "n_held_out"), [(str, 0), ("category", 24), ("boolean", 24), (object, 24)])
def test_the_column_of_held_out_cells_in_other_types(reference, as_type, n_held_out):
    reference.obs["gsr_held_out"] = reference.obs["gsr_held_out"].astype(as_type)
    assert _adata.read_held_out(reference, "gsr").sum() == n_held_out


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


def test_cells_measured_otherwise_are_warned_about(new, reference, caplog):
    new.X *= 100
    with caplog.at_level(logging.WARNING, logger="scgsr"):
        tl.transform(new, reference)
    assert "normalised and transformed in the same way?" in caplog.text
