"""The verb `silence`: which groups of cells a region of the neuron graph serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from scgsr import _adata, _checks, _measures, _random
from scgsr._adata import DEFAULT_KEY, Keys
from scgsr._checks import about, verb
from scgsr._model import FittedModel

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

_MOST_GROUPS = 200
# So many cells are looked at, as many of each group, but at least so many of each.
_CELLS, _LEAST_OF_A_GROUP = 1000, 20


@verb
def silence(
    adata: AnnData,
    *,
    groupby: str | None = None,
    regions: Mapping[str, Sequence[int]] | None = None,
    n_random: int = 500,
    rng: _random.Rng = 0,
    key: str = DEFAULT_KEY,
    copy: bool = False,
) -> AnnData | None:
    """Set the neurons of a region to zero, and measure which groups of cells are then reconstructed worse.

    A picture shows where the cells of a group activate the graph. This asks whether the network needs that place for
    them: where it does, silencing it costs this group more than it costs others, and more than silencing a random
    region of as many neurons. It describes the network and these cells, not other samples.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on, with all the features that it used.
    groupby
        Column of `.obs` with groups of cells; cells without one are left out. None: the labels of the fit.
    regions
        Names of regions and the numbers of their neurons, such as ``{"corner": [0, 1, 10, 11]}``. None: each module's.
    n_random
        Random regions of each size to compare with: a random neuron and those nearest to it on the graph, of the
        neurons that are activated at all.
    rng
        Seed, or a Generator of NumPy: it draws the random regions, and 1,000 cells, as many of each group.
    key
        The fit's `key_added`.
    copy
        Return a copy with the results instead of writing to `adata`.

    Returns
    -------
    None, or the copy. Written is ``.uns["gsr"]["silence"]``, that :func:`scgsr.get.silence` returns as a table.

    Raises
    ------
    KeyError
        If there is no fit under `key`, no such column, or features of the fit are gone.
    TypeError
        If an argument has the wrong type, or `groupby` names a column of numbers.
    ValueError
        If there are no groups or more than 200, a region is empty or has neurons that do not exist, or values are not
        finite. The AnnData is then as before.

    References
    ----------
    Meyes, Lu, Waubert de Puiseau, Meisen, *Ablation studies in artificial neural networks*,
    https://doi.org/10.48550/arXiv.1901.08644

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, (6, 8), n_epochs=20)
    >>> scgsr.tl.silence(adata, n_random=50)
    >>> table = scgsr.get.silence(adata)
    >>> own = table[table["region"] == table["group"]]
    >>> bool(own["loss"].mean() > table["loss"].mean())
    True
    """
    _adata.check_copy(adata, copy)
    n_random = _checks.positive_int("n_random", n_random)
    model, generator = _adata.read_model_that_fires(adata, key), _random.generator(rng)
    labels = list(_adata.read_named_model(adata, key).names)
    names, chosen = _of_modules(model, labels) if regions is None else _given(model, regions)
    column = Keys(key).labels if groupby is None else groupby
    if groupby is None:
        _adata.check_cells(adata, key)
    groups = _adata.groups(adata, "groupby", column, least=1, most=_MOST_GROUPS)
    cells = _some_of_each(groups, generator)
    values = _adata.query_of_results(adata, model).rows(cells)
    losses = _measures.silence(model, values, groups.codes[cells], chosen, n_random=n_random, rng=generator)
    target = adata.copy() if copy else adata
    _adata.write_silence(
        target,
        key,
        {
            "loss": losses.loss,
            "expected": losses.expected,
            "pvals": losses.pvals,
            "n_neurons": chosen.sum(axis=1),
            "regions": np.array(names, dtype=object),
            "groups": np.array([str(group) for group in groups.categories], dtype=object),
            "groupby": column,
            "labels": np.array(labels, dtype=object),
        },
    )
    return target if copy else None


def _of_modules(model: FittedModel, labels: list[str]) -> tuple[list[str], np.ndarray]:
    """Return the names of the modules that have neurons, and which these are, (n_regions, n_neurons) bool."""
    chosen = model.modules.labels == np.arange(model.modules.n_modules)[:, None]
    filled = chosen.any(axis=1)
    return [name for name, some in zip(_adata.distinct(labels), filled, strict=True) if some], chosen[filled]


def _given(model: FittedModel, regions: Mapping[str, Sequence[int]]) -> tuple[list[str], np.ndarray]:
    """Return the names of the regions that the user gave, and their neurons, (n_regions, n_neurons) bool."""
    _checks.instance("regions", regions, Mapping, hint='Name each region, such as `{"corner": [0, 1, 10, 11]}`.')
    n_neurons, n_live = model.graph.n_neurons, int((model.modules.labels >= 0).sum())
    chosen = np.zeros((len(regions), n_neurons), dtype=bool)
    for row, (name, neurons) in zip(chosen, regions.items(), strict=True):
        numbers = np.asarray(neurons)
        if numbers.ndim != 1 or not np.issubdtype(numbers.dtype, np.integer):
            msg = f"`regions`[{name!r}] must be numbers of neurons, such as [0, 1, 10], got {neurons!r}."
            raise about("regions", TypeError(msg))
        if not len(numbers) or numbers.min() < 0 or numbers.max() >= n_neurons:
            msg = f"`regions`[{name!r}] must be some of the neurons 0 to {n_neurons - 1}, got {list(neurons)}."
            raise about("regions", ValueError(msg))
        row[numbers] = True
        if row.sum() > n_live:
            msg = f"`regions`[{name!r}] has {row.sum()} neurons, but only {n_live} are ever activated; give fewer."
            raise about("regions", ValueError(msg))
    if not len(chosen):
        msg = "`regions` must have at least one region, got none; leave it out for those of the modules."
        raise about("regions", ValueError(msg))
    return [str(name) for name in regions], chosen


def _some_of_each(groups: pd.Categorical, rng: np.random.Generator) -> np.ndarray:
    """Return some cells of each group in ascending order, as many of each as far as it has them."""
    most = max(_CELLS // len(groups.categories), _LEAST_OF_A_GROUP)
    members = (np.flatnonzero(groups.codes == code) for code in range(len(groups.categories)))
    return np.sort(np.concatenate([rng.permutation(rows)[:most] for rows in members]))
