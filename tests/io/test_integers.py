"""Integers of any width: the bits above the range of a channel are no part of a value."""

from __future__ import annotations

import re

import numpy as np
import pytest

from scgsr.io._events import find_data_set, read_events
from scgsr.io._integers import bits_of, odd_widths, packings

flowio = pytest.importorskip("flowio", reason="FlowIO, of the extra `test`, is not installed")

VALUES = np.arange(21).reshape(7, 3) * 1.5
N_EVENTS = len(VALUES)


@pytest.mark.parametrize("dtype", ["<u1", "<u2", ">u2", "<u4", ">u4", "<u8", ">u8"])
@pytest.mark.parametrize("largest", [16, 1000, 1024])
@pytest.mark.parametrize("offsets_in_text", [True, False])
def test_bits_above_the_range_are_masked(read, dtype, largest, offsets_in_text, fcs_bytes):
    stored = np.random.default_rng(0).integers(np.iinfo(dtype).max, size=(50, 3), dtype=dtype[1:])
    ranges = {"p1r": 0, "p2r": largest, "p3r": 2**64}  # the first and the last are no bound
    adata = read(fcs_bytes(stored, dtype=dtype, offsets_in_text=offsets_in_text, **ranges))
    expected = stored.copy()
    bound = np.uint64(2 ** np.ceil(np.log2(min(largest, np.iinfo(dtype).max))))
    expected[:, 1] = stored[:, 1].astype(np.uint64) % bound
    np.testing.assert_array_equal(adata.X, expected.astype(np.float32))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("largest", [2**32, 1024])
def test_integers_of_mixed_widths(read, order, largest, fcs_bytes):
    row = np.dtype([("a", f"{order}u1"), ("b", f"{order}u2"), ("c", f"{order}u4")])
    stored = np.array([(i, 1000 * i, 100_000 * i) for i in range(N_EVENTS)], dtype=row)
    adata = read(fcs_bytes(stored, dtype=f"{order}u4", p1b=8, p1r=256, p2b=16, p2r=65536, p3b=32, p3r=largest))
    expected = np.column_stack([stored["a"], stored["b"], stored["c"].astype(int) % largest])
    np.testing.assert_array_equal(adata.X, expected)


@pytest.mark.parametrize("order", [1, -1])
def test_integers_of_24_bits(read, order, fcs_bytes):
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
def test_integers_are_those_of_flowio(tmp_path, dtype, largest, fcs_bytes):
    stored = np.random.default_rng(0).integers(256, size=(50, 3))
    path = tmp_path / "integers.fcs"
    path.write_bytes(fcs_bytes(stored, dtype=dtype, p1r=largest, p2r=largest, p3r=largest))
    expected = flowio.FlowData(str(path)).as_array(preprocess=False)
    np.testing.assert_array_equal(read_events(path, find_data_set(path, 0)).values, expected)


@pytest.mark.parametrize("bits", [0, -8, 12, 72])
def test_integers_of_an_odd_width_are_refused(read, bits, fcs_bytes):
    with pytest.raises(ValueError, match=rf"file\.fcs.*P1B is {bits}"):
        read(fcs_bytes(VALUES, dtype="<u4", p1b=bits))


ODD = {"p1b": 10, "p2b": 10, "p3b": 10, "p1r": 1024, "p2r": 1024, "p3r": 512}


@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
@pytest.mark.parametrize("version", ["2.0", "3.0"])
def test_ten_bits_in_words_of_sixteen_are_read_if_the_length_says_so(read, caplog, dtype, version, fcs_bytes):
    stored = np.random.default_rng(0).integers(2**16, size=(50, 3)).astype(dtype)
    adata = read(fcs_bytes(stored, dtype=dtype, version=version, **ODD))
    np.testing.assert_array_equal(adata.X, stored % np.array([1024, 1024, 512]))
    (record,) = caplog.records
    assert re.search(
        r"file\.fcs: by its length the values of \$P1B = 10, \$P2B = 10, \$P3B = 10 take 16 bits each, of which",
        record.getMessage(),
    )


@pytest.mark.parametrize(("width", "dtype"), [(20, "<u4"), (31, ">u4"), (1, "<u1"), (12, "<u2"), (33, "<u8")])
def test_odd_widths_take_the_bytes_that_the_length_says(read, width, dtype, fcs_bytes):
    stored = np.random.default_rng(0).integers(2**width, size=(50, 3), dtype="u8").astype(dtype)
    words = {f"p{n}{letter}": value for n in (1, 2, 3) for letter, value in (("b", width), ("r", 2**width))}
    np.testing.assert_array_equal(read(fcs_bytes(stored, dtype=dtype, **words)).X, stored.astype(np.float32))


def test_twenty_bits_may_take_three_bytes(read, fcs_bytes):
    stored = np.random.default_rng(0).integers(2**20, size=(50, 3)).astype("<u4")
    rows = np.ascontiguousarray(stored.view(np.uint8).reshape(50, 3, 4)[:, :, :3]).reshape(50, 9)
    words = {f"p{n}{letter}": value for n in (1, 2, 3) for letter, value in (("b", 20), ("r", 2**20))}
    np.testing.assert_array_equal(read(fcs_bytes(rows.view("V9").view([("a", "V9")]), dtype="<u4", **words)).X, stored)


def test_an_odd_width_that_the_length_leaves_open_is_refused(read, fcs_bytes):
    stored = np.arange(24, dtype="<u2").reshape(8, 3)
    packed_bit_by_bit = np.zeros((8 * 3 * 10 // 8, 1), np.uint8).view([("a", "V1")])
    for values, words in [
        (stored, {"tot": None, "version": "2.0"}),  # 8 events in words, or 12 bit by bit
        (packed_bit_by_bit, {"tot": 8}),
        (stored, {"tot": 9}),
        (stored[:0], {}),
    ]:
        with pytest.raises(ValueError, match=r"file\.fcs.*P1B is 10, but integers of 8, 16, \.\.\., 64 bits are read"):
            read(fcs_bytes(values, dtype="<u2", **{**ODD, **words}))


def test_a_number_of_bytes_for_each_width():
    assert packings([8, 16, 24, 64]) == [(1, 2, 3, 8)]
    assert packings([10, 16]) == [(2, 2)]
    assert packings([20, 8]) == [(3, 1), (4, 1)]
    assert bits_of({"p1b": "1", "p2b": " 64 "}, 2) == [1, 64]
    assert odd_widths([8, 10, 16, 1]) == [2, 4]
