"""One data set of a file: chosen by its number, with a warning of what is not read."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from scgsr.io import read_fcs

VALUES = np.arange(21).reshape(7, 3) * 1.5


def chain_of_three(fcs_bytes) -> bytes:
    part = fcs_bytes(VALUES)
    steps = [len(part), len(part), 0]
    return b"".join(fcs_bytes(VALUES, nextdata=step) for step in steps)


@pytest.mark.parametrize(("number", "error"), [(3, ValueError), (-1, ValueError), ("1", TypeError)])
def test_a_data_set_that_is_not_there(tmp_path, number, error, fcs_bytes):
    path = tmp_path / "three.fcs"
    path.write_bytes(chain_of_three(fcs_bytes))
    with pytest.raises(error, match="`data_set`"):
        read_fcs(path, data_set=number)


def test_a_supplemental_text_is_logged(read, caplog, fcs_bytes):
    read(fcs_bytes(VALUES, beginstext=1100, endstext=1200))
    assert "supplemental TEXT" in caplog.text


def test_version_3_2_is_read_as_3_1_with_a_warning(read, caplog, fcs_bytes):
    np.testing.assert_array_equal(read(fcs_bytes(VALUES, version="3.2")).X, VALUES)
    assert "file.fcs is FCS 3.2, and is read as if it were FCS 3.1" in caplog.text


def test_log_amplification_is_logged_and_not_applied(read, caplog, fcs_bytes):
    with caplog.at_level(logging.WARNING, logger="scgsr"):
        read(fcs_bytes(VALUES, dtype="<u2"))
        assert not caplog.records
        adata = read(fcs_bytes(VALUES, dtype="<u2", p2e="4,1"))
    assert "FSC-A are stored log-amplified" in caplog.text
    assert len(caplog.records) == 1
    np.testing.assert_array_equal(adata.X, np.floor(VALUES))
