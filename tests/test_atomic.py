"""A file takes its place whole or not at all, whatever ends the process that writes it."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scgsr import _atomic
from scgsr._atomic import replacing

Usage = namedtuple("Usage", "total used free")
NO_ROOM = OSError(errno.ENOSPC, "No space left on device")


def replace(path, text):
    with replacing(path) as unfinished:
        unfinished.write_text(text)


@pytest.mark.parametrize(
    "name", ["a.txt", "a[1]*?.fcs", "*", "no_ending", ".hidden", "n" * 250 + ".csv", "a." + 200 * "e"]
)
def test_the_new_content_replaces_the_old_and_nothing_else_is_left(tmp_path, name):
    path = tmp_path / name
    for text in ("first", "second"):
        with replacing(path) as unfinished:
            assert not os.path.lexists(unfinished)
            assert unfinished.parent.parent == tmp_path
            assert unfinished.parent.name.startswith(".")  # hidden from those who read the folder meanwhile
            assert unfinished.name == path.name  # writers go by the ending
            unfinished.write_text(text)
        assert path.read_text() == text
    assert os.listdir(tmp_path) == [name]


def test_readers_see_the_old_content_until_the_new_is_complete(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as unfinished:
        unfinished.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), SystemExit(1), GeneratorExit(), MemoryError(), ValueError("no"), NO_ROOM]
)
@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("exists", [True, False])
def test_what_was_there_stays_if_writing_fails(tmp_path, error, begun, exists):
    path = tmp_path / "a.txt"
    if exists:
        path.write_text("precious")
    with pytest.raises(type(error)), replacing(path) as unfinished:  # noqa: PT012
        if begun:
            unfinished.write_text("half")
        raise error
    assert [file.read_text() for file in tmp_path.iterdir()] == (["precious"] if exists else [])


def test_content_and_name_are_on_the_disk_in_that_order(tmp_path, monkeypatch):
    events, flush, rename = [], os.fsync, os.replace

    def noted(handle):
        events.append("folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "content")
        flush(handle)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(os, "replace", lambda *names: events.append("rename") or rename(*names))
    replace(tmp_path / "a.txt", "new")
    assert [event for event in events if event == "rename"] == ["rename"]
    if sys.platform == "linux":
        assert events == ["content", "rename", "folder"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.EIO, "Input/output error")])
def test_what_was_there_stays_if_the_last_steps_fail(tmp_path, monkeypatch, step, error):
    path = tmp_path / "a.txt"
    path.write_text("precious")

    def fail(*_):
        raise error

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(error)):
        replace(path, "new")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["precious"]


def test_a_link_stays_a_link_and_what_it_points_to_is_replaced(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    real, link = tmp_path / "elsewhere" / "real.fcs", tmp_path / "link.fcs"
    real.write_text("old")
    link.symlink_to(real)
    replace(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert os.listdir(real.parent) == ["real.fcs"]


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_a_file_keeps_its_permissions_and_a_new_one_has_those_of_the_process(tmp_path):
    path = tmp_path / "a.txt"
    before = os.umask(0o027)
    try:
        replace(path, "one")
        assert path.stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(before)
    path.chmod(0o600)
    replace(path, "two")
    assert path.stat().st_mode & 0o777 == 0o600


def test_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / "a.txt"

    def write_often(number):
        for _ in range(25):
            replace(path, str(number) * 1000)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write_often, range(4)))
    assert set(path.read_text()) < set("0123")
    assert len(set(path.read_text())) == 1
    assert os.listdir(tmp_path) == ["a.txt"]


def test_nothing_of_another_process_is_removed(tmp_path):
    with replacing(tmp_path / "a.txt") as unfinished:
        unfinished.write_text("of another")
        os.utime(unfinished, (0, 0))
        replace(tmp_path / "a.txt", "ours")
        replace(tmp_path / "b.txt", "ours")
        assert unfinished.read_text() == "of another"
    assert (tmp_path / "a.txt").read_text() == "of another"


def test_a_disk_that_is_too_full_is_refused_before_the_work(tmp_path, monkeypatch):
    path = tmp_path / "a.fcs"
    path.write_text("old")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(5000, 4000, 1000))
    with pytest.raises(OSError, match=r"1,001 bytes") as caught, replacing(path, n_bytes=1001):
        pytest.fail("the work began")
    assert str(caught.value) == (
        "[Errno 28] 1,001 bytes are to be written, and the disk has room for 1,000; free some space, or name a place "
        f"on another disk: '{path}'"
    )
    assert os.listdir(tmp_path) == ["a.fcs"]
    with replacing(path, n_bytes=1000) as unfinished:
        unfinished.write_text("new")
    assert path.read_text() == "new"


@pytest.mark.parametrize("named", [True, False])
def test_a_disk_that_fills_up_is_told_with_the_cure(tmp_path, named):
    path = tmp_path / "a.fcs"
    with pytest.raises(OSError, match="No space") as caught, replacing(path) as unfinished:
        raise OSError(errno.ENOSPC, "No space left on device", str(unfinished) if named else None)
    assert str(caught.value) == (
        f"[Errno 28] No space left on device; free some space, or name a place on another disk: '{path}'"
    )


def test_a_text_of_a_library_about_the_new_file_names_that_of_the_user(tmp_path):
    path = tmp_path / "a.h5ad"
    with pytest.raises(OSError, match=r"Errno 28.*a\.h5ad.*free some space") as caught, replacing(path) as new:  # noqa: PT012
        msg = f"write failed (filename = '{new}', errno = {errno.ENOSPC}, error message = 'No space left')"
        raise OSError(msg)
    assert "unfinished" not in str(caught.value)


def test_a_folder_that_is_barred_is_told_with_the_cure(tmp_path, monkeypatch):
    def barred(path, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "write_text", barred)
    path = tmp_path / "a.fcs"
    with pytest.raises(PermissionError) as caught:
        replace(path, "new")
    assert str(caught.value) == f"[Errno 13] Permission denied; name a place where you may write: '{path}'"


def test_an_error_about_something_else_stays_as_it_is(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "out.txt"):
        (tmp_path / "input.txt").read_text()
    assert caught.value.filename == str(tmp_path / "input.txt")
    with pytest.raises(OSError, match=r"^no device$"), replacing(tmp_path / "a.txt"):
        raise OSError("no device")


WRITES_FOR_EVER = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background may have been told to ignore it
from scgsr._atomic import replacing
with replacing(Path(sys.argv[1])) as unfinished, unfinished.open("w") as handle:
    print("begun", flush=True)
    while True:
        handle.write("half" * 1000)
        time.sleep(0.01)
"""


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent as a signal of POSIX")
@pytest.mark.parametrize(("number", "left"), [(signal.SIGINT, 1), (signal.SIGKILL, 2)])
def test_a_process_that_is_stopped_leaves_the_old_content(tmp_path, number, left):
    path = tmp_path / "a.txt"
    path.write_text("old")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", WRITES_FOR_EVER, str(path)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.05)
        process.send_signal(number)
    assert process.returncode != 0
    assert path.read_text() == "old"
    assert len(os.listdir(tmp_path)) == left  # One that is killed outright cannot remove its file.


