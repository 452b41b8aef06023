"""Marker planes: where on the neuron graph each marker is high."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scgsr import _adata, _checks
from scgsr._adata import DEFAULT_KEY
from scgsr._checks import about
from scgsr.pl import _axes, _markers, _scale
from scgsr.pl._calls import Figsize, checked_figsize, checked_titles, picture
from scgsr.pl._groups import MOST_GROUPS
from scgsr.pl._page import Page
from scgsr.pl._sheet import Sheet

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

_UNIT = "mean where the neuron fires, sd from the mean of all cells"


@picture
def programs(
    adata: AnnData,
    names: str | Sequence[str] | None = None,
    *,
    n: int = 16,
    layer: str | None = None,
    ncols: int | None = None,
    cmap: str | Colormap = "RdBu_r",
    vmin: float | str | None = None,
    vmax: float | str | None = None,
    vcenter: float = 0.0,
    title: str | Sequence[str] | None = None,
    figsize: Figsize | None = None,
    key: str = DEFAULT_KEY,
    ax: Axes | None = None,
    show: bool | None = None,
    return_fig: bool = False,
) -> Axes | Figure | None:
    """Draw each marker as a picture on the neuron graph.

    Each area is a neuron, not a cell, at the place it has in :func:`scgsr.pl.activation_map`. Its colour is the mean of
    the marker over the cells in which the neuron is active, weighted by activation, in standard deviations from the
    mean of all cells. All panels share one scale: red above the mean, blue below, grey for a neuron that is never
    active and for a marker that is the same in all cells.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on.
    names
        Markers, from `.var_names`. None: those with the largest effect on each module (:func:`scgsr.tl.programs`),
        whatever the p-value; titles name the modules.
    n
        About how many markers to draw if `names` are not given; each module gets the same number, at least one.
    layer
        Layer to read the markers from. None: as the fit.
    ncols
        Panels per row, at most; by default as many as the width has room for.
    cmap
        Colour map, best a diverging one.
    vmin, vmax
        Limits of the colours in standard deviations: numbers, or percentiles such as ``"p1"`` and ``"p99"``. By
        default the largest absolute value; one limit sets the other.
    vcenter
        Value at the middle of the colours, in standard deviations from the mean.
    title
        Title above all panels, or of the one panel, or a list with the title of each panel.
    figsize
        Width and height in inches; a height of None follows from the width, as in ``(85 / 25.4, None)``.
    key
        The fit's `key_added`.
    ax
        Draw into these axes; for one marker only.
    show
        Show the picture instead of returning it; ``None`` as in Scanpy.
    return_fig
        Return the Figure, whatever else would be returned.

    Returns
    -------
    Figure, or the Axes if `ax` is given; ``None`` if it was shown.

    Raises
    ------
    KeyError
        If there is no fit under `key`, no such marker or layer, or neither `names` nor programs are there.
    TypeError
        If an argument has the wrong type.
    ValueError
        If there is nothing or too much to draw, or a limit is wrong.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, (6, 8), n_epochs=2)
    >>> figure = scgsr.pl.programs(adata, ["CD3D", "LYZ"], show=False)
    >>> [panel.get_title() for panel in figure.axes[:2]]
    ['CD3D', 'LYZ']
    """
    n, ncols = _checks.positive_int("n", n), None if ncols is None else _checks.positive_int("ncols", ncols)
    if names is None:
        chosen = _risers(adata, n, key)
        titles = [f"{name} (module{'s' * (len(modules) > 1)} {', '.join(modules)})" for name, modules in chosen.items()]
    else:
        chosen = {str(name): [] for name in _checks.names("names", names)}
        titles = list(chosen)
    _refuse_panels(len(chosen), ax)
    heading, titles = checked_titles(title, titles)
    images = _markers.planes(adata, key, list(chosen), layer)[1]
    alive = ~np.isnan(images)
    norm = _scale.norm(images[alive] if alive.any() else np.zeros(1), vmin=vmin, vmax=vmax, vcenter=vcenter)
    sheet = Sheet.of_graph(_adata.read_graph(adata, key))
    size = checked_figsize(figsize, ax)
    page = Page(titles=titles, aspect=sheet.aspect, ncols=ncols, figsize=size, heading=heading, ax=ax)
    for panel, image in zip(page.axes, np.ma.masked_invalid(images), strict=True):
        artist = sheet.draw(panel, image, cmap=_scale.with_grey(cmap), norm=norm)
    page.colorbar(artist, _UNIT, extend=_scale.beyond(norm, [images[alive]] if alive.any() else []))
    return _axes.finish(page.axes, ax=ax, show=show, return_fig=return_fig, many=True)


def _refuse_panels(n: int, ax: Axes | None) -> None:
    if not 1 <= n <= MOST_GROUPS:
        msg = f"`names` must be 1 to {MOST_GROUPS} markers, got {n}."
        raise about("names", ValueError(msg))
    if ax is not None and n > 1:
        msg = f"`ax` holds one panel, got {n} to draw; choose one with `names`, or leave `ax` out."
        raise about("ax", ValueError(msg))


def _risers(adata: AnnData, n: int, key: str) -> dict[str, list[str]]:
    """Return the features that rise most with each module, and the modules of each."""
    from scgsr import get

    table: pd.DataFrame = get.programs(adata, key=key)
    n_per_module = max(1, n // max(1, table["module"].nunique()))
    risers = table[table["effect"] > 0].groupby("module", sort=False).head(n_per_module)
    return risers.groupby("names", sort=False)["module"].agg(list).to_dict()
