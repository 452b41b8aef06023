"""The verb `transform`: new cells through a fitted model. Nothing is trained."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from scgsr import _checks, _query, _store
from scgsr._fitted import FittedModel
from scgsr._keys import DEFAULT_KEY, Keys
from scgsr._query import Query

if TYPE_CHECKING:
    from anndata import AnnData

_log = logging.getLogger("scgsr")

# Above this share of cells with novelty above 1 something is wrong with the values, or the cells are of another kind.
_MANY = 0.5
# So many cells tell whether values are transformed already.
_LOOKED_AT = 2000


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
        The new cells.
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
        Labels by the modules of the reference, with its numbers: label k is its module k.
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
        If values are not finite, if the recorded transforms disagree, or if values look transformed already. The
        AnnData is then as before.

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
    _store.check_free(adata, keys)
    if adata.n_obs == 0:
        msg = "`adata` has no cells to map."
        raise ValueError(msg)
    query = _asked(adata, fitted, fill)
    activations = np.empty((adata.n_obs, fitted.graph.n_neurons), dtype=np.float32)
    novelty = np.full(adata.n_obs, np.nan, dtype=np.float32)
    for rows, values in query.blocks():
        activations[rows] = fitted.activations(values)
        if fitted.typical is not None:
            novelty[rows] = fitted.novelty(values, activations=activations[rows])
    _report(novelty)
    target = adata.copy() if copy else adata
    _store.write(target, keys, fitted, activations, novelty=novelty)
    return target if copy else None


def _model(reference: Any, key: str) -> FittedModel:
    from anndata import AnnData

    hint = "Give an AnnData with a fit, a FittedModel, or the folder that `FittedModel.save` wrote."
    _checks.instance("reference", reference, (AnnData, FittedModel, str, os.PathLike), hint=hint)
    if isinstance(reference, FittedModel):
        return reference
    return _store.read_model(reference, key) if isinstance(reference, AnnData) else FittedModel.load(reference)


def _asked(adata: AnnData, fitted: FittedModel, fill: float | str | None) -> Query:
    """Return the values of the new cells, with the transform that they still need."""
    layer, use_rep, width = (fitted.params.get(name) for name in ("layer", "use_rep", "width"))
    query = _query.query(
        adata, fitted.features, layer=layer, use_rep=use_rep, width=width, fill=fill, means=fitted.mean
    )
    wanted = fitted.cofactor
    found = _store.read_cofactors(adata, layer, fitted.features, embedding=use_rep is not None)
    there = query.columns >= 0
    done = np.isfinite(found) & there
    differ = done & np.isfinite(wanted) & ~np.isclose(found, wanted)
    if differ.any():
        names = ", ".join(
            f"{fitted.features[i]} {found[i]:g} (reference {wanted[i]:g})" for i in np.flatnonzero(differ)
        )
        msg = f"`adata` was transformed with other cofactors than the reference: {names}; transform it with the same."
        raise ValueError(msg)
    if unknown := int((done & ~np.isfinite(wanted)).sum()):
        _log.warning(
            "%d features are on record as transformed, and in the reference not: were they, in another way?", unknown
        )
    pending = replace(query, cofactor=np.where(done | ~there, np.nan, wanted).astype(np.float32))
    _refuse_a_second_time(pending, fitted)
    return pending


def _refuse_a_second_time(query: Query, fitted: FittedModel) -> None:
    """Raise ValueError if the values are like those of the fit as they stand, and not once transformed."""
    todo = np.isfinite(query.cofactor)
    if not todo.any():
        return
    stored = query.untransformed(slice(0, min(_LOOKED_AT, query.matrix.shape[0])))

    def off(values: np.ndarray) -> float:
        return float(np.median(np.abs(values.mean(axis=0) - fitted.mean)[todo] / fitted.scale[todo]))

    now, then = off(stored), off(query.transformed(stored))
    if now < then:
        msg = (
            f"`adata` looks transformed already: its means lie {now:.2g} standard deviations from those of the "
            f"reference, transformed (again) {then:.2g}; give untransformed values, or keep `.uns['arcsinh']` when "
            "copying or concatenating (`uns_merge='same'`), so that it is known."
        )
        raise ValueError(msg)
    _log.info("applying the recorded transform of the reference to %d features", int(todo.sum()))


def _report(novelty: np.ndarray) -> None:
    """Say in the log how alike the cells are."""
    if np.isnan(novelty).all():
        _log.warning("no novelty: an older version of scgsr stored the fit without what it needs")
        return
    share = float((novelty > 1).mean())
    _log.log(
        logging.WARNING if share > _MANY else logging.INFO,
        "%.1f %% of the cells are more unlike the reference than 99 %% of its own%s",
        100 * share,
        "; were they measured, normalised and transformed in the same way?" if share > _MANY else "",
    )
