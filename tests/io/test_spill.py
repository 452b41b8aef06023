"""Spillover: the matrix of the file or a given one, and what cannot be compensated."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scgsr.io import read_fcs

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
