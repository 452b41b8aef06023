"""Saliency: the gradient is the slope of the activation, averaged over groups."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from scgsr import get, tl
from scgsr._measures import _programs


@pytest.fixture
def fitted(cells):
    cells.obs["half"] = pd.Categorical(["left", "right"] * 120, categories=["left", "right", "unused"])
    tl.fit(cells, (4, 5), n_epochs=10)
    return cells


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("threshold", [0.5, None])
def test_gradients_are_finite_differences(cells, scale, threshold):
    tl.fit(cells, (4, 5), n_epochs=10, scale=scale, threshold=threshold, diffusion=1)
    model = get.model(cells)
    values = cells.X.astype(np.float64)
    slopes = _programs.saliency(model, [(cells.X, np.arange(cells.n_obs))], cells.n_obs)  # every cell its own group

    def responses(matrix):
        return model.modules.responses(model.activations(matrix)).astype(np.float64)

    step = 0.01
    for feature in range(cells.n_vars):
        shift = step * model.scale[feature] * (np.arange(cells.n_vars) == feature)
        wanted = (responses(values + shift) - responses(values - shift)) / (2 * step)
        # A cell at a kink within the step differs; few are.
        assert np.mean(np.isclose(slopes[:, :, feature], wanted, atol=0.02)) > 0.95


def test_a_group_has_the_mean_of_its_cells(fitted):
    model = get.model(fitted)
    of_cells = _programs.saliency(model, [(fitted.X, np.arange(fitted.n_obs))], fitted.n_obs)
    codes = fitted.obs["half"].cat.codes.to_numpy().copy()
    codes[:10] = -1
    of_groups = _programs.saliency(model, [(fitted.X[:100], codes[:100]), (fitted.X[100:], codes[100:])], 2)
    for group in range(2):
        np.testing.assert_allclose(of_groups[group], of_cells[codes == group].mean(axis=0), atol=1e-6)


def test_each_module_listens_to_the_features_of_its_cells(fitted):
    tl.saliency(fitted)
    table = get.saliency(fitted)
    own = table[table["group"] == table["module"]]
    for module, rows in own.groupby("module"):
        group = fitted.obs["group"][fitted.obs["gsr"] == module].mode()[0]
        top = rows.nlargest(1, "gradient")["names"].iloc[0]
        assert int(top.removeprefix("feature_")) // 3 == int(group.removeprefix("group "))


def test_groups_and_names(fitted):
    tl.saliency(fitted, groupby="half")
    stored = fitted.uns["gsr"]["saliency"]
    assert list(stored["groups"]) == ["left", "right"]
    assert stored["groupby"] == "half"
    assert stored["values"].shape == (2, get.model(fitted).modules.n_modules, 12)
    table = get.saliency(fitted)
    assert list(table.columns) == ["group", "module", "names", "gradient"]
    one = table.query("group == 'right' and module == '1' and names == 'feature_7'")["gradient"].item()
    assert one == stored["values"][1, 1, 7]


def test_sparse_as_dense_in_any_order(fitted):
    tl.saliency(fitted, groupby="half")
    before = get.saliency(fitted)
    other = fitted[::-1, ::-1].copy()
    other.X = sparse.csr_matrix(other.X)
    tl.saliency(other, groupby="half")
    pd.testing.assert_frame_equal(get.saliency(other), before, atol=1e-5)


def test_a_representation(cells):
    cells.obsm["X_rep"] = cells.X[:, :5].copy()
    tl.fit(cells, (3, 3), use_rep="X_rep", n_epochs=3)
    tl.saliency(cells)
    assert set(get.saliency(cells)["names"]) == {f"X_rep_{column}" for column in range(5)}


@pytest.mark.parametrize("fmt", ["h5ad", "zarr"])
@pytest.mark.filterwarnings("ignore:Writing zarr v2:UserWarning")  # anndata 0.12 tells of a coming default
def test_saliency_survives_files(fitted, tmp_path, fmt):
    tl.saliency(fitted)
    path = tmp_path / f"cells.{fmt}"
    getattr(fitted, f"write_{fmt}")(path)
    read = getattr(ad, f"read_{fmt}")(path)
    pd.testing.assert_frame_equal(get.saliency(read), get.saliency(fitted), check_dtype=False)


def test_copy_and_new_modules(fitted):
    copied = tl.saliency(fitted, copy=True)
    assert "saliency" in copied.uns["gsr"]
    with pytest.raises(KeyError, match=r"tl\.saliency"):
        get.saliency(fitted)
    tl.cluster(copied, resolution=2)
    assert "saliency" not in copied.uns["gsr"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"groupby": "none"}, KeyError, "`groupby`"),
        ({"groupby": "gsr_confidence"}, TypeError, "`groupby`"),
        ({"groupby": "empty"}, ValueError, "`groupby`"),
        ({"key": "other"}, KeyError, "tl.fit"),
        ({"copy": 1}, TypeError, "`copy`"),
    ],
)
def test_bad_arguments(fitted, arguments, error, message):
    fitted.obs["empty"] = pd.Categorical([None] * fitted.n_obs, categories=["a"])
    with pytest.raises(error, match=message):
        tl.saliency(fitted, **arguments)
    assert "saliency" not in fitted.uns["gsr"]
