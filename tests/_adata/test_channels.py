"""Which features are markers, where a column of `.var` says what each channel measures."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from scgsr._adata import UNSET, columns, mask
from scgsr._adata._channels import marker_names, markers


def cells(kinds, **columns) -> ad.AnnData:
    return ad.AnnData(np.ones((2, 3)), var=pd.DataFrame({"channel_kind": kinds, **columns}, index=["a", "b", "c"]))


@pytest.mark.parametrize("dtype", [object, "category"])
def test_what_is_no_marker_is_left_out(dtype):
    adata = cells(pd.Series(["marker", "time", None], index=["a", "b", "c"], dtype=dtype))
    assert markers(adata, "fit").tolist() == [True, False, True]


@pytest.mark.parametrize("kinds", [["marker"] * 3, ["time"] * 3])
def test_all_are_taken_where_all_are_alike(kinds):
    assert markers(cells(kinds), "fit") is None


def test_nothing_changes_without_the_column():
    assert markers(ad.AnnData(np.ones((2, 3))), "fit") is None
    assert mask(ad.AnnData(np.ones((2, 3))), UNSET) is None


def test_highly_variable_features_are_the_choice_of_the_user():
    adata = cells(["marker", "time", "marker"], highly_variable=[True, True, False])
    assert mask(adata, UNSET).tolist() == [True, True, False]
    assert mask(adata, None) is None


def test_what_is_drawn_and_tested_by_default_are_markers_too():
    adata = cells(["time", "marker", "marker"])
    assert marker_names(adata) == ["b", "c"]
    assert columns(adata, None)[0] == ["b", "c"]
    assert columns(adata, ["a", "c"])[0] == ["a", "c"]
    assert marker_names(cells(["time"] * 3)) == ["a", "b", "c"]
    assert marker_names(ad.AnnData(np.ones((2, 3)), var=pd.DataFrame(index=["a", "b", "c"]))) == ["a", "b", "c"]
