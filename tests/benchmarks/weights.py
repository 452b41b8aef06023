"""What training should weigh: how often each cell is drawn (`balance`) and what each feature counts (`scale`).

    OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 SCGSR_DATA=folder python tests/benchmarks/weights.py --json weights.jsonl
        [--data thymus ...] [--settings before now ...] [--seeds 0 1 2 3 4] [--tables]

Each line of the file is one fit; fits that it holds are not repeated, and `--tables` fits nothing. "before"
divides each feature by its own standard deviation and draws every cell alike, on the sheet of 10 x 10; "now" are the
defaults. Errors are measured on the values that went in, so they compare across settings; the error of a group is told
in units of that of "before" with the same seed. For each seed the settings run in turn.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from _results import unpacked
from _weights import CYTOMETRY, NOISE, SETS, SETTINGS, measured
from sklearn.metrics import adjusted_rand_score

BEFORE, NOW, LEARNED = "before", "now", "now, learned graph"
# Heading, column and digits.
RECONSTRUCTION = [
    ("R2, all cells", "r2", 4),
    ("R2, held-out cells", "r2_held_out", 4),
    ("R2, mean of features", "r2_features", 4),
    ("Moran's I", "moran", 3),
    ("the same, re-ordered", "reordered", 3),
]
PICTURES = [
    ("mean cosine", "cosine", 3),
    ("most alike pair", "most_alike", 3),
    ("which", "most_alike_pair", None),
    ("late CD4 / CD8", "late", 3),
    ("15 neighbours", "knn", 3),
    ("/ input's", "knn_ratio", 3),
    ("silent cells", "silent", 3),
    ("of the worst group", "silent_most", 3),
]
GROUPS = [
    ("cells", "cells", 0),
    ("neurons of its own", "neurons", 0),
    ("cosine to nearest", "nearest", 3),
    ("recall / input's", "recall_ratio", 3),
    ("error / before", "error_ratio", 2),
    ("held-out error / before", "error_held_out_ratio", 2),
]
WITH_NOISE = [
    ("neurons of noise", "noise_neurons", 3),
    ("ARI of labels with and without noise", "ari_noise", 3),
    ("ARI of labels of two seeds", "ari_seeds", 3),
]


class Goal(NamedTuple):
    """What is measured, for each set, and what it should be."""

    what: str
    found: pd.Series
    target: float
    at_most: bool = True

    def rows(self) -> Iterator[str]:
        """Yield a line for the sets that meet the goal, and one for each that misses it."""
        met = self.found <= self.target if self.at_most else self.found >= self.target
        target = f"{'<=' if self.at_most else '>='} {self.target:g}"
        good = self.found[met].sort_values()
        if len(good):
            value = f"{good.iloc[0]:.3f}" if len(good) == 1 else f"{good.iloc[0]:.3f} to {good.iloc[-1]:.3f}"
            yield f"| {self.what} | {', '.join(good.index)} | {value} | {target} | met |"
        for name, value in self.found[~met].items():
            yield f"| {self.what} | {name} | {value:.3f} | {target} | missed |"


def main() -> None:
    """Fit what the file does not hold yet, and print the goals, and the tables of the chosen settings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True, help="one fit per line; made if it is not there")
    parser.add_argument("--data", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=[BEFORE, NOW])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--tables", action="store_true", help="fit nothing")
    options = parser.parse_args()
    logging.getLogger("scgsr").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    records = [json.loads(line) for line in options.json.open(encoding="utf-8")] if options.json.exists() else []
    done = {_task(record) for record in records}
    tasks = [(data, setting, seed) for seed in options.seeds for data in options.data for setting in options.settings]
    for task in tasks if not options.tables else []:
        if task in done:
            continue
        records.append(measured(*task))
        with options.json.open("a", encoding="utf-8") as file:
            file.write(json.dumps(records[-1]) + "\n")
    sys.stdout.write("\n".join(report(records, options.settings)) + "\n")


