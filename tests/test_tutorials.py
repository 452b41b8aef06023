"""What a committed tutorial must be. Running them is a test of its own: pytest collects the notebooks."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

TUTORIALS = sorted((Path(__file__).resolve().parents[1] / "tutorials").glob("*.ipynb"))


def cells_of(path, kind):
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


SHOWS, DOES_NOT_SHOW = "*What it shows*", "*What it does not show*"
FEWEST_WORDS = 15


def unexplained(cells):
    """Return the source of each cell with a figure that no text follows."""
    return [
        "".join(cell["source"])
        for cell, after in zip(cells, [*cells[1:], {"cell_type": "code", "source": ""}], strict=True)
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))
        and (after["cell_type"] != "markdown" or len("".join(after["source"]).split()) < FEWEST_WORDS)
    ]


def test_a_figure_without_text_is_seen():
    figure = {"cell_type": "code", "source": ["draw()"], "outputs": [{"data": {"image/png": ""}}]}
    text = {"cell_type": "markdown", "source": ["word " * FEWEST_WORDS]}
    assert unexplained([figure, text, figure, figure, text, figure]) == ["draw()", "draw()"]
    assert unexplained([figure, {**text, "source": ["## The next heading"]}]) == ["draw()"]


def test_there_are_tutorials():
    assert len(TUTORIALS) >= 6


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
class TestTutorial:
    def test_is_committed_executed_in_order_and_without_errors(self, path):
        code = cells_of(path, "code")
        assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
        kinds = {output["output_type"] for cell in code for output in cell["outputs"]}
        assert "error" not in kinds

    def test_is_short(self, path):
        assert len(json.loads(path.read_text(encoding="utf-8"))["cells"]) <= 20

    def test_defines_no_functions(self, path):
        source = "\n".join("".join(cell["source"]) for cell in cells_of(path, "code"))
        defined = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.Lambda)]
        assert not defined

    def test_explains_each_figure(self, path):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        assert unexplained(cells) == []

    def test_says_where_it_teaches_what_a_figure_shows_and_what_not(self, path):
        said = ["".join(cell["source"]) for cell in cells_of(path, "markdown")]
        limits = [text for text in said if DOES_NOT_SHOW in text]
        assert limits
        assert [text for text in limits if SHOWS not in text] == []

    def test_shows_no_warnings_and_no_paths_of_a_machine(self, path):
        outputs = json.dumps([cell["outputs"] for cell in cells_of(path, "code")])
        assert "Warning" not in outputs
        assert "site-packages" not in outputs
