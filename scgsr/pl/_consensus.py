"""Consensus: which modules the fits of several seeds find again, which are split, which are lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scgsr import _adata
from scgsr._adata import DEFAULT_KEY
from scgsr.pl import _axes, _text
from scgsr.pl._calls import Figsize, checked_figsize, picture

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

# Inches: a column and a row, what stands beside them and below, the least width of the page.
_COLUMN_WIDTH, _ROW_HEIGHT, _BESIDE, _BELOW, _LEAST_WIDTH = 0.38, 0.22, 2.2, 1.45, 3.3
# Inches: a row where there are more than so many.
_THIN_ROW_HEIGHT, _MOST_THICK_ROWS = 0.15, 20
# Points: the smallest letters.
_LEAST_POINTS = 4.0
# Below so many fits each can be named.
_MOST_NAMED = 20
# From this overlap on, writing is white on the colour.
_DARK = 0.6
_SIGNS = {"split": "/", "lost": "×"}


@picture
def consensus(
    adata: AnnData,
    *,
    cmap: str | Colormap = "Blues",
    title: str | None = None,
    figsize: Figsize | None = None,
    key: str = DEFAULT_KEY,
    ax: Axes | None = None,
    show: bool | None = None,
    return_fig: bool = False,
) -> Axes | Figure | None:
    """Draw which modules fits with several seeds agree on, from :func:`scgsr.tl.consensus`.

    A row is a module of the consensus, with its number of cells, and on the right its verdict and the mean stability of
    its cells. A column is a fit; the first is the original one. The colour is the overlap of the module with its match
    in that fit: the share of the cells of either that are in both. The number is the label of the match. A stroke means
    that the cells are split among modules that consist mostly of them, a cross that they are lost among other cells.

    This is about labels. How alike the fits draw each neuron is in ``adata.uns["gsr"]["consensus"]["sameness"]``;
    :func:`scgsr.pl.images` shows it on the graph, as in the example. Do not interpret single neurons where it is low.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.consensus` has been run on.
    cmap
        Colour map, from light to dark.
    title
        The title. By default it says what the rows are.
    figsize
        Width and height in inches; a height of None follows from the width, as in ``(85 / 25.4, None)``.
    key
        The fit's `key_added`.
    ax
        Draw into these axes.
    show
        Show the picture instead of returning it; ``None`` as in Scanpy.
    return_fig
        Return the Figure, whatever else would be returned.

    Returns
    -------
    Axes; ``None`` if it was shown. The page is laid out anew for another width, from 85 mm on.

    Raises
    ------
    KeyError
        If there is no fit under `key`, or no consensus of it.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, (6, 8), n_epochs=5)
    >>> scgsr.tl.consensus(adata, n_fits=3)
    >>> ax = scgsr.pl.consensus(adata, show=False)
    >>> ax.images[0].get_array().shape[1]
    3

    The mean correlation of each neuron with the other fits:

    >>> same = adata.uns["gsr"]["consensus"]["sameness"][1:].mean(axis=0)
    >>> graph = scgsr.get.model(adata).graph
    >>> figure = scgsr.pl.images(graph, same, vmin=0, vmax=1, label="correlation with other fits", show=False)
    """
    found = _adata.read_consensus(adata, key)
    modules, fits = found["modules"], found["fits"]
    n_fits = len(found["n_modules"])
    shape = len(modules), n_fits
    given = checked_figsize(figsize, ax)
    row = _ROW_HEIGHT if len(modules) <= _MOST_THICK_ROWS else _THIN_ROW_HEIGHT
    size = max(_COLUMN_WIDTH * n_fits + _BESIDE, _LEAST_WIDTH), row * len(modules) + _BELOW
    panel = _axes.resizable(*size, given=given)[0] if ax is None else ax
    width = panel.figure.bbox.width / panel.figure.dpi if ax is None else _axes.inches(ax)
    overlaps = fits["overlap"].to_numpy().reshape(shape)
    artist = panel.imshow(overlaps, cmap=cmap, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    _write_matches(panel, fits, shape, (width - _BESIDE * _text.scale()) / n_fits)
    names = [f"{m} ({n:,})" for m, n in zip(modules["module"], modules["n_cells"], strict=True)]
    _axes.name_rows(panel, names, np.arange(len(modules)))
    _write_verdicts(panel, modules)
    panel.set_xticks(np.arange(n_fits) if n_fits <= _MOST_NAMED else [0, n_fits - 1])
    panel.tick_params(axis="x", length=0, labelsize="small")
    panel.set_xlabel("fit (0: the one kept)", fontsize="small")
    _axes.head(panel, "modules of the consensus (cells)" if title is None else title, width - 0.8, size=_text.SMALL)
    panel.spines[:].set_visible(False)
    label = "cells shared with the match (Jaccard)\nnumber: its label\n/: split   ×: lost"
    bar = panel.figure.colorbar(artist, ax=panel, location="bottom", shrink=0.7, aspect=24)
    bar.set_label(label, fontsize="small")
    bar.ax.tick_params(labelsize="small")
    bar.outline.set_visible(False)
    return _axes.finish([panel], ax=ax, show=show, return_fig=return_fig)


def _write_matches(panel: Axes, fits: pd.DataFrame, shape: tuple[int, int], inches: float) -> None:
    """Write the label of the match, or what became of the module, on each place, as far as its width has room."""
    longest = max(map(str, fits["match"]), key=len)
    points = min(_text.SMALL * _text.font_size(), 0.8 * inches / _text.width(longest, 1.0))
    if points < _LEAST_POINTS:
        return
    for place, row in zip(np.ndindex(shape), fits.itertuples(), strict=True):
        text = _SIGNS.get(str(row.outcome), str(row.match))
        color = "white" if float(row.overlap) >= _DARK else "black"
        panel.text(place[1], place[0], text, ha="center", va="center", fontsize=points, color=color)


def _write_verdicts(panel: Axes, modules: pd.DataFrame) -> None:
    """Write what becomes of each module on the right of its row."""
    right = panel.secondary_yaxis("right")
    verdicts = [f"{v} {s:.2f}" for v, s in zip(modules["verdict"], modules["stability"], strict=True)]
    right.set_yticks(np.arange(len(modules)), verdicts, fontsize=panel.get_yticklabels()[0].get_fontsize())
    right.tick_params(axis="y", length=0)
    right.spines[:].set_visible(False)
