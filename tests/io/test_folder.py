"""Which files of a folder are read, and as which samples."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from scgsr.io import read_fcs
from scgsr.io._folder import files_of

VALUES = np.arange(21).reshape(7, 3) * 1.5


def test_files_come_in_natural_order_without_hidden_ones(folder):
    assert {sample: file.name for sample, file in files_of(folder).items()} == {
        "s1": "s1.fcs",
        "s2": "s2.FCS",
        "s10": "s10.fcs",
    }
    assert list(files_of(folder)) == ["s1", "s2", "s10"]


def test_endings_that_one_file_may_have_are_read_from_a_folder_too(tmp_path, fcs_bytes):
    names = ["a.lmd", "b.LMD", "c.fcs", "Data.001", "Data.002", "Data.010", "Data.3", "LYSYS.1234"]
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(fcs_bytes(VALUES + number))
        np.testing.assert_array_equal(read_fcs(tmp_path / name).X, VALUES + number)
    for name, content in [("archive.001", b"7z no FCS file"), ("Data", fcs_bytes(VALUES)), ("c.fcs.bak", b"FCS3.0")]:
        (tmp_path / name).write_bytes(content)
    adata = read_fcs(tmp_path)
    expected = ["Data.001", "Data.002", "Data.3", "Data.010", "LYSYS.1234", "a", "b", "c"]
    assert adata.obs["sample"].cat.categories.tolist() == expected
    places = [[name.partition(".")[0] if name[0] in "abc" else name for name in names].index(name) for name in expected]
    np.testing.assert_array_equal(adata.X, np.vstack([VALUES + place for place in places]))


def test_two_endings_of_one_name_are_one_sample(tmp_path, fcs_bytes):
    for name in ("a.fcs", "a.lmd"):
        (tmp_path / name).write_bytes(fcs_bytes(VALUES))
    with pytest.raises(ValueError, match=r"several files of one sample.*rename \['a\.fcs'\]"):
        read_fcs(tmp_path)


@pytest.mark.parametrize("name", ["s3.fcs.gz", "s3.FCS.GZ", "s3.lmd.zip", "s3.001.bz2", "s3.fcs.xz"])
def test_a_packed_file_among_others_is_to_be_unpacked_first(folder, fcs_bytes, name):
    (folder / name).write_bytes(gzip.compress(fcs_bytes(VALUES)))
    with pytest.raises(ValueError, match=rf"`path`: {name} in .*samples are packed.*; unpack them first") as caught:
        read_fcs(folder)
    assert caught.value.argument == "path"
    (folder / name[: name.rindex(".")]).write_bytes(fcs_bytes(VALUES))
    assert read_fcs(folder).obs["sample"].nunique() == 4  # It is there unpacked.


def test_an_archive_is_passed_over_beside_fcs_files_and_named_where_there_is_nothing_else(folder):
    (folder / "run.zip").write_bytes(b"PK")
    assert len(files_of(folder)) == 3
    for file in folder.glob("s*"):
        file.unlink()
    with pytest.raises(ValueError, match=r"run\.zip in .*; unpack them first"):
        read_fcs(folder)
    (folder / "run.zip").unlink()
    with pytest.raises(ValueError, match=r"no file ending in \.fcs or \.lmd, and no FCS file ending in a number"):
        read_fcs(folder)


@pytest.mark.parametrize("name", ["empty.001", "short.2"])
def test_a_numbered_file_that_is_none_is_passed_over(folder, name):
    (folder / name).write_bytes(b"FC" if "short" in name else b"")
    assert len(files_of(folder)) == 3
