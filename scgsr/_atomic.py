"""A file takes its place whole or not at all, whatever ends the process that writes it.

A new file gets a name of its own in the folder of the old one, is on the disk before it takes that place, and is gone
if the block that writes it fails, also by Ctrl-C. What other processes write beside it is never touched.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

# A name that begins with a dot is no sample of a folder that is read meanwhile.
_PREFIX = ".scgsr-unfinished-"
_LONGEST_ENDING = 32
_MAKE_ROOM = "free some space, or name a place on another disk"
_NO_ROOM = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


@contextlib.contextmanager
def replacing(path: Path, *, n_bytes: int = 0) -> Iterator[Path]:
    """Yield the path of a new file, which takes the place of `path` in one step once the block has succeeded.

    A disk that has fewer than `n_bytes` free is refused before the block begins. A symbolic link stays, and what it
    points to is replaced; a file keeps the permissions of the one that it replaces. An OSError about the new file names
    `path` and says what to do.
    """
    target = Path(os.path.realpath(path))
    unfinished = _spare(target)
    _check_room(target.parent, path, n_bytes)
    try:
        yield unfinished
        _flush(unfinished)
        if target.is_file():
            shutil.copymode(target, unfinished)
        os.replace(unfinished, target)
        _flush_folder(target.parent)
    except OSError as error:
        if not _is_about(error, unfinished):
            raise
        raise _about_target(error, unfinished, path) from error
    finally:
        with contextlib.suppress(OSError):  # The error that led here matters more.
            unfinished.unlink(missing_ok=True)


def _spare(target: Path) -> Path:
    """Return a name beside `target` that nobody else has; writers go by its ending."""
    return target.with_name(f"{_PREFIX}{secrets.token_hex(16)}{target.suffix[:_LONGEST_ENDING]}")


def _check_room(folder: Path, path: Path, n_bytes: int) -> None:
    """Refuse a disk that is too full."""
    free = shutil.disk_usage(folder).free if n_bytes else 0
    if n_bytes > free:
        reason = f"{n_bytes:,} bytes are to be written, and the disk has room for {free:,}; {_MAKE_ROOM}"
        raise OSError(errno.ENOSPC, reason, str(path))


def _flush(file: Path) -> None:
    """Wait until a file is on the disk."""
    with file.open("rb+") as handle:
        os.fsync(handle.fileno())


def _flush_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can do that for a folder."""
    with contextlib.suppress(OSError):  # The content is in its place already.
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _is_about(error: OSError, unfinished: Path) -> bool:
    """Return whether an error is about the new file, and not about another that the block reads or writes."""
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    if names:
        return any(unfinished.name in name for name in names)
    return error.errno is not None or unfinished.name in str(error)


def _about_target(error: OSError, unfinished: Path, path: Path) -> OSError:
    """Return the error as one about the path that the user knows, with the cure."""
    text = str(error)
    number = error.errno or (errno.ENOSPC if f"errno = {errno.ENOSPC}" in text else errno.EIO)
    reason = (error.strerror or text).replace(str(unfinished), str(path))
    cure = _MAKE_ROOM if number in _NO_ROOM else "name a place where you may write"
    return OSError(number, f"{reason}; {cure}", str(path))
