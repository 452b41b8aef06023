"""The command line: `scgsr demo`, `scgsr fit`, `scgsr transform`, `scgsr report`."""

from __future__ import annotations

import argparse
import importlib.metadata
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from scgsr.cli import _demo, _fit, _report, _transform
from scgsr.cli._errors import line_of, written
from scgsr.cli._usage import EXIT_CODES

__all__ = ["main"]

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; `arguments` are those of the process unless given."""
    options = argparse.Namespace(written=[])  # files and folders, each noted once it is written in full
    try:
        _parser().parse_args(arguments, options)
        with _ended_by_an_exception():
            options.run(options)
    except KeyboardInterrupt:
        print(f"interrupted; {written(options)}", file=sys.stderr)
        sys.exit(_INTERRUPTED)
    except (OSError, ValueError, KeyError, TypeError, ImportError, MemoryError) as error:
        line = f"scgsr {options.command}: {line_of(error, options)}"
        sys.exit(f"{line} ({written(options)})" if options.written else line)


@contextmanager
def _ended_by_an_exception() -> Iterator[None]:
    """Let a request to end, as `kill` and batch systems send it, be an exception: nothing half-written then stays."""

    def end(number: int, _: Any) -> None:
        sys.exit(128 + number)

    if threading.current_thread() is not threading.main_thread():  # there signals cannot be told where to go
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scgsr",
        description="Autoencoders for single cells: every cell becomes a picture on a graph of neurons.",
        epilog=f"`scgsr fit --help` and the like tell more of a command.\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and stop")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for module in (_demo, _fit, _transform, _report):
        module.add(commands)
    return parser


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        try:
            version = importlib.metadata.version("scgsr")
        except importlib.metadata.PackageNotFoundError:  # A source tree can be run without being installed.
            version = "(not installed)"
        print(f"scgsr {version}")
        parser.exit()
