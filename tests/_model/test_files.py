"""Records in files: whole or not at all, never executed, and what they say back is what they were told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from scgsr._model import _files, digest, pack, replace_file, unpack, written_whole


def test_a_folder_takes_the_place_of_whatever_is_there(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").write_text("")
    for name in ("file", "link", "folder", "nothing"):
        with written_whole(tmp_path / name) as unfinished:
            unfinished.mkdir()
            (unfinished / "content").write_text("")
        assert [path.name for path in (tmp_path / name).iterdir()] == ["content"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "link", "nothing"]


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
    assert ".part" not in str(caught.value)


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
            assert unfinished.parent == path.parent
            assert not path.suffix or unfinished.suffix == path.suffix
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
    assert events == (["flush", "rename"] if kind == "file" else ["flush", "flush", "rename"])


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
    an_hour_ago = time.time() - _files._ABANDONED_AFTER - 60
    os.utime(abandoned, (an_hour_ago, an_hour_ago))
    replace_file(path, b"newer")
    assert os.listdir(tmp_path) == ["a.txt"]
    assert path.read_text() == "newer"


@pytest.mark.parametrize("name", ["a[1]*?.txt", "[abc].txt", "a.b[!c].h5ad", "*"])
def test_letters_that_are_patterns_elsewhere_are_letters_here(tmp_path, name):
    path = tmp_path / name
    neighbour = tmp_path / f".b.1.part{path.suffix}"  # an abandoned one that belongs to "b"
    own = tmp_path / f".{path.stem}.1.part{path.suffix}"
    for file in (neighbour, own):
        file.write_text("half")
        os.utime(file, (0, 0))
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert neighbour.exists()
    assert not own.exists()


def test_abandoned_folders_are_removed_too(tmp_path):
    abandoned = tmp_path / ".folder.1.part"
    write(abandoned, "half", "folder")
    os.utime(abandoned, (0, 0))
    with written_whole(tmp_path / "folder") as unfinished:
        write(unfinished, "new", "folder")
    assert os.listdir(tmp_path) == ["folder"]


def test_a_name_as_long_as_the_disk_allows(tmp_path):
    path = tmp_path / ("n" * 250 + ".csv")
    for text in (b"one", b"two"):
        replace_file(path, text)
        assert path.read_bytes() == text
    assert os.listdir(tmp_path) == [path.name]


def test_digests_differ_where_contents_do_and_not_by_how_they_are_cut():
    assert digest(b"ab", b"c") == digest(b"abc")
    assert len({digest(), digest(b"a"), digest(b"b"), digest(b"a", b"b")}) == 4


# --- Records as JSON and arrays --------------------------------------------------------------------------------------

RECORD = {
    "number": 3,
    "text": "a/b",
    "nothing": None,
    "list": [1, 2.5, "x"],
    "inner": {"deep": {"array": np.arange(6, dtype=np.int16).reshape(2, 3)}, "scalar": np.array(2.5)},
    "empty": np.empty((0, 3), dtype=np.float32),
    "booleans": np.array([True, False]),
    "columns first": np.asfortranarray(np.random.default_rng(0).normal(size=(4, 5))),
    "names": np.array(["a", "ä", ""], dtype=object),
    "matrix": sparse.csr_matrix(np.arange(35).reshape(5, 7) * (np.arange(7) % 3 == 1)),
    "no matrix": sparse.csr_matrix((0, 4)),
    "frame": pd.DataFrame({"epoch": [0, 1], "loss": [0.5, np.nan], "kept": [False, True]}, index=["0", "1"]),
}


def assert_same(one, other):
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for name in one:
            assert_same(one[name], other[name])
    elif sparse.issparse(one):
        assert one.shape == other.shape
        assert (one != other).nnz == 0
    elif isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
    elif isinstance(one, np.ndarray):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        np.testing.assert_array_equal(one, other)
    else:
        assert one == other
        assert type(one) is type(other)


def test_what_is_packed_comes_back():
    tree, arrays = pack(RECORD)
    assert_same(unpack(json.loads(json.dumps(tree, allow_nan=False)), arrays), RECORD)
    assert all(array.flags.c_contiguous for array in arrays.values())  # as safetensors wants them
    assert all(array.dtype.kind in "biuf" for array in arrays.values())


def test_tuples_become_lists_and_numbers_of_numpy_plain_ones():
    tree, arrays = pack({"hidden": (8, 4), "seed": np.int64(7), "rate": np.float32(0.5)})
    assert not arrays
    assert unpack(json.loads(json.dumps(tree)), arrays) == {"hidden": [8, 4], "seed": 7, "rate": 0.5}


@pytest.mark.parametrize("tree", [[], None, "text", 3])
def test_a_record_that_is_no_dict_is_refused(tree):
    with pytest.raises(TypeError, match="its record is a"):
        unpack(tree, {})


def test_a_sparse_matrix_whose_parts_do_not_fit_is_refused():
    tree, arrays = pack({"matrix": sparse.csr_matrix(np.eye(3))})
    arrays["/matrix/indices"] = np.array([0, 1, 9], dtype=np.int32)
    with pytest.raises(ValueError, match="ind"):
        unpack(tree, arrays)
