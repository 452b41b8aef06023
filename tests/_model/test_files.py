"""A file or a folder is there whole or not at all."""

from __future__ import annotations

import os

import pytest

from scgsr._model import written_whole


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
