"""Evolution: how a learned graph came about."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np
from scipy.sparse import csr_matrix

from scgsr import _adata, _checks
from scgsr._adata import DEFAULT_KEY
from scgsr._checks import about
from scgsr.graphs import edge_jaccard
from scgsr.pl import _axes, _palette, _scale
from scgsr.pl._calls import Figsize, checked_figsize, checked_heading, picture
from scgsr.pl._neuron_graph import aspect, draw_edges, draw_nodes
from scgsr.pl._palette import Palette

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anndata import AnnData
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine


# More panels are too small to compare.
_MOST_PANELS = 8
# Inches: a panel, its title, a line of the legend below, what is left free above and below a panel.
_PANEL_SIZE, _TITLE_HEIGHT, _LEGEND_LINE, _PAD = 1.7, 0.45, 0.22, 0.1
# Panels in a row, and the least width of one in inches.
_NCOLS, _LEAST_SIZE = 4, 1.1
# Inches: an entry of the legend; and how many modules it names.
_LEGEND_ENTRY, _MODULES_NAMED = 1.15, 10
_NEW_EDGE, _KEPT_EDGE = "0.1", "0.85"


@picture
def evolution(
    adata: AnnData,
    *,
    ncols: int | None = None,
    palette: Palette | None = None,
    title: str | None = None,
    figsize: Figsize | None = None,
    key: str = DEFAULT_KEY,
    ax: Axes | Sequence[Axes] | None = None,
    show: bool | None = None,
    return_fig: bool = False,
) -> Figure | list[Axes] | None:
    """Draw how a learned graph changed during training.

    Each panel is one estimate of the graph. Its title has the epoch, and the share of edges (Jaccard) in common with
    the estimate just before, even if that one is not drawn. New edges are black. Neurons have the positions of the
    final graph and the colour of their final module (the first ten are named), so a panel looks the more orderly the
    more it agrees with the final graph. Of more than eight estimates, eight are drawn, the first and the last among
    them.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on with a graph from :func:`scgsr.graphs.learned`.
    ncols
        Panels per row, at most; by default as many as the width has room for, up to four.
    palette
        Colours of the modules: the name of a colour map, a list of colours, or a dict of them by module.
    title
        Title above all panels; by default none.
    figsize
        Width and height in inches; a height of None follows from the width, as in ``(85 / 25.4, None)``.
    key
        The fit's `key_added`.
    ax
        Draw into these axes, one for each estimate that is drawn: a list or an array. The legend is right of the last.
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
        If there is no fit under `key`.
    ValueError
        If the graph was given and not learned.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, scgsr.graphs.learned(20), n_epochs=4)
    >>> figure = scgsr.pl.evolution(adata, show=False)
    >>> print(figure.axes[0].get_title())
    epoch 0
    the first
    """
    from matplotlib.colors import to_rgba_array

    heading, (width, height) = checked_heading(title, ax), checked_figsize(figsize, ax)
    ncols = _n_columns(ncols, width, ax)
    estimates, graph = _adata.read_evolution(adata, key), _adata.read_graph(adata, key)
    modules = np.asarray(_adata.read_record(adata, key)["modules"])
    colors = _palette.of_modules(adata, key, palette)
    faces = to_rgba_array([*colors, _scale.DEAD])[modules]
    chosen = np.unique(np.linspace(0, len(estimates) - 1, _MOST_PANELS).round().astype(int))
    if ax is None:
        panels = _panels(len(chosen), ncols, aspect(graph), width)
    else:
        panels = _axes.given_axes(ax, len(chosen), "one for each estimate")
    for panel, index in zip(panels, chosen, strict=True):
        kept, new = _kept_and_new(estimates, index)
        draw_edges(panel, replace(graph, adjacency=kept), _KEPT_EDGE)
        draw_edges(panel, replace(graph, adjacency=new), _NEW_EDGE)
        draw_nodes(panel, graph, np.ones(graph.n_neurons), facecolors=faces, edgecolors="white")
        panel.set_title(_title(estimates, index), fontsize="small")
    handles, labels = _legend(colors)
    if ax is not None:
        _axes.legend(panels[-1], handles, labels, heading="")
    else:
        _legend_below(cast("Figure", panels[0].figure), handles, labels, height)
    _axes.heading(panels[0].figure, heading)
    return _axes.finish_panels(panels, ax=ax, show=show, return_fig=return_fig)


def _n_columns(ncols: int | None, width: float | None, ax: object) -> int:
    """Return how many panels stand in a row."""
    if ncols is None:
        return _NCOLS if width is None else int(np.clip(width // _LEAST_SIZE, 1, _NCOLS))
    if ax is not None:
        msg = f"`ncols` arranges the panels of a new figure, got {ncols!r} with `ax`; leave one of them out."
        raise about("ncols", ValueError(msg))
    return _checks.positive_int("ncols", ncols)


def _panels(n: int, ncols: int, ratio: float, width: float | None) -> list[Axes]:
    """Return axes for `n` graphs of this width over height."""
    ncols = min(ncols, n)
    size = _PANEL_SIZE if width is None else min(width / ncols, _PANEL_SIZE)
    height = size * min(1.0, 1 / ratio) + _TITLE_HEIGHT
    return _axes.resizable(size * ncols, height * -(-n // ncols), given=(width, None), n=n, ncols=ncols)


def _legend(colors: list[str]) -> tuple[list[Artist], list[str]]:
    """Return what the colours of edges and of modules mean."""
    from matplotlib.lines import Line2D

    handles: list[Artist] = [Line2D([], [], color=color) for color in (_NEW_EDGE, _KEPT_EDGE)]
    labels = ["new edge", "kept edge"]
    for module, color in enumerate(colors[:_MODULES_NAMED]):
        handles.append(Line2D([], [], color=color, marker="o", linestyle="none"))
        labels.append(f"module {module}")
    return handles, labels


def _legend_below(figure: Figure, handles: list[Artist], labels: list[str], height: float | None) -> None:
    """Write the legend below all panels, and make the page higher for it unless its height is given."""
    n_columns = min(max(1, int(figure.get_size_inches()[0] / _LEGEND_ENTRY)), len(handles))
    # Panels that keep their aspect put their titles nearer to the edge than the layout knows.
    cast("ConstrainedLayoutEngine", figure.get_layout_engine()).set(h_pad=_PAD)
    figure.set_figheight(height or figure.get_figheight() + _LEGEND_LINE * -(-len(handles) // n_columns))
    figure.legend(handles, labels, loc="outside lower center", ncols=n_columns, frameon=False, fontsize="small")


def _title(estimates: list[tuple[int, csr_matrix]], index: int) -> str:
    """Return the epoch of an estimate and how far it agrees with the one before."""
    epoch, adjacency = estimates[index]
    agreement = f"Jaccard {edge_jaccard(estimates[index - 1][1], adjacency):.2f}" if index else "the first"
    return f"epoch {epoch}\n{agreement}"


def _kept_and_new(estimates: list[tuple[int, csr_matrix]], index: int) -> tuple[csr_matrix, csr_matrix]:
    """Return the edges that the estimate before has too, all of the first, and those that it has not."""
    adjacency = csr_matrix(estimates[index][1])
    before = estimates[index - 1][1] if index else adjacency
    kept = csr_matrix(adjacency.multiply(before != 0))
    return kept, csr_matrix(adjacency - kept)
