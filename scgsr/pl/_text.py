"""Text in inches: how wide it is, and how it is broken or shortened to fit a width."""

from __future__ import annotations

import functools
import re

# Where a name may be broken: after a space, or after a sign that joins words.
_PIECES = re.compile(r"[_/,;:\-]*[^\s_/,;:\-]+[_/,;:\-]*\s*|[_/,;:\-]+\s*|\s+")
# At few dots per inch letters stand on whole pixels, which makes them wider.
_HINTING = 1.06
# Points: matplotlib's own font size.
_USUAL_SIZE = 10.0
# What matplotlib calls a small font, in units of the font size, and a line's height, in units of its own size.
SMALL, LINE_HEIGHT = 0.833, 1.3


def font_size() -> float:
    """Return the user's font size in points."""
    import matplotlib as mpl

    return float(mpl.rcParams["font.size"])


def scale() -> float:
    """Return by how much the user's letters are larger than matplotlib's, at least 1: pages grow with them."""
    return max(1.0, font_size() / _USUAL_SIZE)


def width(text: str, points: float) -> float:
    """Return the width of the longest line in inches."""
    import matplotlib as mpl

    family = tuple(mpl.rcParams["font.family"])
    return max(_width(line, family) for line in text.split("\n")) * points / 72 * _HINTING


def height(text: str, points: float) -> float:
    """Return the height of all lines in inches."""
    return (text.count("\n") + 1) * LINE_HEIGHT * points / 72


def fitted(text: str, inches: float, points: float, *, lines: int = 1) -> str:
    """Return a text in at most so many lines of this width, where need be without its middle.

    Long names often differ at their end.
    """
    broken = _broken(text, inches, points)
    letters = len(text)
    while broken.count("\n") >= lines and letters > 1:
        letters = min(letters - 1, int(letters * 0.95))
        half = letters // 2
        broken = _broken(f"{text[: letters - half]}…{text[len(text) - half :]}", inches, points)
    return broken


def _broken(text: str, inches: float, points: float) -> str:
    """Return the text in lines of this width; a piece that is wider is broken anywhere."""
    lines = [""]
    for piece in _PIECES.findall(text):
        if width((lines[-1] + piece).rstrip(), points) <= inches:
            lines[-1] += piece
            continue
        lines.append("")
        for letter in piece:
            if lines[-1] and width(lines[-1] + letter, points) > inches:
                lines.append("")
            lines[-1] += letter
    return "\n".join(line.strip() for line in lines if line.strip()) or text


@functools.lru_cache(maxsize=20_000)
def _width(line: str, family: tuple[str, ...]) -> float:
    """Return the width of a line at a size of one point, in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    size = 100.0
    font = FontProperties(family=list(family), size=size)
    return float(text_to_path.get_text_width_height_descent(line, font, False)[0]) / size