def report(records: list[dict[str, Any]], chosen: list[str]) -> Iterator[str]:
    """Yield the lines of all tables; the goals look at all settings."""
    runs, groups = runs_of(records), groups_of(records)
    yield from ("### Goals", "", "| goal | data | measured | target | verdict |", "|---|---|---|---|---|")
    for goal in goals(runs, groups):
        yield from goal.rows()
    runs, groups = (rows[rows["setting"].isin(chosen)] for rows in (runs, groups))
    settings = ["data", "setting"]
    yield from table("Reconstruction and smoothness", runs, settings, RECONSTRUCTION)
    yield from table("Pictures of the known groups", runs, settings, PICTURES)
    yield from table("Groups below 2 % of the cells", groups[groups["rare"]], ["data", "group", "setting"], GROUPS)
    worst = groups.groupby(["data", "setting", "group"])[["error_ratio", "error_held_out_ratio"]].median()
    worst = worst.groupby(["data", "setting"]).max().reset_index()
    yield from table("The group whose error rose most", worst, settings, GROUPS[-2:])
    yield from table("One per cent of uniform noise", runs[runs["data"].str.endswith(NOISE)], settings, WITH_NOISE)


def _task(record: dict[str, Any]) -> tuple[str, str, int]:
    return record["data"], record["setting"], record["seed"]


# --- Numbers ----------------------------------------------------------------------------------------------------------


def runs_of(records: list[dict[str, Any]]) -> pd.DataFrame:
    """Return one row per fit, with how its labels agree with others of the setting."""
    labels = {_task(record): unpacked(record["labels"]) for record in records}
    runs = pd.DataFrame(records).drop(columns=["groups", "labels"]).reindex(columns=list(_columns()))
    for row, task in zip(runs.index, map(_task, records), strict=True):
        data, setting, seed = task[0].removesuffix(NOISE), *task[1:]
        if (data, setting, seed) in labels and data != task[0]:
            quiet = labels[data, setting, seed]
            runs.loc[row, "ari_noise"] = adjusted_rand_score(quiet, labels[task][: len(quiet)])
    for data, setting in {task[:2] for task in labels if task[0].endswith(NOISE)}:
        found = [found for task, found in labels.items() if task[:2] == (data.removesuffix(NOISE), setting)]
        pairs = [adjusted_rand_score(*pair) for pair in combinations(found, 2)]
        rows = (runs["data"] == data) & (runs["setting"] == setting)
        runs.loc[rows, "ari_seeds"] = np.mean(pairs) if pairs else np.nan
    return runs


def _columns() -> Iterator[str]:
    yield from ("data", "setting", "seed", "seconds")
    for columns in (RECONSTRUCTION, PICTURES, WITH_NOISE):
        yield from (column for _, column, _ in columns)


def groups_of(records: list[dict[str, Any]]) -> pd.DataFrame:
    """Return one row per fit and group, with its errors in units of those of "before" with the same seed."""
    rows = [
        {"data": record["data"], "setting": record["setting"], "seed": record["seed"], "group": group, **found}
        for record in records
        for group, found in record["groups"].items()
    ]
    groups = pd.DataFrame(rows)
    same = ["data", "seed", "group"]
    errors = ["error", "error_held_out"]
    before = groups[groups["setting"] == BEFORE].set_index(same)[errors]
    groups = groups.join(before, on=same, rsuffix="_before")
    for error in errors:
        groups[f"{error}_ratio"] = (groups[error] / groups[f"{error}_before"]).astype(float)
    return groups


