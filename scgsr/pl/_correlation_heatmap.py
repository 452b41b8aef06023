"""Correlation heatmap: which markers go with which neurons, in each branch or group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import scipy

from scgsr import _adata, _checks
from scgsr._adata import DEFAULT_KEY
from scgsr._checks import about
from scgsr._measures import feature_correlation
from scgsr.pl import _axes, _groups, _scale, _text
from scgsr.pl._calls import Figsize, checked_figsize, picture
from scgsr.pl._columns import Columns

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

# More rows than this are drawn only for who names them.
_MOST_UNNAMED = 40
# Inches: the width of a panel, the height of a row, the least and most height of a panel.
_PANEL_WIDTH, _ROW_HEIGHT, _LEAST_HEIGHT, _MOST_HEIGHT = 1.45, 0.14, 0.8, 6.0
# Inches: the title with the strip of modules, the names with the colour bar, the colour bar alone.
_TITLE_HEIGHT, _BESIDE, _BAR = 0.5, 1.4, 1.0
# Panels in a row; up to so many panels each has its full width, else at least this one, in inches.
_NCOLS, _FEW_PANELS, _LEAST_PANEL_WIDTH = 4, 12, 0.75
# Inches: what a page is high at most, as far as rows and panels have at least these heights.
_PAGE_HEIGHT, _LEAST_ROW_HEIGHT, _LOWEST = 10.0, 0.085, 0.45
# Where the strip of modules begins and ends above the rows, in shares of the panel's height.
_STRIP_TOP, _STRIP_BOTTOM = 0.06, 0.015


@picture
def correlation_heatmap(
    adata: AnnData,
    groupby: str,
    *,
    groups: str | Sequence[Any] | None = None,
    names: Sequence[str] | None = None,
    layer: str | None = None,
    ncols: int | None = None,
    cmap: str | Colormap = "RdBu_r",
    vmin: float | str | None = -1.0,
    vmax: float | str | None = 1.0,
    vcenter: float = 0.0,
    title: str | None = None,
    figsize: Figsize | None = None,
    key: str = DEFAULT_KEY,
    ax: Axes | None = None,
    show: bool | None = None,
    return_fig: bool = False,
) -> Axes | Figure | None:
    r"""Draw the correlation of markers with neurons over the cells of each group, such as a branch.

    There is one panel per group, and all have the same rows, columns and colours. Columns are neurons in the order of
    the graph, as in :func:`scgsr.pl.activation_heatmap`. Rows are features in the order of a hierarchical clustering of
    their correlations over *all* cells of `adata`. Grey is undefined: the feature or the neuron does not vary in that
    group, or the group has fewer than three cells. A correlation says which neurons follow the marker within the group,
    not which neurons the group activates.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on.
    groupby
        Column of `.obs` with the groups or branches. Cells with a missing value are in no group; groups without cells
        are left out and logged.
    groups
        Which groups to draw, in this order.
    names
        Features from `.var_names`. None: all markers, if there are no more than 40.
    layer
        Where to take their values from, by default `.X`. Only the named columns of a sparse matrix are made dense.
    ncols
        Panels per row, at most; by default as many as the width has room for.
    cmap
        Colour map, best a diverging one.
    vmin, vmax, vcenter
        Limits and middle of the colours.
    title
        Title above all panels; by default none.
    figsize
        Width and height in inches; a height of None follows from the width, as in ``(85 / 25.4, None)``.
    key
        The fit's `key_added`.
    ax
        Draw into these axes; for one group only.
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
        If there is no fit under `key`, or no such column, layer or feature.
    TypeError
        If `groupby` names a column of floating-point numbers, or the values are not in memory.
    ValueError
        If `groups` names a group that does not exist, `names` must be given, or values are not finite.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, (6, 8), n_epochs=2)
    >>> figure = scgsr.pl.correlation_heatmap(adata, "phase", names=["CD3D", "CD79A", "LYZ"], show=False)
    >>> [panel.get_title() for panel in figure.axes[:3]]
    ['G1\nn = 501', 'G2M\nn = 17', 'S\nn = 182']
    >>> figure.axes[0].images[0].get_array().shape
    (3, 48)
    """
    ncols = None if ncols is None else _checks.positive_int("ncols", ncols)
    if names is None and (n_features := len(_adata.marker_names(adata))) > _MOST_UNNAMED:
        most = f"best at most {_MOST_UNNAMED}"
        msg = f"`names`=None draws all features, got {n_features} of them; name those to draw, {most}."
        raise about("names", ValueError(msg))
    activations, columns = _adata.read_activations(adata, key), Columns.of_fit(adata, key)
    labels = _groups.grouping(adata, groupby, groups)
    features, values = _adata.columns(adata, names, layer=layer)
    rows = _clustered(feature_correlation(values, activations))
    _refuse_panels(len(labels.categories), ax)
    norm = _scale.norm(np.array([-1.0, 1.0]), vmin=vmin, vmax=vmax, vcenter=vcenter)
    panels = _panels(len(labels.categories), len(rows), ncols, checked_figsize(figsize, ax)) if ax is None else [ax]
    in_row = len({panel.get_subplotspec().colspan.start for panel in panels}) if ax is None else 1  # type: ignore[union-attr]
    width = panels[0].figure.bbox.width / panels[0].figure.dpi / _text.scale()
    names_of_rows = [_axes.shortened(features[row], width=None if ax is not None else width) for row in rows]
    room, size = _title_room(panels[0], names_of_rows, in_row)
    for code, (panel, name) in enumerate(zip(panels, labels.categories, strict=True)):
        members = np.flatnonzero(labels.codes == code)
        correlations = feature_correlation(values[members], activations[members])[rows][:, columns.order]
        artist = _draw(panel, correlations, columns, _scale.with_grey(cmap, _scale.UNDEFINED), norm)
        _axes.head(panel, _groups.title(str(name), len(members)), room, size=size)
        if code % in_row == 0:
            _axes.name_rows(panel, names_of_rows, np.arange(len(rows)) + 0.5)
        if code < in_row:
            columns.number(panel)
    if ax is None:
        cast("Figure", panels[0].figure).supxlabel(columns.heading, fontsize="small")
    _axes.heading(panels[0].figure, title)
    _axes.colorbar(artist, panels, "correlation over cells\n(grey: undefined)")
    return _axes.finish(panels, ax=ax, show=show, return_fig=return_fig, many=True)


def _title_room(panel: Axes, names_of_rows: list[str], in_row: int) -> tuple[float, float]:
    """Return the width of a title in inches where so many panels stand in a row, and the size of its letters."""
    small = _text.SMALL * _text.font_size()
    beside = max(_text.width(name, small) for name in names_of_rows) + _BAR * _text.scale()
    room = max((panel.figure.bbox.width / panel.figure.dpi - beside) / in_row - 0.05, 0.3)
    return room, _text.SMALL * min(1.0, room / _text.width("only n = 9", small))


def _refuse_panels(n: int, ax: Axes | None) -> None:
    if ax is not None and n > 1:
        msg = f"`ax` holds one panel, got {n} groups to draw; choose one with `groups`, or leave `ax` out."
        raise about("ax", ValueError(msg))


def _clustered(correlation: np.ndarray) -> np.ndarray:
    """Return the rows in the order of their clustering; undefined ones come last."""
    defined = np.flatnonzero(np.isfinite(correlation).any(axis=1))
    rows = correlation[defined][:, np.isfinite(correlation[defined]).all(axis=0)]
    if len(rows) > 1:
        merges = scipy.cluster.hierarchy.linkage(rows, "average", optimal_ordering=True)
        defined = defined[scipy.cluster.hierarchy.leaves_list(merges)]
    return np.concatenate([defined, np.flatnonzero(~np.isfinite(correlation).any(axis=1))])


def _panels(n: int, n_rows: int, ncols: int | None, figsize: tuple[float | None, float | None]) -> list[Axes]:
    """Return axes for `n` groups of `n_rows` features."""
    least = _PANEL_WIDTH if n <= _FEW_PANELS else _LEAST_PANEL_WIDTH
    if ncols is None:
        room = _NCOLS * _PANEL_WIDTH if figsize[0] is None else figsize[0] - _BESIDE
        ncols = max(int(room / (0.7 * least if figsize[0] else least)), 1)
    ncols = min(ncols, n)
    n_lines = -(-n // ncols)
    wanted = float(np.clip(_ROW_HEIGHT * n_rows, _LEAST_HEIGHT, _MOST_HEIGHT))
    # Many lines of panels are low, but not lower than names of rows can be read.
    room = max(_PAGE_HEIGHT / n_lines - _TITLE_HEIGHT, _LEAST_ROW_HEIGHT * n_rows, _LOWEST)
    height = (min(wanted, room) + _TITLE_HEIGHT) * n_lines + _TITLE_HEIGHT
    width = max(_PANEL_WIDTH if n_lines == 1 else least, _LEAST_PANEL_WIDTH) * ncols + _BESIDE
    return _axes.resizable(width, height, given=figsize, n=n, ncols=ncols)


def _draw(ax: Axes, correlations: np.ndarray, columns: Columns, cmap: Colormap, norm: Normalize) -> AxesImage:
    """Draw one group's correlations and the strip of modules above."""
    height, width = correlations.shape
    extent = (0, width, height, 0)
    artist = ax.imshow(correlations, extent=extent, aspect="auto", interpolation="nearest", cmap=cmap, norm=norm)
    top = -_STRIP_TOP * height
    columns.draw(ax, top, -_STRIP_BOTTOM * height)
    ax.set(xlim=(0, width), ylim=(height, top), xticks=[], yticks=[], frame_on=False)
    return artist
