"""Groups of cells: which, how many, their mean activations, their colours."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scgsr import _adata
from scgsr._adata import Keys
from scgsr._checks import log

if TYPE_CHECKING:
    from anndata import AnnData

# More panels or colours than this cannot be told apart, and take minutes to draw.
MOST = 200


def grouping(adata: AnnData, groupby: str, groups: str | Sequence[Any] | None) -> pd.Categorical:
    """Return the group of each cell; cells without one, and groups without cells, are left out."""
    every = _adata.groups(adata, "groupby", groupby)
    wanted = list(every.categories) if groups is None else [groups] if np.ndim(groups) == 0 else list(groups)
    unknown = [group for group in wanted if group not in every.categories]
    if unknown:
        msg = f"`groups` must be among {list(every.categories)} of `adata.obs[{groupby!r}]`, got {unknown}."
        raise ValueError(msg)
    present = set(every.remove_unused_categories().categories)
    empty = [group for group in wanted if group not in present]
    if empty:
        # Who asked for a group by name must hear that it is not there.
        level = logging.INFO if groups is None else logging.WARNING
        log.log(level, "groups of %r without cells are not drawn: %s", groupby, empty)
    kept = list(dict.fromkeys(group for group in wanted if group in present))
    if not 1 <= len(kept) <= MOST:
        msg = f"`groupby`={groupby!r} must leave 1 to {MOST} groups with cells, got {len(kept)}; choose with `groups`."
        raise ValueError(msg)
    return every.set_categories(kept)


def means(activations: np.ndarray, of: pd.Categorical) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of cells (n_groups,) and the mean activations (n_groups, n_neurons) of each group."""
    members = [np.flatnonzero(of.codes == code) for code in range(len(of.categories))]
    counts = np.array([len(rows) for rows in members])
    return counts, np.stack([activations[rows].mean(axis=0, dtype=np.float64) for rows in members])


def colors(adata: AnnData, groupby: str, groups: Sequence[Any]) -> list[str]:
    """Return the colour of each group: the stored one, else that which Scanpy would choose."""
    every = list(pd.Categorical(adata.obs[groupby]).categories)
    stored = adata.uns.get(f"{groupby}_colors")
    palette = default_colors(len(every)) if stored is None or len(stored) < len(every) else stored
    return [str(palette[every.index(group)]) for group in groups]


def default_colors(n: int) -> list[str]:
    """Return `n` colours of Scanpy's palettes, the smallest that has enough; beyond the largest they repeat."""
    from scanpy.plotting import palettes

    known = (palettes.default_20, palettes.default_28, palettes.default_102)
    palette = next((p for p in known if n <= len(p)), palettes.default_102)
    return [palette[i % len(palette)] for i in range(n)]


def module_colors(adata: AnnData, key: str, modules: np.ndarray) -> list[str]:
    """Return a colour for each module: that of the cell label with the same number, where any cell has it."""
    n_modules, labels = int(modules.max(initial=-1)) + 1, Keys(key).labels
    found = list(pd.Categorical(adata.obs[labels]).categories) if labels in adata.obs else []
    known = dict(zip(found, colors(adata, labels, found), strict=True)) if found else {}
    spare = iter([color for color in default_colors(2 * n_modules) if color not in known.values()])
    return [known.get(str(module)) or next(spare) for module in range(n_modules)]
