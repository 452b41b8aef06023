"""Do the p-values of `tl.programs` hold? Noise alone, and planted programs: one line per data set, means over seeds.

python tests/benchmarks/programs.py --seeds 3

Three tests are compared: `plain`, module against feature in all cells; `hidden`, with the feature hidden from the
network, in its training cells; `tl.programs`, which lets the training cells propose and the held-out cells test.
"""

from __future__ import annotations

import argparse
import logging
import sys

import anndata as ad
import numpy as np
import pandas as pd
from scipy import stats

import scgsr
from scgsr._measures import _programs

NULLS = [(700, 50), (700, 500), (2000, 20), (2000, 500), (5000, 50)]
# Shares of six groups, from common to rare.
UNEQUAL = (0.45, 0.25, 0.15, 0.08, 0.05, 0.02)
# Cells, features, groups or their shares, features of each program, shift in standard deviations, share held out.
PLANTED = [
    (2000, 50, 4, 10, 2.0, 0.1),
    (2000, 300, 6, 20, 2.0, 0.1),
    (2000, 500, 10, 20, 1.5, 0.1),
    (2000, 500, 10, 20, 1.5, 0.3),
    (5000, 200, 8, 10, 1.5, 0.1),
    (5000, 500, 10, 20, 1.0, 0.1),
    (5000, 500, 10, 20, 1.0, 0.3),
    (2000, 200, 10, 5, 2.0, 0.1),
    (2000, 200, 10, 5, 2.0, 0.3),
    (3000, 300, UNEQUAL, 20, 2.0, 0.1),
    (3000, 300, UNEQUAL, 20, 2.0, 0.3),
    (10000, 300, UNEQUAL, 20, 1.5, 0.1),
    (10000, 300, UNEQUAL, 20, 1.5, 0.3),
]
# What moves with others, but with no group: neither a true nor a false discovery.
OF_A_FACTOR = -2
# Counts of cells and of features, share held out.
COUNTS = [(3000, 400, 0.1), (3000, 400, 0.3), (10000, 400, 0.1), (10000, 400, 0.3)]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=20)
    arguments = parser.parse_args()
    logging.getLogger("scgsr").setLevel(logging.ERROR)
    head = "| data | modules |" + "".join(f" {name}: p < 0.05 / 0.01; runs with a discovery |" for name in TESTS)
    table("Noise alone, also cut into all fine modules", head)
    for kind in ("normal", "counts"):
        for n, p in NULLS:
            for fine in (False, True):
                runs = [noise(kind, n, p, seed, arguments.epochs, fine=fine) for seed in range(arguments.seeds)]
                name = f"{kind}, {n} x {p}{', fine modules' if fine else ''}"
                row(name, pd.DataFrame(runs).mean(), lambda r, t: f"{r[t, 5]:.3f} / {r[t, 1]:.3f}; {r[t, 0]:.0%}")
    head = "| data | modules |" + "".join(f" {name}: FDP; found |" for name in TESTS)
    head += " found in own module | features of factors called |"
    table("Planted programs, at an adjusted p-value of 0.05", head)
    for simulate, setting in [*((normal, each) for each in PLANTED), *((counts, each) for each in COUNTS)]:
        *size, held_out = setting
        runs = []
        for seed in range(arguments.seeds):
            name, *cells = simulate(*size, seed)
            runs.append(planted(*cells, seed, arguments.epochs, held_out))
        name = f"{name}, {held_out:.0%} held out"
        row(name, mean := pd.DataFrame(runs).mean(), lambda r, t: f"{r[t, 'fdp']:.3f}; {r[t, 'found']:.3f}", end=False)
        sys.stdout.write(f" {mean['own', '']:.3f} | {mean['factors', '']:.3f} |\n")
    sys.stdout.write("\n## The far tail: observed over nominal rate of small p-values over permutations\n\n")
    sys.stdout.write("\n".join(far_tail(kind) for kind in ("normal", "rare")) + "\n")
    sys.stdout.write("\n## A feature that alone marks a population: largest effect, least adjusted p-value\n\n")
    sys.stdout.write("\n".join(lonely(seed, arguments.epochs) for seed in range(arguments.seeds)) + "\n")


