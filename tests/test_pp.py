"""arcsinh: the formula, what is recorded, and that nothing is transformed twice."""

from __future__ import annotations

import logging

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from scgsr import _adata, pp
from scgsr._values import _arcsinh

FEATURES = ["CD3", "CD19", "HLA/DR", "Time"]


@pytest.fixture
def raw() -> ad.AnnData:
    """300 cells x 4 features, raw values, some negative, some zero."""
    rng = np.random.default_rng(0)
    values = rng.lognormal(4, 2, size=(300, 4)) * rng.choice([-1, 0, 1, 1], size=(300, 4))
    adata = ad.AnnData(values.astype(np.float32), var=pd.DataFrame(index=FEATURES))
    adata.layers["raw"] = adata.X.copy()
    adata.var["is_marker"] = [True, True, True, False]
    return adata


def cofactors(adata: ad.AnnData, layer: str = "X") -> dict:
    return adata.uns["arcsinh"][layer]["cofactor"].to_dict()


# --- The formula -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csr_array])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "u1", "bool"])
@pytest.mark.parametrize("at_once", [1, 7, 2**22])
def test_the_formula_for_dense_and_sparse_in_any_number_of_blocks(monkeypatch, kind, dtype, at_once):
    monkeypatch.setattr(_arcsinh, "_VALUES_AT_ONCE", at_once)
    values = np.random.default_rng(0).poisson(3, size=(20, 3)).astype(dtype)
    matrix = kind(values)
    result = _arcsinh.arcsinh(matrix, np.array([5, np.nan, 150]))
    assert type(result) is type(matrix)
    assert result.dtype == (np.float64 if dtype == "f8" else np.float32)
    dense = result.toarray() if sparse.issparse(result) else result
    expected = np.column_stack([np.arcsinh(values[:, 0] / 5), values[:, 1], np.arcsinh(values[:, 2] / 150)])
    np.testing.assert_allclose(dense, expected, rtol=1e-6)
    np.testing.assert_array_equal(matrix.toarray() if sparse.issparse(matrix) else matrix, values)


def test_entries_that_add_up_do_so_first():
    twice = sparse.csr_matrix((np.array([2.0, 3.0]), np.array([0, 0]), np.array([0, 2])), shape=(1, 1))
    assert _arcsinh.arcsinh(twice, np.array([5.0])).toarray().item() == np.arcsinh(1)
    assert twice.nnz == 2


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e4))
def test_it_is_odd_and_inverted_by_sinh(value, cofactor):
    pair = _arcsinh.arcsinh(np.array([[value], [-value]]), np.array([cofactor]))
    assert pair[0] == -pair[1]
    np.testing.assert_allclose(np.sinh(pair[0]) * cofactor, value, rtol=1e-9, atol=1e-12)


# --- What is written -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [None, "raw"])
def test_one_cofactor_for_all(raw, layer):
    before = raw.copy()
    assert pp.arcsinh(raw, 5, layer=layer) is None
    done, other = (raw.X, raw.layers["raw"]) if layer is None else (raw.layers["raw"], raw.X)
    np.testing.assert_allclose(done, np.arcsinh(before.X / 5), rtol=1e-6)
    assert done.dtype == np.float32
    np.testing.assert_array_equal(other, before.X)
    assert list(raw.uns["arcsinh"]) == ["X" if layer is None else "raw"]
    assert cofactors(raw, layer or "X") == dict.fromkeys(FEATURES, 5.0)
    assert raw.var.equals(before.var)


@pytest.mark.parametrize("mask", ["is_marker", [True, True, True, False]])
def test_a_mask_chooses_the_features(raw, mask):
    pp.arcsinh(raw, 150, mask_var=np.array(mask) if isinstance(mask, list) else mask)
    np.testing.assert_allclose(raw.X[:, :3], np.arcsinh(raw.layers["raw"][:, :3] / 150), rtol=1e-6)
    np.testing.assert_array_equal(raw.X[:, 3], raw.layers["raw"][:, 3])
    assert np.isnan(cofactors(raw)["Time"])


