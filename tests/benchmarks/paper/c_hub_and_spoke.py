"""Experiment C: hub and spoke, three modules of five features, six neurons on three paths of two.

    python tests/benchmarks/paper/c_hub_and_spoke.py [--seeds 0 1 2 3 4]
        [--figure tests/benchmarks/paper/c_hub_and_spoke.png]

Must be seen: one path per module. A path responds with the sum of its two neurons; paths and modules are matched one to
one where the area under the ROC curve (does the path tell the cells in which the module is up from all others?) is best
in the sum. Measured are the lowest of the three areas, the mean share of a cell's activation that is on the path of its
module (a third by chance), and R2 on held-out cells. A path has a module of its own if all three areas are large.
The published setting had a non-negative code; here it is ``threshold=0``, which is a ReLU after the normalisation of
each neuron, as a ReLU alone is not offered. A seed changes the data and the network. Of the published range the
smoothness with the best area is judged.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from _common import asked
from _on_a_graph import CAPTION, fits, measured, verdicts
from anndata import AnnData
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import roc_auc_score

import scgsr
from scgsr._measures._regions import shares
from scgsr.graphs import disjoint, path

GRAPH = disjoint(path(2), path(2), path(2))
N_CELLS = 1000
# Of two steps each; R2 at smoothness 0 has settled to 0.001 at half of them.
N_EPOCHS = 1000
# Seen, in the median over seeds, if the lowest of the three areas is at least the first and above that of re-ordered
# neurons by the second, and if R2 is lower than at smoothness 0 by at most the third; in a seed, a path per module if
# the first holds.
OWN, MARGIN, COST = 0.95, 0.05, 0.05


def measures(activations: np.ndarray, up: np.ndarray) -> dict[str, float]:
    """Return the lowest area of paths matched with the modules that are `up`, and the share on the matched path."""
    responses = activations.reshape(len(activations), -1, 2).sum(axis=2)  # (n_cells, n_paths)
    areas = np.array([[roc_auc_score(up == module, response) for response in responses.T] for module in np.unique(up)])
    modules, paths = linear_sum_assignment(areas, maximize=True)
    own = shares(responses)[np.arange(len(up)), paths[up]]
    lowest = float(areas[modules, paths].min())
    return {"area": lowest, "share on own path": float(own.mean()), "one path per module": float(lowest >= OWN)}


def drawn(pictures: Mapping[str, np.ndarray], up: np.ndarray, name: str) -> None:
    """Draw cells by module against neurons, each neuron scaled to its largest."""
    figure, axes = plt.subplots(2, 3, figsize=(9, 5.8), sharex=True, sharey=True, layout="constrained")
    order, borders = np.argsort(up, kind="stable"), np.cumsum(np.bincount(up))[:-1]
    for axis, (title, activations) in zip(axes.flat, pictures.items(), strict=True):
        scaled = activations[order] / np.quantile(activations, 0.99, axis=0)
        image = axis.imshow(scaled.T, cmap="viridis", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        axis.set_title(title, fontsize=9)
        for border in borders:
            axis.axvline(border - 0.5, color="white", linewidth=1)
        for between in (1.5, 3.5):
            axis.axhline(between, color="white", linewidth=3)
    middle = (np.append(0, borders) + np.append(borders, len(up))) / 2
    axes[0, 0].set(yticks=[0.5, 2.5, 4.5], yticklabels=["path 0", "path 1", "path 2"])
    axes[0, 0].set(xticks=middle, xticklabels=[f"module {module}" for module in range(3)])
    figure.supylabel("neurons, two on each path", fontsize=10)
    figure.supxlabel("cells, by the module that is up", fontsize=10)
    figure.colorbar(image, ax=axes, label="activation / its 99th percentile", shrink=0.6)
    figure.suptitle(CAPTION, fontsize=10)
    figure.savefig(name, dpi=110)


def main() -> None:
    """Fit, print the table and the verdicts, draw."""
    options = asked(__doc__, seeds=5)

    def cells(seed: int) -> AnnData:
        return scgsr.datasets.hub_and_spoke(N_CELLS, rng=seed)

    def up(seed: int) -> np.ndarray:
        return cells(seed).obs["module"].cat.codes.to_numpy()

    found = fits(cells, GRAPH, options.seeds, N_EPOCHS, threshold=0)
    table, pictures = measured(found, lambda seed, activations: measures(activations, up(seed)), "area")
    sys.stdout.writelines(verdicts(table, "area", "one path per module: lowest area", (OWN, MARGIN, COST)))
    for (setting, smoothness), group in table.groupby(["setting", "smoothness"], sort=False):
        times = int(group["one path per module"].sum())
        sys.stdout.write(f"{setting}, smoothness {smoothness}: one path per module in {times} of {len(group)} seeds\n")
    if options.figure:
        drawn(pictures, up(options.seeds[0]), options.figure)


if __name__ == "__main__":
    main()
