"""Colours of groups of cells and of modules: those that are stored, else those that Scanpy would choose. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scgsr._adata._keys import colors_of
from scgsr._checks import about

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
    stored = _stored(adata, colors_of(column), categories)
    colors = palette(len(categories)) if stored is None or len(stored) < len(categories) else stored
    return [str(colors[categories.index(group)]) for group in groups]


def _stored(adata: AnnData, name: str, categories: list[Any]) -> list[str] | None:
    """Return the colours that stand under a name of `.uns` as texts; None if there are none."""
    stored = adata.uns.get(name)
    if stored is None:
        return None
    if isinstance(stored, Mapping):
        by_name = {str(group): color for group, color in stored.items()}
        stored = [by_name[str(group)] for group in categories if str(group) in by_name]
    colors = list(stored) if np.iterable(stored) else [stored]
    try:
        return [color if isinstance(color, str) else _hex(color) for color in colors]
    except (TypeError, ValueError) as error:
        raise not_colors(name, error) from error


def not_colors(name: str, got: Any) -> ValueError:
    """Return the error about a value of `.uns` that should hold colours."""
    msg = f"`adata`: .uns[{name!r}] must hold colours, but does not ({got}); `del adata.uns[{name!r}]` takes Scanpy's."
    return about("adata", ValueError(msg))


def _hex(color: Any) -> str:
    """Return a colour of three or four numbers, shares of red, green, blue and opacity, as a text."""
    shares = np.asarray(color, dtype=np.float64)
    if shares.shape not in ((3,), (4,)) or not ((shares >= 0) & (shares <= 1)).all():
        msg = f"{color!r} is no colour"
        raise ValueError(msg)
    return "#" + "".join(f"{round(255 * share):02x}" for share in shares.tolist())
