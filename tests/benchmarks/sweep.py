"""Try other settings of `fit`: one line per data set and setting, medians over seeds.

SCGSR_DATA=<folder> python tests/benchmarks/sweep.py --data thymus flowsom --seeds 3 threshold=0.5,1 smoothness=0,0.1,1
"""

from __future__ import annotations

import argparse
import ast
import itertools
import sys
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from _data import SOURCES, load

import scgsr
from scgsr import _measures


def main() -> None:
    """Fit every combination of the settings and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--set", nargs="+", required=True, help="argument=value,value,... of scgsr.tl.fit")
    parser.add_argument("--data", nargs="+", default=["thymus"], help="a beginning of each name is enough")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--learned", action="store_true", help="on a learned graph instead of the sheet")
    arguments = parser.parse_args()
    names, values = zip(*(setting.split("=") for setting in arguments.set), strict=True)
    graph = scgsr.graphs.learned() if arguments.learned else (10, 10)
    sys.stdout.write(
        "| data | settings | R2 | Moran's I | mean cosine | ARI | modules | seconds |\n" + "|---" * 8 + "|\n"
    )
    labelled = [name for name, source in SOURCES.items() if source.kind == "labelled"]
    for data in (name for name in labelled if name.startswith(tuple(arguments.data))):
        for chosen in itertools.product(*(ast.literal_eval(f"[{value}]") for value in values)):
            settings = dict(zip(names, chosen, strict=True))
            runs = np.array([measured(data, seed, graph, settings) for seed in range(arguments.seeds)])
            r2, moran, cosine, ari, modules, seconds = np.median(runs, axis=0)
            told = ", ".join(f"{name} {value}" for name, value in settings.items())
            sys.stdout.write(
                f"| {data} | {told} | {r2:.3f} | {moran:.2f} | {cosine:.2f} | {ari:.2f} | {modules:.0f} "
                f"| {seconds:.1f} |\n"
            )
            sys.stdout.flush()


def measured(data: str, seed: int, graph: Any, settings: dict[str, object]) -> tuple[float, ...]:
    """Return R2, Moran's I, mean cosine between groups, ARI, number of modules and seconds of one fit."""
    dataset = load(data)
    adata = dataset.adata.copy()
    start = perf_counter()
    scgsr.tl.fit(adata, graph, rng=seed, progress=False, **settings)
    seconds = perf_counter() - start
    activations, history, groups = adata.obsm["X_gsr"], adata.uns["gsr"]["history"], dataset.groups
    known = groups.codes >= 0
    return (
        history.loc[history["kept"].astype(bool), "validation_r2"].iloc[-1],
        np.nanmean(_measures.morans_i(activations, adata.uns["gsr"]["graph"]["adjacency"])),
        _measures.mean_cosine(pd.DataFrame(activations[known]).groupby(groups.codes[known]).mean().to_numpy()),
        dataset.agreement(adata.obs["gsr"].to_numpy()),
        adata.obs["gsr"].nunique(),
        seconds,
    )


if __name__ == "__main__":
    main()
