"""Modules of neurons as values: the tree in which they grow together, and how they label cells."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from scgsr._checks import log
from scgsr._values import slices

# At resolution 1 two modules stay apart if the cells between them are at most this share as dense as on either side.
_VALLEY = 0.5
_CELLS_AT_ONCE = 1 << 16
# A larger share of cells without a picture is worth a warning.
_MANY_SILENT = 0.02


@dataclass(frozen=True, eq=False)
class ModuleTree:
    """The fine modules and the order in which they grow together."""

    fine: np.ndarray  # (n_neurons,) int, -1 for a dead neuron
    merges: np.ndarray  # (n_merges, 2) int: the two that merge; merge t makes module n_fine + t
    separations: np.ndarray  # (n_merges,) float, 0: no valley between the two, 1: no cell between them

    def cut(self, resolution: float) -> np.ndarray:
        """Return a module for each neuron, (n_neurons,): merged are those whose valley is too shallow."""
        # A merge waits for those before it, even where the merged modules are less separated than their parts were.
        heights = np.maximum.accumulate(self.separations)
        module = np.arange(self.fine.max(initial=-1) + 1)
        for made, (one, other) in enumerate(self.merges[heights <= 1 - _VALLEY * resolution], start=len(module)):
            module[(module == one) | (module == other)] = made
        _, numbers = np.unique(module, return_inverse=True)
        return np.where(self.fine >= 0, np.append(numbers, -1)[self.fine], -1)


class Labels(NamedTuple):
    """The module that dominates each cell, and how clearly it does."""

    codes: np.ndarray  # (n_cells,) int
    confidence: np.ndarray  # (n_cells,) float32, (best - second) / best; 0 where no neuron fires


@dataclass(frozen=True, eq=False)
class Modules:
    """A module number for each neuron, -1 for a dead one, and the templates by which cells are assigned to them."""

    labels: np.ndarray  # (n_neurons,) int
    templates: np.ndarray  # (n_neurons, n_neurons) float32, unit rows; zero for a neuron that stands for no cell
    tree: ModuleTree
    silent: int = 0  # the module of cells in which no neuron fires

    @classmethod
    def none(cls, n_neurons: int) -> Modules:
        """Return the state before clustering: no module, every neuron outside."""
        outside = np.full(n_neurons, -1)
        tree = ModuleTree(outside, np.empty((0, 2), dtype=int), np.empty(0))
        return cls(outside, np.zeros((n_neurons, n_neurons), dtype=np.float32), tree)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return what files hold beside the labels."""
        tree = {"fine": self.tree.fine, "merges": self.tree.merges, "separations": self.tree.separations}
        return {"templates": self.templates, "silent": np.array(self.silent), **tree}

    @classmethod
    def from_arrays(cls, labels: np.ndarray, arrays: dict[str, np.ndarray]) -> Modules:
        """Pop templates, tree and silent module from `arrays`; the labels are given."""
        tree = ModuleTree(*(arrays.pop(name) for name in ("fine", "merges", "separations")))
        modules = cls(labels, arrays.pop("templates"), tree, int(arrays.pop("silent")))
        n_neurons = len(labels)
        if modules.templates.shape != (n_neurons, n_neurons) or tree.fine.shape != (n_neurons,):
            msg = f"templates and fine modules must be of {n_neurons} neurons, as the modules are"
            raise ValueError(msg)
        if (
            not np.array_equal(np.unique(labels[labels >= 0]), np.arange(modules.n_modules))
            or labels.min(initial=0) < -1
        ):
            msg = "modules must be numbered from 0 on, -1 for dead neurons"
            raise ValueError(msg)
        if not 0 <= modules.silent <= max(0, modules.n_modules - 1):
            msg = f"the module of silent cells must be one of {modules.n_modules}, got {modules.silent}"
            raise ValueError(msg)
        return modules

    @property
    def n_modules(self) -> int:
        """How many modules there are."""
        return int(self.labels.max(initial=-1)) + 1

    def responses(self, activations: np.ndarray) -> np.ndarray:
        """Return each cell's activation along the best template of each module, (n_cells, n_modules) float32."""
        result = np.zeros((len(activations), self.n_modules), dtype=np.float32)
        owned = np.flatnonzero(self.templates.any(axis=1))
        owned = owned[np.argsort(self.labels[owned], kind="stable")]
        if not len(owned):
            return result
        first = np.searchsorted(self.labels[owned], np.arange(self.n_modules))
        for block in slices(len(activations), _CELLS_AT_ONCE):
            match = activations[block] @ self.templates[owned].T
            result[block] = np.maximum.reduceat(match, first, axis=1)
        return result

    def leads(self, activations: np.ndarray) -> np.ndarray:
        """Return how far each module's response lies above that of its strongest rival, (n_cells, n_modules) float32.

        Only the module of a cell leads in it; the leads of all others are 0. A single module has no rival.
        """
        responses = self.responses(activations)
        if self.n_modules < 2:
            return responses
        second, best = np.partition(responses, -2, axis=1)[:, -2:].T  # (n_cells,) each
        return np.where(responses == best[:, None], (best - second)[:, None], 0)

    def assign(self, activations: np.ndarray) -> Labels:
        """Return the label of each cell: the module that responds most."""
        return self.labels_from(self.responses(activations))

    def labels_from(self, responses: np.ndarray) -> Labels:
        """Return the label of each cell from the responses of the modules, (n_cells, n_modules)."""
        if self.n_modules == 0:
            return Labels(np.zeros(len(responses), dtype=int), np.zeros(len(responses), dtype=np.float32))
        best = responses.max(axis=1)
        fires = best > 0
        second = np.partition(responses, -2, axis=1)[:, -2] if self.n_modules > 1 else np.zeros_like(best)
        confidence = np.zeros(len(responses), dtype=np.float32)
        np.divide(best - np.maximum(second, 0), best, out=confidence, where=fires)
        return Labels(self.winners(responses), confidence)

    def tell_of_silent_cells(self, silent: np.ndarray) -> None:
        """Say in the log how many cells light no neuron, (n_cells,) bool, and how to know them; warn of many."""
        if silent.any() and self.n_modules:
            many = silent.mean() > _MANY_SILENT
            log.log(
                logging.WARNING if many else logging.INFO,
                "%d of %d cells light no neuron: they have no picture, the label of the faintest cells, %r, and "
                "confidence 0",
                silent.sum(),
                len(silent),
                str(self.silent),
            )

    def winners(self, responses: np.ndarray) -> np.ndarray:
        """Return the module of each cell, (n_cells,) int, from the responses of at least one module."""
        return np.where(responses.max(axis=1) > 0, responses.argmax(axis=1), self.silent)
