"""The verb `score`: is the structure of a fit real? Nothing is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scgsr import _adata, _checks, _measures, _model, _random
from scgsr._adata import DEFAULT_KEY, Keys
from scgsr._checks import about, log, verb
from scgsr._model import FittedModel
from scgsr.tl._origin import about_origin

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from scgsr._random import Rng

_MOST_GROUPS = 200
# Names of graphs that were estimated from activations.
_ESTIMATED_GRAPHS = ("learned", "coactivation")


@verb
def score(
    adata: AnnData,
    *,
    groupby: str | None = None,
    angle: str | None = None,
    pseudotime: str | None = None,
    batch_key: str | None = None,
    baseline: str | None = None,
    others: Sequence[str] = (),
    n_permutations: int = 1000,
    key: str = DEFAULT_KEY,
    rng: Rng = 0,
    copy: bool = False,
) -> AnnData | str:
    """Test whether the structure of a fit is real, without training, and return a verdict.

    Smoothness alone proves nothing: all cells can activate one smooth spot. So beside how smooth and local
    the pictures are stands whether groups activate different regions, and each measure has a null in which the
    neurons change places at random. A layer that spreads activation to neighbours (`diffusion`) does so in the null
    too, since what it adds by itself is no structure; activations composed of `atoms` are smooth by construction, which
    no null knows and the advice says. The graph connects neurons, not cells.

    Pictures may be smooth and local and yet not to be read. The verdict is "not proven" if there is one module or one
    group alone, if many cells activate no neuron, if two groups of `groupby` are drawn as one picture, if labels do not
    hold (found on two halves of the cells, or by `others`), if there are too few cells to tell, or if cells do not have
    the shape of a graph without branches (a circle on a path, a line on a ring). Labels of cells in a known order, as
    `angle` or `pseudotime` shows, need not hold: the pictures do not depend on them.

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
    batch_key
        Column of `.obs` with batches: do their cells lie among each other inside the modules, and how much of the
        activations do batches explain? Both depend on which cells a batch has: compare them with their null, in which
        batches change places within each label of the fit. They do not touch the verdict. The advice names modules that
        are almost entirely of one batch (90 % of the cells, more than the sizes of the batches explain); without
        `batch_key`, those of one file, where cells come from a folder of FCS files.
    baseline
        Key of a fit of the same network without a penalty and from random weights: ``smoothness=0`` (and
        ``diffusion=0``). Its neurons are put in their best order on this graph afterwards: what the ordered start and
        the penalty are worth together is what goes beyond that. Takes seconds. (A fit with ``smoothness=0,
        start="ordered"`` has the start alone; to see what that is worth, score it.)
    others
        Keys of fits that differ only in their seed: do they agree?
    n_permutations
        Number of random orders of the neurons to compare with. The least p-value is 1 / (1 + `n_permutations`).
    key
        The fit's `key_added`.
    rng
        Seed of permutations and samples of cells.
    copy
        Return a copy with the results instead of writing to `adata`.

    Returns
    -------
    The verdict, or the copy. Written is ``.uns["gsr"]["scores"]``, a dict that files can hold:

    ``"table"``
        DataFrame with the columns ``metric``, ``group`` (empty: all cells), ``value``, and ``null_mean``, ``null_sd``,
        ``z``, ``p`` where there is a null; see :func:`scgsr.get.scores`.
    ``"verdict"``
        ``"collapsed"``, ``"merely smooth"``, ``"too weak"``, ``"not proven"`` or ``"structure real"``.
    ``"advice"``
        The findings against reading the pictures, and which argument of :func:`scgsr.tl.fit` to change.
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
        `angle` or `pseudotime` could follow, if a fit to compare with has another number of neurons, or if `baseline`
        has a penalty, an ordered start or atoms. The AnnData is then as before.

    References
    ----------
    Moran, *Notes on continuous stochastic phenomena*, 1950, https://doi.org/10.1093/biomet/37.1-2.17;
    Phipson, Smyth, *Permutation p-values should never be zero*, 2010, https://doi.org/10.2202/1544-6115.1585

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, (6, 8), n_epochs=5)
    >>> verdict = scgsr.tl.score(adata, groupby="bulk_labels", n_permutations=99)
    >>> verdict in {"too weak", "not proven", "structure real"}
    True
    >>> table = scgsr.get.scores(adata).query("group == ''").set_index("metric")
    >>> bool(-1 <= table.loc["morans_i", "value"] <= 1)
    True
    """
    _checks.positive_int("n_permutations", n_permutations)
    _adata.check_copy(adata, copy)
    _checks.instance("others", others, (list, tuple), hint="Put the keys into a list.")
    model = _adata.read_model(adata, key)
    labels = Keys(key).labels if groupby is None else groupby
    groups = _adata.groups(adata, "groupby", labels, least=1 if groupby is None else 2, most=_MOST_GROUPS)
    fit = _measured(adata, key, model)
    angles = None if angle is None else _adata.numbers(adata, "angle", angle)
    times = None if pseudotime is None else _adata.numbers(adata, "pseudotime", pseudotime)
    batches = None if batch_key is None else _batches(adata, batch_key)
    control = None if baseline is None else _baseline(adata, baseline, fit)
    rivals = {name: _rival(adata, "others", name, fit)[0] for name in others}

    table = _measures.Table(fit, n_permutations=n_permutations, rng=_random.generator(rng))
    # What can fail comes first.
    if angles is not None:
        table.add_angle(angles)
    if times is not None:
        table.add_pseudotime(times)
    table.add_network()
    table.add_pictures()
    table.add_regions(groups, own_labels=groupby is None)
    table.add_shape()
    if batches is not None:
        table.add_batches(batches)
    if control is not None:
        table.add_baseline(control)
    for name, rival in rivals.items():
        table.add_other(name, rival)
    table.add_labels()
    scores = {**_judged(table, model, own_labels=groupby is None), "groupby": labels}
    scores["advice"] = " ".join(filter(None, [scores["advice"], about_origin(adata, key, batch_key, model.params)]))
    log.info("%s: %s. %s", key, scores["verdict"], scores["advice"])
    target = adata.copy() if copy else adata
    _adata.write_scores(target, key, scores)
    return target if copy else scores["verdict"]


def _batches(adata: AnnData, batch_key: str) -> pd.Categorical:
    """Return the batch of each cell; every cell has one."""
    batches = _adata.groups(adata, "batch_key", batch_key, least=2, most=_MOST_GROUPS)
    if n_unknown := int((batches.codes < 0).sum()):
        msg = f"`batch_key`={batch_key!r} must name the batch of every cell, got none for {n_unknown}; leave them out."
        raise about("batch_key", ValueError(msg))
    return batches


def _measured(adata: AnnData, key: str, model: FittedModel) -> _measures.Fit:
    """Return what is measured of the fit under `key`, whose model this is."""
    kept = model.history.loc[model.history["kept"].astype(bool), "validation_r2"]
    return _measures.Fit(
        activations=_adata.read_activations(adata, key),
        adjacency=model.graph.adjacency,
        coactivation=model.coactivation,
        modules=model.modules,
        labels=_adata.read_labels(adata, key).astype(str),
        validation_r2=float(kept.iloc[-1]) if len(kept) else float("nan"),
        explainable_r2=model.explainable_r2,
        search=_search(adata, key, model),
        diffusion_steps=int(model.params.get("diffusion") or 0),
    )


def _search(adata: AnnData, key: str, model: FittedModel) -> _measures.Search:
    """Return how the modules of a fit were looked for; older fits do not tell which cells were held out."""
    held_out = _adata.read_held_out(adata, key)
    asked = model.params.get("n_clusters")
    coordinates, features = _model.module_space(model.network, model.params)
    return _measures.Search(
        rows=np.arange(adata.n_obs) if held_out is None else np.flatnonzero(~held_out),
        coordinates=coordinates,
        features=features,
        resolution=float(model.params.get("resolution") or 1.0),
        n_clusters=None if asked is None else int(asked),
    )


def _rival(adata: AnnData, argument: str, key: str, fit: _measures.Fit) -> tuple[_measures.Fit, FittedModel]:
    """Return what is measured of a fit to compare with, and its model; refused if its network is another."""
    model = _adata.read_model(adata, key)
    n_neurons = fit.activations.shape[1]
    if model.graph.n_neurons != n_neurons:
        msg = (
            f"`{argument}`={key!r} must be a fit of the same network, with {n_neurons} neurons, "
            f"got {model.graph.n_neurons}."
        )
        raise about(argument, ValueError(msg))
    return _measured(adata, key, model), model


def _baseline(adata: AnnData, key: str, fit: _measures.Fit) -> _measures.Fit:
    """Return what is measured of the fit whose neurons are put in order afterwards; refused if the graph shaped it."""
    control, model = _rival(adata, "baseline", key, fit)
    smoothness, start = model.params.get("smoothness"), model.params.get("start")
    if _composed(model):
        msg = f"`baseline`={key!r} must be a fit without `atoms`: its activations are smooth by construction."
        raise about("baseline", ValueError(msg))
    if smoothness != 0 or start == "ordered":
        got = f"smoothness={smoothness}" if smoothness != 0 else f"start={start!r}"
        msg = (
            f"`baseline`={key!r} must be a fit without the penalty and from random weights, got {got}: call "
            f"`scgsr.tl.fit(adata, ..., smoothness=0, diffusion=0, key_added={key!r})`."
        )
        raise about("baseline", ValueError(msg))
    return control


def _composed(model: FittedModel) -> bool:
    """Whether the activations of a fit are composed of atoms."""
    return isinstance(model.params.get("atoms"), Mapping)


def _judged(table: _measures.Table, model: FittedModel, *, own_labels: bool) -> dict[str, Any]:
    """Return table, verdict and advice."""
    frame = table.frame()
    p = float(frame.loc[frame["metric"] == "morans_i", "p"].iloc[0])
    context = _measures.Context(
        n_permutations=table.n_permutations,
        learned=model.graph.name in _ESTIMATED_GRAPHS,
        diffused=table.fit.diffusion_steps > 0,
        composed=_composed(model),
        own_labels=own_labels,
    )
    verdict, advice = _measures.judge(table.overall(), p, context, _measures.faults(frame))
    advice = " ".join([advice, *_measures.remarks(frame)])
    return {"table": frame, "verdict": verdict, "advice": advice, "n_permutations": int(table.n_permutations)}