TESTS = ["plain", "hidden", "tl.programs"]


def table(title: str, head: str) -> None:
    """Begin a table."""
    sys.stdout.write(f"\n## {title}\n\n{head}\n" + "|---" * (head.count("|") - 1) + "|\n")


def row(name: str, mean: pd.Series, told, *, end: bool = True) -> None:
    """Write one line of a table."""
    cells = "".join(f" {told(mean, test)} |" for test in TESTS)
    sys.stdout.write(f"| {name} | {mean['modules', '']:.1f} |{cells}" + "\n" * end)
    sys.stdout.flush()


def noise(kind: str, n: int, p: int, seed: int, epochs: int, *, fine: bool) -> dict[tuple, float]:
    """Return shares of small p-values, and whether anything is discovered, where there is nothing to find."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, p))
    if kind == "counts":
        mean = np.exp(rng.normal(size=p))
        values = np.log1p(rng.negative_binomial(2, 2 / (2 + mean), size=(n, p)))
    adata = fitted(values, seed, epochs)
    if fine:
        scgsr.tl.cluster(adata, resolution=1e6)
    found = {("modules", ""): scgsr.get.model(adata).modules.n_modules}
    for test, (pvals, adjusted) in tested(adata).items():
        found |= {(test, 5): (pvals < 0.05).mean(), (test, 1): (pvals < 0.01).mean()}
        found[test, 0] = float((adjusted <= 0.05).any())
    return found


def normal(n: int, p: int, groups: int | tuple[float, ...], size: int, shift: float, seed: int) -> tuple:
    """Return a name, values, the group of each cell and that of each feature, -1 for noise."""
    rng = np.random.default_rng(seed)
    if isinstance(groups, int):
        k, group = groups, rng.integers(groups, size=n)
    else:
        k, group = len(groups), rng.choice(len(groups), size=n, p=groups)
    program = np.full(p, -1)
    program[: k * size] = np.repeat(np.arange(k), size)
    name = f"{n} x {p}, {k}{'' if isinstance(groups, int) else ' unequal'} groups, {size} features each, {shift:g} sd"
    return name, rng.normal(size=(n, p)) + shift * (group[:, None] == program), group, program


def counts(n: int, p: int, seed: int) -> tuple:
    """Return the same for negative binomial counts of cells of unequal depth, normalised and log-transformed.

    Three factors move 15 features each and no group.
    """
    rng = np.random.default_rng(seed)
    group = rng.choice(len(UNEQUAL), size=n, p=UNEQUAL)
    program = np.full(p, -1)
    program[:120], program[120:165] = np.repeat(np.arange(6), 20), OF_A_FACTOR
    log_mean = rng.normal(-0.5, 1, size=p) + 1.3 * (group[:, None] == program)
    log_mean[:, 120:165] += 0.6 * np.repeat(rng.normal(size=(n, 3)), 15, axis=1)
    depth = np.exp(0.3 * rng.normal(size=(n, 1)))
    mean = depth * np.exp(log_mean)
    name = f"{n} x {p} counts, 6 unequal groups, 20 features each, 1.3 log units, 3 factors"
    return name, np.log1p(rng.negative_binomial(2, 2 / (2 + mean)) / depth), group, program


def planted(
    values: np.ndarray, group: np.ndarray, program: np.ndarray, seed: int, epochs: int, held_out: float
) -> dict[tuple, float]:
    """Return the shares of false discoveries and of features found, over all modules and in the group's own."""
    adata = fitted(values, seed, epochs, held_out)
    found = {("modules", ""): scgsr.get.model(adata).modules.n_modules}
    results = tested(adata)
    for test, (_, adjusted) in results.items():
        hit = (adjusted <= 0.05).any(axis=1)
        found |= {
            (test, "found"): hit[program >= 0].mean(),
            (test, "fdp"): hit[program == -1].sum() / max(1, hit.sum()),
        }
    found["factors", ""] = hit[program == OF_A_FACTOR].mean() if (program == OF_A_FACTOR).any() else np.nan
    responses = scgsr.get.model(adata).modules.leads(adata.obsm["X_gsr"])
    match = np.corrcoef(responses.T, pd.get_dummies(group, dtype=float).T)[: responses.shape[1], responses.shape[1] :]
    own = match.argmax(axis=0)[program[program >= 0]]
    rises = (results["tl.programs"][1] <= 0.05) & (adata.uns["gsr"]["programs"]["scores"] > 0)
    return found | {("own", ""): rises[program >= 0][np.arange(len(own)), own].mean()}


