"""Axes, names of rows, colour bars, legends and showing: what every picture needs around it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from scgsr._checks import about
from scgsr.pl import _text

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.legend import Legend

# Inches: height of a colour bar.
_BAR_HEIGHT = 2.0
# Lines in one column of a legend, as long as there are not too many columns, and letters in a line.
_LEGEND_LINES, _LEGEND_COLUMNS, _LEGEND_LETTERS = 22, 3, 32
# The mark before a label in a legend with what is free around it, in units of the font size.
_LEGEND_MARK = 5.0
# Letters of each of two names that stand side by side in 85 mm.
_HALF_LETTERS = 18
# Letters in the name of a row, where there are at most so many rows and where there are more.
_FEW_ROWS, _LETTERS_OF_FEW, _LETTERS_OF_MANY = 10, 24, 16
# Letters in a name beside a picture for each inch of a narrow page, and the fewest.
_LETTERS_PER_INCH, _FEWEST_LETTERS = 4.2, 10
# The backends of matplotlib that only write files, as its user guide lists them.
_FILE_BACKENDS = frozenset({"agg", "cairo", "pdf", "pgf", "ps", "svg", "template"})


def resizable(
    width: float,
    height: float,
    *,
    given: tuple[float | None, float | None] = (None, None),
    n: int = 1,
    ncols: int = 1,
) -> list[Axes]:
    """Return `n` axes of a new figure, laid out anew whenever its size is changed.

    It has the size that the user has given, else this one in inches, which is larger for larger letters.
    """
    import matplotlib.pyplot as plt

    size = given[0] or width * _text.scale(), given[1] or height * _text.scale()
    figure = plt.figure(figsize=size, layout="constrained")
    return [figure.add_subplot(-(-n // ncols), ncols, number) for number in range(1, n + 1)]


def given_axes(ax: Any, n: int, panels: str) -> list[Axes]:
    """Return the axes that the user gives for `n` panels: a list or an array of them, or one for one panel."""
    from matplotlib.axes import Axes

    given = [ax] if isinstance(ax, Axes) else ax
    axes = list(np.asarray(given, dtype=object).ravel()) if isinstance(given, list | tuple | np.ndarray) else []
    if not axes or not all(isinstance(one, Axes) for one in axes):
        msg = f"`ax` must be matplotlib axes, or a list of them, got {type(ax).__name__}."
        raise about("ax", TypeError(msg))
    if len(axes) != n or len(set(axes)) != n:
        got = f"{len(axes)}" if len(set(axes)) == len(axes) else "some of them twice"
        msg = f"`ax` must be {n} axes, one for each panel ({panels}), got {got}; "
        msg += f"`matplotlib.pyplot.subplots(1, {n}, layout='constrained')[1]` makes them."
        raise about("ax", (TypeError if isinstance(ax, Axes) else ValueError)(msg))
    return axes


def inches(ax: Axes) -> float:
    """Return the width of axes in inches."""
    return float(ax.get_window_extent().width / ax.figure.dpi)


def head(ax: Axes, title: str, width: float, *, size: float = 1.0) -> None:
    """Write a title in lines of this width, in letters of the user's font size times `size`."""
    points = size * _text.font_size()
    fitted = "\n".join(_text.fitted(part, width, points, lines=3) for part in title.split("\n"))
    ax.set_title(fitted, fontsize=points, parse_math=False)


def heading(figure: Figure | SubFigure, title: str | None) -> None:
    """Write what stands above all panels of a resizable figure, if anything."""
    if title is not None:
        points = _text.font_size()
        fitted = _text.fitted(title, figure.bbox.width / figure.dpi - 0.2, points, lines=3)
        figure.suptitle(fitted, fontsize=points, parse_math=False)


def name_rows(ax: Axes, names: Sequence[str], heights: Sequence[float] | np.ndarray) -> None:
    """Write the names of rows left of `ax` at their heights, in letters that its own height has room for."""
    points = 72 * ax.get_window_extent().height / ax.figure.dpi
    size = min(_text.SMALL * _text.font_size(), 0.85 * points / max(len(names), 1))
    ax.set_yticks(heights, list(names), fontsize=size, parse_math=False)
    ax.tick_params(axis="y", length=0)


def shortened(name: str, *, rows: int = 1, width: float | None = None) -> str:
    """Return a name that one of so many rows has room for, on a page of this width in inches, without its middle.

    Long names often differ at their end.
    """
    letters = _LETTERS_OF_FEW if rows <= _FEW_ROWS else _LETTERS_OF_MANY
    if width is not None:
        letters = min(letters, max(int(_LETTERS_PER_INCH * width), _FEWEST_LETTERS))
    half = letters // 2
    return name if len(name) <= letters else f"{name[: half - 1]}…{name[-half:]}"


