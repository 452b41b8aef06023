"""Does `tl.score` say yes to sound fits, and no to others? Verdicts on published sets and on planted failures.

    SCGSR_DATA=folder python tests/benchmarks/verdicts.py [--seeds 0 1] [--cases thymus "noise, normal" ...]

Sound fits are those of the labelled sets at default settings, scored with their known groups, and of a circle on a ring
and a line on a path, scored with bins of the known order. Each planted failure has one thing that speaks against
reading its pictures. The first table has one row for each fit, with what was measured and what was found at fault; the
last lines count the verdicts.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from _data import SOURCES, load
from anndata import AnnData

import scgsr
from scgsr.graphs import path, ring
from scgsr.nn import FixedNoise

# Measures that are printed, as far as they are known.
MEASURES = {
    "R2": "validation_r2",
    "explainable": "explainable_r2",
    "Moran's I": "morans_i",
    "cosine": "mean_cosine",
    "silent": "silent_cells",
    "modules": "modules",
    "most alike": "most_alike",
    "halves": "label_halves_ari",
    "torn": "torn_neighbours",
    "closed": "ring_closure",
}
N_BINS, N_PERMUTATIONS = 8, 1000
# Linear neurons under noise in their own units, which a far too strong penalty shrinks until noise drowns them. The
# default layer has a fixed scale and does not collapse: at a smoothness of 100 R2 of the thymus cells is still 0.73.
COLLAPSED = {"threshold": None, "noise": FixedNoise(0.5), "penalty": "quadratic", "smoothness": 1e3}


class Case(NamedTuple):
    """Cells, how they are fitted and scored, and whether the fit is sound."""

    cells: Callable[[int], AnnData]  # from the seed
    sound: bool
    fit: dict[str, Any]
    score: dict[str, Any]
    n_clusters: int | None = None  # into which the fit is cut


def _published(name: str, seed: int) -> AnnData:
    """Return a published set; the cells do not depend on the seed, the fit does."""
    return load(name).adata.copy()


def _in_order(simulate: Callable[..., AnnData], truth: str, seed: int) -> AnnData:
    """Return simulated cells with bins of their known order."""
    adata = simulate(rng=seed)
    adata.obs["bin"] = pd.cut(adata.obs[truth], N_BINS, labels=[f"bin {number}" for number in range(N_BINS)])
    return adata


def _tree(seed: int) -> AnnData:
    return scgsr.datasets.branching_tree(rng=seed)


def _population(seed: int, n_cells: int = 3000, n_features: int = 30, n_factors: int = 3) -> AnnData:
    """Return one population: factors that some features share, no valley, and two groups that mean nothing."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(n_cells, n_factors)) @ rng.normal(size=(n_factors, n_features))
    return _split_at_random((factors + rng.normal(size=(n_cells, n_features))).astype(np.float32), rng)


def _noise(seed: int, n_cells: int, n_features: int, *, counts: bool) -> AnnData:
    """Return features that have nothing in common, and two groups that mean nothing."""
    rng = np.random.default_rng(seed)
    size = n_cells, n_features
    values = np.log1p(rng.negative_binomial(1, 0.5, size)) if counts else rng.normal(size=size)
    return _split_at_random(values.astype(np.float32), rng)


def _split_at_random(values: np.ndarray, rng: np.random.Generator) -> AnnData:
    adata = AnnData(values)
    adata.obs["group"] = pd.Categorical(rng.choice(["one", "other"], adata.n_obs))
    return adata


def _twins(name: str, labels: str, seed: int) -> AnnData:
    """Return a published set whose largest population goes by two names."""
    adata = load(name).adata.copy()
    groups = adata.obs[labels].astype(object)
    largest = groups.value_counts().index[0]
    half = (groups == largest).to_numpy() & (np.random.default_rng([seed, 1]).random(adata.n_obs) < 1 / 2)
    adata.obs["group"] = pd.Categorical(groups.mask(half, f"{largest}, again"))
    return adata


def _few(name: str, n_cells: int, seed: int) -> AnnData:
    adata = load(name).adata
    return adata[np.random.default_rng(seed).choice(adata.n_obs, n_cells, replace=False)].copy()


