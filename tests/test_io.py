"""FCS in: what is stored is what is read, and damage is refused whatever it is."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import anndata as ad
import numpy as np
import pytest

from scgsr.io import read_fcs
from scgsr.io._events import read_events

flowio = pytest.importorskip("flowio", reason="FlowIO, of the extra `fcs`, is not installed")

N_EVENTS, CHANNELS = 7, ["Time", "FSC-A", "Nd142Di"]
MARKERS = ["", " ", "CD19"]
BYTE_ORDERS = {"<": "1,2,3,4", ">": "4,3,2,1"}
VALUES = np.arange(N_EVENTS * len(CHANNELS)).reshape(N_EVENTS, len(CHANNELS)) * 1.5


def fcs_bytes(values, *, dtype="<f4", channels=CHANNELS, markers=MARKERS, offsets_in_text=True, **keywords) -> bytes:
    """Write an FCS 3.1 file as the standard lays it out; `keywords` replace or, where None, remove standard ones."""
    kind = {"f4": "F", "f8": "D"}.get(dtype[1:], "I")
    data = np.asarray(values).astype(dtype).tobytes()
    text_start = 58
    words = {
        "$BEGINDATA": "", "$ENDDATA": "", "$BYTEORD": BYTE_ORDERS[dtype[0]], "$DATATYPE": kind, "$MODE": "L",
        "$NEXTDATA": "0", "$PAR": len(channels), "$TOT": len(values),
    }  # fmt: skip
    for n, (channel, marker) in enumerate(zip(channels, markers, strict=True), start=1):
        words |= {f"$P{n}N": channel, f"$P{n}B": 8 * np.dtype(dtype).itemsize, f"$P{n}E": "0,0", f"$P{n}R": 262144}
        words |= {f"$P{n}S": marker} if marker else {}
    words |= {f"${key.upper()}" if key.isidentifier() else key: value for key, value in keywords.items()}
    data_start = 1024
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
        (fcs_bytes(VALUES, nextdata=4096), "NEXTDATA"),
        (fcs_bytes(VALUES * 1e300, dtype="<f8"), "32-bit"),
    ],
)
def test_what_is_not_a_complete_file_of_events_is_refused_with_its_reason(read, content, reason):
    with pytest.raises(ValueError, match=rf"file\.fcs.*{reason}"):
        read(content)


def test_integers_of_an_odd_width_are_refused(read):
    with pytest.warns(UserWarning, match="bit width"), pytest.raises(ValueError, match=r"holds 0 values"):
        read(fcs_bytes(VALUES, dtype="<u4", p1b=12))


def test_a_missing_file_is_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.fcs"):
        read_fcs(tmp_path / "nowhere.fcs")


@pytest.mark.parametrize("path", [None, 3, ["a.fcs"]])
def test_path_must_be_a_path(path):
    with pytest.raises(TypeError, match="`path`"):
        read_fcs(path)


def test_the_message_names_the_extra_where_flowio_is_missing(read, monkeypatch):
    monkeypatch.setitem(sys.modules, "flowio", None)
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
