"""The goals of `quality.py`: what the defaults should reach, as medians over seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from _data import SOURCES
from _results import Results, middle

# The method that the goals are about, where they are not about a known graph.
OURS = "scgsr-grid"
# Labels are compared separately over the two kinds of data.
CYTOMETRY = ("thymus", "flowsom_68983", "levine32", "cytof_panel")
# F1 of the worst group, and agreement between seeds, that is enough.
EVEN_THE_WORST, STABLE = 0.5, 0.9
LABELLED = [data for data, source in SOURCES.items() if source.kind == "labelled"]
KINDS = {"cytometry": CYTOMETRY, "expression": [data for data in LABELLED if data not in CYTOMETRY]}


class Goal(NamedTuple):
    """A number that should be at least (or at most) a target; None where it was not measured."""

    what: str
    data: str
    measured: float | None
    sign: str
    target: float | None

    def row(self) -> list[str]:
        """Return the row of the table, with the verdict."""
        if self.measured is None or self.target is None:
            return [self.what, self.data, "", "", "not measured"]
        met = self.measured >= self.target if self.sign == ">=" else self.measured <= self.target
        return [
            self.what,
            self.data,
            f"{self.measured:.4g}",
            f"{self.sign} {self.target:.4g}",
            "met" if met else "missed",
        ]


def goals(results: Results) -> Iterator[Goal]:
    """Yield what was aimed at, with the medians over seeds."""
    yield from _primary_task(results)
    for data in LABELLED:
        yield from _picture_goals(results, data)
    yield from _labels_by_kind(results)
    for data in LABELLED:
        yield from _label_goals(results, data)
    yield from _known_structure(results)
    ratio = results.paired("thymus", (OURS, "seconds"), ("flowsom", "seconds"), np.divide)
    yield Goal("seconds / FlowSOM's", "thymus", middle(ratio), "<=", 2)


def _primary_task(results: Results) -> Iterator[Goal]:
    for data in ("thymus", "paul15", "flowsom_68983"):
        for other, target in (("scgsr-grid-smoothness0", -0.005), ("plain-autoencoder", -0.01)):
            change = results.paired(data, (OURS, "r2"), (other, "r2"), np.subtract)
            yield Goal(f"R2 - {other}'s", data, middle(change), ">=", target)


def _picture_goals(results: Results, data: str) -> Iterator[Goal]:
    for what, method, measure, sign, target in [
        ("Moran's I on the grid", "scgsr-grid", "moran", ">=", 0.7),
        ("the same / re-ordered", "scgsr-grid", "moran_ratio", ">=", 1.8),
        ("mean cosine of groups", OURS, "cosine", "<=", 0.8),
        ("smallest connected share", OURS, "connected", ">=", 0.8),
        ("its p", OURS, "connected_p", "<=", 0.001),
    ]:
        yield Goal(what, data, results.median(data, method, measure), sign, target)


def _labels_by_kind(results: Results) -> Iterator[Goal]:
    by_themselves, told = ("flowsom", "leiden", "scvi-leiden"), ("flowsom", "leiden", "k-means")
    for kind, sets in KINDS.items():
        for what, measure, peers in [
            ("mean ARI at defaults", "ari", by_themselves),
            ("mean NMI at defaults", "nmi", by_themselves),
            ("mean ARI at known k", "ari_matched", told),
            ("mean NMI at known k", "nmi_matched", told),
            ("mean F1 at defaults", "f1", ("leiden",)),
        ]:
            yield from _against_peers(_medians(results, sets, measure, (OURS, *peers)), what, f"{len(sets)} {kind}")


def _medians(results: Results, sets: Iterable[str], measure: str, methods: Iterable[str]) -> pd.DataFrame:
    """Return medians over seeds, one row for each set, one column for each method; NaN where it was not run."""
    found = {method: [results.median(data, method, measure) for data in sets] for method in methods}
    return pd.DataFrame(found, index=list(sets), dtype=float)


def _against_peers(medians: pd.DataFrame, what: str, all_sets: str) -> Iterator[Goal]:
    """Compare means over sets with the best peer that ran on them all, and apart with each that ran on some.

    Parameters
    ----------
    medians
        Sets x methods; ours is the first column.
    what
        What is compared.
    all_sets
        How many sets of what kind there are.
    """
    medians = medians[medians[OURS].notna()]
    peers = medians.drop(columns=OURS)
    everywhere = peers.columns[peers.notna().all() & bool(len(peers))]
    if not len(everywhere):
        yield Goal(f"{what}, against the best peer", f"of {all_sets} sets", None, ">=", None)
    else:
        best = peers[everywhere].mean().idxmax()
        yield _mean_goal(medians[[OURS, best]], f"{what}, against {best}, the best", all_sets)
    for peer in peers.columns[peers.notna().any() & peers.isna().any()]:
        yield _mean_goal(medians[[OURS, peer]].dropna(), f"{what}, against {peer}", all_sets)


def _mean_goal(medians: pd.DataFrame, what: str, all_sets: str) -> Goal:
    ours, target = medians.mean()
    return Goal(what, f"{len(medians)} of {all_sets} sets", ours, ">=", target)


def _label_goals(results: Results, data: str) -> Iterator[Goal]:
    def ours(measure: str) -> float | None:
        return results.median(data, OURS, measure)

    if (results.median(data, "leiden", "f1_least") or 0) >= EVEN_THE_WORST:
        yield Goal("least F1, where Leiden reaches it", data, ours("f1_least"), ">=", EVEN_THE_WORST)
    yield Goal("k / known, not too few", data, ours("k_ratio"), ">=", 0.7)
    yield Goal("k / known, not too many", data, ours("k_ratio"), "<=", 1.5)
    found = [results.median(data, peer, "stability") for peer in ("flowsom", "leiden")]
    target = None if None in found else min(max(found), STABLE)
    yield Goal("stability over seeds", data, ours("stability"), ">=", target)
    yield Goal("pieces / k-means pieces", data, ours("pieces"), ">=", 1)
    yield Goal("AUROC of the confidence", data, ours("confidence_auroc"), ">=", 0.7)


def _known_structure(results: Results) -> Iterator[Goal]:
    for data, source in SOURCES.items():
        if source.kind == "bits":
            yield Goal("worst bit, or states", data, _bits_or_states(results, data), ">=", 0.95)
        if source.kind == "topology":
            target = 0.9 if data.startswith("branching_tree") else 0.98
            yield Goal("agreement", data, results.median(data, "scgsr-known-graph", "agreement"), ">=", target)


def _bits_or_states(results: Results, data: str) -> float | None:
    """Return the worst bit or the agreement with the states, whichever is clearer: modules may stand for either."""
    found = [results.median(data, OURS, measure) for measure in ("worst_bit", "ari_states")]
    return None if None in found else max(found)
