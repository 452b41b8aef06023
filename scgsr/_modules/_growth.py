"""Modules grow together: of all neighbours those merge first that the shallowest valley keeps apart, again and again.

Finding valleys takes most of the time, and most of them need not be found: no separation is below 0. So a pair enters
the queue with separation 0, is measured when it comes first, and enters again with its own separation. The order of
the merges is the one that measuring every pair gives.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np

from scgsr._modules import _valleys

# Modules are neighbours if more than this share of the smaller one's cells lies between them.
_BORDER_SHARE = 0.03
# At most so many cells of a module are used to find a valley: a larger sample would hide a small neighbour.
_CELLS_PER_MODULE = 1000


class _Border(NamedTuple):
    """Where two modules meet; older ones sort first."""

    number: int
    pair: tuple[int, int]
    n_cells: int  # that lie between the two


class _Candidate(NamedTuple):
    """Two neighbours that may merge; the next to do so sorts first."""

    separation: float  # 0 until it is known
    # Among equals, those that share most of the smaller one's cells.
    minus_share: float
    border: _Border
    known: bool


def grow(
    points: np.ndarray, module: np.ndarray, between: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the merges, (n_merges, 2) int, and how separated the merged modules were, (n_merges,).

    Merge t makes module n_modules + t. Modules without a border to any other stay alone.

    Parameters
    ----------
    points
        Cells in the space where valleys are looked for, (n_cells, n_features).
    module
        The module that each cell begins in, (n_cells,) int.
    between
        How many cells lie between two modules, (n_modules, n_modules), symmetric.
    rng
        Chooses the cells of a module that are looked at.
    """
    n_modules = len(between)
    growing = _Growing(points, module, n_modules, rng)
    n_cells = np.bincount(module, minlength=n_modules)
    neighbours = np.triu(between > _BORDER_SHARE * np.minimum.outer(n_cells, n_cells), k=1)
    for one, other in np.argwhere(neighbours).tolist():
        growing.meet((one, other), int(between[one, other]))
    merges, separations = [], []
    while candidate := growing.closest():
        merges.append(candidate.border.pair)
        separations.append(candidate.separation)
        growing.merge(candidate.border.pair, n_modules + len(merges) - 1)
    return np.array(merges, dtype=int).reshape(-1, 2), np.array(separations, dtype=float)


class _Growing:
    """The modules that are left, their borders, and the queue of those that may merge."""

    def __init__(self, points: np.ndarray, module: np.ndarray, n_modules: int, rng: np.random.Generator) -> None:
        self._points, self._rng = points, rng
        self._cells = {number: rng.permutation(np.flatnonzero(module == number)) for number in range(n_modules)}
        self._borders: dict[int, list[_Border]] = {number: [] for number in self._cells}
        self._n_borders = 0
        self._queue: list[_Candidate] = []

    def meet(self, pair: tuple[int, int], n_cells: int) -> None:
        """Make neighbours of two modules."""
        border = _Border(self._n_borders, pair, n_cells)
        self._n_borders += 1
        for number in pair:
            self._borders[number].append(border)
        smaller = min(len(self._cells[number]) for number in pair)
        heapq.heappush(self._queue, _Candidate(0.0, -n_cells / max(1, smaller), border, known=False))

    def closest(self) -> _Candidate | None:
        """Return the least separated neighbours, None if there are no neighbours."""
        while self._queue:
            first = heapq.heappop(self._queue)
            if not all(number in self._cells for number in first.border.pair):
                continue  # one of them has merged with another
            if first.known:
                return first
            one, other = (self._points[self._cells[number][:_CELLS_PER_MODULE]] for number in first.border.pair)
            measured = first._replace(separation=_valleys.separation(one, other), known=True)
            heapq.heappush(self._queue, measured)
        return None

    def merge(self, pair: tuple[int, int], made: int) -> None:
        """Make one module of two; its neighbours are those of both."""
        self._cells[made] = self._rng.permutation(np.concatenate([self._cells.pop(number) for number in pair]))
        self._borders[made] = []
        between: dict[int, int] = {}
        for border in sorted(self._borders.pop(pair[0]) + self._borders.pop(pair[1])):
            for neighbour in border.pair:
                if neighbour not in pair and neighbour in self._cells:
                    between[neighbour] = between.get(neighbour, 0) + border.n_cells
        for neighbour, n_cells in between.items():
            self.meet((neighbour, made), n_cells)
