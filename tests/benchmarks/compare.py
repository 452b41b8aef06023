"""Does `tl.compare` say no where nothing differs, and yes where something does? Cohorts drawn from real, gated cells.

    SCGSR_DATA=<folder> python tests/benchmarks/compare.py [null power tripled milo] [--cohorts 1000]

A donor has the shares of the known populations, varied as a Dirichlet distribution of concentration 200 does, and some
cells of each population, each with its pool's label and picture by one fit at defaults. Staining moves every marker of
a donor, by 0.12 or 0.3 standard deviations; then the cells of each donor are mapped anew, which takes longer: there are
fewer such cohorts. Printed are, for each design: the share of p-values at or below 5 %, whether they are uniform
(Kolmogorov-Smirnov), and the share of cohorts with any q at or below 5 %, which where nothing differs is the false
discovery rate. `power` compares with other tests of the same shares: plain t, and propeller's, the arcsine of the root
of the share with a moderated t. `tripled` lets one population be three times as frequent in half of the donors.

`milo`, which is not run unless it is named, takes the first cohorts of `power`, and as many where nothing differs, to
the Milo of pertpy, with PyDESeq2 and otherwise at its defaults, on the graph of nearest cells by the same features
(`--cells-of-each`: how many for each sample). A population is found if any neighbourhood mostly of its cells has a
spatial false discovery rate of at most 5 %.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import torch
from _data import UNGATED, load
from scipy import stats

import scgsr
from scgsr._measures import Design, abundance, design_of, neurons, state
from scgsr._measures._moderated import moderated_tests
from scgsr.nn import unit_pictures

CONCENTRATION, N_CELLS, FEWEST, MOST = 200, 1500, 50, 5000
STAINING = (0.12, 0.3)
# One cohort with staining is drawn for so many without.
RARER = 10
FOUND = 0.05
# A module with less than this share of cells of a population that triples hardly changes.
UNCHANGED = 0.01
# The name of the features for Milo, which wants a representation.
REP = "X_features"
# If most cells change, nobody can tell from shares that not the others did.
MOST_OF_CELLS = 0.5


@dataclass(frozen=True, eq=False, kw_only=True)
class Pool:
    """Gated cells with their labels and pictures."""

    values: np.ndarray  # (n_cells, n_features), in standard deviations
    sd: np.ndarray  # (n_features,)
    kinds: list[np.ndarray]  # rows of each population
    shares: np.ndarray  # (n_populations,)
    labels: np.ndarray  # (n_cells,) int
    pictures: np.ndarray  # (n_cells, n_neurons)
    n_modules: int
    names: list[str]
    model: scgsr.FittedModel

    @classmethod
    def of(cls, name: str) -> Pool:
        """Fit all gated cells of a data set once."""
        dataset = load(name)
        groups = dataset.groups.astype(str)
        adata = dataset.adata[groups != UNGATED].copy()
        groups = groups[groups != UNGATED]
        scgsr.tl.fit(adata, progress=False)
        values = np.asarray(adata.X, dtype=np.float32)
        kinds = [np.flatnonzero(groups == group) for group in pd.unique(groups)]
        return cls(
            values=values,
            sd=values.std(axis=0),
            kinds=kinds,
            shares=np.array([len(rows) for rows in kinds]) / len(values),
            labels=adata.obs["gsr"].cat.codes.to_numpy(),
            pictures=pictures(adata.obsm["X_gsr"]),
            n_modules=len(adata.obs["gsr"].cat.categories),
            names=list(adata.var_names),
            model=scgsr.get.model(adata),
        )


def pictures(activations: np.ndarray) -> np.ndarray:
    """Return equally bright pictures."""
    return unit_pictures(torch.from_numpy(activations)).numpy()


@dataclass(frozen=True, eq=False, kw_only=True)
class Cohort:
    """What the tests take."""

    counts: pd.DataFrame
    medians: np.ndarray
    means: np.ndarray
    design: Design
    rows: list[np.ndarray]  # of the pool, those of each sample


def cohort(
    pool: Pool,
    condition: np.ndarray,
    rng: np.random.Generator,
    *,
    pairs: bool = False,
    unequal: bool = False,
    staining: float = 0.0,
    times: tuple[int, float] | None = None,
) -> Cohort:
    """Draw donors, (n_samples,) of condition 0 or 1; in condition 1 a population may be so many times as frequent."""
    n = len(condition)
    counts = np.zeros((n, pool.n_modules), dtype=int)
    medians = np.full((n, pool.n_modules, len(pool.names)), np.nan)
    means = np.zeros((n, pool.pictures.shape[1]))
    drawn_rows = []
    donor = np.tile(np.arange(n // 2), 2) if pairs else np.arange(n)
    alike = {one: rng.dirichlet(CONCENTRATION * pool.shares) for one in np.unique(donor)}
    for sample in range(n):
        # Both samples of a donor vary around its own shares.
        shares = rng.dirichlet(CONCENTRATION * alike[donor[sample]] + 1e-3) if pairs else alike[donor[sample]]
        if times is not None and condition[sample]:
            shares = shares * np.where(np.arange(len(shares)) == times[0], times[1], 1)
        n_cells = rng.integers(FEWEST, MOST) if unequal else N_CELLS
        drawn = rng.multinomial(n_cells, shares / shares.sum())
        rows = np.concatenate([rng.choice(kind, k) for kind, k in zip(pool.kinds, drawn, strict=True)])
        drawn_rows.append(rows)
        values, labels, seen = pool.values[rows], pool.labels[rows], pool.pictures[rows]
        if staining:
            values = values + (staining * rng.normal(size=len(pool.sd)) * pool.sd).astype(np.float32)
            activations = pool.model.activations(values)
            labels, seen = pool.model.modules.assign(activations).codes, pictures(activations)
        counts[sample] = np.bincount(labels, minlength=pool.n_modules)
        for module in np.unique(labels):
            medians[sample, module] = np.median(values[labels == module], axis=0) / pool.sd
        means[sample] = seen.mean(axis=0)
    others = [("block_key", pd.Series(donor.astype(str), name="donor"))] if pairs else []
    return Cohort(
        counts=pd.DataFrame(counts, columns=[str(module) for module in range(pool.n_modules)]),
        medians=medians,
        means=means,
        design=design_of(
            pd.Series(np.where(condition, "case", "control"), name="condition"), others, reference="control"
        ),
        rows=drawn_rows,
    )


def tests(drawn: Cohort, design: Design) -> dict[str, pd.DataFrame]:
    """Return the three tables, and that of abundance relative to the median."""
    enough = {"min_cells": 10, "min_samples": -(-len(drawn.counts) // 2)}
    shares = abundance(drawn.counts, design, **enough)
    names = [str(number) for number in range(drawn.medians.shape[2])]
    medians = state(drawn.medians, drawn.counts.to_numpy(), drawn.counts.columns, names, design, **enough)
    relative = shares[["module", "relative_p", "relative_q"]].set_axis(["module", "p", "q"], axis="columns")
    return {
        "abundance": shares,
        "relative": relative,
        "state": medians,
        "neurons": neurons(drawn.means, int(drawn.counts.to_numpy().sum()), design),
    }


DESIGNS = {
    "2 against 2": (np.repeat([0, 1], 2), {}),
    "3 against 3": (np.repeat([0, 1], 3), {}),
    "5 against 5": (np.repeat([0, 1], 5), {}),
    "10 against 10": (np.repeat([0, 1], 10), {}),
    "five pairs": (np.repeat([0, 1], 5), {"pairs": True}),
    "5 against 5, 50 to 5,000 cells": (np.repeat([0, 1], 5), {"unequal": True}),
}


def null(pool: Pool, n_cohorts: int) -> Iterator[list[str]]:
    """Yield a row for each design and family, where nothing differs."""
    stained = {f"5 against 5, staining {sd}": (np.repeat([0, 1], 5), {"staining": sd}) for sd in STAINING}
    for name, (condition, settings) in {**DESIGNS, **stained}.items():
        rng, found = np.random.default_rng(0), {}
        for _ in range(n_cohorts // RARER if "staining" in settings else n_cohorts):
            drawn = cohort(pool, condition, rng, **settings)
            for family, table in tests(drawn, drawn.design).items():
                found.setdefault(family, []).append(table[["p", "q"]].dropna())
        for family, tables in found.items():
            p = np.concatenate([table["p"].to_numpy() for table in tables])
            # Tests of one cohort depend on each other: one of each is drawn for the question whether they are uniform.
            one_each = np.array([rng.choice(table["p"]) for table in tables if len(table)])
            any_found = np.mean([bool((table["q"] <= FOUND).any()) for table in tables])
            uniform = stats.kstest(one_each, "uniform").pvalue
            yield [name, family, str(len(tables)), f"{(p <= FOUND).mean():.3f}", f"{uniform:.3f}", f"{any_found:.3f}"]


def power(pool: Pool, n_cohorts: int) -> Iterator[list[str]]:
    """Yield how often a population that is twice as frequent is found, by several tests of the shares."""
    for name in ("3 against 3", "5 against 5"):
        condition, _ = DESIGNS[name]
        for kind in np.argsort(-pool.shares)[[1, len(pool.shares) // 2]]:
            rng, hits = np.random.default_rng(0), {}
            target = str(np.bincount(pool.labels[pool.kinds[kind]]).argmax())
            for _ in range(n_cohorts // RARER):
                drawn = cohort(pool, condition, rng, times=(int(kind), 2.0))
                for test, q in by_tests(drawn).items():
                    hits.setdefault(test, []).append(bool(q.get(target, 1.0) <= FOUND))
            yield [name, f"{pool.shares[kind]:.3f}", *(f"{np.mean(found):.2f}" for found in hits.values())]


def by_tests(drawn: Cohort) -> dict[str, pd.Series]:
    """Return the false discovery rate of each module by several tests."""
    table = abundance(drawn.counts, drawn.design, min_cells=10, min_samples=-(-len(drawn.counts) // 2))
    kept = table["p"].notna().to_numpy()
    cells = drawn.counts.to_numpy(dtype=float)
    total = cells.sum(axis=1, keepdims=True)
    odds = np.log((cells + 0.5) / (total - cells + 0.5))[:, kept]
    roots = np.arcsin(np.sqrt(cells / total))[:, kept]
    condition = drawn.design.matrix[:, 1] == 1
    adjusted = partial(pd.Series, index=table["module"][kept])
    plain = stats.ttest_ind(odds[condition], odds[~condition]).pvalue
    propeller = moderated_tests(roots, drawn.design.matrix, [1]).p[:, 0]
    return {
        "compare": table.set_index("module")["q"],
        "relative": table.set_index("module")["relative_q"],
        "t": adjusted(stats.false_discovery_control(plain)),
        "propeller": adjusted(stats.false_discovery_control(propeller)),
    }


def tripled(pool: Pool, n_cohorts: int) -> Iterator[list[str]]:
    """Yield how often modules without the tripled population are called different."""
    for name in ("3 against 3", "5 against 5", "10 against 10"):
        condition, _ = DESIGNS[name]
        rng, plain, relative = np.random.default_rng(0), [], []
        for _ in range(n_cohorts // RARER):
            kind = int(rng.choice(np.flatnonzero(pool.shares < MOST_OF_CELLS)))
            drawn = cohort(pool, condition, rng, times=(kind, 3.0))
            table = abundance(drawn.counts, drawn.design, min_cells=10, min_samples=-(-len(drawn.counts) // 2))
            # Unchanged are modules of which next to nothing is of the tripled population.
            of_kind = np.bincount(pool.labels[pool.kinds[kind]], minlength=pool.n_modules)
            share = of_kind / np.maximum(np.bincount(pool.labels, minlength=pool.n_modules), 1)
            unchanged = table[(share < UNCHANGED) & table["p"].notna().to_numpy()]
            plain += list(unchanged["q"] <= FOUND)
            relative += list(unchanged["relative_q"] <= FOUND)
        yield [name, f"{np.mean(plain):.3f}", f"{np.mean(relative):.3f}"]


def milo(pool: Pool, n_cohorts: int, *, cells_of_each: int) -> Iterator[list[str]]:
    """Yield how often Milo finds a population that is twice as frequent, and anything where nothing differs."""
    of_kind = np.empty(len(pool.values), dtype=int)
    for number, rows in enumerate(pool.kinds):
        of_kind[rows] = number
    for name in ("3 against 3", "5 against 5"):
        condition, _ = DESIGNS[name]
        for kind in (None, *np.argsort(-pool.shares)[[1, len(pool.shares) // 2]].tolist()):
            rng, hits = np.random.default_rng(0), []
            for _ in range(n_cohorts):
                drawn = cohort(pool, condition, rng, times=None if kind is None else (kind, 2.0))
                found, share = neighbourhoods(pool, drawn, condition, of_kind == kind, cells_of_each)
                hits.append(bool((found if kind is None else found & (share > MOST_OF_CELLS)).any()))
            yield [name, "nothing differs" if kind is None else f"{pool.shares[kind]:.3f}", f"{np.mean(hits):.2f}"]


def neighbourhoods(
    pool: Pool, drawn: Cohort, condition: np.ndarray, is_kind: np.ndarray, cells_of_each: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return which of Milo's neighbourhoods differ, and the share of cells of a kind in each."""
    import anndata as ad
    import pertpy
    import scanpy as sc

    rows, sizes = np.concatenate(drawn.rows), [len(rows) for rows in drawn.rows]
    sample = np.repeat(np.arange(len(sizes)), sizes)
    obs = {"sample": [f"s{one}" for one in sample], "condition": np.where(condition[sample], "case", "control")}
    adata = ad.AnnData(obs=pd.DataFrame(obs, index=np.arange(len(rows)).astype(str)), obsm={REP: pool.values[rows]})
    test = pertpy.tl.Milo()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):  # it prints its tables
        warnings.simplefilter("ignore")
        data = test.load(adata)
        sc.pp.neighbors(data["rna"], n_neighbors=cells_of_each * len(sizes), use_rep=REP)
        test.make_nhoods(data["rna"])
        data = test.count_nhoods(data, sample_col="sample")
        test.da_nhoods(data, design="~condition", solver="pydeseq2")
    members = data["rna"].obsm["nhoods"]
    share = np.asarray(members.T @ is_kind[rows]).ravel() / np.asarray(members.sum(axis=0)).ravel()
    return data["milo"].var["SpatialFDR"].to_numpy(dtype=float) <= FOUND, share


PARTS = {"null": null, "power": power, "tripled": tripled}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=f"of {[*PARTS, 'milo']}")
    parser.add_argument("--cohorts", type=int, default=1000)
    parser.add_argument("--cells-of-each", type=int, default=5, help="nearest cells for each sample, of Milo's graph")
    parser.add_argument("--sets", nargs="+", default=["flowsom_68983", "thymus"])
    arguments = parser.parse_args()
    logging.getLogger("scgsr").setLevel(logging.ERROR)
    parts = {**PARTS, "milo": partial(milo, cells_of_each=arguments.cells_of_each)}
    for name in arguments.sets:
        pool = Pool.of(name)
        for part in arguments.parts:
            for row in parts[part](pool, arguments.cohorts):
                sys.stdout.write("| " + " | ".join([name, part, *row]) + " |\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
