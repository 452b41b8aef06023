"""FCS in: what is stored is what is read, and damage is refused whatever it is."""

from __future__ import annotations

import logging
import re
import sys
import tracemalloc
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from scgsr.io import _readers, read_fcs
from scgsr.io._events import find, read_events
from scgsr.io._text import keywords_of

flowio = pytest.importorskip("flowio", reason="FlowIO, of the extra `fcs`, is not installed")

N_EVENTS, CHANNELS = 7, ["Time", "FSC-A", "Nd142Di"]
MARKERS = ["", " ", "CD19"]
BYTE_ORDERS = {"<": "1,2,3,4", ">": "4,3,2,1"}
VALUES = np.arange(N_EVENTS * len(CHANNELS)).reshape(N_EVENTS, len(CHANNELS)) * 1.5


def fcs_bytes(
    values,
    *,
    dtype="<f4",
    channels=CHANNELS,
    markers=MARKERS,
    offsets_in_text=True,
    data_start=1024,
    version="3.1",
    delimiter="|",
    vendor=(),
    vendor_first=False,
    **keywords,
) -> bytes:
    """Write an FCS file as the standard lays it out.

    `keywords` replace or, where None, remove standard ones; `vendor` are pairs with which TEXT ends, or begins.
    """
    kind = {"f4": "F", "f8": "D"}.get(dtype[1:], "I")
    data = (values if np.asarray(values).dtype.names else np.asarray(values).astype(dtype)).tobytes()
    text_start, data_stop = 58, data_start + len(data) - 1 + keywords.pop("extra_bytes", 0)
    in_text = {"$BEGINDATA": data_start, "$ENDDATA": data_stop} if offsets_in_text else {}
    words = in_text | {
        "$BYTEORD": BYTE_ORDERS[dtype[0]], "$DATATYPE": kind, "$MODE": "L",
        "$NEXTDATA": "0", "$PAR": len(channels), "$TOT": len(values),
    }  # fmt: skip
    for n, (channel, marker) in enumerate(zip(channels, markers, strict=True), start=1):
        words |= {f"$P{n}N": channel, f"$P{n}B": 8 * np.dtype(dtype).itemsize, f"$P{n}E": "0,0", f"$P{n}R": 262144}
        words |= {f"$P{n}S": marker} if marker else {}
    words |= {f"${key.upper()}" if key.isidentifier() else key: value for key, value in keywords.items()}
    pairs = [(key, value) for key, value in words.items() if value is not None]
    pairs = [*vendor, *pairs] if vendor_first else [*pairs, *vendor]
    escaped = [(key, str(value).replace(delimiter, 2 * delimiter)) for key, value in pairs]
    text = delimiter + "".join(f"{key}{delimiter}{value}{delimiter}" for key, value in escaped)
    offsets = [text_start, text_start + len(text.encode()) - 1, data_start, data_stop, 0, 0]
    header = f"FCS{version}    ".encode() + "".join(f"{offset:>8}" for offset in offsets).encode()
    padding = b" " * (data_start - len(header) - len(text.encode()))
    return header + text.encode() + padding + data + b"\0" * (data_stop - data_start + 1 - len(data))


@pytest.fixture
def read(tmp_path):
    """Return a reader of bytes."""

    def reader(content: bytes) -> ad.AnnData:
        path = tmp_path / "file.fcs"
        path.write_bytes(content)
        return read_fcs(path)

    return reader


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8", "<u2", ">u2", "<u4", ">u4"])
@pytest.mark.parametrize("offsets_in_text", [True, False])
def test_values_are_those_stored(read, dtype, offsets_in_text):
    adata = read(fcs_bytes(VALUES, dtype=dtype, offsets_in_text=offsets_in_text))
    assert adata.X.dtype == np.float32
    np.testing.assert_array_equal(adata.X, VALUES.astype(dtype))
    assert adata.obs_names.tolist() == [str(i) for i in range(N_EVENTS)]


@pytest.mark.parametrize("dtype", ["<f4", "<u2"])
def test_version_2_has_its_offsets_in_the_header(read, dtype):
    content = fcs_bytes(VALUES, dtype=dtype).replace(b"BEGINDATA|1024", b"BEGINDATA|1028").replace(b"FCS3.1", b"FCS2.0")
    np.testing.assert_array_equal(read(content).X, VALUES.astype(dtype))


def test_neither_gain_nor_time_step_is_applied(read):
    adata = read(fcs_bytes(VALUES, p1g="0.01", p2g="4.0", timestep="0.1"))
    np.testing.assert_array_equal(adata.X, VALUES)
    assert (adata.uns["meta"]["p2g"], adata.uns["meta"]["timestep"]) == ("4.0", "0.1")


def test_log_amplification_is_logged_and_not_applied(read, caplog):
    with caplog.at_level(logging.WARNING, logger="scgsr"):
        read(fcs_bytes(VALUES, dtype="<u2"))
        assert not caplog.records
        adata = read(fcs_bytes(VALUES, dtype="<u2", p2e="4,1"))
    assert "FSC-A are stored log-amplified" in caplog.text
    assert len(caplog.records) == 1
    np.testing.assert_array_equal(adata.X, np.floor(VALUES))


@pytest.mark.parametrize(
    ("channels", "markers", "names"),
    [
        (["Time", "FSC-A", "Nd142Di"], ["", " ", "CD19"], ["Time", "FSC-A", "CD19"]),
        (["a", "b", "c"], ["CD4", "CD4", "CD4"], ["CD4", "CD4-1", "CD4-2"]),
        (["a", "b", "c"], ["CD4", "CD4", "CD4-1"], ["CD4", "CD4-2", "CD4-1"]),
        (["a", "a", "c"], ["", "", "a"], ["a", "a-1", "a-2"]),
        (["a ", " ", "c"], ["", "", " HLA/DR "], ["a", "P2", "HLA/DR"]),
    ],
)
def test_names_are_markers_then_channels_and_unique(read, channels, markers, names):
    adata = read(fcs_bytes(VALUES, channels=channels, markers=markers))
    assert adata.var_names.tolist() == names
    assert adata.var["channel"].tolist() == [channel.strip() for channel in channels]
    assert adata.var["marker"].tolist() == [marker.strip() for marker in markers]


