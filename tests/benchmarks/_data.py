"""The data sets, with what is known about their cells."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import scanpy as sc
from anndata import AnnData
from scipy.sparse.csgraph import shortest_path
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr
from sklearn.metrics import adjusted_rand_score

import scgsr
from scgsr import _measures

# Where the files lie; the simulated sets and the one that comes with Scanpy need none.
FOLDER = "SCGSR_DATA"
# Above this many features the peers get this many principal components.
MANY_FEATURES, N_COMPONENTS = 60, 50
# Groups of fewer cells are not asked about one by one.
FEWEST = 10
# Of the manual gates: cells that no gate claims.
UNGATED = "Unlabeled"


@dataclass(frozen=True)
class Source:
    """How to load a data set, and what is known about it.

    `kind` says which methods run and which questions are asked: "labelled", "bits" or "topology". `labels` is the
    column with the known groups, `counts` the layer with counts, `graph` the known shape, `truth` what compares a fit
    with what was simulated.
    """

    load: Callable[[], AnnData]
    kind: str
    labels: str | None = None
    counts: str | None = None
    graph: scgsr.graphs.NeuronGraph | None = None
    truth: Callable[[AnnData], dict[str, float]] | None = None


@dataclass(frozen=True, eq=False)
class Dataset:
    """A loaded data set."""

    name: str
    adata: AnnData
    source: Source

    @property
    def groups(self) -> pd.Categorical | None:
        """The known group of each cell, missing where nobody knows it; None if there are no groups."""
        if self.source.labels is None:
            return None
        return pd.Categorical(self.adata.obs[self.source.labels]).remove_unused_categories()

    @property
    def asked(self) -> np.ndarray:
        """The codes of the groups that have enough cells to be asked about one by one."""
        codes = self.groups.codes
        return np.flatnonzero(np.bincount(codes[codes >= 0]) >= FEWEST)

    @property
    def few_features(self) -> bool:
        """Whether the peers see the features themselves."""
        return int(self._used.sum()) <= MANY_FEATURES

    @property
    def _used(self) -> np.ndarray:
        return self.adata.var.get("highly_variable", pd.Series(True, self.adata.var_names)).to_numpy(dtype=bool)

    def agreement(self, labels: np.ndarray) -> float:
        """Return the adjusted Rand index of labels with the known groups, over the cells whose group is known."""
        groups = self.groups
        known = groups.codes >= 0
        return float(adjusted_rand_score(groups.codes[known], np.asarray(labels)[known]))

    def features(self, *, standardised: bool) -> np.ndarray:
        """Return what the peers see, (n_cells, at most 60): the features, or principal components of many."""
        adata = AnnData(self.adata.to_df().to_numpy()[:, self._used])
        if standardised or not self.few_features:
            sc.pp.scale(adata)
        if self.few_features:
            return np.asarray(adata.X)
        sc.pp.pca(adata, n_comps=N_COMPONENTS)
        return adata.obsm["X_pca"]


@cache
def load(name: str, n_cells: int | None = None, draw: int = 0) -> Dataset:
    """Return a data set, or a random sample of its cells: another one for each draw.

    Raises FileNotFoundError if its file is not there.
    """
    source = SOURCES[name]
    adata = source.load()
    if n_cells is not None and n_cells < adata.n_obs:
        rows = np.random.default_rng(draw).choice(adata.n_obs, n_cells, replace=False)
        adata = adata[np.sort(rows)].copy()
    return Dataset(name, adata, source)


def _read(file: str) -> AnnData:
    path = Path(os.environ.get(FOLDER, ".")) / file
    if not path.exists():
        msg = f"{file} is not in the folder that the environment variable {FOLDER} names"
        raise FileNotFoundError(msg)
    return ad.read_h5ad(path)


def _flowsom_68983() -> AnnData:
    adata = _read("flowsom_68983.h5ad")
    adata = adata[:, adata.var["marker_type"] == "surface_marker"].copy()
    adata.obs["cell_type"] = adata.obs["cell_type"].cat.remove_categories(UNGATED)
    return adata


def _levine32() -> AnnData:
    adata = _read("cytof_levine32_gated1500.h5ad")
    adata = adata[:, ~adata.var["is_technical"].to_numpy(dtype=bool)].copy()
    adata.X = np.arcsinh(adata.X / 5)
    adata.obs["cell_type"] = adata.obs["cell_type"].cat.remove_categories("unassigned")
    return adata


def expression(file: str, n_genes: int = 2000) -> AnnData:
    """Read counts and prepare them: logarithms of normalised counts, genes that vary most, counts in a layer."""
    adata = _read(file)
    adata.layers["counts"] = adata.X.copy()
    sc.pp.normalize_total(adata, target_sum=1e4)
    sc.pp.log1p(adata)
    sc.pp.highly_variable_genes(adata, n_top_genes=n_genes)
    return adata


def _bits_and_states(adata: AnnData) -> dict[str, float]:
    """How well the worst bit is seen in any one module, and how well the labels are the states."""
    modules = scgsr.get.activations(adata, by="module").to_numpy()
    bits = adata.obs.filter(regex=r"^bit_\d+$").to_numpy(dtype=float)
    return {
        "worst_bit": float(_absolute_correlation(modules, bits).max(axis=0).min()) if modules.size else 0.0,
        "ari_states": float(adjusted_rand_score(adata.obs["state"], adata.obs["gsr"])),
    }


def _absolute_correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return |r| of each pair of columns: (n, p), (n, q) -> (p, q); 0 for a constant column."""
    scaled = []
    for columns in (one, other):
        centred = columns - columns.mean(axis=0)
        norm = np.linalg.norm(centred, axis=0)
        scaled.append(centred / np.where(norm > 0, norm, 1))
    return np.abs(scaled[0].T @ scaled[1])


