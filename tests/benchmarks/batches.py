"""What `batch_key` does: cells of two protocols, the same with one population in one of them alone, halves of one run.

    SCGSR_DATA=<folder> python tests/benchmarks/batches.py [--seeds 0 1 2 3 4]

Printed are means over seeds at defaults, with the lowest and the highest: the agreement of labels with the known groups
(ARI), mixing of batches inside the groups that all have (0 to 1, see `scgsr.get.scores`), the share of the variance of
the activations that lies between batches, the share of cells whose group their 10 nearest neighbours say, and of the
lone population the share of its kind among 30 neighbours. Neighbours are those by pictures. `halves` parts a run at
random, so that nothing is to be corrected: what counts there is the agreement with the labels of a fit without batches.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
from _data import load
from anndata import AnnData
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import NearestNeighbors

import scgsr
from scgsr._measures import _mixing
from scgsr.nn import unit_pictures

N_NEIGHBORS, N_NEIGHBORS_ALONE = 10, 30
# Neighbours are sought among at most so many cells.
MOST = 5000
# Staining of a plate: how far each marker moves, in standard deviations.
STAINING = 0.3


def protocols() -> AnnData:
    """Return three cell lines by two protocols."""
    adata = load("scmix_3cl").adata
    adata.obs["batch"], adata.obs["group"] = adata.obs["protocol"], adata.obs["cell_line"].astype(str)
    return adata


def lone() -> AnnData:
    """Return the same without H2228 by CEL-seq2."""
    adata = protocols()
    return adata[~((adata.obs["group"] == "H2228") & (adata.obs["batch"].astype(str) == "celseq2"))].copy()


def halves(name: str) -> AnnData:
    """Return a data set parted at random."""
    dataset = load(name)
    adata = dataset.adata
    adata.obs["batch"] = np.where(np.random.default_rng(0).random(adata.n_obs) < 1 / 2, "one", "two")
    adata.obs["group"] = dataset.groups.astype(str)
    return adata


def plates(name: str) -> AnnData:
    """Return a data set parted at random into four plates, each of which stains every marker in its own way.

    The largest group is missing on the first.
    """
    adata = halves(name)
    rng = np.random.default_rng(1)
    plate = rng.integers(0, 4, adata.n_obs)
    largest = adata.obs["group"].value_counts().index[0]
    plate = np.where((plate == 0) & (adata.obs["group"] == largest), 1, plate)
    adata.X = (
        np.asarray(adata.X) + (STAINING * rng.normal(size=(4, adata.n_vars)) * np.asarray(adata.X).std(axis=0))[plate]
    )
    adata.obs["batch"] = plate.astype(str)
    return adata


SETS: dict[str, tuple[Callable[[], AnnData], str | None]] = {
    "scmix, two protocols": (protocols, None),
    "scmix, H2228 in one alone": (lone, "H2228"),
    "thymus, four plates": (lambda: plates("thymus"), None),
    "flowsom_68983, four plates": (lambda: plates("flowsom_68983"), None),
    "thymus, halves": (lambda: halves("thymus"), None),
    "flowsom_68983, halves": (lambda: halves("flowsom_68983"), None),
}


def measured(adata: AnnData, alone: str | None) -> dict[str, float]:
    """Measure labels and pictures of a fit."""
    groups = adata.obs["group"].to_numpy(dtype=str)
    known = np.flatnonzero(groups != "Unlabeled") if "Unlabeled" in groups else np.arange(len(groups))
    some = np.sort(np.random.default_rng(0).permutation(known)[:MOST])
    activations, codes = adata.obsm["X_gsr"][some], adata.obs["batch"].astype("category").cat.codes.to_numpy()[some]
    pictures, groups_of_some = unit_pictures(torch.from_numpy(activations)).numpy(), groups[some]
    near = NearestNeighbors(n_neighbors=N_NEIGHBORS_ALONE).fit(pictures).kneighbors(return_distance=False)
    said = pd.DataFrame(groups_of_some[near[:, :N_NEIGHBORS]]).mode(axis=1)[0].to_numpy()
    shared = np.ones(len(some), dtype=bool) if alone is None else groups_of_some != alone
    of_alone = groups_of_some == alone
    return {
        "ARI": adjusted_rand_score(groups[known], adata.obs["gsr"].to_numpy()[known]),
        "mixing": _mixing.mixing(_mixing.neighbours(pictures[shared]), codes[shared]),
        "variance": _mixing.explained_by_batch(activations, codes),
        "10-NN": float((said == groups_of_some).mean()),
        "alone": float((groups_of_some[near[of_alone]] == alone).mean()) if alone else np.nan,
    }


def rows(name: str, seeds: list[int]) -> Iterator[dict[str, Any]]:
    """Yield what is measured of fits without and with batches."""
    make, alone = SETS[name]
    adata = make()
    for seed in seeds:
        labels = []
        for told in (False, True):
            scgsr.tl.fit(adata, rng=seed, batch_key="batch" if told else None, progress=False)
            labels.append(adata.obs["gsr"].to_numpy())
            agreement = adjusted_rand_score(*labels) if told else np.nan
            yield {
                "set": name,
                "batch_key": "yes" if told else "no",
                **measured(adata, alone),
                "with without": agreement,
            }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    arguments = parser.parse_args()
    logging.getLogger("scgsr").setLevel(logging.ERROR)
    for name in arguments.sets:
        table = pd.DataFrame(rows(name, arguments.seeds)).groupby(["set", "batch_key"])
        for (_, told), of_fits in table:
            cells = [name, told]
            for column in of_fits.columns[2:]:
                values = of_fits[column].to_numpy()
                cells.append(
                    "-" if np.isnan(values).all() else f"{values.mean():.3f} ({values.min():.3f}, {values.max():.3f})"
                )
            sys.stdout.write("| " + " | ".join(cells) + " |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
