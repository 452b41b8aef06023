"""Pieces of cells grow together to modules: in Ward's order, wherever no valley keeps two of them apart.

The nearest pieces are compared first, when they are small and little is known of them; what has grown is compared with
more cells. Two modules that were kept apart once are compared again when either has grown.
"""

from __future__ import annotations

import numpy as np

from scgsr._modules import _pieces, _valleys, _ward
from scgsr._modules._tree import VALLEY

# At most so many cells of a module are used to find a valley: a larger sample would hide a small neighbour.
_CELLS_PER_MODULE = 1000
# A module is compared with so many that are nearest to it: behind those others lie that would merge first.
_NEIGHBOURS = 3
# A module of less than this share of its neighbour's cells that differs in one feature alone is a state of the
# neighbour's cells, or a stain that some of them have lost; in how many features two differ is at least this.
_SMALL, _SEVERAL = 0.1, 1.2
# With so few features in all, one is much.
_FEW_FEATURES = 2


def grow(points: np.ndarray, piece: np.ndarray, *, features: bool, rng: np.random.Generator) -> np.ndarray:
    """Return the module that each piece has become part of, (n_pieces,) int, numbered from 0 on.

    Parameters
    ----------
    points
        Cells in the space where valleys are looked for, (n_cells, n_dims).
    piece
        The piece of each cell, (n_cells,) int from 0 on.
    features
        Whether the dimensions are features, so that those can be counted in which two modules differ.
    rng
        Chooses the cells of a module that are looked at.
    """
    grown = Grown(points, piece, features=features, rng=rng)
    modules = {number: [number] for number in range(grown.n_pieces)}
    order, _ = _ward.merge_order(grown.means, grown.n_cells)
    for step, (one, other) in enumerate(order.tolist()):
        modules[grown.n_pieces + step] = _together(grown, modules.pop(one) + modules.pop(other))
    (left,) = modules.values()
    result = np.empty(grown.n_pieces, dtype=int)
    for number, module in enumerate(left):
        result[grown.pieces[module]] = number
    return result


def _together(grown: Grown, modules: list[int]) -> list[int]:
    """Return what is left of some modules when the nearest two that no valley keeps apart have merged, and so on."""
    while True:
        merging = next((pair for pair in grown.neighbours(modules) if grown.separation(*pair) <= VALLEY), None)
        if merging is None:
            return modules
        modules = [*(module for module in modules if module not in merging), grown.merge(*merging)]


class Grown:
    """Modules, first one for each piece, with their cells; two that merge make one with the next number."""

    def __init__(self, points: np.ndarray, piece: np.ndarray, *, features: bool, rng: np.random.Generator) -> None:
        self._points, self._rng = points, rng
        self._features = features and points.shape[1] > _FEW_FEATURES
        self.means, self.n_cells = _pieces.means_of(points, piece)
        self.n_pieces = len(self.means)
        self.pieces = {number: [number] for number in range(self.n_pieces)}  # of each module
        order = rng.permutation(len(points))
        bounds = np.cumsum(self.n_cells)[:-1]
        self._cells = dict(enumerate(np.split(order[np.argsort(piece[order], kind="stable")], bounds)))
        self._mean = dict(enumerate(self.means))
        self._separations: dict[tuple[int, int], float] = {}

    def neighbours(self, modules: list[int]) -> list[tuple[int, int]]:
        """Return pairs of some modules, the nearest in Ward's sense first: each with the few that are nearest to it."""
        if len(modules) < 2:
            return []
        means = np.stack([self._mean[module] for module in modules])
        costs = _ward.costs(means, np.array([len(self._cells[module]) for module in modules]))
        distances = _ward.costs(means, np.ones(len(modules)))
        np.fill_diagonal(distances, np.inf)
        nearest = np.argsort(distances, axis=1, kind="stable")[:, : min(_NEIGHBOURS, len(modules) - 1)]
        pairs = {(min(one, other), max(one, other)) for one, row in enumerate(nearest.tolist()) for other in row}
        return [(modules[one], modules[other]) for one, other in sorted(pairs, key=lambda pair: (costs[pair], pair))]

    def separation(self, one: int, other: int) -> float:
        """Return how deep a valley keeps two modules apart, from 0 to 1; 0 if one is but a state of the other."""
        pair = min(one, other), max(one, other)
        if pair not in self._separations:
            cells = (self._points[self._cells[number][:_CELLS_PER_MODULE]] for number in pair)
            self._separations[pair] = 0.0 if self._is_state(*pair) else _valleys.separation(*cells)
        return self._separations[pair]

    def _is_state(self, one: int, other: int) -> bool:
        """Whether the smaller of two modules is far smaller and differs in one feature alone."""
        fewer, more = sorted(len(self._cells[number]) for number in (one, other))
        if not self._features or fewer >= _SMALL * more:
            return False
        share = (self._mean[one] - self._mean[other]) ** 2
        return bool(share.sum() ** 2 < _SEVERAL * (share**2).sum())

    def merge(self, one: int, other: int) -> int:
        """Make one module of two; return its number."""
        made = len(self._cells)
        weights = [len(self._cells[number]) for number in (one, other)]
        self._mean[made] = np.average([self._mean[one], self._mean[other]], axis=0, weights=weights)
        self._cells[made] = self._rng.permutation(np.concatenate([self._cells[one], self._cells[other]]))
        self.pieces[made] = self.pieces[one] + self.pieces[other]
        return made
