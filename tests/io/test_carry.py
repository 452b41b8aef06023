"""Keywords, gains and the spillover matrix go along from the file that was read, for as long as they hold."""

from __future__ import annotations

import logging
import time

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from scgsr import pp
from scgsr.io import _encode, read_fcs, write_fcs

flowio = pytest.importorskip("flowio", reason="FlowIO, of the extra `test`, is not installed")


def test_keywords_of_the_sample_are_carried_over_and_those_of_the_layout_are_not(plain, tmp_path):
    sample = {"date": "01-JAN-2026", "cyt": "Helios", "tube name": "T cells", "patient": "/7|"}
    layout = {
        "tot": "7",
        "par": "9",
        "p1n": "x",
        "p1v": "400",
        "p9s": "y",
        "begindata": "1",
        "nextdata": "77",
        "mode": "C",
    }
    plain.uns["meta"] = {**sample, **layout, "blank": " ", "number": 3, "nested": {"a": "b"}, "compensated": False}
    write_fcs(plain, tmp_path / "a.fcs", key=None)
    meta = read_fcs(tmp_path / "a.fcs").uns["meta"]
    assert sample.items() <= meta.items()
    assert (meta["tot"], meta["par"], meta["fil"], meta["nextdata"]) == ("30", "3", "a.fcs", "0")
    assert {"p1v", "p9s", "blank", "number", "nested"}.isdisjoint(meta)
    assert b"|$DATE|" not in (tmp_path / "a.fcs").read_bytes()  # "|" is in a value
    assert b"\x1e$DATE\x1e" in (tmp_path / "a.fcs").read_bytes()


NO_LONGER_TRUE = """
originality last_modified last_modifier cells guid fj_fcs_guid original.guid file_uuid crc crc16 data_crc md5 checksum
headerchecksum sha256 filename begindata enddata beginstext endstext beginanalysis endanalysis nextdata byteord datatype
mode tot par p1r p1e p1b p1g p1v p1display r1i r1w gate gating g1n pk1 pkn2 csmode csvbits csv1flag tr unicode
unstainedcenters unstainedinfo dfc1to2
""".split()
STILL_TRUE = """
date btim etim cyt cytsn com exp inst op proj smno src sys plateid platename wellid creator crctest shape
begindatetime enddatetime carrierid locationid
""".split()


def test_keywords_that_hold_for_the_file_that_was_read_alone_are_dropped(plain, tmp_path):
    plain.uns["meta"] = dict.fromkeys([*NO_LONGER_TRUE, *STILL_TRUE, "original filename", "tube name"], "x")
    write_fcs(plain, tmp_path / "a.fcs", key=None)
    written = read_fcs(tmp_path / "a.fcs").uns["meta"]
    assert [name for name in NO_LONGER_TRUE if written.get(name) == "x"] == []
    assert [name for name in STILL_TRUE if written.get(name) != "x"] == []
    assert (written["tube name"], "original filename" in written) == ("x", False)


def test_our_own_keywords_describe_our_own_columns(plain, tmp_path):
    plain.uns["meta"] = {"p1n": "CD3", "p1r": "7", "p1e": "4,1", "p1b": "16", "p1s": "other", "tot": "9", "par": "9"}
    write_fcs(plain, tmp_path / "a.fcs", key=None)
    meta = read_fcs(tmp_path / "a.fcs").uns["meta"]
    assert (meta["p1e"], meta["p1b"], meta["tot"], meta["par"]) == ("0,0", "32", "30", "3")
    assert meta["p1r"] == str(int(plain.X[:, 0].max()) + 1)
    assert "p1s" not in meta


@pytest.mark.parametrize("name", ["abrt", "lost", "vol"])
def test_counts_are_carried_over_for_as_many_cells_as_were_read(plain, tmp_path, name):
    plain.uns["meta"] = {name: "12", "tot": " 30 "}
    write_fcs(plain, tmp_path / "a.fcs", key=None)
    assert read_fcs(tmp_path / "a.fcs").uns["meta"][name] == "12"
    assert f"${name.upper()}\x1e12\x1e".encode() in (tmp_path / "a.fcs").read_bytes()
    write_fcs(plain[:29].copy(), tmp_path / "b.fcs", key=None)
    assert name not in read_fcs(tmp_path / "b.fcs").uns["meta"]


