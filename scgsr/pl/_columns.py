"""Neurons as columns: in graph order, with a strip of their modules on top."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scgsr import _store
from scgsr.graphs._order import in_row
from scgsr.pl import _groups

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes

_DEAD = "0.85"
# Share of the picture's width that one letter of a module's name needs where the page is narrow.
_LETTER = 0.04


@dataclass(frozen=True, eq=False)
class Columns:
    """The neurons from left to right, with the module of each (-1 where dead) and the colours of the modules."""

    order: np.ndarray  # (n,)
    modules: np.ndarray  # (n,), in that order
    colors: list[str]

    @classmethod
    def of(cls, adata: AnnData, key: str) -> Columns:
        """Return the columns for a fit."""
        modules = np.asarray(_store.read_record(adata, key)["modules"])
        order = in_row(_store.read_graph(adata, key).adjacency, modules)
        return cls(order, modules[order], _groups.module_colors(adata, key, modules))

    def draw(self, ax: Axes, top: float, bottom: float) -> None:
        """Draw the strip of modules between two heights."""
        from matplotlib.colors import to_rgba_array

        strip = to_rgba_array([*self.colors, _DEAD])[self.modules][None]
        ax.imshow(strip, extent=(0, len(self.order), bottom, top), aspect="auto", interpolation="nearest")

    def name(self, ax: Axes) -> None:
        """Write the modules' numbers above the strip, as far as there is room, and what the columns are."""
        n = len(self.order)
        borders = [0, *(np.flatnonzero(np.diff(self.modules)) + 1), n]
        runs = itertools.pairwise(borders)
        names = {(start + end) / 2: self._name(start) for start, end in runs if self._fits(start, end)}
        ax.xaxis.tick_top()
        ax.xaxis.set_label_position("top")
        ax.set_xticks(list(names), list(names.values()), fontsize="small")
        ax.tick_params(axis="x", length=0, pad=1)
        ax.set_xlabel(f"{n} neurons and their modules", fontsize="small")

    def _name(self, column: int) -> str:
        module = self.modules[column]
        return "dead" if module < 0 else str(module)

    def _fits(self, start: int, end: int) -> bool:
        return (end - start) / len(self.order) >= _LETTER * len(self._name(start))
