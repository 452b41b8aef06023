"""An error as the one line with which a command ends, and what is written by then."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from scgsr._checks import about

# Arguments of the API for which the user gives the input; others that no option gives are settings of the reference.
_INPUTS = ("adata", "path")


def line_of(error: Exception, options: argparse.Namespace) -> str:
    """Return what went wrong in one line, which names what the user typed: the option, or else the input."""
    message = " ".join(line.strip() for line in text_of(error).splitlines())
    argument = getattr(error, "argument", None)
    if argument in _INPUTS and "input" in options:
        return _with_subject(message, argument, str(options.input))
    if argument is not None and argument in options:
        return _with_subject(message, argument, f"--{argument.replace('_', '-')}")
    return f"{options.input}: {message}" if argument is not None and "input" in options else message


def _with_subject(message: str, argument: str, subject: str) -> str:
    """Return the message with `subject` in front, once, in place of the argument if it begins with that."""
    predicate = message.removeprefix(f"`{argument}`")
    if predicate == message:
        return f"{subject}: {message}"
    sentence = predicate.removeprefix(": ")
    return sentence if sentence.startswith(subject) else f"{subject}{predicate}"


@contextmanager
def as_error_about(option: str, argument: str) -> Iterator[None]:
    """Let an error be about `option`, whose value goes to a function that calls it `argument`."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = _with_subject(text_of(error), argument, f"`{option}`")
        raise about(option, ValueError(message)) from error


def text_of(error: Exception) -> str:
    """Return the message of an error; a KeyError would show it in quotation marks."""
    message = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    return message or ("there is too little memory" if isinstance(error, MemoryError) else type(error).__name__)


def written(options: argparse.Namespace) -> str:
    """Return which outputs are written, each of them in full, and from where an interrupted fit resumes."""
    outputs = f"written: {', '.join(map(str, options.written))}" if options.written else "no output was written"
    if options.written or getattr(options, "checkpoint", None) is None:
        return outputs
    return f"{outputs}; the same command resumes from the last state in {options.checkpoint}, if there is one"
