"""Data sets one after the other in a file, and what their HEADER says."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr.io import read_fcs

VALUES = np.arange(21).reshape(7, 3) * 1.5
N_EVENTS = len(VALUES)


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
