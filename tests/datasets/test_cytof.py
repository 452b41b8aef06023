"""The simulated panel of blood cells: frequencies, levels and states are those that its docstring states."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from scgsr import datasets

DATA = Path(__file__).resolve().parents[2] / "data"


def correlations(a, b) -> np.ndarray:
    """Return the correlations of the columns of `a` with those of `b`."""
    a, b = (m - m.mean(axis=0) for m in (np.asarray(a, dtype=float), np.asarray(b, dtype=float)))
    return a.T @ b / np.outer(np.linalg.norm(a, axis=0), np.linalg.norm(b, axis=0))


@pytest.fixture(scope="module")
def panel() -> ad.AnnData:
    return datasets.cytof_panel(20_000, rng=1)


def test_counts_are_counts_and_x_their_arcsinh(panel):
    counts = panel.layers["counts"]
    assert counts.dtype == np.float32
    assert (counts >= 0).all()
    np.testing.assert_array_equal(counts, np.round(counts))
    np.testing.assert_allclose(panel.X, np.arcsinh(counts / 5), rtol=1e-6)
    assert 0.2 < (counts == 0).mean() < 0.6


def test_frequencies_reach_from_common_to_rare(panel):
    share = panel.obs["cell_type"].value_counts(normalize=True)
    assert len(share) == 12
    assert share["CD4 T naive"] == pytest.approx(0.22, abs=0.015)
    assert share["pDC"] == pytest.approx(0.005, abs=0.0025)
    assert share["cDC"] == pytest.approx(0.005, abs=0.0025)


def test_type_markers_tell_the_populations(panel):
    types = panel[:, panel.var["marker_class"] == "type"].to_df()
    means = types.groupby(panel.obs["cell_type"], observed=True).mean()
    nearest = means.index[cdist(types, means).argmin(axis=1)]
    correct = pd.Series(nearest == panel.obs["cell_type"].to_numpy())
    assert correct.groupby(panel.obs["cell_type"].to_numpy(), observed=True).mean().min() > 0.85


def test_state_is_seen_in_state_markers_alone(panel):
    is_state = (panel.var["marker_class"] == "state").to_numpy()
    assert panel.var_names[is_state].tolist() == ["pSTAT1", "pSTAT3", "pERK", "pS6", "Ki-67"]
    r = correlations(panel.X, panel.obs[["activation", "cycling"]])
    signalling = panel.var_names.str.startswith("p")
    assert (r[signalling, 0] > 0.6).all()
    assert r[panel.var_names == "Ki-67", 1] > 0.6
    assert np.abs(r[~is_state]).max() < 5 / np.sqrt(panel.n_obs)
    assert panel.obs["cycling"].mean() == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize("dropout", [0, 0.5, 1])
def test_dropout_is_the_share_of_counts_lost(dropout):
    bright = datasets.cytof_panel(2000, dropout=dropout)[:, "CD45"].layers["counts"]  # never 0 by itself
    assert (bright == 0).mean() == pytest.approx(dropout, abs=0.06)


def test_the_kept_file_is_what_the_simulator_gives():
    path = DATA / "cytof_panel.h5ad"
    kept, now = ad.read_h5ad(path), datasets.cytof_panel()
    np.testing.assert_array_equal(kept.layers["counts"], now.layers["counts"])
    np.testing.assert_allclose(kept.X, now.X, rtol=1e-6)
    assert kept.obs["cell_type"].tolist() == now.obs["cell_type"].tolist()
    assert kept.obs["cell_type"].cat.categories.tolist() == now.obs["cell_type"].cat.categories.tolist()
    np.testing.assert_allclose(kept.obs["activation"], now.obs["activation"])
    assert kept.obs["cycling"].tolist() == now.obs["cycling"].tolist()
    assert kept.var_names.equals(now.var_names)
    assert kept.var["marker_class"].tolist() == now.var["marker_class"].tolist()
