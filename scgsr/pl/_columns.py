"""Neurons as columns: in graph order, with a strip of their modules on top."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from scgsr import _adata
from scgsr.graphs import in_row
from scgsr.pl import _scale

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Inches that one letter of a module's name needs.
_LETTER_WIDTH = 0.08


@dataclass(frozen=True, eq=False)
class Columns:
    """The neurons from left to right, with the module of each (-1 where dead) and the colours of the modules."""

    order: np.ndarray  # (n,)
    modules: np.ndarray  # (n,), in that order
    colors: list[str]
    names: list[str]

    @classmethod
    def of_fit(cls, adata: AnnData, key: str) -> Columns:
        """Return the columns for the fit under a key."""
        model = _adata.read_named_model(adata, key)  # once: names are told from all cells
        modules = model.modules.labels
        order = in_row(model.graph.adjacency, modules)
        colors = _adata.label_colors(adata, key, model.names)
        return cls(order, modules[order], colors, _adata.distinct(model.names))

    def draw(self, ax: Axes, top: float, bottom: float) -> None:
        """Draw the strip of modules between two heights."""
        from matplotlib.colors import to_rgba_array

        strip = to_rgba_array([*self.colors, _scale.DEAD])[self.modules][None]
        ax.imshow(strip, extent=(0, len(self.order), bottom, top), aspect="auto", interpolation="nearest")

    @property
    def heading(self) -> str:
        """What the columns are."""
        return f"{len(self.order)} neurons, by module"

    def number(self, ax: Axes) -> None:
        """Write the modules' numbers above the strip; where there is no room for all, those of wide modules."""
        from matplotlib.ticker import FuncFormatter

        borders = [0, *(np.flatnonzero(np.diff(self.modules)) + 1), len(self.order)]
        names = ["dead" if module < 0 else self.names[module] for module in self.modules[borders[:-1]]]
        middles, spans = np.add(borders[1:], borders[:-1]) / 2, np.diff(borders)

        def name(_: float, tick: int | None) -> str:
            # Matplotlib asks at every drawing, when the width of the picture is known.
            inches = ax.get_window_extent().width / cast("Figure", ax.figure).dpi / len(self.order)
            return names[tick] if tick in _with_room(middles * inches, spans, names) else ""

        ax.xaxis.tick_top()
        ax.xaxis.set_label_position("top")
        ax.set_xticks(middles)
        ax.xaxis.set_major_formatter(FuncFormatter(name))
        ax.tick_params(axis="x", length=0, pad=1, labelsize="small")


def _with_room(middles: np.ndarray, spans: np.ndarray, names: list[str]) -> list[int]:
    """Return which names can be written side by side, centred there, in inches; those of wide modules come first."""
    halves = np.array([_LETTER_WIDTH * (len(name) + 0.5) / 2 for name in names])
    kept: list[int] = []
    for module in np.argsort(-spans, kind="stable"):
        if all(abs(middles[module] - middles[i]) >= halves[module] + halves[i] for i in kept):
            kept.append(int(module))
    return kept
