"""The command line: `scgsr demo`, `scgsr fit`, `scgsr transform`."""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
from collections.abc import Sequence
from typing import Any

from scgsr.cli import _demo, _fit, _transform
from scgsr.cli._left import Left
from scgsr.cli._usage import EXIT_CODES
from scgsr.cli._words import in_options, text_of

__all__ = ["main"]

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; `arguments` are those of the process unless given."""
    options, left = argparse.Namespace(), Left()
    try:
        options = _parser().parse_args(arguments)
        left = Left(options)
        options.run(options)
    except KeyboardInterrupt:
        print(f"interrupted; {left.interrupted()}", file=sys.stderr)
        sys.exit(_INTERRUPTED)
    except (OSError, ValueError, KeyError, TypeError, ImportError, MemoryError) as error:
        there = left.said()
        sys.exit(f"scgsr {options.command}: {_line(error, options)}{f' ({there})' if there else ''}")


def _line(error: Exception, options: argparse.Namespace) -> str:
    """Return what went wrong in one line."""
    return in_options(" ".join(line.strip() for line in text_of(error).splitlines()), vars(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scgsr",
        description="Autoencoders for single cells whose hidden layer is a picture you can read.",
        epilog=f"`scgsr fit --help` and the like tell more of a command.\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and stop")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for module in (_demo, _fit, _transform):
        module.add(commands)
    return parser


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        try:
            found = importlib.metadata.version("scgsr")
        except importlib.metadata.PackageNotFoundError:  # run from a source tree that is not installed
            found = "(not installed)"
        print(f"scgsr {found}")
        parser.exit()