@pytest.mark.filterwarnings("ignore:Writing zarr v2")  # which version to write is the user's setting
@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_result_can_be_written(read, tmp_path, kind):
    odd = {"LASER/1 DELAY": "0.5", ".": "dot", "..": "dots", "A/B": "1", "A_B": "2", "NUL": "x\0y", "NAME": "Zoë"}
    adata = read(fcs_bytes(VALUES, **odd))
    meta = {"laser_1 delay": "0.5", "_": "dot", "_-1": "dots", "a_b": "1", "a_b-1": "2", "nul": "xy", "name": "Zoë"}
    assert meta.items() <= adata.uns["meta"].items()
    getattr(adata, f"write_{kind}")(tmp_path / f"a.{kind}")
    again = getattr(ad, f"read_{kind}")(tmp_path / f"a.{kind}")
    assert dict(again.uns["meta"]) == adata.uns["meta"]
    np.testing.assert_array_equal(again.X, adata.X)
    assert again.var_names.tolist() == adata.var_names.tolist()


def test_a_file_that_flowio_wrote_is_read(tmp_path):
    path = tmp_path / "flowio.fcs"
    with path.open("wb") as handle:
        flowio.create_fcs(handle, VALUES.ravel().tolist(), CHANNELS, opt_channel_names=MARKERS)
    np.testing.assert_array_equal(read_fcs(str(path)).X, VALUES)


def test_an_end_one_byte_too_far_is_accepted(read):
    for dtype in ("<f4", ">f8", "<u2"):
        adata = read(fcs_bytes(VALUES, dtype=dtype, extra_bytes=1))
        np.testing.assert_array_equal(adata.X, VALUES.astype(dtype))


# --- Keywords --------------------------------------------------------------------------------------------------------

DELIMITERS = "/|\\*^.+?()[]{}$!,;:-~@#%&\"'\t\n\f\x1e\x01\x7f"


@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_any_character_can_be_the_delimiter(read, delimiter):
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
def test_an_empty_value_takes_nothing_with_it(read, tmp_path, markers, kind):
    empty = {f"p{n}s": marker for n, marker in enumerate(markers, start=1)}
    adata = read(fcs_bytes(VALUES, markers=[""] * 3, **empty, op="", src="donor 1", spill="1,Nd142Di,2"))
    assert adata.var_names.tolist() == [marker or channel for marker, channel in zip(markers, CHANNELS, strict=True)]
    assert adata.var["marker"].tolist() == markers
    assert {"op": "", "src": "donor 1", **empty}.items() <= adata.uns["meta"].items()
    assert isinstance(adata.uns["meta"]["spill"], pd.DataFrame)
    np.testing.assert_array_equal(adata.X, VALUES)
    getattr(adata, f"write_{kind}")(tmp_path / f"a.{kind}")


@pytest.mark.parametrize("delimiter", ["/", "|"])
def test_empty_values_and_delimiters_in_values_in_one_file(read, delimiter):
    markers = [f"HLA{delimiter}DR", f"{delimiter}begins", f"ends{2 * delimiter}"]
    words = {"com": "", "op": f"{delimiter}", "src": "", "exp": "Zoë"}
    adata = read(fcs_bytes(VALUES, markers=markers, delimiter=delimiter, **words))
    assert adata.var_names.tolist() == markers
    assert words.items() <= adata.uns["meta"].items()


@pytest.mark.parametrize("vendor_first", [False, True])
def test_a_keyword_of_a_vendor_does_not_replace_the_standard_one(read, vendor_first):
    others = {"P1R": "4", "P1N": "other", "P3S": "other", "TOT": "3", "PAR": "1", "Fil": "kept"}
    adata = read(fcs_bytes(VALUES * 100, dtype="<u2", p1r=1024, vendor=list(others.items()), vendor_first=vendor_first))
    np.testing.assert_array_equal(adata.X, np.c_[VALUES[:, 0] * 100 % 1024, VALUES[:, 1:] * 100])
    assert adata.var_names.tolist() == ["Time", "FSC-A", "CD19"]
    assert {"par": "3", "tot": "7", "p1r": "1024", "fil": "kept"}.items() <= adata.uns["meta"].items()


def test_a_dollar_sign_is_dropped_in_keywords_and_kept_in_values(read):
    vendor = [("flowCore_$P1Rmin", "$"), ("P1$N", "other"), ("P1N$", "other")]
    adata = read(fcs_bytes(VALUES, p3s="CD3$x", com="$5", vendor=vendor))
    assert adata.var_names.tolist() == ["Time", "FSC-A", "CD3$x"]
    assert {"com": "$5", "flowcore_p1rmin": "$"}.items() <= adata.uns["meta"].items()


def test_keywords_without_the_dollar_sign_are_read_where_there_are_no_others(read):
    adata = read(fcs_bytes(VALUES, p2n=None, tot=None, vendor=[("P2N", "FSC-A"), ("$tot", N_EVENTS)]))
    assert adata.var["channel"].tolist() == CHANNELS


@settings(deadline=None, max_examples=300)
@given(data=st.data(), delimiter=st.sampled_from(DELIMITERS.replace("$", "")))
def test_any_values_can_be_told_apart(data, delimiter):
    characters = st.sampled_from([delimiter, "$", "a", "B", " ", "é"])
    keys = st.text(st.sampled_from('ab é"'.replace(delimiter, "")), min_size=1)
    words = data.draw(st.dictionaries(keys, st.text(characters)))
    pairs = [f"${key.upper()}{delimiter}{value.replace(delimiter, 2 * delimiter)}" for key, value in words.items()]
    padding = data.draw(st.sampled_from(["", delimiter, delimiter + "   "]))
    if words and (padding or not list(words.values())[-1].endswith(delimiter)):
        assert keywords_of(delimiter.join(["", *pairs]).encode() + padding.encode()) == words


# --- Readable all the same -------------------------------------------------------------------------------------------

