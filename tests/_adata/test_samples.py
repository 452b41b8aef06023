"""What is known of samples."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from scgsr._adata import samples

CODES = np.array([2, 0, 1, 0, 2, 1, 1, 0])
DOSE = np.array(["low", "high", "high"])


@pytest.fixture
def adata():
    obs = pd.DataFrame(
        {"donor": np.array(["x", "y", "z"])[CODES], "dose": DOSE[CODES], "age": np.array([30, 41, 52])[CODES]}
    )
    obs.index = obs.index.astype(str)
    return ad.AnnData(np.zeros((8, 1), dtype=np.float32), obs=obs)


COLUMNS = [("condition_key", "dose"), ("covariates", "age")]


def test_a_row_for_each_sample(adata):
    of_cells, table = samples(adata, "donor", COLUMNS)
    assert list(of_cells) == list(adata.obs["donor"])
    assert list(table.index) == list(of_cells.categories) == ["x", "y", "z"]
    assert table["dose"].tolist() == ["low", "high", "high"]
    assert table["age"].tolist() == [30, 41, 52]
    assert pd.api.types.is_integer_dtype(table["age"].dtype)


def test_categories_without_cells_are_no_samples(adata):
    adata.obs["donor"] = pd.Categorical(adata.obs["donor"], categories=["z", "nobody", "y", "x"])
    of_cells, table = samples(adata, "donor", COLUMNS)
    assert list(table.index) == list(of_cells.categories) == ["z", "y", "x"]


def test_what_differs_within_a_sample_is_refused_by_name(adata):
    adata.obs.loc["0", "dose"] = "low"
    with pytest.raises(
        ValueError, match="`condition_key`='dose' must have one value in each sample, got several in z;"
    ):
        samples(adata, "donor", COLUMNS)


def test_a_sample_of_which_something_is_missing_is_left_out(adata, caplog):
    adata.obs["age"] = adata.obs["age"].where(adata.obs["donor"] != "y")
    of_cells, table = samples(adata, "donor", COLUMNS)
    assert list(table.index) == ["x", "z"]
    assert (of_cells.codes[CODES == 1] == -1).all()
    assert "left out: y" in caplog.text


def test_cells_without_a_sample_have_none(adata):
    adata.obs["donor"] = adata.obs["donor"].where(CODES != 0)
    of_cells, table = samples(adata, "donor", COLUMNS)
    assert list(table.index) == ["y", "z"]
    assert (of_cells.codes[CODES == 0] == -1).all()


def test_a_column_that_is_not_there_is_named(adata):
    with pytest.raises(KeyError, match="`covariates`='sex' is not in"):
        samples(adata, "donor", [("covariates", "sex")])
