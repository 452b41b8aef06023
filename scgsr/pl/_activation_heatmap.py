"""Activation heatmap: all cells in order against all neurons in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scgsr import _adata
from scgsr._adata import DEFAULT_KEY, Keys
from scgsr._checks import about, log
from scgsr.pl import _axes, _groups, _palette, _scale
from scgsr.pl._calls import Figsize, checked_figsize, picture
from scgsr.pl._columns import Columns
from scgsr.pl._palette import Palette

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

# Lines of the picture in all, and the fewest for one group: no more than the page has pixels, even in a notebook.
_MOST_LINES, _FEWEST_LINES = 200, 10
# Up to so many groups a name has room for a second line.
_GROUPS_WITH_TWO_LINES = 10
# Inches: the width of the page, its least height, what it needs above and below the groups, a group's name.
_PAGE_WIDTH, _LEAST_HEIGHT, _AROUND, _NAME_HEIGHT = 5.2, 3.4, 0.8, 0.15
# Where a strip ends and begins outside the picture, in shares of its size.
_STRIP_END, _STRIP_START = 0.033, 0.008


@picture
def activation_heatmap(
    adata: AnnData,
    *,
    groupby: str | None = None,
    groups: str | Sequence[Any] | None = None,
    pseudotime: str | None = None,
    palette: Palette | None = None,
    cmap: str | Colormap | None = None,
    vmin: float | str | None = None,
    vmax: float | str | None = "p99",
    vcenter: float | None = None,
    title: str | None = None,
    figsize: Figsize | None = None,
    key: str = DEFAULT_KEY,
    ax: Axes | None = None,
    show: bool | None = None,
    return_fig: bool = False,
) -> Axes | Figure | None:
    r"""Draw activations as a heat map: cells by group or trajectory, neurons in the order of the graph.

    Columns are neurons, not cells. They follow a path, ring or tree; on any other graph they go module by module, with
    neighbours side by side as far as one row allows. Each line is one cell. All groups have the same height, so that
    small ones can be read; the number of cells is beside the name. Of a group with more cells than lines, cells at
    equal distances in the order are drawn, because means of many cells would look fainter than single cells.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on.
    groupby
        Column of `.obs` with the groups or branches; by default the labels of the fit or, with `pseudotime`, one group
        of all cells. Cells with a missing value are in no group; groups without cells are left out and logged.
    groups
        Which groups to draw, in this order.
    pseudotime
        Column of `.obs` with numbers that order the cells inside each group, from top to bottom; a strip shows them
        from light to dark. Cells without a finite value are left out and logged. By default cells are ordered by the
        first principal component of their group's activations, which does not depend on the order of the neurons.
    palette
        Colours of the groups in the strip on the left, which is drawn for the labels of the fit or if this is given:
        the name of a colour map, a list of colours, or a dict of them by group.
    cmap
        Colour map; by default viridis, or with `vcenter` a diverging one.
    vmin, vmax
        Limits of the colours: numbers, or percentiles of what is drawn such as ``"p99"``, so that a few bright cells do
        not leave all others dark; ``None``: from 0, or the smallest value if any is negative, to the largest.
    vcenter
        Value at the middle of the colours.
    title
        The title; by default none.
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
    Axes, one image per group; ``None`` if it was shown. The figure is laid out anew for another
    width, as after ``ax.figure.set_figwidth(85 / 25.4)``, a column of 85 mm.

    Raises
    ------
    KeyError
        If there is no fit under `key`, or no such column.
    TypeError
        If `groupby` names a column of floating-point numbers, or `pseudotime` one of anything else than numbers.
    ValueError
        If `groups` names a group that does not exist, no cell is left, or a limit is wrong.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, (6, 8), n_epochs=2)
    >>> ax = scgsr.pl.activation_heatmap(adata, groupby="bulk_labels", groups=["CD19+ B", "Dendritic"], show=False)
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['CD19+ B\n(95)', 'Dendritic\n(240)']
    >>> ax.images[0].get_array().shape
    (95, 48)
    """
    from matplotlib.colors import to_rgba_array

    activations, columns = _adata.read_activations(adata, key), Columns.of_fit(adata, key)
    times = None if pseudotime is None else _times(adata, pseudotime)
    heading, labels = _grouped(adata, groupby, groups, times, key)
    cells = _in_order(activations, labels, times, columns.order)
    lines = [_spread(rows, max(_MOST_LINES // len(cells), _FEWEST_LINES)) for rows in cells.values()]
    pictures = [activations[rows][:, columns.order] for rows in lines]
    norm = _scale.norm(np.concatenate(pictures), vmin=vmin, vmax=vmax, vcenter=vcenter)
    cmap = ("viridis" if vcenter is None else "RdBu_r") if cmap is None else cmap
    given = checked_figsize(figsize, ax)
    page = _PAGE_WIDTH, max(_LEAST_HEIGHT, _AROUND + _NAME_HEIGHT * len(cells))
    panel = ax or _axes.resizable(*page, given=given)[0]
    width, height = len(columns.order), len(cells)
    artist = _draw_blocks(panel, pictures, (0, width), cmap=cmap, norm=norm)
    panel.hlines(np.arange(1, height), 0, width, colors="white", linewidths=0.8)
    _name_groups(panel, cells, heading, given[0])
    columns.draw(panel, -_STRIP_END * height, -_STRIP_START * height)
    columns.number(panel)
    panel.set_xlabel(columns.heading, fontsize="small")
    # Colours of other groups would be taken for those of the modules.
    with_labels = heading == Keys(key).labels or palette is not None
    if with_labels:
        colors = to_rgba_array(_colors(adata, heading, list(cells), palette))
        _draw_blocks(panel, list(colors[:, None, None]), (-_STRIP_END * width, -_STRIP_START * width))
    if times is not None:
        _draw_times(panel, [times[rows] for rows in lines], str(pseudotime), width)
    left, right = (-_STRIP_END * width if with_labels else 0, width if times is None else (1 + _STRIP_END) * width)
    panel.set(xlim=(left, right), ylim=(height, -_STRIP_END * height), frame_on=False)
    _axes.colorbar(artist, [panel], "activation", extend=_scale.beyond(norm, pictures))
    if title is not None:
        _axes.head(panel, title, panel.figure.bbox.width / panel.figure.dpi - 1.0)
    return _axes.finish([panel], ax=ax, show=show, return_fig=return_fig)


def _colors(adata: AnnData, heading: str, groups: list[Any], palette: Palette | None) -> list[str]:
    """Return the colours of the groups, or of all cells together."""
    if heading:
        return _palette.of_groups(adata, heading, groups, palette)
    return _palette.colors(palette, groups) or []


def _times(adata: AnnData, pseudotime: str) -> np.ndarray:
    """Return the pseudotime of each cell, NaN where there is none."""
    times = _adata.numbers(adata, "pseudotime", pseudotime)
    finite = np.isfinite(times)
    if not finite.all():
        log.info("%d cells without a finite value of %r are not drawn", (~finite).sum(), pseudotime)
    return np.where(finite, times, np.nan)


def _grouped(
    adata: AnnData, groupby: str | None, groups: str | Sequence[Any] | None, times: np.ndarray | None, key: str
) -> tuple[str, pd.Categorical]:
    """Return what the groups are, and the group of each cell that is to be drawn."""
    if groupby is None and groups is None and times is not None:
        return "", pd.Categorical.from_codes(np.where(np.isfinite(times), 0, -1), ["all cells"])
    heading = Keys(key).labels if groupby is None else groupby
    labels = _groups.grouping(adata, heading, groups)
    if times is None:
        return heading, labels
    codes = np.where(np.isfinite(times), labels.codes, -1)
    timed = pd.Categorical.from_codes(codes, labels.categories).remove_unused_categories()
    if not len(timed.categories):
        msg = f"`pseudotime` must have a finite value for some cell of the groups of {heading!r}, got none."
        raise about("pseudotime", ValueError(msg))
    return heading, timed


def _in_order(
    activations: np.ndarray, labels: pd.Categorical, times: np.ndarray | None, order: np.ndarray
) -> dict[Any, np.ndarray]:
    """Return the cells of each group from top to bottom."""
    cells = {}
    for code, name in enumerate(labels.categories):
        rows = np.flatnonzero(labels.codes == code)
        values = _first_component(activations[rows], order) if times is None else times[rows]
        cells[name] = rows[np.argsort(values, kind="stable")]
    return cells


def _first_component(activations: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return the first principal component, (n_cells,), larger for cells that activate neurons further right."""
    centred = activations - activations.mean(axis=0, dtype=np.float64)
    loadings = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    rightward = loadings[order] @ np.arange(len(order))
    return centred @ (loadings if rightward >= 0 else -loadings)