@pytest.mark.parametrize("kind", [dict, pd.Series])
def test_one_cofactor_per_feature(raw, caplog, kind):
    with caplog.at_level(logging.INFO, logger="scgsr"):
        pp.arcsinh(raw, kind({"HLA/DR": 6000.0, "CD3": 5.0, "CD19": np.nan}))
    assert "transformed 2 features, left 2 as they are" in caplog.text
    np.testing.assert_allclose(raw.X[:, 0], np.arcsinh(raw.layers["raw"][:, 0] / 5), rtol=1e-6)
    np.testing.assert_allclose(raw.X[:, 2], np.arcsinh(raw.layers["raw"][:, 2] / 6000), rtol=1e-6)
    np.testing.assert_array_equal(raw.X[:, [1, 3]], raw.layers["raw"][:, [1, 3]])


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array, sparse.csc_array])
def test_sparse_stays_sparse(raw, kind):
    dense = raw.copy()
    raw.X = kind(raw.X)
    pp.arcsinh(raw, 5, mask_var="is_marker")
    pp.arcsinh(dense, 5, mask_var="is_marker")
    assert type(raw.X) is kind
    np.testing.assert_array_equal(raw.X.toarray(), dense.X)


def test_a_copy_leaves_the_original(raw):
    copy = pp.arcsinh(raw, 5, copy=True)
    np.testing.assert_array_equal(raw.X, raw.layers["raw"])
    assert "arcsinh" not in raw.uns
    pp.arcsinh(raw, 5)
    np.testing.assert_array_equal(raw.X, copy.X)


@pytest.mark.parametrize("layer", [None, "raw"])
def test_a_view_becomes_a_copy_and_its_parent_stays(raw, caplog, layer):
    before, view = raw.copy(), raw[:200]
    with caplog.at_level(logging.INFO, logger="scgsr"), pytest.warns(ad.ImplicitModificationWarning):
        pp.arcsinh(view, 5, layer=layer)
    assert "is a view" in caplog.text
    np.testing.assert_allclose(
        view.X if layer is None else view.layers[layer], np.arcsinh(before.X[:200] / 5), rtol=1e-6
    )
    np.testing.assert_array_equal(raw.X, before.X)
    np.testing.assert_array_equal(raw.layers["raw"], before.X)
    assert "arcsinh" not in raw.uns


@pytest.mark.filterwarnings("ignore:Writing zarr v2")
@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_the_record_survives_a_file_a_selection_and_another_order(raw, tmp_path, kind):
    pp.arcsinh(raw, {"CD3": 5, "HLA/DR": 150})
    getattr(raw, f"write_{kind}")(tmp_path / f"a.{kind}")
    stored = getattr(ad, f"read_{kind}")(tmp_path / f"a.{kind}")
    some = stored[:, ["HLA/DR", "Time", "CD3"]].copy()
    recorded = _adata.read_arcsinh(some, None)
    assert recorded.index.tolist() == ["HLA/DR", "Time", "CD3"]
    np.testing.assert_array_equal(recorded, [150, np.nan, 5])
    pp.arcsinh(some, {"Time": 7})
    np.testing.assert_array_equal(_adata.read_arcsinh(some, None), [150, 7, 5])
    assert _adata.read_arcsinh(some, "raw") is None


# --- Twice -----------------------------------------------------------------------------------------------------------


def test_a_second_time_is_refused_and_others_extend_the_record(raw):
    pp.arcsinh(raw, {"CD3": 5})
    once = raw.X.copy()
    for cofactor in (5, {"CD19": 5, "CD3": 5}):
        with pytest.raises(
            ValueError, match=r"1 of these features recorded.*CD3 by 5\).*del adata.uns\['arcsinh'\]\['X'\]"
        ):
            pp.arcsinh(raw, cofactor)
    np.testing.assert_array_equal(raw.X, once)
    pp.arcsinh(raw, {"CD19": 10})
    pp.arcsinh(raw, 5, layer="raw")
    assert cofactors(raw)["CD3"] == 5
    assert cofactors(raw)["CD19"] == 10
    assert np.isnan(cofactors(raw)["Time"])
    assert cofactors(raw, "raw")["Time"] == 5


def test_the_cofactors_of_one_experiment_go_to_another(raw):
    other = raw[:, ::-1].copy()
    pp.arcsinh(raw, {"CD3": 5, "CD19": 150})
    pp.arcsinh(other, raw.uns["arcsinh"]["X"]["cofactor"])
    np.testing.assert_array_equal(other.X, raw.X[:, ::-1])


@pytest.mark.parametrize(
    ("prepare", "warned"),
    [
        (lambda adata: None, False),
        (lambda adata: setattr(adata, "X", np.round(np.arcsinh(adata.X / 5))), False),  # whole numbers: counts
        (lambda adata: setattr(adata, "X", np.arcsinh(adata.X / 5)), True),
        (lambda adata: setattr(adata, "X", sparse.csr_matrix(np.arcsinh(adata.X / 5))), True),
        (lambda adata: adata.uns.update(log1p={"base": None}), True),
    ],
)
def test_values_that_look_transformed_are_logged(raw, caplog, prepare, warned):
    prepare(raw)
    pp.arcsinh(raw, 5)
    assert ("was this the raw data?" in caplog.text) == warned


