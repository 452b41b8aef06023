"""Cells of several files in one file: the sample of each is a number, and keywords say what it means."""

from __future__ import annotations

import logging
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from scgsr import graphs, pp, tl
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


def test_the_keywords_have_the_name_of_the_column(pooled):
    assert set(sample_numbers(pooled, {"sample"})[1]) == {"SAMPLE__0", "SAMPLE__1"}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda adata: adata.uns.clear(),
        lambda adata: setattr(adata, "obs", adata.obs.drop(columns="sample")),
        lambda adata: adata.uns.update(meta={"sample_0": "x"}),
        lambda adata: adata.obs.isetitem(0, pd.Categorical.from_codes([-1] * 30, ["day 2", "day 10"])),
    ],
)
def test_other_cells_have_no_such_column_and_the_log_says_so(pooled, caplog, spoil):
    assert sample_numbers(pooled, set()) != ({}, {})
    assert "is not written" not in caplog.text
    spoil(pooled)
    with caplog.at_level(logging.INFO, logger="scgsr"):
        assert sample_numbers(pooled, set()) == ({}, {})
    assert (".obs['sample'] is not written" in caplog.text) == ("sample" in pooled.obs)


def test_cells_without_a_sample_are_counted(pooled, caplog):
    pooled.obs["sample"] = pooled.obs["sample"].cat.remove_categories("day 2")
    assert sample_numbers(pooled, set()) == ({}, {})
    assert ".obs['sample'] is not written: it names no sample for 10 cells" in caplog.text


def test_samples_are_written_by_their_new_names(pooled, tmp_path):
    pooled.obs["sample"] = pooled.obs["sample"].cat.rename_categories({"day 2": "patient 7"})
    write_fcs(pooled, tmp_path / "a.fcs", key=None)
    meta = read_fcs(tmp_path / "a.fcs").uns["meta"]
    assert (meta["sample_0"], meta["sample_1"]) == ("patient 7", "day 10")


def meanings(path: Path) -> dict[str, str]:
    return {name: text for name, text in read_fcs(path).uns["meta"].items() if name.startswith("sample")}


def test_each_column_of_samples_has_keywords_of_its_own(pooled, tmp_path):
    (tmp_path / "again").mkdir()
    for name in ("x", "y"):
        write_fcs(pooled, tmp_path / "again" / f"{name}.fcs", key=None)
    write_fcs(read_fcs(tmp_path / "again"), tmp_path / "nested.fcs", key=None)
    nested = read_fcs(tmp_path / "nested.fcs")
    assert nested.var_names.tolist() == [*pooled.var_names, "sample", "sample_"]
    np.testing.assert_array_equal(nested[:, "sample_"].X.ravel(), np.repeat([0, 1], 30))
    # What the inner numbers mean may differ between the files, so that no keyword can say it.
    assert meanings(tmp_path / "nested.fcs") == {"sample__0": "x", "sample__1": "y"}


def test_a_meaning_is_carried_over_while_its_column_is_as_it_was_read(pooled, tmp_path):
    write_fcs(pooled, tmp_path / "a.fcs", key=None)
    adata = read_fcs(tmp_path / "a.fcs")
    write_fcs(adata[:, ::-1].copy(), tmp_path / "kept.fcs", key=None)
    assert meanings(tmp_path / "kept.fcs") == {"sample_0": "day 2", "sample_1": "day 10"}
    write_fcs(adata[:, pooled.var_names].copy(), tmp_path / "dropped.fcs", key=None)
    assert meanings(tmp_path / "dropped.fcs") == {}
    pp.arcsinh(adata, 5)
    write_fcs(adata, tmp_path / "transformed.fcs", key=None)
    assert meanings(tmp_path / "transformed.fcs") == {}


@pytest.mark.parametrize("name", ["Sample", " sample", "sam$ple"])
def test_a_feature_that_is_so_named_in_the_file_keeps_its_name(pooled, tmp_path, name):
    adata = pooled[:, :1].copy()
    adata.var_names, adata.var["channel"] = [name], [name]
    write_fcs(adata, tmp_path / "a.fcs", key=None)
    assert meanings(tmp_path / "a.fcs") == {"sample__0": "day 2", "sample__1": "day 10"}
    assert read_fcs(tmp_path / "a.fcs").var["channel"].tolist()[1] == "sample_"


def test_a_name_that_no_keyword_can_hold_is_replaced(pooled):
    pooled.obs["sample"] = pooled.obs["sample"].cat.rename_categories({"day 2": "$\x1e", "day 10": "a$b"})
    assert sample_numbers(pooled, set())[1] == {"SAMPLE_0": "_", "SAMPLE_1": "ab"}
