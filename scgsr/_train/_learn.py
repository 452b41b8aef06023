"""From a view of the cells to all that a fit knows: train, encode, find modules, label, calibrate novelty."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix

from scgsr import _device, _model, _modules, _random
from scgsr._checks import about, log
from scgsr._model import AutoencoderConfig, FittedModel, NoveltyReference
from scgsr._modules import Labels, Modules
from scgsr._train._config import TrainConfig
from scgsr._train._explainable import carries_nothing, explainable_r2
from scgsr._train._rounds import sample
from scgsr._train._training import CELLS_SAMPLED, Trained, train
from scgsr._values import Cells, MatrixView
from scgsr.graphs import LearnedGraph, NeuronGraph

# Novelty is calibrated on held-out cells if there are so many, else on all cells.
_ENOUGH_HELD_OUT = 20


@dataclass(frozen=True, eq=False, kw_only=True)
class Learned:
    """A fitted model, and the activations and labels of the cells that it was made from."""

    fitted: FittedModel
    activations: np.ndarray  # (n_cells, n_neurons) float32
    labels: Labels
    held_out: np.ndarray  # (n_cells,) bool: cells from which neither network nor modules were made
    validation_r2: float  # NaN without held-out cells

    def report(self) -> None:
        """Say in the log how the fit went, and warn of a code that carries little."""
        modules, r2 = self.fitted.modules, self.validation_r2
        n_dead = int((modules.labels < 0).sum())
        silent = ~np.asarray(self.activations.any(axis=1))
        validation = "no cells held out" if np.isnan(r2) else f"R2 {r2:.3f} on held-out cells"
        log.info("%d epochs, %s, %d modules of neurons", len(self.fitted.history), validation, modules.n_modules)
        modules.tell_of_silent_cells(silent)
        nothing = carries_nothing(r2, self.fitted.explainable_r2)
        if nothing or n_dead > len(modules.labels) / 2 or silent.mean() > 1 / 2:
            log.warning(
                "the code carries next to nothing: %s, %d of %d neurons never fire, %.0f %% of cells activate none; "
                "lower `smoothness` or `threshold`, or train longer",
                nothing or validation,
                n_dead,
                len(modules.labels),
                100 * silent.mean(),
            )


@_device.undisturbed()
def learn(
    view: MatrixView,
    graph: NeuronGraph | LearnedGraph,
    network_config: AutoencoderConfig,
    config: TrainConfig,
    *,
    resolution: float,
    seed: int,
    device: torch.device,
    source: Mapping[str, Any],
    step: str | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> Learned:
    """Train on the cells of a view, and return the fit with its activations and labels.

    The matrix is wrapped once, every cell is encoded once and labelled once.

    Parameters
    ----------
    view
        The values, checked, with what standardises them.
    graph
        A given graph, or the recipe of a learned one.
    network_config, config
        The network, and how to train it on this graph (:meth:`TrainConfig.on`).
    resolution
        Higher keeps more modules apart.
    seed
        Seed of all that is drawn.
    device
        Where to compute.
    source
        Which values of the user's object the view holds; recorded among the parameters.
    step
        How steps are carried out; None: as is fastest on the device.
    checkpoint
        Folder for the state after each epoch, from which an interrupted fit resumes.
    progress
        Show a progress bar; None: only in a terminal.
    """
    train_seed, novelty_seed, explainable_seed = _random.spawn(seed, 3)
    log.info("training on %s", _device.describe(device))
    with _device.within_its_memory(device):
        cells = view.cells(device)
        with _device.multiplying(config.precision):
            trained = train(
                cells,
                graph,
                network_config,
                config,
                seed=train_seed,
                step=step,
                checkpoint=checkpoint,
                progress=progress,
            )
        network = trained.network
        activations = _model.encode(network, cells)
    _refuse_a_network_that_diverged(activations)
    held_out = np.zeros(len(activations), dtype=bool)
    held_out[trained.held_out] = True
    coordinates, features = _model.module_space(network, source)
    (modules, labels), coactivation = _modules.find(
        activations, np.flatnonzero(~held_out), coordinates, resolution=resolution, features=features
    )
    reference = _novelty_reference(trained, cells, activations, held_out, novelty_seed)
    explainable = explainable_r2(trained.known, trained.judged, seed=explainable_seed)
    settings = {**network_config.to_dict(), **config.to_dict(), **source, **_recipe(graph)}
    settings |= {"seed": seed, "resolution": resolution}
    return Learned(
        fitted=_fitted_model(view, trained, modules, coactivation, reference, explainable, settings),
        activations=activations,
        labels=labels,
        held_out=held_out,
        validation_r2=trained.validation_r2,
    )


def _recipe(graph: NeuronGraph | LearnedGraph) -> dict[str, Any]:
    """Return what is recorded of a graph beside what came of it: the recipe of a learned one."""
    return {"recipe": graph.to_dict()} if isinstance(graph, LearnedGraph) else {}


def _refuse_a_network_that_diverged(activations: np.ndarray) -> None:
    if not np.isfinite([activations.min(initial=0), activations.max(initial=0)]).all():
        msg = "`learning_rate`: training diverged, so that activations are not finite; lower it, or leave it out."
        raise about("learning_rate", ValueError(msg))


def _fitted_model(
    view: MatrixView,
    trained: Trained,
    modules: Modules,
    coactivation: csr_matrix,
    novelty_reference: NoveltyReference,
    explainable: float,
    settings: Mapping[str, Any],
) -> FittedModel:
    """Return the fit as a whole."""
    no_cofactor = np.full(len(view.features), np.nan, dtype=np.float32)
    return FittedModel(
        network=trained.network,
        graph=trained.graph,
        features=view.features,
        mean=view.mean,
        scale=view.scale,
        cofactor=no_cofactor if view.cofactor is None else view.cofactor,
        modules=modules,
        coactivation=coactivation,
        novelty_reference=novelty_reference,
        explainable_r2=explainable,
        evolution=trained.evolution,
        history=trained.history,
        params={**settings, "width": view.width},
        versions=_model.versions(),
    )


def _novelty_reference(
    trained: Trained, cells: Cells, activations: np.ndarray, held_out: np.ndarray, seed: int
) -> NoveltyReference:
    """Return how training cells look, calibrated on held-out cells if there are enough of them, else on any."""
    rng = _random.generator(seed)
    seen = np.sort(rng.permutation(np.flatnonzero(~held_out))[:CELLS_SAMPLED])
    judged = trained.judged
    if len(judged.rows) < _ENOUGH_HELD_OUT:
        judged = sample(cells, np.arange(len(activations)), CELLS_SAMPLED, rng)
    errors = _model.errors(trained.network, judged.in_order(), activations[judged.index])
    return NoveltyReference.learn(activations[seen], activations[judged.index], errors)
