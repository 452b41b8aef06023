"""Silence: which groups of cells each region of the neuron graph serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scgsr import _adata
from scgsr._adata import DEFAULT_KEY
from scgsr.pl import _axes, _scale, _text
from scgsr.pl._calls import Figsize, checked_figsize, picture

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

# A loss is marked if at most this share of the random regions costs as much.
_SELDOM = 0.05
# Inches: a column, a row, a row where there are more than so many; the colour bar, what stands above and below.
_COLUMN_WIDTH, _ROW_HEIGHT, _THIN_ROW_HEIGHT, _MOST_THICK_ROWS = 0.26, 0.24, 0.15, 20
_BAR, _AROUND, _LEAST_HEIGHT = 1.0, 0.55, 1.6
_FEATURE_POINTS = 8.0


@picture
def silence(
    adata: AnnData,
    *,
    cmap: str | Colormap = "viridis",
    vmin: float | str | None = 0.0,
    vmax: float | str | None = 1.0,
    title: str | None = None,
    figsize: Figsize | None = None,
    key: str = DEFAULT_KEY,
    ax: Axes | None = None,
    show: bool | None = None,
    return_fig: bool = False,
) -> Axes | Figure | None:
    """Draw what each group of cells loses when a region is silenced, as :func:`scgsr.tl.silence` has found.

    A row is a region with its number of neurons, a column a group of cells. 1 is lost where the reconstruction gets
    worse by as much as there is to reconstruct in the group. A dot marks what at most one in twenty random regions of
    as many neurons costs. Modules that serve a population each make one bright place in a row and in a column.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.silence` has been run on.
    cmap
        Colour map.
    vmin, vmax
        Limits of the colours, as numbers or percentiles such as ``"p99"``; None: as the values need.
    title
        The title; by default what the rows are.
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
    Axes; ``None`` if it was shown.

    Raises
    ------
    KeyError
        If there is no fit under `key`, or no region of it was silenced.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, (6, 8), n_epochs=20)
    >>> scgsr.tl.silence(adata, groupby="bulk_labels", n_random=50)
    >>> ax = scgsr.pl.silence(adata, show=False)
    >>> ax.images[0].get_array().shape[1]
    10
    """
    found = _adata.read_silence(adata, key)
    regions = [f"{name} ({n})" for name, n in zip(found["regions"], found["n_neurons"], strict=True)]
    columns, losses = [_axes.shortened(name) for name in found["groups"]], found["loss"]
    norm = _scale.norm(losses, vmin=vmin, vmax=vmax)
    panel = _panel(regions, columns, checked_figsize(figsize, ax)) if ax is None else ax
    artist = panel.imshow(losses, aspect="auto", cmap=_scale.colormap(cmap), norm=norm, interpolation="nearest")
    row, column = np.nonzero(found["pvals"] <= _SELDOM)
    panel.scatter(column, row, s=9, color="black", edgecolors="white", linewidths=0.5)
    _axes.name_rows(panel, [_axes.shortened(name, rows=len(regions)) for name in regions], np.arange(len(regions)))
    size = min(_FEATURE_POINTS * _text.scale(), 180 / len(columns))
    panel.set_xticks(range(len(columns)), columns, rotation=90, fontsize=size, parse_math=False)
    panel.tick_params(axis="x", length=0)
    panel.spines[:].set_visible(False)
    width = _axes.inches(panel) if ax is not None else panel.figure.bbox.width / panel.figure.dpi - _BAR
    _axes.head(panel, "silenced region (neurons)" if title is None else title, width, size=_text.SMALL)
    label = "loss of the group\n(1: all there is)"
    _axes.colorbar(artist, [panel], label, extend=_scale.beyond(norm, [losses]))
    return _axes.finish([panel], ax=ax, show=show, return_fig=return_fig)


def _panel(regions: list[str], columns: list[str], figsize: tuple[float | None, float | None]) -> Axes:
    """Return axes of a new figure with room for the names around them."""
    row = _ROW_HEIGHT if len(regions) <= _MOST_THICK_ROWS else _THIN_ROW_HEIGHT
    small = _text.SMALL * _text.font_size()
    beside = max(_text.width(_axes.shortened(name, rows=len(regions)), small) for name in regions) + _BAR
    below = max(_text.width(name, _FEATURE_POINTS) for name in columns) + _AROUND
    height = max(row * len(regions) + below, _LEAST_HEIGHT)
    return _axes.resizable(_COLUMN_WIDTH * len(columns) + beside, height, given=figsize)[0]