def far_tail(kind: str) -> str:
    """Return how often upper tails are small over permutations of 250 cells, for two kinds of feature and module."""
    rng = np.random.default_rng(0)
    features, lead = rng.normal(size=(250, 200)), rng.normal(size=250)
    if kind == "rare":  # in 3 and 5 of 100 cells
        features, lead = (rng.random((250, 200)) < 0.03) * rng.exponential(size=(250, 200)), np.zeros(250)
        lead[:12] = rng.exponential(size=12)
    small = np.zeros(3)
    for _ in range(20):
        permuted = rng.permuted(np.tile(lead, (500, 1)), axis=1).T
        upper = _programs.Tails.of(features, permuted).upper
        small += [(upper <= level).mean() / level / 20 for level in (1e-3, 1e-4, 1e-5)]
    return f"- {kind}: " + ", ".join(f"{ratio:.1f}" for ratio in small) + " at 0.001, 0.0001, 0.00001"


def lonely(seed: int, epochs: int) -> str:
    """Return what happens to one feature, 6 sd up in a fifth of the cells, among 7 of noise."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(2000, 8))
    values[:400, 0] += 6
    adata = fitted(values, seed, epochs)
    scgsr.tl.cluster(adata, resolution=2)
    scgsr.tl.programs(adata)
    one = scgsr.get.programs(adata).query("names == '0'")
    return f"- seed {seed}: effect {one['effect'].abs().max():.2f}, adjusted p {one['pvals_adj'].min():.2g}"


def fitted(values: np.ndarray, seed: int, epochs: int, held_out: float = 0.1) -> ad.AnnData:
    """Return the values with a fit on a sheet."""
    adata = ad.AnnData(values.astype(np.float32))
    scgsr.tl.fit(adata, (10, 10), rng=seed, n_epochs=epochs, validation_fraction=held_out, progress=False)
    return adata


def tested(adata: ad.AnnData) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return p-values and adjusted ones of each test."""
    scgsr.tl.programs(adata)
    model, stored = scgsr.get.model(adata), adata.uns["gsr"]["programs"]
    responses = scgsr.get.model(adata).modules.leads(adata.obsm["X_gsr"]).astype(np.float64)
    plain = _programs.Tails.of(adata.X.astype(np.float64), responses).two_sided
    training = adata[~adata.obs["gsr_held_out"]].X
    every, all_cells = np.arange(adata.n_vars), np.ones(len(training), dtype=bool)
    # As if its training cells were held out.
    hidden = _programs.evidence(model, training, training, every, all_cells, np.random.default_rng(0)).pvals
    found = {name: (pvals, adjusted(pvals)) for name, pvals in [("plain", plain), ("hidden", hidden)]}
    return found | {"tl.programs": (stored["pvals"], stored["pvals_adj"])}


def adjusted(pvals: np.ndarray) -> np.ndarray:
    """Return p-values after Benjamini and Hochberg."""
    return stats.false_discovery_control(pvals.ravel()).reshape(pvals.shape)


if __name__ == "__main__":
    main()
