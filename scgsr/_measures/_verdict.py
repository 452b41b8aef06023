"""One verdict from all measures, with advice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scgsr._train import carries_nothing

VERDICTS = ("collapsed", "merely smooth", "too weak", "not proven", "structure real")

# Above the first, the mean cosine between groups, all groups have one picture, and only strength tells cells apart. If
# the explained variance on held-out cells is below the second as well, strength carries nothing either.
_SAME_PICTURE, _POOR_R2 = 0.98, 0.1
# With a penalty on smoothness alone all groups activate one place, with a mean cosine of 0.97 and more; that of groups
# with different regions stays far below this.
_SAME_REGION = 0.9
# Moran's I of a network trained without a penalty reaches 0.25 to 0.32 once its neurons are put in the best order.
_WEAK_MORAN = 0.3
_SIGNIFICANCE = 0.001
# The largest connected share of a group's segment, as a mean over groups, below which groups have no regions.
_IN_PIECES = 0.5
# Moran's I divided by that of the re-ordered baseline, below which the penalty has added little.
_WORTHWHILE_RATIO = 1.2


@dataclass(frozen=True)
class Context:
    """How the measures came about: each mark adds a sentence on what is partly true by construction."""

    n_permutations: int
    learned: bool = False
    diffused: bool = False
    composed: bool = False
    own_labels: bool = False


def judge(values: Mapping[str, float], p: float, context: Context, faults: Sequence[str] = ()) -> tuple[str, str]:
    """
    Return the verdict and the advice.

    In this order: a code that carries nothing has collapsed; pictures without order on the graph are too weak; smooth
    ones in which all groups activate one place are merely smooth; regions that fall into pieces are too weak as well.
    Pictures that are smooth and local are not proven where something speaks against reading them, such as two groups
    that are drawn alike, labels that do not hold, or a graph of another shape than the cells', or where there is one
    group alone. Structure is real if there is no fault. All faults are said, unless the code has collapsed.

    Parameters
    ----------
    values
        ``validation_r2``, ``dead_neurons``, ``silent_cells``, ``mean_cosine``, ``morans_i``, ``segment_connectivity``
        and, if measured, ``explainable_r2`` and ``morans_i_ratio``; NaN where unknown.
    p
        P-value of Moran's I.
    context
        How the numbers came about.
    faults
        Sentences on what speaks against reading the pictures, as `faults` gives them.

    Returns
    -------
    One of `VERDICTS`, and a few sentences for a biologist.

    Examples
    --------
    >>> from scgsr._measures import Context, judge
    >>> good = {"validation_r2": 0.9, "dead_neurons": 0.0, "silent_cells": 0.0}
    >>> cheat = {"mean_cosine": 0.99, "morans_i": 0.78, "segment_connectivity": 1.0}
    >>> verdict, advice = judge(good | cheat, 0.001, Context(n_permutations=1000))
    >>> verdict, "raise `threshold`" in advice.lower()
    ('merely smooth', True)
    """
    nothing = _collapse(values)
    cosine, smooth, connected = (values[name] for name in ("mean_cosine", "morans_i", "segment_connectivity"))
    # With few permutations no p-value is lower than this.
    significant = p <= max(_SIGNIFICANCE, 1 / (1 + context.n_permutations))
    if nothing:
        verdict, faults = "collapsed", ()
        advice = f"The activations carry almost no information: {', '.join(nothing)}. {_how_to_revive(values)}"
    elif not (smooth >= _WEAK_MORAN and significant):
        verdict = "too weak"
        advice = (
            f"Neighbouring neurons are hardly active in the same cells (Moran's I {smooth:.2f}, p = {p:.3g}), so "
            "places in a picture mean little. Raise `smoothness`, train longer (`n_epochs`), or lower `threshold`."
        )
    elif cosine > _SAME_REGION:
        verdict = "merely smooth"
        advice = (
            "The pictures are smooth, but all groups activate the same neurons (cosine between their mean pictures "
            f"{cosine:.2f}): they differ in strength, not in place. {_HOW_TO_TELL_APART}"
        )
    elif connected < _IN_PIECES:
        verdict = "too weak"
        advice = (
            f"The groups' regions lie in pieces (the largest holds {connected:.0%} of a region on average). Raise "
            "`smoothness`, or train longer (`n_epochs`). Or look at the groups: a group of several populations "
            "rightly has several pieces, and some groups may be too alike for the network."
        )
    elif faults or cosine != cosine:
        verdict = "not proven"
        advice = f"The pictures are smooth and local, but {_ONE_GROUP if cosine != cosine else _SOME_FAULT}."
    else:
        verdict = "structure real"
        advice = (
            "Neighbouring neurons are active in the same cells, and groups activate different regions, mostly in one "
            f"piece each (cosine between groups {cosine:.2f}). You may read the pictures."
        )
    return verdict, " ".join([advice, *faults, *_caveats(values, context)])


_ONE_GROUP = "there is only one group, so nothing shows that others activate other neurons"
_SOME_FAULT = "there are findings against reading them"
_HOW_TO_REVIVE = (
    "Lower `smoothness`, which may outweigh the reconstruction, or `threshold`, so that neurons are active in more "
    "cells, or train longer (`n_epochs`)."
)
_HOW_TO_LEARN_SOMETHING = (
    "No setting of the fit helps: choose other features, such as highly variable genes or the markers of interest, and "
    "check whether they were normalised and transformed."
)
_HOW_TO_TELL_APART = (
    "Raise `threshold`, so that each neuron is active in fewer cells, or `noise`, so that differences in strength are "
    "lost and the network must use different neurons; lower `smoothness` if that is not enough."
)


def _how_to_revive(values: Mapping[str, float]) -> str:
    return _HOW_TO_LEARN_SOMETHING if values.get("explainable_r2", float("nan")) <= 0 else _HOW_TO_REVIVE


def _collapse(values: Mapping[str, float]) -> list[str]:
    """Return the findings that the activations carry no information; a NaN is no finding."""
    r2, dead, silent = (values[name] for name in ("validation_r2", "dead_neurons", "silent_cells"))
    reason = carries_nothing(r2, values.get("explainable_r2", float("nan")))
    faults = [reason] if reason else []
    if dead > 1 / 2:
        faults.append(f"{dead:.0%} of the neurons are never active")
    if silent > 1 / 2:
        faults.append(f"{silent:.0%} of the cells activate no neuron")
    if values["mean_cosine"] > _SAME_PICTURE and r2 < _POOR_R2 and not faults:
        faults.append(f"all groups have one picture, and R2 on held-out cells is {r2:.3f}")
    return faults


def _caveats(values: Mapping[str, float], context: Context) -> list[str]:
    """Return what a careful reader must know beside the verdict."""
    ratio = values.get("morans_i_ratio", float("nan"))
    sentences = []
    if ratio < _WORTHWHILE_RATIO:
        sentences.append(
            f"But ordering the neurons of the baseline afterwards does about as well (Moran's I {ratio:.2f} times "
            "that): the penalty itself has added little."
        )
    if context.learned:
        sentences.append(
            "The graph was learned from these very activations, so smoothness on it is partly circular: "
            "trust how groups differ, and the agreement with other seeds (`others`), more than Moran's I."
        )
    if context.diffused:
        sentences.append(
            "The layer spreads activation to neighbours by itself (`diffusion`); the null does so too, and p and z "
            "count only what goes beyond that."
        )
    if context.composed:
        sentences.append(
            "The activations are composed of atoms of the graph (`atoms`) and smooth by construction: trust how groups "
            "differ, not Moran's I. `threshold` has no meaning here; atoms of smaller `scales` are more local."
        )
    if context.own_labels:
        sentences.append(
            "The groups are the fit's own labels, which differ in place by construction: name a column of "
            "independent labels with `groupby` where there is one."
        )
    return sentences