LENIENT = {
    "ANALYSIS from 0 to -1": {"beginanalysis": 0, "endanalysis": -1},
    "ANALYSIS blank": {"beginanalysis": " ", "endanalysis": " "},
    "ANALYSIS empty": {"beginanalysis": "", "endanalysis": ""},
    "ANALYSIS of nonsense": {"beginanalysis": "x", "endanalysis": "y"},
    "ANALYSIS begins nowhere": {"beginanalysis": 5_000_000, "endanalysis": 0},
    "STEXT blank": {"beginstext": " ", "endstext": " "},
    "STEXT of nonsense": {"beginstext": "0", "endstext": "x"},
    "NEXTDATA blank": {"nextdata": " "},
    "gain blank": {"p1g": " "},
    "amplification blank": {"p1e": " ", "p2e": "0", "p3e": "0;0"},
    "range blank": {"p1r": " "},
    "byte order with blanks": {"byteord": " 1, 2, 3, 4 "},
    "mode in lower case": {"mode": "l"},
    "type in lower case": {"datatype": "f"},
    "type per channel in lower case": {"p1datatype": "f", "p2datatype": " "},
    "numbers with blanks": {"tot": " 7 ", "par": "3  "},
}


@pytest.mark.parametrize("name", LENIENT)
def test_what_does_not_matter_is_not_refused(read, caplog, name):
    adata = read(fcs_bytes(VALUES, **LENIENT[name]))
    np.testing.assert_array_equal(adata.X, VALUES)
    assert adata.var_names.tolist() == ["Time", "FSC-A", "CD19"]
    assert {key: str(value) for key, value in LENIENT[name].items()}.items() <= adata.uns["meta"].items()
    assert not caplog.records


def test_an_analysis_that_cannot_be_parsed_is_not_read(read):
    content = fcs_bytes(VALUES, beginanalysis=1108, endanalysis=1113) + b"(a(b(("
    np.testing.assert_array_equal(read(content).X, VALUES)


@pytest.mark.parametrize("blank", [b" " * 16, b"       0       0"])
@pytest.mark.parametrize("version", ["2.0", "3.0", "3.1"])
def test_offsets_that_only_the_text_has(read, version, blank):
    content = fcs_bytes(VALUES, version=version)
    np.testing.assert_array_equal(read(content[:26] + blank + content[42:]).X, VALUES)


@pytest.mark.parametrize("text", [None, "", " ", "0"])
@pytest.mark.parametrize("name", ["begindata", "enddata"])
def test_offsets_that_only_the_header_has(read, name, text):
    np.testing.assert_array_equal(read(fcs_bytes(VALUES, **{name: text})).X, VALUES)


@pytest.mark.parametrize("end", [b"99999999", b"    1108"])
def test_another_end_in_the_header_does_not_matter(read, end):
    content = fcs_bytes(VALUES)
    np.testing.assert_array_equal(read(content[:34] + end + content[42:]).X, VALUES)


def test_without_any_offset_nothing_is_read(read):
    content = fcs_bytes(VALUES, offsets_in_text=False, tot=None, version="2.0")
    with pytest.raises(ValueError, match="lacks the keyword 'tot'"):
        read(content[:26] + b" " * 16 + content[42:])
    content = fcs_bytes(VALUES[:0], offsets_in_text=False)
    assert read(content[:26] + b" " * 16 + content[42:]).shape == (0, 3)


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<u2"])
@pytest.mark.parametrize("extra", [0, 1])
@pytest.mark.parametrize("total", [None, " "])
def test_version_2_may_leave_the_number_of_events_to_the_header(read, dtype, extra, total):
    content = fcs_bytes(VALUES, dtype=dtype, version="2.0", tot=total, extra_bytes=extra)
    np.testing.assert_array_equal(read(content).X, VALUES.astype(dtype))
    with pytest.raises(ValueError, match=r"file\.fcs"):
        read(content[: -2 - extra])
    with pytest.raises(ValueError, match=r"file\.fcs.*TOT"):
        read(fcs_bytes(VALUES, dtype=dtype, version="2.0", tot=total, extra_bytes=2))


# --- Integers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["<u1", "<u2", ">u2", "<u4", ">u4", "<u8", ">u8"])
@pytest.mark.parametrize("largest", [16, 1000, 1024])
@pytest.mark.parametrize("offsets_in_text", [True, False])
def test_bits_above_the_range_are_masked(read, dtype, largest, offsets_in_text):
    stored = np.random.default_rng(0).integers(np.iinfo(dtype).max, size=(50, 3), dtype=dtype[1:])
    ranges = {"p1r": 0, "p2r": largest, "p3r": 2**64}  # the first and the last are no bound
    adata = read(fcs_bytes(stored, dtype=dtype, offsets_in_text=offsets_in_text, **ranges))
    expected = stored.copy()
    expected[:, 1] %= np.array(2 ** np.ceil(np.log2(min(largest, np.iinfo(dtype).max)))).astype(np.uint64)
    np.testing.assert_array_equal(adata.X, expected.astype(np.float32))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("largest", [2**32, 1024])
def test_integers_of_mixed_widths(read, order, largest):
    row = np.dtype([("a", f"{order}u1"), ("b", f"{order}u2"), ("c", f"{order}u4")])
    stored = np.array([(i, 1000 * i, 100_000 * i) for i in range(N_EVENTS)], dtype=row)
    adata = read(fcs_bytes(stored, dtype=f"{order}u4", p1b=8, p1r=256, p2b=16, p2r=65536, p3b=32, p3r=largest))
    expected = np.column_stack([stored["a"], stored["b"], stored["c"].astype(int) % largest])
    np.testing.assert_array_equal(adata.X, expected)


@pytest.mark.parametrize("order", [1, -1])
def test_integers_of_24_bits(read, order):
    stored = np.arange(N_EVENTS * 3, dtype="<u4") * 654_321
    row = np.ascontiguousarray(stored.view(np.uint8).reshape(-1, 4)[:, :3][:, ::order]).reshape(N_EVENTS, 9)
    content = fcs_bytes(
        row.view("V9").view([("a", "V9")]),
        dtype="<u4" if order == 1 else ">u4",
        p1b=24,
        p2b=24,
        p3b=24,
        p1r=2**24,
        p2r=2**24,
        p3r=2**24,
    )
    np.testing.assert_array_equal(read(content).X.ravel(), stored % 2**24)


