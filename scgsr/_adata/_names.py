"""What the modules of a fit are called: by the numbers that `fit` gives, or by the names that their labels have got."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scgsr._adata._colors import group_colors, palette
from scgsr._adata._keys import Keys
from scgsr._adata._results import read_activations, read_model
from scgsr._checks import listed, log
from scgsr._model import FittedModel

if TYPE_CHECKING:
    from anndata import AnnData


def read_named_model(adata: AnnData, key: str) -> FittedModel:
    """Return the fitted model, with the names that the labels of the cells have now."""
    model, labels = read_model(adata, key), adata.obs.get(Keys(key).labels)
    numbers = tuple(str(module) for module in range(model.modules.n_modules))
    if labels is None or not numbers or set(map(str, pd.unique(labels.dropna()))) <= set(numbers):
        return model if labels is None else replace(model, names=_of_numbers(model, labels, numbers))
    return replace(model, names=_from_cells(adata, key, model, labels))


def _of_numbers(model: FittedModel, labels: pd.Series, numbers: tuple[str, ...]) -> tuple[str, ...]:
    """Return the numbers as names, or those on record if no cell tells what its module is called."""
    return numbers if labels.notna().any() else model.names


def _from_cells(adata: AnnData, key: str, model: FittedModel, labels: pd.Series) -> tuple[str, ...]:
    """Return the name of most cells of each module, which cells are told from their activations, not from any order."""
    modules = model.modules.assign(np.asarray(read_activations(adata, key))).codes
    counts = pd.crosstab(modules, labels.astype(str).where(labels.notna()).to_numpy())
    names, mixed = list(model.names), []
    for module, of_names in counts.iterrows():
        names[int(module)] = str(of_names.idxmax())
        if of_names.max() < of_names.sum():
            mixed.append(names[int(module)])
    if mixed:
        log.info(
            "cells of some modules have several labels; each module has the name of most of its cells: %s",
            listed(mixed),
        )
    return tuple(names)


def module_names(adata: AnnData, key: str) -> list[str]:
    """Return a name for each module of a fit, no two alike."""
    return distinct(read_named_model(adata, key).names)


def distinct(names: Sequence[str]) -> list[str]:
    """Return the names of modules, no two alike: of modules with one name each has its number, too."""
    counts = Counter(names)
    return [name if counts[name] == 1 else f"{name} ({module})" for module, name in enumerate(names)]


def module_colors(adata: AnnData, key: str) -> list[str]:
    """Return a colour for each module: that of its label, where any cell has it."""
    return label_colors(adata, key, read_named_model(adata, key).names)


def label_colors(adata: AnnData, key: str, names: Sequence[str]) -> list[str]:
    """Return a colour for each label: its own, or for one that no cell has, one that no other label has."""
    labels = Keys(key).labels
    categories = list(pd.Categorical(adata.obs[labels]).categories) if labels in adata.obs else []
    colors = group_colors(adata, labels, categories) if categories else []
    by_label = dict(zip(map(str, categories), colors, strict=True))
    unused = iter([color for color in palette(len(by_label) + len(names)) if color not in colors])
    return [by_label.get(name) or next(unused) for name in names]
