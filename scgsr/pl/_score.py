"""Score: what was measured of a fit, against what neurons without places would give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scgsr import _adata
from scgsr._adata import DEFAULT_KEY
from scgsr.pl import _axes, _text
from scgsr.pl._calls import Figsize, checked_figsize, picture

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
# Inches: the page, below which width panels stand one below the other, the names on the left of a panel, the numbers
# on its right, what it needs above and below, the legend of both.
_WIDTH, _NARROW, _NAMES_WIDTH, _NUMBERS_WIDTH, _ABOVE, _BELOW, _LEGEND_HEIGHT = 9.6, 6.0, 2.5, 0.45, 0.4, 0.35, 0.4
# Inches: a row, and a row where there are more than so many.
_ROW_HEIGHT, _THIN_ROW_HEIGHT, _MOST_THICK_ROWS = 0.26, 0.19, 20


@picture
def score(
    adata: AnnData,
    *,
    title: str | None = None,
    figsize: Figsize | None = None,
    key: str = DEFAULT_KEY,
    ax: Axes | None = None,
    show: bool | None = None,
    return_fig: bool = False,
) -> Axes | Figure | None:
    """Draw the measures of :func:`scgsr.tl.score` beside what chance gives.

    A dot is the measured value. A grey bar is the value of the same pictures when neurons change places at random, mean
    ± 2 standard deviations: a dot right of its bar is structure. A value without a bar does not depend on the places of
    neurons. The second panel shows, for each group, the share of its region that is in one piece; a region of one
    neuron has no bar. The picture does not show the verdict, which :func:`scgsr.tl.score` returns.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.score` has been run on.
    title
        The title of the first panel.
    figsize
        Width and height in inches; a height of None follows from the width, as in ``(85 / 25.4, None)``.
        Below 6 inches the second panel stands below the first.
    key
        The fit's `key_added`.
    ax
        Draw into these axes, the first panel only.
    show
        Show the picture instead of returning it; ``None`` as in Scanpy.
    return_fig
        Return the Figure, whatever else would be returned.

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
    >>> verdict = scgsr.tl.score(adata, groupby="bulk_labels", n_permutations=99)
    >>> figure = scgsr.pl.score(adata, show=False)
    >>> [panel.get_title() for panel in figure.axes]
    ['measures of the fit', 'region in one piece, by bulk_labels']
    """
    scores = _adata.read_scores(adata, key)
    given, table = checked_figsize(figsize, ax), scores["table"]
    overall = table[table["group"] == ""].set_index("metric")
    overall = overall.loc[[name for name in _NAMES if name in overall.index]].rename(index=_NAMES)
    groups = table[(table["group"] != "") & (table["metric"] == "segment_connectivity")].set_index("group")
    titles = ["measures of the fit" if title is None else title, f"region in one piece, by {scores['groupby']}"]
    if ax is not None:
        _draw_rows(ax, overall, _NAMES_WIDTH)
        _axes.head(ax, titles[0], _axes.inches(ax))
        return _axes.finish([ax], ax=ax, show=show, return_fig=return_fig)
    width = given[0] or _WIDTH
    column = width / 2 if width >= _NARROW else width
    names_width = min(_NAMES_WIDTH, 0.52 * column)
    panels = _laid_out([len(overall), len(groups)], column, names_width, width, given[1])
    for panel, rows, head in zip(panels, (overall, groups), titles, strict=True):
        _draw_rows(panel, rows, names_width)
        _axes.head(panel, head, column - 0.1)
        panel.title.set(x=(column / 2 - names_width) / (column - names_width - _NUMBERS_WIDTH))
    handles, labels = panels[0].get_legend_handles_labels()
    tight: dict[str, Any] = {"borderpad": 0.2, "columnspacing": 1.2, "handlelength": 1.2, "fontsize": "small"}
    ncols = 2 if width >= _NARROW else 1
    panels[0].figure.legend(handles, labels, loc="lower left", ncols=ncols, frameon=False, **tight)
    return _axes.finish(panels, ax=None, show=show, return_fig=return_fig, many=True)


def _laid_out(n_rows: list[int], column: float, names_width: float, width: float, height: float | None) -> list[Axes]:
    """Return two panels side by side or one below the other, each as tall as its rows; all in inches."""
    import matplotlib.pyplot as plt

    heights = [n * (_ROW_HEIGHT if n <= _MOST_THICK_ROWS else _THIN_ROW_HEIGHT) for n in n_rows]
    beside = column < width
    used = max(heights) + _ABOVE + _BELOW if beside else sum(heights) + 2 * (_ABOVE + _BELOW)
    page = width, used + _LEGEND_HEIGHT
    # A given height scales the rows.
    figure = plt.figure(figsize=(width, height or page[1]), layout="none")
    axes, top = [], page[1]
    for index, tall in enumerate(heights):
        left, bottom = index * column * beside + names_width, top - _ABOVE - tall
        share = left / page[0], bottom / page[1], (column - names_width - _NUMBERS_WIDTH) / page[0], tall / page[1]
        axes.append(figure.add_axes(share))
        top = top if beside else bottom - _BELOW
    return axes


def _draw_rows(panel: Axes, table: pd.DataFrame, names_width: float) -> None:
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
    points = _text.SMALL * _text.font_size()
    _axes.name_rows(panel, [_text.fitted(str(name), names_width - 0.12, points) for name in table.index], rows)
    panel.tick_params(axis="x", labelsize="small")
    panel.set_ylim(len(table) - 0.5, -0.5)
    lowest = np.min([0.0, *values[np.isfinite(values)], *(mean - 2 * sd)[np.isfinite(mean)]])
    panel.set_xlim(max(lowest, -1.0) - 0.05, 1.05)
    panel.axvline(0, color="0.6", linewidth=0.8, zorder=0)
    panel.spines[["top", "right"]].set_visible(False)
