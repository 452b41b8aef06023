"""Files and folders that are replaced whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

# A writer makes a folder of this name beside its target. Nobody is still writing into one that has not changed for so
# many seconds.
_WORKSHOP = ".scgsr-unfinished-"
_ABANDONED_AFTER = 3600


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with written_whole(path) as unfinished:
        unfinished.write_bytes(content)


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a path for a new file or folder, which takes the place of `path` once the block has succeeded.

    A file is replaced in one step: whatever happens, a crash of the machine included, `path` holds the old or the new
    content in full. A folder takes two steps; if the process is killed between them, the next write into the parent
    folder, an hour later, brings the old content back. A symbolic link stays, and what it points to is replaced. A file
    keeps the permissions of the one that it replaces. An OSError about the unfinished content names `path`.
    """
    target = Path(os.path.realpath(path))
    _remove_abandoned(target.parent)
    try:
        workshop = Path(tempfile.mkdtemp(prefix=_WORKSHOP, dir=target.parent))
    except OSError as error:
        error.filename = str(path)
        raise
    unfinished = workshop / target.name
    try:
        with _kept_fresh(workshop):
            yield unfinished
        _flush(unfinished)
        _exchange(unfinished, target, aside=workshop / "old")
        _flush_folder(target.parent)
    except OSError as error:
        _name_target(error, unfinished, path)
        raise
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


@contextlib.contextmanager
def _kept_fresh(workshop: Path) -> Iterator[None]:
    """Touch a folder now and then, so that nobody takes it for abandoned while a fit of hours goes on in it."""
    done = threading.Event()

    def touch() -> None:
        while not done.wait(_ABANDONED_AFTER / 10):
            with contextlib.suppress(OSError):
                os.utime(workshop)

    thread = threading.Thread(target=touch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _exchange(new: Path, target: Path, *, aside: Path) -> None:
    """Move what is new to its place; an old folder, or a file where a folder comes, steps aside until then."""
    if not os.path.lexists(target):
        new.replace(target)
    elif new.is_dir() or target.is_dir():
        aside.mkdir()
        old = target.replace(aside / target.name)
        try:
            new.replace(target)
        except BaseException:
            old.replace(target)
            raise
    else:
        shutil.copymode(target, new)
        new.replace(target)


def _flush(path: Path) -> None:
    """Wait until a file, or all files of a folder, are on the disk."""
    for file in path.rglob("*") if path.is_dir() else [path]:
        if file.is_file():
            with file.open("rb+") as handle:
                os.fsync(handle.fileno())


def _flush_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can do that for a folder."""
    with contextlib.suppress(OSError):  # the content is in its place already
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _name_target(error: OSError, unfinished: Path, path: Path) -> None:
    """Let an error about the unfinished content name the path that the user knows; others stay as they are."""
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    if error.errno is not None and (not names or any(name.startswith(str(unfinished.parent)) for name in names)):
        error.filename = str(path)
        del error.filename2  # None would be shown
    if error.strerror is not None:
        error.strerror = error.strerror.replace(str(unfinished), str(path))


def _remove_abandoned(folder: Path) -> None:
    """Remove what killed processes have left in a folder, and bring back what one had set aside."""
    for workshop in folder.glob(f"{_WORKSHOP}*"):
        with contextlib.suppress(OSError):  # another process may be faster
            newest = max(path.stat().st_mtime for path in (workshop, *workshop.rglob("*")))
            if time.time() - newest <= _ABANDONED_AFTER:
                continue
            for old in (workshop / "old").glob("*"):
                if not os.path.lexists(folder / old.name):
                    old.replace(folder / old.name)
            shutil.rmtree(workshop)
