"""What a damaged file leads to: one kind of error inside this package, and a ValueError that names the file outside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from scgsr._checks import about

# A damaged file may hold a text of megabytes where a number belongs.
_LONGEST_SHOWN = 80


class DamageError(ValueError):
    """A promise of the file that it does not keep, or that is not read, as a sentence."""


def shown(value: Any) -> str:
    """Return a value of the file as a message shows it: in quotation marks, and not longer than a line."""
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]} ..."


@contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what damage leads to, foreseen or not, into a ValueError with the file."""
    try:
        yield
    except (MemoryError, OSError):  # These are about the machine and not about the file.
        raise
    except Exception as error:
        match error:
            case DamageError():
                reason = str(error)
            case KeyError():
                reason = f"it lacks the keyword {error}"
            case _:
                reason = f"it cannot be decoded ({type(error).__name__}: {_cut(str(error))})"
        msg = f"`path`: {os.fspath(path)} must be a complete FCS file, but is not: {reason}."
        raise about("path", ValueError(msg)) from error