@pytest.mark.parametrize("dtype", ["<u1", "<u2", ">u4"])
@pytest.mark.parametrize("largest", [50, 256])
def test_integers_are_those_of_flowio(tmp_path, dtype, largest):
    stored = np.random.default_rng(0).integers(256, size=(50, 3))
    path = tmp_path / "integers.fcs"
    path.write_bytes(fcs_bytes(stored, dtype=dtype, p1r=largest, p2r=largest, p3r=largest))
    expected = flowio.FlowData(str(path)).as_array(preprocess=False)
    np.testing.assert_array_equal(read_events(path).values, expected)


# --- Which library reads ---------------------------------------------------------------------------------------------

READABLE = {
    "floats": fcs_bytes(VALUES),
    "big-endian": fcs_bytes(VALUES, dtype=">f4"),
    "doubles": fcs_bytes(VALUES, dtype="<f8"),
    "spill": fcs_bytes(VALUES, spill="2,FSC-A,Nd142Di,1,0.1,0.2,1"),
    "spillover": fcs_bytes(VALUES, spillover="2,FSC-A,Nd142Di,1,0.1,0.2,1"),
    "a blank matrix": fcs_bytes(VALUES, spill=" "),
    "a broken matrix": fcs_bytes(VALUES, spill="2,FSC-A,Nd142Di,1,0.1"),
    "a matrix of other channels": fcs_bytes(VALUES, spill="2,FSC-A,Elsewhere,1,0.1,0.2,1"),
    "no marker": fcs_bytes(VALUES, markers=[""] * 3),
    "blank markers": fcs_bytes(VALUES, markers=[" "] * 3),
    "a slash": fcs_bytes(VALUES, markers=["HLA/DR", "HLA/DR", "LIVE/DEAD"]),
    "one name": fcs_bytes(VALUES, channels=["a"] * 3, markers=[""] * 3),
    "offsets in the header": fcs_bytes(VALUES, offsets_in_text=False),
    "offsets in the text": (lambda b: b[:26] + b"       0       0" + b[42:])(fcs_bytes(VALUES)),
    "no $NEXTDATA": fcs_bytes(VALUES, nextdata=None),
    "gain and time step": fcs_bytes(VALUES, p1g="0.01", timestep="0.1", p2g="4"),
}
NEEDS_FLOWIO = {"a broken matrix", "a blank matrix", "no $NEXTDATA"}


@pytest.mark.parametrize("name", READABLE)
def test_readfcs_and_flowio_give_the_same(read, monkeypatch, caplog, name):
    pytest.importorskip("readfcs", reason="readfcs, of the extra `fcs`, is not installed")
    with caplog.at_level(logging.DEBUG, logger="scgsr"):
        first = read(READABLE[name])
    assert ("reading it with FlowIO" in caplog.text) == (name in NEEDS_FLOWIO)
    monkeypatch.setitem(sys.modules, "readfcs", None)
    same(first, read(READABLE[name]))


def test_real_files_are_the_same_by_readfcs_and_flowio(shared_data, monkeypatch):
    pytest.importorskip("readfcs", reason="readfcs, of the extra `fcs`, is not installed")
    files = sorted(shared_data.glob("*.fcs"))
    first = [read_fcs(file) for file in files]
    monkeypatch.setitem(sys.modules, "readfcs", None)
    for adata, file in zip(first, files, strict=True):
        same(adata, read_fcs(file))


def test_real_files_and_files_as_they_should_be_need_no_numpy(shared_data, caplog):
    pytest.importorskip("readfcs", reason="readfcs, of the extra `fcs`, is not installed")
    with caplog.at_level(logging.DEBUG, logger="scgsr"):
        for file in sorted(shared_data.glob("*.fcs")):
            read_fcs(file)
    assert "in readfcs" not in caplog.text
    assert "in FlowIO" not in caplog.text


@pytest.mark.parametrize("name", READABLE)
def test_numpy_gives_the_same(tmp_path, name):
    path = tmp_path / "a.fcs"
    path.write_bytes(READABLE[name])
    found = find(path)
    values, expected = _readers.with_numpy(path, found), _readers.with_flowio(path, found)
    np.testing.assert_array_equal(values, expected)
    assert values.dtype == expected.dtype


def same(first: ad.AnnData, second: ad.AnnData) -> None:
    np.testing.assert_array_equal(first.X, second.X)
    assert first.X.dtype == second.X.dtype
    assert first.X.flags.writeable
    assert second.X.flags.writeable
    pd.testing.assert_frame_equal(first.var, second.var)
    pd.testing.assert_frame_equal(first.obs, second.obs)
    one, other = dict(first.uns["meta"]), dict(second.uns["meta"])
    if isinstance(one.get("spill"), pd.DataFrame):
        pd.testing.assert_frame_equal(one.pop("spill"), other.pop("spill"))
    assert one == other


# --- Several data sets -----------------------------------------------------------------------------------------------


def chain(*values, last=0) -> bytes:
    """Join data sets, each of which says how far the next one is."""
    parts = [fcs_bytes(each) for each in values]
    steps = [len(part) + 7 for part in parts[:-1]] + [last]
    return b"".join(fcs_bytes(each, nextdata=step) + b" " * 7 for each, step in zip(values, steps, strict=True))


@pytest.mark.parametrize("number", [0, 1, 2])
def test_data_sets_are_read_by_number(tmp_path, caplog, number):
    path = tmp_path / "three.fcs"
    parts = [VALUES, VALUES[:2] + 1, VALUES[:5] + 2]
    # Data begin at a fixed place, so that the length does not depend on what $NEXTDATA says.
    path.write_bytes(chain(*parts))
    np.testing.assert_array_equal(read_fcs(path, data_set=number).X, parts[number])
    assert f"holds 3 data sets: this is number {number}" in caplog.text