@pytest.mark.parametrize(("name", "kept"), [("Time", True), ("TIME", True), ("Time-H", False)])
def test_the_time_step_goes_with_an_untransformed_time_channel(plain, tmp_path, name, kept):
    plain.var_names = ["CD3", "HLA/DR", name]
    plain.uns["meta"] = {"timestep": "0.01"}
    pp.arcsinh(plain, {"CD3": 5.0})
    write_fcs(plain, tmp_path / "a.fcs", key=None)
    assert ("timestep" in read_fcs(tmp_path / "a.fcs").uns["meta"]) == kept
    time_changed = plain.copy()
    del time_changed.uns["arcsinh"]
    pp.arcsinh(time_changed, {name: 5.0})
    for cells, path in [(time_changed, tmp_path / "b.fcs"), (plain[:, :2].copy(), tmp_path / "c.fcs")]:
        write_fcs(cells, path, key=None)
        assert "timestep" not in read_fcs(path).uns["meta"]


def test_the_word_to_compensate_goes_with_the_matrix(plain, tmp_path):
    spill = pd.DataFrame([[1, 0.1], [0, 1]], index=["CD3", "HLA/DR"], columns=["CD3", "HLA/DR"])
    plain.uns["meta"] = {"spill": spill, "apply compensation": "TRUE", "compensated": False}
    write_fcs(plain, tmp_path / "a.fcs", key=None)
    assert read_fcs(tmp_path / "a.fcs").uns["meta"]["apply compensation"] == "TRUE"
    plain.uns["meta"]["compensated"] = True
    write_fcs(plain, tmp_path / "b.fcs", key=None)
    assert "apply compensation" not in read_fcs(tmp_path / "b.fcs").uns["meta"]


def test_the_time_to_judge_a_keyword_grows_with_its_length(plain, tmp_path):
    plain.uns["meta"] = {"_" * 300_000 + "x": "x", "a" * 300_000: "x"}
    start = time.process_time()
    write_fcs(plain, tmp_path / "a.fcs", key=None)
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("spoil", "kept"),
    [
        (lambda adata: None, True),
        (lambda adata: adata.uns["meta"].update(compensated=True), False),
        (lambda adata: pp.arcsinh(adata, 150), False),
        (lambda adata: adata.var.__setitem__("channel", ["a", "b", "z"]), False),
    ],
)
def test_the_matrix_is_carried_over_only_while_it_applies(plain, tmp_path, caplog, spoil, kept):
    spill = pd.DataFrame([[1, 0.1], [1 / 3, 1]], index=["c", "a"], columns=["c", "a"])
    plain.var["channel"] = ["a", "b", "c"]
    plain.uns["meta"] = {"spill": spill, "spillover": "1,a,1", "compensated": False}
    spoil(plain)
    with caplog.at_level(logging.INFO, logger="scgsr"):
        write_fcs(plain, tmp_path / "a.fcs", key=None)
    meta = read_fcs(tmp_path / "a.fcs").uns["meta"]
    assert ("spill" in meta) == kept
    assert ("the spillover matrix is not written" in caplog.text) != kept
    if kept:
        pd.testing.assert_frame_equal(meta["spill"], spill)


@pytest.fixture
def scaled(plain) -> ad.AnnData:
    """Three channels as they were read, two of which have a gain, and the last a wrong one."""
    plain.var["channel"] = ["Time", "FL1-A", "FL2-A"]
    names = {f"p{n}n": name for n, name in enumerate(["FL2-A", " FL1-A ", "FSC-A", "Time"], start=1)}
    plain.uns["meta"] = {**names, "p1g": "1.0", "p2g": "8", "p3g": "2", "p4g": "0.01", "p1e": "0,0"}
    return plain


def gains(path) -> dict[str, str]:
    return {key: value for key, value in read_fcs(path).uns["meta"].items() if key[0] == "p" and key[-1] == "g"}


