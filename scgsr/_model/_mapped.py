"""New cells through a fitted model, block by block: what is known of each block once it has passed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from scgsr._checks import about
from scgsr._model._fitted import FittedModel
from scgsr._modules import Labels


class MappedCells(NamedTuple):
    """What a model says of some cells."""

    rows: slice
    activations: np.ndarray  # (n_cells, n_neurons) float32
    labels: Labels
    novelty: np.ndarray  # (n_cells,) float32, NaN if the model does not know what it is measured against


def mapped(fitted: FittedModel, blocks: Iterable[tuple[slice, np.ndarray]]) -> Iterator[MappedCells]:
    """Yield what the model says of blocks of cells, given as rows and their values; all of it is finite or refused."""
    for rows, values in blocks:
        activations = fitted.activations(values)
        _check_finite(activations)
        novelty = np.full(len(values), np.nan, dtype=np.float32)
        if fitted.novelty_reference is not None:
            novelty = fitted.novelty(values, activations=activations)
            _check_finite(novelty[:, None])
        labels = fitted.modules.assign(activations)
        yield MappedCells(rows=rows, activations=activations, labels=labels, novelty=novelty)


def _check_finite(results: np.ndarray) -> None:
    if n_lost := int((~np.isfinite(results).all(axis=1)).sum()):
        msg = f"`adata` has {n_lost} cells with values too extreme for the network; remove them, or what marks them."
        raise about("adata", ValueError(msg))