def _spread(rows: np.ndarray, most: int) -> np.ndarray:
    """Return at most so many of the rows, at equal distances, the first and the last among them."""
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).round().astype(int)]


def _name_groups(ax: Axes, cells: dict[Any, np.ndarray], heading: str, width: float | None) -> None:
    """Write the name of each group and its number of cells left of the picture, and what the groups are."""
    n_groups = len(cells)
    gap = "\n" if n_groups <= _GROUPS_WITH_TWO_LINES else " "
    shown = [_axes.shortened(str(name), rows=n_groups, width=width) for name in cells]
    names = [f"{name}{gap}({len(rows):,})" for name, rows in zip(shown, cells.values(), strict=True)]
    _axes.name_rows(ax, names, np.arange(n_groups) + 0.5)
    ax.set_ylabel(heading, fontsize="small", parse_math=False)


def _draw_blocks(ax: Axes, blocks: list[np.ndarray], span: tuple[float, float], **style: Any) -> AxesImage:
    """Draw one image below the other, each of height one, between left and right; return the last."""
    for top, block in enumerate(blocks):
        artist = ax.imshow(block, extent=(*span, top + 1, top), aspect="auto", interpolation="nearest", **style)
    return artist


def _draw_times(ax: Axes, times: list[np.ndarray], name: str, width: int) -> None:
    """Draw the pseudotime as a strip right of the picture, from light to dark, and write what it is."""
    from matplotlib.colors import Normalize

    drawn, strips = np.concatenate(times), [block[:, None] for block in times]
    span = (1 + _STRIP_START) * width, (1 + _STRIP_END) * width
    _draw_blocks(ax, strips, span, cmap="Greys", norm=Normalize(drawn.min(), drawn.max()))
    text = f"{_axes.shortened(name)}: {drawn.min():.2g} to {drawn.max():.2g}"
    ax.text(1.01, 0.5, text, rotation=90, va="center", fontsize="small", transform=ax.transAxes, parse_math=False)
