"""What a fit reads from an AnnData."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from scgsr._adata import _view


@pytest.mark.parametrize("n_obs", [240, 3000])  # one block of rows, and several
@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array, np.asfortranarray])
def test_every_kind_of_matrix_gives_the_same_bits(cells, kind, n_obs):
    dense = np.random.default_rng(0).poisson(0.3, size=(n_obs, 9)).astype(np.float32)
    cells = type(cells)(dense)
    reference = _view.view(cells)
    cells.X = kind(dense)
    got = _view.view(cells)
    assert np.array_equal(got.mean, reference.mean)
    assert np.array_equal(got.scale, reference.scale)
    rows = got.matrix[5:9]
    assert np.array_equal(rows.toarray() if sparse.issparse(rows) else rows, dense[5:9])


def test_moments_are_those_of_the_columns(cells):
    got = _view.view(cells)
    np.testing.assert_allclose(got.mean, cells.X.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(got.scale, np.sqrt(cells.X.var(axis=0).mean()), rtol=1e-5)
    by_feature = _view.view(cells, scale="feature")
    np.testing.assert_allclose(by_feature.scale, cells.X.std(axis=0), rtol=1e-5)
    assert (got.scaling, by_feature.scaling) == ("common", "feature")
    assert got.features == tuple(cells.var_names)


def test_entries_that_are_stored_in_parts_are_one(cells):
    dense = np.random.default_rng(0).poisson(0.5, size=(300, 9)).astype(np.float64)
    coo = sparse.coo_matrix(dense)
    rows, columns, values = (np.concatenate([part, part]) for part in (coo.row, coo.col, coo.data / 2))
    order = np.argsort(rows, kind="stable")
    starts = np.searchsorted(rows[order], np.arange(301))
    parts = sparse.csr_matrix((values[order], columns[order], starts), shape=dense.shape)
    got, expected = (_view.view(type(cells)(matrix)) for matrix in (parts, dense))
    assert np.array_equal(got.mean, expected.mean)
    assert np.array_equal(got.scale, expected.scale)
    assert parts.nnz == 2 * coo.nnz  # the user's matrix stays as it was


@pytest.mark.parametrize(("scale", "scaling"), [(True, "feature"), (False, "common")])
def test_true_and_false_are_each_feature_alone_and_all_together(cells, scale, scaling):
    got, expected = _view.view(cells, scale=scale), _view.view(cells, scale=scaling)
    assert got.scaling == expected.scaling == scaling
    np.testing.assert_array_equal(got.scale, expected.scale)


def test_a_representation_keeps_the_relative_spread_of_its_columns(cells):
    cells.obsm["X_pca"] = cells.X[:, :3] * np.array([10, 1, 0.1], dtype=np.float32)
    got = _view.view(cells, use_rep="X_pca")
    assert got.features == ("X_pca_0", "X_pca_1", "X_pca_2")
    assert len(np.unique(got.scale)) == 1
    total = (((cells.obsm["X_pca"] - got.mean) / got.scale) ** 2).mean()
    assert total == pytest.approx(1, rel=1e-4)


def test_a_data_frame_can_be_a_representation(cells):
    cells.obsm["frame"] = pd.DataFrame(cells.X[:, :2], index=cells.obs_names, columns=["a", "b"])
    assert np.array_equal(_view.view(cells, use_rep="frame").matrix, cells.X[:, :2])


@pytest.mark.parametrize("basis", ["map", "X_map"])
def test_an_embedding_is_named_as_in_scanpy(cells, basis):
    cells.obsm["X_map"] = cells.X[:, :3].astype(np.float64)
    cells.obsm["X_map"][2, 1] = np.nan
    name, places = _view.embedding(cells, basis)
    assert name == "map"
    np.testing.assert_array_equal(places, cells.obsm["X_map"][:, :2])
    cells.obsm["map"] = sparse.csr_matrix(cells.X[:, 4:6])
    assert np.array_equal(_view.embedding(cells, "map")[1], cells.X[:, 4:6])


def test_an_embedding_that_cannot_be_drawn_is_refused(cells):
    cells.obsm["X_line"] = cells.X[:, :1]
    with pytest.raises(KeyError, match=r"`basis`='umap' is not in .obsm, which has \['X_line'\]; leave it out"):
        _view.embedding(cells, "umap")
    with pytest.raises(ValueError, match="`basis`='line' must have two columns or more to draw, got 1"):
        _view.embedding(cells, "line")
    with pytest.raises(TypeError, match="`basis` must be str"):
        _view.embedding(cells, 3)


def test_layers_and_integer_counts(cells):
    cells.layers["counts"] = sparse.csc_matrix(np.random.default_rng(0).poisson(2, size=cells.shape))
    got = _view.view(cells, layer="counts")
    assert np.array_equal(got.matrix.toarray(), cells.layers["counts"].toarray())


class TestMask:
    def test_highly_variable_is_used_when_present_and_said(self, cells, caplog):
        cells.var["highly_variable"] = np.arange(12) < 5
        with caplog.at_level(logging.INFO, logger="scgsr"):
            assert _view.view(cells).features == tuple(cells.var_names[:5])
        assert "5 highly variable features of 12" in caplog.text
        assert len(_view.view(cells, mask_var=None).features) == 12

    @pytest.mark.parametrize("kind", ["name", "array", "series"])
    def test_by_name_and_by_array(self, cells, kind):
        cells.var["chosen"] = np.arange(12) % 2 == 0
        mask = {"name": "chosen", "array": cells.var["chosen"].to_numpy(), "series": cells.var["chosen"]}[kind]
        assert _view.view(cells, mask_var=mask).features == tuple(cells.var_names[::2])

    @pytest.mark.parametrize("column", [[True, np.nan] * 6, ["True", "False"] * 6])
    def test_highly_variable_must_be_boolean(self, cells, column):
        cells.var["highly_variable"] = np.array(column, dtype=object)
        with pytest.raises(ValueError, match=r"`mask_var` \(unset: 'highly_variable'\) must be 12 booleans"):
            _view.view(cells)

    def test_a_series_is_read_by_its_index(self, cells):
        chosen = pd.Series(np.arange(12) < 5, index=cells.var_names)
        assert _view.view(cells, mask_var=chosen[::-1]).features == tuple(cells.var_names[:5])

    @pytest.mark.parametrize("index", [range(12), [f"feature_{i}" for i in range(1, 13)], ["feature_0"] * 12])
    def test_a_series_with_another_index_is_refused(self, cells, index):
        with pytest.raises(ValueError, match=r"`mask_var` is a Series whose index is not .*to_numpy"):
            _view.view(cells, mask_var=pd.Series(np.ones(12, dtype=bool), index=list(index)))

    @pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Index])
    def test_names_choose_features(self, cells, kind):
        names = ["feature_7", "feature_2"]
        assert _view.view(cells, mask_var=kind(names)).features == ("feature_2", "feature_7")

    def test_a_name_of_no_feature_is_refused(self, cells):
        with pytest.raises(KeyError, match=r"`mask_var` must list names of .*got CD3"):
            _view.view(cells, mask_var=["feature_2", "CD3"])

    @pytest.mark.parametrize("mask", [np.zeros(12, dtype=bool), np.ones(11, dtype=bool), np.arange(12)])
    def test_refused(self, cells, mask):
        with pytest.raises(ValueError, match="`mask_var`"):
            _view.view(cells, mask_var=mask)

    def test_unknown_column_lists_what_exists(self, cells):
        cells.var["chosen"] = True
        with pytest.raises(KeyError, match=r"`mask_var`='other' is not in \.var, which has \['chosen'\]"):
            _view.view(cells, mask_var="other")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
def test_values_that_are_not_finite_are_refused_and_the_columns_named(cells, bad, kind):
    values = cells.X.copy()
    values[3, 2] = values[7, 10] = bad
    cells.X = kind(values)
    with pytest.raises(ValueError, match=r"2 features \(feature_2, feature_10\)"):
        _view.view(cells)


def test_values_whose_sum_overflows_are_finite(cells):
    cells.X[:40, 0] = 0.05 * np.finfo(np.float32).max
    assert np.isfinite(_view.view(cells).scale).all()


@pytest.mark.parametrize(("shape", "message"), [((0, 3), "no values"), ((4, 0), "no values"), ((1, 3), "one cell")])
def test_too_little_data(cells, shape, message):
    with pytest.raises(ValueError, match=message):
        _view.view(type(cells)(np.zeros(shape, dtype=np.float32)))


def test_constant_features_are_said_and_left_out(cells, caplog):
    cells.X[:, 4] = 0.1  # its mean is rounded: the spread must not become the scale
    with caplog.at_level(logging.INFO, logger="scgsr"):
        got = _view.view(cells)
    assert "leaving out 1 of 12 features" in caplog.text
    assert got.features == tuple(cells.var_names.delete(4))
    assert got.matrix.shape == (240, 11)


def test_values_too_large_for_float32(cells):
    cells.layers["huge"] = cells.X.astype(np.float64)
    cells.layers["huge"][:, 3] *= 1e300
    with pytest.raises(ValueError, match=r"too large for float32 in 1 features \(feature_3\)"):
        _view.view(cells, layer="huge")


def test_all_constant(cells):
    cells.X[:] = 3
    cells.obsm["flat"] = cells.X
    with pytest.raises(ValueError, match="all 12 features are constant"):
        _view.view(cells)
    with pytest.raises(ValueError, match="constant"):
        _view.view(cells, use_rep="flat")


def test_missing_sources_list_what_exists(cells):
    cells.layers["a"] = cells.X
    cells.obsm["b"] = cells.X
    with pytest.raises(KeyError, match=r"`layer`='x' is not in \.layers, which has \['a'\]"):
        _view.view(cells, layer="x")
    with pytest.raises(KeyError, match=r"`use_rep`='x' is not in \.obsm, which has \['b'\]"):
        _view.view(cells, use_rep="x")


def test_choices_that_exclude_each_other(cells):
    cells.layers["a"] = cells.X
    cells.obsm["b"] = cells.X
    with pytest.raises(ValueError, match="exclude each other"):
        _view.view(cells, layer="a", use_rep="b")
    with pytest.raises(ValueError, match="`mask_var`"):
        _view.view(cells, use_rep="b", mask_var=np.ones(12, dtype=bool))


def test_no_x(cells):
    empty = type(cells)(obs=cells.obs)
    with pytest.raises(ValueError, match=r"no `\.X`"):
        _view.view(empty)


def test_values_that_are_no_numbers(cells):
    cells.obsm["words"] = np.full((240, 2), "a")
    cells.obsm["complex"] = np.full((240, 2), 1j)
    for name in ("words", "complex"):
        with pytest.raises(ValueError, match="real numbers"):
            _view.view(cells, use_rep=name)


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        ({"layer": "x"}, "layer"),
        ({"use_rep": "x"}, "use_rep"),
        ({"layer": "a", "use_rep": "b"}, "layer"),
        ({"mask_var": "x"}, "mask_var"),
        ({"mask_var": np.zeros(12, dtype=bool)}, "mask_var"),
        ({"mask_var": np.ones(12, dtype=bool), "use_rep": "b"}, "mask_var"),
    ],
)
def test_an_error_carries_the_argument_that_it_is_about(cells, arguments, argument):
    with pytest.raises((KeyError, ValueError)) as caught:
        _view.view(cells, **arguments)
    assert caught.value.argument == argument


def test_names_that_occur_twice_are_refused_with_the_cure(cells):
    cells.var_names = ["feature_0", "feature_0", *cells.var_names[2:]]
    with pytest.raises(ValueError, match=r"1 features whose name occurs twice \(feature_0\).*make_unique"):
        _view.view(cells)


def test_all_features_have_moments_and_a_constant_one_has_scale_zero(cells):
    cells.X[:, 4] = 3
    view, varies = _view.features(cells, None)
    assert view.features == tuple(cells.var_names)
    assert view.matrix.shape == cells.shape
    assert np.flatnonzero(~varies).tolist() == [4]
    assert view.mean.dtype == view.scale.dtype == np.float64
    np.testing.assert_allclose(view.mean, cells.X.mean(axis=0, dtype=np.float64))
    np.testing.assert_allclose(view.scale[varies], cells.X.std(axis=0, dtype=np.float64)[varies])
    assert view.scale[4] == 0


class TestColumns:
    @pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
    def test_chosen_features_in_their_order(self, cells, kind):
        cells.layers["kind"] = kind(cells.X)
        names, values = _view.columns(cells, ["feature_5", "feature_1"], layer="kind")
        assert names == ["feature_5", "feature_1"]
        assert np.array_equal(values, cells.X[:, [5, 1]])

    def test_one_name_and_all(self, cells):
        assert _view.columns(cells, "feature_3")[1].shape == (240, 1)
        names, values = _view.columns(cells, None)
        assert names == list(cells.var_names)
        assert np.array_equal(values, cells.X)

    @pytest.mark.parametrize(
        ("names", "error", "message"),
        [
            (["x"], KeyError, "among the 12 names in `adata.var_names`, got x"),
            (list("abcdefg"), KeyError, "got a, b, c, d, e and 2 more"),
            ([], ValueError, "different names"),
            (["feature_1", "feature_1"], ValueError, "different names"),
            (5, TypeError, "a name or a list of names"),
        ],
    )
    def test_wrong_names(self, cells, names, error, message):
        with pytest.raises(error, match=message) as caught:
            _view.columns(cells, names)
        assert caught.value.argument == "names"

    def test_a_name_of_two_features(self, cells):
        cells.var_names = ["feature_0", "feature_0", *cells.var_names[2:]]
        with pytest.raises(ValueError, match="each of one feature"):
            _view.columns(cells, ["feature_0"])
        assert _view.columns(cells, ["feature_2"])[1].shape == (240, 1)

    def test_values_that_are_not_finite_matter_where_they_are_asked_for(self, cells):
        cells.X[2, 3] = np.nan
        _view.columns(cells, ["feature_4"])
        with pytest.raises(ValueError, match="feature_3"):
            _view.columns(cells, ["feature_3"])


@pytest.mark.parametrize("slot", ["X", "layer", "obsm"])
def test_masked_values_are_no_values(cells, slot):
    masked = np.ma.masked_greater(cells.X, 3)
    where = {"X": {}, "layer": {"layer": "masked"}, "obsm": {"use_rep": "masked"}}[slot]
    cells.layers["masked"], cells.obsm["masked"] = cells.X.copy(), cells.X.copy()
    if slot == "X":
        cells.X = masked
    else:
        getattr(cells, "layers" if slot == "layer" else "obsm")["masked"] = masked
    stored = {"X": cells.X, "layer": cells.layers["masked"], "obsm": cells.obsm["masked"]}[slot]
    if not isinstance(stored, np.ma.MaskedArray):
        pytest.skip("this version of anndata keeps no mask")
    with pytest.raises(ValueError, match=r"has \d+ masked values; leave .* or `numpy.ma.filled` them"):
        _view.view(cells, **where)


DAMAGE = {
    "columns": lambda rows: rows.indices.__setitem__(7, 10**6),
    "negative": lambda rows: rows.indices.__setitem__(7, -5),
    "ends": lambda rows: rows.indptr.__setitem__(3, 10**6),
    "last end": lambda rows: rows.indptr.__setitem__(-1, 0),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_matrix])
def test_a_damaged_sparse_matrix_is_refused_before_it_is_followed(cells, kind, damage):
    """SciPy would read, and write, beyond its memory."""
    cells.layers["damaged"] = kind(cells.X)
    DAMAGE[damage](cells.layers["damaged"])
    for verb in (_view.view, _view.columns):
        with pytest.raises(ValueError, match=r"`adata`: layer 'damaged' is a damaged sparse matrix.*make it again"):
            verb(cells, layer="damaged") if verb is _view.view else verb(cells, ["feature_3"], layer="damaged")


def test_a_mask_that_masks_nothing_is_no_obstacle(cells):
    cells.layers["masked"] = np.ma.array(cells.X)
    assert _view.view(cells, layer="masked").matrix.shape == (240, 12)


def test_numbers_as_objects_are_refused_with_the_cure(cells):
    cells.layers["objects"] = cells.X.astype(object)
    with pytest.raises(ValueError, match=r"dtype object; .*astype\('float32'\)"):
        _view.view(cells, layer="objects")