def test_a_folder_takes_the_place_of_whatever_is_there(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").write_text("")
    for name in ("file", "folder", "nothing"):
        with replacing(tmp_path / name) as unfinished:
            unfinished.mkdir()
            (unfinished / "content").write_text("")
        assert [path.name for path in (tmp_path / name).iterdir()] == ["content"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "nothing"]


def content_of(path):
    """Names and contents of all files at a path."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return {str(file.relative_to(path)): file.read_bytes() for file in files if file.is_file()}


def write(path, text, kind):
    """Make a file, or a folder of two files, in which the text stands."""
    if kind == "file":
        path.write_text(text)
    else:
        path.mkdir()
        for name in ("a", "b"):
            (path / name).write_text(text)


@pytest.mark.parametrize("failing", [0, 1])
def test_a_folder_is_whole_though_its_exchange_is_interrupted(tmp_path, failing, monkeypatch):
    path = tmp_path / "folder"
    write(path, "old", "folder")
    rename, calls = os.replace, []

    def interrupted(*names):
        calls.append(names)
        if len(calls) == failing + 1:
            raise KeyboardInterrupt
        return rename(*names)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), replacing(path) as unfinished:
        write(unfinished, "new", "folder")
    monkeypatch.undo()
    assert content_of(path) == {"a": b"old", "b": b"old"}
    assert os.listdir(tmp_path) == ["folder"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_process_has_left_goes_with_the_next_write(tmp_path, kind):
    """Its half is removed; what it had set aside, between the two steps of a folder, comes back."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "a"), kind], env=environment, check=False)
    assert killed.returncode < 0
    assert len(os.listdir(tmp_path)) == 1
    replace(tmp_path / "b.txt", "another")
    assert sorted(os.listdir(tmp_path)) == (["b.txt"] if kind == "file" else ["a", "b.txt"])
    if kind == "folder":
        assert content_of(tmp_path / "a") == {"inside": b"old"}


KILLED = """
import os, signal, sys
from pathlib import Path
from scgsr import _atomic
path, kind = Path(sys.argv[1]), sys.argv[2]
if kind == "folder":
    path.mkdir()
    (path / "inside").write_text("old")
    rename, renamed = os.replace, []
    def killed_after_the_first(*names):
        if renamed:
            os.kill(os.getpid(), signal.SIGKILL)
        renamed.append(names)
        rename(*names)
    os.replace = killed_after_the_first
with _atomic.replacing(path) as unfinished:
    if kind == "folder":
        unfinished.mkdir()
    else:
        unfinished.write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_process_elsewhere_has_left_is_not_touched(tmp_path):
    other_machine, alive = tmp_path / f"{_atomic._WORKSHOP}elsewhere-1-abc", tmp_path / f"{_atomic._WORKSHOP}"
    alive = tmp_path / f"{_atomic._WORKSHOP}{_atomic._machine()}-{os.getppid()}-abc"
    other_machine.mkdir()
    alive.mkdir()
    replace(tmp_path / "a.txt", "new")
    assert other_machine.exists()
    assert alive.exists()
