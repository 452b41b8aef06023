"""What every method gives, and how it says that it cannot run."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType

import numpy as np
from anndata import AnnData

# Resolutions between which a given number of clusters is looked for, and how often the interval is halved.
RESOLUTIONS, HALVINGS = (1e-3, 1e2), 12


class NotRunError(Exception):
    """A method that cannot run here or on this data; the message says why."""


@dataclass(frozen=True, eq=False)
class Fit:
    """What a method gives for one data set and seed; what it does not have is None.

    `at_k` gives labels with as many clusters as asked for, or the nearest number found. `units` are the numbers by
    which the method describes a cell, (n_cells, n_units), each of which should mean something. `adata` has the slots of
    `scgsr.tl.fit`, whose activations are pictures unless the code is `linear`. `own` are measures of this method alone.
    """

    seconds: float
    labels: np.ndarray | None = None
    at_k: Callable[[int], np.ndarray] | None = None
    units: np.ndarray | None = None
    adata: AnnData | None = None
    linear: bool = False
    own: dict[str, float] = field(default_factory=dict)


def imported(module: str, package: str) -> ModuleType:
    """Return a module of a peer.

    Raises NotRunError if its package is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(module)
    except ImportError as error:
        msg = f"{package} is not installed: pip install scgsr[bench]"
        raise NotRunError(msg) from error


def by_resolution(at: Callable[[float], np.ndarray], k: int) -> np.ndarray:
    """Return labels with k clusters, by halving the interval of resolutions, or with the nearest number seen."""
    low, high = np.log(RESOLUTIONS)
    best, best_distance = None, np.inf
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        labels = at(float(np.exp(middle)))
        found = len(np.unique(labels))
        if abs(found - k) < best_distance:
            best, best_distance = labels, abs(found - k)
        if found == k:
            break
        low, high = (middle, high) if found < k else (low, middle)
    return best
