"""Activation maps: the small picture that every cell has, or that a group of cells has on average."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scgsr import _adata, _checks
from scgsr._adata import DEFAULT_KEY, Keys
from scgsr._checks import about, listed
from scgsr.pl import _axes, _groups, _scale
from scgsr.pl._sheet import Sheet

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure


def activation_map(
    adata: AnnData,
    cells: str | int | Sequence[str] | Sequence[int] | np.ndarray | None = None,
    *,
    groupby: str | None = None,
    groups: str | Sequence[Any] | None = None,
    center: bool = False,
    normalize: str | None = None,
    ncols: int = 4,
    cmap: str | Colormap | None = None,
    vmin: float | str | None = None,
    vmax: float | str | None = None,
    vcenter: float | None = None,
    key: str = DEFAULT_KEY,
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes | Figure | None:
    """Draw activations on the neuron graph, one panel per group of cells (their mean) or per cell.

    Each area is a neuron, not a cell: a pixel on a grid or torus, else the Voronoi cell of the neuron's place in the
    layout of the graph. Areas at the same place in different panels are the same neuron. Parts of the graph that no
    edge connects are outlined apart.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on.
    cells
        Draw single cells: names from `.obs_names`, positions, or a boolean mask. Without `cells` and `groupby`, the
        cells are grouped by the labels of the fit.
    groupby
        Draw the mean over each group of this column of `.obs`. Cells with a missing value are in no group; groups
        without cells are left out and logged.
    groups
        Which groups to draw, in this order.
    center
        Subtract the mean over all cells of `adata`, grouped or not: what sets a group apart, instead of what it shares
        with all.
    normalize
        ``None`` draws all panels on one scale, so that brightness can be compared. ``"panel"`` divides each panel by
        its own largest absolute value, so that faint pictures can be read too, but only *where* can be compared.
    ncols
        Panels per row.
    cmap
        Colour map; by default viridis, or with `center` or `vcenter` a diverging one, red above and blue below.
    vmin, vmax
        Limits of the colours: numbers, or percentiles of what is drawn such as ``"p99"``. By default the scale starts
        at 0, silence, unless there are negative values.
    vcenter
        Value at the middle of the colours; by default 0 with `center`. The limits are then symmetric about it unless
        both are given.
    key
        The fit's `key_added`.
    ax
        Draw into these axes; for one panel only.
    show
        Show the picture instead of returning it; ``None`` as in Scanpy.

    Returns
    -------
    Axes for one panel, else a Figure; ``None`` if it was shown.

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
    ['CD19+ B (n = 95)', 'Dendritic (n = 240)']
    >>> figure.axes[0].images[0].get_array().shape
    (6, 8)
    """
    if normalize is not None:
        _checks.one_of("normalize", normalize, ["panel"])
    ncols = _checks.positive_int("ncols", ncols)
    if cells is not None and (groupby is not None or groups is not None):
        msg = "`cells` and `groupby` or `groups` exclude each other: draw single cells or the means of groups."
        raise about("cells", ValueError(msg))
    activations = _adata.read_activations(adata, key)
    if cells is None:
        titles, images = _of_groups(adata, activations, Keys(key).labels if groupby is None else groupby, groups)
    else:
        titles, images = _of_cells(adata, activations, cells)
    _refuse_panels(len(images), ax)
    label = "mean activation" if cells is None else "activation"
    if center:
        images = images - activations.mean(axis=0, dtype=np.float64)
        vcenter = 0.0 if vcenter is None else vcenter
        label += "\nminus the mean of all cells"
    if normalize == "panel":
        peak = np.abs(images).max(axis=1, keepdims=True)
        images = np.divide(images, peak, out=np.zeros_like(images), where=peak > 0)
        label += "\nrelative to the panel's maximum"
    norm = _scale.norm(images, vmin=vmin, vmax=vmax, vcenter=vcenter)
    if cmap is None:
        cmap = "viridis" if vcenter is None else "RdBu_r"
    sheet = Sheet.of_graph(_adata.read_graph(adata, key))
    axes = _axes.panels(titles, aspect=sheet.aspect, ncols=ncols, ax=ax)
    for panel, image in zip(axes, images, strict=True):
        artist = sheet.draw(panel, image, cmap=cmap, norm=norm)
    _axes.colorbar(artist, axes, label, widen=ax is None)
    return _axes.finish(axes, ax=ax, show=show)


# The title of each panel, and the values of the neurons (n_panels, n_neurons).
_Pictures = tuple[list[str], np.ndarray]


def _of_groups(adata: AnnData, activations: np.ndarray, groupby: str, groups: str | Sequence[Any] | None) -> _Pictures:
    """Return a panel for each group: its name and number of cells, its mean activations."""
    labels = _groups.grouping(adata, groupby, groups)
    counts, images = _groups.means(activations, labels)
    return [f"{name} (n = {count:,})" for name, count in zip(labels.categories, counts, strict=True)], images


def _of_cells(adata: AnnData, activations: np.ndarray, cells: Any) -> _Pictures:
    """Return a panel for each cell: its name, its activations."""
    rows = _rows(adata, cells)
    return [str(name) for name in adata.obs_names[rows]], activations[rows].astype(np.float64)


def _rows(adata: AnnData, cells: Any) -> np.ndarray:
    """Return the positions of the cells that names, positions or a mask stand for."""
    chosen = np.atleast_1d(np.asarray(cells))
    if chosen.dtype == bool:
        if chosen.shape != (adata.n_obs,):
            msg = f"`cells` as a mask needs one value for each of the {adata.n_obs} cells, got {chosen.size}."
            raise about("cells", ValueError(msg))
        return np.flatnonzero(chosen)
    if np.issubdtype(chosen.dtype, np.integer):
        outside = [row for row in chosen.tolist() if not -adata.n_obs <= row < adata.n_obs]
        if outside:
            msg = f"`cells` as positions must be below the number of cells, {adata.n_obs}, got {listed(outside)}."
            raise about("cells", ValueError(msg))
        return chosen
    unknown = [name for name in chosen.tolist() if name not in adata.obs_names]
    if unknown:
        msg = f"`cells` must be names from `adata.obs_names`, positions or a boolean mask, got {listed(unknown)}."
        raise about("cells", KeyError(msg))
    return np.array([row for name in chosen.tolist() for row in np.flatnonzero(adata.obs_names == name)], dtype=int)


def _refuse_panels(n: int, ax: Axes | None) -> None:
    if not 1 <= n <= _groups.MOST_GROUPS:
        msg = f"`cells` must select 1 to {_groups.MOST_GROUPS} cells, got {n}; `groupby` draws the mean of many."
        raise about("cells", ValueError(msg))
    if ax is not None and n > 1:
        msg = f"`ax` holds one panel, got {n} to draw; choose one with `cells` or `groups`, or leave `ax` out."
        raise about("ax", ValueError(msg))
