"""The verb `transform`: new cells through a fitted model. Nothing is trained."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from scgsr import _adata, _checks
from scgsr._adata import DEFAULT_KEY, Keys
from scgsr._checks import about, log
from scgsr._model import FittedModel
from scgsr._values import rows_at_once, slices

if TYPE_CHECKING:
    from anndata import AnnData

# Above this share of cells with novelty above 1 something is wrong with the values, or the cells are of another kind.
_MANY_NOVEL = 0.5


def transform(
    adata: AnnData,
    reference: AnnData | FittedModel | str | os.PathLike[str],
    *,
    key: str = DEFAULT_KEY,
    key_added: str = DEFAULT_KEY,
    fill: float | str | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Map new cells with a fitted model: the same neurons, pictures and modules; nothing is trained.

    Features are matched by name, in any order; what the model does not know is ignored. They are read from the same
    layer or representation as in the fit and scaled as there. A transform that :func:`scgsr.pp.arcsinh` recorded in
    the reference is applied to values on which it is not on record; `.X` stays as it is. Cells go through in blocks,
    so that a sparse matrix is never densified whole.

    Parameters
    ----------
    adata
        The new cells, in memory or on disk.
    reference
        An AnnData that :func:`scgsr.tl.fit` has been run on, a :class:`scgsr.FittedModel`, or the folder of one.
    key
        The `key_added` of the fit, where `reference` is an AnnData.
    key_added
        Name of the results in `adata`.
    fill
        What takes the place of features that `adata` lacks, at most a fifth of them: ``"mean"``, the mean of each in
        the reference, or a number in the units of the fit, after any transform. None refuses.
    copy
        Return a copy with the results instead of writing to `adata`.

    Returns
    -------
    None, or the copy. The slots of :func:`scgsr.tl.fit`, model included, and one more; for ``key_added="gsr"``:

    `.obs["gsr"]` : categorical (n_obs,)
        Labels by the modules of the reference, with its numbers: label k is its module k. An AnnData as reference
        gives its colours along.
    `.obs["gsr_novelty"]` : float32 (n_obs,)
        How unlike the cells of the reference a cell is: 0 typical, 1 as one in a hundred of them, above that more
        unlike; see :meth:`scgsr.FittedModel.novelty`. NaN if an older version of scgsr stored the fit.

    Raises
    ------
    FileNotFoundError
        If the folder holds no model.
    KeyError
        If features are missing, counted and named, and not filled; if more than a fifth are; if `reference` has no
        fit under `key`; or if the layer or representation of the fit is missing or of another width.
    TypeError
        If an argument has the wrong type.
    ValueError
        If values are not finite, or so extreme that activations are not, if the recorded transforms disagree, or if
        values look transformed already. The AnnData is then as before.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> reference, new = adata[:500].copy(), adata[500:, ::-1].copy()  # features in another order
    >>> scgsr.tl.fit(reference, n_epochs=5)
    >>> scgsr.tl.transform(new, reference)
    >>> new.obsm["X_gsr"].shape
    (200, 100)
    >>> list(new.obs["gsr"].cat.categories) == list(reference.obs["gsr"].cat.categories)
    True
    """
    from anndata import AnnData

    _checks.instance("adata", adata, AnnData)
    _checks.instance("copy", copy, bool)
    keys = Keys(key_added)
    fitted = _model(reference, key)
    if reference is adata and key == key_added:
        msg = f"`key_added`={key_added!r} would overwrite the fit of the reference, `adata` itself; choose another."
        raise about("key_added", ValueError(msg))
    _adata.check_free(adata, keys)
    if adata.n_obs == 0:
        msg = "`adata` has no cells to map."
        raise about("adata", ValueError(msg))
    _adata.check_room(adata, fitted.graph.n_neurons)
    query = _adata.query(adata, fitted, fill=fill)
    activations = np.empty((adata.n_obs, fitted.graph.n_neurons), dtype=np.float32)
    novelty = np.full(adata.n_obs, np.nan, dtype=np.float32)
    for rows, values in query.blocks():
        activations[rows] = fitted.activations(values)
        _check_finite(activations[rows])
        if fitted.novelty_reference is not None:
            novelty[rows] = fitted.novelty(values, activations=activations[rows])
            _check_finite(novelty[rows, None])
    _report(novelty, known=fitted.novelty_reference is not None)
    fitted.modules.tell_of_silent_cells(~np.asarray(activations.any(axis=1)))
    held_out = _held_out(adata, reference, fitted, activations, key=key, key_added=key_added)
    fitted = replace(fitted, params={**fitted.params, "fill": fill, "mapped": True})
    target = adata.copy() if copy else adata
    colors = _adata.read_colors(reference, key) if isinstance(reference, AnnData) else None
    labels = fitted.modules.assign(activations)
    _adata.write(target, keys, fitted, activations, labels, held_out=held_out, novelty=novelty, colors=colors)
    return target if copy else None


