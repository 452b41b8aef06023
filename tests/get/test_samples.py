"""Tables by sample."""

from __future__ import annotations

import logging

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from _fits import whole_record
from scipy import sparse

from scgsr import get, graphs, tl
from scgsr.get import _samples

N_CELLS = 200
SAMPLES = ["s2", "s1", "unused", "s3"]
TYPES = ["T", "B", "never"]


def fitted(kind=np.asarray):
    rng = np.random.default_rng(0)
    sample = rng.choice(["s1", "s2", "s3", None], N_CELLS, p=[0.5, 0.3, 0.1, 0.1])
    obs = {
        "sample": pd.Categorical(sample, categories=SAMPLES),
        "type": pd.Categorical(rng.choice(["T", "B", None], N_CELLS), categories=TYPES),
        "gsr": pd.Categorical(rng.choice(["0", "1"], N_CELLS), categories=["0", "1", "2"]),
        "plain": [None if s is None else f"{s}!" for s in sample],
        "number": rng.random(N_CELLS),
        "lane": np.arange(N_CELLS) % 2,
    }
    values = rng.poisson(1.0, size=(N_CELLS, 5)).astype(np.float32)
    adata = ad.AnnData(
        kind(values),
        obs=pd.DataFrame(obs, index=[f"cell_{i}" for i in range(N_CELLS)]),
        var=pd.DataFrame(index=[f"m{i}" for i in range(5)]),
        layers={"double": kind(2 * values)},
        obsm={"X_gsr": np.ones((N_CELLS, 2), dtype=np.float32)},
    )
    adata.uns["gsr"] = whole_record(graphs.path(2), np.arange(2))
    return adata


every_kind = pytest.mark.parametrize(
    "kind", [np.asarray, sparse.csr_matrix, sparse.csc_matrix], ids=["dense", "csr", "csc"]
)

# Frequencies


@pytest.mark.parametrize("groupby", [None, "type"])
def test_frequencies_are_shares_of_the_cells_of_a_sample(groupby):
    adata = fitted()
    table = get.frequencies(adata, "sample", groupby=groupby)
    column = groupby or "gsr"
    assert list(table.index) == ["s2", "s1", "s3"]
    assert list(table.columns) == list(adata.obs[column].cat.categories)
    assert (table.index.name, table.columns.name) == ("sample", column)
    assert np.allclose(table.sum(axis=1), 1)
    kept = adata.obs.dropna(subset=["sample", column])
    for sample, row in table.iterrows():
        cells = kept[kept["sample"] == sample]
        for group, share in row.items():
            assert share == pytest.approx((cells[column] == group).mean())
    assert (table.iloc[:, -1] == 0).all()


def test_counts_are_those_of_the_shares():
    adata = fitted()
    counts = get.frequencies(adata, "sample", normalize=False)
    assert (counts.dtypes == np.int64).all()
    assert counts.to_numpy().sum() == adata.obs["sample"].notna().sum()
    pd.testing.assert_frame_equal(counts.div(counts.sum(axis=1), axis=0), get.frequencies(adata, "sample"))


@pytest.mark.parametrize("column", ["plain", "lane"])
def test_samples_need_not_be_categorical(column):
    adata = fitted()
    table = get.frequencies(adata, column)
    assert list(table.index) == sorted(adata.obs[column].dropna().unique())


def test_a_sample_whose_cells_have_no_group_is_left_out():
    adata = fitted()
    adata.obs.loc[adata.obs["sample"] == "s3", "type"] = np.nan
    assert list(get.frequencies(adata, "sample", groupby="type").index) == ["s2", "s1"]
    assert set(get.medians(adata, "sample", groupby="type")["sample"]) == {"s2", "s1"}


# Medians


@every_kind
@pytest.mark.parametrize("layer", [None, "double"])
@pytest.mark.parametrize("at_once", [2, 256])
def test_medians_are_those_of_the_cells(kind, layer, at_once, monkeypatch):
    monkeypatch.setattr(_samples, "_FEATURES_AT_ONCE", at_once)
    adata = fitted(kind)
    table = get.medians(adata, "sample", layer=layer)
    assert list(table.columns) == ["sample", "module", "names", "median", "n_cells"]
    assert len(table) == 3 * 3 * 5
    values = adata.X if layer is None else adata.layers[layer]
    frame = pd.DataFrame(values.toarray() if sparse.issparse(values) else values, columns=adata.var_names)
    for row in table.itertuples():
        cells = ((adata.obs["sample"] == row.sample) & (adata.obs["gsr"] == row.module)).to_numpy()
        assert row.n_cells == cells.sum()
        if cells.any():
            assert row.median == np.median(frame.loc[cells, row.names].astype(float))
        else:
            assert np.isnan(row.median)
    assert table["median"].dtype == np.float64
    assert table["n_cells"].dtype == np.int64


