"""The command line: `scgsr demo`, `scgsr fit`, `scgsr transform`.

Exit codes: 0 done, 1 something was wrong with the input or the output, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from scgsr.cli import _demo, _fit, _transform

__all__ = ["main"]

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; `arguments` are those of the process unless given."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except KeyboardInterrupt:
        kept = getattr(options, "checkpoint", None)
        left = f"the state is in {kept}: the same command goes on from there" if kept else "nothing was written"
        print(f"interrupted; {left}", file=sys.stderr)
        sys.exit(_INTERRUPTED)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        # The message of a KeyError is shown as a repr, with its quotation marks escaped.
        said = error.args[0] if isinstance(error, KeyError) and error.args else error
        sys.exit(f"scgsr {options.command}: {said}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scgsr", description="Autoencoders for single cells whose hidden layer is a picture you can read."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for module in (_demo, _fit, _transform):
        module.add(commands)
    return parser
