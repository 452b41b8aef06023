"""Activation maps: the small picture that every cell has, or that a group of cells has on average."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scgsr import _adata, _checks
from scgsr._adata import DEFAULT_KEY, Keys
from scgsr._checks import about
from scgsr.pl import _axes, _groups, _pictures, _scale
from scgsr.pl._calls import Figsize, checked_figsize, checked_titles, picture
from scgsr.pl._page import Page
from scgsr.pl._pictures import Pictures
from scgsr.pl._sheet import Sheet

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.figure import Figure

# The colour of the title of a mean over few cells.
_MARK = "#B84300"


@picture
def activation_map(
    adata: AnnData,
    cells: str | int | Sequence[str] | Sequence[int] | np.ndarray | None = None,
    *,
    groupby: str | Sequence[str] | None = None,
    groups: str | Sequence[Any] | None = None,
    reference: str | None = None,
    center: bool = False,
    normalize: str | None = "auto",
    ncols: int | None = None,
    cmap: str | Colormap | None = None,
    vmin: float | str | None = None,
    vmax: float | str | None = None,
    vcenter: float | None = None,
    title: str | Sequence[str] | None = None,
    figsize: Figsize | None = None,
    key: str = DEFAULT_KEY,
    ax: Axes | None = None,
    show: bool | None = None,
    return_fig: bool = False,
) -> Axes | Figure | None:
    r"""Draw activations on the neuron graph, one panel per group of cells (their mean) or per cell.

    Each area is a neuron, not a cell: a pixel on a grid or torus, else an area around the neuron's place in the layout
    of the graph. Areas at the same place in different panels are the same neuron. All areas are equal in size. A gap
    separates neurons that lie side by side in the layout and are not connected by the graph, such as branches of a
    tree.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on.
    cells
        Draw single cells: names from `.obs_names`, positions, or a boolean mask. Without `cells` and `groupby`, the
        cells are grouped by the labels of the fit.
    groupby
        Draw the mean over each group of this column of `.obs`. Cells with a missing value are in no group; groups
        without cells are left out and logged. Of two columns the first gives the rows, the second the columns of
        panels. Levels come in the order of the categorical; strings that are numbers, in that of the numbers.
    groups
        Which groups to draw, in this order; with two columns, which levels of the first.
    reference
        A level of the second of two columns. Its column shows the pictures themselves, each relative to its maximum
        in `viridis`; the others show the difference to it within the row, on one scale that is symmetric about 0.
    center
        Subtract the mean over all cells of `adata`, grouped or not. Panels then show what sets a group apart.
    normalize
        ``"panel"`` divides each panel by its own largest absolute value. Faint pictures can then be read, and you can
        compare where groups are active, but not how strongly; differences are divided by the maximum of the reference.
        ``None`` draws all panels on one scale, so that you can compare how strongly; groups of fewer than ten cells,
        which are marked in their titles, do not set it. ``"auto"`` is ``"panel"``, but ``None`` if a limit or `vcenter`
        is given.
    ncols
        Panels per row, at most; by default as many as the width has room for.
    cmap
        Colour map; by default viridis, or with `center`, `vcenter` or `reference` a diverging one, red above and blue
        below.
    vmin, vmax
        Limits of the colours: numbers, or percentiles of what is drawn such as ``"p99"``. By default the scale starts
        at 0 unless there are negative values.
    vcenter
        Value at the middle of the colours; by default 0 with `center`. The limits are then symmetric about it unless
        both are given.
    title
        Title above all panels, or of the one panel, or a list with the title of each panel.
    figsize
        Width and height in inches; a height of None follows from the width, as in ``(85 / 25.4, None)``.
    key
        The fit's `key_added`.
    ax
        Draw into these axes; for one panel only.
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
        If there is no fit under `key`, or no such column or cell.
    TypeError
        If `groupby` names a column of floating-point numbers.
    ValueError
        If both `cells` and `groupby` are given, if nothing or too much is left to draw, or a limit or option is wrong.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, (6, 8), n_epochs=2)
    >>> figure = scgsr.pl.activation_map(adata, groupby="bulk_labels", groups=["CD19+ B", "Dendritic"], show=False)
    >>> [panel.get_title() for panel in figure.axes[:2]]
    ['CD19+ B\nn = 95', 'Dendritic\nn = 240']
    >>> figure.axes[0].images[0].get_array().shape
    (6, 8)
    """
    normalize = _unit(normalize, limits=(vmin, vmax, vcenter))
    ncols = None if ncols is None else _checks.positive_int("ncols", ncols)
    if cells is not None and not groupby is groups is reference is None:
        msg = "`cells` excludes `groupby`, `groups` and `reference`: draw single cells or the means of groups."
        raise about("cells", ValueError(msg))
    if center and reference is not None:
        msg = "`center` subtracts the mean of all cells and `reference` that of a group, got both; leave one out."
        raise about("center", ValueError(msg))
    if cells is None:
        column = Keys(key).labels if groupby is None else groupby
        pictures = _pictures.of_groups(adata, key, column, groups, reference)
    else:
        pictures = _pictures.of_cells(adata, key, cells)
    _refuse_panels(len(pictures.names), ax)
    pictures = pictures.drawn(
        normalize, _adata.read_activations(adata, key).mean(axis=0, dtype=np.float64) if center else None
    )
    vcenter = 0.0 if vcenter is None and (center or reference is not None) else vcenter
    norm = _scale.norm(pictures.for_scale(), vmin=vmin, vmax=vmax, vcenter=vcenter)
    cmap = ("viridis" if vcenter is None else "RdBu_r") if cmap is None else cmap
    sheet = Sheet.of_graph(_adata.read_graph(adata, key))
    heading, titles = checked_titles(title, pictures.titles)
    page = Page(
        titles=titles,
        aspect=sheet.aspect,
        ncols=pictures.ncols or ncols,
        figsize=checked_figsize(figsize, ax),
        heading=heading,
        row_names=list(pictures.rows),
        ax=ax,
    )
    _draw(page, sheet, pictures, cmap, norm)
    return _axes.finish(page.axes, ax=ax, show=show, return_fig=return_fig, many=True)


def _unit(normalize: str | None, *, limits: Sequence[Any]) -> str | None:
    """Return what `normalize` means: limits are in the unit of the activations unless the user says otherwise."""
    if normalize is None:
        return None
    chosen = _checks.one_of("normalize", normalize, ["auto", "panel"])
    return None if chosen == "auto" and any(limit is not None for limit in limits) else "panel"


def _draw(page: Page, sheet: Sheet, pictures: Pictures, cmap: str | Colormap, norm: Normalize) -> None:
    """Draw each picture into its panel, and one colour bar."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    marked, own = pictures.few, pictures.is_reference
    for number, (panel, image) in enumerate(zip(page.axes, pictures.images, strict=True)):
        if not np.isfinite(image).all():
            sheet.blank(panel, "no reference" if pictures.has_cells[number] else "no cells")
        elif own[number]:
            sheet.draw(panel, image, cmap="viridis", norm=Normalize(min(0.0, float(image.min())), 1.0))
        else:
            sheet.draw(panel, image, cmap=cmap, norm=norm)
        if marked[number]:
            panel.title.set_color(_MARK)
    shown = pictures.images[np.isfinite(pictures.images[:, 0]) & ~own]
    page.colorbar(
        ScalarMappable(norm, cmap), pictures.what, extend=_scale.beyond(norm, [shown]) if len(shown) else "neither"
    )


def _refuse_panels(n: int, ax: Axes | None) -> None:
    if not 1 <= n <= _groups.MOST_GROUPS:
        msg = f"`cells` must select 1 to {_groups.MOST_GROUPS} cells, got {n}; `groupby` draws the mean of many."
        raise about("cells", ValueError(msg))
    if ax is not None and n > 1:
        msg = f"`ax` holds one panel, got {n} to draw; choose one with `cells` or `groups`, or leave `ax` out."
        raise about("ax", ValueError(msg))
