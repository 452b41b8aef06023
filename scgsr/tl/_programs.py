"""The verb `programs`: which features rise or fall with each module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scgsr import _adata, _checks, _measures, _random, _values
from scgsr._adata import DEFAULT_KEY
from scgsr._checks import log, verb

if TYPE_CHECKING:
    from anndata import AnnData

    from scgsr._random import Rng


@verb
def programs(
    adata: AnnData,
    *,
    layer: str | None = None,
    n_cells: int = 10_000,
    key: str = DEFAULT_KEY,
    rng: Rng = 0,
    copy: bool = False,
) -> AnnData | None:
    """Find the features that rise or fall with each module: effects and p-values.

    The effect is the Pearson correlation, over all cells, of a feature with the *lead* of the module: in the cells that
    carry the module's label, how far its activation (``scgsr.get.activations(adata, by="module")``) lies above that of
    its strongest rival, and 0 in all others. So the effect says what sets these cells apart. It lies between -1 and 1,
    and is positive for features that rise. The activation alone would also rise in cells that activate all neurons
    strongly.

    The network encodes each feature it was trained on, noise included, and has learned the chance associations of its
    training cells, so in a plain test noise is significant. A p-value here answers another question: does the module
    respond to a feature *that is hidden from the network*, in cells that the network *was not trained on*? A random
    fiftieth of the features at a time is set to its mean. The correlations of the hidden features with the remaining
    leads are compared with all permutations of the cells, by the Pearson type III distribution with the same mean,
    variance and skewness. The training cells only choose the pairs of feature and module to test (false discovery rate
    of 0.05 among them) and the direction. The cells held out during the fit then test these pairs, one-sided, and
    Benjamini and Hochberg's method controls the false discovery rate among them.

    Limits. Cells are not replicates: a p-value says whether an association exists, not whether it is large or exists in
    other donors; compare donors with :func:`scgsr.tl.compare`. A feature that alone marks a population has a large
    effect and no small p-value, because no other feature supports it. A feature that is correlated with true markers
    but matters little itself has a small p-value and a small effect. After a fit with `use_rep` single features cannot
    be hidden, because each component mixes them; p-values are then too small for features with large weights in the
    components. Where a few cells have extreme values, as in counts that are not log-transformed, effects and p-values
    depend on these cells.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on, with all features of the fit.
    layer
        Layer whose features are tested, also those that the fit did not use. None: as the fit.
    n_cells
        p-values use at most this many held-out and this many training cells, drawn at random; effects use all cells. If
        few cells are held out, little is found: fit with a higher `validation_fraction`.
    key
        The fit's `key_added`.
    rng
        Seed of the choice of cells and of the features that are hidden together.
    copy
        Return a copy with the results instead of writing to `adata`.

    Returns
    -------
    None, or the copy. The results, for ``key="gsr"``, that :func:`scgsr.get.programs` returns as a table:

    `.varm["gsr_programs"]` : float32 ndarray (n_vars, n_modules)
        Effects; NaN for features that are constant.
    `.uns["gsr"]["programs"]` : dict
        ``"names"`` of the features tested; ``"scores"``, standardised correlations with the feature hidden, ``"pvals"``
        and ``"pvals_adj"``, each (n_tested, n_modules); ``"layer"``, empty for `.X`; ``"n_cells"``, how many held-out
        cells were used; ``"seed"``. A pair that the training cells do not choose has an adjusted p-value of 1. With
        fewer than 20 held-out cells scores and p-values are NaN.

    Raises
    ------
    KeyError
        If there is no fit under `key`, no such layer, or features of the fit are gone.
    TypeError
        If an argument has the wrong type.
    ValueError
        If an argument is out of range, a value is not finite, a name of a feature occurs twice, or the fit has no
        modules. The AnnData is then as before.

    References
    ----------
    Benjamini, Hochberg, *Controlling the false discovery rate*, https://doi.org/10.1111/j.2517-6161.1995.tb02031.x;
    Kazi-Aoual et al., *Refined approximations to permutation tests for multivariate inference*, Computational
    Statistics & Data Analysis 20, 643-656, 1995

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, (6, 8), n_epochs=5)
    >>> scgsr.tl.programs(adata)
    >>> table = scgsr.get.programs(adata, module="0")
    >>> list(table.columns)
    ['module', 'names', 'scores', 'effect', 'pvals', 'pvals_adj']
    >>> bool(table["effect"].is_monotonic_decreasing)
    True
    """
    n_cells = _checks.positive_int("n_cells", n_cells, minimum=_measures.FEWEST_CELLS)
    _adata.check_copy(adata, copy)
    seed = _random.seed_from(rng)
    model = _adata.read_model_that_fires(adata, key)
    params = model.params
    layer = params.get("layer") if layer is None else layer
    view, varies = _adata.features(adata, layer)
    pending = _adata.pending_cofactors(adata, model, layer, view.features)
    if np.isfinite(pending).any():
        view = _values.transformed(view, pending)
    query = _adata.query_of_results(adata, model)
    effect = _measures.effects(view.matrix, view.scale, model.modules.leads(_adata.read_activations(adata, key)))
    choice_seed, hiding_seed = _random.spawn(seed, 2)
    held_out = _adata.read_held_out(adata, key)
    unseen = np.zeros(adata.n_obs, dtype=bool) if held_out is None else held_out
    rows = _choice(unseen, n_cells, _random.generator(choice_seed))
    names = np.array(view.features, dtype=object)[varies]
    columns = pd.Index(model.features if params.get("use_rep") is None else []).get_indexer(names)
    if unseen.sum() < _measures.FEWEST_CELLS:
        log.warning(_TOO_FEW, unseen.sum(), _measures.FEWEST_CELLS)
        evidence = _measures.Evidence(*np.full((3, len(names), model.modules.n_modules), np.nan))
    else:
        evidence = _measures.evidence(
            model, query.rows(rows), view.matrix[rows][:, varies], columns, unseen[rows], _random.generator(hiding_seed)
        )
    tests = {"scores": evidence.scores, "pvals": evidence.pvals, "pvals_adj": evidence.pvals_adj}
    settings = {"layer": layer or "", "n_cells": int(unseen[rows].sum()), "seed": seed}
    target = adata.copy() if copy else adata
    _adata.write_programs(target, key, effect, {"names": names, **tests, **settings})
    return target if copy else None


_TOO_FEW = (
    "no p-values: %d cells of `adata` were held out from training, %d are the least; fit with a higher "
    "`validation_fraction`, and call this on all cells of the fit"
)


def _choice(unseen: np.ndarray, n_cells: int, rng: np.random.Generator) -> np.ndarray:
    """Return rows of at most `n_cells` held-out and `n_cells` training cells, sorted."""
    kinds = np.flatnonzero(unseen), np.flatnonzero(~unseen)
    drawn = [rows if len(rows) <= n_cells else rng.choice(rows, n_cells, replace=False) for rows in kinds]
    return np.sort(np.concatenate(drawn))