def test_few_cells_are_not_judged(raw, caplog):
    few = raw[:50].copy()
    few.X = np.arcsinh(few.X / 5)
    pp.arcsinh(few, 5)
    assert not caplog.records


# --- What is refused, with the AnnData as before ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "reason"),
    [
        ({"cofactor": 0}, ValueError, "`cofactor` must be finite and above 0"),
        ({"cofactor": -5}, ValueError, "`cofactor`"),
        ({"cofactor": 1e-50}, ValueError, "`cofactor` must be at least 1e-06, got 1e-50"),
        ({"cofactor": np.nan}, ValueError, "`cofactor`"),
        ({"cofactor": "5"}, TypeError, "`cofactor`"),
        ({"cofactor": True}, TypeError, "`cofactor`"),
        ({"cofactor": [5, 5, 5, 5]}, TypeError, "`cofactor`"),
        ({"cofactor": {"CD3": 0}}, ValueError, r"`cofactor\['CD3'\]`"),
        ({"cofactor": {"CD3": None}}, TypeError, r"`cofactor\['CD3'\]`"),
        ({"cofactor": {"CD4": 5}}, KeyError, r"names CD4, which are not in .var_names"),
        ({"cofactor": {}}, ValueError, "names no feature"),
        ({"cofactor": pd.Series([5, 6], index=["CD3", "CD3"])}, ValueError, "more than once"),
        ({"cofactor": {"CD3": 5}, "mask_var": "is_marker"}, ValueError, "`mask_var`"),
        ({"cofactor": 5, "mask_var": "nowhere"}, KeyError, "`mask_var`"),
        ({"cofactor": 5, "mask_var": np.array([True])}, ValueError, "`mask_var`"),
        ({"cofactor": 5, "layer": "nowhere"}, KeyError, "`layer`"),
        ({"cofactor": 5, "copy": 1}, TypeError, "`copy`"),
    ],
)
def test_a_wrong_argument_is_refused(raw, arguments, error, reason):
    with pytest.raises(error, match=reason) as caught:
        pp.arcsinh(raw, **arguments)
    assert caught.value.argument in arguments
    np.testing.assert_array_equal(raw.X, raw.layers["raw"])
    assert "arcsinh" not in raw.uns


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_without_a_transform_are_refused_by_name(raw, value):
    raw.X[3, 1] = value
    with pytest.raises(ValueError, match=r"NaN or infinite values in 1 features .CD19."):
        pp.arcsinh(raw, 5)
    assert "arcsinh" not in raw.uns
    pp.arcsinh(raw, {"CD3": 5})  # where they are not, they do not matter


def test_other_objects_are_refused(raw, tmp_path):
    with pytest.raises(TypeError, match="`adata`"):
        pp.arcsinh(raw.X, 5)
    raw.write_h5ad(tmp_path / "a.h5ad")
    backed = ad.read_h5ad(tmp_path / "a.h5ad", backed="r")
    with pytest.raises(TypeError, match="to_memory"):
        pp.arcsinh(backed, 5)
    backed.file.close()
    for foreign in ("mine", {"X": "mine"}, {"X": {"cofactor": 5}}, {"X": pd.DataFrame({"factor": [5.0]})}):
        raw.uns["arcsinh"] = foreign
        with pytest.raises(ValueError, match=r"must be what `scgsr.pp.arcsinh` writes"):
            pp.arcsinh(raw, 5)
    del raw.uns["arcsinh"]
    raw.layers["X"] = raw.X
    with pytest.raises(ValueError, match="rename the layer"):
        pp.arcsinh(raw, 5, layer="X")
    raw.var_names = ["a", "a", "b", "c"]
    with pytest.raises(ValueError, match="var_names_make_unique"):
        pp.arcsinh(raw, 5)


def test_a_failure_while_writing_is_undone(raw, monkeypatch):
    pp.arcsinh(raw, {"CD3": 5})
    before, record = raw.X.copy(), raw.uns["arcsinh"]["X"].copy()

    class Refusing(ad.AnnData):
        @property
        def X(self):
            return ad.AnnData.X.fget(self)

        @X.setter
        def X(self, value):
            raise KeyboardInterrupt

    raw.__class__ = Refusing
    with pytest.raises(KeyboardInterrupt):
        pp.arcsinh(raw, {"CD19": 5})
    np.testing.assert_array_equal(raw.X, before)
    pd.testing.assert_frame_equal(raw.uns["arcsinh"]["X"], record)
