"""From cells to labels, by one method at one size, in a process of its own: what `speed.py scale` compares."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired
from time import perf_counter
from typing import Any

import numpy as np
import scanpy as sc
from _fit import imported
from _labellers import N_METACLUSTERS, SOM
from anndata import AnnData
from sklearn.metrics import adjusted_rand_score

import scgsr

N_FEATURES, N_KINDS = 40, 20
# A method that takes longer is not waited for.
MOST_SECONDS = 600
_BLOCK = 10_000


def cells(n_cells: int, *, counts: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return cells of 20 kinds, from 0.5 to 15 % each, (n_cells, 40) float32, and their kinds; or counts like them."""
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 1.5, size=(N_KINDS, N_FEATURES)).astype(np.float32)
    share = np.geomspace(0.005, 0.15, N_KINDS)
    kinds = rng.choice(N_KINDS, n_cells, p=share / share.sum())
    values = np.empty((n_cells, N_FEATURES), dtype=np.float32)
    for start in range(0, n_cells, _BLOCK):
        rows = slice(start, min(start + _BLOCK, n_cells))
        rng.standard_normal(dtype=np.float32, out=values[rows])
        values[rows] += centres[kinds[rows]]
        if counts:
            values[rows] = rng.poisson(np.exp(values[rows] / 2 + 1))
    return values, kinds


def by_scgsr(values: np.ndarray) -> np.ndarray:
    """Label at defaults."""
    adata = AnnData(values)
    scgsr.tl.fit(adata, device="cpu", progress=False)
    return adata.obs["gsr"].to_numpy()


def by_flowsom(values: np.ndarray) -> np.ndarray:
    """Label by metaclusters of a map of 10 x 10."""
    estimator_of = imported("flowsom.models", "flowsom").FlowSOMEstimator
    return np.asarray(estimator_of(n_clusters=N_METACLUSTERS, xdim=SOM[0], ydim=SOM[1], seed=0).fit_predict(values))


def by_leiden(values: np.ndarray) -> np.ndarray:
    """Label by Leiden on the graph of neighbours."""
    adata = AnnData(values)
    sc.pp.neighbors(adata, use_rep="X")
    sc.tl.leiden(adata, flavor="igraph", n_iterations=2, directed=False)
    return adata.obs["leiden"].to_numpy()


def by_scvi(values: np.ndarray) -> np.ndarray:
    """Label by Leiden on the latent space of scVI, trained as long as it chooses by itself."""
    scvi = imported("scvi", "scvi-tools")
    adata = AnnData(values)
    scvi.model.SCVI.setup_anndata(adata)
    model = scvi.model.SCVI(adata)
    model.train(accelerator="cpu", enable_progress_bar=False, enable_model_summary=False, logger=False)
    return by_leiden(model.get_latent_representation())


METHODS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "scgsr": by_scgsr,
    "FlowSOM": by_flowsom,
    "neighbours + Leiden": by_leiden,
    "scVI + Leiden": by_scvi,
}


def measured(name: str, n_cells: int) -> dict[str, Any]:
    """Label the cells in this process, after some few to warm up."""
    warnings.simplefilter("ignore")
    method, counts = METHODS[name], name.startswith("scVI")
    method(cells(1000, counts=counts)[0])
    values, kinds = cells(n_cells, counts=counts)
    before = _held("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    start = perf_counter()
    labels = method(values)
    seconds = perf_counter() - start
    return {
        "seconds": seconds,
        "peak above the cells, MB": _held("VmHWM") - before,
        "labels": len(np.unique(labels)),
        "ARI": float(adjusted_rand_score(kinds, labels)),
    }


def in_a_process(name: str, n_cells: int) -> dict[str, Any]:
    """Return what `measured` does in a process of its own, or why there is nothing."""

    command = [sys.executable, "-W", "ignore", str(Path(__file__).resolve()), name, str(n_cells)]
    with Popen(command, stdout=PIPE, stderr=DEVNULL, text=True) as process:
        try:
            output, _ = process.communicate(timeout=MOST_SECONDS)
        except TimeoutExpired:
            process.kill()
            return {"seconds": f"over {MOST_SECONDS}"}
    if process.returncode:
        return {"seconds": f"ended with {process.returncode}"}
    return json.loads(output.splitlines()[-1])


def _held(what: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith(what))


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], int(sys.argv[2]))))  # noqa: T201  # the process above reads it
