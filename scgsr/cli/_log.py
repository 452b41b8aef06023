"""What the package logs, shown to who runs a command."""

from __future__ import annotations

import argparse
import logging
from typing import TextIO


def show_log(stream: TextIO, options: argparse.Namespace) -> None:
    """Write the messages of the package to `stream`; with --quiet only warnings."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Formatter())
    logger = logging.getLogger("scgsr")
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING if getattr(options, "quiet", False) else logging.INFO)


class _Formatter(logging.Formatter):
    """Indents messages as they are, and marks warnings as such."""

    def format(self, record: logging.LogRecord) -> str:
        mark = "warning: " if record.levelno >= logging.WARNING else ""
        return f"  {mark}{record.getMessage()}"
