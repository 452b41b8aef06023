"""Tables of what `programs` and `saliency` have stored."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from _fits import whole_record

from scgsr import get, graphs

FEATURES = ["CD3", "CD4", "CD8", "flat", "CD19"]
TESTED = ["CD3", "CD4", "CD8", "CD19"]
MODULES, GROUPS = ["0", "1", "2"], ["B", "T"]


@pytest.fixture
def adata():
    """Cells with the slots that both functions read, filled at random; a constant feature has no test."""
    rng = np.random.default_rng(0)
    effect = rng.uniform(-1, 1, size=(len(FEATURES), len(MODULES))).astype(np.float32)
    effect[FEATURES.index("flat")] = np.nan
    tests = {name: rng.random((len(TESTED), len(MODULES))) for name in ("scores", "pvals", "pvals_adj")}
    record = {
        **whole_record(graphs.path(3), [0, 1, 2]),
        "programs": {"names": np.array(TESTED, dtype=object), **tests},
        "saliency": {
            "values": rng.normal(size=(len(GROUPS), len(MODULES), len(TESTED))),
            "groups": np.array(GROUPS, dtype=object),
            "groupby": "type",
            "names": np.array(TESTED, dtype=object),
        },
    }
    return ad.AnnData(
        np.zeros((3, len(FEATURES)), dtype=np.float32),
        var=pd.DataFrame(index=FEATURES),
        varm={"gsr_programs": effect},
        uns={"gsr": record},
    )


def test_each_row_has_the_values_of_its_module_and_feature_risers_first(adata):
    table = get.programs(adata)
    assert list(table.columns) == ["module", "names", "scores", "effect", "pvals", "pvals_adj"]
    assert len(table) == len(MODULES) * len(TESTED)
    stored = adata.uns["gsr"]["programs"]
    for row in table.itertuples():
        number, feature = int(row.module), TESTED.index(row.names)
        assert row.effect == adata.varm["gsr_programs"][FEATURES.index(row.names), number]
        for name in ("scores", "pvals", "pvals_adj"):
            assert getattr(row, name) == stored[name][feature, number]
    assert list(table["module"].unique()) == MODULES
    for _, rows in table.groupby("module"):
        assert rows["effect"].is_monotonic_decreasing


@pytest.mark.parametrize("module", ["1", 1])
def test_one_module(adata, module):
    table = get.programs(adata)
    pd.testing.assert_frame_equal(
        get.programs(adata, module=module), table[table["module"] == "1"].reset_index(drop=True)
    )


def test_features_that_are_gone_are_left_out_and_their_order_does_not_matter(adata):
    table = get.programs(adata)
    kept = ["CD19", "CD3"]
    expected = table[table["names"].isin(kept)].reset_index(drop=True)
    pd.testing.assert_frame_equal(get.programs(adata[:, kept].copy()), expected)


def test_what_is_returned_is_a_copy(adata):
    effect = adata.varm["gsr_programs"].copy()
    table = get.programs(adata)
    table["effect"] = 9
    np.testing.assert_array_equal(adata.varm["gsr_programs"], effect)


@pytest.mark.parametrize("module", ["3", -1, "B"])
def test_an_unknown_module_is_refused_with_those_that_exist(adata, module):
    with pytest.raises(ValueError, match=r"`module` must be one of \['0', '1', '2'\]") as caught:
        get.programs(adata, module=module)
    assert caught.value.argument == "module"


def test_names_that_occur_twice_are_refused(adata):
    adata.var_names = ["CD3", "CD3", "CD8", "flat", "CD19"]
    with pytest.raises(ValueError, match="var_names_make_unique"):
        get.programs(adata)


def test_features_that_were_all_renamed_are_refused(adata):
    adata.var_names = [f"marker {i}" for i in range(5)]
    with pytest.raises(KeyError, match=r"none of the 4 features.*scgsr\.tl\.programs"):
        get.programs(adata)


def test_each_gradient_stands_with_its_group_module_and_feature(adata):
    table = get.saliency(adata)
    stored = adata.uns["gsr"]["saliency"]["values"]
    assert len(table) == stored.size
    for row in table.itertuples():
        assert row.gradient == stored[GROUPS.index(row.group), int(row.module), TESTED.index(row.names)]


@pytest.mark.parametrize(("table", "verb"), [(get.programs, "programs"), (get.saliency, "saliency")])
def test_without_the_answer_the_error_names_the_call(adata, table, verb):
    del adata.uns["gsr"][verb]
    with pytest.raises(KeyError, match=rf"call `scgsr\.tl\.{verb}\(adata, key='gsr'\)` first"):
        table(adata)
    with pytest.raises(KeyError, match=r"scgsr\.tl\.fit"):
        table(adata, key="other")
