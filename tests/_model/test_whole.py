"""Files and folders that are replaced whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scgsr._model import _whole, replace_file, written_whole


def test_a_folder_takes_the_place_of_whatever_is_there(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").write_text("")
    for name in ("file", "folder", "nothing"):
        with written_whole(tmp_path / name) as unfinished:
            unfinished.mkdir()
            (unfinished / "content").write_text("")
        assert [path.name for path in (tmp_path / name).iterdir()] == ["content"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "nothing"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_link_stays_a_link_and_what_it_points_to_is_replaced(tmp_path, kind):
    (tmp_path / "elsewhere").mkdir()
    real, link = tmp_path / "elsewhere" / "real.zarr", tmp_path / "link.zarr"
    write(real, "old", kind)
    link.symlink_to(real)
    with written_whole(link) as unfinished:
        write(unfinished, "new", kind)
    assert link.is_symlink()
    assert set(content_of(real).values()) == {b"new"}


def test_a_file_keeps_its_permissions_and_a_new_one_has_those_of_the_process(tmp_path):
    path = tmp_path / "a.txt"
    before = os.umask(0o027)
    try:
        replace_file(path, b"one")
        assert path.stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(before)
    path.chmod(0o600)
    replace_file(path, b"two")
    assert path.stat().st_mode & 0o777 == 0o600


def test_files_whose_long_names_begin_alike_do_not_mix(tmp_path):
    """Three donors of one plate, written at once by threads of one process."""
    paths = [tmp_path / f"20241103_cohortA_plate01_panelB_batch_0001_donor{n}.fcs" for n in range(3)]

    def write_often(number):
        for _ in range(50):
            replace_file(paths[number], str(number).encode())

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(write_often, range(3)))
    assert [path.read_text() for path in paths] == ["0", "1", "2"]
    assert sorted(tmp_path.iterdir()) == paths


def test_an_error_about_another_file_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, written_whole(tmp_path / "out.txt"):
        (tmp_path / "input.txt").read_text()
    assert caught.value.filename == str(tmp_path / "input.txt")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("no"), OSError(28, "No space left on device")])
def test_what_was_there_stays_if_writing_fails(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("precious")
    with pytest.raises(type(error)), written_whole(path) as unfinished:  # noqa: PT012
        unfinished.write_text("half")
        raise error
    assert path.read_text() == "precious"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(
    "text", ["No space left on device", "unable to create file (name = '{unfinished}', errno = 28)"]
)
@pytest.mark.parametrize("within", [True, False])
def test_an_error_of_the_disk_names_the_file_of_the_user(tmp_path, text, within):
    path = tmp_path / "a.h5ad"
    with pytest.raises(OSError, match=r"Errno 28.*: '.*/a\.h5ad'$") as caught, written_whole(path) as unfinished:
        raise OSError(28, text.format(unfinished=unfinished), str(unfinished) if within else None)
    assert _whole._WORKSHOP not in str(caught.value)


def test_an_error_that_is_a_text_alone_keeps_it(tmp_path):
    with pytest.raises(OSError, match=r"^no device$"), written_whole(tmp_path / "a.txt"):
        raise OSError("no device")


def test_a_folder_that_is_not_there_is_named_by_the_file_of_the_user(tmp_path):
    path = tmp_path / "nowhere" / "a.txt"
    with pytest.raises(FileNotFoundError) as caught, written_whole(path) as unfinished:
        unfinished.write_text("content")
    assert caught.value.filename == str(path)


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


@pytest.mark.parametrize(("name", "kind"), [("a.txt", "file"), ("folder", "folder"), ("store.zarr", "folder")])
def test_the_new_content_replaces_the_old_and_nothing_else_is_left(tmp_path, name, kind):
    path = tmp_path / name
    for text in ("first", "second", "third"):
        with written_whole(path) as unfinished:
            assert not os.path.lexists(unfinished)
            assert unfinished.name == path.name  # writers go by the suffix
            write(unfinished, text, kind)
        assert {value.decode() for value in content_of(path).values()} == {text}
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize(("name", "kind"), [("a.txt", "file"), ("folder", "folder"), ("store.zarr", "folder")])
def test_readers_see_the_old_content_until_the_new_is_complete(tmp_path, name, kind):
    path = tmp_path / name
    write(path, "old", kind)
    before = content_of(path)
    with written_whole(path) as unfinished:
        write(unfinished, "new", kind)
        assert content_of(path) == before


@pytest.mark.parametrize("failing", [0, 1])
def test_a_folder_is_whole_though_its_exchange_is_interrupted(tmp_path, failing, monkeypatch):
    path = tmp_path / "folder"
    write(path, "old", "folder")
    rename, calls = Path.replace, []

    def interrupted(self, target):
        calls.append(target)
        if len(calls) == failing + 1:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), written_whole(path) as unfinished:
        write(unfinished, "new", "folder")
    monkeypatch.undo()
    assert content_of(path) == {"a": b"old", "b": b"old"}
    assert os.listdir(tmp_path) == ["folder"]


@pytest.mark.parametrize(("name", "kind"), [("a.txt", "file"), ("folder", "folder"), ("store.zarr", "folder")])
def test_content_is_on_the_disk_before_it_gets_its_name(tmp_path, name, kind, monkeypatch):
    events, flush, rename = [], os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: events.append("flush") or flush(handle))
    monkeypatch.setattr(Path, "replace", lambda self, target: events.append("rename") or rename(self, target))
    with written_whole(tmp_path / name) as unfinished:
        write(unfinished, "new", kind)
    of_content = ["flush"] * (1 if kind == "file" else 2)
    of_content = ["flush"] * (1 if kind == "file" else 2)
    assert events == [*of_content, "rename", "flush"]  # the last one is of the folder that holds the name


KILLED = """
import os, signal, sys
from pathlib import Path
from scgsr._model import written_whole
with written_whole(Path(sys.argv[1])) as unfinished:
    unfinished.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_the_old_content_and_what_it_left_is_removed_later(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], env=environment, check=False)
    assert killed.returncode < 0
    assert path.read_text() == "old"
    (abandoned,) = (file for file in tmp_path.iterdir() if file != path)
    replace_file(path, b"new")
    assert abandoned.exists()  # a younger one may belong to a process that is writing
    an_hour_ago = time.time() - _whole._ABANDONED_AFTER - 60
    for each in (*abandoned.iterdir(), abandoned):
        os.utime(each, (an_hour_ago, an_hour_ago))
    replace_file(path, b"newer")
    assert os.listdir(tmp_path) == ["a.txt"]
    assert path.read_text() == "newer"


