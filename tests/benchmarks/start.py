"""What the ordered start does for a sheet, and what the penalty does: each alone, both, neither.

    SCGSR_DATA=folder python tests/benchmarks/start.py [--seeds 0 1 2] [--sets thymus ...]

By default a fit on a given graph starts from neurons in order (`start="ordered"`, a self-organising map) and from ten
times the penalty (`anneal=10`); `smoothness=0` has neither. So a comparison of the two says nothing about the penalty
alone. Here the start comes without a penalty, and the penalty from random weights, with and without the fall from ten
times its strength. Printed are medians over the seeds on a 10 x 10 sheet: R2 on
held-out cells, Moran's I, correlation of neighbours, share of a cell's energy within two edges of its brightest neuron,
and the mean cosine between the mean pictures of the known groups (low is good).
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from _data import UNGATED, load

import scgsr
from scgsr import _measures
from scgsr.graphs import grid

SETS = ("thymus", "flowsom_68983", "paul15", "pbmc68k_reduced")
SHEET = grid(10)
SETTINGS: dict[str, dict[str, Any]] = {
    "neither": {"smoothness": 0},
    "start alone": {"smoothness": 0, "start": "ordered"},
    "penalty alone": {"start": "random", "anneal": 1},
    "penalty alone, falling": {"start": "random"},
    "both (default)": {},
}
# Groups of fewer cells have no mean picture, and measures are taken on at most so many cells.
FEWEST, MOST = 20, 4000


def run(name: str, seed: int) -> Iterator[dict[str, Any]]:
    """Yield one row per setting."""
    dataset = load(name)
    adata, groups = dataset.adata, dataset.groups
    counts = pd.Series(groups).value_counts().drop(UNGATED, errors="ignore")
    chosen = np.sort(np.random.default_rng(seed).permutation(adata.n_obs)[:MOST])
    for setting, arguments in SETTINGS.items():
        scgsr.tl.fit(adata, SHEET, rng=seed, progress=False, **arguments)
        history = adata.uns["gsr"]["history"]
        activations = adata.obsm["X_gsr"]
        means = [activations[groups == group].mean(axis=0) for group in counts.index[counts >= FEWEST]]
        some = activations[chosen]
        yield {
            "set": name,
            "setting": setting,
            "R2": history.loc[history["kept"].astype(bool), "validation_r2"].iloc[-1],
            "Moran's I": np.nanmean(_measures.morans_i(some, SHEET.adjacency)),
            "neighbour correlation": _measures.neighbour_correlation(some, SHEET.adjacency),
            "localisation": np.nanmean(_measures.localisation(some, SHEET.adjacency)),
            "mean cosine": _measures.mean_cosine(np.stack(means)),
        }


def main() -> None:
    """Print one table per data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    options = parser.parse_args()
    logging.getLogger("scgsr").setLevel(logging.ERROR)
    for name in options.sets:
        table = pd.DataFrame([row for seed in options.seeds for row in run(name, seed)])
        medians = table.drop(columns="set").groupby("setting", sort=False).median().round(3)
        sys.stdout.write(f"{name}\n{medians.to_string()}\n\n")


if __name__ == "__main__":
    main()
