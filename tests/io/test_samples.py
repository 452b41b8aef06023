"""Cells of several files in one file: the sample of each is a number, and keywords say what it means."""

from __future__ import annotations

import logging

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from scgsr import graphs, tl
from scgsr.io import read_fcs, write_fcs
from scgsr.io._samples import sample_numbers


@pytest.fixture
def pooled(tmp_path, plain) -> ad.AnnData:
    """The cells of a folder with the samples "day 2", 10 cells, and "day 10", 20 cells."""
    (tmp_path / "run").mkdir()
    write_fcs(plain[:10], tmp_path / "run" / "day 2.fcs", key=None)
    write_fcs(plain[10:], tmp_path / "run" / "day 10.fcs", key=None)
    return read_fcs(tmp_path / "run")


def test_samples_of_a_folder_are_told_apart_in_one_file(pooled, tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="scgsr"):
        write_fcs(pooled, tmp_path / "a.fcs", key=None)
    assert "parameter 'sample': 0 day 2, 1 day 10" in caplog.text
    written = read_fcs(tmp_path / "a.fcs")
    assert written.var_names.tolist() == [*pooled.var_names, "sample"]
    np.testing.assert_array_equal(written[:, "sample"].X.ravel(), np.repeat([0, 1], [10, 20]))
    np.testing.assert_array_equal(written[:, pooled.var_names].X, pooled.X)
    assert [written.uns["meta"][f"sample_{number}"] for number in (0, 1)] == ["day 2", "day 10"]


def test_the_sample_stands_between_features_and_results(pooled, tmp_path):
    tl.fit(pooled, graphs.ring(4), n_epochs=1, device="cpu")
    write_fcs(pooled, tmp_path / "a.fcs")
    assert read_fcs(tmp_path / "a.fcs").var_names[3:].tolist() == [
        "sample",
        *(f"gsr_n{i}" for i in range(4)),
        "gsr",
        "gsr_confidence",
    ]


def test_some_samples_of_a_folder_keep_their_names(pooled):
    columns, meanings = sample_numbers(pooled[pooled.obs["sample"] == "day 10"].copy(), set())
    (values,) = columns.values()
    assert {meanings[f"SAMPLE_{int(number)}"] for number in values.ravel()} == {"day 10"}


def test_a_feature_or_channel_of_that_name_keeps_it(pooled):
    columns, _ = sample_numbers(pooled, {"sample", "sample_"})
    assert list(columns) == [("sample__",)]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda adata: adata.uns.clear(),
        lambda adata: setattr(adata, "obs", adata.obs.drop(columns="sample")),
        lambda adata: adata.uns["meta"].pop("day 10"),
        lambda adata: adata.uns.update(meta={"sample_0": "x"}),
        lambda adata: adata.obs.isetitem(0, pd.Categorical.from_codes([-1] * 30, ["day 2", "day 10"])),
    ],
)
def test_other_cells_have_no_such_column(pooled, spoil):
    assert sample_numbers(pooled, set()) != ({}, {})
    spoil(pooled)
    assert sample_numbers(pooled, set()) == ({}, {})


def test_a_name_that_no_keyword_can_hold_is_replaced(pooled):
    pooled.obs["sample"] = pooled.obs["sample"].cat.rename_categories({"day 2": "$\x1e", "day 10": "a$b"})
    pooled.uns["meta"] = {"$\x1e": {}, "a$b": {}}
    assert sample_numbers(pooled, set())[1] == {"SAMPLE_0": "_", "SAMPLE_1": "ab"}