@pytest.mark.parametrize("name", ["a[1]*?.txt", "[abc].txt", "a.b[!c].h5ad", "*"])
def test_letters_that_are_patterns_elsewhere_are_letters_here(tmp_path, name):
    for text in (b"one", b"two"):
        replace_file(tmp_path / name, text)
        assert (tmp_path / name).read_bytes() == text
    assert os.listdir(tmp_path) == [name]


def test_a_folder_whose_exchange_was_killed_comes_back_with_the_next_write(tmp_path):
    abandoned = tmp_path / f"{_whole._WORKSHOP}abc"
    (abandoned / "old").mkdir(parents=True)
    write(abandoned / "old" / "store.zarr", "old", "folder")
    for each in (*abandoned.rglob("*"), abandoned):
        os.utime(each, (0, 0))
    replace_file(tmp_path / "another.txt", b"")
    assert set(content_of(tmp_path / "store.zarr").values()) == {b"old"}
    assert sorted(os.listdir(tmp_path)) == ["another.txt", "store.zarr"]


def test_a_folder_that_is_written_for_long_is_not_abandoned(tmp_path):
    with written_whole(tmp_path / "store.zarr") as unfinished:
        write(unfinished, "new", "folder")
        for old in (unfinished, unfinished.parent, unfinished / "a"):
            os.utime(old, (0, 0))
        replace_file(tmp_path / "another.txt", b"")  # "b" is young
    assert set(content_of(tmp_path / "store.zarr").values()) == {b"new"}


def test_a_name_as_long_as_the_disk_allows(tmp_path):
    path = tmp_path / ("n" * 250 + ".csv")
    for text in (b"one", b"two"):
        replace_file(path, text)
        assert path.read_bytes() == text
    assert os.listdir(tmp_path) == [path.name]


def test_who_works_for_long_between_two_writes_keeps_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(_whole, "_ABANDONED_AFTER", 0.5)
    with written_whole(tmp_path / "a.txt") as unfinished:
        unfinished.write_text("half")
        time.sleep(1)
        replace_file(tmp_path / "b.txt", b"another process")
        assert unfinished.read_text() == "half"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "b.txt"]
