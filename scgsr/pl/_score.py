"""Score: what was measured of a fit, against what neurons without places would give."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from scgsr import _adata
from scgsr._adata import DEFAULT_KEY
from scgsr.pl import _axes

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What the overview calls each measure, from top to bottom; what was not measured is left out.
_NAMES = {
    "validation_r2": "R² on held-out cells",
    "mean_cosine": "cosine between groups (low is good)",
    "morans_i": "Moran's I",
    "baseline_morans_i": "Moran's I, baseline re-ordered",
    "neighbour_correlation": "correlation of neighbours",
    "low_frequency_share": "energy in low frequencies",
    "localisation": "energy within 2 edges of the peak",
    "segment_connectivity": "region in one piece",
    "label_halves_ari": "labels of two halves, ARI",
    "torn_neighbours": "torn neighbours (low is good)",
    "ring_closure": "narrowest place of the ring",
    "circular_resultant": "agreement with the angle",
    "rank_agreement": "agreement with pseudotime",
    "module_auroc": "AUROC of the best module",
    "batch_mixing": "batches among neighbours",
    "batch_r2": "variance between batches (low is good)",
}
_OBSERVED, _NULL = "#0072B2", "0.8"
# Inches: a panel, the names on its left, the numbers on its right, what it needs above and below.
_PANEL_WIDTH, _NAMES_WIDTH, _NUMBERS_WIDTH, _ABOVE, _BELOW = 2.6, 2.5, 0.7, 0.45, 0.85
_NAME_LETTERS = 36
# Inches from the rows down to the legend.
_LEGEND_BELOW = 0.4
# Inches: a row, and a row where there are more than so many.
_ROW_HEIGHT, _THIN_ROW_HEIGHT, _MOST_THICK_ROWS = 0.26, 0.19, 20


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
        _draw_rows(ax, overall).set_title(verdict, fontsize="medium")
        return _axes.finish([ax], ax=ax, show=show)
    groups = table[(table["group"] != "") & (table["metric"] == "segment_connectivity")].set_index("group")
    left, right = _side_by_side([len(overall), len(groups)])
    _draw_rows(left, overall).set_title(verdict, fontweight="bold")
    _draw_rows(right, groups).set_title(
        f"region in one piece, by {scores['groupby']}", fontsize="medium", parse_math=False
    )
    handles, labels = left.get_legend_handles_labels()
    tight = {"borderaxespad": 0, "borderpad": 0, "columnspacing": 1.2, "handlelength": 1.2}
    corner = (0, -_LEGEND_BELOW / (len(overall) * _ROW_HEIGHT))
    style: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": corner, "fontsize": "small", **tight}
    left.legend(handles, labels, ncols=2, frameon=False, **style)
    return _axes.finish([left, right], ax=None, show=show)


def _side_by_side(n_rows: list[int]) -> list[Axes]:
    """Return panels aligned at the top, each as tall as its rows; the layout is exact, in inches."""
    import matplotlib.pyplot as plt

    heights = [n * (_ROW_HEIGHT if n <= _MOST_THICK_ROWS else _THIN_ROW_HEIGHT) for n in n_rows]
    column = _NAMES_WIDTH + _PANEL_WIDTH + _NUMBERS_WIDTH
    page = column * len(n_rows), _ABOVE + max(heights) + _BELOW
    figure = plt.figure(figsize=page, layout="none")
    axes = []
    for index, height in enumerate(heights):
        left, bottom = index * column + _NAMES_WIDTH, page[1] - _ABOVE - height
        share = left / page[0], bottom / page[1], _PANEL_WIDTH / page[0], height / page[1]
        axes.append(figure.add_axes(share))
    return axes


def _draw_rows(panel: Axes, table: pd.DataFrame) -> Axes:
    """Draw one row for each line of the table: the null as a bar, the value as a dot and as a number."""
    rows = np.arange(len(table))
    values, mean, sd = (table[name].to_numpy(dtype=float) for name in ("value", "null_mean", "null_sd"))
    panel.barh(rows, 4 * sd, left=mean - 2 * sd, height=0.6, color=_NULL, label="neurons in random places (± 2 sd)")
    panel.scatter(values, rows, color=_OBSERVED, s=28, zorder=3, label="measured")
    for row, value in zip(rows, values, strict=True):
        panel.annotate(
            "none" if np.isnan(value) else f"{value:.2f}",
            (1, row),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize="small",
        )
    names = [textwrap.shorten(str(name), _NAME_LETTERS, placeholder="…") for name in table.index]
    panel.set_yticks(rows, names, fontsize="small", parse_math=False)
    panel.tick_params(axis="y", length=0)
    panel.tick_params(axis="x", labelsize="small")
    panel.set_ylim(len(table) - 0.5, -0.5)
    lowest = np.min([0.0, *values[np.isfinite(values)], *(mean - 2 * sd)[np.isfinite(mean)]])
    panel.set_xlim(max(lowest, -1.0) - 0.05, 1.05)
    panel.axvline(0, color="0.6", linewidth=0.8, zorder=0)
    panel.spines[["top", "right"]].set_visible(False)
    return panel