def _cases() -> dict[str, Case]:
    known = {name: source.labels for name, source in SOURCES.items() if source.kind == "labelled"}
    by_group = {"groupby": "group"}
    on_circle, on_line = (
        partial(_in_order, simulate, truth)
        for simulate, truth in ((scgsr.datasets.circle, "angle"), (scgsr.datasets.line, "position"))
    )
    thymus = partial(_published, "thymus")
    return {
        **{name: Case(partial(_published, name), True, {}, {"groupby": labels}) for name, labels in known.items()},
        "circle on a ring": Case(on_circle, True, {"graph": ring(20)}, {"groupby": "bin", "angle": "angle"}),
        "line on a path": Case(on_line, True, {"graph": path(10)}, {"groupby": "bin", "pseudotime": "position"}),
        "one population": Case(_population, False, {}, by_group),
        "one population, own labels": Case(_population, False, {}, {}),
        "one population, cut into 4": Case(_population, False, {}, {}, 4),
        "one population, cut into 12": Case(_population, False, {}, {}, 12),
        **{
            f"noise, {'counts' if counts else 'normal'}, {n_cells} x {n_features}": Case(
                partial(_noise, n_cells=n_cells, n_features=n_features, counts=counts), False, {}, score
            )
            for n_cells, n_features in ((700, 50), (2000, 20), (2000, 500))
            for counts, score in ((False, by_group), (True, {}))
        },
        "thymus, largest gate split": Case(partial(_twins, "thymus", known["thymus"]), False, {}, by_group),
        "cytof_panel, largest type split": Case(
            partial(_twins, "cytof_panel", known["cytof_panel"]), False, {}, by_group
        ),
        "thymus, collapsed": Case(thymus, False, COLLAPSED, {"groupby": known["thymus"]}),
        "paul15, collapsed": Case(partial(_published, "paul15"), False, COLLAPSED, {"groupby": known["paul15"]}),
        "circle on a path": Case(on_circle, False, {"graph": path(20)}, {"groupby": "bin"}),
        "line on a ring": Case(on_line, False, {"graph": ring(10)}, {"groupby": "bin"}),
        "tree on a path": Case(_tree, False, {"graph": path(10)}, {"groupby": "branch"}),
        "40 cells of thymus": Case(partial(_few, "thymus", 40), False, {}, {}),
        "40 cells of pbmc3k": Case(partial(_few, "pbmc3k", 40), False, {}, {"groupby": known["pbmc3k"]}),
    }


CASES = _cases()


def fitted(name: str, seed: int) -> AnnData:
    """Return the cells of a case with their fit."""
    case = CASES[name]
    adata = case.cells(seed)
    scgsr.tl.fit(adata, rng=seed, progress=False, **case.fit)
    if case.n_clusters is not None:
        scgsr.tl.cluster(adata, n_clusters=case.n_clusters)
    return adata


def judged(name: str, adata: AnnData) -> dict[str, Any]:
    """Score the fit of a case; return the row of the table."""
    scgsr.tl.score(adata, n_permutations=N_PERMUTATIONS, **CASES[name].score)
    scores = adata.uns["gsr"]["scores"]
    found = scgsr.get.scores(adata)
    found = found[(found["group"] == "") | (found["metric"] == "most_alike")].set_index("metric")["value"]
    measured = {title: found.get(metric, np.nan) for title, metric in MEASURES.items()}
    return {"verdict": str(scores["verdict"]), **measured, "advice": str(scores["advice"])}


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of the table in Markdown: numbers, and below them what was said where the verdict is not yes."""
    titles = ["fit", "seed", "verdict", *MEASURES]
    yield from ("| " + " | ".join(line) + " |" for line in (titles, ["---"] * len(titles)))
    for row in rows:
        numbers = ("" if np.isnan(row[title]) else f"{row[title]:.3g}" for title in MEASURES)
        yield "| " + " | ".join([row["fit"], str(row["seed"]), row["verdict"], *numbers]) + " |"
    yield ""
    for row in rows:
        if row["verdict"] != "structure real":
            yield f"- {row['fit']}, seed {row['seed']}: {row['advice']}"
    yield ""
    for sound, what in ((True, "sound fits"), (False, "planted failures")):
        verdicts = [row["verdict"] for row in rows if CASES[row["fit"]].sound == sound]
        yield f"Of {len(verdicts)} {what}, {verdicts.count('structure real')} are called real."


def main() -> None:
    """Fit and score all cases, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=[*CASES], metavar="CASE")
    options = parser.parse_args()
    logging.getLogger("scgsr").setLevel(logging.ERROR)
    rows = []
    for name in options.cases:
        for seed in options.seeds:
            rows.append({"fit": name, "seed": seed, **judged(name, fitted(name, seed))})
            sys.stderr.write(f"{name}, seed {seed}: {rows[-1]['verdict']}\n")
    sys.stdout.write("\n".join(table(rows)) + "\n")


if __name__ == "__main__":
    main()
