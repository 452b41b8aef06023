"""What the package logs, shown to who runs a command."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Container
from typing import TextIO

from scgsr.cli._words import in_options


def show_log(stream: TextIO, options: argparse.Namespace) -> None:
    """Write the messages of the package to `stream`; with --quiet only warnings."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Formatter(vars(options)))
    logger = logging.getLogger("scgsr")
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING if getattr(options, "quiet", False) else logging.INFO)


class _Formatter(logging.Formatter):
    """Warnings are marked as such, all else is indented; arguments are named as the options are."""

    def __init__(self, names: Container[str]) -> None:
        super().__init__()
        self.names = names

    def format(self, record: logging.LogRecord) -> str:
        mark = "warning: " if record.levelno >= logging.WARNING else ""
        return f"  {mark}{in_options(record.getMessage(), self.names)}"
