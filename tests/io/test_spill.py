"""Spillover: the matrix of the file or a given one, and what cannot be compensated."""

from __future__ import annotations

import time
import tracemalloc

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scgsr.io import read_fcs
from scgsr.io._spill import check_spill, parse_spill

VALUES = np.arange(21).reshape(7, 3) * 1.5
N_EVENTS = len(VALUES)
CHANNELS = ["Time", "FSC-A", "Nd142Di"]

SPILL = np.array([[1, 0.1], [0.2, 1]])


@pytest.mark.parametrize("keyword", ["SPILL", "$SPILLOVER"])
def test_what_the_dyes_emitted_is_solved_for(tmp_path, keyword, fcs_bytes):
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
    for cells in (raw, adata):
        np.testing.assert_array_equal(cells.uns["meta"]["spill"], SPILL)
        assert cells.uns["meta"]["spill"].index.tolist() == ["Nd142Di", "FSC-A"]


def test_a_given_matrix_is_used(read, tmp_path, fcs_bytes):
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
def test_what_cannot_be_compensated_is_refused(read, tmp_path, compensate, error, reason, fcs_bytes):
    read(fcs_bytes(VALUES))
    with pytest.raises(error, match=reason):
        read_fcs(tmp_path / "file.fcs", compensate=compensate)


@pytest.mark.parametrize("text", ["2,FSC-A,Nd142Di,1,0.1", "many", "2,FSC-A,Nd142Di,1,0.1,0.2,one"])
def test_a_broken_matrix_stays_a_keyword(read, tmp_path, text, fcs_bytes):
    adata = read(fcs_bytes(VALUES, spill=text))
    assert adata.uns["meta"]["spill"] == text
    with pytest.raises(ValueError, match="none that can be read"):
        read_fcs(tmp_path / "file.fcs", compensate=True)


@pytest.mark.filterwarnings("ignore:Writing zarr v2")
@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_a_matrix_of_channels_with_slashes_can_be_written(read, tmp_path, kind, fcs_bytes):
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
def test_the_first_matrix_that_can_be_read_counts(read, tmp_path, text, fcs_bytes):
    adata = read(fcs_bytes(VALUES, vendor=[("SPILL", text)], spillover="1,Nd142Di,4"))
    assert adata.uns["meta"]["spill"].index.tolist() == ["Nd142Di"]
    assert adata.uns["meta"]["spillover"] == "1,Nd142Di,4"
    np.testing.assert_array_equal(read_fcs(tmp_path / "file.fcs", compensate=True).X[:, 2], VALUES[:, 2] / 4)


def test_an_empty_matrix_is_not_applied(read, tmp_path, fcs_bytes):
    assert read(fcs_bytes(VALUES, spill="0")).uns["meta"]["spill"] == "0"
    with pytest.raises(ValueError, match="none that can be read"):
        read_fcs(tmp_path / "file.fcs", compensate=True)
    with pytest.raises(ValueError, match=r"`compensate`.*the spillover matrix is empty"):
        read_fcs(tmp_path / "file.fcs", compensate=pd.DataFrame())


@pytest.mark.parametrize("dtype", ["<u2", "<f4"])
def test_log_amplified_channels_are_not_compensated(read, tmp_path, dtype, fcs_bytes):
    read(fcs_bytes(VALUES, dtype=dtype, p2e="4,1", spill="2,FSC-A,Nd142Di,1,0.1,0.2,1"))
    with pytest.raises(ValueError, match=r"`compensate`.*file\.fcs.*\['FSC-A'\] are stored log-amplified"):
        read_fcs(tmp_path / "file.fcs", compensate=True)
    others = pd.DataFrame([[1, 0.1], [0.2, 1]], index=["Time", "Nd142Di"], columns=["Time", "Nd142Di"])
    assert read_fcs(tmp_path / "file.fcs", compensate=others).uns["meta"]["compensated"]


