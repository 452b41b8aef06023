"""The commands on a file that does not fit into the memory that they may use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest

N_CELLS, N_GENES, AT_ONCE, N_NEURONS = 70_000, 2_000, 5_000, 20
BYTES_OF_VALUES = 4 * N_CELLS * N_GENES
BEYOND = 300 << 20
FIT = ["--graph", "4x5", "--n-epochs", "2", "--features", *(f"gene_{i}" for i in range(30)), "--quiet"]

# All that is imported and reserved once is there before the limit comes: a first fit of few cells sees to that.
SCRIPT = """
import resource, sys
from scgsr import cli
small, folder, beyond, *arguments = sys.argv[1:]
cli.main(["fit", small, f"{folder}/small.h5ad", *FIT])
cli.main(["transform", small, f"{folder}/mapped.h5ad", "--reference", f"{folder}/small.h5ad", "--quiet"])
(pages,) = [int(line.split()[0]) for line in open("/proc/self/statm")]
limit = pages * resource.getpagesize() + int(beyond)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
if arguments == ["load"]:
    import anndata
    anndata.read_h5ad(f"{folder}/large.h5ad")
else:
    cli.main(arguments)
""".replace("FIT", repr(FIT))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with "few.h5ad" and "large.h5ad", whose values are written block by block."""
    folder, rng = tmp_path_factory.mktemp("large"), np.random.default_rng(0)
    group = np.arange(AT_ONCE) % 5
    block = rng.standard_normal((AT_ONCE, N_GENES), dtype=np.float32)
    block += 4 * (group[:, None] == np.arange(N_GENES) % 5)
    var = pd.DataFrame(index=[f"gene_{i}" for i in range(N_GENES)])
    ad.AnnData(block[:600].copy(), var=var).write_h5ad(folder / "few.h5ad")
    names = pd.DataFrame(index=[f"cell_{i}" for i in range(N_CELLS)])
    ad.AnnData(obs=names, var=var).write_h5ad(folder / "large.h5ad")
    with h5py.File(folder / "large.h5ad", "r+") as root:
        if "X" in root:  # anndata 0.12.0 writes that there is none
            del root["X"]
        table = root.create_dataset("X", (N_CELLS, N_GENES), np.float32)
        table.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
        for start in range(0, N_CELLS, AT_ONCE):
            table[start : start + AT_ONCE] = block
    return folder


def run(folder, *arguments, beyond=BEYOND):
    """Run a command with so many bytes more than what is imported takes."""
    command = [sys.executable, "-c", SCRIPT]
    command += [str(folder / "few.h5ad"), str(folder), str(beyond), *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for made in ("small.h5ad", "mapped.h5ad"):
        (folder / made).unlink(missing_ok=True)
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def said(done):
    """Return what a command has said, but for old packages that warn of each other."""
    lines = done.stderr.splitlines()
    return [line for line in lines if "numcodecs" not in line]


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit of memory is that of Linux")
def test_a_file_larger_than_memory_is_fitted_and_mapped(folder):
    assert BYTES_OF_VALUES > BEYOND + (200 << 20)
    assert "Error" in run(folder, "load").stderr  # the limit is one
    activations = 4 * N_CELLS * N_NEURONS
    large, fitted, mapped = (str(folder / f"{name}.h5ad") for name in ("large", "fitted", "out"))
    done = run(folder, "fit", large, fitted, *FIT, beyond=BEYOND + activations)
    assert (done.returncode, said(done)) == (0, [])
    done = run(folder, "transform", large, mapped, "--reference", fitted, "--quiet")
    assert (done.returncode, said(done)) == (0, [])
    with h5py.File(fitted) as one, h5py.File(mapped) as other:
        np.testing.assert_allclose(one["obsm/X_gsr"][:5000], other["obsm/X_gsr"][:5000], atol=1e-4)
        np.testing.assert_array_equal(one["obs/gsr_held_out"][:], other["obs/gsr_held_out"][:])
        assert other["X"].shape == (N_CELLS, N_GENES)
