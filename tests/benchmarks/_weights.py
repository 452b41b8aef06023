"""What `weights.py` runs: cells, settings of `fit`, and what is measured of a fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache, partial
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import scanpy as sc
import torch
from _data import SOURCES, Source, expression
from _results import packed
from anndata import AnnData
from scipy import sparse
from sklearn.decomposition import PCA

import scgsr
from scgsr import _measures

# Groups of fewer cells are left out; those below this share are called rare; so many held-out cells give an error.
FEWEST, RARE, FEWEST_HELD_OUT = 6, 0.02, 10
# Neighbours that vote, and of how many cells per group at most the vote is taken.
N_NEIGHBOURS, N_ASKED = 15, 1000
# Planted kinds, and how many of 50,000 cells.
PLANTED, N_PLANTED = {"gd T": 250, "pDC": 250, "cDC": 50, "Monocytes CD16": 50}, 50_000
NOISE_SHARE, NOISE = 0.01, "+noise"
CYTOMETRY = ("thymus", "flowsom_68983", "levine32", "cytof_panel")
# Inputs with fewer columns are also asked as they are, not only as 50 principal components.
FEW_FEATURES, N_COMPONENTS = 60, 50
MORAN_CELLS = 5000


@dataclass(frozen=True)
class Setting:
    """Arguments of `fit`, and what makes another matrix of the cells first."""

    arguments: dict[str, Any] = field(default_factory=dict)
    matrix: Callable[[AnnData], np.ndarray] | None = None


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells with the features that are used, the known group of each, and which of them are noise."""

    adata: AnnData
    groups: pd.Categorical
    noise: np.ndarray

    @property
    def matrix(self) -> np.ndarray:
        """Return the values, (n_cells, n_features) float64."""
        values = self.adata.X
        return np.asarray(values.toarray() if sparse.issparse(values) else values, dtype=np.float64)


# --- Cells ------------------------------------------------------------------------------------------------------------


def _planted() -> AnnData:
    """Return simulated cells among which some kinds are rare."""
    adata = scgsr.datasets.cytof_panel(120_000, rng=0)
    kind = adata.obs["cell_type"].astype(str).to_numpy()
    rare = [np.flatnonzero(kind == name)[:count] for name, count in PLANTED.items()]
    others = np.random.default_rng(0).permutation(np.flatnonzero(~np.isin(kind, list(PLANTED))))
    return adata[np.sort(np.concatenate([*rare, others[: N_PLANTED - sum(PLANTED.values())]]))].copy()


SETS: dict[str, Source] = {
    **{name: source for name, source in SOURCES.items() if source.kind == "labelled"},
    "paul15": replace(SOURCES["paul15"], load=partial(expression, "paul15_counts.h5ad")),
    "planted": Source(_planted, "labelled", "cell_type"),
    **{name + NOISE: SOURCES[name] for name in ("thymus", "flowsom_68983", "cytof_panel")},
}


@cache
def cells_of(name: str) -> Cells:
    """Return the cells of a set."""
    source = SETS[name]
    adata = source.load()
    if source.counts is not None:
        adata.obs["total"] = np.asarray(adata.layers[source.counts].sum(axis=1)).ravel()
    if "highly_variable" in adata.var:
        adata = adata[:, adata.var["highly_variable"].to_numpy(dtype=bool)].copy()
    groups = pd.Categorical(adata.obs[source.labels])
    if not name.endswith(NOISE):
        return Cells(adata, groups, np.zeros(adata.n_obs, dtype=bool))
    values = np.asarray(adata.X, dtype=np.float32)
    shape = (int(NOISE_SHARE * len(values)), values.shape[1])
    added = np.random.default_rng(0).uniform(values.min(axis=0), values.max(axis=0), shape).astype(np.float32)
    both = AnnData(np.vstack([values, added]), var=adata.var[[]])
    codes = np.append(groups.codes, np.full(len(added), -1))
    return Cells(both, pd.Categorical.from_codes(codes, groups.categories), np.arange(len(codes)) >= len(values))


def _pearson_residuals(adata: AnnData) -> np.ndarray:
    counts = AnnData(adata.layers["counts"].copy())
    sc.experimental.pp.normalize_pearson_residuals(counts)
    return np.asarray(counts.X)


