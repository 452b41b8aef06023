"""FCS in: what is stored is what is read, and damage is refused whatever it is."""

from __future__ import annotations

import logging
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

from scgsr.io import read_fcs
from scgsr.io._events import read_events

flowio = pytest.importorskip("flowio", reason="FlowIO, of the extra `fcs`, is not installed")

N_EVENTS, CHANNELS = 7, ["Time", "FSC-A", "Nd142Di"]
MARKERS = ["", " ", "CD19"]
BYTE_ORDERS = {"<": "1,2,3,4", ">": "4,3,2,1"}
VALUES = np.arange(N_EVENTS * len(CHANNELS)).reshape(N_EVENTS, len(CHANNELS)) * 1.5


def fcs_bytes(
    values, *, dtype="<f4", channels=CHANNELS, markers=MARKERS, offsets_in_text=True, data_start=1024, **keywords
) -> bytes:
    """Write an FCS 3.1 file as the standard lays it out; `keywords` replace or, where None, remove standard ones."""
    kind = {"f4": "F", "f8": "D"}.get(dtype[1:], "I")
    data = (values if np.asarray(values).dtype.names else np.asarray(values).astype(dtype)).tobytes()
    text_start = 58
    words = {
        "$BEGINDATA": "", "$ENDDATA": "", "$BYTEORD": BYTE_ORDERS[dtype[0]], "$DATATYPE": kind, "$MODE": "L",
        "$NEXTDATA": "0", "$PAR": len(channels), "$TOT": len(values),
    }  # fmt: skip
    for n, (channel, marker) in enumerate(zip(channels, markers, strict=True), start=1):
        words |= {f"$P{n}N": channel, f"$P{n}B": 8 * np.dtype(dtype).itemsize, f"$P{n}E": "0,0", f"$P{n}R": 262144}
        words |= {f"$P{n}S": marker} if marker else {}
    words |= {f"${key.upper()}" if key.isidentifier() else key: value for key, value in keywords.items()}
    data_stop = data_start + len(data) - 1 + words.pop("$EXTRA_BYTES", 0)
    words |= {"$BEGINDATA": data_start, "$ENDDATA": data_stop}
    if not offsets_in_text:
        words |= {"$BEGINDATA": None, "$ENDDATA": None}
    text = "|" + "".join(f"{key}|{value}|" for key, value in words.items() if value is not None)
    offsets = [text_start, text_start + len(text.encode()) - 1, data_start, data_stop, 0, 0]
    header = b"FCS3.1    " + "".join(f"{offset:>8}" for offset in offsets).encode()
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
    with pytest.warns(UserWarning, match="incorrect data offset"):
        adata = read(fcs_bytes(VALUES, extra_bytes=1))
    np.testing.assert_array_equal(adata.X, VALUES)


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
    values = np.random.default_rng(0).random((50_000, 20), dtype=np.float32)
    for i in range(8):
        (tmp_path / f"s{i}.fcs").write_bytes(
            fcs_bytes(values, channels=[f"c{j}" for j in range(20)], markers=[""] * 20, data_start=8192)
        )
    read_fcs(tmp_path / "s0.fcs")  # imports
    tracemalloc.start()
    adata = read_fcs(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert adata.shape == (400_000, 20)
    names = adata.n_obs * 200  # Python strings of `.obs_names` and what pandas makes of them
    assert peak < adata.X.nbytes + 5 * values.nbytes + names


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


@pytest.mark.parametrize("size", range(HEADER_AND_TEXT))
def test_a_file_cut_anywhere_before_its_data_is_refused(tmp_path, size):
    path = tmp_path / "cut.fcs"
    path.write_bytes(fcs_bytes(VALUES)[:size])
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
        (b"FCS3.1    " + b"\0" * 5000, "ValueError"),
        (b"FCS3.1    " + b"not an offset" * 500, "ValueError"),
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


@pytest.mark.parametrize("bits", [0, -8, 12, 72])
def test_integers_of_an_odd_width_are_refused(read, bits):
    with pytest.raises(ValueError, match=rf"file\.fcs.*P1B is {bits}"):
        read(fcs_bytes(VALUES, dtype="<u4", p1b=bits))


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.fcs"):
        read_fcs(tmp_path / "nowhere.fcs")


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
