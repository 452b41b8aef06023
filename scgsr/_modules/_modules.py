"""Modules of neurons as values: which neurons and which pieces of cells each has, and how it labels cells."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from scgsr._checks import log
from scgsr._modules._templates import pictures
from scgsr._modules._tree import ModuleTree
from scgsr._values import slices

_CELLS_AT_ONCE = 1 << 16
# A larger share of cells without a picture is worth a warning.
_MANY_SILENT = 0.02


class Labels(NamedTuple):
    """The module of each cell, and how like the module's cells it is: the cosine to their mean picture."""

    codes: np.ndarray  # (n_cells,) int
    confidence: np.ndarray  # (n_cells,) float32 in [0, 1]; 0 where no neuron fires, or there is one module alone


@dataclass(frozen=True, eq=False)
class Modules:
    """Modules of neurons, numbered from 0 on, and the templates by which cells are assigned to them."""

    labels: np.ndarray  # (n_neurons,) int: the module of each neuron, -1 for a dead one
    templates: np.ndarray  # (n_pieces, n_neurons) float32, unit rows: mean pictures of pieces of the cells
    n_cells: np.ndarray  # (n_pieces,): how many cells each piece was made of
    pieces: np.ndarray  # (n_pieces,) int: the module of each piece
    tree: ModuleTree  # in which pieces merge
    silent: int = 0  # the module of cells in which no neuron fires

    @classmethod
    def of(
        cls, tree: ModuleTree, templates: np.ndarray, n_cells: np.ndarray, pieces: np.ndarray, *, silent: int = 0
    ) -> Modules:
        """Return the modules that pieces make, each with the neurons that its cells activate most."""
        labels = _modules_of_neurons(templates, pieces)
        return cls(labels=labels, templates=templates, n_cells=n_cells, pieces=pieces, tree=tree, silent=silent)

    @classmethod
    def none(cls, n_neurons: int) -> Modules:
        """Return the state before clustering: no module, every neuron outside."""
        tree = ModuleTree(0, np.empty((0, 2), dtype=int), np.empty(0))
        return cls.of(tree, np.zeros((0, n_neurons), dtype=np.float32), *np.empty((2, 0), dtype=int))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return what files hold beside the labels."""
        tree = {"merges": self.tree.merges, "separations": self.tree.separations}
        of_pieces = {"templates": self.templates, "n_cells": self.n_cells, "pieces": self.pieces}
        return {**of_pieces, "silent": np.array(self.silent), **tree}

    @classmethod
    def from_arrays(cls, labels: np.ndarray, arrays: dict[str, np.ndarray]) -> Modules:
        """Pop templates, pieces, tree and silent module from `arrays`; the labels are given.

        Raises ValueError if they do not belong together.
        """
        of_pieces = {name: arrays.pop(name) for name in ("templates", "n_cells", "pieces")}
        tree = ModuleTree(len(of_pieces["pieces"]), arrays.pop("merges"), arrays.pop("separations"))
        modules = cls(labels=labels, **of_pieces, tree=tree, silent=int(arrays.pop("silent")))
        modules._check()
        return modules

    def _check(self) -> None:
        n_pieces, n_neurons = self.templates.shape
        if n_neurons != len(self.labels) or not self.pieces.shape == self.n_cells.shape == (n_pieces,):
            msg = f"templates must be of {len(self.labels)} neurons and {len(self.pieces)} pieces"
            raise ValueError(msg)
        if self.labels.dtype.kind not in "iu" or self.pieces.dtype.kind not in "iu":
            msg = f"modules must be whole numbers, got {self.labels.dtype} of neurons and {self.pieces.dtype} of pieces"
            raise ValueError(msg)
        if self.pieces.min(initial=0) < 0 or self.pieces.max(initial=-1) >= n_pieces:
            msg = f"{n_pieces} pieces cannot be of modules {self.pieces.min()} to {self.pieces.max()}"
            raise ValueError(msg)
        if not np.array_equal(np.unique(self.pieces), np.arange(self.n_modules)):
            msg = "modules must be numbered from 0 on"
            raise ValueError(msg)
        if self.labels.min(initial=-1) < -1 or self.labels.max(initial=-1) >= max(1, self.n_modules):
            msg = f"neurons must be of one of {self.n_modules} modules, -1 for dead ones"
            raise ValueError(msg)
        if not 0 <= self.silent <= max(0, self.n_modules - 1):
            msg = f"the module of silent cells must be one of {self.n_modules}, got {self.silent}"
            raise ValueError(msg)
        if not np.isfinite(self.templates).all() or self.n_cells.min(initial=1) < 1:
            msg = "templates must be finite, and each of some cells"
            raise ValueError(msg)
        self.tree.check()

    @property
    def n_modules(self) -> int:
        """How many modules there are."""
        return int(self.pieces.max(initial=-1)) + 1

    def responses(self, activations: np.ndarray) -> np.ndarray:
        """Return each cell's activation along the best template of each module, (n_cells, n_modules) float32."""
        result = np.zeros((len(activations), self.n_modules), dtype=np.float32)
        if not self.n_modules:
            return result
        order = np.argsort(self.pieces, kind="stable")
        first = np.searchsorted(self.pieces[order], np.arange(self.n_modules))
        for block in slices(len(activations), _CELLS_AT_ONCE):
            match = activations[block] @ self.templates[order].T
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

    @property
    def mean_pictures(self) -> np.ndarray:
        """The mean picture of each module's cells, at unit norm, (n_modules, n_neurons) float32."""
        share = np.zeros((self.n_modules, len(self.pieces)), dtype=np.float32)
        share[self.pieces, np.arange(len(self.pieces))] = self.n_cells
        return pictures(share @ self.templates)

    def assign(self, activations: np.ndarray) -> Labels:
        """Return the label of each cell: the module that responds most."""
        return self.labels_of(self.winners(activations), activations)

    def winners(self, activations: np.ndarray) -> np.ndarray:
        """Return the module that responds most in each cell, (n_cells,) int, -1 where none does."""
        winners = np.full(len(activations), -1, dtype=np.int32)
        if self.n_modules == 0:
            return winners
        for block in slices(len(activations), _CELLS_AT_ONCE):
            responses = self.responses(activations[block])
            winners[block] = np.where(responses.max(axis=1) > 0, responses.argmax(axis=1), -1)
        return winners

    def labels_of(self, winners: np.ndarray, activations: np.ndarray) -> Labels:
        """Return the label of each cell from the module that won it, (n_cells,), and its picture."""
        confidence = np.zeros(len(winners), dtype=np.float32)
        codes = np.where(winners < 0, self.silent, winners)
        if self.n_modules < 2:  # nothing that a cell could be instead
            return Labels(codes, confidence)
        means = self.mean_pictures
        for block in slices(len(activations), _CELLS_AT_ONCE):
            likeness = np.einsum("cn,cn->c", pictures(activations[block]), means[codes[block]])
            confidence[block] = np.clip(likeness, 0, 1)
        return Labels(codes, confidence)

    def tell_of_silent_cells(self, silent: np.ndarray) -> None:
        """Say in the log how many cells activate no neuron, (n_cells,) bool, and how to know them; warn of many."""
        if silent.any() and self.n_modules:
            many = silent.mean() > _MANY_SILENT
            log.log(
                logging.WARNING if many else logging.INFO,
                "%d of %d cells activate no neuron: they have no picture, the label of the faintest cells, %r, and "
                "confidence 0",
                silent.sum(),
                len(silent),
                str(self.silent),
            )


def _modules_of_neurons(templates: np.ndarray, pieces: np.ndarray) -> np.ndarray:
    """Return a module for each neuron, (n_neurons,) int, -1 for one that no template activates.

    A neuron is of the module whose templates activate it most. A module that has none so, because others activate all
    its neurons more, gets the one that it comes nearest to leading, if its owner has another.
    """
    light = np.abs(templates)
    if not len(pieces):
        return np.full(templates.shape[1], -1)
    strength = np.stack([light[pieces == module].max(axis=0) for module in range(pieces.max() + 1)])
    most = strength.max(axis=0)
    labels = np.where(most > 0, strength.argmax(axis=0), -1)
    for module in np.setdiff1d(np.arange(len(strength)), labels):
        owns_others = (labels >= 0) & (np.bincount(labels + 1, minlength=len(strength) + 1)[labels + 1] > 1)
        lead = np.divide(strength[module], most, out=np.zeros(len(most)), where=owns_others)
        if lead.any():
            labels[lead.argmax()] = module
    return labels
