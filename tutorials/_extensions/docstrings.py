"""How our docstrings become pages.

What a function returns is shown as it is written, signs that only look like markup stay signs, and each plot shows the
picture that its example draws.
"""

from __future__ import annotations

import re
from doctest import DocTestParser
from typing import Any

from sphinx.application import Sphinx
from sphinx.ext.napoleon.docstring import NumpyDocstring
from typeset import typeset

# Where the picture goes: after what a plot is, before what it takes.
ARGUMENTS = "Parameters"
NO_MARKUP = re.compile(r"\||(?<=\w)_(?=\W|$)|_(?=_\d)")
FRAME = "width: 100%; height: 50rem; border: 1px solid #bbb"


def _returned(docstring: NumpyDocstring, _section: str) -> list[str]:
    """Format what is returned: prose, and a list of names with what is in them. Types stand in the signature."""
    lines = docstring._dedent(docstring._consume_to_next_section())  # no setting does this
    if lines[0].startswith(":"):  # by sphinx-autodoc-typehints, which would have no type read from here either
        lines[0] = lines[0][1:].strip()
    return docstring._format_block(":returns: ", _listed(lines))


def _listed(lines: list[str]) -> list[str]:
    """Turn `name : type`, with or without indented lines below, into items of a list; other lines stay."""
    done: list[str] = []
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if line.strip() and not line.startswith(" ") and (below.startswith("    ") or re.match(r"`.+` : ", line)):
            name, colon, kind = line.partition(" : ")
            name = name if name.startswith("`") else f"**{name}**"
            done += ["", f"- {name}{': ' if colon else ''}{kind}", ""]
        else:
            done.append(line[2:] if line.startswith("    ") else line)
    return done


def _escaped(line: str) -> str:
    """Escape, outside of literals, what we never mean as markup: |x| is a norm, sample_ a name."""
    if line.lstrip().startswith((">>>", "...")):
        return line
    parts = re.split(r"(`+[^`]*`+)", line)
    return "".join(part if part.startswith("`") else NO_MARKUP.sub(r"\\\g<0>", part) for part in parts)


def _prepare(_app: Sphinx, _kind: str, name: str, _thing: Any, _options: Any, lines: list[str]) -> None:
    example = [one.source for one in DocTestParser().get_examples("\n".join(lines))]
    lines[:] = [_escaped(line) for line in typeset("\n".join(lines)).splitlines()]
    if name.startswith("scgsr.pl."):
        place = lines.index(ARGUMENTS)
        lines[place:place] = _page(name) if name == "scgsr.pl.report" else _picture(name, example)


def _picture(name: str, example: list[str]) -> list[str]:
    """Return a directive that runs the example up to the statement that draws, and shows what was drawn."""
    drawing = next(number for number, source in enumerate(example) if "show=False" in source)
    source = "".join(example[: drawing + 1])
    said = "What the example {} draws."
    head = [".. plot::", f"   :alt: {said.format(f'of {name}')}", f"   :caption: {said.format('below')}", ""]
    return [*head, *(f"   {line}" for line in source.splitlines()), ""]


def _page(name: str) -> list[str]:
    """Return a frame with the page that `report_page` has made."""
    frame = f'<iframe src="../report.html" title="What {name} writes" style="{FRAME}"></iframe>'
    return [".. raw:: html", "", f"   {frame}", "", "`The page by itself <../report.html>`__", ""]


def setup(app: Sphinx) -> dict[str, bool]:
    """Prepare docstrings before napoleon reads them."""
    NumpyDocstring._parse_returns_section = _returned  # no setting does this
    app.connect("autodoc-process-docstring", _prepare, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
