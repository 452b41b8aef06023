"""The verb `compare`: planted differences between samples are found, and what is no question is refused."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from scgsr import get, pl, tl

N_SAMPLES, N_CELLS = 8, 200
SHARES = np.array([0.4, 0.3, 0.2, 0.1])
ROWS = np.repeat(np.arange(N_SAMPLES), N_CELLS)


@pytest.fixture(scope="module")
def cohort():
    """Eight samples: in the last four the last kind is three times as frequent, and the first has more of marker f0."""
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 3, size=(4, 8))
    kinds = []
    for sample in range(N_SAMPLES):
        shares = rng.dirichlet(200 * SHARES) * ([1, 1, 1, 3] if sample >= 4 else 1)
        kinds.append(rng.choice(4, N_CELLS, p=shares / shares.sum()))
    kinds = np.concatenate(kinds)
    values = centres[kinds] + rng.normal(size=(len(kinds), 8)) + 0.1 * rng.normal(size=(N_SAMPLES, 8))[ROWS]
    treated = ROWS >= 4
    values[treated & (kinds == 0), 0] += 1.5
    obs = pd.DataFrame(
        {
            "sample": np.array([f"s{number}" for number in range(N_SAMPLES)])[ROWS],
            "treated": pd.Categorical(np.where(treated, "yes", "no")),
            "dose": np.where(treated, 2.0, 0.0),
            "donor": ROWS % 4,
            "age": np.array([31, 44, 25, 60, 47, 39, 28, 55])[ROWS],
            "kind": pd.Categorical(kinds.astype(str)),
        }
    )
    obs.index = obs.index.astype(str)
    adata = ad.AnnData(values.astype(np.float32), obs=obs, var=pd.DataFrame(index=[f"f{i}" for i in range(8)]))
    tl.fit(adata, (5, 5), hidden=(32,), n_epochs=30, progress=False)
    return adata


def module_of(cohort, kind):
    return cohort.obs["gsr"][cohort.obs["kind"] == kind].mode()[0]


def test_what_was_planted_is_found(cohort):
    tl.compare(cohort, "treated", "sample", reference="no")
    found = get.compare(cohort).set_index("module")
    grown = module_of(cohort, "3")
    assert found["q"].idxmin() == grown
    assert found.loc[grown, "effect"] == pytest.approx(np.log(3), abs=0.5)
    assert found.loc[grown, "q"] < 0.01
    states = get.compare(cohort, "state").set_index(["module", "names"])
    assert states["p"].idxmin() == (module_of(cohort, "0"), "f0")
    assert (states["q"] <= 0.05).sum() <= 3
    brighter = get.compare(cohort, "neurons")
    assert len(brighter) == 25
    own = cohort.obsm["X_gsr"][cohort.obs["kind"] == "3"].mean(axis=0).argmax()
    assert brighter["t"].iloc[own] > 4


@pytest.mark.parametrize(
    "arguments",
    [
        {"condition_key": "dose"},
        {"block_key": "donor"},
        {"covariates": ["age"]},
        {"covariates": "age", "block_key": None},
        {"groupby": "kind"},
        {"names": ["f0", "f3"]},
    ],
)
def test_other_questions(cohort, arguments):
    adata = cohort.copy()
    tl.compare(adata, **{"condition_key": "treated", "sample_key": "sample", **arguments})
    found = get.compare(adata).set_index("module")
    grown = "3" if "groupby" in arguments else module_of(cohort, "3")
    assert found["q"].idxmin() == grown
    assert len(get.compare(adata, "state")) == len(found) * (2 if "names" in arguments else 8)
    if "condition_key" in arguments:
        assert found.loc[grown, "effect"] == pytest.approx(np.log(3) / 2, abs=0.25)  # for each unit of the dose
        assert found.loc[grown, "level"] == "dose"


def test_the_order_of_cells_does_not_matter(cohort):
    moved = cohort[np.random.default_rng(0).permutation(cohort.n_obs)].copy()
    for adata in (cohort, moved):
        tl.compare(adata, "treated", "sample")
    for what in ("abundance", "state", "neurons"):
        one, other = (get.compare(adata, what) for adata in (cohort, moved))
        pd.testing.assert_frame_equal(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Writing zarr v2:UserWarning")  # anndata 0.12 tells of a coming default
@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
def test_files_keep_the_tables(cohort, suffix, tmp_path):
    tl.compare(cohort, "treated", "sample", covariates=["age"])
    path = tmp_path / f"cohort.{suffix}"
    getattr(cohort, f"write_{suffix}")(path)
    back = getattr(ad, f"read_{suffix}")(path)
    for what in ("abundance", "state", "neurons"):
        pd.testing.assert_frame_equal(get.compare(back, what), get.compare(cohort, what), check_dtype=False)
    assert pl.compare(back, show=False) is not None
    assert list(back.uns["gsr"]["compare"]["params"]["covariates"]) == ["age"]


def test_mapped_cells_are_compared_too(cohort):
    new = ad.AnnData(cohort.X.copy(), obs=cohort.obs[["sample", "treated"]].copy(), var=cohort.var.copy())
    tl.transform(new, cohort)
    tl.compare(new, "treated", "sample")
    tl.compare(cohort, "treated", "sample")
    pd.testing.assert_frame_equal(get.compare(new), get.compare(cohort))


def test_a_copy_leaves_the_original(cohort):
    original = cohort.copy()
    original.uns["gsr"].pop("compare", None)
    result = tl.compare(original, "treated", "sample", copy=True)
    assert "compare" in result.uns["gsr"]
    assert "compare" not in original.uns["gsr"]


def test_small_samples_and_the_reference_are_said(cohort, caplog):
    caplog.set_level("INFO", "scgsr")
    small = cohort[(cohort.obs["sample"] != "s0") | (np.arange(cohort.n_obs) < 30)].copy()
    tl.compare(small, "treated", "sample", min_samples=2)
    assert "samples of fewer than 50 cells, whose shares are mostly chance: s0" in caplog.text
    assert "comparing yes with no, the reference" in caplog.text
    assert "at a false discovery rate of 5 %" in caplog.text


def test_two_against_two_are_said_to_be_few(cohort, caplog):
    tl.compare(cohort[cohort.obs["sample"].isin(["s0", "s1", "s4", "s5"])].copy(), "treated", "sample")
    assert "4 samples leave 2 degrees of freedom" in caplog.text
    caplog.clear()
    tl.compare(cohort.copy(), "treated", "sample")
    assert "degrees of freedom" not in caplog.text


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"condition_key": "sample"}, ValueError, "Samples are the replicates"),
        ({"sample_key": "treated"}, ValueError, "Samples are the replicates"),
        ({"sample_key": "donor"}, ValueError, "`condition_key`='treated' must have one value in each sample"),
        ({"condition_key": "nothing"}, KeyError, "`condition_key`='nothing' is not in"),
        ({"sample_key": "age", "condition_key": "kind"}, ValueError, "must have one value in each sample"),
        ({"covariates": ["dose"]}, ValueError, "`covariates`: 'dose' and the condition 'treated' cannot be told apart"),
        ({"block_key": "sample"}, ValueError, "`block_key`: 'sample' and the condition 'treated'"),
        ({"reference": "maybe"}, ValueError, "`reference`='maybe' must be one of the levels"),
        ({"min_cells": 0}, ValueError, "`min_cells` must be at least 1"),
        ({"min_samples": 0.5}, TypeError, "`min_samples` must be an integer"),
        ({"names": ["f99"]}, KeyError, "`names` must be among the 8 names"),
        ({"groupby": "age_in_days"}, KeyError, "`groupby`='age_in_days' is not in"),
        ({"key": "other"}, KeyError, "'other'"),
    ],
)
def test_what_is_no_question_is_refused(cohort, arguments, error, message, state, unchanged):
    adata = cohort.copy()
    before = state(adata)
    with pytest.raises(error, match=message):
        tl.compare(adata, **{"condition_key": "treated", "sample_key": "sample", **arguments})
    assert unchanged(before, adata)


def test_genes_need_names(cohort):
    genes = ad.AnnData(np.tile(cohort.X, 26), obs=cohort.obs, obsm=dict(cohort.obsm), uns=dict(cohort.uns))
    genes.var_names = [*cohort.var_names, *(f"gene{i}" for i in range(200))]
    with pytest.raises(ValueError, match="`names` must be given where there are more than 200 features, got 208"):
        tl.compare(genes, "treated", "sample")
    tl.compare(genes, "treated", "sample", names=["f0"])


def test_one_sample_of_one_cell_is_no_error(cohort):
    few = cohort[(cohort.obs["sample"] != "s0") | (np.arange(cohort.n_obs) < 1)].copy()
    tl.compare(few, "treated", "sample")
    assert get.compare(few)["p"].notna().any()
