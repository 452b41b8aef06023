"""TEXT: every keyword is found, whatever the delimiter and the values."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scgsr.io._damage import DamageError
from scgsr.io._text import keywords_of, offset_or_zero, whole_number

VALUES = np.arange(21).reshape(7, 3) * 1.5
CHANNELS, MARKERS = ["Time", "FSC-A", "Nd142Di"], ["", " ", "CD19"]
N_EVENTS = len(VALUES)

DELIMITERS = "/|\\*^.+?()[]{}$!,;:-~@#%&\"'\t\n\f\x1e\x01\x7f"


@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_any_character_can_be_the_delimiter(read, delimiter, fcs_bytes):
    channels = ["Time", "FSC A", "Nd142Di"]
    spoilt = {"$": {}}.get(
        delimiter, {"p1s": f"HLA{delimiter}DR", "com": f"a{2 * delimiter}b", "op": f"ends{delimiter}"}
    )
    orders = {",": {"byteord": "1,2,3,4"}}.get(delimiter, {})
    adata = read(fcs_bytes(VALUES, channels=channels, delimiter=delimiter, src="donor 1", **spoilt, **orders))
    np.testing.assert_array_equal(adata.X, VALUES)
    meta, first = adata.uns["meta"], spoilt.get("p1s", "Time")
    assert adata.var_names.tolist() == [first.strip() if first.strip() else "Time", "FSC A", "CD19"]
    assert {"src": "donor 1", **spoilt}.items() <= meta.items()


@pytest.mark.filterwarnings("ignore:Writing zarr v2")
@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
@pytest.mark.parametrize("markers", [["", "CD4", "CD8"], ["CD3", "", "CD8"], ["", "", "CD8"], ["", "", ""]])
def test_an_empty_value_takes_nothing_with_it(read, tmp_path, markers, kind, fcs_bytes):
    empty = {f"p{n}s": marker for n, marker in enumerate(markers, start=1)}
    adata = read(fcs_bytes(VALUES, markers=[""] * 3, **empty, op="", src="donor 1", spill="1,Nd142Di,2"))
    assert adata.var_names.tolist() == [marker or channel for marker, channel in zip(markers, CHANNELS, strict=True)]
    assert adata.var["marker"].tolist() == markers
    assert {"op": "", "src": "donor 1", **empty}.items() <= adata.uns["meta"].items()
    assert isinstance(adata.uns["meta"]["spill"], pd.DataFrame)
    np.testing.assert_array_equal(adata.X, VALUES)
    getattr(adata, f"write_{kind}")(tmp_path / f"a.{kind}")


@pytest.mark.parametrize("delimiter", ["/", "|"])
def test_empty_values_and_delimiters_in_values_in_one_file(read, delimiter, fcs_bytes):
    markers = [f"HLA{delimiter}DR", f"{delimiter}begins", f"ends{2 * delimiter}"]
    words = {"com": "", "op": f"{delimiter}", "src": "", "exp": "Zoë"}
    adata = read(fcs_bytes(VALUES, markers=markers, delimiter=delimiter, **words))
    assert adata.var_names.tolist() == markers
    assert words.items() <= adata.uns["meta"].items()


@pytest.mark.parametrize("vendor_first", [False, True])
def test_a_keyword_of_a_vendor_does_not_replace_the_standard_one(read, vendor_first, fcs_bytes):
    others = {"P1R": "4", "P1N": "other", "P3S": "other", "TOT": "3", "PAR": "1", "Fil": "kept"}
    adata = read(fcs_bytes(VALUES * 100, dtype="<u2", p1r=1024, vendor=list(others.items()), vendor_first=vendor_first))
    np.testing.assert_array_equal(adata.X, np.c_[VALUES[:, 0] * 100 % 1024, VALUES[:, 1:] * 100])
    assert adata.var_names.tolist() == ["Time", "FSC-A", "CD19"]
    assert {"par": "3", "tot": "7", "p1r": "1024", "fil": "kept"}.items() <= adata.uns["meta"].items()


def test_a_dollar_sign_is_dropped_in_keywords_and_kept_in_values(read, fcs_bytes):
    vendor = [("flowCore_$P1Rmin", "$"), ("P1$N", "other"), ("P1N$", "other")]
    adata = read(fcs_bytes(VALUES, p3s="CD3$x", com="$5", vendor=vendor))
    assert adata.var_names.tolist() == ["Time", "FSC-A", "CD3$x"]
    assert {"com": "$5", "flowcore_p1rmin": "$"}.items() <= adata.uns["meta"].items()


def test_keywords_without_the_dollar_sign_are_read_where_there_are_no_others(read, fcs_bytes):
    adata = read(fcs_bytes(VALUES, p2n=None, tot=None, vendor=[("P2N", "FSC-A"), ("$tot", N_EVENTS)]))
    assert adata.var["channel"].tolist() == CHANNELS


@settings(deadline=None, max_examples=300)
@given(data=st.data(), delimiter=st.sampled_from(DELIMITERS.replace("$", "")))
def test_any_values_can_be_told_apart(data, delimiter):
    characters = st.sampled_from([delimiter, "$", "a", "B", " ", "é"])
    keys = st.text(st.sampled_from('ab é"'.replace(delimiter, "")), min_size=1).filter(lambda key: key == key.rstrip())
    words = data.draw(st.dictionaries(keys, st.text(characters)))
    pairs = [f"${key.upper()}{delimiter}{value.replace(delimiter, 2 * delimiter)}" for key, value in words.items()]
    padding = data.draw(st.sampled_from(["", delimiter, delimiter + "   "]))
    if words and (padding or not list(words.values())[-1].endswith(delimiter)):
        assert keywords_of(delimiter.join(["", *pairs]).encode() + padding.encode()) == words


@pytest.mark.parametrize("blank", [" ", "   ", "\r\n", "\t"])
def test_blanks_around_keywords_are_dropped(read, blank, fcs_bytes):
    """As Partec and Sysmex write them."""
    content = fcs_bytes(VALUES, delimiter="/", src="donor 1", vendor=[("LASER", "488")])
    text_stop = content.rindex(b"/")
    parts = content[58:text_stop].split(b"/")
    parts[3::2] = [blank.encode() + key for key in parts[3::2]]
    parts[5] += b"  "
    text = b"/".join(parts) + b"/"
    header = b"FCS3.1    " + f"{58:>8}{57 + len(text):>8}    1024    1107       0       0".encode()
    adata = read((header + text).ljust(1024) + content[1024:])
    np.testing.assert_array_equal(adata.X, VALUES)
    assert {"src": "donor 1", "laser": "488", "par": "3", "p3s": "CD19"}.items() <= adata.uns["meta"].items()


@pytest.mark.parametrize(
    ("text", "keywords"),
    [
        ("/ $PAR/3/$TOT /7/", {"par": "3", "tot": "7"}),
        ("/ $PAR/3/$PAR/4/", {" par": "3", "par": "4"}),
        ("/ $PAR/3/$par/4/", {" par": "3", "par": "4"}),
        ("/ $PAR/3/  $PAR/4/", {" par": "3", "  par": "4"}),
        ("/ P1N/a/$P1N/b/", {"p1n": "b"}),
        ("/ /3/ $/4/a/ b /", {" ": "4", "a": " b "}),
    ],
)
def test_a_blank_is_dropped_where_one_reading_alone_is_possible(text, keywords):
    assert keywords_of(text.encode()) == keywords


@pytest.mark.parametrize(
    "text", [b"|a|" + b"|" * 900_000, b"|a|" + b"b|||" * 240_000, b"|" + b"".join(b"%d||" % i for i in range(400_000))]
)
def test_the_time_grows_with_the_length_alone(text):
    started = time.process_time()
    keywords_of(text)
    assert time.process_time() - started < 3


def test_more_keywords_than_any_file_needs_are_refused_before_they_are_taken_apart():
    text = b"|" + b"a|b|" * 500_001
    tracemalloc.start()
    with pytest.raises(DamageError, match="more than 500,000 keywords"):
        keywords_of(text)
    assert tracemalloc.get_traced_memory()[1] < 2 * len(text)
    tracemalloc.stop()


def test_whole_numbers_have_a_default_only_where_one_is_given():
    assert whole_number({"par": " 3 "}, "par") == 3
    assert [whole_number(words, "par", 0) for words in ({}, {"par": " "}, {"par": "4"})] == [0, 0, 4]
    with pytest.raises(KeyError, match="par"):
        whole_number({}, "par")
    for text in ("", "3.5", "three"):
        with pytest.raises(DamageError, match=r"\$PAR is .*, but must be a whole number"):
            whole_number({"par": text}, "par")


@pytest.mark.parametrize(("text", "offset"), [("12", 12), (" 12 ", 12), ("", 0), ("x", 0), ("1" * 5000, 0)])
def test_an_offset_of_nonsense_is_zero(text, offset):
    assert offset_or_zero(text) == offset


def test_text_that_is_not_utf8_is_latin1():
    assert keywords_of("|$OP|Zoë|".encode("latin-1")) == keywords_of("|$OP|Zoë|".encode()) == {"op": "Zoë"}
