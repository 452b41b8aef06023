"""Groups of cells: which are drawn, and their means."""

from __future__ import annotations

import logging

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from scgsr.pl._groups import grouping, means


def test_by_default_all_groups_with_cells_in_the_order_of_the_categories(on_grid):
    labels = grouping(on_grid, "group", None)
    assert list(labels.categories) == ["B cell", "T cell", "NK cell"]
    assert list(labels.astype(object)) == list(on_grid.obs["group"].astype(object))


@pytest.mark.parametrize(
    "chosen", [["NK cell", "B cell"], ("NK cell", "B cell", "NK cell"), np.array(["NK cell", "B cell"])]
)
def test_chosen_groups_stand_in_the_order_that_was_asked_for(on_grid, chosen):
    labels = grouping(on_grid, "group", chosen)
    assert list(labels.categories) == ["NK cell", "B cell"]
    left_out = ~on_grid.obs["group"].isin(["NK cell", "B cell"])
    assert (labels.isna() == left_out).all()


def test_one_group_may_be_given_by_its_name(on_grid):
    assert list(grouping(on_grid, "group", "T cell").categories) == ["T cell"]


@pytest.mark.parametrize(("groups", "level"), [(None, logging.INFO), (["empty", "B cell"], logging.WARNING)])
def test_groups_without_cells_are_left_out_and_said_louder_if_asked_for(on_grid, groups, level, caplog):
    with caplog.at_level(logging.INFO, logger="scgsr"):
        labels = grouping(on_grid, "group", groups)
    assert "empty" not in labels.categories
    (record,) = caplog.records
    assert record.levelno == level
    assert "['empty']" in record.getMessage()


@pytest.mark.parametrize(
    ("groupby", "groups", "argument", "message"),
    [
        ("group", ["D cell"], "groups", r"'B cell'.*got \['D cell'\]"),
        ("group", "empty", "groups", "1 to 200 groups with cells of `groupby`='group', got 0"),
        ("group", [], "groups", "got 0"),
        ("nobody", None, "groupby", "got 0. Choose with `groups`"),
        ("each", None, "groupby", "1 to 200 groups with cells, got 300. Choose with `groups`"),
    ],
)
def test_what_leaves_no_group_or_too_many_is_refused(groupby, groups, argument, message):
    obs = {
        "group": pd.Categorical(["B cell", "T cell"] * 150, categories=["B cell", "T cell", "empty"]),
        "nobody": pd.Categorical([None] * 300),
        "each": pd.Categorical(np.arange(300)),
    }
    cells = ad.AnnData(obs=pd.DataFrame(obs, index=[f"cell_{i}" for i in range(300)]))
    with pytest.raises(ValueError, match=message) as caught:
        grouping(cells, groupby, groups)
    assert caught.value.argument == argument


def test_means_are_over_the_cells_of_a_group():
    activations = np.random.default_rng(0).random((6, 3)).astype(np.float32)
    labels = pd.Categorical(["b", "a", None, "b", "b", "a"], categories=["b", "a"])
    counts, values = means(activations, labels)
    assert counts.tolist() == [3, 2]
    assert values.dtype == np.float64
    np.testing.assert_allclose(
        values, [activations[[0, 3, 4]].mean(axis=0), activations[[1, 5]].mean(axis=0)], rtol=1e-6
    )
