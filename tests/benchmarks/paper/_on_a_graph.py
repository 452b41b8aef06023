"""What the experiments on a given graph share: their fits, their verdicts, and two ways to look at activations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from _common import SMOOTHNESS, fitted, printed, published, reordered
from anndata import AnnData

from scgsr.graphs import NeuronGraph

# Beside smoothness 0: its neurons put in order afterwards. Beside the defaults, which start from neurons in order on
# the graph and anneal: the same penalty without either, and the start without a penalty (next to none, which is what
# brings it about), to tell what does what. None of these is judged.
REORDERED, RANDOM, START = "0, re-ordered", "0.1, random start", "0, ordered start"
NOT_JUDGED = ["0", REORDERED, RANDOM, START]
CAPTION = "One seed; the number above a panel is the median (and the range) over all seeds"

Fit = tuple[dict[str, Any], np.ndarray]


def measured(
    fits: Iterator[Fit], measures: Callable[[int, np.ndarray], dict[str, float]], measure: str
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Print the table of all fits; return it, and the activations of the first seed's that are drawn, by heading.

    `measures` takes the seed and the activations; a heading tells `measure` over all seeds.
    """
    rows, pictures = [], {}
    for about, activations in fits:
        rows.append({**about, **measures(about["seed"], activations)})
        if about["seed"] == rows[0]["seed"] and about["smoothness"] in ("0", REORDERED, "0.1"):
            pictures[about["setting"], about["smoothness"]] = activations
    table = printed(rows, ["setting", "smoothness"])
    above = headings(table, measure)
    return table, {above[place]: activations for place, activations in pictures.items()}


def fits(
    cells: Callable[[int], AnnData], graph: NeuronGraph, seeds: Sequence[int], n_epochs: int, **changed: Any
) -> Iterator[Fit]:
    """Yield what a fit is (setting, smoothness, seed, R2) and its activations, in both settings and re-ordered."""
    for seed in seeds:
        adata = cells(seed)
        runs = [("published", f"{s:g}", published(s, n_epochs=n_epochs, **changed)) for s in SMOOTHNESS]
        runs += [("defaults", "0", {"smoothness": 0}), ("defaults", RANDOM, {"start": "random", "anneal": 1})]
        runs += [("defaults", START, {"smoothness": 0, "start": "ordered"}), ("defaults", "0.1", {})]
        for setting, smoothness, arguments in runs:
            activations, r2 = fitted(adata, graph, rng=seed, **arguments)
            about = {"setting": setting, "smoothness": smoothness, "seed": seed, "R2": r2}
            yield about, activations
            if smoothness == "0":
                yield {**about, "smoothness": REORDERED}, reordered(activations, graph, seed)


def verdicts(table: pd.DataFrame, measure: str, claim: str, criteria: tuple[float, float, float]) -> Iterator[str]:
    """Yield one line per setting and claim: `measure` is large, larger than re-ordered neurons have, and R2 is kept."""
    medians = table.groupby(["setting", "smoothness"], sort=False)[[measure, "R2"]].median()
    for setting in ("published", "defaults"):
        found = medians.loc[setting]
        best = found.drop(NOT_JUDGED, errors="ignore")[measure].idxmax()
        numbers = {
            claim: found.loc[best, measure],
            f"more so than re-ordered neurons: {measure} above theirs": (
                found.loc[best, measure] - found.loc[REORDERED, measure]
            ),
            "little cost: R2 against smoothness 0": found.loc[best, "R2"] - found.loc["0", "R2"],
        }
        for (what, number), least in zip(numbers.items(), (*criteria[:2], -criteria[2]), strict=True):
            word = "seen" if number >= least else "not seen"
            yield f"{setting}, smoothness {best}: {what} {number:.3f} (at least {least:g}): {word}\n"


def headings(table: pd.DataFrame, measure: str) -> dict[tuple[str, str], str]:
    """Return what to write above a panel, by setting and smoothness: which it is, and `measure` over all seeds."""
    found = table.groupby(["setting", "smoothness"])[measure].agg(["median", "min", "max"])
    return {
        place: f"{place[0]}, smoothness {place[1]}\n{measure} {middle:.2f} ({low:.2f} to {high:.2f})"
        for place, middle, low, high in found.itertuples()
    }


def levels(activations: np.ndarray) -> np.ndarray:
    """Return linear neurons without their bias, and non-negative ones as they are."""
    return activations - activations.mean(axis=0) if activations.min() < 0 else activations


def constant_share(activations: np.ndarray) -> float:
    """Return how much of the variation over the cells all neurons share, from 1 / n_neurons by chance to 1: a cheat."""
    varying = activations - activations.mean(axis=0)
    return float(varying.shape[1] * np.square(varying.mean(axis=1)).sum() / np.square(varying).sum())
