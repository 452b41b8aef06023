"""Groups of cells: which are drawn, how many cells each has, their mean activations."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scgsr import _adata
from scgsr._checks import about, log

if TYPE_CHECKING:
    from anndata import AnnData

# More panels or colours than this cannot be told apart, and take minutes to draw.
MOST_GROUPS = 200
# The mean of fewer cells is marked, and sets no scale for others.
FEW = 10


def grouping(adata: AnnData, groupby: str, groups: str | Sequence[Any] | None) -> pd.Categorical:
    """Return the group of each cell; cells without one, and groups without cells, are left out."""
    labels = _in_order(_adata.groups(adata, "groupby", groupby))
    chosen = list(labels.categories) if groups is None else [groups] if np.ndim(groups) == 0 else list(groups)
    unknown = [group for group in chosen if group not in list(labels.categories)]
    if unknown:
        msg = f"`groups` must be among {list(labels.categories)} of `adata.obs[{groupby!r}]`, got {unknown}."
        raise about("groups", ValueError(msg))
    with_cells = set(labels.remove_unused_categories().categories)
    empty = [group for group in chosen if group not in with_cells]
    if empty:
        # Who asked for a group by name must hear that it is not there.
        level = logging.INFO if groups is None else logging.WARNING
        log.log(level, "groups of %r without cells are not drawn: %s", groupby, empty)
    if groups is None:
        hint = "Choose with `groups`."
        return _in_order(_adata.groups(adata, "groupby", groupby, least=1, most=MOST_GROUPS, hint=hint))
    kept = list(dict.fromkeys(group for group in chosen if group in with_cells))
    if not 1 <= len(kept) <= MOST_GROUPS:
        msg = f"`groups` must name 1 to {MOST_GROUPS} groups with cells of `groupby`={groupby!r}, got {len(kept)}."
        raise about("groups", ValueError(msg))
    return labels.set_categories(kept)


def means(activations: np.ndarray, labels: pd.Categorical) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of cells (n_groups,) and the mean activations (n_groups, n_neurons) of each group.

    Means of a group without cells are NaN.
    """
    members = [np.flatnonzero(labels.codes == code) for code in range(len(labels.categories))]
    counts = np.array([len(rows) for rows in members])
    images = np.full((len(members), activations.shape[1]), np.nan)
    for image, rows in zip(images, members, strict=True):
        if len(rows):
            image[:] = activations[rows].mean(axis=0, dtype=np.float64)
    return counts, images


def title(name: str, count: int) -> str:
    """Return the title of a panel: the name of a group and, in a line of its own, its number of cells; few are marked.

    Without cells there is the name alone.
    """
    return f"{name}\n{'only ' if count < FEW else ''}n = {count:,}" if count else name


def _in_order(labels: pd.Categorical) -> pd.Categorical:
    """Return labels with strings that are numbers in the order of the numbers, unless the user has ordered them."""
    names = list(labels.categories)
    in_pandas_order = not labels.ordered and all(isinstance(name, str) for name in names) and names == sorted(names)
    if not in_pandas_order or not all(re.fullmatch(r"[+-]?\d+(\.\d+)?", name) for name in names):
        return labels
    return labels.reorder_categories(sorted(names, key=float))
