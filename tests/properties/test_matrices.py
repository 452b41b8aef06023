"""What holds for any matrix of values: a fit to it is finite, or refused by name; its container does not matter."""

from __future__ import annotations

import copy
import logging
import re

import anndata as ad
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import sparse

from scgsr import get, tl

# A fit takes longer than a graph: fewer of them.
fits = settings(max_examples=settings.default.max_examples // 4)
QUICK = {"graph": (2, 2), "hidden": (3,), "n_epochs": 1, "batch_size": 8, "progress": False, "device": "cpu"}
CONTAINERS = {
    "dense": np.asarray,
    "Fortran's order": np.asfortranarray,
    "CSR": sparse.csr_matrix,
    "CSC": sparse.csc_matrix,
    "CSR array": sparse.csr_array,
}
REFUSALS = (TypeError, ValueError, KeyError)


@pytest.fixture(autouse=True)
def _silence(caplog):
    """Raw counts and constant features are told; that is not what is tried here."""
    caplog.set_level(logging.CRITICAL, logger="scgsr")


@st.composite
def matrices(draw):
    """Values that differ, of any type and scale, with features that are constant or 0 among them."""
    shape = draw(st.tuples(st.integers(2, 30), st.integers(1, 5)))
    kind = draw(st.sampled_from(["?", "i1", "u2", "i8", "f4", "f8"]))
    values = np.random.default_rng(draw(st.integers(0, 10**6))).normal(size=shape)
    values[:, draw(arrays.arrays(bool, shape[1]))] = draw(st.sampled_from([0.0, 1.0, -2.5]))
    values[draw(arrays.arrays(bool, shape, elements=st.booleans()))] = 0
    if kind.startswith("f"):
        return (10.0 ** draw(st.integers(-8, 8)) * (values + draw(st.sampled_from([0, 0, 100])))).astype(kind)
    if kind == "?":
        return values > 0
    return np.abs(10 * values).astype(kind)


def cells(matrix):
    adata = ad.AnnData(np.zeros(matrix.shape, np.float32))
    adata.layers["values"] = matrix
    return adata


def fitted(matrix, **arguments):
    """Return the cells with a fit, or why there is none."""
    adata = cells(matrix)
    try:
        tl.fit(adata, layer="values", **{**QUICK, **arguments})
    except REFUSALS as error:
        assert re.match(r"['\"]?`\w+`", str(error)), repr(error)  # noqa: PT017
        assert list(adata.obs) == list(adata.uns) == list(adata.obsm) == []
        return str(error)
    return adata


def check_finite(adata):
    assert np.isfinite(adata.obsm["X_gsr"]).all()
    assert adata.obsm["X_gsr"].dtype == np.float32
    assert adata.obs["gsr"].notna().all()
    assert adata.obs["gsr_confidence"].between(0, 1).all()
    history = adata.uns["gsr"]["history"]
    assert np.isfinite(history["train_reconstruction"]).all()
    values = adata.layers["values"][:, adata.var_names.isin(get.model(adata).features)]
    assert np.isfinite(get.model(adata).reconstruct(values)).all()


@fits
@given(matrices(), st.sampled_from(["feature", "common", "pca", None]))
def test_a_fit_is_finite_or_refused_by_name(matrix, scale):
    adata = fitted(matrix, scale=scale)
    if not isinstance(adata, str):
        check_finite(adata)


@fits
@given(matrices(), st.sampled_from(sorted(CONTAINERS)))
def test_the_container_does_not_matter_and_the_cells_of_the_fit_are_mapped_to_where_they_are(matrix, container):
    one, other = fitted(matrix), fitted(CONTAINERS[container](matrix))
    assert isinstance(one, str) == isinstance(other, str)
    if isinstance(one, str):
        assert one == other
        return
    np.testing.assert_allclose(one.obsm["X_gsr"], other.obsm["X_gsr"], rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(one.obs["gsr_held_out"], other.obs["gsr_held_out"])
    new = cells(CONTAINERS[container](matrix))
    tl.transform(new, one)
    np.testing.assert_allclose(new.obsm["X_gsr"], one.obsm["X_gsr"], rtol=1e-4, atol=1e-5)
    assert "gsr_novelty" not in new.obs or np.isfinite(new.obs["gsr_novelty"]).all()


@fits
@given(matrices(), st.data())
def test_one_value_that_is_none_is_found(matrix, data):
    matrix = matrix.astype(float)
    where = tuple(data.draw(st.integers(0, side - 1)) for side in matrix.shape)
    matrix[where] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf, 1e39, -1e300]))
    container = data.draw(st.sampled_from(sorted(CONTAINERS)))
    refused = fitted(CONTAINERS[container](matrix))
    assert isinstance(refused, str)
    assert refused.startswith("`adata`")
    spoilt, good = cells(CONTAINERS[container](matrix)), fitted(np.arange(5.0 * matrix.shape[1]).reshape(5, -1) % 7)
    before = copy.deepcopy(spoilt)
    with pytest.raises(REFUSALS, match="`adata`"):
        tl.transform(spoilt, good)
    assert list(spoilt.obs) == list(before.obs)
