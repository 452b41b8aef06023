"""What `fit` and `score` say of modules that are almost entirely of one batch, or one sample."""

from __future__ import annotations

import logging

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from scgsr import get, tl
from scgsr.tl._origin import about_origin

ALONE = "almost entirely of one"
SMALL = {"n_epochs": 5, "rng": 0}


@pytest.fixture
def two_runs():
    """200 cells of one population in two runs that differ in all values."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(400, 6)) + 12 * (np.arange(400) % 2)[:, None] * [1, -1, 1, -1, 1, -1]
    obs = pd.DataFrame({"run": np.where(np.arange(400) % 2, "two", "one")}, index=[str(i) for i in range(400)])
    return ad.AnnData(values.astype(np.float32), obs=obs)


def lines(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if ALONE in record.getMessage()]


def test_score_advises_where_runs_split_the_modules(two_runs):
    tl.fit(two_runs, (4, 4), **SMALL)
    assert two_runs.obs.groupby("gsr", observed=True)["run"].nunique().eq(1).all(), "runs must split the modules"
    verdicts = [tl.score(two_runs, batch_key=key, n_permutations=9) for key in (None, "run")]
    assert verdicts[0] == verdicts[1]
    advice = two_runs.uns["gsr"]["scores"]["advice"]
    assert "are almost entirely of one 'run'" in advice
    assert "`scgsr.tl.fit(adata, batch_key='run')`" in advice
    assert "use_rep" in advice
    assert len(get.scores(two_runs))


def test_fit_says_nothing_of_a_column_that_nobody_named(two_runs, caplog):
    with caplog.at_level(logging.INFO, logger="scgsr"):
        tl.fit(two_runs, (4, 4), **SMALL)
    assert lines(caplog) == []


def test_fit_notices_that_files_of_a_folder_split_the_modules(two_runs, caplog):
    two_runs.obs["sample"] = two_runs.obs["run"].astype("category")
    tl.fit(two_runs, (4, 4), **SMALL)
    assert lines(caplog) == [], "a column of that name may be anything"
    two_runs.uns["meta"] = {"one": {"tot": "200"}, "two": {"tot": "200"}}  # as `read_fcs` leaves it
    with caplog.at_level(logging.INFO, logger="scgsr"):
        tl.fit(two_runs, (4, 4), **SMALL)
        tl.score(two_runs, n_permutations=9)
    assert len(lines(caplog)) == 2
    assert all("batch_key='sample'" in line for line in lines(caplog))


def test_runs_that_the_fit_was_told_of_and_that_still_split_have_another_cure(two_runs):
    tl.fit(two_runs, (4, 4), **SMALL)
    sentence = about_origin(two_runs, "gsr", "run", {"batch_key": "run"})
    assert ALONE in sentence
    assert "tell the fit" not in sentence
    assert "use_rep" in sentence


def test_real_sets_two_protocols_are_named_and_donors_and_plates_are_not(shared_data, caplog):
    import scanpy as sc

    expected = {"scmix_3cl_two_protocols": ("protocol", True), "scmix_5cl_celseq2": ("plate", False)}
    for name, (column, warned) in expected.items():
        adata = ad.read_h5ad(shared_data / f"{name}.h5ad")
        sc.pp.normalize_total(adata, target_sum=1e4)
        sc.pp.log1p(adata)
        sc.pp.highly_variable_genes(adata, n_top_genes=1000)
        tl.fit(adata)
        tl.score(adata, batch_key=column, n_permutations=9)
        assert (ALONE in adata.uns["gsr"]["scores"]["advice"]) == warned
    told = ad.read_h5ad(shared_data / "cytof_levine32_gated1500.h5ad")
    told = told[:, ~told.var["is_technical"].to_numpy(dtype=bool)].copy()
    told.X = np.arcsinh(told.X / 5)
    with caplog.at_level(logging.INFO, logger="scgsr"):
        tl.fit(told, batch_key="donor")
    assert lines(caplog) == []
