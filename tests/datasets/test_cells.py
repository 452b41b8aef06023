"""All simulators: what they make survives writing, and the same seed makes it again."""

from __future__ import annotations

import hashlib
import inspect
import random
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from scgsr import datasets
from scgsr.datasets._cells import cells

DATA = Path(__file__).resolve().parents[2] / "data"


SIMULATORS = [
    datasets.bit_patterns,
    datasets.hub_and_spoke,
    datasets.line,
    datasets.circle,
    datasets.branching_tree,
    datasets.cytof_panel,
]


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
    read_back = getattr(ad, f"read_{kind}")(tmp_path / "a")
    np.testing.assert_array_equal(read_back.X, adata.X)
    for name, column in adata.obs.items():
        assert read_back.obs[name].tolist() == column.tolist()
        assert read_back.obs[name].dtype.name == column.dtype.name
    for name, column in adata.var.items():
        assert read_back.var[name].tolist() == column.tolist()
    for name, coordinates in adata.obsm.items():
        np.testing.assert_array_equal(read_back.obsm[name], coordinates)


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


@pytest.mark.parametrize("path", sorted(DATA.glob("*.h5ad")), ids=lambda path: path.name)
def test_kept_files_are_small_and_as_the_readme_says(path):
    row = next(
        line for line in (DATA / "README.md").read_text("utf-8").splitlines() if line.startswith(f"| {path.name}")
    )
    assert path.stat().st_size < 500_000
    assert f" {path.stat().st_size} " in row
    assert hashlib.sha256(path.read_bytes()).hexdigest() in row


def test_cells_are_float32_and_named_in_order():
    var = pd.DataFrame({"high": [True, False]}, index=["a", "b"])
    values = np.arange(22, dtype=np.float64).reshape(11, 2)
    adata = cells(values, obs={"time": np.linspace(0, 1, 11)}, var=var)
    assert adata.X.dtype == np.float32
    np.testing.assert_array_equal(adata.X, values)
    assert adata.obs_names.tolist() == [f"cell_{i}" for i in range(11)]
    assert adata.var.equals(var)
    np.testing.assert_array_equal(adata.obs["time"], np.linspace(0, 1, 11))
