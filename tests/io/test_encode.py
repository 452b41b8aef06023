"""The bytes of a written file: names and keywords that any reader takes apart as they were put together."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scgsr.io import _encode, read_fcs, write_fcs

NAMES = st.text(st.characters(codec="utf-8"), max_size=12)


@settings(deadline=None, max_examples=100)
@given(
    values=st.lists(
        st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=2, max_size=2), min_size=1
    ),
    names=st.lists(NAMES, min_size=2, max_size=2, unique=True),
    channels=st.lists(NAMES, min_size=2, max_size=2),
    words=st.dictionaries(NAMES, NAMES, max_size=3),
)
def test_anything_is_read_back(tmp_path_factory, values, names, channels, words):
    adata = ad.AnnData(np.array(values, dtype=np.float32), var=pd.DataFrame({"channel": channels}, index=names))
    adata.uns["meta"] = words
    path = tmp_path_factory.mktemp("written") / "a.fcs"
    write_fcs(adata, path, key=None)
    written = read_fcs(path)
    np.testing.assert_array_equal(written.X, adata.X)
    if all(name == _encode.tidy(name) and name for name in names):
        assert written.var_names.tolist() == names
    assert len(set(written.var["channel"])) == 2
    assert not any("," in channel for channel in written.var["channel"])


def test_no_delimiter_is_doubled(plain, tmp_path):
    write_fcs(plain[:, :2].copy(), tmp_path / "a.fcs", key=None)
    content = (tmp_path / "a.fcs").read_bytes()
    assert b"|$P2N|HLA/DR|" in content
    plain.uns["meta"] = {"path": "/a|b||"}
    write_fcs(plain, tmp_path / "b.fcs", key=None)
    assert read_fcs(tmp_path / "b.fcs").uns["meta"]["path"] == "/a|b||"


def test_names_that_fcs_does_not_allow_are_changed_and_logged(plain, tmp_path, caplog):
    plain.var["channel"] = ["a,b", "a,b", " "]
    write_fcs(plain, tmp_path / "a.fcs", key=None)
    written = read_fcs(tmp_path / "a.fcs")
    assert written.var["channel"].tolist() == ["a_b", "a_b-1", "LIVE/DEAD|x"]
    assert written.var_names.tolist() == plain.var_names.tolist()
    assert "'a,b' to 'a_b', 'a,b' to 'a_b-1'" in caplog.text


def test_offsets_beyond_the_header_are_in_the_text_alone():
    parameters = [_encode.Parameter(f"c{i}", "", 1.0) for i in range(10)]
    for n_events, in_header in [(1000, True), (3_000_000, False)]:
        head = _encode.header_and_text(n_events, parameters, {})
        start = str(len(head)) if in_header else "0"
        assert head[26:34] == start.rjust(8).encode()
        assert head[34:42] == (str(len(head) + 40 * n_events - 1) if in_header else "0").rjust(8).encode()
        assert f"|$BEGINDATA|{len(head)}|$ENDDATA|{len(head) + 40 * n_events - 1}|".encode() in head


def test_a_large_file_is_read_back(tmp_path):
    adata = ad.AnnData(np.zeros((100_000, 260), dtype=np.float32))
    adata.X[-1] = range(260)
    write_fcs(adata, tmp_path / "large.fcs", key=None)
    assert (tmp_path / "large.fcs").stat().st_size > 100_000_000
    written = read_fcs(tmp_path / "large.fcs")
    assert written.n_obs == adata.n_obs
    np.testing.assert_array_equal(written.X[-1], range(260))


@pytest.mark.parametrize(
    ("text", "commas", "tidied"),
    [
        (" CD3 ", True, "CD3"),
        ("a,b", True, "a,b"),
        ("a,b", False, "a_b"),
        ("$P1N\x1e\n\0", True, "P1N"),
        ("Zoë/µ|", True, "Zoë/µ|"),
        ("\t ", True, ""),
    ],
)
def test_tidy_leaves_what_a_reader_gives_back(text, commas, tidied):
    assert _encode.tidy(text, commas=commas) == tidied


def test_names_of_channels_are_different_and_never_empty():
    assert _encode.tidy_channels(["a", "a", " ", "a,b", "a_b"]) == ["a", "a-1", "P3", "a_b", "a_b-1"]


def test_the_largest_value_lies_below_the_range():
    parameters = [_encode.Parameter("c", "", largest) for largest in (-3.0, 0.0, 0.5, 7.0)]
    head = _encode.header_and_text(1, parameters, {}).decode()
    assert [f"|$P{n}R|{top}|" in head for n, top in enumerate([1, 1, 1, 8], start=1)] == [True] * 4
