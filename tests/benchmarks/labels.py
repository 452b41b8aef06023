"""Do labels hold on few cells, for rare kinds, and how long do they take? One table per question.

    SCGSR_DATA=<folder> python tests/benchmarks/labels.py [few rare time] [--seeds 3]

- *few*: adjusted Rand index at default settings on random samples of two data sets; a set that has fewer cells is
  taken whole. Genes were chosen on all cells.
- *rare*: F1 of the label that fits best, for each of four kinds that are 0.5 and 0.1 % of 50,000 simulated cells.
- *time*: seconds for modules and labels alone, of a fit that is there: of its 25,000 cells and of a million that it was
  tiled to.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterable, Iterator
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from _data import Dataset, load
from _fit import Fit, NotRunError
from _label_measures import best_f1
from _methods import METHODS
from _ours import SHEET
from _weights import PLANTED, SETS

import scgsr
from scgsr import _model, _modules

COMPARED = ("scgsr-grid", "leiden", "flowsom")
FEW_SETS, FEW_CELLS = ("pbmc3k", "levine32"), (300, 1000, 3000)
TIMED, MANY_CELLS = "thymus", 1_000_000
# Copies of a cell activate the same neurons, by so much more or less.
NOISE = 0.01
RESOLUTION = 1.0


def few(n_draws: int) -> Iterator[list[str]]:
    """Yield the table about few cells: median and range over samples."""
    yield ["data", "cells", "known groups", *COMPARED]
    for name in FEW_SETS:
        for n_cells in FEW_CELLS:
            samples = [load(name, n_cells, draw) for draw in range(n_draws)]
            found = {method: [_ari(method, *drawn) for drawn in enumerate(samples)] for method in COMPARED}
            n_groups = [len(sample.groups.categories) for sample in samples]
            known = " to ".join(map(str, sorted({min(n_groups), max(n_groups)})))
            yield [name, str(samples[0].adata.n_obs), known, *map(_spread, found.values())]


def _ari(method: str, seed: int, dataset: Dataset) -> float | None:
    fit = _attempt(method, dataset, seed)
    return None if fit is None else dataset.agreement(fit.labels)


def rare(n_seeds: int) -> Iterator[list[str]]:
    """Yield the table about rare kinds: F1 seed by seed."""
    yield ["kind", "cells", *(f"{method}, seed by seed" for method in COMPARED)]
    dataset = Dataset("planted", SETS["planted"].load(), SETS["planted"])
    fits = {method: [_attempt(method, dataset, seed) for seed in range(n_seeds)] for method in COMPARED}
    found = {
        method: [best_f1(dataset, fit.labels) for fit in of_method if fit is not None]
        for method, of_method in fits.items()
    }
    for kind, n_cells in PLANTED.items():
        yield [kind, str(n_cells), *(", ".join(f"{f1[kind]:.2f}" for f1 in found[method]) for method in COMPARED)]


def time(n_repeats: int) -> Iterator[list[str]]:
    """Yield the table about time: median and range over repeats on one fit."""
    yield ["cells", "modules and labels, seconds"]
    adata = load(TIMED).adata.copy()
    scgsr.tl.fit(adata, SHEET, rng=0, progress=False)
    model = scgsr.get.model(adata)
    activations, held_out = adata.obsm["X_gsr"], adata.obs["gsr_held_out"].to_numpy()
    _seconds(model, activations, held_out)  # imports and compilation are not timed
    yield _timed(model, activations, held_out, n_repeats)
    copied = np.arange(MANY_CELLS) % len(activations)
    noise = np.random.default_rng(0).standard_normal((MANY_CELLS, activations.shape[1]), dtype=np.float32)
    yield _timed(model, activations[copied] * (1 + NOISE * noise), held_out[copied], n_repeats)


def _timed(model: Any, activations: np.ndarray, held_out: np.ndarray, n_repeats: int) -> list[str]:
    seconds = [_seconds(model, activations, held_out) for _ in range(n_repeats)]
    return [f"{len(activations):,}", _spread(seconds)]


def _seconds(model: Any, activations: np.ndarray, held_out: np.ndarray) -> float:
    """Find modules and label all cells as `scgsr.tl.fit` does; return the seconds."""
    coordinates, features = _model.module_space(model.network, model.params)
    start = perf_counter()
    _modules.find(activations, np.flatnonzero(~held_out), coordinates, resolution=RESOLUTION, features=features)
    return perf_counter() - start


def _attempt(method: str, dataset: Dataset, seed: int) -> Fit | None:
    """Fit, and say on the way; None, with the reason said, where the method cannot run here."""
    told = f"{dataset.name}, {dataset.adata.n_obs} cells, {method}, seed {seed}"
    try:
        fit = METHODS[method](dataset, seed)
    except NotRunError as reason:
        sys.stderr.write(f"{told}: {reason}\n")
        return None
    sys.stderr.write(f"{told}: done\n")
    return fit


def _spread(values: Iterable[float | None]) -> str:
    """Write the median and the range; nothing where nothing was measured."""
    known = [value for value in values if value is not None]
    return f"{median(known):.3f} ({min(known):.3f}–{max(known):.3f})" if known else "not run"


QUESTIONS = {
    "few": ("Do the labels hold on few cells? ARI at defaults, median (range) over draws", few),
    "rare": ("Are rare kinds found? F1 of the best label", rare),
    "time": ("How long do modules and labels take?", time),
}


def main() -> None:
    """Answer the questions that are asked, one table each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", nargs="*", help=f"of {', '.join(QUESTIONS)}; all if none is given")
    parser.add_argument("--seeds", type=int, default=3, help="number of draws, seeds or repeats")
    options = parser.parse_args()
    unknown = set(options.questions) - set(QUESTIONS)
    if unknown:
        parser.error(f"no such question: {', '.join(sorted(unknown))}")
    logging.getLogger("scgsr").setLevel(logging.ERROR)
    for name in options.questions or QUESTIONS:
        title, answer = QUESTIONS[name]
        header, *rows = answer(options.seeds)
        lines = [header, ["---"] * len(header), *rows]
        sys.stdout.write(f"## {title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
