"""Which training cells each round of training sees: all of them, or, of very many, as many as a network needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from scgsr import _random
from scgsr._values import Cells, Part, n_batches

# A round has at most so many cells.
CELLS_A_ROUND = 50_000
# So many epochs in a row see the same round, drawn by weight and in another order each time, if memory holds it: to
# read and weigh cells for each would take as long as the steps.
EPOCHS_A_ROUND = 3
# Of cells that are read in blocks, a sample takes so many neighbours at most.
_SAMPLED_TOGETHER = 8

# From some cells to how often training is to see each of them, (n_cells,); None: all alike.
Weigh = Callable[[Part], np.ndarray | None]


class Rounds:
    """Parts the training cells into rounds, one after the other, so that each is in one before any is in another.

    Which cells an epoch sees follows from the seed and the number of the epoch alone.

    Parameters
    ----------
    cells
        All cells.
    training
        Those to train on, (n_training,) int, sorted.
    weigh
        Gives cells their weights.
    known
        Some of the training cells, weighed; if they are all of them, nothing else is read.
    seed
        Seed of the order.
    """

    def __init__(self, cells: Cells, training: np.ndarray, weigh: Weigh, known: Part, *, seed: int) -> None:
        self.cells, self.training, self.weigh = cells, training, weigh
        self._first, self._length = _blocks(training, cells.together)
        self.in_a_pass = -(-len(self._first) // max(1, CELLS_A_ROUND // cells.together))  # so many rounds
        self._repeats = EPOCHS_A_ROUND if self.n_cells + cells.together <= cells.at_once else 1
        self._seed = seed
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0, dtype=int))  # of which pass, and the order of its blocks
        # All training cells, weighed, if they lie in memory and make one round.
        self._all = known if len(known.rows) == len(training) else None
        self._kept: tuple[int, Part] | None = None  # the number of the last round, and its cells, if they are repeated

    @property
    def n_cells(self) -> int:
        """How many cells a round has, but for one block more or less."""
        return -(-len(self.training) // self.in_a_pass)

    def n_steps(self, n_epochs: int, batch_size: int) -> int:
        """Return how many batches so many epochs have."""
        if self._all is not None:
            return n_epochs * n_batches(len(self.training), batch_size)
        parts = (part for epoch in range(n_epochs) for part in self._parts(epoch // self._repeats))
        return sum(n_batches(int(self._length[blocks].sum()), batch_size) for blocks in parts)

    def parts(self, epoch: int) -> Iterator[Part]:
        """Yield the cells that an epoch sees, with their weights, in parts that memory holds."""
        number = epoch // self._repeats
        if self._all is not None:
            yield self._all
        elif self._kept is not None and self._kept[0] == number:
            yield self._kept[1]
        else:
            self._kept = None  # frees its memory
            for blocks in self._parts(number):
                part = self.cells.share(self.training[_members(self._first[blocks], self._length[blocks])])
                part = replace(part, weights=self.weigh(part))
                self._kept = (number, part) if self._repeats > 1 else None
                yield part

    def _parts(self, number: int) -> list[np.ndarray]:
        """Return the blocks of each part of a round, (n_blocks,) int, sorted."""
        n_pass, place = divmod(number, self.in_a_pass)
        blocks = np.array_split(self._blocks_in_order(n_pass), self.in_a_pass)[place]
        n_parts = -(-len(blocks) // max(1, self.cells.at_once // self.cells.together))
        return [np.sort(part) for part in np.array_split(blocks, n_parts)]

    def _blocks_in_order(self, number: int) -> np.ndarray:
        """Return all blocks in the order of one pass over the training cells."""
        if self._order[0] != number:
            seed = np.random.SeedSequence([self._seed, number])
            self._order = number, _random.generator(seed).permutation(len(self._first))
        return self._order[1]


def sample(cells: Cells, index: np.ndarray, n: int, rng: np.random.Generator) -> Part:
    """Return at most `n` of the cells `index`, (n_cells,) int, sorted: all if there are no more."""
    if len(index) <= min(n, cells.at_once):
        return cells.part(index)
    first, length = _blocks(index, min(cells.together, _SAMPLED_TOGETHER))
    n_blocks = max(1, int(min(n, cells.at_once) * len(first) / len(index)))
    chosen = np.sort(rng.choice(len(first), n_blocks, replace=False))
    return cells.part(index[_members(first[chosen], length[chosen])])


def _blocks(index: np.ndarray, together: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where each block of cells begins in `index`, and how many cells it has."""
    first = np.flatnonzero(np.diff(index // together, prepend=-1))
    return first, np.diff(first, append=len(index))


def _members(first: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Return all places of blocks of which each begins at `first` and has `length` places."""
    before = np.cumsum(length) - length
    return np.repeat(first - before, length) + np.arange(length.sum())
