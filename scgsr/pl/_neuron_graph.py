"""The neuron graph itself: which neurons are neighbours, which module each belongs to, how active each is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy
from scipy.sparse import triu

from scgsr import _adata, _checks
from scgsr._adata import DEFAULT_KEY
from scgsr._checks import about
from scgsr.pl import _axes, _palette, _scale, _text
from scgsr.pl._calls import Figsize, as_array, checked_figsize, checked_titles, picture
from scgsr.pl._page import Page
from scgsr.pl._palette import Palette

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.collections import EllipseCollection
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

    from scgsr.graphs import NeuronGraph

_EDGE = "0.8"
# Points: the smallest letters of a number.
_LEAST_NUMBER = 5.0


@picture
def neuron_graph(
    adata: AnnData,
    *,
    color: str | Sequence[float] | np.ndarray = "module",
    palette: Palette | None = None,
    cmap: str | Colormap | None = None,
    vmin: float | str | None = None,
    vmax: float | str | None = None,
    vcenter: float | None = None,
    title: str | None = None,
    figsize: Figsize | None = None,
    key: str = DEFAULT_KEY,
    ax: Axes | None = None,
    show: bool | None = None,
    return_fig: bool = False,
) -> Axes | Figure | None:
    """Draw the neuron graph. Its nodes are neurons, not cells.

    The area of a node is the neuron's mean absolute activation over all cells, the width of an edge its weight. A
    neuron that is never active is a hollow grey circle. The edges that close a torus are short stubs at the rim.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on.
    color
        ``"module"``: the neuron's module, in the colour of the cell label with the same number. ``"activation"``: its
        mean activation over all cells. Or one number per neuron, such as the mean over a group of cells.
    palette
        Colours of the modules: the name of a colour map, a list of colours, or a dict of them by module.
    cmap
        Colour map of numbers; by default viridis, or with `vcenter` a diverging one.
    vmin, vmax, vcenter
        Limits and middle of the colours of numbers, as in :func:`scgsr.pl.activation_map`.
    title
        The title; by default the name and size of the graph.
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
        If there is no fit under `key`.
    TypeError
        If `color` is neither a string nor numbers.
    ValueError
        If `color` is another string, or not one finite number per neuron.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, scgsr.graphs.ring(20), n_epochs=2)
    >>> ax = scgsr.pl.neuron_graph(adata, show=False)
    >>> ax.get_title()
    'ring: 20 neurons (not cells), 20 edges'
    """
    graph = _adata.read_graph(adata, key)
    activations = _adata.read_activations(adata, key)
    modules = np.asarray(_adata.read_record(adata, key)["modules"])
    strength = np.abs(activations).mean(axis=0, dtype=np.float64)
    head = f"{graph.name}: {graph.n_neurons} neurons (not cells), {graph.n_edges:,} edges" if title is None else title
    _, titles = checked_titles(head, [""])
    by_module = isinstance(color, str) and _checks.one_of("color", color, ["module", "activation"]) == "module"
    label = "mean activation" if isinstance(color, str) else ""
    if by_module:
        colors = _palette.of_modules(adata, key, palette)
    elif isinstance(color, str):
        values = activations.mean(axis=0, dtype=np.float64)
    else:
        values = _numbers(color, graph.n_neurons)
    norm = None if by_module else _scale.norm(values, vmin=vmin, vmax=vmax, vcenter=vcenter)
    page = Page(titles=titles, aspect=aspect(graph), figsize=checked_figsize(figsize, ax), ax=ax)
    if norm is None:
        _by_module(page, graph, strength, modules, dict(zip(_in_legend(adata, key), colors, strict=True)))
    else:
        style = {"array": values, "norm": norm, "cmap": cmap or ("viridis" if vcenter is None else "RdBu_r")}
        nodes = _draw(page.axes[0], graph, strength, edgecolors="white", **style)
        page.colorbar(nodes, label, extend=_scale.beyond(norm, [values]))
    return _axes.finish(page.axes, ax=ax, show=show, return_fig=return_fig)


def _in_legend(adata: AnnData, key: str) -> list[str]:
    """Return what the legend calls each module: its number, and its name if its cells were given one."""
    names = enumerate(_adata.module_names(adata, key))
    return [name if name == str(number) else f"{number}: {name}" for number, name in names]


def _by_module(
    page: Page, graph: NeuronGraph, strength: np.ndarray, modules: np.ndarray, named_colors: dict[str, str]
) -> None:
    """Draw each neuron in the colour of its module, with a legend and the module's number among its neurons."""
    from matplotlib.lines import Line2D

    names, colors = list(named_colors), list(named_colors.values())
    counts = np.bincount(np.where(modules < 0, len(colors), modules), minlength=len(colors) + 1)
    n_shown = len(counts) if counts[-1] else len(colors)
    labels = _axes.legend_labels([*names, "dead"][:n_shown], counts[:n_shown])
    faces, rims = [*colors, "none"], ["white"] * len(colors) + [_scale.DEAD]
    panel = page.axes[0]
    _draw(panel, graph, strength, facecolors=[faces[m] for m in modules], edgecolors=[rims[m] for m in modules])
    dot: dict[str, Any] = {"linestyle": "", "marker": "o"}
    handles = [Line2D([], [], color=color, **dot) for color in colors]
    handles.append(Line2D([], [], color=_scale.DEAD, markerfacecolor="none", **dot))
    page.legend(handles[:n_shown], labels, heading="module (neurons)")
    _number(panel, graph, modules)


def _draw(ax: Axes, graph: NeuronGraph, strength: np.ndarray, **style: Any) -> EllipseCollection:
    """Draw the edges, and the nodes above them; return the nodes."""
    draw_edges(ax, graph, _EDGE)
    return draw_nodes(ax, graph, strength, **style)