def colorbar(artist: ScalarMappable, axes: Sequence[Axes], label: str, *, extend: str = "neither") -> Colorbar:
    """Draw one colour bar for all `axes`, which takes its room from them."""
    figure = axes[0].figure
    pixels = max(ax.bbox.y1 for ax in axes) - min(ax.bbox.y0 for ax in axes)
    shrink = min(0.8, _BAR_HEIGHT * figure.dpi / pixels)
    bar = figure.colorbar(artist, ax=list(axes), shrink=shrink, aspect=16, extend=extend)
    bar.set_label(label, fontsize="small")
    bar.ax.tick_params(labelsize="small")
    bar.outline.set_visible(False)
    return bar


def legend_labels(names: Sequence[str], counts: Iterable[int]) -> list[str]:
    """Return ``name (count)``, broken into lines that a legend can hold."""
    pairs = zip(names, counts, strict=True)
    return [textwrap.fill(f"{name} ({count:,})", _LEGEND_LETTERS) for name, count in pairs]


def legend_columns(labels: Sequence[str]) -> int:
    """Return how many columns a legend below a picture has room for where the page is a column of 85 mm."""
    return 2 if max(map(len, labels)) <= _HALF_LETTERS else 1


def legend_columns_beside(labels: Sequence[str]) -> int:
    """Return in how many columns a legend right of a picture is best written."""
    lines = sum(label.count("\n") + 1 for label in labels)
    return min(math.ceil(lines / _LEGEND_LINES), _LEGEND_COLUMNS)


def legend(
    ax: Axes,
    handles: Sequence[Artist],
    labels: Sequence[str],
    *,
    heading: str,
    ncols: int | None = None,
    width: float | None = None,
    below: bool = False,
) -> Legend:
    """Write a legend right of the panel, in labels that this width has room for; or `below` a resizable figure."""
    anchor: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1, 1), "borderaxespad": 0.3}
    if below:
        anchor, ncols = {"loc": "outside lower center"}, legend_columns(labels)
    style: dict[str, Any] = {"frameon": False, "fontsize": "small", "title_fontsize": "small", "alignment": "left"}
    drawn: Legend = (ax.figure if below else ax).legend(
        list(handles),
        list(map(str, range(len(labels)))),
        title=heading,
        ncols=ncols or legend_columns_beside(labels),
        **style,
        **anchor,
    )
    # Set afterwards: matplotlib would drop labels that begin with an underscore, and read formulas into dollars.
    points = _text.SMALL * _text.font_size()
    for text, label in zip(drawn.get_texts(), labels, strict=True):
        fitting = label if width is None else _text.fitted(label, width - _LEGEND_MARK * points / 72, points, lines=2)
        text.set(text=fitting, parse_math=False)
    drawn.get_title().set_parse_math(False)
    return drawn


def finish(
    axes: Sequence[Axes], *, ax: Axes | None, show: bool | None, return_fig: bool = False, many: bool = False
) -> Axes | Figure | None:
    """Show the picture or return it: the Axes, or the Figure of a picture that may have `many` panels.

    `show=None` follows Scanpy's `settings.autoshow` where there is a screen or a notebook to show it on, and never
    shows a figure that the caller made. A notebook displays what a cell returns; so what was shown is not returned.
    `return_fig` asks for the figure, which is then not shown unless `show` asks for that.
    """
    import matplotlib.pyplot as plt

    figure = cast("Figure", axes[0].figure)
    if show is None:
        show = ax is None and not return_fig and _autoshow()
    if show:
        plt.show()
    if return_fig:
        return figure
    if show:
        return None
    return figure if many and ax is None else axes[0]


def finish_panels(axes: Sequence[Axes], *, ax: Any, show: bool | None, return_fig: bool) -> list[Axes] | Figure | None:
    """Show or return a picture of many panels as `finish` does; of axes that the user has made all are returned."""
    done = finish(axes, ax=None if ax is None else axes[0], show=show, return_fig=return_fig, many=True)
    return list(axes) if done is axes[0] else cast("Figure | None", done)


def _autoshow() -> bool:
    """Whether Scanpy shows pictures by itself, and there is a screen or a notebook to show them on."""
    import matplotlib.pyplot as plt
    import scanpy as sc

    return bool(sc.settings.autoshow) and plt.get_backend().lower() not in _FILE_BACKENDS
