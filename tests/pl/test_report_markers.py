"""Which markers a report shows, and their values."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from scgsr import _page, pp, tl
from scgsr.pl._report_content import content
from scgsr.pl._report_markers import chosen_rows


def markers(adata, names=None):
    page = content(adata, basis=None, groupby=[], names=names, max_cells=1000, key="gsr")
    return [number for number in page.header["number"] if "means" in number], page


@pytest.fixture
def many():
    """200 cells of two kinds x 60 features, of which the last ten tell the kinds apart."""
    rng = np.random.default_rng(0)
    kind = np.arange(200) % 2
    values = rng.normal(size=(200, 60)).astype(np.float32)
    values[:, 50:] += 6 * kind[:, None]
    adata = ad.AnnData(values, var=pd.DataFrame(index=[f"g{i}" for i in range(60)]))
    tl.fit(adata, (4, 5), hidden=(16,), n_epochs=3, progress=False)
    return adata


def test_of_many_features_those_that_tell_modules_apart_are_shown(many):
    found = [marker["title"] for marker in markers(many)[0]]
    assert len(found) == 40
    codes = many.obs["gsr"].cat.codes.to_numpy()
    expected = _page.telling([(many.X, codes)], 40)
    assert found == [f"g{i}" for i in expected]
    assert {f"g{i}" for i in range(50, 60)} <= set(found)


def test_features_that_the_fit_has_not_seen_are_no_markers_by_default(many):
    seen = [f"g{i}" for i in range(45)]
    many.var["seen"] = many.var_names.isin(seen)
    tl.fit(many, (4, 5), hidden=(16,), n_epochs=1, mask_var="seen", progress=False)
    assert {marker["title"] for marker in markers(many)[0]} <= set(seen)


def test_after_a_fit_on_an_embedding_any_feature_may_be_a_marker(many):
    many.obsm["X_pca"] = many.X[:, :5].copy()
    tl.fit(many, (4, 5), hidden=(16,), n_epochs=1, use_rep="X_pca", progress=False)
    assert len(markers(many)[0]) == 40


def test_few_features_are_all_shown_and_named_ones_in_their_order(cells):
    tl.fit(cells, (4, 5), hidden=(16,), n_epochs=1, progress=False)
    assert [marker["title"] for marker in markers(cells)[0]] == list(cells.var_names)
    assert [marker["title"] for marker in markers(cells, ["feature_7", "feature_2"])[0]] == ["feature_7", "feature_2"]
    assert markers(cells, ())[0] == []


def test_sparse_values_are_the_same(many):
    dense = markers(many)[0]
    many.X = sparse.csr_matrix(many.X)
    assert markers(many)[0] == dense


def test_values_are_in_the_units_of_the_fit(cells):
    raw = cells.copy()
    raw.X = (5 * np.sinh(np.clip(cells.X, -6, 6))).astype(np.float32)
    transformed = raw.copy()
    pp.arcsinh(transformed, 5)
    tl.fit(transformed, (4, 5), hidden=(16,), n_epochs=1, progress=False)
    expected = markers(transformed)[0]
    mapped = raw.copy()
    tl.transform(mapped, transformed)
    for found, marker in zip(markers(mapped)[0], expected, strict=True):
        assert np.allclose(found["means"], marker["means"], rtol=1e-4, atol=1e-4)


def test_too_many_markers_are_refused(many):
    with pytest.raises(ValueError, match="`names` must be at most 500 markers, got 501"):
        markers(many, [f"g{i}" for i in range(501)])


def test_a_constant_marker_has_no_spread(cells):
    cells.X[:, 3] = 0.1
    tl.fit(cells, (4, 5), hidden=(16,), n_epochs=1, progress=False)
    assert markers(cells, ["feature_3"])[0][0]["sd"] == 0


def test_rows_come_in_the_order_that_is_asked_for():
    matrix = np.arange(40_000, dtype=np.float32).reshape(-1, 2)
    rows = np.array([19_999, 3, 8_192, 8_191, 0])
    found = np.empty((5, 2))
    for places, values in chosen_rows(sparse.csr_matrix(matrix), rows):
        found[places] = values
    assert np.array_equal(found, matrix[rows])
