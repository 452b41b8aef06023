"""New cells through a model: the columns that are written of them, and which of them the model was trained on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from scgsr._adata import _fit, _names, _query, _results, _view
from scgsr._adata._keys import Keys
from scgsr._checks import about, log
from scgsr._model import FittedModel, mapped
from scgsr._modules import Labels
from scgsr._values import dense_rows

if TYPE_CHECKING:
    from anndata import AnnData

# Above this share of cells with novelty above 1 something is wrong with the values, or the cells are of another kind.
_MANY_NOVEL = 0.5


@dataclass(frozen=True, eq=False)
class Reference:
    """A fitted model, and where it comes from an AnnData, its cells and the name of the fit there."""

    fitted: FittedModel
    cells: AnnData | None = None
    key: str = ""

    @property
    def colors(self) -> list[str] | None:
        """The colour of each label that cells may get, if they are known."""
        return None if self.cells is None else _names.label_colors(self.cells, self.key, self.fitted.labels)


@dataclass(frozen=True, eq=False, kw_only=True)
class Mapping:
    """What a model says of all cells of an AnnData."""

    fitted: FittedModel  # which remembers that it was applied, and how
    activations: Any  # (n_obs, n_neurons) float32, where they were wanted
    labels: Labels
    novelty: np.ndarray  # (n_obs,) float32
    held_out: np.ndarray  # (n_obs,) bool: whether the model was not trained on the cell, as far as anybody can know


def check_mapping(adata: AnnData, reference: Reference, keys: Keys, *, fill: float | str | None) -> None:
    """Refuse, before any work, cells that the model cannot take and a name that belongs to something else."""
    _fit.check_free(adata, keys)
    if adata.n_obs == 0:
        msg = "`adata` has no cells to map."
        raise about("adata", ValueError(msg))
    _query.check_query(adata, reference.fitted, fill=fill)


def map_cells(
    adata: AnnData,
    reference: Reference,
    keys: Keys,
    *,
    fill: float | str | None,
    room: Callable[[tuple[int, int]], Any],
    step: Callable[[int], Any] = lambda _: None,
) -> Mapping:
    """Send cells through the model of a reference, block by block; nothing is written to `adata`.

    Parameters
    ----------
    adata
        The cells.
    reference
        The model.
    keys
        Names of the results.
    fill
        What takes the place of missing features.
    room
        Given a shape, makes what activations are put into by rows: an array, or one in a file.
    step
        Is told how many cells more are done.
    """
    check_mapping(adata, reference, keys, fill=fill)
    fitted, n_cells = reference.fitted, adata.n_obs
    query = _query.query(adata, fitted, fill=fill)
    held_out = _on_record(adata, reference, keys)
    trained = _TrainedCells(reference, adata)
    activations = room((n_cells, fitted.graph.n_neurons))
    codes, silent = np.empty(n_cells, dtype=int), np.empty(n_cells, dtype=bool)
    confidence, novelty = np.empty((2, n_cells), dtype=np.float32)
    for block in mapped(fitted, query.blocks()):
        rows = block.rows
        activations[rows] = block.activations
        (codes[rows], confidence[rows]), novelty[rows] = block.labels, block.novelty
        silent[rows] = ~block.activations.any(axis=1)
        held_out[rows] &= ~trained.among(rows, block.activations)
        step(rows.stop - rows.start)
    _report(novelty, known=fitted.novelty_reference is not None)
    fitted.modules.tell_of_silent_cells(silent)
    return Mapping(
        fitted=replace(fitted, params={**fitted.params, "fill": fill, "mapped": True}),
        activations=activations,
        labels=Labels(codes, confidence),
        novelty=novelty,
        held_out=held_out,
    )


def write_mapping(adata: AnnData, keys: Keys, mapping: Mapping, *, colors: Sequence[str] | None) -> None:
    """Write the slots of a mapping; activations that are not in memory are where they belong already."""
    in_memory = mapping.activations if isinstance(mapping.activations, np.ndarray) else None
    labels, held_out, novelty = mapping.labels, mapping.held_out, mapping.novelty
    _fit.write(adata, keys, mapping.fitted, in_memory, labels, held_out=held_out, novelty=novelty, colors=colors)


def _on_record(adata: AnnData, reference: Reference, keys: Keys) -> np.ndarray:
    """Return which cells are not on record as trained on by this model, (n_obs,) bool.

    Those that are stay so, as those of the reference do in a union.
    """
    own = reference.key if reference.cells is adata else keys.key
    marks = _results.read_held_out(adata, own)
    if marks is None:
        return np.ones(adata.n_obs, dtype=bool)
    return np.where(_results.results_of(adata, own, reference.fitted), marks, True)


class _TrainedCells:
    """Knows which cells are training cells of the reference: same name, same activations."""

    def __init__(self, reference: Reference, adata: AnnData) -> None:
        self._row_in_reference = np.full(adata.n_obs, -1)
        held_out = None if reference.cells is None else _results.read_held_out(reference.cells, reference.key)
        if reference.cells is None or held_out is None or not reference.cells.obs_names.is_unique:
            return
        row = reference.cells.obs_names.get_indexer(adata.obs_names)  # -1: not there
        self._row_in_reference = np.where((row >= 0) & ~held_out[row], row, -1)
        _results.stored_activations(reference.cells, reference.key)  # refused with advice if they are missing
        self._activations, _ = _view.representation(reference.cells, Keys(reference.key).activations)

    def among(self, rows: slice, activations: np.ndarray) -> np.ndarray:
        """Return which of these cells are, (n_cells,) bool."""
        row_in_reference = self._row_in_reference[rows]
        found = row_in_reference >= 0
        if found.any():
            trained_on = dense_rows(self._activations, row_in_reference[found])
            found[found] = np.isclose(trained_on, activations[found], rtol=1e-3, atol=1e-4).all(axis=1)
        return found


def _report(novelty: np.ndarray, *, known: bool) -> None:
    """Say in the log how alike the cells are."""
    if not known:
        log.warning("no novelty: an older version of scgsr stored the fit without what it needs")
        return
    share = float((novelty > 1).mean())
    log.log(
        logging.WARNING if share > _MANY_NOVEL else logging.INFO,
        "%.1f %% of the cells are more unusual than 99 %% of the reference's cells%s",
        100 * share,
        "; were they measured, normalised and transformed in the same way?" if share > _MANY_NOVEL else "",
    )
