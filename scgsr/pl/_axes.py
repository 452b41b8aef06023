"""Panels, titles, legends and showing: what every picture needs around it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

# Inches: a picture among others and one alone, the gap between them and around, the least height of a page.
_PANEL_SIZE, _ONE_PANEL_SIZE, _GAP, _LEAST_PAGE_HEIGHT = 1.9, 4.0, 0.2, 2.2
# Inches: height and width of a colour bar.
_BAR_HEIGHT, _BAR_WIDTH = 2.0, 0.12
# Lines in one column of a legend, as long as there are not too many columns, and letters in a line.
_LEGEND_LINES, _LEGEND_COLUMNS, _LEGEND_LETTERS = 22, 3, 32
# Letters of each of two names that stand side by side in 85 mm.
_HALF_LETTERS = 18
# Letters in the name of a row, where there are at most so many rows and where there are more.
_FEW_ROWS, _LETTERS_OF_FEW, _LETTERS_OF_MANY = 10, 24, 16
# What matplotlib calls a small font, in units of the font size.
_SMALL = 0.833
# A letter's width and a line's height, in units of the font size.
_LETTER_WIDTH, _LINE_HEIGHT = 0.6, 1.4
# The backends of matplotlib that only write files, as its user guide lists them.
_FILE_BACKENDS = frozenset({"agg", "cairo", "pdf", "pgf", "ps", "svg", "template"})


def panels(titles: Sequence[str], *, aspect: float, ncols: int = 1, ax: Axes | None = None) -> list[Axes]:
    """Return titled axes of a new figure, for pictures of this width over height; or `ax`.

    The layout is exact, in inches: all pictures have one size, whatever their titles, and what comes to stand beside
    them, a colour bar or a legend, widens the page. Matplotlib's layout engines take that room from the pictures
    instead, which leaves little of one beside a long legend, and draw many panels three times more slowly.
    """
    import matplotlib.pyplot as plt

    if ax is not None:
        return [_titled(ax, titles[0], ax.bbox.width / ax.figure.dpi)]
    ncols = min(ncols, len(titles))
    size = _PANEL_SIZE if len(titles) > 1 else _ONE_PANEL_SIZE
    width, height = size * min(1.0, aspect), size * min(1.0, 1 / aspect)
    # A tall picture still needs the width of its title, and low ones need the height of what stands beside them.
    column = max(width, 0.7 * size)
    heads = [_head(titles[start : start + ncols], column) for start in range(0, len(titles), ncols)]
    used = sum(heads) + len(heads) * (height + _GAP)
    page = np.array([ncols * (column + _GAP), max(used, _LEAST_PAGE_HEIGHT)])
    figure = plt.figure(figsize=tuple(page), layout="none")
    axes = []
    for index, title in enumerate(titles):
        row, col = divmod(index, ncols)
        left = col * (column + _GAP) + (_GAP + column - width) / 2
        bottom = (page[1] + used) / 2 - sum(heads[: row + 1]) - (row + 1) * height - (row + 0.5) * _GAP
        new = figure.add_axes((left / page[0], bottom / page[1], width / page[0], height / page[1]))
        axes.append(_titled(new, title, column))
    return axes


def resizable(width: float, height: float, *, n: int = 1, ncols: int = 1) -> list[Axes]:
    """Return `n` axes of a new figure of this size in inches, laid out anew whenever its size is changed."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(width, height), layout="constrained")
    return [figure.add_subplot(-(-n // ncols), ncols, number) for number in range(1, n + 1)]


def name_rows(ax: Axes, names: Sequence[str], heights: Sequence[float] | np.ndarray) -> None:
    """Write the names of rows left of `ax` at their heights, in letters that its own height has room for."""
    points = ax.get_position().height * ax.figure.bbox.height / ax.figure.dpi * 72
    size = min(_SMALL * _points(), 0.85 * points / max(len(names), 1))
    ax.set_yticks(heights, list(names), fontsize=size, parse_math=False)
    ax.tick_params(axis="y", length=0)


def shortened(name: str, *, rows: int = 1) -> str:
    """Return a name that one of so many rows has room for, without its middle: long names often differ at their end."""
    letters = _LETTERS_OF_FEW if rows <= _FEW_ROWS else _LETTERS_OF_MANY
    half = letters // 2
    return name if len(name) <= letters else f"{name[: half - 1]}…{name[-half:]}"


def colorbar(
    artist: ScalarMappable, axes: Sequence[Axes], label: str, *, widen: bool, extend: str = "neither"
) -> Colorbar:
    """Draw one colour bar for all `axes`; `widen` the figure to hold it, or take its room from the axes."""
    figure = axes[0].figure
    if widen:
        width, height = cast("Figure", figure).get_size_inches()
        length = min(_BAR_HEIGHT, 0.9 * height)
        box = (1, (1 - length / height) / 2, _BAR_WIDTH / width, length / height)
        bar = figure.colorbar(artist, cax=figure.add_axes(box, label="<colorbar>"), extend=extend)
    else:
        pixels = max(ax.bbox.y1 for ax in axes) - min(ax.bbox.y0 for ax in axes)
        shrink = min(0.8, _BAR_HEIGHT * figure.dpi / pixels)
        bar = figure.colorbar(artist, ax=list(axes), shrink=shrink, aspect=16, extend=extend)
    bar.set_label(label, fontsize="small")
    bar.ax.tick_params(labelsize="small")
    bar.outline.set_visible(False)
    if widen:
        _widen(axes[0], cast("Bbox", bar.ax.get_tightbbox()))
    return bar


def legend_labels(names: Sequence[str], counts: Iterable[int]) -> list[str]:
    """Return ``name (count)``, broken into lines that a legend can hold."""
    pairs = zip(names, counts, strict=True)
    return [textwrap.fill(f"{name} ({count:,})", _LEGEND_LETTERS) for name, count in pairs]


def legend_columns(labels: Sequence[str]) -> int:
    """Return how many columns a legend below a picture has room for where the page is a column of 85 mm."""
    return 2 if max(map(len, labels)) <= _HALF_LETTERS else 1


def legend(
    ax: Axes,
    handles: Sequence[Artist],
    labels: Sequence[str],
    *,
    heading: str,
    widen: bool = False,
    below: bool = False,
) -> None:
    """Write a legend right of the panel, and `widen` the figure to hold it; or `below` all of a resizable figure."""
    lines = sum(label.count("\n") + 1 for label in labels)
    columns = legend_columns(labels) if below else min(math.ceil(lines / _LEGEND_LINES), _LEGEND_COLUMNS)
    anchor: dict[str, Any] = {"loc": "outside lower center"}
    if not below:
        anchor = {"loc": "upper left", "bbox_to_anchor": (1, 1)}
    style: dict[str, Any] = {"frameon": False, "fontsize": "small", "title_fontsize": "small", "alignment": "left"}
    drawn = (ax.figure if below else ax).legend(
        list(handles), list(map(str, range(len(labels)))), title=heading, ncols=columns, **style, **anchor
    )
    # Set afterwards: matplotlib would drop labels that begin with an underscore, and read formulas into dollars.
    for text, label in zip(drawn.get_texts(), labels, strict=True):
        text.set(text=label, parse_math=False)
    if widen:
        _widen(ax, drawn.get_window_extent())


def _widen(ax: Axes, needed: Bbox) -> None:
    """Give the page of `ax` the width, and the height below, that something on its right takes; all else stays."""
    figure = cast("Figure", ax.figure)
    width, height = figure.get_size_inches()
    wider = max(width, needed.x1 / figure.dpi) + _GAP / 2
    below = max(0.0, -needed.y0 / figure.dpi)
    taller = height + below
    for panel in figure.axes:
        x, y, dx, dy = panel.get_position(original=True).bounds
        panel.set_position((x * width / wider, (y * height + below) / taller, dx * width / wider, dy * height / taller))
    figure.set_size_inches(wider, taller)


def finish(axes: Sequence[Axes], *, ax: Axes | None, show: bool | None) -> Axes | Figure | None:
    """Show the picture or return it: the Axes of one panel, the Figure of many.

    `show=None` follows Scanpy's `settings.autoshow` where there is a screen or a notebook to show it on, and never
    shows a figure that the caller made. A notebook displays what a cell returns; so what was shown is not returned.
    """
    if show is None:
        show = ax is None and _autoshow()
    if not show:
        return axes[0] if len(axes) == 1 else cast("Figure", axes[0].figure)
    import matplotlib.pyplot as plt

    plt.show()
    return None


def _autoshow() -> bool:
    """Whether Scanpy shows pictures by itself, and there is a screen or a notebook to show them on."""
    import matplotlib.pyplot as plt
    import scanpy as sc

    return bool(sc.settings.autoshow) and plt.get_backend().lower() not in _FILE_BACKENDS


def _points() -> float:
    """Return the user's font size in points."""
    import matplotlib as mpl

    return float(mpl.rcParams["font.size"])


def _head(titles: Sequence[str], inches: float) -> float:
    """Return the height of the tallest title in inches."""
    lines = max(_fill(title, inches).count("\n") + 1 for title in titles)
    return lines * _LINE_HEIGHT * _points() / 72 + 0.15


def _fill(title: str, inches: float) -> str:
    """Break a title into lines that fit; a count in brackets at its end stays in one piece."""
    letters = max(8, int(inches * 72 / (_LETTER_WIDTH * _points())))
    if len(title) <= letters:
        return title
    name, bracket, count = title.rpartition(" (n = ")
    if not bracket:
        return textwrap.fill(title, letters)
    return f"{textwrap.fill(name, letters)}\n{bracket.lstrip()}{count}"


def _titled(ax: Axes, title: str, inches: float) -> Axes:
    """Write the title above `ax`, in lines no longer than given."""
    # A dollar sign in a group's name is no formula.
    ax.set_title(_fill(title, inches), fontsize="medium", parse_math=False)
    return ax
