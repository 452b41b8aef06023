"""A file or folder takes its place whole or not at all, whatever ends the process that writes it.

New content is made in a folder of its own beside the old one, is on the disk before it takes that place, and is gone if
the block that makes it fails, also by Ctrl-C. What other processes write there is never touched while they live.
"""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

# A writer makes a folder of this name beside its target, with its machine and its process. One that begins with a dot
# is no sample of a folder that is read meanwhile.
_WORKSHOP = ".scgsr-unfinished-"
_MAKE_ROOM = "free some space, or name a place on another disk"
_NO_ROOM = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with replacing(path, n_bytes=len(content)) as unfinished:
        unfinished.write_bytes(content)


@contextlib.contextmanager
def replacing(path: Path, *, n_bytes: int = 0) -> Iterator[Path]:
    """Yield the path of a new file or folder, which takes the place of `path` once the block has succeeded.

    A file is replaced in one step: whatever happens, a crash of the machine included, `path` holds the old or the new
    content in full. A folder takes two steps; if the process is killed between them, the next write beside it brings
    the old content back. A disk that has fewer than `n_bytes` free is refused before the block begins. A symbolic link
    stays, and what it points to is replaced; a file keeps the permissions of the one that it replaces. An OSError about
    the new content names `path` and says what to do.
    """
    target = Path(os.path.realpath(path))
    _remove_abandoned(target.parent)
    check_room(path, n_bytes)
    try:
        workshop = Path(tempfile.mkdtemp(prefix=f"{_WORKSHOP}{_of_this_process()}-", dir=target.parent))
    except OSError as error:
        raise _about_target(error, target, path) from error
    unfinished = workshop / target.name
    try:
        yield unfinished
        _flush(unfinished)
        _exchange(unfinished, target, aside=workshop / "old")
        _flush_folder(target.parent)
    except OSError as error:
        if not _is_about(error, workshop):
            raise
        raise _about_target(error, unfinished, path) from error
    finally:
        shutil.rmtree(workshop, ignore_errors=True)  # the error that led here matters more


def _exchange(new: Path, target: Path, *, aside: Path) -> None:
    """Move what is new to its place; an old folder, or a file where a folder comes, steps aside until then."""
    if not os.path.lexists(target):
        os.replace(new, target)
    elif new.is_dir() or target.is_dir():
        aside.mkdir()
        old = aside / target.name
        os.replace(target, old)
        try:
            os.replace(new, target)
        except BaseException:
            os.replace(old, target)
            raise
    else:
        shutil.copymode(target, new)
        os.replace(new, target)


def _of_this_process() -> str:
    return f"{_machine()}-{os.getpid()}"


def _machine() -> str:
    return re.sub(r"\W", "_", platform.node())[:40]


def _remove_abandoned(folder: Path) -> None:
    """Remove what killed processes of this machine have left in a folder, and bring back what one had set aside."""
    for workshop in folder.glob(f"{_WORKSHOP}{_machine()}-*"):
        process = re.fullmatch(r"(\d+)-\w+", workshop.name.removeprefix(f"{_WORKSHOP}{_machine()}-"))
        if process is None or _lives(int(process[1])):
            continue
        with contextlib.suppress(OSError):  # another process may be faster
            for old in (workshop / "old").glob("*"):
                if not os.path.lexists(folder / old.name):
                    os.replace(old, folder / old.name)
            shutil.rmtree(workshop)


def _lives(process: int) -> bool:
    """Whether there is a process of this number, as far as the system tells."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def check_room(path: Path, n_bytes: int) -> None:
    """Raise OSError if the disk on which `path` lies, or will lie, has fewer than `n_bytes` free."""
    free = shutil.disk_usage(Path(os.path.realpath(path)).parent).free if n_bytes else 0
    if n_bytes > free:
        reason = f"{n_bytes:,} bytes are to be written, and the disk has room for {free:,}; {_MAKE_ROOM}"
        raise OSError(errno.ENOSPC, reason, str(path))


def _flush(path: Path) -> None:
    """Wait until a file, or all files of a folder, are on the disk."""
    for file in path.rglob("*") if path.is_dir() else [path]:
        if file.is_file():
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


def _is_about(error: OSError, workshop: Path) -> bool:
    """Return whether an error is about the new content, and not about a file elsewhere that the block reads."""
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    if names:
        return any(workshop.name in name for name in names)
    return error.errno is not None or workshop.name in str(error)


def _about_target(error: OSError, unfinished: Path, path: Path) -> OSError:
    """Return the error as one about the path that the user knows, with the cure."""
    text = str(error)
    number = error.errno or (errno.ENOSPC if f"errno = {errno.ENOSPC}" in text else errno.EIO)
    reason = (error.strerror or text).replace(str(unfinished), str(path))
    cure = _MAKE_ROOM if number in _NO_ROOM else "name a place where you may write"
    return OSError(number, f"{reason}; {cure}", str(path))
