"""Score: what was measured of a fit, against what neurons without places would give."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from scgsr import _adata
from scgsr._adata import DEFAULT_KEY
from scgsr.pl import _axes

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What stands in the overview, from top to bottom; what was not measured is left out.
_NAMES = {
    "validation_r2": "R² on held-out cells",
    "mean_cosine": "cosine between groups (low is good)",
    "morans_i": "Moran's I",
    "baseline_morans_i": "Moran's I, baseline re-ordered",
    "neighbour_correlation": "correlation of neighbours",
    "low_frequency_share": "energy in low frequencies",
    "localisation": "energy within 2 edges of the peak",
    "segment_connectivity": "region in one piece",
    "circular_resultant": "agreement with the angle",
    "rank_agreement": "agreement with pseudotime",
    "module_auroc": "AUROC of the best module",
}
_OBSERVED, _NULL = "#0072B2", "0.8"
# Inches: a panel, room for names on its left and for numbers on its right, above and below; letters in a name.
_WIDE, _NAMED, _NUMBERED, _ABOVE, _BELOW, _LETTERS = 2.6, 2.5, 0.7, 0.45, 0.85, 36
# Inches from the rows down to the legend.
_LEGEND = 0.4
# Inches: a row, and one of many.
_ROW, _THIN_ROW, _MANY = 0.26, 0.19, 20


def score(
    adata: AnnData, *, key: str = DEFAULT_KEY, ax: Axes | None = None, show: bool | None = None
) -> Axes | Figure | None:
    """Draw what :func:`scgsr.tl.score` measured, beside what chance gives; the title is the verdict.

    A dot is the measured value. A grey bar is what the same pictures give when their neurons change places at random,
    mean ± 2 standard deviations: a dot right of its bar is structure. Without a bar, the value does not depend on
    where neurons are. The second panel shows, for each group, how much of its region is in one piece; a region of one
    neuron cannot be in pieces, and has no bar.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.score` has been run on.
    key
        The fit's `key_added`.
    ax
        Draw into these axes, the first panel only.
    show
        Show the picture instead of returning it; ``None`` as in Scanpy.

    Returns
    -------
    Figure of two panels, or the Axes if `ax` is given; ``None`` if it was shown.

    Raises
    ------
    KeyError
        If there is no fit under `key`, or it has no scores.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, (6, 8), n_epochs=5)
    >>> scgsr.tl.score(adata, groupby="bulk_labels", n_permutations=99)
    >>> figure = scgsr.pl.score(adata, show=False)
    >>> figure.axes[0].get_title() == adata.uns["gsr"]["scores"]["verdict"]
    True
    """
    scores = _adata.read_scores(adata, key)
    table, verdict = scores["table"], str(scores["verdict"])
    overall = table[table["group"] == ""].set_index("metric")
    overall = overall.loc[[name for name in _NAMES if name in overall.index]].rename(index=_NAMES)
    if ax is not None:
        _rows(ax, overall).set_title(verdict, fontsize="medium")
        return _axes.finish([ax], ax=ax, show=show)
    groups = table[(table["group"] != "") & (table["metric"] == "segment_connectivity")].set_index("group")
    left, right = _side_by_side([len(overall), len(groups)])
    _rows(left, overall).set_title(verdict, fontweight="bold")
    _rows(right, groups).set_title(f"region in one piece, by {scores['groupby']}", fontsize="medium", parse_math=False)
    handles, labels = left.get_legend_handles_labels()
    below = -_LEGEND / (len(overall) * _ROW)
    left.legend(
        handles,
        labels,
        loc="upper left",
        bbox_to_anchor=(0, below),
        ncols=2,
        frameon=False,
        fontsize="small",
        borderaxespad=0,
        borderpad=0,
        columnspacing=1.2,
        handlelength=1.2,
    )
    return _axes.finish([left, right], ax=None, show=show)


def _side_by_side(n_rows: list[int]) -> list[Axes]:
    """Return panels aligned at the top, each as tall as its rows; the places are exact, in inches."""
    import matplotlib.pyplot as plt

    heights = [n * (_ROW if n <= _MANY else _THIN_ROW) for n in n_rows]
    column = _NAMED + _WIDE + _NUMBERED
    page = column * len(n_rows), _ABOVE + max(heights) + _BELOW
    figure = plt.figure(figsize=page, layout="none")
    places = [
        (place * column + _NAMED, page[1] - _ABOVE - height, _WIDE, height) for place, height in enumerate(heights)
    ]
    return [figure.add_axes((x / page[0], y / page[1], w / page[0], h / page[1])) for x, y, w, h in places]


def _rows(panel: Axes, table: pd.DataFrame) -> Axes:
    """Draw one row for each line of the table: the null as a bar, the value as a dot and as a number."""
    places = np.arange(len(table))
    values, mean, sd = (table[name].to_numpy(dtype=float) for name in ("value", "null_mean", "null_sd"))
    panel.barh(places, 4 * sd, left=mean - 2 * sd, height=0.6, color=_NULL, label="neurons in random places (± 2 sd)")
    panel.scatter(values, places, color=_OBSERVED, s=28, zorder=3, label="measured")
    for place, value in zip(places, values, strict=True):
        panel.annotate(
            "none" if np.isnan(value) else f"{value:.2f}",
            (1, place),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize="small",
        )
    names = [textwrap.shorten(str(name), _LETTERS, placeholder="…") for name in table.index]
    panel.set_yticks(places, names, fontsize="small", parse_math=False)
    panel.tick_params(axis="y", length=0)
    panel.tick_params(axis="x", labelsize="small")
    panel.set_ylim(len(table) - 0.5, -0.5)
    lowest = np.min([0.0, *values[np.isfinite(values)], *(mean - 2 * sd)[np.isfinite(mean)]])
    panel.set_xlim(max(lowest, -1.0) - 0.05, 1.05)
    panel.axvline(0, color="0.6", linewidth=0.8, zorder=0)
    panel.spines[["top", "right"]].set_visible(False)
    return panel
