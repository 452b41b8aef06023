"""Activation heatmap: all cells in order against all neurons in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scgsr import _adata, _checks
from scgsr._adata import DEFAULT_KEY, Keys
from scgsr._checks import log
from scgsr.pl import _axes, _groups, _scale
from scgsr.pl._columns import Columns

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

# Lines of the picture in all, and the fewest for one group: no more than the page has pixels, even in a notebook.
_LINES, _FEWEST = 200, 10
# Up to so many groups a name has room for a second line.
_FEW = 10
# Inches: the page, what it needs beside the groups, a group's name.
_WIDE, _LEAST_HIGH, _AROUND, _NAME = 5.2, 3.4, 0.8, 0.15
# Where a strip begins and ends outside the picture, in shares of its size.
_AWAY, _GAP = 0.033, 0.008


def activation_heatmap(
    adata: AnnData,
    *,
    groupby: str | None = None,
    groups: str | Sequence[Any] | None = None,
    pseudotime: str | None = None,
    cmap: str | Colormap = "viridis",
    vmin: float | str | None = None,
    vmax: float | str | None = "p99",
    key: str = DEFAULT_KEY,
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes | Figure | None:
    r"""Draw the activations of cells, in order of group or trajectory, against neurons in the order of the graph.

    Columns are neurons, not cells: along a path, ring or tree; on any other graph module by module, and in such an
    order that neighbours stand together as far as a row allows. Every line is one cell. Every group has the same
    height, so that small ones can be read; how many cells it has stands beside its name. Of a group with more cells
    than lines, cells at equal distances in the order are drawn: means of many would look fainter than single ones.

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
        first principal component of their group's activations, which knows nothing of the order of the neurons.
    cmap
        Colour map.
    vmin, vmax
        Limits of the colours: numbers, or percentiles of what is drawn such as ``"p99"``, so that a few bright cells do
        not leave all others dark; ``None`` is the largest value above, below 0, silence, unless values are negative.
    key
        The fit's `key_added`.
    ax
        Draw into these axes.
    show
        Show the picture instead of returning it; ``None`` as in Scanpy.

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

    activations, columns = _adata.read_activations(adata, key), Columns.of(adata, key)
    time = None if pseudotime is None else _times(adata, pseudotime)
    heading, of = _grouped(adata, groupby, groups, time, key)
    cells = _in_order(activations, of, time, columns.order)
    lines = [_spread(rows, max(_LINES // len(cells), _FEWEST)) for rows in cells.values()]
    pictures = [activations[rows][:, columns.order] for rows in lines]
    norm = _scale.norm(np.concatenate(pictures), vmin=vmin, vmax=vmax)
    panel = ax or _axes.resizable(_WIDE, max(_LEAST_HIGH, _AROUND + _NAME * len(cells)))[0]
    width, height = len(columns.order), len(cells)
    artist = _blocks(panel, pictures, (0, width), cmap=cmap, norm=norm)
    gap = "\n" if height <= _FEW else " "
    names = [f"{_axes.shortened(str(name), rows=height)}{gap}({len(rows):,})" for name, rows in cells.items()]
    _axes.name_rows(panel, names, np.arange(height) + 0.5)
    panel.set_ylabel(heading, fontsize="small", parse_math=False)
    columns.draw(panel, -_AWAY * height, -_GAP * height)
    columns.number(panel)
    panel.set_xlabel(columns.heading, fontsize="small")
    # Colours of other groups would be taken for those of the modules.
    strip = heading == Keys(key).labels
    if strip:
        colors = to_rgba_array(_groups.colors(adata, heading, list(cells)))
        _blocks(panel, list(colors[:, None, None]), (-_AWAY * width, -_GAP * width))
    panel.hlines(np.arange(1, height), 0, width, colors="white", linewidths=0.8)
    if time is not None:
        _draw_times(panel, [time[rows] for rows in lines], str(pseudotime), width)
    left, right = (-_AWAY * width if strip else 0, width if time is None else (1 + _AWAY) * width)
    panel.set(xlim=(left, right), ylim=(height, -_AWAY * height), frame_on=False)
    _axes.colorbar(artist, [panel], "activation", widen=False, extend=_scale.beyond(norm, pictures))
    return _axes.finish([panel], ax=ax, show=show)


def _times(adata: AnnData, pseudotime: str) -> np.ndarray:
    """Return the pseudotime of each cell, NaN where there is none."""
    _checks.existing_key("pseudotime", pseudotime, adata.obs, where="`adata.obs`")
    column = adata.obs[pseudotime]
    if not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        msg = f"`pseudotime`={pseudotime!r} must name a column of numbers, got {column.dtype}; `groupby` takes groups."
        raise TypeError(msg)
    times = column.to_numpy(dtype=np.float64, na_value=np.nan)
    finite = np.isfinite(times)
    if not finite.any():
        msg = f"`pseudotime`={pseudotime!r} must have a finite value for some cell, got none."
        raise ValueError(msg)
    if not finite.all():
        log.info("%d cells without a finite value of %r are not drawn", (~finite).sum(), pseudotime)
    return np.where(finite, times, np.nan)


def _grouped(
    adata: AnnData, groupby: str | None, groups: str | Sequence[Any] | None, time: np.ndarray | None, key: str
) -> tuple[str, pd.Categorical]:
    """Return what the groups are, and the group of each cell that is to be drawn."""
    if groupby is None and groups is None and time is not None:
        return "", pd.Categorical.from_codes(np.where(np.isfinite(time), 0, -1), ["all cells"])
    heading = Keys(key).labels if groupby is None else groupby
    of = _groups.grouping(adata, heading, groups)
    if time is None:
        return heading, of
    timed = pd.Categorical.from_codes(np.where(np.isfinite(time), of.codes, -1), of.categories)
    present = timed.remove_unused_categories()
    if not len(present.categories):
        msg = f"`pseudotime` must have a finite value for some cell of the groups of {heading!r}, got none."
        raise ValueError(msg)
    return heading, present


def _in_order(
    activations: np.ndarray, of: pd.Categorical, time: np.ndarray | None, order: np.ndarray
) -> dict[Any, np.ndarray]:
    """Return the cells of each group from top to bottom."""
    cells = {}
    for code, name in enumerate(of.categories):
        rows = np.flatnonzero(of.codes == code)
        values = _first_component(activations[rows], order) if time is None else time[rows]
        cells[name] = rows[np.argsort(values, kind="stable")]
    return cells


def _first_component(activations: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return the first principal component, (n_cells,), larger for cells that light neurons further right."""
    centred = activations - activations.mean(axis=0, dtype=np.float64)
    loadings = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    rightward = loadings[order] @ np.arange(len(order))
    return centred @ (loadings if rightward >= 0 else -loadings)


def _spread(rows: np.ndarray, most: int) -> np.ndarray:
    """Return at most so many of the rows, at equal distances, the first and the last among them."""
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).round().astype(int)]


def _blocks(ax: Axes, blocks: list[np.ndarray], span: tuple[float, float], **style: Any) -> AxesImage:
    """Draw one image below the other, each of height one, between left and right; return the last."""
    for place, block in enumerate(blocks):
        artist = ax.imshow(block, extent=(*span, place + 1, place), aspect="auto", interpolation="nearest", **style)
    return artist


def _draw_times(ax: Axes, times: list[np.ndarray], name: str, width: int) -> None:
    """Draw the pseudotime as a strip right of the picture, from light to dark, and write what it is."""
    from matplotlib.colors import Normalize

    drawn, strips = np.concatenate(times), [each[:, None] for each in times]
    span = (1 + _GAP) * width, (1 + _AWAY) * width
    _blocks(ax, strips, span, cmap="Greys", norm=Normalize(drawn.min(), drawn.max()))
    text = f"{_axes.shortened(name)}: {drawn.min():.2g} to {drawn.max():.2g}"
    ax.text(1.01, 0.5, text, rotation=90, va="center", fontsize="small", transform=ax.transAxes, parse_math=False)
