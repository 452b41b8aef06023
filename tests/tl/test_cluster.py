"""`tl.cluster`: other modules and labels of a fit; nothing is trained."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest

import scgsr
from scgsr import tl

QUICK = {"n_epochs": 5, "hidden": 16}


@pytest.fixture
def fitted(cells):
    tl.fit(cells, (4, 5), **QUICK)
    return cells


def test_another_resolution_under_the_same_key(fitted):
    before = fitted.obsm["X_gsr"].copy()
    tl.cluster(fitted, resolution=20)
    many = fitted.obs["gsr"].nunique()
    tl.cluster(fitted, resolution=0.01)
    few = fitted.obs["gsr"].nunique()
    assert few < many
    assert np.array_equal(fitted.obsm["X_gsr"], before)
    assert fitted.uns["gsr"]["params"]["resolution"] == 0.01
    assert len(fitted.uns["gsr_colors"]) == few
    assert scgsr.get.model(fitted).modules.n_modules == few


def test_the_resolution_of_the_fit_gives_the_labels_of_the_fit(cells):
    tl.fit(cells, (6, 6), n_epochs=60, hidden=32)
    other = tl.cluster(cells, copy=True)
    assert np.array_equal(cells.obs["gsr"], other.obs["gsr"])
    assert np.array_equal(cells.uns["gsr"]["modules"], other.uns["gsr"]["modules"])


def test_provenance_of_the_training_stays(fitted):
    fitted.uns["gsr"]["versions"]["torch"] = "older"
    tl.cluster(fitted, resolution=2)
    assert fitted.uns["gsr"]["versions"]["torch"] == "older"
    assert fitted.uns["gsr"]["params"]["seed"] == 0
    assert fitted.uns["gsr"]["params"]["resolution"] == 2


def test_another_key_is_a_full_set_of_results(fitted, state):
    before = state(fitted)
    tl.cluster(fitted, resolution=5, key_added="fine")
    assert np.array_equal(fitted.obsm["X_fine"], fitted.obsm["X_gsr"])
    assert scgsr.get.images(fitted, key="fine").shape == (240, 4, 5)
    assert before["uns"]["gsr"] is fitted.uns["gsr"]
    fitted.obsm["X_fine"][:] = 0
    assert fitted.obsm["X_gsr"].any()


def test_a_copy_leaves_the_original(fitted, state, unchanged):
    before = state(fitted)
    copied = tl.cluster(fitted, resolution=20, copy=True)
    assert unchanged(before, fitted)
    assert copied.obs["gsr"].nunique() > fitted.obs["gsr"].nunique()


def test_without_a_fit_there_is_nothing_to_cut(cells):
    with pytest.raises(KeyError, match=r"scgsr\.tl\.fit"):
        tl.cluster(cells)
    with pytest.raises(KeyError, match="'other'"):
        tl.cluster(tl.fit(cells, (3, 3), copy=True, **QUICK), key="other")


@pytest.mark.parametrize("resolution", [0, -1, float("nan")])
def test_a_bad_resolution_is_refused(fitted, resolution, state, unchanged):
    before = state(fitted)
    with pytest.raises(ValueError, match="`resolution`"):
        tl.cluster(fitted, resolution=resolution)
    assert unchanged(before, fitted)


def test_labels_are_those_that_the_stored_modules_give(fitted):
    for resolution in (0.5, 1.0, 2.0, 1e6):
        tl.cluster(fitted, resolution=resolution)
        labels, confidence = scgsr.get.model(fitted).modules.assign(fitted.obsm["X_gsr"])
        assert (labels.astype(str) == fitted.obs["gsr"]).all()
        np.testing.assert_allclose(fitted.obs["gsr_confidence"], confidence, atol=1e-6)
        counts = fitted.obs["gsr"].value_counts()[fitted.obs["gsr"].cat.categories].to_numpy()
        assert (np.diff(counts) <= 0).all()  # "0" wins most cells


def test_a_higher_resolution_gives_no_fewer_modules_and_a_huge_one_all_pieces(fitted):
    counts = []
    for resolution in (0.01, 0.5, 1, 1.5, 2, 1e6):
        tl.cluster(fitted, resolution=resolution)
        counts.append(scgsr.get.model(fitted).modules.n_modules)
    assert counts == sorted(counts)
    assert counts[-1] == scgsr.get.model(fitted).modules.tree.n_pieces


def every_number(adata):
    """Return the numbers of clusters that the tree of a fit has a cut for."""
    tree = scgsr.get.model(adata).modules.tree
    return range(tree.fewest, tree.n_pieces + 1)


def test_so_many_clusters_as_are_asked_for(fitted, caplog):
    assert len(every_number(fitted)) > 3
    for n_clusters in every_number(fitted):
        tl.cluster(fitted, n_clusters=n_clusters)
        assert list(fitted.obs["gsr"].cat.categories) == [str(label) for label in range(n_clusters)]
        assert len(fitted.uns["gsr_colors"]) == n_clusters
        assert scgsr.get.model(fitted).modules.n_modules == n_clusters
    assert not [record for record in caplog.records if "modules cannot be made" in record.message]


def test_every_cluster_asked_for_has_cells(fitted):
    for n_clusters in every_number(fitted):
        tl.cluster(fitted, n_clusters=n_clusters)
        assert fitted.obs["gsr"].nunique() == n_clusters


def test_one_cluster_more_splits_one_and_leaves_the_others(fitted):
    for n_clusters in list(every_number(fitted))[:-1]:
        tl.cluster(fitted, n_clusters=n_clusters, key_added="coarse")
        tl.cluster(fitted, n_clusters=n_clusters + 1, key_added="fine")
        lit = fitted.obsm["X_gsr"].any(axis=1)  # cells without a picture go to the faintest module of each cut
        pairs = fitted.obs.loc[lit, ["coarse", "fine"]].drop_duplicates()
        assert not pairs["fine"].duplicated().any()
        assert sorted(pairs["coarse"].value_counts()) == [1] * (n_clusters - 1) + [2]


def test_a_number_that_cannot_be_made_gives_the_nearest_and_a_warning(fitted, caplog):
    most = every_number(fitted)[-1]
    tl.cluster(fitted, n_clusters=most + 7)
    assert scgsr.get.model(fitted).modules.n_modules == most
    assert f"{most + 7} modules cannot be made of this fit: made {most}, the nearest number" in caplog.text
    assert [record.levelname for record in caplog.records if "cannot be made" in record.message] == ["WARNING"]


def test_the_number_that_the_resolution_gave_is_the_same_cut(fitted):
    before = fitted.copy()
    tl.cluster(fitted, n_clusters=scgsr.get.model(fitted).modules.n_modules)
    assert fitted.obs["gsr"].equals(before.obs["gsr"])
    assert fitted.obs["gsr_confidence"].equals(before.obs["gsr_confidence"])


def test_how_many_were_asked_for_is_on_record_only_if_any_were(fitted):
    assert "n_clusters" not in fitted.uns["gsr"]["params"]
    tl.cluster(fitted, n_clusters=3)
    assert fitted.uns["gsr"]["params"]["n_clusters"] == 3
    tl.cluster(fitted, resolution=2)
    assert "n_clusters" not in fitted.uns["gsr"]["params"]
    assert fitted.uns["gsr"]["params"]["resolution"] == 2


def test_a_number_of_clusters_under_another_key_or_in_a_copy(fitted, state, unchanged):
    before = state(fitted)
    copied = tl.cluster(fitted, n_clusters=2, key_added="two", copy=True)
    assert unchanged(before, fitted)
    assert copied.obs["two"].nunique() == 2
    assert copied.uns["two"]["params"]["n_clusters"] == 2
    assert copied.obs["gsr"].equals(fitted.obs["gsr"])
    assert "n_clusters" not in copied.uns["gsr"]["params"]


@pytest.mark.parametrize(
    ("n_clusters", "error"),
    [(0, ValueError), (-2, ValueError), (2.0, TypeError), ("4", TypeError), (True, TypeError), ([2], TypeError)],
)
def test_a_bad_number_of_clusters_is_refused(fitted, n_clusters, error, state, unchanged):
    before = state(fitted)
    with pytest.raises(error, match="`n_clusters`") as caught:
        tl.cluster(fitted, n_clusters=n_clusters)
    assert caught.value.argument == "n_clusters"
    assert unchanged(before, fitted)


def test_a_number_and_a_resolution_are_one_too_many(fitted, state, unchanged):
    before = state(fitted)
    with pytest.raises(ValueError, match="`n_clusters`=3 and `resolution`=2") as caught:
        tl.cluster(fitted, n_clusters=3, resolution=2)
    assert caught.value.argument == "n_clusters"
    assert unchanged(before, fitted)


def test_there_and_back_is_where_it_was(fitted):
    before = fitted.copy()
    tl.cluster(fitted, resolution=20)
    assert not fitted.obs["gsr"].equals(before.obs["gsr"])
    tl.cluster(fitted, resolution=1)
    assert fitted.obs["gsr"].equals(before.obs["gsr"])
    assert fitted.obs["gsr_confidence"].equals(before.obs["gsr_confidence"])
    assert np.array_equal(fitted.uns["gsr"]["modules"], before.uns["gsr"]["modules"])


def test_nothing_is_trained_and_nothing_is_encoded(fitted, monkeypatch):
    weights = {name: value.copy() for name, value in fitted.uns["gsr"]["model"]["arrays"].items()}
    monkeypatch.setattr(scgsr.FittedModel, "activations", None)
    tl.cluster(fitted, resolution=20)
    arrays = fitted.uns["gsr"]["model"]["arrays"]
    for name in ("output.weight", "layer.linear.weight", "templates", "merges", "separations", "mean"):
        np.testing.assert_array_equal(arrays[name], weights[name])


def test_cells_that_were_held_out_stay_marked_and_novelty_stays(fitted):
    held_out = fitted.obs["gsr_held_out"].copy()
    mapped = ad.AnnData(fitted.X.copy(), var=fitted.var.copy())
    tl.transform(mapped, fitted)
    novelty = mapped.obs["gsr_novelty"].copy()
    for adata in (fitted, mapped):
        tl.cluster(adata, resolution=20)
    assert fitted.obs["gsr_held_out"].equals(held_out)
    assert "gsr_novelty" not in fitted.obs
    assert mapped.obs["gsr_novelty"].equals(novelty)


def test_a_subset_of_the_cells_is_labelled_as_in_the_whole_up_to_numbers(fitted):
    """Modules are the same; their numbers go by the cells that are there."""
    part = fitted[fitted.obs["group"] != "group 1"].copy()
    tl.cluster(fitted, resolution=20)
    tl.cluster(part, resolution=20)
    pairs = set(zip(part.obs["gsr"], fitted.obs.loc[part.obs_names, "gsr"], strict=True))
    lit = fitted[part.obs_names].obsm["X_gsr"].any(axis=1)
    pairs = set(zip(part.obs["gsr"][lit], fitted.obs.loc[part.obs_names, "gsr"][lit], strict=True))
    assert len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})


def test_a_key_that_is_taken_is_refused_and_nothing_changes(fitted, state, unchanged):
    fitted.obs["mine"] = 1
    before = state(fitted)
    with pytest.raises(ValueError, match="`key_added`='mine' would overwrite") as caught:
        tl.cluster(fitted, key_added="mine")
    assert caught.value.argument == "key_added"
    assert unchanged(before, fitted)


@pytest.mark.parametrize(("resolution", "error"), [(0, ValueError), ("high", TypeError), (None, TypeError)])
def test_an_error_carries_the_argument(fitted, resolution, error):
    with pytest.raises(error) as caught:
        tl.cluster(fitted, resolution=resolution)
    assert caught.value.argument == "resolution"
