"""The verb `consensus`: the same fit from several seeds, and what their labels agree on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scgsr import _adata, _checks, _device, _measures, _modules, _random
from scgsr._adata import DEFAULT_KEY
from scgsr._checks import about, log, verb
from scgsr._train import TrainConfig, in_processes, learn, n_processors
from scgsr._values import MatrixView, Stored
from scgsr.graphs import LearnedGraph

if TYPE_CHECKING:
    import torch
    from anndata import AnnData

    from scgsr._model import FittedModel
    from scgsr._modules import Agreement
    from scgsr._random import Rng

# Fewer cannot outvote each other.
_FEWEST_FITS = 3
# Pictures of so many cells tell how alike two fits draw them.
_CELLS_COMPARED = 10_000


@dataclass(frozen=True, eq=False, kw_only=True)
class _Fit:
    """What is kept of a fit from another seed."""

    labels: np.ndarray  # (n_cells,) int
    sameness: np.ndarray  # (n_neurons,) correlation with the pictures of the first fit


@dataclass(frozen=True, eq=False, kw_only=True)
class _Again:
    """All that a process needs to repeat a fit."""

    view: MatrixView
    fitted: FittedModel
    recipe: LearnedGraph | None  # by which each fit learns its own graph; None: all have the same, given one
    config: TrainConfig
    device: torch.device
    rows: np.ndarray  # of the cells whose pictures are compared
    activations: np.ndarray  # of these cells in the first fit, (n_rows, n_neurons)
    folder: Path | None

    def __call__(self, seed: int) -> _Fit:
        """Fit from another seed."""
        params = self.fitted.params
        learned = learn(
            self.view,
            self.fitted.graph if self.recipe is None else self.recipe,
            self.fitted.network.config,
            self.config,
            resolution=float(params["resolution"]),
            seed=seed,
            device=self.device,
            source={name: params.get(name) for name in ("layer", "use_rep", "batch_key", "scale")},
            checkpoint=None if self.folder is None else self.folder / f"seed_{seed}",
            progress=False,
        )
        labels = learned.labels
        if params.get("n_clusters") is not None:
            modules = learned.fitted.modules
            labels = _modules.recut(modules, modules.tree.cut(int(params["n_clusters"])), learned.activations).labels
        same = _measures.sameness(self.activations, learned.activations[self.rows], self.fitted.graph)
        return _Fit(labels=labels.codes, sameness=same)


@verb
def consensus(
    adata: AnnData,
    *,
    n_fits: int = 5,
    n_jobs: int | None = None,
    rng: Rng = 0,
    device: str | torch.device | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    key: str = DEFAULT_KEY,
    copy: bool = False,
) -> AnnData | None:
    """Repeat a fit with other seeds, and label cells by what the fits agree on.

    Another seed moves the borders of modules, and splits or merges some. The consensus is the partition of the cells
    that disagrees least with those of all fits. The share of fits that agree about a cell, and the modules that they
    find again, say what you can rely on. The fit itself stays as it is, and counts as one of the `n_fits`. The others
    take its settings, `resolution` and `n_clusters` of :func:`scgsr.tl.cluster` included. After a fit with a learned
    graph, each learns a graph of its own by the same recipe; their labels are compared, not their graphs.

    Parameters
    ----------
    adata
        An AnnData with a :func:`scgsr.tl.fit`, and with the same values.
    n_fits
        Number of fits, the existing one included; at least 3. Odd numbers leave no ties.
    n_jobs
        How many fits run at a time, each with one thread; the result does not depend on it. Several run in processes of
        their own, which do not run your script again. If the cells are in a file, each process reads it, and holds as
        many cells as a fit in one process. None: as many as there are processors; one on a GPU, or if the cells are in
        a file.
    rng
        Seed from which those of the other fits are drawn.
    device
        As for :func:`scgsr.tl.fit`.
    checkpoint
        Folder for the states of the fits, one folder for each. The same call with the same fit and `rng` skips finished
        fits and resumes an interrupted one.
    key
        The fit's `key_added`.
    copy
        Return a copy with the results instead of writing to `adata`.

    Returns
    -------
    None, or the copy. Written are, for ``key="gsr"``:

    `.obs["gsr_consensus"]` : categorical (n_obs,)
        The module that the fits agree on. It takes the number and colour of the label that is most like it, or a new
        number if none is. The number of a label that the fits do not agree on is missing.
    `.obs["gsr_stability"]` : float32 (n_obs,)
        Share of the fits in which the cell is in the module that matches the consensus.
    `.uns["gsr_consensus_colors"]` : hex colours.
    `.uns["gsr"]["consensus"]` : dict
        ``"seeds"`` and ``"n_modules"``, (n_fits,) int, the fit itself first; ``"ari"``, (n_fits, n_fits), adjusted Rand
        index between the labels of the fits; ``"sameness"``, (n_fits, n_neurons), correlation of each neuron with the
        fit's own, over cells, after the sheet was turned and mirrored to match (on other graphs, after neurons were
        matched). ``"modules"``, a DataFrame: ``module``, ``n_cells``, mean ``stability``, ``found``, the share of the
        fits that find it again, and ``verdict``. It is ``"stable"`` if at least 80 % of the fits have a module that
        shares half of the cells of either. Else it ``"splits"``, if most of its cells are in modules that consist
        mostly of them, or ``"vanishes"`` among other cells. ``"fits"``, a DataFrame: ``module``, ``fit``, ``match``,
        the label there or "", ``overlap``, shared cells in those of either (Jaccard), and ``outcome``: ``"found"``,
        ``"split"``, ``"lost"``.

    Raises
    ------
    KeyError
        If there is no fit under `key`, or the layer or representation of the fit is missing.
    TypeError
        If an argument has the wrong type.
    ValueError
        If an argument is out of range, if the fit has no modules, or is of an older version that did not record all of
        its settings or the recipe of its learned graph, if the values are not those of the fit, if `n_jobs` is above 1
        and other processes cannot open what the cells are in (dask, or a file that is open here for writing), or if
        `checkpoint` holds other fits. The AnnData is then as before.
    RuntimeError
        If a process was killed.

    References
    ----------
    Strehl, Ghosh, *Cluster ensembles*, 2002, https://doi.org/10.1162/153244303321897735;
    Hennig, *Cluster-wise assessment of cluster stability*, 2007, https://doi.org/10.1016/j.csda.2006.11.025

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, (6, 8), n_epochs=5)
    >>> scgsr.tl.consensus(adata, n_fits=3)
    >>> bool(adata.obs["gsr_stability"].between(0, 1).all())
    True
    >>> adata.uns["gsr"]["consensus"]["ari"].shape
    (3, 3)
    """
    n_fits = _checks.positive_int("n_fits", n_fits, minimum=_FEWEST_FITS)
    _adata.check_copy(adata, copy)
    if n_jobs is not None:
        _checks.positive_int("n_jobs", n_jobs)
    seeds = _random.spawn(_random.seed_from(rng), n_fits - 1)
    again = _prepared(adata, key, _device.choose(device), _folder(checkpoint))
    fits = _made(again, seeds, n_jobs)
    first = again.fitted.modules.assign(_adata.read_activations(adata, key)).codes  # labels may have been renamed
    labels = np.column_stack([first, *(fit.labels for fit in fits)])
    agreed = _modules.agreement(labels)
    record = _record(agreed, labels)
    record["seeds"] = np.array([int(again.fitted.params["seed"]), *seeds])
    record["sameness"] = np.stack([np.ones(again.activations.shape[1]), *(fit.sameness for fit in fits)])
    _tell(record)
    target = adata.copy() if copy else adata
    _adata.write_consensus(target, key, agreed, record)
    return target if copy else None


def _prepared(adata: AnnData, key: str, device: torch.device, folder: Path | None) -> _Again:
    """Return what repeats a fit; refused where that is not possible."""
    fitted, activations = _adata.read_model_that_fires(adata, key), _adata.read_activations(adata, key)
    recipe, config = _settings(fitted, key)
    _adata.check_consensus(adata, key)
    rows = np.unique(np.linspace(0, adata.n_obs - 1, min(adata.n_obs, _CELLS_COMPARED)).astype(int))
    return _Again(
        view=_adata.view_again(adata, key, fitted),
        fitted=fitted,
        recipe=recipe,
        config=config,
        device=device,
        rows=rows,
        activations=activations[rows],
        folder=folder,
    )


def _settings(fitted: FittedModel, key: str) -> tuple[LearnedGraph | None, TrainConfig]:
    """Return the recipe of a learned graph, None for a given one, and how to train; refused if not on record."""
    try:
        recipe = fitted.params.get("recipe")
        if recipe is None and fitted.evolution.epochs:
            name = "recipe of its learned graph"
            raise KeyError(name)
        return None if recipe is None else LearnedGraph.from_dict(recipe), TrainConfig.from_params(fitted.params)
    except KeyError as error:
        msg = (
            f"`key`={key!r}: this fit is of an older version, which did not record {error}; call `scgsr.tl.fit` again."
        )
        raise about("key", ValueError(msg)) from error


def _folder(checkpoint: str | os.PathLike[str] | None) -> Path | None:
    if checkpoint is None:
        return None
    _checks.instance("checkpoint", checkpoint, (str, os.PathLike))
    if not os.fspath(checkpoint):
        msg = "`checkpoint` must name a folder, got ''."
        raise about("checkpoint", ValueError(msg))
    return Path(checkpoint)


def _made(again: _Again, seeds: list[int], n_jobs: int | None) -> list[_Fit]:
    """Return the fits, made at the same time where that is possible."""
    in_file = isinstance(again.view.matrix, Stored)
    if isinstance(again.view.matrix, Stored) and not again.view.matrix.portable and n_jobs not in (None, 1):
        msg = (
            f"`n_jobs`={n_jobs}: the cells are not in memory, and other processes cannot open what they are in; leave "
            "it out, or open a file of HDF5 for reading, as by `anndata.read_h5ad(path, backed='r')`."
        )
        raise about("n_jobs", ValueError(msg))
    if n_jobs is None:
        n_jobs = 1 if in_file or again.device.type != "cpu" else n_processors()
    n_jobs = min(n_jobs, len(seeds))
    log.info("%d more fits, %d at a time", len(seeds), n_jobs)
    return in_processes(again, [(seed,) for seed in seeds], n_jobs)


def _record(agreed: Agreement, labels: np.ndarray) -> dict[str, Any]:
    """Return what is known of the modules, and how like each other the fits' labels, (n_cells, n_fits), are."""
    from sklearn.metrics import adjusted_rand_score

    names, n_fits = agreed.numbers.astype(str).astype(object), labels.shape[1]
    modules = {
        "module": names,
        "n_cells": agreed.n_cells,
        "stability": np.bincount(agreed.labels, weights=agreed.stability) / agreed.n_cells,
        "found": (agreed.outcomes == "found").mean(axis=1),
        "verdict": agreed.verdicts,
    }
    fits = {
        "module": np.repeat(names, n_fits),
        "fit": np.tile(np.arange(n_fits), len(names)),
        "match": np.where(agreed.matches < 0, "", agreed.matches.astype(str)).ravel().astype(object),
        "overlap": agreed.overlaps.ravel(),
        "outcome": agreed.outcomes.ravel(),
    }
    return {
        "n_modules": np.array([len(np.unique(column)) for column in labels.T]),
        "ari": np.array([[adjusted_rand_score(one, other) for one in labels.T] for other in labels.T]),
        "modules": pd.DataFrame(modules).set_axis(names, axis="index"),
        "fits": pd.DataFrame(fits).set_axis(np.arange(len(names) * n_fits).astype(str), axis="index"),
    }


def _tell(record: dict[str, Any]) -> None:
    """Say in the log what the fits agree on."""
    verdicts = record["modules"].groupby("verdict", sort=False)["module"].agg(", ".join)
    n_fits = len(record["n_modules"])
    between = record["ari"][np.triu_indices(n_fits, k=1)]
    log.info(
        "%d fits with %s modules, ARI between them %.2f (%.2f to %.2f); of %d in the consensus %s",
        n_fits,
        " ".join(f"{n_modules}" for n_modules in record["n_modules"]),
        np.median(between),
        between.min(),
        between.max(),
        len(record["modules"]),
        "; ".join(f"{verdict}: {modules}" for verdict, modules in verdicts.items()),
    )