def test_a_matrix_that_names_a_channel_twice_is_no_obstacle(read, tmp_path, caplog, fcs_bytes):
    twice = "3,FSC-A,Nd142Di,FSC-A,1,0,0,0,1,0,0,0,1"
    adata = read(fcs_bytes(VALUES, spill=twice))
    np.testing.assert_array_equal(adata.X, VALUES)
    assert adata.uns["meta"]["spill"] == twice
    adata.write_h5ad(tmp_path / "a.h5ad")
    (record,) = caplog.records
    assert record.getMessage() == (
        f"{tmp_path / 'file.fcs'}: the spillover matrix in SPILL names FSC-A twice, and is not taken."
    )
    with pytest.raises(ValueError, match="none that can be read"):
        read_fcs(tmp_path / "file.fcs", compensate=True)
    matrix = read(fcs_bytes(VALUES, spill=twice, spillover="1,Nd142Di,4")).uns["meta"]["spill"]
    assert matrix.index.tolist() == ["Nd142Di"]


ONE = "2,FSC-A,Nd142Di,1,0.1,0.2,1"
SAME = "2, Nd142Di, FSC-A, 1.0, 0.20, 0.1, 1.0"
OTHER = "2,FSC-A,Nd142Di,1,0.1,0.3,1"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"spill": ONE, "spillover": SAME}, None),
        ({"spill": ONE, "comp": SAME}, None),
        ({"spill": ONE, "comp": "2,1,0.1,0.2,1"}, None),
        ({"spill": ONE, "comp": "none"}, None),
        ({"spill": ONE, "comp": "2,1,x,0.2,1"}, None),
        ({"comp": OTHER}, None),
        ({"spill": ONE, "spillover": OTHER}, "that in SPILL is taken, and not that in $SPILLOVER"),
        ({"spill": ONE, "spillover": "1,FSC-A,1"}, "that in SPILL is taken, and not that in $SPILLOVER"),
        ({"spill": ONE, "comp": OTHER}, "that in SPILL is taken, and not that in $COMP"),
        ({"spillover": ONE, "comp": "2,1,0,0,1"}, "that in $SPILLOVER is taken, and not that in $COMP"),
        ({"spillover": ONE, "comp": "3,1,0,0,0,1,0,0,0,1"}, "that in $SPILLOVER is taken, and not that in $COMP"),
        ({"spill": ONE, "spillover": OTHER, "comp": OTHER}, "and not that in $SPILLOVER, $COMP"),
    ],
)
def test_matrices_that_differ_are_told_and_the_first_is_taken(read, tmp_path, caplog, fcs_bytes, words, said):
    adata = read(fcs_bytes(VALUES, **words))
    np.testing.assert_array_equal(adata.X, VALUES)
    if said is None:
        assert not caplog.records
    else:
        (record,) = caplog.records
        assert record.getMessage().startswith(f"{tmp_path / 'file.fcs'}: its spillover matrices differ: ")
        assert said in record.getMessage()
    if "comp" not in words or len(words) > 1:
        np.testing.assert_array_equal(adata.uns["meta"]["spill"], [[1, 0.1], [0.2, 1]])


@pytest.mark.parametrize("size", ["100000", "9" * 4000, "9" * 5000, "999", "1001"])
def test_no_memory_is_taken_for_a_matrix_that_is_not_there(size):
    text = f"{size}," + "0," * (1001 + 1001**2 - 1) + "0"
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"matrix|digits"):
        parse_spill(text)
    assert tracemalloc.get_traced_memory()[1] < 2 * len(text)
    tracemalloc.stop()


def test_the_time_for_a_matrix_grows_with_its_size(fcs_bytes):
    names = [f"c{i}" for i in range(20_000)]
    started = time.process_time()
    with pytest.raises(ValueError, match="must each be exactly one"):
        check_spill(pd.DataFrame(np.zeros((len(names), 0)), index=[*names[:-1], "x"]), names)
    assert time.process_time() - started < 2
