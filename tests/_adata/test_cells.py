"""What is known of each cell: its group, its number."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from scgsr._adata import groups, numbers, read_cells


def test_groups_are_the_column_as_it_is(cells):
    cells.obs["group"] = cells.obs["group"].cat.add_categories("nobody")
    assert groups(cells, "groupby", "group").equals(pd.Categorical(cells.obs["group"]))


@pytest.mark.parametrize("bounds", [{"least": 1}, {"most": 9}, {"least": 4, "most": 4}])
def test_with_bounds_there_are_no_groups_without_cells(cells, bounds):
    cells.obs["group"] = cells.obs["group"].cat.add_categories("nobody")
    labels = groups(cells, "groupby", "group", **bounds)
    assert list(labels.categories) == [f"group {i}" for i in range(4)]
    assert "nobody" in cells.obs["group"].cat.categories


@pytest.mark.parametrize(
    ("bounds", "words"),
    [({"least": 5}, "at least 5"), ({"most": 3}, "at most 3"), ({"least": 1, "most": 3}, "1 to 3")],
)
def test_too_few_or_too_many_groups(cells, bounds, words):
    message = f"`by`='group' must have {words} groups with cells, got 4. Choose fewer."
    with pytest.raises(ValueError, match=message) as caught:
        groups(cells, "by", "group", **bounds, hint="Choose fewer.")
    assert caught.value.argument == "by"


def test_missing_groups_count_as_none(cells):
    cells.obs["missing"] = pd.Categorical([None] * cells.n_obs)
    with pytest.raises(ValueError, match="must have 1 to 9 groups with cells, got 0"):
        groups(cells, "groupby", "missing", least=1, most=9)


@pytest.mark.parametrize("dtype", ["float32", "Float64"])
def test_numbers_are_no_groups(cells, dtype):
    cells.obs["time"] = pd.array(np.arange(cells.n_obs), dtype=dtype)
    with pytest.raises(TypeError, match="`groupby`='time' must name a column of groups, got numbers") as caught:
        groups(cells, "groupby", "time")
    assert caught.value.argument == "groupby"


@pytest.mark.parametrize("read", [groups, numbers])
def test_an_unknown_column_is_named_with_those_that_exist(cells, read):
    with pytest.raises(KeyError, match=r"`by`='x' is not in `adata.obs`, which has \['group'\]") as caught:
        read(cells, "by", "x")
    assert caught.value.argument == "by"


@pytest.mark.parametrize("values", [[1, 2, None], [1.0, 2.0, np.nan]])
@pytest.mark.parametrize("dtype", ["float64", "Float32"])
def test_missing_numbers_are_nan(cells, values, dtype):
    cells.obs["time"] = pd.array(values * 80, dtype=dtype)
    times = numbers(cells, "pseudotime", "time")
    assert times.dtype == np.float64
    np.testing.assert_array_equal(times[:3], [1, 2, np.nan])


@pytest.mark.parametrize("values", [["a"] * 240, [True] * 240, pd.Categorical([1] * 240)])
def test_columns_without_numbers(cells, values):
    cells.obs["time"] = values
    with pytest.raises(TypeError, match="`angle`='time' must name a column of numbers, got dtype") as caught:
        numbers(cells, "angle", "time")
    assert caught.value.argument == "angle"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_some_number_must_be_finite(cells, value):
    cells.obs["time"] = value
    with pytest.raises(ValueError, match="`angle`='time' must have finite numbers, got none") as caught:
        numbers(cells, "angle", "time")
    assert caught.value.argument == "angle"


def test_all_that_is_known_of_the_cells_is_a_copy(cells):
    cells.obsm["X_pca"] = cells.X[:, :2].copy()
    cells.uns["group_colors"] = ["#000000"] * 4
    cells.uns["log1p"] = {}
    known = read_cells(cells)
    copied = ad.AnnData(np.zeros((cells.n_obs, 1)), **known)
    assert copied.obs.equals(cells.obs)
    assert list(copied.uns) == ["group_colors"]
    known["obs"]["group"], known["obsm"]["X_pca"][:] = "x", 9
    known["uns"]["group_colors"][:] = "#ffffff"
    assert cells.obs["group"].nunique() == 4
    np.testing.assert_array_equal(cells.obsm["X_pca"], cells.X[:, :2])
    assert cells.uns["group_colors"] == ["#000000"] * 4
