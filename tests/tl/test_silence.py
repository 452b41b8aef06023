"""Silence: each module serves its cells, names follow the labels, and results survive files."""

from __future__ import annotations

from types import SimpleNamespace

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from scgsr import get, graphs, tl


@pytest.fixture
def fitted(cells):
    tl.fit(cells, (4, 5), n_epochs=30, progress=False)
    return cells


def test_each_module_serves_its_own_cells(fitted):
    tl.silence(fitted, n_random=50)
    table = get.silence(fitted)
    loss = table.pivot(index="region", columns="group", values="loss")
    assert len(loss) >= 4
    assert (loss.idxmax(axis=1) == loss.index).all()
    own = table[table["region"] == table["group"]]
    assert (own["loss"] > 2 * own["expected"]).all()
    assert (own["pvals"] < 0.2).all()
    assert (table["pvals"] >= 1 / 51).all()


def test_a_region_far_away_costs_nothing(fitted):
    modules = get.model(fitted).modules.labels
    inside, outside = np.flatnonzero(modules == 0)[:2], np.flatnonzero(modules == 1)[:2]
    tl.silence(fitted, regions={"inside": inside, "outside": list(outside)}, n_random=9)
    loss = get.silence(fitted).set_index(["region", "group"])["loss"]
    assert loss["inside", "0"] > 5 * abs(loss["outside", "0"])
    assert list(get.silence(fitted)["n_neurons"].unique()) == [2]


def test_groups_of_a_column_and_cells_of_none(fitted):
    fitted.obs["half"] = pd.Categorical([None, "left", "right", "right"] * 60, categories=["right", "left", "none"])
    tl.silence(fitted, groupby="half", n_random=3)
    assert list(get.silence(fitted)["group"][:2]) == ["right", "left"]


def test_modules_have_the_names_that_their_labels_have_now(fitted):
    tl.silence(fitted, n_random=3)
    before = get.silence(fitted)
    names = {label: f"type {label}" for label in fitted.obs["gsr"].cat.categories}
    fitted.obs["gsr"] = fitted.obs["gsr"].cat.rename_categories(names)
    after = get.silence(fitted)
    assert list(after["region"]) == [names[name] for name in before["region"]]
    assert list(after["group"]) == [names[name] for name in before["group"]]
    np.testing.assert_array_equal(after["loss"], before["loss"])


def test_regions_of_the_user_keep_their_names(fitted):
    tl.silence(fitted, regions={"corner": [0, 1]}, groupby="group", n_random=3)
    fitted.obs["gsr"] = fitted.obs["gsr"].cat.rename_categories(lambda name: f"corner {name}")
    assert set(get.silence(fitted)["region"]) == {"corner"}


def test_seeds_and_the_order_of_cells(fitted):
    once, again, other = (tl.silence(fitted, n_random=20, rng=seed, copy=True) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(get.silence(once), get.silence(again))
    assert not np.array_equal(get.silence(once)["expected"], get.silence(other)["expected"])
    np.testing.assert_allclose(get.silence(once)["loss"], get.silence(other)["loss"], atol=1e-5)  # all cells are few


def test_a_large_group_is_sampled(fitted, monkeypatch):
    monkeypatch.setattr(tl._silence, "_CELLS", 40)
    monkeypatch.setattr(tl._silence, "_LEAST_OF_A_GROUP", 7)
    cells = tl._silence._some_of_each(pd.Categorical(["a"] * 100 + ["b"] * 5), np.random.default_rng(0))
    assert len(cells) == 25
    assert (np.diff(cells) > 0).all()
    assert set(range(100, 105)) <= set(cells)


@pytest.mark.parametrize("fmt", ["h5ad", "zarr"])
@pytest.mark.filterwarnings("ignore:Writing zarr v2:UserWarning")  # anndata 0.12 tells of a coming default
def test_silence_survives_files_and_ends_with_new_modules(fitted, tmp_path, fmt):
    tl.silence(fitted, n_random=5)
    path = tmp_path / f"cells.{fmt}"
    getattr(fitted, f"write_{fmt}")(path)
    read = getattr(ad, f"read_{fmt}")(path)
    pd.testing.assert_frame_equal(get.silence(read), get.silence(fitted), check_dtype=False)
    tl.cluster(read, resolution=2)
    with pytest.raises(KeyError, match=r"tl\.silence"):
        get.silence(read)


def test_a_region_larger_than_what_is_ever_activated_has_none_to_compare_with():
    model = SimpleNamespace(graph=graphs.path(4), modules=SimpleNamespace(labels=np.array([0, 0, -1, 1])))
    names, chosen = tl._silence._given(model, {"end": [2, 3]})
    assert names == ["end"]
    np.testing.assert_array_equal(chosen, [[False, False, True, True]])
    with pytest.raises(ValueError, match=r"`regions`\['all'\] has 4 neurons, but only 3"):
        tl._silence._given(model, {"all": range(4)})
