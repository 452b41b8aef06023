"""Stars: all markers of each neuron at once, at its place on the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scgsr import _adata, _checks
from scgsr._adata import DEFAULT_KEY
from scgsr._checks import about
from scgsr.pl import _axes, _markers, _palette, _scale
from scgsr.pl._calls import Figsize, checked_figsize, checked_titles, picture
from scgsr.pl._page import Page
from scgsr.pl._palette import Palette
from scgsr.pl._sheet import Sheet

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours of more sectors cannot be told apart.
_MOST_SECTORS = 24
# Points along the arc of a whole circle.
_ARC = 60
_RIM = "0.8"


@picture
def stars(
    adata: AnnData,
    names: str | Sequence[str] | None = None,
    *,
    layer: str | None = None,
    palette: Palette | None = None,
    title: str | None = None,
    figsize: Figsize | None = None,
    key: str = DEFAULT_KEY,
    ax: Axes | None = None,
    show: bool | None = None,
    return_fig: bool = False,
) -> Axes | Figure | None:
    """Draw all markers in one picture: a star for each neuron, with a sector for each marker.

    A star is at the place of the neuron in :func:`scgsr.pl.activation_map`. Each sector is the mean of a marker over
    the cells in which the neuron is active, weighted by activation. Its area is relative: empty at the neuron with the
    lowest mean of that marker, full up to the circle at the one with the highest. So you can compare one marker between
    neurons, not markers with each other. A neuron that is never active is a grey disc; a marker that does not vary has
    no sectors.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on.
    names
        Markers, from `.var_names`, at most 24. None: all, if there are no more.
    layer
        Layer to read the markers from. None: as the fit.
    palette
        Colours of the markers: the name of a colour map, a list of colours, or a dict of them by marker.
    title
        The title. By default it says what is drawn.
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
        If there is no fit under `key`, or no such marker or layer.
    TypeError
        If an argument has the wrong type.
    ValueError
        If there are no markers or more than 24, or an argument is wrong.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, (6, 8), n_epochs=2)
    >>> ax = scgsr.pl.stars(adata, ["CD3D", "CD79A", "LYZ", "NKG7"], show=False)
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['CD3D', 'CD79A', 'LYZ', 'NKG7']
    """
    from matplotlib.patches import Patch

    chosen = None if names is None else [str(name) for name in _checks.names("names", names)]
    n = len(_adata.marker_names(adata) if chosen is None else chosen)
    if not 1 <= n <= _MOST_SECTORS:
        msg = f"`names` must be 1 to {_MOST_SECTORS} markers, got {n}; name those to draw."
        raise about("names", ValueError(msg))
    features, planes = _markers.planes(adata, key, chosen, layer)
    colors = _palette.colors(palette, features) or [str(color) for color in _adata.palette(len(features))]
    sheet = Sheet.of_graph(_adata.read_graph(adata, key))
    head = "markers where each neuron fires" if title is None else title
    left, right, bottom, top = sheet.bounds
    page = Page(
        titles=checked_titles(head, [""])[1],
        aspect=float(np.clip((right - left) / (top - bottom), 0.25, 4.0)),
        figsize=checked_figsize(figsize, ax),
        ax=ax,
    )
    _draw(page.axes[0], sheet, _between_extremes(planes), colors)
    page.legend([Patch(color=color) for color in colors], features, heading="marker, clockwise from the top")
    return _axes.finish(page.axes, ax=ax, show=show, return_fig=return_fig)


def _between_extremes(planes: np.ndarray) -> np.ndarray:
    """Return where each value lies between the lowest neuron, 0, and the highest, 1; NaN stays."""
    low = np.min(planes, axis=1, keepdims=True, where=np.isfinite(planes), initial=np.inf)
    high = np.max(planes, axis=1, keepdims=True, where=np.isfinite(planes), initial=-np.inf)
    varies = high - low > 1e-12
    return np.divide(planes - np.where(varies, low, 0.0), high - low, out=np.full(planes.shape, np.nan), where=varies)


def _draw(ax: Axes, sheet: Sheet, shares: np.ndarray, colors: list[str]) -> None:
    """Draw a circle for each neuron, and a sector for each marker (n_markers, n_neurons), the first at the top."""
    from matplotlib.collections import EllipseCollection, PolyCollection

    centres, radii = sheet.circles
    known = np.isfinite(shares).any(axis=0)
    ax.add_collection(
        EllipseCollection(
            2 * radii,
            2 * radii,
            np.zeros_like(radii),
            units="xy",
            offsets=centres,
            offset_transform=ax.transData,
            facecolors=np.where(known, "none", _scale.DEAD),
            edgecolors=_RIM,
            linewidths=0.5,
        )
    )
    n = len(shares)
    points = max(2, _ARC // n)
    for number, (share, color) in enumerate(zip(np.nan_to_num(shares), colors, strict=True)):
        turns = 2 * np.pi * np.linspace(number, number + 1, points) / n
        arc = np.column_stack([np.sin(turns), np.cos(turns)])
        # The area of a sector, not its length, is what the eye compares.
        reach = (radii * np.sqrt(share))[share > 0, None, None]
        wedges = np.concatenate([np.zeros((len(reach), 1, 2)), reach * arc], axis=1) + centres[share > 0, None]
        ax.add_collection(PolyCollection(list(wedges), facecolors=color, linewidths=0))
    left, right, bottom, top = sheet.bounds
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", xticks=[], yticks=[], frame_on=False)
