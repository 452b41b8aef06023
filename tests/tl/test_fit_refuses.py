"""What `tl.fit` refuses or is stopped by, which leaves the AnnData as before, and what it warns of."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from scgsr import FittedModel, pp, tl

QUICK = {"n_epochs": 5, "hidden": 16}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize(
    "where", ["scgsr._train._learn.train", "scgsr._modules._consensus.median_partition", "scgsr._adata._fit.palette"]
)
@pytest.mark.parametrize("fitted_before", [False, True])
def test_whatever_stops_a_fit_leaves_the_cells_as_they_were(
    cells, monkeypatch, error, where, fitted_before, state, unchanged
):
    if fitted_before:
        tl.fit(cells, (3, 3), **QUICK)
    before = state(cells)

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(where, fail)
    with pytest.raises(error):
        tl.fit(cells, (4, 5), **QUICK)
    assert unchanged(before, cells)
    assert all(before["uns"][name] is cells.uns[name] for name in before["uns"])


@pytest.mark.parametrize(
    ("arguments", "error", "name"),
    [
        ({"graph": "grid"}, TypeError, "graph"),
        ({"graph": (3,)}, TypeError, "graph"),
        ({"graph": (0, 3)}, ValueError, "height"),
        ({"smoothness": -1}, ValueError, "smoothness"),
        ({"start": "sorted"}, ValueError, "start"),
        ({"anneal": 0.5}, ValueError, "anneal"),
        ({"layer": "x"}, KeyError, "layer"),
        ({"use_rep": "x"}, KeyError, "use_rep"),
        ({"mask_var": "x"}, KeyError, "mask_var"),
        ({"hidden": 0}, ValueError, "hidden"),
        ({"threshold": "x"}, TypeError, "threshold"),
        ({"noise": -1}, ValueError, "noise"),
        ({"diffusion": -1}, ValueError, "diffusion"),
        ({"penalty": "x"}, ValueError, "penalty"),
        ({"laplacian": "random_walk"}, ValueError, "laplacian"),
        ({"resolution": 0}, ValueError, "resolution"),
        ({"n_epochs": 0}, ValueError, "n_epochs"),
        ({"batch_size": 1}, ValueError, "batch_size"),
        ({"learning_rate": 0}, ValueError, "learning_rate"),
        ({"validation_fraction": 1}, ValueError, "validation_fraction"),
        ({"rng": "x"}, TypeError, "rng"),
        ({"device": "x"}, ValueError, "device"),
        ({"precision": "float16"}, ValueError, "precision"),
        ({"precision": "tf32", "device": "cpu"}, ValueError, "precision"),
        ({"key_added": "a/b"}, ValueError, "key_added"),
    ],
)
def test_a_bad_argument_is_named_and_nothing_changes(cells, arguments, error, name, state, unchanged):
    before = state(cells)
    with pytest.raises(error, match=f"`{name}`"):
        tl.fit(cells, **arguments)
    assert unchanged(before, cells)


@pytest.mark.parametrize("key", ["group", "pca", "mine"])
def test_what_no_fit_has_written_is_never_overwritten(cells, key, state, unchanged):
    cells.obsm["X_pca"] = cells.X[:, :2].copy()
    cells.uns["mine"] = {"a": 1}
    before = state(cells)
    with pytest.raises(ValueError, match=f"`key_added`='{key}' would overwrite"):
        tl.fit(cells, (3, 3), key_added=key, **QUICK)
    assert unchanged(before, cells)
    tl.fit(cells, (3, 3), **QUICK)
    with pytest.raises(ValueError, match="would overwrite"):
        tl.cluster(cells, key_added=key)
    assert cells.obs["group"].nunique() == 4


def test_a_failure_while_writing_leaves_columns_in_their_order(cells, monkeypatch):
    tl.fit(cells, (4, 5), **QUICK)
    cells.obs["last"] = 1
    before = cells.obs.copy()

    def fail(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(FittedModel, "to_record", fail)
    with pytest.raises(KeyboardInterrupt):
        tl.fit(cells, (4, 5), rng=1, **QUICK)
    pd.testing.assert_frame_equal(cells.obs, before)


def test_names_that_occur_twice_are_refused(cells):
    names = list(cells.var_names)
    names[3] = names[7] = "twice"
    cells.var_names = names
    with pytest.raises(ValueError, match=r"1 features whose name occurs twice \(twice\)"):
        tl.fit(cells, (4, 5), **QUICK)
    chosen = np.arange(12) != 3
    tl.fit(cells, (4, 5), mask_var=chosen, **QUICK)
    assert len(cells.uns["gsr"]["features"]) == 11


@pytest.mark.parametrize("name", ["gsr", "gsr_confidence", "gsr_held_out", "gsr_novelty"])
def test_an_index_with_the_name_of_a_slot_is_refused(cells, name):
    cells.obs.index.name = name
    with pytest.raises(ValueError, match="choose another name"):
        tl.fit(cells, (4, 5), **QUICK)


def test_not_an_anndata():
    with pytest.raises(TypeError, match="`adata` must be AnnData"):
        tl.fit(np.zeros((5, 3)))


def test_a_record_of_features_that_were_renamed_is_said(cells, caplog):
    raw = ad.AnnData(np.abs(np.asarray(cells.X)) * 100, var=cells.var.copy())
    pp.arcsinh(raw, 5)
    raw.var_names = [f"other_{name}" for name in raw.var_names]
    tl.fit(raw, (4, 5), **QUICK)
    assert "but of none of these features: were they renamed?" in caplog.text


def test_raw_values_are_warned_about_and_an_embedding_is_not(cells, caplog):
    cells.obsm["X_pca"] = np.abs(cells.X[:, :5]).round() * 100
    tl.fit(cells, (4, 5), use_rep="X_pca", key_added="embedding", **QUICK)
    assert "whole numbers" not in caplog.text
    cells.X = np.abs(cells.X).round() * 100
    tl.fit(cells, (4, 5), **QUICK)
    assert "whole numbers, as raw counts are" in caplog.text
