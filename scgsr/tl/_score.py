"""The verb `score`: is the structure of a fit real? Nothing is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scgsr import _adata, _checks, _measures, _random
from scgsr._adata import DEFAULT_KEY, Keys
from scgsr._checks import log

if TYPE_CHECKING:
    from anndata import AnnData

    from scgsr._random import Rng

_MOST_GROUPS = 200
# Names of graphs that were estimated from activations.
_FROM_ACTIVATIONS = ("learned", "coactivation")


def score(
    adata: AnnData,
    *,
    groupby: str | None = None,
    angle: str | None = None,
    pseudotime: str | None = None,
    baseline: str | None = None,
    others: Sequence[str] = (),
    n_permutations: int = 1000,
    key: str = DEFAULT_KEY,
    rng: Rng = 0,
    copy: bool = False,
) -> AnnData | None:
    """Measure whether the structure of a fit is real, and say so in one word; nothing is trained.

    Smoothness alone proves nothing: a network can light one smooth spot in all cells. So beside how smooth and local
    the pictures are stands whether groups of cells light different regions, and each measure has a null in which the
    neurons change places at random. A layer that spreads activation to neighbours (`diffusion`) does so in the null
    too, since what it adds by itself is no structure; activations composed of `atoms` are smooth by construction, which
    no null knows and the advice says. The graph connects neurons, not cells.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on.
    groupby
        Column of `.obs` with groups of cells, best independent of the fit; cells without one are left out. None: the
        labels of the fit.
    angle
        Column of `.obs` with a known angle in radians, for neurons on a ring: how well cells go around it.
    pseudotime
        Column of `.obs` with a known order of the cells, for a path, or another graph that runs in one direction.
    baseline
        Key of a fit of the same network with ``smoothness=0`` (and ``diffusion=0``). Its neurons are put in their best
        order on this graph afterwards: what the ordered start and the penalty are worth is what goes beyond that (a fit
        with ``smoothness=1e-9`` has the start alone). Takes seconds.
    others
        Keys of fits that differ only in their seed: do they agree?
    n_permutations
        Orders of the neurons to compare with. The least p-value is 1 / (1 + `n_permutations`).
    key
        The fit's `key_added`.
    rng
        Seed of permutations and samples of cells.
    copy
        Return a copy with the results instead of writing to `adata`.

    Returns
    -------
    None, or the copy. Written is ``.uns["gsr"]["scores"]``, a dict that files can hold:

    ``"table"``
        DataFrame with the columns ``metric``, ``group`` (empty: all cells), ``value``, and ``null_mean``, ``null_sd``,
        ``z``, ``p`` where there is a null; see :func:`scgsr.get.scores`.
    ``"verdict"``
        ``"collapsed"``, ``"merely smooth"``, ``"too weak"`` or ``"structure real"``.
    ``"advice"``
        What to change, and with which argument of :func:`scgsr.tl.fit`.
    ``"groupby"``, ``"n_permutations"``
        As given, or the column of the fit's labels.

    Raises
    ------
    KeyError
        If there is no fit under `key`, `baseline` or one of `others`, or no such column.
    TypeError
        If an argument has the wrong type, or a column holds numbers where groups are wanted, or the reverse.
    ValueError
        If an argument is out of range, if `groupby` leaves fewer than two groups, if the graph has no direction that
        `angle` or `pseudotime` could follow, or if a fit to compare with has another number of neurons. The AnnData is
        then as before.

    References
    ----------
    Moran, *Notes on continuous stochastic phenomena*, 1950, https://doi.org/10.1093/biomet/37.1-2.17;
    Phipson, Smyth, *Permutation p-values should never be zero*, 2010, https://doi.org/10.2202/1544-6115.1585

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, (6, 8), n_epochs=5)
    >>> scgsr.tl.score(adata, groupby="bulk_labels", n_permutations=99)
    >>> adata.uns["gsr"]["scores"]["verdict"] in {"collapsed", "merely smooth", "too weak", "structure real"}
    True
    >>> table = scgsr.get.scores(adata).query("group == ''").set_index("metric")
    >>> bool(-1 <= table.loc["morans_i", "value"] <= 1)
    True
    """
    _checks.positive_int("n_permutations", n_permutations)
    _checks.instance("copy", copy, bool)
    _checks.instance("others", others, (list, tuple), hint="Put the keys into a list.")
    generator = _random.generator(rng)
    fit, groups = _read(adata, key), _groups(adata, key, groupby)
    angles = None if angle is None else _numbers(adata, "angle", angle)
    times = None if pseudotime is None else _numbers(adata, "pseudotime", pseudotime)
    control = None if baseline is None else _rival(adata, "baseline", baseline, fit)
    rivals = {name: _rival(adata, "others", name, fit) for name in others}

    table = _measures.Table(fit, n_permutations=n_permutations, rng=generator)
    # First what can fail.
    if angles is not None:
        table.add_angle(angles)
    if times is not None:
        table.add_pseudotime(times)
    table.add_network()
    table.add_pictures()
    table.add_regions(groups)
    if control is not None:
        table.add_baseline(control)
    for name, other in rivals.items():
        table.add_other(name, other)
    context = _measures.Context(
        table.n_permutations,
        learned=_adata.read_graph(adata, key).name in _FROM_ACTIVATIONS,
        diffused=fit.steps > 0,
        composed=_composed(_adata.read_record(adata, key)["params"]),
        own_labels=groupby is None,
    )
    scores = _judged(table, context)
    scores["groupby"] = Keys(key).labels if groupby is None else groupby
    log.info("%s: %s. %s", key, scores["verdict"], scores["advice"])
    target = adata.copy() if copy else adata
    _adata.write_scores(target, key, scores)
    return target if copy else None


def _read(adata: AnnData, key: str) -> _measures.Fit:
    """Return what is measured of the fit under `key`."""
    record = _adata.read_record(adata, key)
    history, labels = record["history"], Keys(key).labels
    _checks.existing_key("key", labels, adata.obs, where="`adata.obs`", hint="Call `scgsr.tl.cluster` to label again.")
    kept = history.loc[history["kept"].astype(bool), "validation_r2"]
    return _measures.Fit(
        _adata.read_activations(adata, key),
        _adata.read_graph(adata, key).adjacency,
        record["coactivation"],
        np.asarray(record["modules"]),
        adata.obs[labels].astype(str).to_numpy(),
        float(kept.iloc[-1]) if len(kept) else float("nan"),
        int(record["params"].get("diffusion", 0)),
    )


def _rival(adata: AnnData, argument: str, key: str, fit: _measures.Fit) -> _measures.Fit:
    """Return a fit to compare with, if it can be."""
    other = _read(adata, key)
    n, found = fit.activations.shape[1], other.activations.shape[1]
    if found != n:
        msg = f"`{argument}`={key!r} must be a fit of the same network, with {n} neurons, got {found}."
        raise ValueError(msg)
    params = _adata.read_record(adata, key)["params"]
    smoothness = params.get("smoothness")
    if argument == "baseline" and _composed(params):
        msg = f"`baseline`={key!r} must be a fit without `atoms`: its activations are smooth by construction."
        raise ValueError(msg)
    if argument == "baseline" and smoothness != 0:
        msg = (
            f"`baseline`={key!r} must be a fit without the penalty, got smoothness={smoothness}: call "
            f"`scgsr.tl.fit(adata, ..., smoothness=0, diffusion=0, key_added={key!r})`."
        )
        raise ValueError(msg)
    return other


def _composed(params: Mapping[str, Any]) -> bool:
    """Whether the activations of a fit are composed of atoms."""
    return isinstance(params.get("atoms"), Mapping)


def _judged(table: _measures.Table, context: _measures.Context) -> dict[str, Any]:
    """Return table, verdict and advice."""
    frame = table.frame()
    p = float(frame.loc[frame["metric"] == "morans_i", "p"].iloc[0])
    verdict, advice = _measures.judge(table.overall(), p, context)
    return {"table": frame, "verdict": verdict, "advice": advice, "n_permutations": int(table.n_permutations)}


def _groups(adata: AnnData, key: str, groupby: str | None) -> pd.Categorical:
    """Return the group of each cell, without groups that have no cells; by default the label of the fit."""
    column = Keys(key).labels if groupby is None else groupby
    groups = _adata.groups(adata, "groupby", column).remove_unused_categories()
    found, least = len(groups.categories), 1 if groupby is None else 2
    if not least <= found <= _MOST_GROUPS:
        msg = f"`groupby`={column!r} must have {least} to {_MOST_GROUPS} groups with cells, got {found}."
        raise ValueError(msg)
    return groups


def _numbers(adata: AnnData, argument: str, column: str) -> np.ndarray:
    """Return a column of numbers as float64, (n_obs,); missing ones are NaN."""
    _checks.existing_key(argument, column, adata.obs, where="`adata.obs`")
    values = adata.obs[column]
    if not pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype):
        msg = f"`{argument}`={column!r} must name a column of numbers, got dtype {values.dtype}."
        raise TypeError(msg)
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    if not np.isfinite(numbers).any():
        msg = f"`{argument}`={column!r} must have finite numbers, got none."
        raise ValueError(msg)
    return numbers