@pytest.mark.parametrize(("number", "error"), [(3, ValueError), (-1, ValueError), ("1", TypeError)])
def test_a_data_set_that_is_not_there(tmp_path, number, error):
    path = tmp_path / "three.fcs"
    path.write_bytes(chain(VALUES, VALUES, VALUES))
    with pytest.raises(error, match="`data_set`"):
        read_fcs(path, data_set=number)


@pytest.mark.parametrize("step", [4096, 1])
def test_a_next_data_set_that_is_missing_is_logged(read, caplog, step):
    np.testing.assert_array_equal(read(fcs_bytes(VALUES, nextdata=step)).X, VALUES)
    assert f"$NEXTDATA = {step}, but no data set begins there" in caplog.text


def test_a_damaged_next_data_set_is_refused(read):
    content = chain(VALUES, VALUES)
    with pytest.raises(ValueError, match=r"file\.fcs"):
        read(content[: content.rindex(b"FCS") + 100])


def test_a_supplemental_text_is_logged(read, caplog):
    read(fcs_bytes(VALUES, beginstext=1100, endstext=1200))
    assert "supplemental TEXT" in caplog.text


# --- Compensation ----------------------------------------------------------------------------------------------------

SPILL = np.array([[1, 0.1], [0.2, 1]])


@pytest.mark.parametrize("keyword", ["SPILL", "$SPILLOVER"])
def test_what_the_dyes_emitted_is_solved_for(tmp_path, keyword):
    emitted = np.random.default_rng(0).gamma(2, 100, size=(N_EVENTS, 3))
    measured = emitted.copy()
    measured[:, [2, 1]] = emitted[:, [2, 1]] @ SPILL
    (tmp_path / "a.fcs").write_bytes(
        fcs_bytes(measured, dtype="<f8", **{keyword: "2,Nd142Di,FSC-A," + ",".join(map(str, SPILL.ravel()))})
    )
    raw, adata = read_fcs(tmp_path / "a.fcs"), read_fcs(tmp_path / "a.fcs", compensate=True)
    np.testing.assert_allclose(raw.X, measured, rtol=1e-6)
    np.testing.assert_allclose(adata.X, emitted, rtol=1e-5)
    assert (raw.uns["meta"]["compensated"], adata.uns["meta"]["compensated"]) == (False, True)
    for each in (raw, adata):
        np.testing.assert_array_equal(each.uns["meta"]["spill"], SPILL)
        assert each.uns["meta"]["spill"].index.tolist() == ["Nd142Di", "FSC-A"]


def test_a_given_matrix_is_used(read, tmp_path):
    read(fcs_bytes(VALUES))
    matrix = pd.DataFrame([[0.2, 1], [1, 0.1]], index=["FSC-A", "Nd142Di"], columns=["Nd142Di", "FSC-A"])
    adata = read_fcs(tmp_path / "file.fcs", compensate=matrix)
    np.testing.assert_allclose(adata.X[:, 1:], VALUES[:, 1:] @ np.linalg.inv([[1, 0.2], [0.1, 1]]), rtol=1e-5)
    np.testing.assert_array_equal(adata.X[:, 0], VALUES[:, 0])


@pytest.mark.parametrize(
    ("compensate", "error", "reason"),
    [
        (True, ValueError, r"\$SPILLOVER or SPILL.*has none"),
        (pd.DataFrame(np.eye(2), index=["FSC-A", "X"], columns=["FSC-A", "X"]), ValueError, r"names \['X'\]"),
        (pd.DataFrame(np.eye(2), index=["FSC-A", "Time"], columns=["FSC-A", "Nd142Di"]), ValueError, "same channels"),
        (pd.DataFrame(np.ones((2, 2)), index=CHANNELS[:2], columns=CHANNELS[:2]), ValueError, "inverted"),
        (pd.DataFrame(np.eye(2) * np.nan, index=CHANNELS[:2], columns=CHANNELS[:2]), ValueError, "inverted"),
        (np.eye(2), TypeError, "`compensate`"),
    ],
)
def test_what_cannot_be_compensated_is_refused(read, tmp_path, compensate, error, reason):
    read(fcs_bytes(VALUES))
    with pytest.raises(error, match=reason):
        read_fcs(tmp_path / "file.fcs", compensate=compensate)


@pytest.mark.parametrize("text", ["2,FSC-A,Nd142Di,1,0.1", "many", "2,FSC-A,Nd142Di,1,0.1,0.2,one"])
def test_a_broken_matrix_stays_a_keyword(read, tmp_path, text):
    adata = read(fcs_bytes(VALUES, spill=text))
    assert adata.uns["meta"]["spill"] == text
    with pytest.raises(ValueError, match="none that can be read"):
        read_fcs(tmp_path / "file.fcs", compensate=True)


@pytest.mark.filterwarnings("ignore:Writing zarr v2")
@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_a_matrix_of_channels_with_slashes_can_be_written(read, tmp_path, kind):
    names = ["Time", "A/B", "A_B"]
    adata = read(fcs_bytes(VALUES, channels=names, spill="2,A/B,A_B,1,0.1,0.2,1"))
    getattr(adata, f"write_{kind}")(tmp_path / f"a.{kind}")
    spill = getattr(ad, f"read_{kind}")(tmp_path / f"a.{kind}").uns["meta"]["spill"]
    assert spill.index.tolist() == ["A/B", "A_B"]
    np.testing.assert_array_equal(spill, [[1, 0.1], [0.2, 1]])


def test_the_matrix_of_a_real_file_compensates_it(shared_data):
    adata = read_fcs(shared_data / "flowsom_not_preprocessed.fcs", compensate=True)
    expected = ad.read_h5ad(shared_data / "flowsom_68983.h5ad")
    channels = adata.uns["meta"]["spill"].index
    columns = [adata.var["channel"].tolist().index(channel) for channel in channels]
    correlation = [stats.spearmanr(adata.X[:, column], expected.X[:, column]).statistic for column in columns]
    assert len(correlation) == 11
    np.testing.assert_allclose(correlation, 1, atol=1e-5)
    others = np.setdiff1d(np.arange(adata.n_vars), columns)
    np.testing.assert_array_equal(adata.X[:, others], expected.layers["raw"][:, others])


