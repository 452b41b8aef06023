"""Fits for `gpu.py`: do they agree with the processor, and go on, and end in words of ours?"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import perf_counter
from typing import Any

import anndata as ad
import numpy as np
import torch
from anndata import AnnData
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

import scgsr
from scgsr import graphs, tl
from scgsr._train import _run, _step
from scgsr.nn import GraphSpectralPenalty

PENALTIES = [*GraphSpectralPenalty.ON_ACTIVATIONS, *GraphSpectralPenalty.ON_WEIGHTS, "l1", "l2", "batch_mean"]
GRAPHS = {
    "sheet": graphs.grid(10),
    "ring": graphs.ring(30),
    "tree": graphs.tree(4),
    "modules": graphs.modules(3, 6),
    "learned": graphs.learned(30, n_neighbors=5),
}
FORMS: dict[str, Callable[[np.ndarray], Any]] = {"dense": np.asarray, "CSR": sparse.csr_matrix}
QUICK = {"n_epochs": 3, "hidden": 32, "progress": False}
FILE = "thymus_masscyt.h5ad"


def combinations(precisions: list[str | None]) -> list[tuple[str, str, str, str | None]]:
    """Return penalty, graph, form and precision of all fits, in random order: each is among the first ones."""
    every = list(itertools.product(PENALTIES, GRAPHS, FORMS, precisions))
    return [every[i] for i in np.random.default_rng(0).permutation(len(every))]


def trained(which: tuple[str, str, str, str | None], device: torch.device) -> dict[str, Any]:
    """Train one of them; return how far its activations are from those of the same weights on the processor."""
    penalty, graph, form, precision = which
    rng = np.random.default_rng(0)
    cells = np.maximum(rng.normal(0, 1, (400, 20)) + rng.normal(0, 2, (4, 20))[np.arange(400) % 4], 0)
    adata = AnnData(FORMS[form](cells.astype(np.float32)))
    tl.fit(adata, GRAPHS[graph], penalty=penalty, device=device, precision=precision, **QUICK)
    found = scgsr.get.model(adata).activations(adata.X)
    return {
        "penalty": penalty,
        "graph": graph,
        "form": form,
        "precision": precision or "float32",
        "largest difference": float(np.abs(found - adata.obsm["X_gsr"]).max()),
    }


def thymus(folder: Path | None, device: torch.device, *, quick: bool) -> dict[str, Any]:
    """Fit the thymus, or simulated cells where it is not, twice on the device and once on the processor."""
    is_there = folder is not None and (folder / FILE).exists()
    adata = ad.read_h5ad(folder / FILE) if is_there else scgsr.datasets.cytof_panel()
    adata = adata[:1500].copy() if quick else adata
    options = {"progress": False, **({"n_epochs": 3} if quick else {})}
    seconds, fits = [], []
    for where in (device, device, torch.device("cpu")):
        start = perf_counter()
        fits.append(tl.fit(adata, device=where, copy=True, **options))
        seconds.append(perf_counter() - start)
    one, again, on_cpu = fits
    model = scgsr.get.model(one)
    activations = model.activations(one.X if model.params.get("layer") is None else one.layers[model.params["layer"]])
    labels = model.modules.assign(activations)[0]
    same = [np.array_equal(one.obsm["X_gsr"], again.obsm["X_gsr"]), one.obs["gsr"].equals(again.obs["gsr"])]
    return {
        "cells": f"{FILE if is_there else 'cytof_panel, simulated'}, {adata.n_obs:,} x {adata.n_vars}",
        "largest difference, same weights": float(np.abs(activations - one.obsm["X_gsr"]).max()),
        "ARI of labels, same weights": adjusted_rand_score(labels.astype(str), one.obs["gsr"]),
        "ARI with a fit on the processor": adjusted_rand_score(on_cpu.obs["gsr"], one.obs["gsr"]),
        "same seed, same bits": "yes" if all(same) else "NO",
        "seconds": seconds[1],
        "seconds on the processor": seconds[2],
    }


# --- Checkpoints ------------------------------------------------------------------------------------------------------


def resumed(first: dict[str, Any], then: dict[str, Any], folder: Path, *, quick: bool) -> dict[str, Any]:
    """Interrupt a fit, go on in another way; return how far it went, and R2 beside that of a fit of one kind."""
    adata = scgsr.datasets.cytof_panel()[: 600 if quick else 5000].copy()
    options = {"n_epochs": 8, "progress": False, "hidden": 32, "early_stopping": False}
    with interrupted_after(4), suppress(KeyboardInterrupt):
        tl.fit(adata, checkpoint=folder, **options, **first)
    with told() as lines:
        tl.fit(adata, checkpoint=folder, **options, **then)
    whole = tl.fit(adata, copy=True, **options, **then)
    return {
        "from": _words(first),
        "to": _words(then),
        "went on": "yes" if any("going on after epoch 4 of 8" in line for line in lines) else "NO",
        "R2": float(adata.uns["gsr"]["history"]["validation_r2"].iloc[-1]),
        "R2 without interruption": float(whole.uns["gsr"]["history"]["validation_r2"].iloc[-1]),
    }


def _words(how: dict[str, Any]) -> str:
    return ", ".join(str(value) for value in how.values())


@contextmanager
def interrupted_after(n_epochs: int) -> Iterator[None]:
    """Let a fit end in the epoch after so many."""
    train_epoch = _run.Run.train_epoch

    def counted(run: _run.Run, epoch: int) -> dict[str, float]:
        if epoch == n_epochs:
            raise KeyboardInterrupt
        return train_epoch(run, epoch)

    _run.Run.train_epoch = counted
    try:
        yield
    finally:
        _run.Run.train_epoch = train_epoch


@contextmanager
def told() -> Iterator[list[str]]:
    """Collect what the package says."""
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    logger, handler = logging.getLogger("scgsr"), Kept()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


# --- Memory -----------------------------------------------------------------------------------------------------------


def out_of_memory(device: torch.device) -> str:
    """Return the error of a step that is too large for the device; on the processor one that is played."""
    cells = AnnData(np.random.default_rng(0).normal(size=(20_000, 50)).astype(np.float32))
    options: dict[str, Any] = {"n_epochs": 1, "batch_size": 18_000, "progress": False, "device": device}
    try:
        with _little_memory(device):
            tl.fit(cells, hidden=16_384 if device.type == "cuda" else 16, start="random", balance=0, **options)
    except MemoryError as error:
        return str(error)
    return "no error"


@contextmanager
def _little_memory(device: torch.device) -> Iterator[None]:
    """Let a card have two gigabytes for us, in which the weights fit, and their moments, but no such step."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(2e9 / torch.cuda.get_device_properties(device).total_memory)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        return
    error = _step.squared_error

    def too_large(*_: object) -> None:
        raise torch.OutOfMemoryError

    _step.squared_error = too_large
    try:
        yield
    finally:
        _step.squared_error = error