def test_the_gain_of_a_channel_is_carried_over_wherever_it_is_now(scaled, tmp_path, caplog):
    write_fcs(scaled, tmp_path / "a.fcs", key=None)
    assert gains(tmp_path / "a.fcs") == {"p1g": "0.01", "p2g": "8.0", "p3g": "1.0"}
    flow = flowio.FlowData(str(tmp_path / "a.fcs"))
    np.testing.assert_allclose(flow.as_array(), scaled.X / [1, 8, 1], rtol=1e-6)  # FlowIO never scales Time
    write_fcs(scaled[:, ::-1], tmp_path / "b.fcs", key=None)
    assert gains(tmp_path / "b.fcs") == {"p3g": "0.01", "p2g": "8.0", "p1g": "1.0"}
    assert not caplog.records


def test_a_gain_goes_with_the_values_it_belongs_to(scaled, tmp_path, caplog):
    pp.arcsinh(scaled, {"HLA/DR": 150.0, "LIVE/DEAD|x": 150.0})
    write_fcs(scaled, tmp_path / "a.fcs", key=None)
    assert gains(tmp_path / "a.fcs") == {"p1g": "0.01"}
    assert [record.getMessage().split(",")[0] for record in caplog.records] == [
        "the gain ($PnG) of FL1-A is not written"
    ]


@pytest.mark.parametrize("gain", [" ", "", "-1", "0", "x", "inf", "nan"])
def test_a_gain_that_is_none_is_not_carried_over(scaled, tmp_path, caplog, gain):
    scaled.uns["meta"] |= {"p1g": gain, "p2g": gain, "p4g": gain}
    write_fcs(scaled, tmp_path / "a.fcs", key=None)
    assert gains(tmp_path / "a.fcs") == {}
    assert not caplog.records


def test_channels_of_one_name_have_a_gain_if_it_is_the_same(scaled, tmp_path, caplog):
    scaled.uns["meta"] |= {"p3n": "FL1-A"}
    write_fcs(scaled, tmp_path / "a.fcs", key=None)
    assert "p2g" not in gains(tmp_path / "a.fcs")
    assert "gain ($PnG) of FL1-A is not written" in caplog.text
    scaled.uns["meta"] |= {"p3g": "8.0"}
    write_fcs(scaled, tmp_path / "b.fcs", key=None)
    assert gains(tmp_path / "b.fcs")["p2g"] == "8.0"


def test_gains_of_a_folder_are_carried_over_if_all_files_agree(scaled, tmp_path, caplog):
    meta = scaled.uns["meta"]
    scaled.uns["meta"] = {"s1": {**meta, "compensated": False}, "s2": {**meta, "p2g": "4"}}
    write_fcs(scaled, tmp_path / "a.fcs", key=None)
    assert gains(tmp_path / "a.fcs") == {"p1g": "0.01", "p3g": "1.0"}
    assert "gain ($PnG) of FL1-A is not written" in caplog.text


def test_a_log_amplified_channel_is_told_of(scaled, tmp_path, caplog):
    scaled.uns["meta"] |= {"p2e": "4,1", "p3e": "4,1"}
    write_fcs(scaled, tmp_path / "a.fcs", key=None)
    assert gains(tmp_path / "a.fcs") == {"p1g": "0.01", "p3g": "1.0"}
    assert [record.getMessage()[:40] for record in caplog.records] == ["FL1-A were read from log-amplified chann"]


def test_keywords_that_are_not_text_are_passed_over(plain, tmp_path):
    plain.uns["meta"] = {5: "n", "com": "x", "p1n": 3}
    write_fcs(plain, tmp_path / "a.fcs", key=None)
    assert read_fcs(tmp_path / "a.fcs").uns["meta"]["com"] == "x"


def test_a_real_file_goes_round(shared_data, tmp_path):
    adata = read_fcs(shared_data / "flowsom_not_preprocessed.fcs")
    write_fcs(adata, tmp_path / "a.fcs", key=None)
    read_back = read_fcs(tmp_path / "a.fcs")
    np.testing.assert_array_equal(read_back.X, adata.X)
    assert read_back.var_names.tolist() == adata.var_names.tolist()
    assert read_back.var["channel"].tolist() == adata.var["channel"].tolist()
    pd.testing.assert_frame_equal(read_back.uns["meta"]["spill"], adata.uns["meta"]["spill"])
    meta, before = read_back.uns["meta"], adata.uns["meta"]
    sample = [key for key in before if key.islower() and not key[-1].isdigit() and _encode.STANDARD.fullmatch(key)]
    assert len(sample) > 3
    assert {key: meta.get(key, "") for key in sample} == {key: before[key].strip() for key in sample}