@pytest.mark.parametrize("text", ["0", " ", "", "2,FSC-A,Nd142Di,1,0.1", "-1", "9" * 30])
def test_the_first_matrix_that_can_be_read_counts(read, tmp_path, text):
    adata = read(fcs_bytes(VALUES, vendor=[("SPILL", text)], spillover="1,Nd142Di,4"))
    assert adata.uns["meta"]["spill"].index.tolist() == ["Nd142Di"]
    assert adata.uns["meta"]["spillover"] == "1,Nd142Di,4"
    np.testing.assert_array_equal(read_fcs(tmp_path / "file.fcs", compensate=True).X[:, 2], VALUES[:, 2] / 4)


def test_an_empty_matrix_is_not_applied(read, tmp_path):
    assert read(fcs_bytes(VALUES, spill="0")).uns["meta"]["spill"] == "0"
    with pytest.raises(ValueError, match="none that can be read"):
        read_fcs(tmp_path / "file.fcs", compensate=True)
    with pytest.raises(ValueError, match=r"`compensate`.*the spillover matrix is empty"):
        read_fcs(tmp_path / "file.fcs", compensate=pd.DataFrame())


@pytest.mark.parametrize("dtype", ["<u2", "<f4"])
def test_log_amplified_channels_are_not_compensated(read, tmp_path, dtype):
    read(fcs_bytes(VALUES, dtype=dtype, p2e="4,1", spill="2,FSC-A,Nd142Di,1,0.1,0.2,1"))
    with pytest.raises(ValueError, match=r"`compensate`.*file\.fcs.*\['FSC-A'\] are stored log-amplified"):
        read_fcs(tmp_path / "file.fcs", compensate=True)
    others = pd.DataFrame([[1, 0.1], [0.2, 1]], index=["Time", "Nd142Di"], columns=["Time", "Nd142Di"])
    assert read_fcs(tmp_path / "file.fcs", compensate=others).uns["meta"]["compensated"]


# --- Folders ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """Three samples, whose natural order is not that of their characters; the second has another order of channels."""
    samples = tmp_path / "samples"
    samples.mkdir()
    (samples / "s1.fcs").write_bytes(fcs_bytes(VALUES))
    turned = fcs_bytes(VALUES[:2, ::-1] + 1, channels=CHANNELS[::-1], markers=MARKERS[::-1], p1g="3.0")
    (samples / "s2.FCS").write_bytes(turned)
    (samples / "s10.fcs").write_bytes(fcs_bytes(VALUES[:4] + 2, dtype=">f8"))
    for other in ["._s1.fcs", ".hidden.fcs", "notes.txt"]:
        (samples / other).write_bytes(b"not read")
    (samples / "a_folder.fcs").mkdir()
    return samples


@pytest.mark.filterwarnings("ignore:Writing zarr v2")
@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_a_folder_is_one_anndata(folder, tmp_path, kind):
    adata = read_fcs(str(folder))
    np.testing.assert_array_equal(adata.X, np.vstack([VALUES, VALUES[:2] + 1, VALUES[:4] + 2]))
    assert adata.X.dtype == np.float32
    assert adata.var_names.tolist() == ["Time", "FSC-A", "CD19"]
    assert adata.obs["sample"].cat.categories.tolist() == ["s1", "s2", "s10"]
    assert adata.obs["sample"].tolist() == ["s1"] * N_EVENTS + ["s2"] * 2 + ["s10"] * 4
    assert adata.obs_names[[0, N_EVENTS, -1]].tolist() == ["s1_0", "s2_0", "s10_3"]
    assert adata.obs_names.is_unique
    assert adata.uns["meta"]["s2"]["p1g"] == "3.0"
    getattr(adata, f"write_{kind}")(tmp_path / f"a.{kind}")
    again = getattr(ad, f"read_{kind}")(tmp_path / f"a.{kind}")
    assert again.uns["meta"]["s10"]["tot"] == "4"


def test_names_are_the_same_alone_and_in_a_folder(folder):
    alone, together = read_fcs(folder / "s1.fcs"), read_fcs(folder)
    assert alone.var.equals(together.var)
    assert alone.uns["meta"] == together.uns["meta"]["s1"]


def test_each_file_of_a_folder_is_compensated_by_its_own_matrix(folder):
    for sample, factor in [("s1.fcs", 2), ("s2.FCS", 4), ("s10.fcs", 8)]:
        (folder / sample).write_bytes(fcs_bytes(VALUES, spill=f"1,Nd142Di,{factor}"))
    np.testing.assert_array_equal(
        read_fcs(folder, compensate=True).X[:, 2], np.concatenate([VALUES[:, 2] / factor for factor in (2, 4, 8)])
    )


def test_another_panel_is_refused_or_what_is_shared_is_read(folder, caplog):
    (folder / "s3.fcs").write_bytes(
        fcs_bytes(VALUES + 3, channels=["Nd142Di", "Ir191", "Time"], markers=["CD19", "DNA", ""])
    )
    with pytest.raises(
        ValueError, match=r"s3\.fcs has another panel than s1\.fcs: it lacks \['FSC-A'\] and adds \['DNA'\]"
    ):
        read_fcs(folder)
    with caplog.at_level(logging.INFO, logger="scgsr"):
        adata = read_fcs(folder, panel="shared")
    assert "2 channels that all 4 files have" in caplog.text
    assert adata.var_names.tolist() == ["Time", "CD19"]
    np.testing.assert_array_equal(adata[adata.obs["sample"] == "s3"].X, VALUES[:, [2, 0]] + 3)


def test_a_marker_on_another_channel_is_logged(folder, caplog):
    (folder / "s3.fcs").write_bytes(fcs_bytes(VALUES, channels=["Time", "FSC-A", "Sm152Di"]))
    assert read_fcs(folder).n_vars == 3
    assert "s1.fcs and s3.fcs measure by different channels: CD19 (Nd142Di and Sm152Di)" in caplog.text


