"""Links in files of the repository that pages include: to the pages that include them."""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

LINKS = {
    "(paper/README.md)": "(paper.md)",
    "(../README.md#": "(measured.md#",
    "(../../../tutorials/design.md)": "(design.md)",
}


def _link(_app: Sphinx, _path: Path, _page: str, content: list[str]) -> None:
    for written, here in LINKS.items():
        content[0] = content[0].replace(written, here)


def setup(app: Sphinx) -> dict[str, bool]:
    """Change links before the text is read."""
    app.connect("include-read", _link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
