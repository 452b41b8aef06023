"""What speaks against reading pictures that are smooth and local, each fault in a sentence with its cure."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

# A larger share of cells without a picture is a fault; of one group, a larger share than the second.
_MANY_SILENT, _MOSTLY_SILENT = 0.1, 0.5
# Two groups whose mean pictures have a larger cosine are drawn as one picture. A population that was split at random
# into two groups reaches 0.999 and more, different types of the labelled sets 0.3 to 0.9; kinds of memory CD4 T cells
# 0.95 and 0.96.
_ONE_PICTURE = 0.95
# Labels found on two halves of the cells, or by two seeds, that agree less do not hold. Halves of nine labelled sets
# agree at 0.79 to 0.97, seeds at 0.73 to 0.99, halves of a circle or a line at 0.57 to 0.72; 4 to 15 clusters forced on
# one population at 0.21 to 0.42, on noise at 0.08 to 0.38.
_LABELS_HOLD = 0.5
# With fewer cells one cannot tell whether modules hold.
_FEWEST_CELLS = 100
# At the worst place a circle on a ring and a line on a path have 0 to 0.12 (1,000 cells: 0 to 0.06), a circle on a path
# 0.42 and 0.46, a tree on a path 0.83 and 0.85; cells that fill no line have 0.16 (paul15) to 0.7 on a path.
_TORN = 0.2
# At the narrowest place a circle has 0.35 to 0.54, a line on a ring 0.10 and 0.11, populations on a ring 0.01.
_CLOSED = 0.2
# Agreement with a known angle or pseudotime from which on cells lie in their order, which then needs no labels.
_IN_ORDER = 0.9
_ORDERS = ("circular_resultant", "rank_agreement")


def faults(table: pd.DataFrame) -> list[str]:
    """
    Return a sentence for each thing that speaks against reading the pictures.

    Parameters
    ----------
    table
        Columns ``metric``, ``group`` and ``value``; what was not measured, or is NaN, is no fault. Looked at are
        ``silent_cells`` (of all and of each group), ``most_alike``, ``module_cells``, ``torn_neighbours`` and
        ``ring_closure``, and with labels ``modules``, ``label_halves_ari`` and ``label_ari``.

    Examples
    --------
    >>> import pandas as pd
    >>> from scgsr._measures import faults
    >>> found = pd.DataFrame({"metric": ["modules", "most_alike"], "group": ["", "B / T"], "value": [5, 0.98]})
    >>> faults(found)  # doctest: +ELLIPSIS
    ['B / T are drawn as one picture (cosine 0.98)...']
    """
    of_labels = [] if _in_order(table) else _about_labels(table)
    return [*_about_cells(table), *of_labels, *_about_shape(table)]


def remarks(table: pd.DataFrame) -> list[str]:
    """Return what labels lack where the pictures do not depend on them, because a known order of the cells is kept."""
    lacking = list(_about_labels(table)) if _in_order(table) else []
    return ["The known order of the cells is kept; their labels are another matter.", *lacking] if lacking else []


def _about_cells(table: pd.DataFrame) -> Iterator[str]:
    n_cells = _value(table, "module_cells")
    if n_cells < _FEWEST_CELLS:
        yield (
            f"Modules were made from {n_cells:.0f} cells, which are too few cells to tell whether anything holds: fit "
            f"on more, at the very least {_FEWEST_CELLS}."
        )
    silent = _value(table, "silent_cells")
    if silent > _MANY_SILENT:
        yield f"Of all cells, {silent:.0%} activate no neuron: they have no picture. Lower `threshold`."
    for group, share in _of_groups(table, "silent_cells", _MOSTLY_SILENT):
        yield f"Of the group {group}, {share:.0%} of the cells activate no neuron: lower `threshold`."
    for pair, cosine in _of_groups(table, "most_alike", _ONE_PICTURE):
        yield (
            f"{pair} are drawn as one picture (cosine {cosine:.2f}): take them for one group, or raise `threshold` or "
            "`balance`, lower `smoothness`, or fit on more neurons."
        )


def _about_labels(table: pd.DataFrame) -> Iterator[str]:
    n_modules = _value(table, "modules")
    if n_modules == 1:
        yield (
            "There is one module alone: no valley was found between the cells, so there is one label, and no "
            "confidence. A larger `resolution` of `scgsr.tl.cluster` keeps smaller dents apart; if cells form a "
            "continuum whose order is known, name it with `pseudotime` or `angle`."
        )
    agreement = _value(table, "label_halves_ari")
    if agreement < _LABELS_HOLD:
        yield (
            f"The labels do not hold: found on two halves of the cells, they agree at an adjusted Rand index of "
            f"{agreement:.2f}, where sound fits reach 0.7. Lower `resolution` or `n_clusters` in `scgsr.tl.cluster`."
        )
    across = table[(table["metric"] == "label_ari") & (table["value"] < _LABELS_HOLD)]
    for other, agreement in zip(across["group"], across["value"], strict=True):
        yield (
            f"The labels are others than those of {other}, a fit of another seed (adjusted Rand index {agreement:.2f})"
            ": lower `resolution` or `n_clusters` in `scgsr.tl.cluster`, or trust only what both show."
        )


def _about_shape(table: pd.DataFrame) -> Iterator[str]:
    torn, closure = _value(table, "torn_neighbours"), _value(table, "ring_closure")
    if torn > _TORN:
        yield (
            f"The graph has another shape than the cells: at one neuron at least {torn:.0%} of the cells on a border "
            "have their neighbours elsewhere on the graph. Fit on a sheet; or, of `scgsr.graphs`, on a `ring` if cells "
            "go round, on a `wishbone` or `tree` if they branch."
        )
    if closure < _CLOSED:
        yield (
            f"The ring is not closed: between two neighbouring neurons lie at most {closure:.0%} of their border "
            "cells, so nothing shows that cells go round. Fit on `scgsr.graphs.path`, or on a sheet."
        )


def _in_order(table: pd.DataFrame) -> bool:
    """Whether cells lie along the graph as a known angle or pseudotime says."""
    return bool((table["metric"].isin(_ORDERS) & (table["value"] >= _IN_ORDER)).any())


def _value(table: pd.DataFrame, metric: str) -> float:
    """Return the value of all cells, NaN if it was not measured."""
    found = table.loc[(table["metric"] == metric) & (table["group"] == ""), "value"]
    return float(found.iloc[0]) if len(found) else float("nan")


def _of_groups(table: pd.DataFrame, metric: str, above: float) -> Iterator[tuple[str, float]]:
    """Yield the groups whose value is above a limit, with it."""
    found = table[(table["metric"] == metric) & (table["group"] != "") & (table["value"] > above)]
    yield from zip(found["group"], found["value"], strict=True)
