"""A browser for the tests of pages; they are skipped, and say why, where there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import _browser


@pytest.fixture(scope="session")
def browser():
    """A window of headless Chromium."""
    programs = _browser.programs()
    if programs is None:
        pytest.skip(
            "no Chromium with its chromedriver on the PATH (packages `chromium` and `chromium-driver` of Debian)"
        )
    with _browser.opened(*programs) as window:
        yield window
