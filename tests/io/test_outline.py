"""Data sets one after the other in a file, and what their HEADER says."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import time
import tracemalloc
import zipfile

import numpy as np
import pytest

from scgsr.io import read_fcs

VALUES = np.arange(21).reshape(7, 3) * 1.5
N_EVENTS = len(VALUES)


def zipped() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.fcs", b"FCS3.1")
    return content.getvalue()


def chain(fcs_bytes, *values, last=0) -> bytes:
    """Join data sets, each of which says how far the next one is."""
    parts = [fcs_bytes(part) for part in values]
    steps = [len(part) + 7 for part in parts[:-1]] + [last]
    return b"".join(fcs_bytes(part, nextdata=step) + b" " * 7 for part, step in zip(values, steps, strict=True))


@pytest.mark.parametrize("number", [0, 1, 2])
def test_data_sets_are_read_by_number(tmp_path, caplog, number, fcs_bytes):
    path = tmp_path / "three.fcs"
    parts = [VALUES, VALUES[:2] + 1, VALUES[:5] + 2]
    # Data begin at a fixed place, so that the length does not depend on what $NEXTDATA says.
    path.write_bytes(chain(fcs_bytes, *parts))
    np.testing.assert_array_equal(read_fcs(path, data_set=number).X, parts[number])
    assert f"holds 3 data sets: this is number {number}" in caplog.text


@pytest.mark.parametrize("step", [4096, 1, 2**63 - 1, 2**63, 10**30])
def test_a_next_data_set_that_is_missing_is_logged(read, caplog, step, fcs_bytes):
    np.testing.assert_array_equal(read(fcs_bytes(VALUES, nextdata=step)).X, VALUES)
    assert f"$NEXTDATA = {step}, but no data set begins there" in caplog.text


def test_a_damaged_next_data_set_is_refused(read, fcs_bytes):
    content = chain(fcs_bytes, VALUES, VALUES)
    with pytest.raises(ValueError, match=r"file\.fcs"):
        read(content[: content.rindex(b"FCS") + 100])


@pytest.mark.parametrize("version", ["1.0", "4.0", "x.y"])
def test_other_versions_are_refused(read, version, fcs_bytes):
    with pytest.raises(ValueError, match=rf"file\.fcs .*'{version}', but only FCS 2\.0, 3\.0, 3\.1, 3\.2 are read"):
        read(fcs_bytes(VALUES, version=version))


def test_a_file_cut_within_its_analysis_is_refused(read, fcs_bytes):
    content = fcs_bytes(VALUES, beginanalysis=1108, endanalysis=1127) + b"|GATE|lymphocytes|.|"
    assert read(content).n_obs == N_EVENTS
    with pytest.raises(ValueError, match="its ANALYSIS segment ends at byte 1127"):
        read(content[:-1])


def test_an_analysis_that_cannot_be_parsed_is_not_read(read, fcs_bytes):
    content = fcs_bytes(VALUES, beginanalysis=1108, endanalysis=1113) + b"(a(b(("
    np.testing.assert_array_equal(read(content).X, VALUES)


def test_a_text_segment_beyond_the_file_is_refused(read, fcs_bytes):
    content = fcs_bytes(VALUES)
    with pytest.raises(ValueError, match=r"ends before its TEXT segment does.* at bytes 58 to 99999999"):
        read(content[:18] + b"99999999" + content[26:])
    with pytest.raises(ValueError, match="HEADER says that TEXT lies at bytes 58 to 57"):
        read(content[:18] + b"      57" + content[26:])


def shared_text(n: int, step: int = 58) -> bytes:
    """Lay out the headers of `n` data sets `step` bytes apart, all of which claim the same TEXT at the end."""
    text = f"|$NEXTDATA|{step}|".encode() + b"|".join(b"k%d|v" % i for i in range(10_000)) + b"|"
    start = n * step
    header = "FCS3.1    {:>8}{:>8}       0       0       0       0"
    headers = [header.format(start - i * step, start - i * step + len(text) - 1).encode() for i in range(n)]
    return b"".join(one.ljust(step) for one in headers) + text


def test_data_sets_that_share_one_text_are_refused_at_once(read):
    content = shared_text(2400)
    assert 200_000 < len(content) < 300_000
    started = time.process_time()
    with pytest.raises(ValueError, match=r"file\.fcs.*the data set at \$NEXTDATA = 58 overlaps with the TEXT segment"):
        read(content)
    assert time.process_time() - started < 2


@pytest.mark.parametrize("step", [1, 100, 1024, 1100])
def test_a_data_set_within_another_is_refused(read, fcs_bytes, step):
    content = bytearray(fcs_bytes(VALUES, nextdata=step, com=" " * 100))
    content[step : step + 3] = b"FCS"
    with pytest.raises(ValueError, match=r"file\.fcs must be a complete FCS file, but is not"):
        read(bytes(content))


def test_the_values_of_a_data_set_end_before_the_next_one(read, fcs_bytes):
    content = fcs_bytes(VALUES, nextdata=1100) + b" " * 1000
    with pytest.raises(
        ValueError, match=r"it has 1100 bytes, but \$TOT = 7 events of 12 bytes that begin at byte 1024"
    ):
        read(content[:1100] + fcs_bytes(VALUES))


def test_many_small_data_sets_are_read_one_after_the_other(tmp_path, fcs_bytes):
    part = fcs_bytes(VALUES, data_start=320, nextdata=404)
    last = fcs_bytes(VALUES + 1, data_start=320, nextdata="0  ")
    assert len(part) == len(last) == 404
    (tmp_path / "many.fcs").write_bytes(5000 * part + last)
    read_fcs(tmp_path / "many.fcs")  # imports
    tracemalloc.start()
    started = time.process_time()
    np.testing.assert_array_equal(read_fcs(tmp_path / "many.fcs", data_set=5000).X, VALUES + 1)
    assert time.process_time() - started < 5
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (gzip.compress(b"FCS3.1"), "gzip"),
        (bz2.compress(b"FCS3.1"), "bzip2"),
        (lzma.compress(b"FCS3.1"), "xz"),
        (zipped(), "zip"),
    ],
)
@pytest.mark.parametrize("name", ["a.fcs.gz", "a.zip", "a.fcs"])
def test_a_packed_file_is_to_be_unpacked_first(tmp_path, content, kind, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name} must be .*, but is not: it is packed \({kind}\); unpack it first"):
        read_fcs(tmp_path / name)


def test_an_ending_alone_does_not_make_a_file_packed(tmp_path, fcs_bytes):
    (tmp_path / "a.fcs.gz").write_bytes(fcs_bytes(VALUES))
    np.testing.assert_array_equal(read_fcs(tmp_path / "a.fcs.gz").X, VALUES)
