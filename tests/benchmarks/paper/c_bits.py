"""Experiment C': bit patterns, 2^m states of m independent bits, 100 neurons on a learned graph.

    python tests/benchmarks/paper/c_bits.py [--seeds 0 1 2] [--figure tests/benchmarks/paper/c_bits.png]

Must be seen: neuron modules are the bits. In every setting alike, modules are found by spectral clustering of the
correlations of the final activations into m groups (`scgsr.graphs.coactivation(..., n_modules=m)`), so all are told m;
bits and modules are matched one to one by the absolute correlation of the bit with the module's mean activation.
Measured are the mean and the lowest of these m correlations and R2 on held-out cells. Beside them, not judged, stands
the mean if there are 2m groups: neurons that are up where a bit is on and those where it is off never fire together, so
a bit may well have two modules. For few bits the neurons may stand for the 2^m states instead, so the adjusted Rand
index of the cells' labels with the states is there too.
A modular learned graph is told m during the training as well; "own groups" are the connected components of its graph.
The released setting has a warm-up of 1,000 steps here, not 5,000. A seed changes the data and the network.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from _common import RELEASED, asked, fitted, printed, released_graph
from anndata import AnnData
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score

import scgsr
from scgsr.graphs import LearnedGraph, NeuronGraph, coactivation, correlation, learned

N_CELLS, N_NEURONS = 1000, 100
# Numbers of bits, and the one that is drawn.
NUMBERS, DRAWN = (2, 3, 4, 6, 8), 4
# 29 steps an epoch, so at most 740 steps after the warm-up; 200 after the graph has fallen apart, as released.
EPOCHS = 60
RECIPE = released_graph(1000)
# Modules are the bits if the mean correlation is at least the first in the median over seeds; up to so many bits they
# may be the states instead, if the index is at least the last. The penalty matters if the correlation is above that of
# the same network with smoothness 0 by the second.
BITS, MARGIN, FEW_BITS, STATES = 0.9, 0.05, 3, 0.9
# What is judged, and what it is compared with.
BASELINES = {
    "released": "released, smoothness 0",
    "defaults": "defaults, smoothness 0",
    "modular": "defaults, smoothness 0",
}


def settings(n_bits: int) -> dict[str, tuple[LearnedGraph, dict[str, Any]]]:
    """Return the neuron graph and the arguments of each setting."""
    return {
        "released, smoothness 0": (RECIPE, {**RELEASED, "n_epochs": EPOCHS, "smoothness": 0}),
        "released": (RECIPE, {**RELEASED, "n_epochs": EPOCHS, "smoothness": 1e-3}),
        "defaults, smoothness 0": (learned(N_NEURONS), {"smoothness": 0}),
        "defaults": (learned(N_NEURONS), {}),
        "modular": (learned(N_NEURONS, n_modules=n_bits), {}),
    }


def groups(graph: NeuronGraph) -> np.ndarray:
    """Return the connected component of each neuron, (n_neurons,); -1 for a neuron on its own."""
    _, labels = graph.components
    return np.where(np.bincount(labels)[labels] > 1, labels, -1)


def matched(activations: np.ndarray, found: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """Return the absolute correlation of each bit with a module of its own, (n_bits,); 0 without one."""
    names = np.unique(found[found >= 0])
    means = np.column_stack([activations[:, found == name].mean(axis=1) for name in names])
    alike = np.abs(correlation(np.hstack([bits, means])))[: bits.shape[1], bits.shape[1] :]
    of_bit, of_module = linear_sum_assignment(alike, maximize=True)
    result = np.zeros(bits.shape[1])
    result[of_bit] = alike[of_bit, of_module]
    return result


def runs(n_bits: int, seed: int) -> Iterator[tuple[dict[str, Any], np.ndarray, np.ndarray, AnnData]]:
    """Yield the measures of each setting, its activations, its modules, and the cells."""
    adata = scgsr.datasets.bit_patterns(N_CELLS, n_bits=n_bits, rng=seed)
    bits = adata.obs[[f"bit_{bit}" for bit in range(n_bits)]].to_numpy(dtype=float)
    for setting, (graph, arguments) in settings(n_bits).items():
        activations, r2 = fitted(adata, graph, rng=seed, **arguments)
        ways = {setting: groups(coactivation(activations, n_modules=n_bits))}
        if setting == "modular":
            ways["modular, own groups"] = groups(scgsr.get.model(adata).graph)
        index = adjusted_rand_score(adata.obs["state"], adata.obs["gsr"])
        for way, found in ways.items():
            alike = matched(activations, found, bits)
            finer = matched(activations, groups(coactivation(activations, n_modules=2 * n_bits)), bits).mean()
            row = {"bits": n_bits, "setting": way, "seed": seed, "R2": r2, "correlation": alike.mean()}
            row |= {"lowest": alike.min(), "of 2m groups": finer, "states": index}
            yield row, activations, found, adata


def verdicts(table: pd.DataFrame) -> Iterator[str]:
    """Yield one line per number of bits and setting: modules are the bits, or states, and what the penalty adds."""
    medians = table.groupby(["bits", "setting"], sort=False)[["correlation", "states"]].median()
    for n_bits in table["bits"].unique():
        for setting, baseline in BASELINES.items():
            alike, index = medians.loc[(n_bits, setting)]
            gain = alike - medians.loc[(n_bits, baseline), "correlation"]
            word = "not seen"
            if n_bits <= FEW_BITS and index >= STATES:
                word = "seen, as states"
            if alike >= BITS:
                word = "seen"
            adds = "yes" if gain >= MARGIN else "no"
            yield (
                f"m = {n_bits}, {setting}: modules are bits: {alike:.3f} (at least {BITS:g}), or, up to {FEW_BITS} "
                f"bits, labels are states: {index:.3f} (at least {STATES:g}): {word}; "
                f"bits above those of smoothness 0: {gain:+.3f} (at least {MARGIN:g}): {adds}\n"
            )


def drawn(fit: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]], name: str) -> None:
    """Draw the correlation of each neuron with each bit, neurons by module."""
    figure, axes = plt.subplots(len(fit), 1, figsize=(9, 1.25 * len(fit) + 0.6), sharex=True, layout="constrained")
    for axis, (title, (activations, found, bits)) in zip(axes, fit.items(), strict=True):
        alike = correlation(np.hstack([bits, activations]))[: bits.shape[1], bits.shape[1] :]
        order = np.lexsort((np.abs(alike).argmax(axis=0), found))
        image = axis.imshow(alike[:, order], cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
        for border in np.flatnonzero(np.diff(found[order])):
            axis.axvline(border + 0.5, color="black", linewidth=1)
        axis.set_title(title, fontsize=10)
        axis.set_yticks([0, len(bits.T) - 1])
    figure.suptitle(f"{len(bits.T)} bits, one seed: were modules the bits, each had a row of its own", fontsize=10)
    figure.supylabel("bit", fontsize=10)
    figure.supxlabel("neuron, by module (lines lie between modules)", fontsize=10)
    figure.colorbar(image, ax=axes, label="correlation of neuron and bit", shrink=0.6)
    figure.savefig(name, dpi=110)


def main() -> None:
    """Fit, print the table and the verdicts, draw."""
    options = asked(__doc__, seeds=3)
    rows, pictures = [], {}
    for n_bits in NUMBERS:
        for seed in options.seeds:
            for row, activations, found, adata in runs(n_bits, seed):
                rows.append(row)
                if n_bits == DRAWN and seed == options.seeds[0]:
                    bits = adata.obs[[f"bit_{bit}" for bit in range(n_bits)]].to_numpy(dtype=float)
                    pictures[row["setting"]] = activations, found, bits
    sys.stdout.writelines(verdicts(printed(rows, ["bits", "setting"])))
    if options.figure:
        drawn(pictures, options.figure)


if __name__ == "__main__":
    main()
