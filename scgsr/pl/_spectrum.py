"""Spectrum: how coarse or fine the pictures of groups of cells are on the neuron graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scgsr import _adata, _checks
from scgsr._adata import DEFAULT_KEY, Keys
from scgsr._checks import about
from scgsr._measures import graph_spectrum
from scgsr.pl import _axes, _groups, _palette, _scale
from scgsr.pl._calls import Figsize, checked_figsize, picture
from scgsr.pl._palette import Palette

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

# Bands of frequencies, and up to how many groups lines can be told apart.
_N_BANDS, _MOST_LINES = 10, 8
# Inches: the page of lines, a line of their legend.
_LINES_WIDTH, _LINES_HEIGHT, _LEGEND_LINE = 4.6, 2.6, 0.17
# Inches: the page of a heatmap, what it needs above and below the groups, a group's name.
_ROWS_WIDTH, _AROUND, _NAME_HEIGHT = 5.0, 1.0, 0.15
# Energy is drawn down to this part of what is expected.
_LEAST_ENERGY = 2.0**-8
# Doublings at which the colours of rows end: a whole scale of faint blues would hide what differs.
_MOST_DOUBLINGS = 4.0
_EXPECTED_COLOR = "0.45"


@picture
def spectrum(
    adata: AnnData,
    *,
    groupby: str | None = None,
    groups: str | Sequence[Any] | None = None,
    laplacian: str = "combinatorial",
    palette: Palette | None = None,
    cmap: str | Colormap = "RdBu_r",
    title: str | None = None,
    figsize: Figsize | None = None,
    key: str = DEFAULT_KEY,
    ax: Axes | None = None,
    show: bool | None = None,
    return_fig: bool = False,
) -> Axes | Figure | None:
    """Draw how smooth the pictures of groups are: their energy by graph frequency.

    Low frequencies are patterns that vary slowly from neighbour to neighbour, that is large regions; high frequencies
    vary from neuron to neuron. The mean over neurons is subtracted from each cell's picture, the rest is scaled to
    energy one, and its energy in each of up to ten bands of frequencies is averaged over the cells of the group. It is
    divided by the exact mean for neurons in random places: 1, the dashed line, is no order. A structured layer lies
    above it on the left and below it on the right. Bands hold about equally many of the graph's eigenvectors, and no
    band ends within a repeated frequency.

    Up to eight groups are drawn as lines, more as rows of colours.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on.
    groupby
        Column of `.obs` with the groups, by default the labels of the fit. Cells with a missing value are in no group;
        groups without cells are left out and logged.
    groups
        Which groups to draw, in this order.
    laplacian
        Laplacian whose eigenvalues are the frequencies: ``"combinatorial"``, D - A, or ``"symmetric"``.
    palette
        Colours of lines: the name of a colour map, a list of colours in the order of the groups, or a dict by group.
    cmap
        Colour map of rows, best a diverging one.
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
    Axes; ``None`` if it was shown. The figure is laid out anew for another width, as after
    ``ax.figure.set_figwidth(85 / 25.4)``, a column of 85 mm.

    Raises
    ------
    KeyError
        If there is no fit under `key`, or no such column.
    TypeError
        If `groupby` names a column of floating-point numbers, or `laplacian` is no string.
    ValueError
        If `groups` names a group that does not exist, `laplacian` is something else, or the graph has no edges.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, (6, 8), n_epochs=2)
    >>> ax = scgsr.pl.spectrum(adata, groupby="phase", show=False)
    >>> energy = ax.lines[0].get_ydata()
    >>> bool(energy[0] > 1 > energy[-1])
    True
    """
    _checks.one_of("laplacian", laplacian, ["combinatorial", "symmetric"])
    activations, graph = _adata.read_activations(adata, key), _adata.read_graph(adata, key)
    if graph.n_edges == 0:
        msg = f"`key`={key!r}: the neuron graph {graph.name!r} has no edges, and so no frequencies; fit on another."
        raise about("key", ValueError(msg))
    heading = Keys(key).labels if groupby is None else groupby
    labels = _groups.grouping(adata, heading, groups)
    frequencies, energies = _bands(activations, graph.adjacency, labels.codes, laplacian)
    counts = np.bincount(labels.codes[labels.codes >= 0])
    given = checked_figsize(figsize, ax)
    # Rows take their names from the width of the picture.
    wide = given[0] if len(counts) > _MOST_LINES else None
    shortened = [_axes.shortened(str(name), rows=len(counts), width=wide) for name in labels.categories]
    names = [f"{name} ({count:,})" for name, count in zip(shortened, counts, strict=True)]
    if len(names) <= _MOST_LINES:
        n_lines = -(-(len(names) + 1) // _axes.legend_columns(names)) + 1
        panel = ax or _axes.resizable(_LINES_WIDTH, _LINES_HEIGHT + _LEGEND_LINE * n_lines, given=given)[0]
        _draw_lines(panel, frequencies, energies, _palette.of_groups(adata, heading, list(labels.categories), palette))
        handles = list(panel.lines[-len(names) - 1 :])
        _axes.legend(panel, handles, [*names, "random places"], heading=heading, below=ax is None)
    else:
        panel = ax or _axes.resizable(_ROWS_WIDTH, _AROUND + _NAME_HEIGHT * len(names), given=given)[0]
        _draw_rows(panel, frequencies, energies, names, cmap)
        panel.set_ylabel(heading, fontsize="small", parse_math=False)
    if title is not None:
        _axes.head(panel, title, panel.figure.bbox.width / panel.figure.dpi - 1.0)
    return _axes.finish([panel], ax=ax, show=show, return_fig=return_fig)


def _bands(activations: np.ndarray, adjacency: Any, codes: np.ndarray, laplacian: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean frequency of each band and the groups' energy in it (n_groups, n_bands), 1 at random places."""
    means = []
    for code in range(codes.max() + 1):
        frequencies, shares, expected = graph_spectrum(activations[codes == code], adjacency, laplacian)
        known = np.isfinite(shares[:, 0])
        means.append(shares[known].mean(axis=0) if known.any() else np.full(len(expected), np.nan))
    possible = expected > 1e-12
    frequencies, expected, shares = frequencies[possible], expected[possible], np.stack(means)[:, possible]
    # By the middle of each frequency, so that a repeated one falls into one band.
    band = np.floor(_N_BANDS * (np.cumsum(expected) - expected / 2)).astype(int)
    starts = np.unique(band, return_index=True)[1]
    in_band = np.add.reduceat(expected, starts)
    return np.add.reduceat(frequencies * expected, starts) / in_band, np.add.reduceat(shares, starts, axis=1) / in_band


