"""Paths as they are given, judged before anything is read or written."""

from __future__ import annotations

import os
from pathlib import Path

from scgsr._checks import about, instance


def source(path: str | os.PathLike[str]) -> Path:
    """Return the file or folder to read."""
    given = _not_empty(path, "the FCS file to read, or '.' for the folder you are in")
    if not given.exists():
        msg = f"`path`: there is no file or folder {os.fspath(path)}; check the name, and the folder you are in."
        raise about("path", FileNotFoundError(msg))
    return given


def target(path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """Return the file to write, in a folder that exists, and replacing nothing unless asked to."""
    given = _not_empty(path, "the file to write, such as 'cells.fcs'")
    if given.is_dir():
        msg = f"`path`: {given} is a folder; name a file in it, such as {given / 'cells.fcs'}."
        raise about("path", IsADirectoryError(msg))
    check_place("path", given, overwrite=overwrite)
    return given


def check_place(argument: str, file: Path, *, overwrite: bool) -> None:
    """Refuse a file that is there already, unless it may be replaced, and one in a folder that is not there."""
    if os.path.lexists(file) and not overwrite:
        msg = f"`{argument}`: {file} exists; choose another name, or replace it with `overwrite=True`."
        raise about(argument, FileExistsError(msg))
    if not file.parent.is_dir():
        msg = f"`{argument}`: there is no folder {file.parent} to write {file.name} to; make the folder first."
        raise about(argument, FileNotFoundError(msg))


def _not_empty(path: str | os.PathLike[str], example: str) -> Path:
    instance("path", path, (str, os.PathLike))
    if not os.fspath(path):  # `Path` takes an empty text for the current folder.
        msg = f"`path` must not be empty; give {example}."
        raise about("path", ValueError(msg))
    return Path(path)
