"""Compare: where on the sheet, in which modules and in which of their markers samples of two conditions differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scgsr import _adata
from scgsr._adata import DEFAULT_KEY
from scgsr.pl import _axes, _scale, _text
from scgsr.pl._calls import Figsize, checked_figsize, checked_heading, picture
from scgsr.pl._sheet import Sheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.figure import Figure

# What is found at this false discovery rate is marked.
_FOUND = 0.05
# Points: the names of features.
_FEATURE_POINTS = 8.0
# Columns of the heat map: the features with the smallest p-values.
_MOST_FEATURES = 30
# Inches: the width of the page, below which panels stand one below the other, the height of a level and of a row.
_WIDTH, _NARROW, _LEVEL_HEIGHT, _ROW_HEIGHT, _BETWEEN = 7.1, 5.0, 2.4, 0.16, 0.6
_SIDE_BY_SIDE = (1.0, 1.0, 1.5)
# In units of a panel's width.
_BETWEEN_PANELS = 0.1
# Inches: a row where there are more than so many.
_THIN_ROW_HEIGHT, _MOST_THICK_ROWS = 0.13, 20
_INK, _FAINT, _RELATIVE = "0.15", "0.6", "#D55E00"


@picture
def compare(
    adata: AnnData,
    *,
    cmap: str | Colormap = "RdBu_r",
    title: str | None = None,
    figsize: Figsize | None = None,
    key: str = DEFAULT_KEY,
    ax: Axes | Sequence[Axes] | None = None,
    show: bool | None = None,
    return_fig: bool = False,
) -> Figure | list[Axes] | None:
    """Draw the results of :func:`scgsr.tl.compare`: three panels for each level of the condition.

    Left, the neurons: the moderated t of each neuron's mean activation, red where it is higher in the level than in the
    reference, blue where it is lower. Neurons at a false discovery rate of 5 % have a black border. Middle, the
    modules: the difference in the log odds of their shares, with 95 % intervals. A dot is filled at a false discovery
    rate of 5 %, and an orange tick is the change relative to the median one. Right, the moderated t of the medians of
    markers in modules, with a dot at 5 %.

    The left panel is for orientation. Base claims on the tables of the other two (:func:`scgsr.get.compare`).

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.compare` has been run on.
    cmap
        Colour map of the t, best a diverging one.
    title
        What stands above all panels; by default nothing.
    figsize
        Width and height in inches; a height of None follows from the width, as in ``(85 / 25.4, None)``.
        Below 5 inches the panels stand one below the other. None: 180 mm wide.
    key
        The fit's `key_added`.
    ax
        Draw into these axes, three for each level of the condition in the order of the panels: a list or an array.
    show
        Show the picture instead of returning it; ``None`` as in Scanpy.
    return_fig
        Return the Figure, whatever else would be returned.

    Returns
    -------
    Figure; the axes where `ax` gives them; ``None`` if it was shown.

    Raises
    ------
    KeyError
        If there is no fit under `key`, or samples were not compared.

    Examples
    --------
    >>> import numpy as np, scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> adata.obs["donor"] = [f"d{number}" for number in np.arange(700) % 6]
    >>> adata.obs["treated"] = np.where(np.arange(700) % 2, "yes", "no")
    >>> scgsr.tl.fit(adata, (6, 8), n_epochs=2)
    >>> scgsr.tl.compare(adata, "treated", "donor", names=["CD3D", "LYZ"])
    >>> figure = scgsr.pl.compare(adata, show=False)
    >>> figure.axes[0].get_title().split()
    ['yes', 'against', 'no']
    """
    found, graph = _adata.read_compare(adata, key), _adata.read_graph(adata, key)
    neurons, abundance, state = found["neurons"], found["abundance"], found["state"]
    state = state[state["names"].isin(_shown(state))]
    levels, reference = list(dict.fromkeys(abundance["level"])), str(found["params"]["reference"])
    below = max((_text.width(_axes.shortened(name), _FEATURE_POINTS) for name in state["names"].unique()), default=0.0)
    heading, size = checked_heading(title, ax), checked_figsize(figsize, ax)
    rows = _panels(len(levels), abundance["module"].nunique(), below, size, ax)
    norms = [_symmetric(table["t"].to_numpy()) for table in (neurons, state)]
    sheet = Sheet.of_graph(graph)
    for level, (sheet_panel, bars, heat) in zip(levels, rows, strict=True):
        of_level = [table[table["level"] == level] for table in (neurons, abundance, state)]
        _draw_sheet(sheet_panel, sheet, of_level[0], norms[0], cmap)
        names = [_axes.shortened(name) for name in (level, reference) if name]
        _axes.head(sheet_panel, "\nagainst ".join(names), _title_width(sheet_panel))
        _draw_modules(bars, of_level[1])
        # Beside the shares, rows are named once.
        _draw_state(heat, of_level[2], norms[1], cmap, named=sheet_panel.get_position().x0 == heat.get_position().x0)
    for panel, head in zip(rows[0][1:], ("share of each module", "markers in each module"), strict=True):
        _axes.head(panel, head, _title_width(panel))
    for column, label in ((0, "moderated t\nof mean pictures"), (2, "moderated t of medians")):
        panels = [row[column] for row in rows]
        artist = (panels[0].images or panels[0].collections)[0]
        _axes.colorbar(artist, panels, label)
    panels = [panel for row in rows for panel in row]
    _axes.heading(panels[0].figure, heading)
    return _axes.finish_panels(panels, ax=ax, show=show, return_fig=return_fig)


def _panels(
    n_levels: int,
    n_modules: int,
    below: float,
    figsize: tuple[float | None, float | None],
    ax: Axes | Sequence[Axes] | None,
) -> list[list[Axes]]:
    """Return the three panels of each level, with so many inches below them."""
    import matplotlib.pyplot as plt

    if ax is not None:
        given = iter(_axes.given_axes(ax, 3 * n_levels, "sheet, modules and markers of each level"))
        return [[next(given) for _ in range(3)] for _ in range(n_levels)]
    row = _ROW_HEIGHT if n_modules <= _MOST_THICK_ROWS else _THIN_ROW_HEIGHT
    height = max(_LEVEL_HEIGHT, row * n_modules + _BETWEEN) + below
    scale = _text.scale()
    width, height, level = figsize[0] or _WIDTH * scale, height * scale, _LEVEL_HEIGHT * scale
    if width < _NARROW:
        heights = [level, height - below, height] * n_levels
        figure = plt.figure(figsize=(width, figsize[1] or sum(heights)), layout="constrained")
        panels = figure.subplots(3 * n_levels, 1, squeeze=False, height_ratios=heights)
        return panels.reshape(n_levels, 3).tolist()
    figure = plt.figure(figsize=(width, figsize[1] or n_levels * height))
    figure.set_layout_engine("constrained", wspace=_BETWEEN_PANELS)
    return figure.subplots(n_levels, 3, squeeze=False, width_ratios=_SIDE_BY_SIDE).tolist()


def _title_width(panel: Axes) -> float:
    """Return the inches that a title has before panels have found their places."""
    return 0.8 * panel.get_position().width * float(panel.figure.bbox.width) / panel.figure.dpi


def _shown(state: pd.DataFrame) -> list[str]:
    """Return the features of the heat map."""
    least = state.groupby("names", sort=False)["p"].min()
    return list(least.index) if len(least) <= _MOST_FEATURES else list(least.nsmallest(_MOST_FEATURES).index)


def _symmetric(values: np.ndarray) -> Normalize:
    """Return a scale that is symmetric about zero."""
    known = values[np.isfinite(values)]
    return _scale.norm(known if len(known) else np.zeros(1), vcenter=0)


def _draw_sheet(panel: Axes, sheet: Sheet, table: pd.DataFrame, norm: Normalize, cmap: str | Colormap) -> None:
    """Draw the t of each neuron, with a border around those that are found."""
    sheet.draw(panel, np.ma.masked_invalid(table["t"].to_numpy()), cmap=_scale.with_grey(cmap), norm=norm)
    sheet.border(panel, table["q"].to_numpy() <= _FOUND)


def _draw_modules(panel: Axes, table: pd.DataFrame) -> None:
    """Draw how the shares of the modules differ, the first module on top."""
    rows, found = np.arange(len(table)), table["q"].to_numpy() <= _FOUND
    panel.axvline(0, color=_FAINT, linewidth=0.8)
    panel.hlines(rows, table["low"], table["high"], color=_INK, linewidth=1)
    panel.scatter(table["effect"], rows, s=18, color=np.where(found, _INK, "white"), edgecolors=_INK, zorder=3)
    panel.scatter(table["relative_effect"], rows, s=50, marker="|", color=_RELATIVE, zorder=2)
    panel.set_ylim(len(table) - 0.5, -0.5)
    panel.set_xlabel("difference of log odds", fontsize="small")
    panel.tick_params(axis="x", labelsize="small")
    panel.spines[["top", "right"]].set_visible(False)
    _axes.name_rows(panel, [_axes.shortened(str(name), rows=len(table)) for name in table["module"]], rows)


def _draw_state(panel: Axes, table: pd.DataFrame, norm: Normalize, cmap: str | Colormap, *, named: bool) -> None:
    """Draw the t of each marker in each module, with a dot where it is found."""
    modules, names = list(dict.fromkeys(table["module"])), list(dict.fromkeys(table["names"]))
    shape = len(modules), len(names)
    colors = _scale.with_grey(cmap, _scale.UNDEFINED)
    image = np.ma.masked_invalid(table["t"].to_numpy().reshape(shape))
    panel.imshow(image, aspect="auto", cmap=colors, norm=norm, interpolation="nearest")
    row, column = np.nonzero((table["q"].to_numpy() <= _FOUND).reshape(shape))
    panel.scatter(column, row, s=9, color="black", edgecolors="white", linewidths=0.5)
    shown = [_axes.shortened(name, rows=len(modules)) for name in modules] if named else []
    _axes.name_rows(panel, shown, np.arange(len(shown)))
    size = min(_FEATURE_POINTS, 180 / max(len(names), 1))
    panel.set_xticks(
        range(len(names)), [_axes.shortened(name) for name in names], rotation=90, fontsize=size, parse_math=False
    )
    panel.tick_params(axis="x", length=0)