def goals(runs: pd.DataFrame, groups: pd.DataFrame) -> Iterator[Goal]:
    """Yield what we ask of the defaults: medians over seeds."""
    middle = runs.groupby(["setting", "data"]).median(numeric_only=True)
    now = middle.loc[NOW]
    rare = groups[groups["rare"] & (groups["setting"] == NOW)]
    rare = rare.groupby(["data", "group"])[["nearest", "recall_ratio", "error_ratio"]].median()
    most, least = rare.groupby("data").max(), rare.groupby("data").min()
    compared = ("cosine", "r2", "r2_held_out", "seconds")
    paired = runs.pivot_table(index=["data", "seed"], columns="setting", values=[*compared])
    cosine = (paired["cosine"][NOW] / paired["cosine"][BEFORE]).groupby("data").median().dropna()
    lost = (paired["r2"][NOW] - paired["r2"][BEFORE]).groupby("data").median().dropna()
    gained = (paired["r2_held_out"][NOW] - paired["r2_held_out"][BEFORE]).groupby("data").median().dropna()
    slower = (paired["seconds"][NOW] / paired["seconds"][BEFORE]).groupby("data").median()
    marked = cosine.index.isin(CYTOMETRY)
    yield Goal("cosine of late CD4 and CD8", now["late"].dropna(), 0.3)
    yield Goal("mean cosine of groups / before", cosine[marked], 0.6)
    yield Goal("mean cosine of groups / before", cosine[~marked], 1)
    yield Goal("group below 2 %: cosine to the nearest other, worst", most["nearest"], 0.5)
    yield Goal("group below 2 %: recall of neighbours / input's, worst", least["recall_ratio"], 0.95, at_most=False)
    yield Goal("group below 2 %: error / before, worst", most["error_ratio"].dropna(), 1.1)
    yield Goal("R2 of all cells - before", lost, -0.003, at_most=False)
    yield Goal("R2 of held-out cells - before", gained, 0, at_most=False)
    yield Goal("Moran's I", now["moran"], 0.65, at_most=False)
    if "smoothness=0" in middle.index:
        ratio = (now["moran"] / middle.loc["smoothness=0"]["reordered"]).dropna()
        yield Goal("the same / re-ordered", ratio, 1.8, at_most=False)
    yield Goal("most alike pair", now["most_alike"].filter(["pbmc3k"]), 0.6)
    yield Goal("most alike pair", now["most_alike"].filter(["levine32"]), 0.8)
    yield Goal("seconds of a fit / before", slower.filter(["thymus"]), 1.1)
    yield Goal("15 neighbours / input's", now["knn_ratio"], 0.98, at_most=False)
    yield Goal("silent cells", now["silent"], 0.02)
    if LEARNED in middle.index:
        yield Goal("silent cells, learned graph", middle.loc[LEARNED]["silent"], 0.02)
    yield Goal("neurons of noise", now["noise_neurons"].dropna(), 0.02)


# --- Tables -----------------------------------------------------------------------------------------------------------


def table(title: str, rows: pd.DataFrame, by: list[str], columns: list[tuple[str, str, int | None]]) -> Iterator[str]:
    """Yield a table of medians (ranges) over seeds; columns without any value are left out."""
    columns = [column for column in columns if rows[column[1]].notna().any()]
    if not columns:
        return
    order = {name: place for place, name in enumerate([*SETS, *SETTINGS])}
    rows = rows.sort_values(by, key=lambda names: names.map(order) if names.isin(order).all() else names, kind="stable")
    yield from ("", f"### {title}", "", f"| {' | '.join([*by, *(name for name, _, _ in columns)])} |")
    yield "|---" * (len(by) + len(columns)) + "|"
    for names, found in rows.groupby(by, sort=False):
        cells = [_told(found[column].dropna(), digits) for _, column, digits in columns]
        yield f"| {' | '.join([*names, *cells])} |"


def _told(values: pd.Series, digits: int | None) -> str:
    if values.empty:
        return ""
    if digits is None:
        return str(values.mode().iloc[0])
    middle, low, high = (f"{value:.{digits}f}" for value in (values.median(), values.min(), values.max()))
    return middle if low == high else f"{middle} ({low}-{high})"


if __name__ == "__main__":
    main()
