"""The page: pictures of one size in rows, laid out for the width at hand, with room for what stands beside them.

The layout is exact, in inches. Matplotlib's layout engines take the room of a legend from the pictures, which leaves
little of one beside a long legend, and draw many panels three times more slowly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from scgsr.pl import _axes, _text
from scgsr.pl._grid import GAP, Grid, chosen

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colorbar import Colorbar
    from matplotlib.legend import Legend

# Inches: what is left free at the borders, the least height beside a colour bar, height and width of a colour bar.
_MARGIN, _LEAST_HEIGHT, _BAR_HEIGHT, _BAR_WIDTH = 0.08, 1.9, 2.0, 0.12
# Inches: what a colour bar takes before it is measured, the widest name of a row.
_BESIDE, _WIDEST_ROW_NAME = 0.75, 1.1
# A legend stands right of the picture where it leaves so much of the page, in inches and as a share.
_LEFT_BY_LEGEND, _SHARE_LEFT_BY_LEGEND = 2.2, 0.5


# A longer legend below the picture stands in columns of this width, in inches, with shorter names.
_SHORT_LEGEND, _LEGEND_COLUMN = 8, 1.55


@dataclass(eq=False)
class Page:
    """Titled axes of a new figure, for pictures of this width over height; or the user's axes, for one picture.

    A title may have a second line, such as a number of cells, after a line break.
    """

    titles: list[str]
    aspect: float
    ncols: int | None = None  # None: as many as the width has room for
    figsize: tuple[float | None, float | None] = (None, None)
    heading: str = ""  # above all pictures
    row_names: list[str] = field(default_factory=list)  # left of the rows, where all columns of a row belong together
    ax: Axes | None = None

    def __post_init__(self) -> None:
        import matplotlib.pyplot as plt

        self._right = self._below = 0.0
        self._bar: Colorbar | None = None
        self._legend: Legend | None = None
        if self.ax is not None:
            self.axes = [self.ax]
            _axes.head(self.ax, self.titles[0], max(_axes.inches(self.ax), 1.0))
            return
        self.figure = plt.figure(figsize=(1, 1), layout="none")
        self.axes = [self.figure.add_axes((0, 0, 1, 1), label=str(number)) for number in range(len(self.titles))]
        self._head = self.figure.text(0.5, 0.5, "", ha="center", va="top", fontsize="medium", parse_math=False)
        self.arrange()

    def arrange(self) -> None:
        """Give the page its size and everything on it its place."""
        grid = self._grid()
        left, above = self._left, self._above
        wide, high = grid.ncols * (grid.column + GAP), grid.total
        width = self.figsize[0] or left + wide + self._right + 2 * _MARGIN
        least = _LEAST_HEIGHT if self._bar is not None or self.figsize == (None, None) else 0.0
        height = self.figsize[1] or max(above + high + self._below + 2 * _MARGIN, least)
        self.figure.set_size_inches(width, height)
        x = left + (width - left - self._right - wide) / 2
        y = height - above - (height - above - self._below - high) / 2
        self._place_panels(grid, x, y, width, height)
        self._head.set(x=0.5, y=1 - _MARGIN / height, text=self._fitted_heading(width))
        self._place_bar(x + wide, y - high / 2, high, width, height)
        if self._legend is not None:
            beside = (x + wide) / width, (y - grid.heads[0]) / height
            corner = beside if self._right else (_MARGIN / width, (self._below + _MARGIN) / height)
            self._legend.set_bbox_to_anchor(corner, self.figure.transFigure)

    def colorbar(self, artist: ScalarMappable, label: str, *, extend: str = "neither") -> None:
        """Draw one colour bar for all pictures."""
        if self.ax is not None:
            _axes.colorbar(artist, self.axes, label, extend=extend)
            return
        self._right = _BESIDE
        self._bar = self.figure.colorbar(
            artist, cax=self.figure.add_axes((0, 0, 1, 1), label="<colorbar>"), extend=extend
        )
        self._bar.ax.tick_params(labelsize="small")
        self._bar.outline.set_visible(False)
        self._bar_label = label
        self.arrange()
        box = self._bar.ax.get_tightbbox()
        self._right = (cast("Any", box).x1 - self._bar.ax.bbox.x0) / self.figure.dpi
        self.arrange()

    def legend(self, handles: Sequence[Artist], labels: Sequence[str], *, heading: str) -> None:
        """Write a legend right of the one picture, or below it where the page is too narrow."""
        if self.ax is not None:
            _axes.legend(self.ax, handles, labels, heading=heading)
            return
        wanted = self.figsize[0]
        columns = _axes.legend_columns_beside(labels)
        self._legend = _axes.legend(self.axes[0], handles, labels, heading=heading, ncols=columns)
        width, height = self._legend_size()
        if wanted is None or wanted - width >= max(_LEFT_BY_LEGEND, _SHARE_LEFT_BY_LEGEND * wanted):
            self._right = width
            # A long legend makes the page higher.
            self._below = max(0.0, height - self._grid().total + self._grid().heads[0])
        else:
            room = wanted - 2 * _MARGIN
            self._legend = _axes.legend(self.axes[0], handles, labels, heading=heading, ncols=1, width=room)
            columns = max(1, min(len(labels), int(room / self._legend_size()[0])))
            if len(labels) > _SHORT_LEGEND:
                columns = max(columns, int(room // (_LEGEND_COLUMN * _text.scale())))
            style: dict[str, Any] = {"ncols": columns, "width": room / columns}
            self._legend = _axes.legend(self.axes[0], handles, labels, heading=heading, **style)
            self._below = self._legend_size()[1]
        self.arrange()

    def _legend_size(self) -> tuple[float, float]:
        """Return the width and height of the legend in inches."""
        box = cast("Legend", self._legend).get_window_extent()
        return box.width / self.figure.dpi, box.height / self.figure.dpi

    def _grid(self) -> Grid:
        width, height = self.figsize
        taken = self._left + self._right + 2 * _MARGIN, self._above + self._below + 2 * _MARGIN
        return chosen(
            self.titles,
            aspect=self.aspect,
            ncols=self.ncols,
            width=None if width is None else width - taken[0],
            height=None if height is None else height - taken[1],
        )

    @property
    def _left(self) -> float:
        """Inches that the names of rows need."""
        names = [_text.fitted(name, _WIDEST_ROW_NAME, self._small, lines=3) for name in self.row_names]
        return max((_text.width(name, self._small) + 0.1 for name in names), default=0.0)

    @property
    def _above(self) -> float:
        """Inches that the heading needs."""
        if not self.heading:
            return 0.0
        natural = chosen(self.titles, aspect=self.aspect, ncols=self.ncols, width=None, height=None)
        width = self.figsize[0] or natural.ncols * (natural.column + GAP) + self._left + self._right
        return _text.height(self._fitted_heading(width), _text.font_size()) + 0.05

    @property
    def _small(self) -> float:
        return _text.SMALL * _text.font_size()

    def _fitted_heading(self, width: float) -> str:
        return _text.fitted(self.heading, width - 2 * _MARGIN, _text.font_size(), lines=3) if self.heading else ""

    def _place_panels(self, grid: Grid, x: float, y: float, width: float, height: float) -> None:
        """Put the panels in rows whose top left corner is at x and y."""
        for number, (ax, title) in enumerate(zip(self.axes, grid.titles, strict=True)):
            row, column = divmod(number, grid.ncols)
            left = x + column * (grid.column + GAP) + (GAP + grid.column - grid.width) / 2
            bottom = y - sum(grid.heads[: row + 1]) - (row + 1) * grid.height - (row + 0.5) * grid.gap
            ax.set_position((left / width, bottom / height, grid.width / width, grid.height / height))
            ax.set_title(title, fontsize=grid.points, pad=4, parse_math=False)
            if self.row_names and column == 0:
                name = _text.fitted(self.row_names[row], _WIDEST_ROW_NAME, self._small, lines=3)
                style: dict[str, Any] = {"rotation": 0, "ha": "right", "va": "center", "fontsize": self._small}
                ax.set_ylabel(name, labelpad=4, parse_math=False, **style)

    def _place_bar(self, x: float, y: float, high: float, width: float, height: float) -> None:
        """Put the colour bar right of the pictures, with its middle at y."""
        if self._bar is None:
            return
        length = min(_BAR_HEIGHT, max(high, 0.9 * min(height, _LEAST_HEIGHT)))
        self._bar.ax.set_position((x / width, (y - length / 2) / height, _BAR_WIDTH / width, length / height))
        label = _text.fitted(self._bar_label, min(1.1 * length, height), self._small, lines=4)
        self._bar.set_label(label, fontsize=self._small)
