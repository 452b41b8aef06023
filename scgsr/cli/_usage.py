"""How a command is told what to do: its usage and its exit codes, and the values that options take."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scgsr import _checks
from scgsr._adata import Keys

EXIT_CODES = """\
exit codes:
  0    done
  1    something was wrong with the files or the cells
  2    the command itself was wrong: an option, its value, or options that exclude each other
  130  interrupted"""


# The name of the argument in the message of a check.
_VALUE = "value"


def add_command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], None], *, examples: str, usage: str, **texts: str
) -> argparse.ArgumentParser:
    """Add a command to the parser's; `run` finds in `options.refuse` how to say that the command is wrong."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        # The usage is shown above each message about an option; with all of them the message would be lost.
        usage=f"scgsr {name} {usage}",
        epilog=f"{examples}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        **texts,
    )
    parser.set_defaults(run=run, refuse=parser.error)
    return parser


def number(text: str, **bounds: Any) -> float:
    """Return a finite number within `bounds`, those of `_checks.number`."""
    return _checked(_checks.number, _VALUE, _parsed(float, text, "a number"), **bounds)


def whole(text: str, *, minimum: int) -> int:
    """Return a whole number of at least `minimum`."""
    return _checked(_checks.positive_int, _VALUE, _parsed(int, text, "a whole number"), minimum=minimum)


def seed(text: str) -> int:
    """Return a seed."""
    from scgsr import _random

    return _checked(_random.seed_from, _parsed(int, text, "a whole number"))


def key(text: str) -> str:
    """Return the name of a fit."""
    return _checked(Keys, text).key


def device(text: str) -> str:
    """Return the name of a device that can be used here."""
    from scgsr import _device

    try:
        _device.choose(text)
    except ValueError as error:
        reason = str(error.__cause__).partition("\n")[0]
        msg = f"{text!r} cannot be used here ({reason}); leave --device out to take the best that there is"
        raise argparse.ArgumentTypeError(msg) from error
    return text


def path(text: str) -> Path:
    """Return a path; an empty one would be the current folder."""
    if not text:
        msg = "must name a file or a folder, got ''"
        raise argparse.ArgumentTypeError(msg)
    return Path(text)


def _parsed(kind: Callable[[str], Any], text: str, kind_in_words: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        msg = f"must be {kind_in_words}, got {text!r}"
        raise argparse.ArgumentTypeError(msg) from None


def _checked(check: Callable[..., Any], *arguments: Any, **bounds: Any) -> Any:
    """Return what a check of the API returns; its error becomes one of argparse, which names the option itself."""
    try:
        return check(*arguments, **bounds)
    except ValueError as error:
        argument = getattr(error, "argument", _VALUE)
        raise argparse.ArgumentTypeError(str(error).removeprefix(f"`{argument}` ").removesuffix(".")) from error
