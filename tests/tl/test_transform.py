"""New cells through a fitted model: features by name, the same pictures and modules, and how unlike they are."""

from __future__ import annotations

import logging

import anndata as ad
import numpy as np
import pytest

import scgsr
from scgsr import _adata, tl
from scgsr._adata import _query

QUICK = {"hidden": (16,), "n_epochs": 10, "batch_size": 40, "progress": False}


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


def test_cells_measured_otherwise_are_warned_about(new, reference, caplog):
    new.X *= 100
    with caplog.at_level(logging.WARNING, logger="scgsr"):
        tl.transform(new, reference)
    assert "normalised and transformed in the same way?" in caplog.text
