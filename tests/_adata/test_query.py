"""Cells in the columns of a model: order, missing features, pending transforms."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from scgsr._adata import pending_cofactors, query, query_of_results

FEATURES = tuple(f"feature_{i}" for i in range(10))


def model(features=FEATURES, *, cofactor=np.nan, mean=0.0, **params):
    """Return what a query asks of a fitted model."""
    numbers = {"mean": mean, "scale": 1.0, "cofactor": cofactor}
    arrays = {name: np.full(len(features), value, dtype=np.float32) for name, value in numbers.items()}
    return SimpleNamespace(features=tuple(features), params={"layer": None, "use_rep": None, **params}, **arrays)


def values(adata, fitted, **arguments):
    return np.concatenate([block for _, block in query(adata, fitted, **arguments).blocks(50)])


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array])
def test_columns_are_found_by_name_whatever_their_order_and_kind(cells, kind):
    order = ["feature_7", "feature_2", "feature_11"]
    cells.layers["kind"] = kind(cells.X)
    got = values(cells, model(order, layer="kind"))
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, cells[:, order].X)


def test_blocks_and_rows_are_the_same_cells(cells):
    cells_of_fit = query(cells, model())
    index = np.array([200, 3, 3])
    np.testing.assert_array_equal(cells_of_fit.rows(index), cells.X[index, :10])
    parts = [rows for rows, _ in cells_of_fit.blocks(100)]
    assert [(part.start, part.stop) for part in parts] == [(0, 100), (100, 200), (200, 240)]


@pytest.mark.parametrize(("fill", "filled"), [("mean", 0.25), (1.5, 1.5), (0, 0)])
def test_missing_features_are_filled_in_the_units_of_the_fit(cells, fill, filled, caplog):
    with caplog.at_level(logging.WARNING, logger="scgsr"):
        got = values(cells[:, 1:10].copy(), model(mean=0.25), fill=fill)
    assert "1 of 10 features are missing and filled in: feature_0" in caplog.text
    assert (got[:, 0] == filled).all()
    np.testing.assert_array_equal(got[:, 1:], cells.X[:, 1:10])


@pytest.mark.parametrize(
    ("kept", "fill", "message"),
    [
        (slice(1, None), None, r"lacks 1 of the 10 features of the fit \(feature_0\); `fill='mean'`"),
        (slice(3, None), "mean", r"lacks 3 .* at most 2 can be filled in"),
        (slice(6, None), None, r"lacks 6 .*\(feature_0, .*feature_4 and 1 more\); at most 2"),
        (slice(10, None), None, "lacks 10 .*: it has others, such as feature_10, feature_11;"),
    ],
)
def test_what_is_missing_is_named_with_the_cure(cells, kept, fill, message):
    with pytest.raises(KeyError, match=message) as caught:
        query(cells[:, kept].copy(), model(), fill=fill)
    assert caught.value.argument == "adata"


def test_cells_with_results_need_the_features_that_they_had_then(cells):
    part = cells[:, 1:].copy()
    with pytest.raises(KeyError, match=r"lacks 1 .* give all features that it had when it got its results"):
        query_of_results(part, model())
    filled = query_of_results(part, model(fill=0.5)).rows(np.arange(3))
    assert (filled[:, 0] == 0.5).all()


@pytest.mark.parametrize(
    ("fill", "error"), [("median", ValueError), (True, TypeError), ([0], TypeError), (np.inf, ValueError)]
)
def test_a_wrong_fill_is_named(cells, fill, error):
    with pytest.raises(error, match="`fill` must be") as caught:
        query(cells, model(), fill=fill)
    assert caught.value.argument == "fill"


def test_names_that_occur_twice_matter_if_the_fit_has_them(cells):
    cells.var_names = [*FEATURES, "feature_10", "feature_10"]
    query(cells, model())
    cells.var_names = [*FEATURES, "feature_0", "feature_11"]
    with pytest.raises(ValueError, match=r"1 features of the fit twice \(feature_0\)"):
        query(cells, model())


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_values_that_are_not_finite_are_refused_by_name_if_the_fit_has_them(cells, value):
    cells.X = cells.X.astype(np.float64)
    cells.X[5, 11] = value
    values(cells, model())
    cells.X[5, 3] = value
    with pytest.raises(ValueError, match=r"1 features \(feature_3\)"):
        values(cells, model())


def test_a_representation_must_be_there_at_the_same_width(cells):
    cells.obsm["X_pca"] = cells.X[:, :4]
    fitted = model(["X_pca_0", "X_pca_2"], use_rep="X_pca", width=4)
    np.testing.assert_array_equal(values(cells, fitted), cells.X[:, [0, 2]])
    with pytest.raises(KeyError, match=r"must have 5 columns, as in the fit, got 4") as caught:
        query(cells, model(["X_pca_0"], use_rep="X_pca", width=5))
    assert caught.value.argument == "use_rep"
    with pytest.raises(KeyError, match=r"The network was fitted on it\.") as caught:
        query(cells, model(["other_0"], use_rep="other", width=4))
    assert caught.value.argument == "use_rep"


@pytest.fixture
def counts():
    """Counts of 100 cells, far from what arcsinh makes of them."""
    matrix = np.random.default_rng(0).poisson(300, size=(100, 10)).astype(np.float32)
    return ad.AnnData(matrix, var=pd.DataFrame(index=FEATURES))


def transformed_model(counts):
    return model(cofactor=5, mean=float(np.arcsinh(counts.X / 5).mean()))


def record(adata, cofactor):
    adata.uns["arcsinh"] = {"X": pd.DataFrame({"cofactor": cofactor}, index=adata.var_names)}


def test_what_is_not_yet_transformed_is(counts):
    fitted = transformed_model(counts)
    np.testing.assert_allclose(values(counts, fitted), np.arcsinh(counts.X / 5), rtol=1e-6)
    assert (pending_cofactors(counts, fitted, None, FEATURES) == 5).all()
    assert np.isnan(pending_cofactors(counts, fitted, "other layer", FEATURES)).all()


def test_what_is_on_record_as_transformed_stays(counts):
    fitted = transformed_model(counts)
    counts.X = np.arcsinh(counts.X / 5)
    record(counts, 5.0)
    np.testing.assert_array_equal(values(counts, fitted), counts.X)
    assert np.isnan(pending_cofactors(counts, fitted, None, FEATURES)).all()


def test_another_cofactor_is_refused(counts):
    fitted = transformed_model(counts)
    record(counts, [150.0] + [5.0] * 9)
    with pytest.raises(ValueError, match=r"other cofactors .*: feature_0 150 \(in the fit 5\); use the same"):
        query(counts, fitted)


def test_values_that_look_transformed_without_a_record_are_refused(counts):
    fitted = transformed_model(counts)
    counts.X = np.arcsinh(counts.X / 5)
    with pytest.raises(ValueError, match="looks transformed already") as caught:
        query(counts, fitted)
    assert caught.value.argument == "adata"
