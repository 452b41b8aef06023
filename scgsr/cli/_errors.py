"""An error as the one line with which a command ends, and what is written by then."""

from __future__ import annotations

import argparse


def line_of(error: Exception, options: argparse.Namespace) -> str:
    """Return what went wrong in one line, with the option that it is about if the command has such an option."""
    message = " ".join(line.strip() for line in text_of(error).splitlines())
    argument = getattr(error, "argument", None)
    return f"--{argument.replace('_', '-')}: {message}" if argument is not None and argument in options else message


def text_of(error: Exception) -> str:
    """Return the message of an error; a KeyError would show it in quotation marks."""
    message = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    return message or ("there is too little memory" if isinstance(error, MemoryError) else type(error).__name__)


def written(options: argparse.Namespace) -> str:
    """Return which outputs are written, each of them in full, and from where an interrupted fit goes on."""
    outputs = f"written: {', '.join(map(str, options.written))}" if options.written else "no output was written"
    if options.written or getattr(options, "checkpoint", None) is None:
        return outputs
    return f"{outputs}; the same command goes on from the last state in {options.checkpoint}, if there is one"
