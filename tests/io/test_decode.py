"""DATA: values are those that the file stores, which FlowIO confirms."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr.io import read_fcs
from scgsr.io._damage import DamageError
from scgsr.io._decode import decode
from scgsr.io._events import find_data_set

flowio = pytest.importorskip("flowio", reason="FlowIO, of the extra `test`, is not installed")

VALUES = np.arange(21).reshape(7, 3) * 1.5
CHANNELS, MARKERS = ["Time", "FSC-A", "Nd142Di"], ["", " ", "CD19"]
N_EVENTS = len(VALUES)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8", "<u2", ">u2", "<u4", ">u4"])
@pytest.mark.parametrize("offsets_in_text", [True, False])
def test_values_are_those_stored(read, dtype, offsets_in_text, fcs_bytes):
    adata = read(fcs_bytes(VALUES, dtype=dtype, offsets_in_text=offsets_in_text))
    assert adata.X.dtype == np.float32
    np.testing.assert_array_equal(adata.X, VALUES.astype(dtype))
    assert adata.obs_names.tolist() == [str(i) for i in range(N_EVENTS)]


READABLE = {
    "floats": {},
    "big-endian": {"dtype": ">f4"},
    "doubles": {"dtype": "<f8"},
    "spill": {"spill": "2,FSC-A,Nd142Di,1,0.1,0.2,1"},
    "spillover": {"spillover": "2,FSC-A,Nd142Di,1,0.1,0.2,1"},
    "a blank matrix": {"spill": " "},
    "a broken matrix": {"spill": "2,FSC-A,Nd142Di,1,0.1"},
    "a matrix of other channels": {"spill": "2,FSC-A,Elsewhere,1,0.1,0.2,1"},
    "no marker": {"markers": [""] * 3},
    "blank markers": {"markers": [" "] * 3},
    "a slash": {"markers": ["HLA/DR", "HLA/DR", "LIVE/DEAD"]},
    "one name": {"channels": ["a"] * 3, "markers": [""] * 3},
    "offsets in the header": {"offsets_in_text": False},
    "no $NEXTDATA": {"nextdata": None},
    "gain and time step": {"p1g": "0.01", "timestep": "0.1", "p2g": "4"},
}


@pytest.mark.parametrize("name", READABLE)
def test_values_are_those_of_flowio(tmp_path, fcs_bytes, name):
    path = tmp_path / "a.fcs"
    path.write_bytes(fcs_bytes(VALUES, **READABLE[name]))
    values = decode(path, find_data_set(path, 0))
    np.testing.assert_array_equal(values, VALUES)
    assert_same_as_flowio(values, path)


def test_offsets_in_the_text_alone_are_those_of_flowio(tmp_path, fcs_bytes):
    content, path = fcs_bytes(VALUES), tmp_path / "a.fcs"
    path.write_bytes(content[:26] + b"       0       0" + content[42:])
    assert_same_as_flowio(decode(path, find_data_set(path, 0)), path)


def test_real_files_are_those_of_flowio(shared_data):
    files = sorted(shared_data.glob("*.fcs"))
    assert files
    for path in files:
        assert_same_as_flowio(decode(path, find_data_set(path, 0)), path)


def assert_same_as_flowio(values, path) -> None:
    in_text = "begindata" in find_data_set(path, 0).keywords
    flow = flowio.FlowData(str(path), ignore_offset_discrepancy=True, use_header_offsets=not in_text)
    expected = np.asarray(flow.events)
    np.testing.assert_array_equal(values, expected.reshape(-1, flow.channel_count))
    assert values.dtype == expected.dtype


def test_a_file_that_has_shrunk_since_it_was_checked_is_damaged(tmp_path, fcs_bytes):
    path = tmp_path / "a.fcs"
    path.write_bytes(fcs_bytes(VALUES))
    data_set = find_data_set(path, 0)
    path.write_bytes(fcs_bytes(VALUES)[:-5])
    with pytest.raises(DamageError, match="ends after 79 of 84 bytes of values"):
        decode(path, data_set)


def test_without_events_nothing_is_read_whatever_the_offset(tmp_path, fcs_bytes):
    path = tmp_path / "a.fcs"
    path.write_bytes(fcs_bytes(VALUES[:0], begindata=10**30, enddata=10**30 - 1, offsets_in_text=False, version="3.0"))
    path.write_bytes(path.read_bytes().replace(b"    1024    1023", b"       0       0"))
    assert decode(path, find_data_set(path, 0)).shape == (0, 3)


def test_a_file_that_flowio_wrote_is_read(tmp_path):
    path = tmp_path / "flowio.fcs"
    with path.open("wb") as handle:
        flowio.create_fcs(handle, VALUES.ravel().tolist(), CHANNELS, opt_channel_names=MARKERS)
    np.testing.assert_array_equal(read_fcs(str(path)).X, VALUES)
