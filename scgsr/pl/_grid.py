"""How many pictures stand in a row, and how large they and the letters of their titles are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from scgsr.pl import _text

# Inches: the gap between pictures, and below low ones, as a share of their height.
GAP, _GAP_SHARE, _LEAST_GAP = 0.14, 0.3, 0.05
# Inches: a picture among others and one alone, if the width allows; the least size that is chosen, and the least that a
# given height leaves.
_SIZE, _ONE_SIZE, _LEAST_SIZE, _SMALLEST = 1.9, 4.0, 0.45, 0.3
# Pictures in a row, as far as the height allows; in inches, what is not too high for a narrow page, and for any page.
_NCOLS, _USUAL_HEIGHT, _MOST_HEIGHT = 4, 5.0, 10.0
# A tall picture still needs width for its title, as a share of its height.
_TITLE_SHARE = 0.7
# Points: the smallest letters; and the size in inches from which on a title has the user's font size.
_LEAST_POINTS, _SIZE_FOR_FONT = 6.0, 1.5
_ABOVE_PICTURE = 0.08


@dataclass(frozen=True)
class Grid:
    """Pictures of one size in rows; all lengths in inches."""

    ncols: int
    column: float
    width: float
    height: float
    heads: list[float]  # the room for the titles of each row
    points: float
    titles: list[str]

    @property
    def total(self) -> float:
        """The height of all rows."""
        return sum(self.heads) + len(self.heads) * (self.height + self.gap)

    @property
    def gap(self) -> float:
        """What is free below each row: less below small pictures."""
        return float(np.clip(_GAP_SHARE * self.height, _LEAST_GAP, GAP))

    @property
    def size(self) -> float:
        """The longer side of a picture."""
        return max(self.width, self.height)


def chosen(
    titles: Sequence[str], *, aspect: float, ncols: int | None, width: float | None, height: float | None
) -> Grid:
    """Return the grid with the largest pictures of this width over height that the page has room for.

    Without a height, a page is hardly higher than wide as long as pictures can be read.
    """
    n = len(titles)
    most = _ONE_SIZE if n == 1 else _SIZE
    per_size = max(min(1.0, aspect), _TITLE_SHARE)
    usual = 1 if n == 1 else ncols or _NCOLS
    inner = usual * (most * per_size + GAP) if width is None else width

    def size(columns: int) -> float:
        return min(most, max((inner / columns - GAP) / per_size, _SMALLEST))

    options = [min(ncols, n)] if ncols else list(_options(n, inner, most * per_size, least=height is not None))
    grids = [_grid(titles, aspect, columns, size(columns)) for columns in options]
    if height is not None:
        return max((_shrunk(grid, titles, aspect, height) for grid in grids), key=lambda grid: grid.size)
    readable = [grid for grid in grids if grid.size >= _LEAST_SIZE] or grids[:1]
    square = [grid for grid in readable if grid.total <= max(inner, _USUAL_HEIGHT)]
    if square:
        return max(square, key=lambda grid: grid.size * n / (grid.ncols * len(grid.heads)))
    return _shrunk(min(readable, key=lambda grid: grid.total), titles, aspect, _MOST_HEIGHT)


def _options(n: int, inner: float, column: float, *, least: bool) -> Iterator[int]:
    """Yield numbers of columns: from as many as have their full size, or from the least."""
    first = 1 if least else int(np.clip((inner + 1e-9) // (column + GAP), 1, n))
    yield from range(first, min(n, max(first, int(inner / (0.5 * _LEAST_SIZE + GAP)))) + 1)


def _grid(titles: Sequence[str], aspect: float, ncols: int, size: float) -> Grid:
    """Return a grid of pictures of this size."""
    width, height = size * min(1.0, aspect), size * min(1.0, 1 / aspect)
    column = max(width, _TITLE_SHARE * size)
    font = _text.font_size()
    points = float(np.clip(font * column / _SIZE_FOR_FONT, min(font, _LEAST_POINTS), font))
    written = [_two_parts(title, column + GAP / 2, points) for title in titles]
    heads = [
        max(_text.height(title, points) if title else 0.0 for title in written[start : start + ncols]) + _ABOVE_PICTURE
        for start in range(0, len(written), ncols)
    ]
    return Grid(ncols=ncols, column=column, width=width, height=height, heads=heads, points=points, titles=written)


def _shrunk(grid: Grid, titles: Sequence[str], aspect: float, limit: float) -> Grid:
    """Return a grid with pictures small enough for this height, as far as they can be seen at all."""
    for _ in range(5):
        excess = (grid.total - limit) / len(grid.heads)
        if excess <= 0 or grid.size <= _SMALLEST:
            break
        grid = _grid(titles, aspect, grid.ncols, max(grid.size - excess * max(1.0, aspect), _SMALLEST))
    return grid


def _two_parts(title: str, inches: float, points: float) -> str:
    """Fit a name into lines of this width, and what follows a line break into a line of its own."""
    parts = title.split("\n")
    lines = 3 if len(parts) == 1 or inches >= _SIZE_FOR_FONT else 2
    first = _text.fitted(parts[0], inches, points, lines=lines) if parts[0] else ""
    return "\n".join(part for part in [first, *(_text.fitted(part, inches, points) for part in parts[1:])] if part)
