"""Simulated cells hold what their docstrings say, and the truth can be found in them."""

from __future__ import annotations

import hashlib
import inspect
import itertools
import random
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from scgsr import datasets

DATA = Path(__file__).resolve().parents[2] / "data"
SIMULATORS = [
    datasets.bit_patterns,
    datasets.hub_and_spoke,
    datasets.line,
    datasets.circle,
    datasets.branching_tree,
    datasets.cytof_panel,
]

# --- All simulators --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("simulate", SIMULATORS)
@pytest.mark.parametrize("n_cells", [1, 7, 300])
def test_shape_type_and_names(simulate, n_cells):
    adata = simulate(n_cells)
    assert adata.n_obs == n_cells
    assert isinstance(adata.X, np.ndarray)
    assert adata.X.dtype == np.float32
    assert np.isfinite(adata.X).all()
    assert adata.obs_names.is_unique
    assert adata.var_names.is_unique


@pytest.mark.parametrize("simulate", SIMULATORS)
def test_the_same_rng_gives_the_same_cells(simulate):
    def same(a, b):
        return np.array_equal(a.X, b.X) and a.obs.equals(b.obs) and a.var.equals(b.var)

    before = random.getstate(), np.random.get_state()[1].tolist()
    assert same(simulate(50), simulate(50, rng=0))
    assert same(simulate(50, rng=3), simulate(50, rng=3))
    assert same(simulate(50, rng=np.random.SeedSequence(3)), simulate(50, rng=np.random.SeedSequence(3)))
    assert not np.array_equal(simulate(50, rng=3).X, simulate(50, rng=4).X)
    generator = np.random.default_rng(3)
    assert not np.array_equal(simulate(50, rng=generator).X, simulate(50, rng=generator).X), "a generator advances"
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


@pytest.mark.filterwarnings("ignore:Writing zarr v2")  # which version to write is the user's setting
@pytest.mark.parametrize("simulate", SIMULATORS)
@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_simulated_cells_survive_writing(simulate, kind, tmp_path):
    adata = simulate(30)
    getattr(adata, f"write_{kind}")(tmp_path / "a")
    again = getattr(ad, f"read_{kind}")(tmp_path / "a")
    np.testing.assert_array_equal(again.X, adata.X)
    for name, column in adata.obs.items():
        assert again.obs[name].tolist() == column.tolist()
        assert again.obs[name].dtype.name == column.dtype.name
    for name, column in adata.var.items():
        assert again.var[name].tolist() == column.tolist()
    for name, coordinates in adata.obsm.items():
        np.testing.assert_array_equal(again.obsm[name], coordinates)


BAD = {
    "n_cells": [(0, ValueError), (2.0, TypeError), (True, TypeError)],
    "n_bits": [(0, ValueError), ("2", TypeError)],
    "n_features_per_bit": [(0, ValueError)],
    "n_modules": [(1, ValueError)],
    "n_features_per_module": [(0, ValueError)],
    "correlation": [(-0.1, ValueError), (1.2, ValueError)],
    "shift": [(np.nan, ValueError), ("up", TypeError)],
    "n_features": [(1, ValueError), (None, TypeError)],
    "depth": [(0, ValueError), (1.5, TypeError)],
    "branching": [(1, ValueError)],
    "n_features_per_branch": [(-1, ValueError)],
    "width": [(0, ValueError), ("wide", TypeError)],
    "scale": [(0, ValueError), (np.inf, ValueError)],
    "noise": [(-0.1, ValueError), (np.nan, ValueError), (None, TypeError)],
    "dropout": [(-0.1, ValueError), (1.1, ValueError)],
    "rng": [(-1, ValueError), (None, TypeError), (np.random.RandomState(0), TypeError)],
}


@pytest.mark.parametrize("simulate", SIMULATORS)
def test_a_bad_argument_is_named(simulate):
    for name in inspect.signature(simulate).parameters:
        for value, error in BAD[name]:
            with pytest.raises(error, match=f"`{name}`"):
                simulate(**{"n_cells": 5, name: value})


# --- Bits ------------------------------------------------------------------------------------------------------------


def correlations(a, b) -> np.ndarray:
    """Return the correlations of the columns of `a` with those of `b`."""
    a, b = (m - m.mean(axis=0) for m in (np.asarray(a, dtype=float), np.asarray(b, dtype=float)))
    return a.T @ b / np.outer(np.linalg.norm(a, axis=0), np.linalg.norm(b, axis=0))


