"""How many neurons: what sheets of other sizes keep, find and cost.

    SCGSR_DATA=folder OMP_NUM_THREADS=1 python tests/benchmarks/neurons.py [--seeds 0 1] [--sets thymus ...]

Each data set, or a random sample of 8,000 of its cells, is fitted at the defaults on square sheets of several sizes.
Printed as Markdown are medians over the seeds: R2 on held-out cells, the adjusted Rand index of the labels with the
published groups, the number of modules, cells per neuron, and seconds of processor
time from cells to labels, on one thread with that variable.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Iterator
from typing import Any

import pandas as pd
from _data import load

import scgsr

SETS = ("flowsom_68983", "thymus", "pbmc3k")
SIDES = (5, 8, 10, 14, 20)


def run(name: str, n_cells: int, seeds: list[int]) -> Iterator[dict[str, Any]]:
    """Yield one row per size and seed."""
    dataset = load(name, n_cells)
    adata = dataset.adata
    for side in SIDES:
        for seed in seeds:
            begin = time.process_time()
            scgsr.tl.fit(adata, (side, side), rng=seed, progress=False)
            seconds = time.process_time() - begin
            history = adata.uns["gsr"]["history"]
            yield {
                "data": f"{name}, {adata.n_obs:,} cells",
                "sheet": f"{side}×{side}",
                "cells / neuron": adata.n_obs / side**2,
                "R2": history.loc[history["kept"].astype(bool), "validation_r2"].iloc[-1],
                "ARI": dataset.agreement(adata.obs["gsr"]),
                "modules": adata.obs["gsr"].nunique(),
                "seconds": seconds,
            }


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--cells", type=int, default=8000, help="of larger sets this many cells, drawn at random")
    options = parser.parse_args()
    logging.getLogger("scgsr").setLevel(logging.ERROR)
    table = pd.DataFrame([row for name in options.sets for row in run(name, options.cells, options.seeds)])
    medians = table.groupby(["data", "sheet"], sort=False).median().reset_index()
    digits = {"cells / neuron": "{:.0f}", "R2": "{:.3f}", "ARI": "{:.2f}", "modules": "{:g}", "seconds": "{:.1f}"}
    medians["data"] = medians["data"].mask(medians["data"].duplicated(), "")
    rows = [[digits.get(name, "{}").format(row[name]) for name in medians.columns] for _, row in medians.iterrows()]
    for cells in [list(medians.columns), ["---"] * medians.shape[1], *rows]:
        sys.stdout.write("| " + " | ".join(cells) + " |\n")


if __name__ == "__main__":
    main()