def draw_edges(ax: Axes, graph: NeuronGraph, color: str) -> None:
    """Draw the edges, as wide as they are strong."""
    from matplotlib.collections import LineCollection

    segments, weights = _segments(graph)
    # Thinner where edges are many, or they bury the nodes.
    thin = min(1.0, 2 * graph.n_neurons / max(graph.n_edges, 1)) ** 0.5
    widths = thin * (0.4 + weights / weights.max(initial=1e-300))
    ax.add_collection(LineCollection(list(segments), colors=color, linewidths=widths, zorder=1))


def draw_nodes(ax: Axes, graph: NeuronGraph, strength: np.ndarray, **style: Any) -> EllipseCollection:
    """Draw the nodes, with areas in proportion to `strength`, on bare axes; return them."""
    from matplotlib.collections import EllipseCollection

    # Diameters are in units of the layout, so that nodes keep clear of each other at any size of the figure.
    diameters = _diameters(graph, strength)
    nodes = EllipseCollection(
        diameters,
        diameters,
        np.zeros_like(diameters),
        units="xy",
        offsets=graph.positions,
        offset_transform=ax.transData,
        linewidths=1.0,
        zorder=2,
        **style,
    )
    ax.add_collection(nodes)
    left, right, bottom, top = _bounds(graph)
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", xticks=[], yticks=[], frame_on=False)
    return nodes


def _segments(graph: NeuronGraph) -> tuple[np.ndarray, np.ndarray]:
    """Return edges as segments (m, 2, 2) with their weights (m,); one that wraps round a sheet becomes two stubs."""
    edges = triu(graph.adjacency, k=1).tocoo()
    start, end, weights = graph.positions[edges.row], graph.positions[edges.col], edges.data
    if graph.image_shape is None:
        return np.stack([start, end], axis=1), weights
    period = np.array(graph.image_shape[::-1])
    step = end - start
    wrapped = step - np.round(step / period) * period
    # Only a step to a lattice neighbour beyond the border becomes stubs; any other long edge is drawn as it is.
    stub = (wrapped != step).any(axis=1) & (np.abs(wrapped).max(axis=1) <= 1)
    pieces = [
        np.stack([start[~stub], end[~stub]], axis=1),
        np.stack([start[stub], start[stub] + 0.7 * wrapped[stub]], axis=1),
        np.stack([end[stub], end[stub] - 0.7 * wrapped[stub]], axis=1),
    ]
    return np.concatenate(pieces), np.concatenate([weights[~stub], weights[stub], weights[stub]])


def _number(ax: Axes, graph: NeuronGraph, modules: np.ndarray) -> None:
    """Write each module's number on that of its neurons which lies nearest to their middle, or on the next with room.

    A number without room is left out: the legend has it.
    """
    from matplotlib.patheffects import withStroke

    left, right, _, _ = _bounds(graph)
    per_inch = (right - left) / (ax.get_window_extent().width / ax.figure.dpi)
    points = float(np.clip(0.6 * 72 * _spacing(graph) / per_inch, _LEAST_NUMBER, _text.SMALL * _text.font_size()))
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": points, "fontweight": "bold", "zorder": 3}
    style["path_effects"] = [withStroke(linewidth=2, foreground="white")]
    written = np.zeros((0, 3))  # place and half width of each number
    for module in range(int(modules.max(initial=-1)) + 1):
        own, half = graph.positions[modules == module], 0.6 * per_inch * _text.width(str(module), points)
        if not len(own):
            continue
        near = np.argsort(np.linalg.norm(own - np.median(own, axis=0), axis=1), kind="stable")
        for x, y in own[near]:
            clear = np.abs(written[:, 0] - x) > written[:, 2] + half
            clear |= np.abs(written[:, 1] - y) > per_inch * _text.height("", points)
            if clear.all():
                ax.text(x, y, str(module), **style)
                written = np.vstack([written, [x, y, half]])
                break


def _numbers(color: Any, n: int) -> np.ndarray:
    """Return the user's value for each neuron."""
    values = as_array(color)
    if values.dtype.kind not in "biuf":
        msg = f"`color` must be 'module', 'activation' or {n} numbers, one per neuron, got {values.dtype}."
        raise about("color", TypeError(msg))
    if values.shape != (n,) or not np.isfinite(values).all():
        msg = f"`color` must be 'module', 'activation' or {n} finite numbers, one per neuron, got shape {values.shape}."
        raise about("color", ValueError(msg))
    return values.astype(np.float64)


def _spacing(graph: NeuronGraph) -> float:
    """Return the typical distance from a node to the next one, connected or not (1 for a single node)."""
    if graph.n_neurons == 1:
        return 1.0
    return float(np.median(scipy.spatial.cKDTree(graph.positions).query(graph.positions, k=2)[0][:, 1]))


def _diameters(graph: NeuronGraph, strength: np.ndarray) -> np.ndarray:
    """Return node diameters: areas in proportion to `strength`, none too small to be seen."""
    share = strength / strength.max(initial=1e-300)
    diameters: np.ndarray = 0.75 * _spacing(graph) * np.maximum(np.sqrt(share), 0.35)
    return diameters


def _bounds(graph: NeuronGraph) -> tuple[float, float, float, float]:
    """Return left, right, bottom and top, with a margin for the outermost nodes and stubs."""
    (left, bottom), (right, top) = graph.positions.min(axis=0), graph.positions.max(axis=0)
    margin = 0.8 * _spacing(graph)
    return left - margin, right + margin, bottom - margin, top + margin


def aspect(graph: NeuronGraph) -> float:
    """Return width over height of the drawing."""
    left, right, bottom, top = _bounds(graph)
    return (right - left) / (top - bottom)
