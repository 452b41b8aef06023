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
# Inches that one letter of a module's name needs.
_LETTER = 0.08


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

    @property
    def heading(self) -> str:
        """What the columns are."""
        return f"{len(self.order)} neurons and their modules"

    def number(self, ax: Axes, inches: float) -> None:
        """Write the modules' numbers above the strip, where this width of the picture has room for them."""
        borders = [0, *(np.flatnonzero(np.diff(self.modules)) + 1), len(self.order)]
        names = {
            (start + end) / 2: self._name(start)
            for start, end in itertools.pairwise(borders)
            if (end - start) / len(self.order) * inches >= _LETTER * len(self._name(start))
        }
        ax.xaxis.tick_top()
        ax.xaxis.set_label_position("top")
        ax.set_xticks(list(names), list(names.values()), fontsize="small")
        ax.tick_params(axis="x", length=0, pad=1)

    def _name(self, column: int) -> str:
        module = self.modules[column]
        return "dead" if module < 0 else str(module)
