"""A script that calls `scgsr.tl.fit`, as users have it: for `test_fits.py` in one process, and in two.

Arguments: the folder for the results, and the names of the fits. It is no test file itself.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

import anndata as ad
import numpy as np

import scgsr
from scgsr._adata import _view
from scgsr._train import _rounds, _training

RANK = os.environ.get("RANK", "0")
SMALL = [(_view, "BYTES_AT_ONCE", 0), (_rounds, "CELLS_A_ROUND", 200)]
SMALL += [(_training, "CELLS_A_ROUND", 200), (_training, "CELLS_SAMPLED", 300)]
STEADY = scgsr.nn.Decay(1e-3)
FITS = {
    "given": {"graph": (5, 5)},
    "learned": {"graph": scgsr.graphs.learned(25, warm_up=0.2, refresh_every=0.2)},
    "components": {"graph": (5, 5), "scale": "pca", "threshold": 0.0},
    "alike": {"graph": (5, 5), "balance": 0, "batch_size": 65, "start": "random", "penalty": {"weight": 0.1, "l1": 1}},
    "stops": {"graph": (5, 5), "n_epochs": 16, "smoothness": 2, "hidden": 64, "learning_rate": scgsr.nn.Decay(1e-2)},
    "disk": {"graph": (5, 5)},
    # Of some batches one rank has no cell. Small steps: rounding grows fast on so few cells.
    "disk, few": {
        "graph": (5, 5),
        "batch_size": 6,
        "n_epochs": 4,
        "batch_key": "batch",
        "learning_rate": scgsr.nn.Decay(1e-5),
    },
    "long": {"graph": (5, 5), "n_epochs": 12},
}


def cells():
    """600 cells x 12 features: four groups, each high in three features of its own; the groups one after the other."""
    rng = np.random.default_rng(0)
    high = np.arange(600)[:, None] // 150 == np.arange(12) // 3
    adata = ad.AnnData((3 * high + rng.normal(size=high.shape)).astype(np.float32))
    adata.obs["batch"] = np.where(np.arange(600) % 7 < 3, "a", "b")
    return adata


def fitted(name, folder):
    settings = {"n_epochs": 3, "batch_size": 64, "learning_rate": STEADY, "hidden": 32, **FITS[name]}
    if name == "long":
        settings["checkpoint"] = folder / "checkpoint"
    if not name.startswith("disk"):
        adata = cells()
        # The first process decides, whatever the generators of the others hold.
        scgsr.tl.fit(adata, rng=np.random.default_rng(int(RANK)), **settings)
        return adata
    path = folder / f"{name}-{RANK}.h5ad"
    cells().write_h5ad(path)
    adata = ad.read_h5ad(path, backed="r")
    # As of very many cells: a round is read for itself, of which each process reads its share.
    with ExitStack() as stack:
        for room, constant, value in SMALL:
            stack.enter_context(mock.patch.object(room, constant, value))
        scgsr.tl.fit(adata, **settings)
    return adata


def main(folder, *names):
    logging.basicConfig(level=logging.INFO)
    for name in names:
        adata = fitted(name, Path(folder))
        np.savez(
            Path(folder) / f"{name}-{RANK}.npz",
            activations=adata.obsm["X_gsr"],
            labels=adata.obs["gsr"].cat.codes,
            confidence=adata.obs["gsr_confidence"],
            held_out=adata.obs["gsr_held_out"],
            history=adata.uns["gsr"]["history"].astype(float),
            adjacency=adata.uns["gsr"]["graph"]["adjacency"].toarray(),
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