def test_repeated_markers_are_told_apart_by_their_channel(folder):
    for sample, order in [("s1.fcs", [0, 1, 2]), ("s2.FCS", [2, 0, 1]), ("s10.fcs", [1, 2, 0])]:
        channels = [["a", "b", "c"][i] for i in order]
        (folder / sample).write_bytes(fcs_bytes(VALUES[:, order], channels=channels, markers=["CD4"] * 3))
    adata = read_fcs(folder)
    np.testing.assert_array_equal(adata.X, np.tile(VALUES, (3, 1)))
    assert adata.var_names.tolist() == ["CD4", "CD4-1", "CD4-2"]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda folder: (folder / "s2.FCS").write_bytes(fcs_bytes(VALUES)[:-5]), r"s2\.FCS"),
        (lambda folder: (folder / "s2.fcs").write_bytes(fcs_bytes(VALUES)), r"several files of one sample.*s2"),
        (lambda folder: [file.unlink() for file in folder.glob("s*")], r"no file ending in \.fcs"),
        (lambda folder: (folder / "s3.fcs").write_bytes(b""), r"s3\.fcs"),
    ],
)
def test_a_spoilt_folder_is_refused(folder, spoil, reason):
    spoil(folder)
    with pytest.raises(ValueError, match=reason):
        read_fcs(folder)


def test_nothing_shared_is_refused(folder):
    (folder / "s3.fcs").write_bytes(fcs_bytes(VALUES, channels=["a", "b", "c"], markers=[""] * 3))
    with pytest.raises(ValueError, match="no channel in common"):
        read_fcs(folder, panel="shared")
    with pytest.raises(ValueError, match="`panel` must be one of"):
        read_fcs(folder, panel="union")


def test_a_folder_is_read_file_by_file(tmp_path):
    values = np.random.default_rng(0).random((5000, 200), dtype=np.float32)
    names = {"channels": [f"c{i}" for i in range(200)], "markers": [""] * 200}
    content = fcs_bytes(values, data_start=32768, **names)
    for i in range(12):
        (tmp_path / f"s{i}.fcs").write_bytes(content)
    read_fcs(tmp_path / "s0.fcs")  # imports
    tracemalloc.start()
    adata = read_fcs(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert adata.shape == (60_000, 200)
    strings = 400 * adata.n_obs  # `.obs_names`, and what pandas makes of them
    assert peak < adata.X.nbytes + 4 * values.nbytes + strings < 2 * adata.X.nbytes


# --- Damage ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", range(0, len(fcs_bytes(VALUES)), 11))
def test_a_truncated_file_is_refused(read, size):
    with pytest.raises(ValueError, match=r"`path` must be a complete FCS file, but .*file\.fcs is not"):
        read(fcs_bytes(VALUES)[:size])


def refusal(path: Path) -> str | None:
    """Read what may be damaged: return why it is refused, or None if it has the shape that was promised.

    A flipped byte in a name or a value cannot be seen; one that matters must not lead to less than was promised.
    """
    try:
        events = read_events(path)
    except ValueError as error:
        return str(error)
    assert events.values.shape == (N_EVENTS, len(CHANNELS))
    assert len(events.channels) == len(events.markers) == len(CHANNELS)
    return None


@pytest.mark.parametrize("offsets_in_text", [True, False])
def test_a_flipped_byte_is_refused_or_leaves_the_shape(tmp_path, offsets_in_text):
    intact = fcs_bytes(VALUES, offsets_in_text=offsets_in_text)
    path = tmp_path / "flipped.fcs"
    refusals = []
    for position in range(intact.rindex(b"|")):
        flipped = bytearray(intact)
        flipped[position] ^= (0xFF, 0x80, 0x01)[position % 3]
        path.write_bytes(flipped)
        refusals.append(refusal(path))
    assert refusals[:3] == [f"`path` must be a complete FCS file, but {path} is not: it does not begin with 'FCS'."] * 3
    assert 50 < sum(reason is not None for reason in refusals) < len(refusals)


@pytest.mark.parametrize("seed", range(3))
def test_random_damage_is_refused_or_leaves_the_shape(tmp_path, seed):
    rng = np.random.default_rng(seed)
    intact = fcs_bytes(VALUES, dtype=[">f8", "<u4", "<u2"][seed])
    path = tmp_path / "damaged.fcs"
    refusals = []
    for _ in range(200):
        damaged = np.frombuffer(intact, np.uint8).copy()
        where = rng.integers(6, 600, size=rng.integers(1, 6))
        damaged[where] = (
            rng.integers(256, size=len(where)) if rng.random() < 0.5 else rng.choice(list(b"0123456789|/ "))
        )
        path.write_bytes(damaged.tobytes())
        refusals.append(refusal(path))
    assert 50 < sum(reason is not None and str(path) in reason for reason in refusals) < len(refusals)


DATA_START = 1024
HEADER_AND_TEXT = len(fcs_bytes(VALUES)[:DATA_START].rstrip(b" "))


def test_a_file_cut_anywhere_before_its_data_is_refused(tmp_path):
    path, intact = tmp_path / "cut.fcs", fcs_bytes(VALUES)
    for size in range(HEADER_AND_TEXT):
        path.write_bytes(intact[:size])
        assert str(path) in refusal(path)


@settings(deadline=None, max_examples=300)
@given(
    dtype=st.sampled_from(["<f4", ">f8", "<u2", ">u4"]),
    damage=st.lists(
        st.tuples(
            st.integers(3, HEADER_AND_TEXT), st.sampled_from([b"9", b"0", b"-", b"|", b"$", b"\xff", b"\0", b" "])
        ),
        min_size=1,
        max_size=6,
    ),
)
def test_any_damage_is_refused_or_leaves_the_shape(tmp_path_factory, dtype, damage):
    content = bytearray(fcs_bytes(VALUES, dtype=dtype, spill="2,FSC-A,Nd142Di,1,0.1,0.2,1"))
    for position, byte in damage:
        content[position : position + 1] = byte
    path = tmp_path_factory.mktemp("damage") / "damaged.fcs"
    path.write_bytes(content)
    reason = refusal(path)
    assert reason is None or str(path) in reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "does not begin"),
        (b"\0" * 5000, "does not begin"),
        (b"cell,CD4,CD8\n0,1.5,2.5\n" * 100, "does not begin"),
        (b"FCS3.1    " + b"\0" * 5000, "HEADER must have the offsets"),
        (b"FCS3.1    " + b"not an offset" * 500, "HEADER must have the offsets"),
        (fcs_bytes(VALUES, tot=N_EVENTS + 1), "TOT"),
        (fcs_bytes(VALUES, tot=N_EVENTS - 1), "TOT"),
        (fcs_bytes(VALUES, tot="many"), "many"),
        (fcs_bytes(VALUES, tot=None), "keyword 'tot'"),
        (fcs_bytes(VALUES, par=len(CHANNELS) - 1), "PAR"),
        (fcs_bytes(VALUES, p2n=None), "PAR"),
        (fcs_bytes(VALUES, datatype="A"), "DATATYPE"),
        (fcs_bytes(VALUES, mode="C"), "MODE"),
        (fcs_bytes(VALUES, byteord="3,4,1,2"), "BYTEORD"),
        (fcs_bytes(VALUES, nextdata=-4), "NEXTDATA"),
        (fcs_bytes(VALUES, p2datatype="I"), "P.DATATYPE"),
        (fcs_bytes(VALUES, tot=10**12), "TOT"),
        (fcs_bytes(VALUES, tot=-1), "TOT"),
        (fcs_bytes(VALUES, par=10**12), "PAR"),
        (fcs_bytes(VALUES, beginanalysis=0, endanalysis=10**12), ""),
        (fcs_bytes(VALUES).replace(b"BEGINDATA|1024", b"BEGINDATA|-999"), "HEADER"),
        (fcs_bytes(VALUES * 1e300, dtype="<f8"), "32-bit"),
    ],
)
def test_what_is_not_a_complete_file_of_events_is_refused_with_its_reason(read, content, reason):
    with pytest.raises(ValueError, match=rf"file\.fcs.*{reason}"):
        read(content)


