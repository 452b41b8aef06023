"""The verb `transform`: new cells through a fitted model. Nothing is trained."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from scgsr import _adata, _checks
from scgsr._adata import DEFAULT_KEY, Keys
from scgsr._checks import about, log, verb
from scgsr._model import FittedModel

if TYPE_CHECKING:
    from anndata import AnnData


@verb
def transform(
    adata: AnnData,
    reference: AnnData | FittedModel | str | os.PathLike[str],
    *,
    key: str = DEFAULT_KEY,
    key_added: str = DEFAULT_KEY,
    fill: float | str | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Map new cells with a fitted model, without training: the same neurons, modules and labels, and a novelty.

    Features are matched by name, in any order; features that the model does not have are ignored. They are read from
    the layer or representation of the fit and scaled as there. If :func:`scgsr.pp.arcsinh` is on record in the
    reference and not in the new cells, it is applied to a copy of the values; `.X` stays as it is. Cells are mapped in
    blocks, so a sparse matrix is never made dense as a whole.

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
        Value for features that `adata` lacks, at most a fifth of all: ``"mean"``, the mean of each in the reference, or
        a number in the units of the fit, after any transform. None: missing features are an error.
    copy
        Return a copy with the results instead of writing to `adata`.

    Returns
    -------
    None, or the copy. The slots of :func:`scgsr.tl.fit`, model included, and one more; for ``key_added="gsr"``:

    `.obs["gsr"]` : categorical (n_obs,)
        Labels by the modules of the reference, with their numbers, or with the names that you gave its labels (cell
        types, say). If the reference is an AnnData, its colours are copied.
    `.obs["gsr_novelty"]` : float32 (n_obs,)
        0 is the median reference cell, 1 the 99th percentile; higher is more unusual. See
        :meth:`scgsr.FittedModel.novelty`. NaN if an older version of scgsr stored the fit.

    Raises
    ------
    FileNotFoundError
        If the folder holds no model.
    KeyError
        If features are missing and not filled; if more than a fifth are missing; if `reference` has no fit under `key`;
        or if the layer or representation of the fit is missing or of another width.
    TypeError
        If an argument has the wrong type.
    ValueError
        If values are not finite, or so extreme that activations are not, if the recorded transforms differ, or if
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
    _adata.check_copy(adata, copy)
    keys = Keys(key_added)
    source = _reference(reference, key)
    if reference is adata and key == key_added:
        msg = f"`key_added`={key_added!r} would overwrite the fit of the reference, `adata` itself; choose another."
        raise about("key_added", ValueError(msg))
    _adata.check_room(adata, source.fitted.graph.n_neurons)
    mapping = _adata.map_cells(adata, source, keys, fill=fill, room=lambda shape: np.empty(shape, dtype=np.float32))
    target = adata.copy() if copy else adata
    _adata.write_mapping(target, keys, mapping, colors=source.colors)
    return target if copy else None


def _reference(reference: Any, key: str) -> _adata.Reference:
    from anndata import AnnData

    hint = "Give an AnnData with a fit, a FittedModel, or the folder that `FittedModel.save` wrote."
    _checks.instance("reference", reference, (AnnData, FittedModel, str, os.PathLike), hint=hint)
    if key != DEFAULT_KEY and not isinstance(reference, AnnData):
        log.warning("`key`=%r has no effect: only an AnnData holds several fits", key)
    if isinstance(reference, AnnData):
        return _adata.Reference(_adata.read_named_model(reference, key), cells=reference, key=key)
    return _adata.Reference(reference if isinstance(reference, FittedModel) else FittedModel.load(reference))