@pytest.mark.parametrize("n_bits", [1, 3, 6])
def test_a_feature_follows_its_own_bit_alone(n_bits):
    adata = datasets.bit_patterns(2000, n_bits=n_bits, n_features_per_bit=10)
    names = [f"bit_{b}" for b in range(n_bits)]
    own = adata.var["bit"].to_numpy()[:, None] == np.array(names)
    r = correlations(adata.X, adata.obs[names])
    assert own.sum(axis=0).tolist() == [10] * n_bits
    assert (r[own] > 0.95).all()
    assert (np.abs(r[~own]) < 5 / np.sqrt(2000)).all()


def test_states_are_the_patterns_and_equally_likely():
    adata = datasets.bit_patterns(8000, n_bits=3)
    written = adata.obs[["bit_0", "bit_1", "bit_2"]].astype(int).astype(str).sum(axis=1)
    assert written.tolist() == adata.obs["state"].tolist()
    assert adata.obs["state"].cat.categories.tolist() == [f"{state:03b}" for state in range(8)]
    np.testing.assert_allclose(adata.obs["state"].value_counts(), 1000, atol=5 * np.sqrt(1000))


@pytest.mark.parametrize("noise", [0, 0.3])
def test_values_are_scaled_bits_plus_noise(noise):
    adata = datasets.bit_patterns(1000, n_bits=2, noise=noise, scale=4)
    rest = adata.X - 4 * adata.obs[adata.var["bit"].astype(str)].to_numpy(dtype=float)
    np.testing.assert_allclose(rest.std(), 4 * noise, rtol=0.02, atol=1e-12)
    np.testing.assert_allclose(rest.mean(), 0, atol=4 * noise * 5 / np.sqrt(rest.size) + 1e-12)


# --- Line and circle -------------------------------------------------------------------------------------------------


def arc(a: pd.Series, period: float | None) -> np.ndarray:
    """Return the distance along the curve of every two cells."""
    gap = np.abs(a.to_numpy()[:, None] - a.to_numpy())
    return gap if period is None else np.minimum(gap, period - gap)


CURVES = [(datasets.line, "position", None, 0.1), (datasets.circle, "angle", 2 * np.pi, 0.5)]


@pytest.mark.parametrize(("simulate", "truth", "period", "width"), CURVES)
def test_near_in_feature_space_is_near_on_the_curve(simulate, truth, period, width):
    adata = simulate(500)
    distance = cdist(adata.X, adata.X)
    np.fill_diagonal(distance, np.inf)
    along = arc(adata.obs[truth], period)
    assert along[np.arange(500), distance.argmin(axis=1)].max() < width / 2


@pytest.mark.parametrize(("simulate", "truth", "period", "width"), CURVES)
def test_without_noise_distance_grows_along_the_curve(simulate, truth, period, width):
    adata = simulate(300, noise=0)
    along, distance = arc(adata.obs[truth], period), cdist(adata.X, adata.X)
    margin = 0 if period else 2 * width  # near an end, peaks are missing beyond it
    inside = adata.obs[truth].between(margin, (period or 1) - margin).to_numpy()
    near = (along < 2 * width) & inside[:, None] & inside
    order = np.argsort(along[near])
    assert (np.diff(distance[near][order]) > -0.02).all()
    assert distance[along > 4 * width].min() > distance[along < width].max()


@pytest.mark.parametrize(("simulate", "truth", "period", "width"), CURVES)
def test_the_curve_lies_in_no_plane(simulate, truth, period, width):
    centred = simulate(300, noise=0).X
    share = np.linalg.svd(centred - centred.mean(axis=0), compute_uv=False) ** 2
    assert (share / share.sum())[:2].sum() < 0.8


@pytest.mark.parametrize(("simulate", "truth", "period", "width"), CURVES)
def test_positions_are_uniform_and_peaks_even(simulate, truth, period, width):
    adata = simulate(4000, n_features=20)
    length = period or 1
    counts, _ = np.histogram(adata.obs[truth], bins=10, range=(0, length))
    np.testing.assert_allclose(counts, 400, atol=5 * np.sqrt(400))
    assert counts.sum() == 4000
    np.testing.assert_allclose(np.diff(adata.var["peak"]), length / (20 if period else 19))


