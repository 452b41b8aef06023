"""Where the values lie: the HEADER, TEXT, and files in which they disagree."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr.io import convert_fcs, read_fcs
from scgsr.io._damage import DamageError
from scgsr.io._places import Places

VALUES = np.arange(21).reshape(7, 3) * 1.5


def in_header(content: bytes, start, stop) -> bytes:
    return content[:26] + f"{start:>8}{stop:>8}".encode() + content[42:]


@pytest.mark.parametrize(
    ("header", "text", "counts"),
    [
        ((1024, 1107), (1028, 1107), "HEADER"),  # shorter than all events need
        ((1024, 1107), (1028, 1111), "HEADER"),  # beyond the end of the file
        ((1024, 1107), (5_000, 5_083), "HEADER"),
        ((1024, 1107), (1, 84), "HEADER"),  # within the HEADER
        ((1024, 1107), (-1024, -941), "HEADER"),
        ((1028, 1107), (1024, 1107), "TEXT"),
        ((1028, 1111), (1024, 1107), "TEXT"),
        ((1, 84), (1024, 1107), "TEXT"),
    ],
)
def test_the_only_possible_place_counts_with_a_warning(read, tmp_path, caplog, fcs_bytes, header, text, counts):
    content = in_header(fcs_bytes(VALUES, begindata=text[0], enddata=text[1]), *header)
    np.testing.assert_array_equal(read(content).X, VALUES)
    (record,) = caplog.records
    assert record.getMessage() == (
        f"{tmp_path / 'file.fcs'}: its values begin at byte {header[0]} by the HEADER, but at $BEGINDATA = {text[0]}; "
        f"only the {counts} can be right, and counts."
    )


def test_an_end_that_only_the_header_has_right_counts_with_a_warning(read, caplog, fcs_bytes):
    np.testing.assert_array_equal(read(fcs_bytes(VALUES, enddata=1200)).X, VALUES)
    assert "its values end at byte 1107 by the HEADER, but at $ENDDATA = 1200; only the HEADER can be" in caplog.text


@pytest.mark.parametrize("header", [(1024, 99_999_999), (99_999_999, 99_999_999), (0, 0), (1024, 1200)])
def test_what_the_header_has_no_room_for_is_taken_from_the_text_without_a_word(read, caplog, fcs_bytes, header):
    np.testing.assert_array_equal(read(in_header(fcs_bytes(VALUES), *header)).X, VALUES)
    assert not caplog.records


def test_version_2_has_them_in_the_header_unless_only_the_text_can_be_right(read, caplog, fcs_bytes):
    content = fcs_bytes(VALUES, version="2.0", begindata=1028, enddata=1111) + bytes(100)
    np.testing.assert_array_equal(read(content).X, VALUES)
    assert not caplog.records
    np.testing.assert_array_equal(read(in_header(fcs_bytes(VALUES, version="2.0"), 1028, 1107)).X, VALUES)
    assert "only the TEXT can be right" in caplog.text


@pytest.fixture
def both(tmp_path, fcs_bytes):
    """Write a file whose values lie at byte 1024 by the HEADER, and by TEXT one event later."""
    folder = tmp_path / "both"
    folder.mkdir()
    (folder / "a.fcs").write_bytes(fcs_bytes(VALUES, begindata=1036, enddata=1119) + bytes(12))
    return folder


@pytest.mark.parametrize("what", ["", "a.fcs"])
def test_where_both_are_possible_the_user_chooses(both, tmp_path, caplog, what):
    with pytest.raises(
        ValueError,
        match=r"a\.fcs must.*byte 1024 by the HEADER, but at \$BEGINDATA = 1036, and both can be right; "
        "`offsets='header'` or `offsets='text'` chooses",
    ):
        read_fcs(both / what)
    later = np.vstack([VALUES[1:], np.zeros(3)])
    np.testing.assert_array_equal(read_fcs(both / what, offsets="header").X, VALUES)
    np.testing.assert_array_equal(read_fcs(both / what, offsets="text").X, later)
    convert_fcs(both / what, tmp_path / "a.h5ad", offsets="text")
    import anndata

    np.testing.assert_array_equal(anndata.read_h5ad(tmp_path / "a.h5ad").X, later)
    assert not caplog.records


def test_where_neither_is_possible_the_file_is_refused(read, tmp_path, fcs_bytes):
    content = in_header(fcs_bytes(VALUES, begindata=1036, enddata=1119), 1030, 1113)
    with pytest.raises(
        ValueError, match=r"file\.fcs must.*byte 1030 by the HEADER.* 1036, and neither can be right; `of"
    ):
        read(content)
    for offsets in ("header", "text"):
        with pytest.raises(ValueError, match=r"file\.fcs must.*it has 1108 bytes"):
            read_fcs(tmp_path / "file.fcs", offsets=offsets)


@pytest.mark.parametrize("offsets", ["header", "text"])
def test_a_choice_plays_no_part_where_there_is_none(tmp_path, fcs_bytes, offsets):
    for content in (fcs_bytes(VALUES), fcs_bytes(VALUES, offsets_in_text=False), in_header(fcs_bytes(VALUES), 0, 0)):
        (tmp_path / "a.fcs").write_bytes(content)
        np.testing.assert_array_equal(read_fcs(tmp_path / "a.fcs", offsets=offsets).X, VALUES)


def test_a_choice_counts_though_only_the_other_is_possible(tmp_path, fcs_bytes):
    (tmp_path / "a.fcs").write_bytes(fcs_bytes(VALUES, begindata=1028))
    with pytest.raises(ValueError, match=r"80 bytes of values, but \$TOT = 7 events of 12 bytes need 84"):
        read_fcs(tmp_path / "a.fcs", offsets="text")


def test_places_are_given_or_not():
    assert not Places.of("3.1", (0, 0), {"begindata": "0", "enddata": " "}).given
    assert Places.of("3.1", (0, 0), {"begindata": "100", "enddata": "200"}).given
    assert Places.of("2.0", (100, 0), {}).given
    with pytest.raises(DamageError, match="BEGINDATA is 'x'"):
        Places.of("3.1", (0, 0), {"begindata": "x"})
