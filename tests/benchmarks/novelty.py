"""How well novelty tells cells of a type that the reference has never seen: one published type left out at a time.

    SCGSR_DATA=folder python tests/benchmarks/novelty.py [--seeds 0 1 2] [--sets thymus ...]

Four fifths of the other cells are the reference; the rest of them are new cells of known types, the left-out type is
new cells of an unknown one. Printed is the area under the ROC curve of four measures: `novelty` as `transform` writes
it, its two parts, and the graph-frequency energy of the picture (Rayleigh quotient of the Laplacian), and the share of
known cells whose novelty is above 1, which one in a hundred of the reference's own reach.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from _data import UNGATED, load
from anndata import AnnData
from sklearn.metrics import roc_auc_score

import scgsr
from scgsr._model._novelty import _logs

SETS = ("thymus", "flowsom_68983", "paul15", "pbmc68k_reduced", "cytof_panel")
# A type is left out if it has so many cells, and leaves more than so large a share to the reference.
FEWEST, LEAST_REFERENCE = 20, 0.4
# So many types of a set, spread over their sizes.
MOST_TYPES = 6
SHEET = (10, 10)


def types_of(groups: pd.Categorical) -> list[str]:
    """Return the types to leave out, large ones first."""
    counts = pd.Series(groups).value_counts().drop(UNGATED, errors="ignore")
    fit = counts[(counts >= FEWEST) & (counts <= (1 - LEAST_REFERENCE) * len(groups))]
    places = np.unique(np.linspace(0, len(fit) - 1, min(len(fit), MOST_TYPES)).round().astype(int))
    return [str(fit.index[place]) for place in places]


def measures(model: scgsr.FittedModel, cells: AnnData) -> pd.DataFrame:
    """Return the measures of cells that `transform` has mapped."""
    rows = cells[:, list(model.features)].to_df().to_numpy()
    activations = cells.obsm["X_gsr"]
    reference = model.novelty_reference
    features = ((rows - model.mean) / model.scale).astype(np.float32)
    misfit = features - (model.decode(activations) - model.mean) / model.scale
    logs = _logs(activations, (misfit**2).mean(axis=1), reference.location, reference.precision)
    laplacian = model.graph.laplacian().toarray()
    energy = np.einsum("cn,cn->c", activations @ laplacian, activations)
    energy /= np.square(activations).sum(axis=1) + 1e-9
    novelty = cells.obs["gsr_novelty"].to_numpy()
    return pd.DataFrame({"novelty": novelty, "picture": logs[:, 0], "error": logs[:, 1], "graph energy": energy})


def run(name: str, graph: Any, seed: int) -> Iterator[dict[str, object]]:
    """Yield one row per type that was left out."""
    dataset = load(name)
    groups, adata = dataset.groups, dataset.adata
    for left_out in types_of(groups):
        rng = np.random.default_rng(seed)
        unknown = np.asarray(groups == left_out)
        known = rng.permutation(np.flatnonzero(~unknown))
        cut = int(0.8 * len(known))
        reference = adata[np.sort(known[:cut])].copy()
        scgsr.tl.fit(reference, graph, rng=seed, progress=False)
        new = adata[np.sort(np.append(known[cut:], np.flatnonzero(unknown)))].copy()
        scgsr.tl.transform(new, reference)
        truth = np.isin(new.obs_names, adata.obs_names[unknown])
        found = measures(scgsr.get.model(reference), new)
        areas = {measure: roc_auc_score(truth, found[measure]) for measure in found}
        above = float((found["novelty"][~truth] > 1).mean())
        about = {"set": name, "graph": "10 x 10" if graph == SHEET else "learned", "left out": left_out, "seed": seed}
        yield {**about, **areas, "known above 1": above}


def main() -> None:
    """Print the table of medians over seeds, and the mean and the worst of each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    options = parser.parse_args()
    logging.getLogger("scgsr").setLevel(logging.ERROR)
    rows = []
    for name in options.sets:
        for graph in (scgsr.graphs.learned(), SHEET):
            for seed in options.seeds:
                for row in run(name, graph, seed):
                    rows.append(row)
                    sys.stdout.write(f"{row}\n")  # a run takes long: what there is can be seen
                    sys.stdout.flush()
    table = pd.DataFrame(rows).drop(columns="seed")
    each = table.groupby(["set", "graph", "left out"], sort=False).median()
    summary = each.groupby(["set", "graph"], sort=False)
    worst = summary.min().drop(columns="known above 1")
    for title, found in (("Each type", each), ("Mean over types", summary.mean()), ("Worst type", worst)):
        sys.stdout.write(f"{title}\n{found.round(3).to_string()}\n\n")


if __name__ == "__main__":
    main()
