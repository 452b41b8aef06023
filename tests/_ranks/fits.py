"""A script that calls `scgsr.tl.fit`, as a user has it: for `test_fits.py` in one process, and under `torchrun`.

Arguments: the folder for the results, one file for each fit and process. It is no test file itself.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import anndata as ad
import numpy as np

import scgsr

RANK = os.environ.get("RANK", "0")
STEADY = scgsr.nn.Decay(1e-3)
FITS = {
    "given": {"graph": (5, 5)},
    "learned": {"graph": scgsr.graphs.learned(25, warm_up=0.2, refresh_every=0.2)},
    "components": {"graph": (5, 5), "scale": "pca", "threshold": 0.0},
    "alike": {"graph": (5, 5), "balance": 0, "batch_size": 65, "start": "random"},
    "stops": {"graph": (5, 5), "n_epochs": 40, "smoothness": 0.5, "anneal": 1, "noise": 0.0, "hidden": 16},
    "disk": {"graph": (5, 5)},
}


def cells():
    """600 cells x 12 features: four groups, each high in three features of its own; the groups one after the other."""
    rng = np.random.default_rng(0)
    high = np.arange(600)[:, None] // 150 == np.arange(12) // 3
    return ad.AnnData((3 * high + rng.normal(size=high.shape)).astype(np.float32))


def main(folder):
    folder = Path(folder)
    cells().write_h5ad(folder / f"cells-{RANK}.h5ad")
    for name, settings in FITS.items():
        adata = ad.read_h5ad(folder / f"cells-{RANK}.h5ad", backed="r") if name == "disk" else cells()
        defaults = {"n_epochs": 2, "batch_size": 64, "learning_rate": STEADY, "rng": np.random.default_rng(int(RANK))}
        scgsr.tl.fit(adata, **{**defaults, **settings})
        np.savez(
            folder / f"{name}-{RANK}.npz",
            activations=adata.obsm["X_gsr"],
            labels=adata.obs["gsr"].cat.codes,
            held_out=adata.obs["gsr_held_out"],
            history=adata.uns["gsr"]["history"].astype(float),
            adjacency=adata.uns["gsr"]["graph"]["adjacency"].toarray(),
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
