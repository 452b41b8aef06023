"""From how many steps on does nothing move? Real cells, resampled to as many as asked for.

    SCGSR_DATA=<folder> python tests/benchmarks/many.py thymus 200000 1200,2400,4800 0,1

Prints one line of JSON for each number of steps and each seed. A new cell lies between a cell and one of its nearest
neighbours, with some noise, and has the group of the cell; 0 cells: the data set as it is.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import warnings
from time import perf_counter
from typing import Any

import numpy as np
from _data import load
from anndata import AnnData
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.neighbors import NearestNeighbors

import scgsr

BATCH, CELLS_A_ROUND = 256, 50_000
N_NEIGHBORS, NOISE = 10, 0.1
# Pictures are scored on so many cells.
N_SCORED = 20_000


def resampled(name: str, n_cells: int) -> tuple[AnnData, np.ndarray]:
    """Return so many cells like those of a data set, and the code of the group of each, -1 where nobody knows it."""
    dataset = load(name)
    codes = np.asarray(dataset.groups.codes)
    values = dataset.features(standardised=False).astype(np.float32)
    if n_cells == 0:
        return AnnData(values), codes
    rng = np.random.default_rng(0)
    rows = rng.integers(len(values), size=n_cells)
    near = NearestNeighbors(n_neighbors=N_NEIGHBORS + 1).fit(values).kneighbors(values, return_distance=False)
    other = near[rows, rng.integers(1, N_NEIGHBORS + 1, size=n_cells)]
    between = rng.random((n_cells, 1), dtype=np.float32) * (values[other] - values[rows])
    noise = NOISE * values.std(axis=0) * rng.standard_normal((n_cells, values.shape[1]), dtype=np.float32)
    return AnnData(values[rows] + between + noise), codes[rows]


def measured(adata: AnnData, codes: np.ndarray, n_epochs: int, seed: int) -> dict[str, Any]:
    """Fit for so many epochs and measure what users see."""
    start = perf_counter()
    scgsr.tl.fit(adata, rng=seed, n_epochs=n_epochs, progress=False)
    seconds = perf_counter() - start
    history = adata.uns["gsr"]["history"]
    kept = history[history["kept"].astype(bool)].iloc[-1]
    some = np.random.default_rng(1).permutation(adata.n_obs)[:N_SCORED]
    scored = adata[some].copy()
    scgsr.tl.score(scored, n_permutations=19)
    scores = scgsr.get.scores(scored).query("group == ''").set_index("metric")["value"]
    labels, known = adata.obs["gsr"].cat.codes.to_numpy(), codes >= 0
    return {
        "r2": float(kept["validation_r2"]),
        "moran": float(scores["morans_i"]),
        "ari": float(adjusted_rand_score(codes[known], labels[known])),
        "nmi": float(normalized_mutual_info_score(codes[known], labels[known])),
        "labels": int(labels.max()) + 1,
        "seconds": round(seconds, 1),
    }


def main() -> None:
    """Measure what is asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data")
    parser.add_argument("cells", type=int)
    parser.add_argument("steps", help="numbers of steps, with commas")
    parser.add_argument("seeds", help="seeds, with commas")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    adata, codes = resampled(arguments.data, arguments.cells)
    n_training = adata.n_obs - int(adata.n_obs / 10)
    a_round = math.ceil(n_training / math.ceil(n_training / CELLS_A_ROUND))
    per_epoch = math.ceil(a_round / BATCH)
    for steps in map(int, arguments.steps.split(",")):
        for seed in map(int, arguments.seeds.split(",")):
            n_epochs = max(2, round(steps / per_epoch))
            row = {"data": arguments.data, "cells": adata.n_obs, "steps": n_epochs * per_epoch, "seed": seed}
            sys.stdout.write(json.dumps({**row, **measured(adata, codes, n_epochs, seed)}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
