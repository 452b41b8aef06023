"""The values of a fit once more, and the consensus in its slots."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from scgsr import _adata, tl
from scgsr._modules import agreement

QUICK = {"hidden": (8,), "n_epochs": 2, "balance": 0, "progress": False}


FOUND = {
    "modules": pd.DataFrame(columns=["module", "n_cells", "stability", "found", "verdict"]),
    "fits": pd.DataFrame(columns=["module", "fit", "match", "overlap", "outcome"]),
    "n_modules": np.array([3]),
}


@pytest.fixture
def fitted(cells):
    tl.fit(cells, (3, 3), **QUICK)
    return cells


def agreed_of(adata, *, moved=0):
    labels = (np.arange(adata.n_obs) + moved) % 3
    return agreement(np.column_stack([labels] * 3))


def again(adata):
    return _adata.view_again(adata, "gsr", _adata.read_model(adata, "gsr"))


@pytest.mark.parametrize("source", [{}, {"layer": "other"}, {"use_rep": "X_rep"}, {"mask_var": "some"}])
def test_the_view_is_that_of_the_fit(cells, source):
    cells.layers["other"] = cells.X * 2
    cells.obsm["X_rep"] = cells.X[:, :5].copy()
    cells.var["some"] = np.arange(cells.n_vars) % 2 == 0
    tl.fit(cells, (3, 3), **QUICK, **source)
    view = _adata.view(cells, **source)
    other = again(cells)
    assert other.features == view.features
    assert other.scaling == view.scaling
    for name in ("matrix", "mean", "scale"):
        assert np.array_equal(getattr(other, name), getattr(view, name)), name


def test_features_that_were_not_chosen_and_cells_of_no_interest_do_not_matter(fitted):
    fitted.obs["new"] = 1
    assert again(fitted).features == tuple(fitted.var_names)


@pytest.mark.parametrize("change", [lambda x: x * 2, lambda x: x + 1, lambda x: np.where(x > 2, 9, x)])
def test_other_values_are_refused(fitted, change):
    fitted.X = change(fitted.X).astype(np.float32)
    with pytest.raises(ValueError, match=r"`key`='gsr': the values are not.*scgsr\.tl\.fit"):
        again(fitted)


def test_missing_features_are_refused(fitted):
    with pytest.raises(ValueError, match="12 features, of which 9 are in"):
        again(fitted[:, 3:].copy())


def test_what_is_written_is_read_and_has_the_colours_of_the_labels(fitted):
    fitted.uns["gsr_colors"] = np.array(["#111111", "#222222", "#333333", "#444444"][: fitted.obs["gsr"].nunique()])
    agreed = agreed_of(fitted)
    _adata.write_consensus(fitted, "gsr", agreed, FOUND)
    assert fitted.obs["gsr_consensus"].tolist() == [str(i % 3) for i in range(fitted.n_obs)]
    assert fitted.obs["gsr_stability"].dtype == np.float32
    known = min(3, len(fitted.uns["gsr_colors"]))
    assert fitted.uns["gsr_consensus_colors"][:known].tolist() == fitted.uns["gsr_colors"][:known].tolist()
    assert len(fitted.uns["gsr_consensus_colors"]) == 3
    found = _adata.read_consensus(fitted, "gsr")
    assert all(found[part] is FOUND[part] for part in FOUND)


def test_a_failure_leaves_all_as_it_was(fitted, monkeypatch):
    record, columns = fitted.uns["gsr"], list(fitted.obs)
    agreed = agreed_of(fitted)
    object.__setattr__(agreed, "stability", np.zeros(3))
    with pytest.raises(ValueError, match="length"):
        _adata.write_consensus(fitted, "gsr", agreed, {})
    assert list(fitted.obs) == columns
    assert fitted.uns["gsr"] is record
    assert "gsr_consensus_colors" not in fitted.uns


def test_a_column_of_the_user_is_not_overwritten(fitted):
    fitted.obs["gsr_stability"] = 1
    with pytest.raises(ValueError, match=r"\['gsr_stability'\].*rename"):
        _adata.check_consensus(fitted, "gsr")


def test_a_second_consensus_replaces_the_first_and_another_fit_takes_it_away(fitted):
    _adata.write_consensus(fitted, "gsr", agreed_of(fitted), FOUND)
    _adata.check_consensus(fitted, "gsr")
    _adata.write_consensus(fitted, "gsr", agreed_of(fitted, moved=1), FOUND)
    assert fitted.obs["gsr_consensus"].iloc[0] == "1"
    tl.cluster(fitted, resolution=2)
    assert not [name for name in (*fitted.obs, *fitted.uns) if "consensus" in name or "stability" in name]
    with pytest.raises(KeyError, match=r"scgsr\.tl\.consensus\(adata, key='gsr'\)"):
        _adata.read_consensus(fitted, "gsr")