def test_the_line_is_open_and_the_circle_closed():
    line, circle = datasets.line(2000, noise=0), datasets.circle(2000, noise=0)
    for adata, truth, closed in [(line, "position", False), (circle, "angle", True)]:
        ends = adata.X[[adata.obs[truth].argmin(), adata.obs[truth].argmax()]]
        assert (np.linalg.norm(ends[0] - ends[1]) < 0.1) == closed


# --- Tree ------------------------------------------------------------------------------------------------------------


def n_shared(a: list[str], b: list[str]) -> int:
    """Return how many steps from the start two paths have in common."""
    return len(list(itertools.takewhile(lambda steps: steps[0] == steps[1], zip(a, b, strict=False))))


def along_tree(adata) -> np.ndarray:
    """Return the distance of every two cells from the names of their branches and the pseudotimes alone."""
    branch = adata.obs["branch"]
    paths = [name.split(".") for name in branch.cat.categories]
    shared = np.array([[n_shared(a, b) for b in paths] for a in paths])[branch.cat.codes][:, branch.cat.codes]
    time = adata.obs["pseudotime"].to_numpy()
    meet = np.minimum(np.minimum(time[:, None], time), shared)
    return time[:, None] + time - 2 * meet


@pytest.mark.parametrize(("depth", "branching"), [(1, 2), (2, 3), (4, 2)])
def test_coordinates_measure_the_tree(depth, branching):
    adata = datasets.branching_tree(150, depth=depth, branching=branching)
    coordinates = adata.obsm["X_tree"]
    assert coordinates.shape == (150, sum(branching**level for level in range(depth)))
    np.testing.assert_allclose(cdist(coordinates, coordinates, "cityblock"), along_tree(adata), atol=1e-12)
    np.testing.assert_allclose(adata.obs["pseudotime"], coordinates.sum(axis=1))
    level = adata.obs["branch"].str.count(r"\.")
    assert adata.obs["pseudotime"].between(level, level + 1).all()


def test_every_branch_shows_in_its_own_features():
    adata = datasets.branching_tree(500, depth=3, noise=0)
    branches = adata.obs["branch"].cat.categories
    assert adata.var["branch"].cat.categories.equals(branches)
    for b, name in enumerate(branches):
        block = adata.X[:, (adata.var["branch"] == name).to_numpy()]
        np.testing.assert_allclose(block, np.repeat(adata.obsm["X_tree"][:, [b]], block.shape[1], axis=1), rtol=1e-6)


def test_cells_near_in_feature_space_are_near_on_the_tree():
    adata = datasets.branching_tree(500)
    distance = cdist(adata.X, adata.X)
    np.fill_diagonal(distance, np.inf)
    assert along_tree(adata)[np.arange(500), distance.argmin(axis=1)].max() < 0.5


# --- CyTOF -----------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("path", sorted(DATA.glob("*.h5ad")), ids=lambda path: path.name)
def test_kept_files_are_small_and_as_the_readme_says(path):
    row = next(
        line for line in (DATA / "README.md").read_text("utf-8").splitlines() if line.startswith(f"| {path.name}")
    )
    assert path.stat().st_size < 500_000
    assert f" {path.stat().st_size} " in row
    assert hashlib.sha256(path.read_bytes()).hexdigest() in row


# --- Hub and spokes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("correlation", "shift"), [(0.6, 10), (0.0, 3), (1.0, -5)])
def test_one_module_is_up_and_features_of_a_module_correlate_as_stated(correlation, shift):
    adata = datasets.hub_and_spoke(20_000, correlation=correlation, shift=shift)
    up = adata.obs["module"].to_numpy()[:, None] == adata.var["module"].to_numpy()
    rest = adata.X - shift * up
    np.testing.assert_allclose(rest.mean(axis=0), 0, atol=0.04)
    np.testing.assert_allclose(rest.std(axis=0), 1, atol=0.03)
    same = adata.var["module"].to_numpy()[:, None] == adata.var["module"].to_numpy()
    expected = np.where(same, correlation, 0.0)
    np.fill_diagonal(expected, 1)
    np.testing.assert_allclose(np.corrcoef(rest, rowvar=False), expected, atol=0.04)
    assert adata.obs["module"].value_counts(normalize=True).between(0.3, 0.37).all()