def _round_the_ring(adata: AnnData) -> dict[str, float]:
    angle = adata.obs["angle"].to_numpy()
    resultant, winding = _measures.circular_agreement(adata.obsm["X_gsr"], angle)
    return {"agreement": float(resultant), "winding": float(winding)}


def _along_the_path(adata: AnnData) -> dict[str, float]:
    activations = adata.obsm["X_gsr"]
    truth = adata.obs["position"].to_numpy()
    return {"agreement": float(_measures.rank_agreement(activations, np.arange(activations.shape[1]), truth))}


def _on_the_tree(adata: AnnData) -> dict[str, float]:
    """Spearman correlation, over pairs of cells, of the distance on the tree with that of their brightest neurons."""
    distance = shortest_path(scgsr.get.model(adata).graph.adjacency, unweighted=True)
    peak = adata.obsm["X_gsr"].argmax(axis=1)  # of a silent cell the first neuron, which will be wrong
    pairs = np.triu_indices(adata.n_obs, k=1)
    learned = distance[np.ix_(peak, peak)][pairs]
    if not learned.any():
        return {"agreement": 0.0}
    return {"agreement": float(spearmanr(pdist(adata.obsm["X_tree"], "cityblock"), learned).statistic)}


def _tree(depth: int) -> Source:
    return Source(scgsr.datasets.branching_tree, "topology", graph=scgsr.graphs.tree(depth), truth=_on_the_tree)


SOURCES = {
    "thymus": Source(partial(_read, "thymus_masscyt.h5ad"), "labelled", "gate_cd4_cd8"),
    "flowsom_68983": Source(_flowsom_68983, "labelled", "cell_type"),
    "levine32": Source(_levine32, "labelled", "cell_type"),
    "paul15": Source(partial(expression, "paul15_counts.h5ad", 1000), "labelled", "cell_type", counts="counts"),
    "pbmc3k": Source(partial(expression, "pbmc3k_counts.h5ad"), "labelled", "cell_type", counts="counts"),
    "scmix_5cl": Source(partial(expression, "scmix_5cl_celseq2.h5ad"), "labelled", "cell_line", counts="counts"),
    "scmix_3cl": Source(partial(expression, "scmix_3cl_two_protocols.h5ad"), "labelled", "cell_line", counts="counts"),
    "pbmc68k_reduced": Source(sc.datasets.pbmc68k_reduced, "labelled", "bulk_labels"),
    "cytof_panel": Source(partial(scgsr.datasets.cytof_panel, 10_000), "labelled", "cell_type"),
    **{
        f"bits_{m}": Source(partial(scgsr.datasets.bit_patterns, n_bits=m), "bits", truth=_bits_and_states)
        for m in range(2, 9)
    },
    "circle": Source(scgsr.datasets.circle, "topology", graph=scgsr.graphs.ring(20), truth=_round_the_ring),
    "line": Source(scgsr.datasets.line, "topology", graph=scgsr.graphs.path(10), truth=_along_the_path),
    "branching_tree_2": _tree(2),
    "branching_tree_3": _tree(3),
}
