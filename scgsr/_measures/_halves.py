"""Whether labels hold: those found on one half of the cells against those found on the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scgsr import _modules

# Each half has at most so many cells, and labels are compared on at most so many: about a second for two halvings. One
# halving alone is a matter of luck: of four on one fit of thymus cells three agree at 0.85 to 0.95, and one at 0.48.
_MOST_CELLS, _MOST_COMPARED, _HALVINGS = 2000, 10_000, 2


@dataclass(frozen=True, eq=False, kw_only=True)
class Search:
    """How the modules of a fit were looked for."""

    rows: np.ndarray  # (n_rows,) int, of the cells that they were found on
    coordinates: Callable[[np.ndarray], np.ndarray]  # from activations to the space of the reconstruction
    features: bool  # whether these coordinates are the features themselves
    resolution: float = 1.0
    n_clusters: int | None = None  # if so many were asked for

    def lit_rows(self, activations: np.ndarray) -> np.ndarray:
        """Return the rows whose cells activate a neuron, of those that modules were found on."""
        return self.rows[np.asarray(activations.any(axis=1))[self.rows]]


def label_halves_ari(activations: np.ndarray, search: Search, rng: np.random.Generator) -> float:
    """
    Return the adjusted Rand index between the labels of two searches, each on its own random half of the cells.

    Parameters
    ----------
    activations
        All cells, (n_cells, n_neurons).
    search
        How the modules were looked for; their cells are parted into halves of at most 2,000.
    rng
        Draws the halves, and at most 10,000 cells whose labels are compared.

    Returns
    -------
    A number of at most 1, the mean over two halvings; 1 if one label is given to all cells; NaN with fewer than two
    cells.

    References
    ----------
    Hubert, Arabie, *Comparing partitions*, 1985, https://doi.org/10.1007/BF01908075
    """
    lit = search.lit_rows(activations)
    if len(lit) < 2:
        return float("nan")
    return float(np.mean([_agreement(activations, lit, search, rng) for _ in range(_HALVINGS)]))


def _agreement(activations: np.ndarray, lit: np.ndarray, search: Search, rng: np.random.Generator) -> float:
    """Return the adjusted Rand index of one halving of the lit cells, (n_lit,) int."""
    from sklearn.metrics import adjusted_rand_score

    drawn = rng.permutation(lit)[: 2 * _MOST_CELLS]
    compared = np.union1d(drawn, rng.permutation(len(activations))[:_MOST_COMPARED])
    some = activations[compared]
    middle = len(drawn) // 2
    halves = (np.searchsorted(compared, np.sort(half)) for half in (drawn[:middle], drawn[middle:]))
    one, other = (_labels(some, half, search) for half in halves)
    return float(adjusted_rand_score(one, other))


def _labels(activations: np.ndarray, rows: np.ndarray, search: Search) -> np.ndarray:
    """Return the labels of all cells that a search on these rows gives, (n_cells,) int."""
    cut, _ = _modules.find(
        activations, rows, search.coordinates, resolution=search.resolution, features=search.features
    )
    if search.n_clusters is not None:
        cut = _modules.recut(cut.modules, cut.modules.tree.cut(search.n_clusters), activations)
    return cut.labels.codes
