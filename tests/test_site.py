"""What the site must hold: every public name on its page, every plot's example drawn, every formula still written."""

from __future__ import annotations

import importlib.util
import inspect
import re
from pathlib import Path

import pytest
import torch

import scgsr

PAGES = Path(__file__).resolve().parents[1] / "tutorials"
ROOMS = [name for name in scgsr.__all__ if inspect.ismodule(getattr(scgsr, name))]


def public_names():
    return [f"{room}.{name}" for room in ROOMS for name in getattr(scgsr, room).__all__] + ["FittedModel"]


def listed_names(page):
    """Return the entries of the lists on a page."""
    return re.findall(r"^   ([A-Za-z_]\w*(?:\.\w+)?)$", page, flags=re.MULTILINE)


def missing_and_unknown(page):
    listed = listed_names(page)
    return sorted(set(public_names()) - set(listed)), sorted(set(listed) - set(public_names()))


def formulas():
    spec = importlib.util.spec_from_file_location("typeset", PAGES / "_extensions" / "typeset.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_room_has_names():
    assert all(getattr(scgsr, room).__all__ for room in ROOMS)
    assert {"tl", "pl", "get", "pp", "io", "graphs", "nn", "datasets"} <= set(ROOMS)


class TestApiPage:
    page = (PAGES / "api.md").read_text("utf-8")

    def test_lists_exactly_the_public_names(self):
        assert missing_and_unknown(self.page) == ([], [])

    def test_lists_each_once(self):
        listed = listed_names(self.page)
        assert len(listed) == len(set(listed))

    def test_a_missing_and_an_unknown_name_are_seen(self):
        changed = self.page.replace("   tl.fit\n", "   tl.refit\n")
        missing, unknown = missing_and_unknown(changed)
        assert "tl.fit" in missing
        assert unknown == ["tl.refit"]


class TestPictures:
    @pytest.mark.parametrize("name", [name for name in scgsr.pl.__all__ if name != "report"])
    def test_the_example_has_a_statement_that_draws(self, name):
        assert re.search(r">>> .*show=False", inspect.getdoc(getattr(scgsr.pl, name)))


class TestFormulas:
    typeset = formulas()
    docstrings = tuple(
        inspect.getdoc(thing) or ""
        for room in ROOMS
        for name in getattr(scgsr, room).__all__
        for thing in [getattr(getattr(scgsr, room), name)]
    ) + tuple(inspect.getdoc(method) or "" for _, method in inspect.getmembers(scgsr.graphs.NeuronGraph))

    @pytest.mark.parametrize("formula", typeset.FORMULAS)
    def test_is_written_in_a_docstring(self, formula):
        assert any(self.typeset.pattern(formula).search(docstring) for docstring in self.docstrings)

    def test_becomes_one_role_over_the_end_of_a_line_and_not_in_examples(self):
        docstring = "The mean of x^T L\n    x / x^T x.\n\nExamples\n--------\n>>> x^T L x\n"
        text = self.typeset.typeset(docstring)
        assert text == docstring.replace("x^T L\n    x / x^T x", r":math:`x^T L x \, / \, x^T x`")


def test_pages_name_only_pages_that_exist():
    for page in PAGES.glob("*.md"):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def code_of(page):
    """Return the Python code on a page, from top to bottom."""
    return "\n".join(re.findall(r"^```python\n(.*?)^```", (PAGES / page).read_text("utf-8"), re.MULTILINE | re.DOTALL))


class TestCodeOnPages:
    def test_a_sheet_in_a_network_of_ones_own(self):
        found = {}
        with torch.random.fork_rng(devices=[]):
            exec(compile(code_of("own_network.md"), "own_network.md", "exec"), found)
        assert len(found["figure"].axes) >= 10

    @pytest.mark.usefixtures("shared_data")
    def test_a_sheet_that_is_merely_smooth(self):
        found = {"scgsr": scgsr}
        exec(compile(code_of("score.md"), "score.md", "exec"), found)
        assert found["verdict"] == "merely smooth"
