"""The tree in which pieces of cells grow together to modules, and at last to one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# At resolution 1 two modules stay apart if the cells between them are at most this share as dense as on either side.
VALLEY = 0.5


@dataclass(frozen=True, eq=False)
class ModuleTree:
    """The order in which pieces merge, and how deep a valley each merge crosses."""

    n_pieces: int
    merges: np.ndarray  # (n_merges, 2) int: the two that merge; merge t makes group n_pieces + t
    separations: np.ndarray  # (n_merges,) float, 0: no valley between the two, 1: no cell between them

    def check(self) -> None:
        """Raise ValueError unless every merge joins two of what there is by then, each once."""
        merges, n_merges = np.asarray(self.merges), len(self.merges)
        if merges.dtype.kind not in "iu" or merges.shape != (n_merges, 2) or self.separations.shape != (n_merges,):
            msg = f"merges must be pairs of whole numbers, each with one separation, got shape {merges.shape}"
            raise ValueError(msg)
        there = self.n_pieces + np.arange(n_merges)[:, None]
        if ((merges < 0) | (merges >= there)).any() or len(np.unique(merges)) < merges.size:
            msg = f"{self.n_pieces} pieces cannot merge in this order"
            raise ValueError(msg)
        if not np.isfinite(self.separations).all():
            msg = "separations must be finite"
            raise ValueError(msg)

    @property
    def fewest(self) -> int:
        """How many modules are left after all merges."""
        return self.n_pieces - len(self.merges)

    def cut(self, n_modules: int) -> np.ndarray:
        """Return a module for each piece, (n_pieces,) int from 0 on: what is left before the last merges.

        With fewer than `fewest`, or more than there are pieces, the nearest number that there is.
        """
        n_merges = np.clip(self.n_pieces - n_modules, 0, len(self.merges))
        return self._merged(np.arange(len(self.merges)) < n_merges)

    def cut_at(self, resolution: float) -> np.ndarray:
        """Return a module for each piece, (n_pieces,) int from 0 on: merged are those whose valley is too shallow.

        Two merge only after all that they are made of.
        """
        allowed = self.separations <= 1 - VALLEY * resolution
        for step, pair in enumerate(self.merges):
            made_of = pair[pair >= self.n_pieces] - self.n_pieces
            allowed[step] &= allowed[made_of].all()
        return self._merged(allowed)

    def _merged(self, carried_out: np.ndarray) -> np.ndarray:
        """Return the module of each piece when these merges are carried out, (n_merges,) bool."""
        groups = {number: [number] for number in range(self.n_pieces)}
        for step, (one, other) in enumerate(self.merges.tolist()):
            if carried_out[step]:
                groups[self.n_pieces + step] = groups.pop(one) + groups.pop(other)
        module = np.empty(self.n_pieces, dtype=int)
        for number, pieces in enumerate(groups.values()):
            module[pieces] = number
        return module
