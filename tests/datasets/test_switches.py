"""Bits, a hub with spokes and a tree: each switch shows in features of its own."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from scgsr import datasets


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
