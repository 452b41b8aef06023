"""A bar is shown where somebody looks."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from scgsr._values import bar


@pytest.mark.parametrize(("progress", "shown"), [(True, True), (False, False), (None, False)])
def test_is_shown_if_asked_for_and_else_only_in_a_terminal(capsys, progress, shown):
    with bar("scgsr copy", 3000, unit=" cells", progress=progress) as watched:
        watched.update(1500)
        watched.refresh()
    found = capsys.readouterr()
    assert found.out == ""
    assert ("scgsr copy:  50%" in found.err and "1.50k/3.00k" in found.err) == shown


def test_is_shown_in_a_notebook(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=object))
    with bar("scgsr fit", 3000, unit=" cells", progress=None) as watched:
        assert not watched.disable
    assert capsys.readouterr().out == ""