def _beyond_counting(adata: AnnData) -> np.ndarray:
    """Scale each gene so that its variance is what it has beyond that of Poisson counts with the same mean."""
    factors = adata.obs["total"].to_numpy()[:, None] / 1e4
    rates = np.asarray(adata.layers["counts"].sum(axis=0)) / factors.sum()
    technical = np.log1p(np.random.default_rng(0).poisson(factors * rates) / factors).var(axis=0)
    values = adata.X.toarray()
    beyond = np.maximum(values.var(axis=0) - technical, 0) / values.var(axis=0)
    return (values * np.sqrt(beyond)).astype(np.float32)


_FEATURE, _LEARNED = {"scale": "feature"}, {"graph": scgsr.graphs.learned()}
SETTINGS = {
    "before": Setting({"graph": (10, 10), "balance": 0, **_FEATURE}),
    "now": Setting(),
    "before, learned graph": Setting({"balance": 0, **_FEATURE, **_LEARNED}),
    "now, learned graph": Setting(_LEARNED),
    "balance=0": Setting({"balance": 0}),
    "balance=5": Setting({"balance": 5}),
    "balance=5, learned graph": Setting({"balance": 5, **_LEARNED}),
    "scale=feature": Setting(_FEATURE),
    "scale=common": Setting({"scale": "common"}),
    "scale=pca": Setting({"scale": "pca"}),
    "Pearson residuals": Setting(matrix=_pearson_residuals),
    "beyond counting noise": Setting(matrix=_beyond_counting),
    "smoothness=0": Setting({"smoothness": 0}),
}


# --- Measures ---------------------------------------------------------------------------------------------------------


def measured(name: str, setting: str, seed: int) -> dict[str, Any]:
    """Fit once and return what was measured."""
    cells, chosen = cells_of(name), SETTINGS[setting]
    adata = cells.adata.copy()
    if chosen.matrix is not None:
        adata.X = chosen.matrix(adata)
    start = perf_counter()
    scgsr.tl.fit(adata, rng=seed, progress=False, **chosen.arguments)
    measures: dict[str, Any] = {"seconds": perf_counter() - start}
    pictures, adjacency = adata.obsm["X_gsr"], adata.uns["gsr"]["graph"]["adjacency"]
    measures["moran"] = np.nanmean(_measures.morans_i(pictures[:MORAN_CELLS], adjacency))
    if setting == "smoothness=0":
        order = _measures.reorder(pictures, adjacency, rng=0)
        measures["reordered"] = np.nanmean(_measures.morans_i(pictures[:MORAN_CELLS, order], adjacency))
    table = _alike(cells.groups, pictures, measures)
    if chosen.matrix is None:
        _errors(cells, adata, table, measures)
    _neighbours(name, pictures, table, measures)
    silent = (pictures == 0).all(axis=1)
    table["silent"] = pd.Series(silent).groupby(np.asarray(cells.groups)).mean()
    measures |= {"silent": silent.mean(), "silent_most": table["silent"].max()}
    if cells.noise.any():
        owned = pd.Series(cells.noise).groupby(pictures.argmax(axis=1)).mean() > 0.5
        measures["noise_neurons"] = owned.sum() / pictures.shape[1]
    late = _late(adata)
    if late is not None:
        measures["late"] = _cosines(np.stack([pictures[rows].mean(axis=0) for rows in late]))[0, 1]
    told = {key: value if isinstance(value, str) else float(value) for key, value in measures.items()}
    groups = json.loads(table.to_json(orient="index"))
    about = {"data": name, "setting": setting, "seed": seed}
    return {**about, **told, "groups": groups, "labels": packed(adata.obs["gsr"].to_numpy())}


def _alike(groups: pd.Categorical, pictures: np.ndarray, measures: dict[str, Any]) -> pd.DataFrame:
    """Tell how alike the mean pictures of the groups are; return the table of groups."""
    counts = pd.Series(groups).value_counts(sort=False)
    table = pd.DataFrame({"cells": counts[counts >= FEWEST]})
    means = np.stack([pictures[np.asarray(groups == group)].mean(axis=0) for group in table.index])
    table["neurons"] = np.bincount(means.argmax(axis=0), minlength=len(table))  # that it activates most of all groups
    cosines = _cosines(means)
    pairs = np.triu_indices(len(cosines), k=1)
    most = cosines[pairs].argmax()
    measures["cosine"], measures["most_alike"] = cosines[pairs].mean(), cosines[pairs][most]
    measures["most_alike_pair"] = " / ".join(table.index[[pairs[0][most], pairs[1][most]]])
    table["nearest"] = (cosines - 2 * np.eye(len(cosines))).max(axis=1)
    table["rare"] = table["cells"] < RARE * len(groups)
    return table


