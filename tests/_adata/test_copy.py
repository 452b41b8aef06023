"""One file of cells becomes another, block by block."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from scgsr import _adata, pp
from scgsr._values import _statistics

pytestmark = pytest.mark.filterwarnings("ignore:Writing zarr v2", "ignore:zarr v3 autosharding")
KINDS = [np.asarray, sparse.csr_matrix, sparse.csc_matrix]


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(_statistics, "_BYTES_READ", 1000)


@pytest.fixture
def full(cells):
    """Cells with something in every slot; whole numbers among the layers."""
    cells.raw = cells.copy()
    cells.X = (5 * np.sinh(cells.X)).astype(np.float32)
    cells.layers["counts"] = sparse.csr_matrix(np.random.default_rng(0).poisson(1.0, cells.shape))
    cells.layers["double"] = cells.X.astype(np.float64)
    cells.obsm["X_rep"], cells.obsm["frame"] = cells.X[:, :3].copy(), pd.DataFrame({"a": 1.0}, index=cells.obs_names)
    cells.varm["loadings"], cells.uns["mine"] = np.ones((12, 2)), {"a": np.arange(3), "b": {"c": "text"}}
    cells.obsp["graph"] = sparse.random(240, 240, 0.01, "csr", np.float64, np.random.default_rng(0))
    cells.var["chosen"] = np.arange(12) < 5
    return cells


def written(adata, path):
    (adata.write_h5ad if path.suffix == ".h5ad" else adata.write_zarr)(path)
    return path


def read(path):
    return ad.read_h5ad(path) if path.suffix == ".h5ad" else ad.read_zarr(path)


def dense(values):
    return values.toarray() if sparse.issparse(values) else np.asarray(values)


def assert_same(one, other):
    pd.testing.assert_frame_equal(one.obs, other.obs)
    pd.testing.assert_frame_equal(one.var, other.var)
    for name in ("layers", "obsm", "varm", "obsp"):
        lists = getattr(one, name), getattr(other, name)
        assert set(lists[0]) == set(lists[1])
        for key in lists[0]:
            assert lists[0][key].__class__.__name__ == lists[1][key].__class__.__name__
            np.testing.assert_array_equal(*(dense(values[key]) for values in lists))
    assert one.X.dtype == other.X.dtype
    np.testing.assert_array_equal(dense(one.X), dense(other.X))
    np.testing.assert_array_equal(dense(one.raw.X), dense(other.raw.X))
    assert set(one.uns) == set(other.uns)
    np.testing.assert_array_equal(one.uns["mine"]["a"], other.uns["mine"]["a"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("endings", [("h5ad", "h5ad"), ("h5ad", "zarr"), ("zarr", "h5ad"), ("zarr", "zarr")])
def test_all_that_a_file_holds_is_in_its_copy(full, tmp_path, endings, kind):
    full.X = kind(full.X)
    source, target = (tmp_path / f"{name}.{ending}" for name, ending in zip("ab", endings, strict=True))
    _adata.copied(written(full, source), target)
    assert_same(read(source), read(target))
    assert source.exists()


@pytest.mark.parametrize("endings", [("h5ad", "zarr"), ("zarr", "h5ad")])
def test_cells_without_values_have_none_in_the_copy(cells, tmp_path, endings):
    source, target = (tmp_path / f"{name}.{ending}" for name, ending in zip("ab", endings, strict=True))
    _adata.copied(written(ad.AnnData(obs=cells.obs, var=cells.var), source), target)
    found = read(target)
    assert (found.X, found.raw, found.shape) == (None, None, (240, 12))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layer", [None, "counts", "double"])
def test_values_are_transformed_on_the_way_as_in_memory(full, tmp_path, kind, layer, caplog):
    full.X = kind(full.X)
    source, target = written(full, tmp_path / "a.h5ad"), tmp_path / "b.h5ad"
    arguments = {"layer": layer, "mask_var": "chosen"}
    with caplog.at_level("INFO", logger="scgsr"):
        _adata.copied(source, target, plan=lambda adata: _adata.to_transform(adata, 5, **arguments))
    assert "arcsinh: transformed 5 features, left 7 as they are" in caplog.text
    pp.arcsinh(full, 5, **arguments)
    found = read(target)
    assert_same(found, full)
    pd.testing.assert_frame_equal(found.uns["arcsinh"][layer or "X"], full.uns["arcsinh"][layer or "X"])
    assert list(_adata.read_arcsinh(found, layer)[:6]) == pytest.approx([5] * 5 + [np.nan], nan_ok=True)


@pytest.mark.parametrize("ending", ["h5ad", "zarr"])
def test_a_source_that_is_wanted_no_more_is_gone(full, tmp_path, ending):
    source, target = written(full, tmp_path / "a.h5ad"), tmp_path / f"b.{ending}"
    _adata.copied(source, target, may_move=True)
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    assert read(target).shape == full.shape


def test_what_the_plan_refuses_is_refused_before_anything_is_written(full, tmp_path):
    def refuse(adata):
        msg = f"{adata.n_obs} cells"
        raise ValueError(msg)

    with pytest.raises(ValueError, match="240 cells"):
        _adata.copied(written(full, tmp_path / "a.h5ad"), tmp_path / "b.zarr", plan=refuse)
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5ad"]


@pytest.mark.parametrize(
    ("ending", "shown"), [("h5ad", ["scgsr copy:"]), ("zarr", ["scgsr X:", "scgsr counts:", "/240"])]
)
def test_bars_say_how_far_it_is(full, tmp_path, capsys, ending, shown):
    source = written(full, tmp_path / "a.h5ad")
    _adata.copied(source, tmp_path / f"b.{ending}", progress=False)
    assert capsys.readouterr().err == ""
    _adata.copied(source, tmp_path / f"c.{ending}", progress=True)
    bars = capsys.readouterr().err
    assert all(text in bars for text in shown)
