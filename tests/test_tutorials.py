"""What a committed tutorial must be. Running them is a test of its own: pytest collects the notebooks."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

TUTORIALS = sorted((Path(__file__).resolve().parents[1] / "tutorials").glob("*.ipynb"))


def cells_of(path, kind):
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def test_there_are_tutorials():
    assert len(TUTORIALS) >= 2


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
class TestTutorial:
    def test_is_committed_executed_in_order_and_without_errors(self, path):
        code = cells_of(path, "code")
        assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
        kinds = {output["output_type"] for cell in code for output in cell["outputs"]}
        assert "error" not in kinds

    def test_defines_no_functions(self, path):
        source = "\n".join("".join(cell["source"]) for cell in cells_of(path, "code"))
        defined = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.Lambda)]
        assert not defined

    def test_says_after_each_figure_what_it_shows_and_what_not(self, path):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for cell, after in zip(cells, [*cells[1:], {"source": ""}], strict=True):
            if any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
                said = "".join(after["source"])
                assert "*What it shows*" in said, cell["source"]
                assert "*What it does not show*" in said, cell["source"]

    def test_shows_no_warnings_and_no_paths_of_a_machine(self, path):
        outputs = json.dumps([cell["outputs"] for cell in cells_of(path, "code")])
        assert "Warning" not in outputs
        assert "site-packages" not in outputs
