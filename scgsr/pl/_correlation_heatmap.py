"""Correlation heatmap: which markers go with which neurons, in each branch or group."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import scipy

from scgsr import _adata, _checks
from scgsr._adata import DEFAULT_KEY
from scgsr._checks import about
from scgsr._measures import feature_correlation
from scgsr.pl import _axes, _groups, _scale
from scgsr.pl._columns import Columns

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# More rows than this are drawn only for who names them.
_MOST_UNNAMED = 40
# Inches: the width of a panel, the height of a row, the least and most height of a panel.
_PANEL_WIDTH, _ROW_HEIGHT, _LEAST_HEIGHT, _MOST_HEIGHT = 1.45, 0.14, 0.8, 6.0
# Inches: the title with the strip of modules, the names with the colour bar.
_TITLE_HEIGHT, _BESIDE = 0.5, 1.4
# Letters in a line of a title, where two panels stand in a column of 85 mm.
_TITLE_LETTERS = 12
# Where the strip of modules begins and ends above the rows, in shares of the panel's height.
_STRIP_TOP, _STRIP_BOTTOM = 0.06, 0.015


def correlation_heatmap(
    adata: AnnData,
    groupby: str,
    *,
    groups: str | Sequence[Any] | None = None,
    names: Sequence[str] | None = None,
    layer: str | None = None,
    ncols: int = 4,
    key: str = DEFAULT_KEY,
    show: bool | None = None,
) -> Axes | Figure | None:
    r"""Draw the correlation of markers with neurons over the cells of each group, as of each branch of a trajectory.

    One panel per group, all with the same rows, columns and colours: columns are neurons in the order of the graph, as
    in :func:`scgsr.pl.activation_heatmap`; rows are features in the order of a hierarchical clustering of their
    correlations over *all* cells of `adata`, so that a row or column can be followed from panel to panel. Grey is
    undefined: the feature or the neuron does not vary in that group, or the group has fewer than three cells. A
    correlation within a group says which neurons follow the marker *there*, not which the group lights.

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
        Features from `.var_names`; all by default, if there are no more than 40.
    layer
        Where to take their values from, by default `.X`. Only the named columns of a sparse matrix are made dense.
    ncols
        Panels per row.
    key
        The fit's `key_added`.
    show
        Show the picture instead of returning it; ``None`` as in Scanpy.

    Returns
    -------
    Axes for one panel, else a Figure; ``None`` if it was shown. It is laid out anew for another width: four panels in
    a row fit 180 mm, two (``ncols=2``) a column of 85 mm, as after ``figure.set_figwidth(85 / 25.4)``.

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
    ['G1\n(n = 501)', 'G2M\n(n = 17)', 'S\n(n = 182)']
    >>> figure.axes[0].images[0].get_array().shape
    (3, 48)
    """
    ncols = _checks.positive_int("ncols", ncols)
    if names is None and adata.n_vars > _MOST_UNNAMED:
        most = f"best at most {_MOST_UNNAMED}"
        msg = f"`names`=None draws all features, got {adata.n_vars} of them; name those to draw, {most}."
        raise about("names", ValueError(msg))
    activations, columns = _adata.read_activations(adata, key), Columns.of_fit(adata, key)
    labels = _groups.grouping(adata, groupby, groups)
    features, values = _adata.columns(adata, names, layer=layer)
    rows = _clustered(feature_correlation(values, activations))
    panels = _panels(len(labels.categories), len(rows), ncols)
    for code, (panel, name) in enumerate(zip(panels, labels.categories, strict=True)):
        members = np.flatnonzero(labels.codes == code)
        picture = feature_correlation(values[members], activations[members])[rows][:, columns.order]
        artist = _draw(panel, picture, columns)
        title = f"{textwrap.fill(_axes.shortened(str(name)), _TITLE_LETTERS)}\n(n = {len(members):,})"
        panel.set_title(title, fontsize="small", parse_math=False)
        if code % ncols == 0:
            _axes.name_rows(panel, [_axes.shortened(features[row]) for row in rows], np.arange(len(rows)) + 0.5)
        if code < ncols:
            columns.number(panel)
    cast("Figure", panels[0].figure).supxlabel(columns.heading, fontsize="small")
    label = "correlation over cells\n(grey: undefined)"
    _axes.colorbar(artist, panels, label, widen=False)
    return _axes.finish(panels, ax=None, show=show)


def _clustered(correlation: np.ndarray) -> np.ndarray:
    """Return the rows in the order of their clustering; undefined ones come last."""
    defined = np.flatnonzero(np.isfinite(correlation).any(axis=1))
    rows = correlation[defined][:, np.isfinite(correlation[defined]).all(axis=0)]
    if len(rows) > 1:
        merges = scipy.cluster.hierarchy.linkage(rows, "average", optimal_ordering=True)
        defined = defined[scipy.cluster.hierarchy.leaves_list(merges)]
    return np.concatenate([defined, np.flatnonzero(~np.isfinite(correlation).any(axis=1))])


def _panels(n: int, n_rows: int, ncols: int) -> list[Axes]:
    """Return axes for `n` groups of `n_rows` features."""
    ncols = min(ncols, n)
    height = float(np.clip(_ROW_HEIGHT * n_rows, _LEAST_HEIGHT, _MOST_HEIGHT)) + _TITLE_HEIGHT
    width, n_lines = _PANEL_WIDTH * ncols + _BESIDE, -(-n // ncols)
    return _axes.resizable(width, height * n_lines + _TITLE_HEIGHT, n=n, ncols=ncols)


def _draw(ax: Axes, picture: np.ndarray, columns: Columns) -> Any:
    """Draw one group's correlations and the strip of modules above."""
    import matplotlib as mpl

    height, width = picture.shape
    style: dict[str, Any] = {"cmap": mpl.colormaps["RdBu_r"].with_extremes(bad=_scale.UNDEFINED), "vmin": -1, "vmax": 1}
    artist = ax.imshow(picture, extent=(0, width, height, 0), aspect="auto", interpolation="nearest", **style)
    top = -_STRIP_TOP * height
    columns.draw(ax, top, -_STRIP_BOTTOM * height)
    ax.set(xlim=(0, width), ylim=(height, top), xticks=[], yticks=[], frame_on=False)
    return artist
