"""Names of channels, of one file and of a folder whose files differ."""

from __future__ import annotations

import logging
import time

import numpy as np
import pytest

from scgsr.io import read_fcs
from scgsr.io._panel import unique

VALUES = np.arange(21).reshape(7, 3) * 1.5


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
def test_names_are_markers_then_channels_and_unique(read, channels, markers, names, fcs_bytes):
    adata = read(fcs_bytes(VALUES, channels=channels, markers=markers))
    assert adata.var_names.tolist() == names
    assert adata.var["channel"].tolist() == [channel.strip() for channel in channels]
    assert adata.var["marker"].tolist() == [marker.strip() for marker in markers]


def test_another_panel_is_refused_or_what_is_shared_is_read(folder, caplog, fcs_bytes):
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


def test_a_marker_on_another_channel_is_logged(folder, caplog, fcs_bytes):
    (folder / "s3.fcs").write_bytes(fcs_bytes(VALUES, channels=["Time", "FSC-A", "Sm152Di"]))
    assert read_fcs(folder).n_vars == 3
    assert "s1.fcs and s3.fcs measure by different channels: CD19 (Nd142Di and Sm152Di)" in caplog.text


def test_repeated_markers_are_told_apart_by_their_channel(folder, fcs_bytes):
    for sample, order in [("s1.fcs", [0, 1, 2]), ("s2.FCS", [2, 0, 1]), ("s10.fcs", [1, 2, 0])]:
        channels = [["a", "b", "c"][i] for i in order]
        (folder / sample).write_bytes(fcs_bytes(VALUES[:, order], channels=channels, markers=["CD4"] * 3))
    adata = read_fcs(folder)
    np.testing.assert_array_equal(adata.X, np.tile(VALUES, (3, 1)))
    assert adata.var_names.tolist() == ["CD4", "CD4-1", "CD4-2"]


def test_nothing_shared_is_refused(folder, fcs_bytes):
    (folder / "s3.fcs").write_bytes(fcs_bytes(VALUES, channels=["a", "b", "c"], markers=[""] * 3))
    with pytest.raises(ValueError, match="no channel in common"):
        read_fcs(folder, panel="shared")
    with pytest.raises(ValueError, match="`panel` must be one of"):
        read_fcs(folder, panel="union")


def test_the_time_to_tell_names_apart_grows_with_their_number():
    start = time.process_time()
    names = unique(["a"] * 50_000 + [f"a-{i}" for i in range(1, 20_000)])
    assert time.process_time() - start < 2
    assert len(set(names)) == len(names)
    assert names[:2] == ["a", "a-20000"]