def _held_out(
    adata: AnnData, reference: Any, fitted: FittedModel, activations: np.ndarray, *, key: str, key_added: str
) -> np.ndarray:
    """Return which cells the model was not trained on, (n_obs,) bool, as far as anybody can know.

    Cells on record as trained on by this model stay so, as those of the reference do in a union.
    """
    from anndata import AnnData

    own = key if reference is adata else key_added
    marks = _adata.read_held_out(adata, own)
    unseen = np.ones(adata.n_obs, dtype=bool)
    if marks is not None and _adata.may_be_results_of(adata, own, fitted):
        unseen = marks.copy()
    if isinstance(reference, AnnData):
        unseen[_trained_in(reference, adata, activations, key)] = False
    return unseen


def _trained_in(reference: AnnData, adata: AnnData, activations: np.ndarray, key: str) -> np.ndarray:
    """Return the rows of `adata` that are training cells of the reference: same name, same activations."""
    held_out = _adata.read_held_out(reference, key)
    if held_out is None or not reference.obs_names.is_unique:
        return np.empty(0, dtype=int)
    row_in_reference = reference.obs_names.get_indexer(adata.obs_names)  # -1: not there
    rows = np.flatnonzero(row_in_reference >= 0)
    rows = rows[~held_out[row_in_reference[rows]]]
    reference_activations = _adata.read_activations(reference, key)
    same = np.empty(len(rows), dtype=bool)
    for part in slices(len(rows), rows_at_once(activations.shape[1])):  # never all of them twice
        trained_on = reference_activations[row_in_reference[rows[part]]]
        same[part] = np.isclose(trained_on, activations[rows[part]], rtol=1e-3, atol=1e-4).all(axis=1)
    return rows[same]


def _check_finite(results: np.ndarray) -> None:
    if n_lost := int((~np.isfinite(results).all(axis=1)).sum()):
        msg = f"`adata` has {n_lost} cells with values too extreme for the network; remove them, or what marks them."
        raise about("adata", ValueError(msg))


def _model(reference: Any, key: str) -> FittedModel:
    from anndata import AnnData

    hint = "Give an AnnData with a fit, a FittedModel, or the folder that `FittedModel.save` wrote."
    _checks.instance("reference", reference, (AnnData, FittedModel, str, os.PathLike), hint=hint)
    if key != DEFAULT_KEY and not isinstance(reference, AnnData):
        log.warning("`key`=%r plays no part: only an AnnData holds several fits", key)
    if isinstance(reference, FittedModel):
        return reference
    return _adata.read_model(reference, key) if isinstance(reference, AnnData) else FittedModel.load(reference)


def _report(novelty: np.ndarray, *, known: bool) -> None:
    """Say in the log how alike the cells are."""
    if not known:
        log.warning("no novelty: an older version of scgsr stored the fit without what it needs")
        return
    share = float((novelty > 1).mean())
    log.log(
        logging.WARNING if share > _MANY_NOVEL else logging.INFO,
        "%.1f %% of the cells are more unlike the reference than 99 %% of its own%s",
        100 * share,
        "; were they measured, normalised and transformed in the same way?" if share > _MANY_NOVEL else "",
    )
