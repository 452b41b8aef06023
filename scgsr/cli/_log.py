"""What the package logs, shown to who runs a command."""

from __future__ import annotations

import logging
from typing import TextIO


def show_log(stream: TextIO, *, level: int = logging.INFO) -> None:
    """Write the messages of the package to `stream`, from `level` on."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Formatter())
    logger = logging.getLogger("scgsr")
    logger.addHandler(handler)
    logger.setLevel(level)


class _Formatter(logging.Formatter):
    """Warnings are marked as such, all else is indented."""

    def format(self, record: logging.LogRecord) -> str:
        mark = "warning: " if record.levelno >= logging.WARNING else ""
        return f"  {mark}{record.getMessage()}"
