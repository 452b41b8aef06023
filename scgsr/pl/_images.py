"""Any numbers on any neuron graph, without an AnnData."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scgsr import _checks
from scgsr._checks import about
from scgsr.graphs import NeuronGraph
from scgsr.pl import _axes, _pictures, _scale
from scgsr.pl._calls import Figsize, as_array, checked_figsize, checked_titles, picture
from scgsr.pl._groups import MOST_GROUPS
from scgsr.pl._page import Page
from scgsr.pl._sheet import Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure


@picture
def images(
    graph: NeuronGraph,
    values: Sequence[Any] | np.ndarray,
    *,
    titles: Sequence[str] | None = None,
    label: str = "",
    normalize: str | None = None,
    ncols: int | None = None,
    cmap: str | Colormap | None = None,
    vmin: float | str | None = None,
    vmax: float | str | None = None,
    vcenter: float | None = None,
    title: str | None = None,
    figsize: Figsize | None = None,
    ax: Axes | None = None,
    show: bool | None = None,
    return_fig: bool = False,
) -> Axes | Figure | None:
    """Draw numbers on a neuron graph, one panel for each row, as :func:`scgsr.pl.activation_map` draws activations.

    Parameters
    ----------
    graph
        A graph of n neurons, from :mod:`scgsr.graphs` or ``scgsr.get.model(adata).graph``.
    values
        One number for each neuron, (n,), or several pictures, (n_pictures, n); NaN is grey.
    titles
        Title of each panel; by default none.
    label
        Name of the numbers, beside the colour bar.
    normalize
        ``None`` draws the numbers on one scale; ``"panel"`` divides each panel by its own largest absolute value.
    ncols
        Panels per row, at most; by default as many as the width has room for.
    cmap
        Colour map; by default viridis, or with `vcenter` a diverging one, red above and blue below.
    vmin, vmax, vcenter
        Limits and middle of the colours, as in :func:`scgsr.pl.activation_map`.
    title
        Title above all panels, or of the one panel.
    figsize
        Width and height in inches; a height of None follows from the width, as in ``(85 / 25.4, None)``.
    ax
        Draw into these axes; for one picture only.
    show
        Show the picture instead of returning it; ``None`` as in Scanpy.
    return_fig
        Return the Figure, whatever else would be returned.

    Returns
    -------
    Figure, or the Axes if `ax` is given; ``None`` if it was shown.

    Raises
    ------
    TypeError
        If `graph` is no `NeuronGraph`, or `values` are no real numbers.
    ValueError
        If `values` are not one finite number or NaN for each neuron, if there is nothing or too much to draw, or
        another argument is wrong.

    Examples
    --------
    >>> import numpy as np, scgsr
    >>> graph = scgsr.graphs.tree(3)
    >>> figure = scgsr.pl.images(graph, np.eye(15)[[0, 7]], titles=["the root", "a leaf"], show=False)
    >>> [panel.get_title() for panel in figure.axes[:2]]
    ['the root', 'a leaf']
    """
    if normalize is not None:
        _checks.one_of("normalize", normalize, ["panel"])
    ncols = None if ncols is None else _checks.positive_int("ncols", ncols)
    _checks.instance("graph", graph, NeuronGraph, hint="Take it from `scgsr.get.model(adata).graph`.")
    pictures = _checked(values, graph.n_neurons)
    if ax is not None and len(pictures) > 1:
        msg = f"`ax` holds one panel, got {len(pictures)} to draw; choose one of `values`, or leave `ax` out."
        raise about("ax", ValueError(msg))
    if normalize is not None:
        pictures, label = _pictures.relative(pictures), f"{label} / panel maximum".removeprefix(" / ")
    written = [""] * len(pictures) if titles is None else [str(one) for one in _checks.names("titles", titles)]
    if len(written) != len(pictures):
        msg = f"`titles` must be {len(pictures)}, one for each panel, got {len(written)}."
        raise about("titles", ValueError(msg))
    heading, written = checked_titles(title, written)
    known = pictures[np.isfinite(pictures)]
    norm = _scale.norm(known if len(known) else np.zeros(1), vmin=vmin, vmax=vmax, vcenter=vcenter)
    colors = _scale.with_grey(cmap or ("viridis" if vcenter is None else "RdBu_r"))
    sheet, size = Sheet.of_graph(graph), checked_figsize(figsize, ax)
    page = Page(titles=written, aspect=sheet.aspect, ncols=ncols, figsize=size, heading=heading, ax=ax)
    for panel, image in zip(page.axes, np.ma.masked_invalid(pictures), strict=True):
        artist = sheet.draw(panel, image, cmap=colors, norm=norm)
    page.colorbar(artist, label, extend=_scale.beyond(norm, [known] if len(known) else []))
    return _axes.finish(page.axes, ax=ax, show=show, return_fig=return_fig, many=True)


def _checked(values: Any, n: int) -> np.ndarray:
    """Return the pictures, (n_pictures, n) float64."""
    array = as_array(values)
    if array.dtype.kind not in "biuf":
        msg = f"`values` must be real numbers, {n} for each picture, got dtype {array.dtype}."
        raise about("values", TypeError(msg))
    if array.ndim not in {1, 2} or array.shape[-1] != n or np.isinf(array).any():
        msg = f"`values` must have shape ({n},) or (n_pictures, {n}), finite or NaN, got {array.shape}."
        raise about("values", ValueError(msg))
    pictures = np.atleast_2d(array).astype(np.float64)
    if not 1 <= len(pictures) <= MOST_GROUPS:
        msg = f"`values` must be 1 to {MOST_GROUPS} pictures, got {len(pictures)}."
        raise about("values", ValueError(msg))
    return pictures
