"""Cells as files for the command line, and the logger as it was."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import numpy as np
import pytest

from scgsr import io


@pytest.fixture(autouse=True)
def _logger_put_back():
    logger = logging.getLogger("scgsr")
    before, level = list(logger.handlers), logger.level
    yield
    logger.handlers, logger.level = before, level


@pytest.fixture
def paths(cells, tmp_path) -> Path:
    """A folder with the file "cells.h5ad"."""
    cells.write_h5ad(tmp_path / "cells.h5ad")
    return tmp_path


@pytest.fixture
def fcs_folder(cells, tmp_path) -> Path:
    """A folder with raw values of the cells as two samples, "a.fcs" of 140 and "b.fcs" of 100 cells."""
    folder = tmp_path / "run"
    folder.mkdir()
    raw = ad.AnnData((5 * np.sinh(cells.X)).astype(np.float32), var=cells.var.copy())
    for name, rows in (("a", slice(0, 140)), ("b", slice(140, 240))):
        io.write_fcs(raw[rows].copy(), folder / f"{name}.fcs", key=None)
    return folder


@pytest.fixture
def interrupt() -> Callable[..., None]:
    """A function that is interrupted, whatever it is given."""

    def interrupted(*arguments, **options) -> None:
        raise KeyboardInterrupt

    return interrupted