def test_counts_of_both_tables_agree():
    adata = fitted()
    table = get.medians(adata, "sample", names=["m3", "m1"], groupby="type")
    assert list(table["names"].unique()) == ["m3", "m1"]
    wide = table[table["names"] == "m1"].pivot(index="sample", columns="group", values="n_cells")
    counts = get.frequencies(adata, "sample", groupby="type", normalize=False)
    assert np.array_equal(wide.loc[counts.index, counts.columns], counts)


def test_one_name_will_do():
    assert set(get.medians(fitted(), "sample", names="m2")["names"]) == {"m2"}


@every_kind
def test_the_order_of_the_cells_does_not_matter(kind):
    adata = fitted(kind)
    shuffled = adata[np.random.default_rng(1).permutation(N_CELLS)].copy()
    shuffled.obs = adata.obs.loc[shuffled.obs_names]  # with the categories that subsetting drops
    pd.testing.assert_frame_equal(get.medians(adata, "sample"), get.medians(shuffled, "sample"))
    pd.testing.assert_frame_equal(get.frequencies(adata, "sample"), get.frequencies(shuffled, "sample"))


# Both

TABLES = {"frequencies": get.frequencies, "medians": get.medians}
both = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)


@both
def test_left_out_cells_are_said_and_nothing_changes(table, caplog):
    adata = fitted()
    before = adata.copy()
    with caplog.at_level(logging.INFO, logger="scgsr"):
        table(adata, "sample", groupby="type")
    missing = (adata.obs["sample"].isna() | adata.obs["type"].isna()).sum()
    assert f"{missing} cells without" in caplog.text
    pd.testing.assert_frame_equal(adata.obs, before.obs)
    assert np.array_equal(adata.X, before.X)
    assert list(adata.uns) == list(before.uns)


@both
@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"sample_key": "smaple"}, KeyError, "`sample_key`"),
        ({"sample_key": "number"}, TypeError, "`sample_key`"),
        ({"sample_key": "nobody"}, ValueError, "`sample_key`"),
        ({"sample_key": "sample", "groupby": "tpye"}, KeyError, "`groupby`"),
        ({"sample_key": "sample", "groupby": "number"}, TypeError, "`groupby`"),
        ({"sample_key": "sample", "key": "other"}, KeyError, "`key`"),
    ],
)
def test_wrong_columns_are_named(table, arguments, error, match):
    adata = fitted()
    adata.obs["nobody"] = pd.Categorical([None] * N_CELLS, categories=["a"])
    with pytest.raises(error, match=match):
        table(adata, **arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"names": ["m9"]}, KeyError, "`names`"),
        ({"names": []}, ValueError, "`names`"),
        ({"layer": "raw"}, KeyError, "`layer`"),
    ],
)
def test_wrong_features_are_named(arguments, error, match):
    with pytest.raises(error, match=match):
        get.medians(fitted(), "sample", **arguments)


def test_values_that_are_not_finite_are_refused_by_name():
    adata = fitted()
    adata.X[3, 2] = np.nan
    with pytest.raises(ValueError, match="m2"):
        get.medians(adata, "sample")
    assert len(get.medians(adata, "sample", names=["m1"])) == 9


def test_normalize_is_a_flag():
    with pytest.raises(TypeError, match="`normalize`"):
        get.frequencies(fitted(), "sample", normalize="counts")


def test_without_x_a_layer_is_needed():
    adata = fitted()
    adata.X = None
    with pytest.raises(ValueError, match="`layer`"):
        get.medians(adata, "sample")
    assert len(get.medians(adata, "sample", layer="double")) == 45


def test_the_tables_of_a_fit(cells):
    cells.obs["donor"] = [f"donor {i % 6}" for i in range(cells.n_obs)]
    tl.fit(cells, (4, 4), n_epochs=3, progress=False)
    shares = get.frequencies(cells, "donor")
    assert shares.shape == (6, cells.obs["gsr"].nunique())
    assert len(get.medians(cells, "donor")) == shares.size * cells.n_vars