def _cosines(rows: np.ndarray) -> np.ndarray:
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit @ unit.T


def _errors(cells: Cells, adata: AnnData, table: pd.DataFrame, measures: dict[str, Any]) -> None:
    """Add R2 and, for each group, the mean squared error, of all cells and of held-out ones."""
    values, held = cells.matrix, adata.obs["gsr_held_out"].to_numpy()
    errors = (values - scgsr.get.model(adata).reconstruct(values)) ** 2
    spread = (values - values.mean(axis=0)) ** 2
    varies = spread.sum(axis=0) > 0
    measures["r2"] = 1 - errors.sum() / spread.sum()
    measures["r2_held_out"] = 1 - errors[held].sum() / spread[held].sum()
    measures["r2_features"] = 1 - (errors.sum(axis=0)[varies] / spread.sum(axis=0)[varies]).mean()
    groups = np.asarray(cells.groups)
    each = pd.Series(errors.mean(axis=1))
    table["error"] = each.groupby(groups).mean()
    found = each[held].groupby(groups[held]).agg(["mean", "size"])
    table["error_held_out"] = found["mean"][found["size"] >= FEWEST_HELD_OUT]


def _neighbours(name: str, pictures: np.ndarray, table: pd.DataFrame, measures: dict[str, Any]) -> None:
    """Add how often neighbours in unit pictures know the group, also against neighbours in the input."""
    lengths = np.linalg.norm(pictures, axis=1, keepdims=True)
    recall = _recall(pictures / np.maximum(lengths, 1e-12), cells_of(name).groups, tuple(table.index))
    best = _input_recall(name, tuple(table.index))
    table["recall"], table["recall_ratio"] = recall, recall / best
    measures |= {"knn": recall.mean(), "knn_input": best.mean(), "knn_ratio": recall.mean() / best.mean()}


@cache
def _input_recall(name: str, kept: tuple[str, ...]) -> pd.Series:
    """Return the recall of the better of markers (where they are few) and 50 principal components of two scalings."""
    cells = cells_of(name)
    values = cells.matrix
    scaled = (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-9)
    n_axes = min(N_COMPONENTS, values.shape[1] - 1)
    inputs = [PCA(n_axes, random_state=0).fit_transform(rows) for rows in (values, scaled)]
    inputs += [values] if values.shape[1] < FEW_FEATURES else []
    return max((_recall(rows, cells.groups, kept) for rows in inputs), key=pd.Series.mean)


def _recall(rows: np.ndarray, groups: pd.Categorical, kept: tuple[str, ...]) -> pd.Series:
    """Return for each group the share of its cells whose neighbours, of all known cells, vote for it."""
    codes = pd.Categorical(groups, kept).codes
    rows, codes = torch.tensor(rows[codes >= 0], dtype=torch.float32), codes[codes >= 0]
    rng = np.random.default_rng(0)
    shares = []
    for code in range(len(kept)):
        asked = rng.permutation(np.flatnonzero(codes == code))[:N_ASKED]
        distances = torch.cdist(rows[asked], rows)
        distances[torch.arange(len(asked)), torch.tensor(asked)] = torch.inf  # a cell is no neighbour of itself
        nearest = codes[distances.topk(N_NEIGHBOURS, largest=False).indices.numpy()]
        votes = np.stack([(nearest == other).sum(axis=1) for other in range(len(kept))], axis=1)
        shares.append((votes.argmax(axis=1) == code).mean())
    return pd.Series(shares, list(kept))


def _late(adata: AnnData) -> list[np.ndarray] | None:
    """Return the later halves of the branches to CD4 and CD8 cells, None for a set without them."""
    if "wishbone_branch" not in adata.obs:
        return None
    when, branch = adata.obs["wishbone_trajectory"].to_numpy(), adata.obs["wishbone_branch"].astype(str).to_numpy()
    rows = [np.flatnonzero(branch == name) for name in ("CD4_branch", "CD8_branch")]
    return [one[when[one] >= np.median(when[one])] for one in rows]