UNREADABLE = {
    "$TOT is ' '": {"tot": " "},
    "lacks the keyword 'mode'": {"mode": None},
    "$NEXTDATA is 'none'": {"nextdata": "none"},
    "$P1B is '*', but must be a whole number": {"dtype": "<u2", "p1b": "*"},
    "$P1R is ' ', but must be a number": {"dtype": "<u2", "p1r": " "},
    "begin at byte 1024 by the HEADER, but at $BEGINDATA = 1028": {"begindata": 1028},
    "has 84 bytes of values, but $TOT = 8 events of 12 bytes need 96": {"tot": 8},
}


@pytest.mark.parametrize("reason", UNREADABLE)
def test_the_reason_is_about_the_file_and_not_about_python(read, reason):
    content = fcs_bytes(VALUES, **UNREADABLE[reason])
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        read(content)
    assert not re.search("Error|InMemory|literal|base 10", str(caught.value))


def test_what_nobody_foresaw_names_the_file_too(read, monkeypatch):
    monkeypatch.setattr("scgsr.io._events.decode", lambda *_: 1 / 0)
    with pytest.raises(ValueError, match=r"file\.fcs is not: it cannot be decoded \(ZeroDivisionError"):
        read(fcs_bytes(VALUES))


@pytest.mark.parametrize("version", ["1.0", "4.0", "x.y"])
def test_other_versions_are_refused(read, version):
    with pytest.raises(ValueError, match=rf"file\.fcs .*'{version}', but only FCS 2\.0, 3\.0, 3\.1, 3\.2 are read"):
        read(fcs_bytes(VALUES, version=version))


def test_version_3_2_is_read_as_3_1_with_a_warning(read, caplog):
    np.testing.assert_array_equal(read(fcs_bytes(VALUES, version="3.2")).X, VALUES)
    assert "file.fcs is FCS 3.2, and is read as if it were FCS 3.1" in caplog.text


def test_a_file_cut_within_its_analysis_is_refused(read):
    content = fcs_bytes(VALUES, beginanalysis=1108, endanalysis=1127) + b"|GATE|lymphocytes|.|"
    assert read(content).n_obs == N_EVENTS
    with pytest.raises(ValueError, match="its ANALYSIS segment ends at byte 1127"):
        read(content[:-1])


@pytest.mark.parametrize("bits", [0, -8, 12, 72])
def test_integers_of_an_odd_width_are_refused(read, bits):
    with pytest.raises(ValueError, match=rf"file\.fcs.*P1B is {bits}"):
        read(fcs_bytes(VALUES, dtype="<u4", p1b=bits))


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.fcs"):
        read_fcs(tmp_path / "nowhere.fcs")


def test_an_empty_path_is_not_the_folder_one_is_in(tmp_path, monkeypatch):
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


def test_the_message_names_the_extra_where_flowio_is_missing(read, monkeypatch):
    monkeypatch.setitem(sys.modules, "flowio", None)
    monkeypatch.setitem(sys.modules, "readfcs", None)
    with pytest.raises(ImportError, match=r"pip install \"scgsr\[fcs\]\""):
        read(fcs_bytes(VALUES))


# --- Real files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fcs", "h5ad", "layer"),
    [
        ("flowsom_ff.fcs", "flowsom_68983.h5ad", None),
        ("flowsom_not_preprocessed.fcs", "flowsom_68983.h5ad", "raw"),
        ("sample_masscyt.fcs", "thymus_masscyt.h5ad", None),
    ],
)
def test_real_files_are_read_as_stored(shared_data, fcs, h5ad, layer):
    adata, expected = read_fcs(shared_data / fcs), ad.read_h5ad(shared_data / h5ad)
    np.testing.assert_array_equal(adata.X, expected.X if layer is None else expected.layers[layer])
    assert adata.var_names.tolist() == expected.var_names.tolist()
    assert adata.var["channel"].tolist() == expected.var["fcs_channel"].tolist()


@pytest.mark.parametrize("share", [0.0001, 0.1, 0.5, 0.999, 0.99999])
def test_a_truncated_real_file_is_refused(shared_data, read, share):
    content = (shared_data / "sample_masscyt.fcs").read_bytes()
    with pytest.raises(ValueError, match=r"file\.fcs"):
        read(content[: int(share * len(content))])
