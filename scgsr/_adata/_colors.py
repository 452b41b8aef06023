"""Colours of groups of cells and of modules: those that are stored, else those that Scanpy would choose. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scgsr._adata._keys import colors_of

if TYPE_CHECKING:
    from anndata import AnnData


def palette(n: int) -> np.ndarray:
    """Return `n` hex colours, (n,) of strings, from the smallest of Scanpy's palettes that has enough.

    Beyond the largest palette colours repeat.
    """
    from scanpy.plotting import palettes

    by_size = (palettes.default_20, palettes.default_28, palettes.default_102)
    colors = next((colors for colors in by_size if n <= len(colors)), by_size[-1])
    return np.array([colors[i % len(colors)] for i in range(n)], dtype=object)


def group_colors(adata: AnnData, column: str, groups: Sequence[Any]) -> list[str]:
    """Return the colour of each of the groups in a column of `.obs`.

    Stored are names, hex or tuples in the order of the categories, as a list or an array, or a dict by category.
    """
    categories = list(pd.Categorical(adata.obs[column]).categories)
    stored = adata.uns.get(colors_of(column))
    if isinstance(stored, Mapping):
        by_name = {str(name): color for name, color in stored.items()}
        stored = [by_name[str(name)] for name in categories if str(name) in by_name]
    colors = palette(len(categories)) if stored is None or len(stored) < len(categories) else stored
    return [_as_text(colors[categories.index(group)]) for group in groups]


def _as_text(color: Any) -> str:
    """Return a colour as matplotlib reads it from a string; numbers are shares of red, green, blue and opacity."""
    if isinstance(color, str):
        return str(color)
    return "#" + "".join(f"{round(255 * float(share)):02x}" for share in color)
