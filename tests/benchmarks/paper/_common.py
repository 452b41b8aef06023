"""What the experiments share: the published settings, a fit, the re-ordered baseline, what is asked and printed."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

import scgsr
from scgsr import _measures
from scgsr.graphs import LearnedGraph, NeuronGraph, Steps, UntilFragmented, learned
from scgsr.nn import Decay, FixedNoise

# Layer widths 50, 50, Adam at a constant 1e-4, batches of 500, linear neurons, x^T L x, no noise, every cell alike.
PUBLISHED: dict[str, Any] = {
    "hidden": (50, 50),
    "threshold": None,
    "noise": 0,
    "penalty": "quadratic",
    "start": "random",
    "anneal": 1,
    "balance": 0,
    "scale": "feature",
    "learning_rate": Decay(1e-4),
    "batch_size": 500,
    "early_stopping": False,
}
# The setting that was released with the paper for learned graphs; smoothness 1e-3.
RELEASED: dict[str, Any] = {
    "hidden": (128, 128, 128),
    "threshold": None,
    "noise": FixedNoise(0.5),
    "penalty": "quadratic",
    "laplacian": "symmetric",
    "start": "random",
    "anneal": 1,
    "balance": 0,
    "scale": "feature",
    "learning_rate": Decay(1e-3),
    "batch_size": 32,
    "early_stopping": False,
}
# The published range of smoothness.
SMOOTHNESS = (0.0, 1e-4, 1e-3, 1e-2, 1e-1)


def released_graph(warm_up: int) -> LearnedGraph:
    """Return the recipe of the released setting, which had a warm-up of 5,000 steps."""
    return learned(
        100,
        n_neighbors=5,
        connected=False,
        warm_up=Steps(warm_up),
        refresh_every=Steps(100),
        stop=UntilFragmented(more_steps=200),
    )


def published(smoothness: float, **changed: Any) -> dict[str, Any]:
    """Return the arguments of `scgsr.tl.fit` in the published setting, at a constant smoothness."""
    return {**PUBLISHED, "smoothness": smoothness, **changed}


def fitted(adata: AnnData, graph: NeuronGraph | LearnedGraph | None, **arguments: Any) -> tuple[np.ndarray, float]:
    """Return the activations of all cells, (n_cells, n_neurons), and R2 on held-out ones; slots are of key "gsr"."""
    scgsr.tl.fit(adata, graph, progress=False, **arguments)
    history = adata.uns["gsr"]["history"]
    return adata.obsm["X_gsr"], float(history.loc[history["kept"].astype(bool), "validation_r2"].iloc[-1])


def reordered(activations: np.ndarray, graph: NeuronGraph, seed: int) -> np.ndarray:
    """Return the activations of a network without penalty, its neurons put where they fit best on the graph."""
    return activations[:, _measures.reorder(activations, graph.adjacency, rng=seed)]


def shared_data(name: str) -> AnnData:
    """Return one of the data sets in the folder that SCGSR_DATA names; without it, end and say so."""
    import anndata

    path = Path(os.environ.get("SCGSR_DATA", ""), name)
    if not path.is_file():
        sys.exit(f"{name} is not there: set the environment variable SCGSR_DATA to the folder that has it")
    return anndata.read_h5ad(path)


def asked(doc: str | None, *, seeds: int) -> argparse.Namespace:
    """Return what the command line asks for: so many seeds if it names none, and a figure if it names a file."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(seeds)))
    parser.add_argument("--figure", help="draw into this file")
    logging.getLogger("scgsr").setLevel(logging.ERROR)  # a collapse is what is measured
    return parser.parse_args()


def verdict(claim: str, number: str, seen: bool) -> None:
    """Print whether a claim holds, and the number that says so."""
    sys.stdout.write(f"{claim}: {number}: {'seen' if seen else 'not seen'}\n")


def printed(rows: list[Mapping[str, Any]], by: list[str]) -> pd.DataFrame:
    """Print, as Markdown, median and range over seeds of each measure; return the rows."""
    table = pd.DataFrame(rows)
    measures = [name for name in table.columns if name not in [*by, "seed"]]
    sys.stdout.write("| " + " | ".join([*by, *measures]) + " |\n")
    sys.stdout.write("|" + "---|" * (len(by) + len(measures)) + "\n")
    for setting, group in table.groupby(by, sort=False):
        spread = [_spread(group[name].to_numpy(dtype=float)) for name in measures]
        sys.stdout.write("| " + " | ".join([*(str(value) for value in setting), *spread]) + " |\n")
    return table


def _spread(values: np.ndarray) -> str:
    values = values[np.isfinite(values)]
    if not len(values):
        return "-"
    low, middle, high = np.quantile(values, [0, 0.5, 1])
    return f"{middle:.3g}" if high - low < 5e-4 else f"{middle:.3g} ({low:.3g} - {high:.3g})"
