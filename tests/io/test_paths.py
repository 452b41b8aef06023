"""Paths to read and to write, judged before anything is done."""

from __future__ import annotations

import os

import numpy as np
import pytest

from scgsr.io import read_fcs, write_fcs
from scgsr.io._paths import target

VALUES = np.arange(21).reshape(7, 3) * 1.5
N_EVENTS = len(VALUES)


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.fcs"):
        read_fcs(tmp_path / "nowhere.fcs")


def test_an_empty_path_is_not_the_folder_one_is_in(tmp_path, monkeypatch, fcs_bytes):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.fcs").write_bytes(fcs_bytes(VALUES))
    assert read_fcs(".").n_obs == N_EVENTS
    with pytest.raises(ValueError, match=r"`path` must not be empty; give the FCS file to read, or '\.'"):
        read_fcs("")


def test_a_missing_file_is_named_with_the_argument():
    with pytest.raises(FileNotFoundError, match=r"`path`: there is no file or folder nowhere\.fcs"):
        read_fcs("nowhere.fcs")


@pytest.mark.parametrize("path", [None, 3, ["a.fcs"]])
def test_path_must_be_a_path(path):
    with pytest.raises(TypeError, match="`path`"):
        read_fcs(path)


def test_a_path_to_write_is_given_back(tmp_path):
    path = tmp_path / "a.fcs"
    assert target(str(path), overwrite=False) == path
    path.touch()
    assert target(path, overwrite=True) == path
    with pytest.raises(FileExistsError, match="overwrite=True") as caught:
        target(path, overwrite=False)
    assert caught.value.argument == "path"


def test_a_link_to_nowhere_is_not_replaced_unasked(tmp_path):
    (tmp_path / "a.fcs").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError, match="exists"):
        target(tmp_path / "a.fcs", overwrite=False)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    ("path", "error", "reason"),
    [
        ("", ValueError, r"`path` must not be empty; give the file to write, such as 'cells\.fcs'"),
        (".", IsADirectoryError, r"`path`: \. is a folder; name a file in it, such as cells\.fcs"),
        ("nowhere/a.fcs", FileNotFoundError, r"`path`: there is no folder nowhere .*; make the folder first"),
        ("file/a.fcs", FileNotFoundError, r"`path`: there is no folder file "),
    ],
)
def test_a_path_that_cannot_be_written_is_refused_with_the_cure(
    plain, tmp_path, monkeypatch, path, error, reason, overwrite
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(error, match=reason):
        write_fcs(plain, path, key=None, overwrite=overwrite)
    assert os.listdir(tmp_path) == ["file"]