def _draw_lines(ax: Axes, frequencies: np.ndarray, energies: np.ndarray, colors: list[str]) -> None:
    """Draw one line for each group, on a scale of doublings."""
    from matplotlib.ticker import FuncFormatter

    for energy, color, marker in zip(energies, colors, "osD^vP*X"[: len(colors)], strict=True):
        ax.plot(np.maximum(energy, _LEAST_ENERGY), color=color, marker=marker, markersize=4)
    ax.axhline(1, color=_EXPECTED_COLOR, linestyle="--", linewidth=1)
    ax.set_yscale("log", base=2)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _ratio(np.log2(value))))
    _name_bands(ax, frequencies)
    ax.set_ylabel("energy relative to\nrandom places", fontsize="small")
    ax.tick_params(axis="y", labelsize="small")
    ax.spines[["top", "right"]].set_visible(False)


def _draw_rows(ax: Axes, frequencies: np.ndarray, energies: np.ndarray, names: list[str], cmap: str | Colormap) -> None:
    """Draw one row of colours for each group, red above the expectation and blue below, in doublings."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    doublings = np.log2(np.maximum(energies, _LEAST_ENERGY))
    known = doublings[np.isfinite(doublings)]
    limit = min(float(np.abs(known).max(initial=1.0)), _MOST_DOUBLINGS)
    norm = _scale.norm(known, vmin=-limit, vmax=limit, vcenter=0.0)
    colors = _scale.with_grey(cmap, _scale.UNDEFINED)
    artist = ax.imshow(doublings, cmap=colors, norm=norm, aspect="auto", interpolation="nearest")
    _axes.name_rows(ax, names, np.arange(len(names)))
    _name_bands(ax, frequencies)
    ax.spines[:].set_visible(False)
    label = "energy relative to\nrandom places"
    bar = _axes.colorbar(artist, [ax], label, extend=_scale.beyond(norm, [known]))
    bar.locator, bar.formatter = MaxNLocator(6, integer=True), FuncFormatter(lambda value, _: _ratio(value))
    bar.update_ticks()


def _name_bands(ax: Axes, frequencies: np.ndarray) -> None:
    """Write the mean frequency below some of the bands, which stand side by side at equal distances."""
    shown = np.unique(np.linspace(0, len(frequencies) - 1, 3).round().astype(int))
    ax.set_xticks(shown, [f"{frequencies[band]:.2g}" for band in shown], fontsize="small")
    ax.set_xlabel("graph frequency\n(coarse to fine)", fontsize="small")


def _ratio(doublings: float) -> str:
    """Return a ratio as a number or a fraction."""
    return f"{2**doublings:g}" if doublings >= 0 else f"1/{2**-doublings:g}"
