"""New cells through a model: into memory or into a file."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from scgsr import _adata, tl
from scgsr._adata import Keys, Reference, _query

pytestmark = pytest.mark.filterwarnings("ignore:Writing zarr v2", "ignore:zarr v3 autosharding")


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(_query.Query.blocks, "__defaults__", (7,))


@pytest.fixture
def reference(cells):
    tl.fit(cells, (4, 5), hidden=(16,), n_epochs=5, progress=False)
    return Reference(_adata.read_model(cells, "gsr"), cells=cells, key="gsr")


def in_memory(shape):
    return np.empty(shape, dtype=np.float32)


@pytest.mark.parametrize("ending", ["h5ad", "zarr"])
def test_into_a_file_goes_what_goes_into_memory(cells, reference, tmp_path, ending):
    union = ad.AnnData(cells.X[::-1].copy(), obs=pd.DataFrame(index=cells.obs_names[::-1]), var=cells.var)
    path, keys = tmp_path / f"a.{ending}", Keys("mapped")
    _adata.write_new(union, path)
    done = []
    with _adata.opened(path, "r+") as root:
        there = _adata.cells_of(root)
        mapping = _adata.map_cells(
            there,
            reference,
            keys,
            fill=None,
            room=lambda s: _adata.room_for_activations(root, keys, s),
            step=done.append,
        )
        _adata.write_mapping(there, keys, mapping, colors=reference.colors)
        _adata.put(root, there, keys)
    assert (sum(done), max(done)) == (240, 7)
    tl.transform(union, cells, key_added="mapped")
    found = ad.read_h5ad(path) if ending == "h5ad" else ad.read_zarr(path)
    np.testing.assert_array_equal(found.obsm["X_mapped"], union.obsm["X_mapped"])
    pd.testing.assert_frame_equal(found.obs, union.obs)
    assert list(found.uns["mapped_colors"]) == list(cells.uns["gsr_colors"])
    assert not found.obs["mapped_held_out"].all()
    np.testing.assert_array_equal(found.obs["mapped_held_out"], cells.obs["gsr_held_out"][::-1])


def test_cells_of_a_model_alone_are_unseen_unless_on_record(cells, reference):
    alone = Reference(reference.fitted)
    new = ad.AnnData(cells.X.copy(), obs=pd.DataFrame(index=cells.obs_names), var=cells.var)
    assert _adata.map_cells(new, alone, Keys(), fill=None, room=in_memory).held_out.all()
    found = _adata.map_cells(cells, alone, Keys(), fill=None, room=in_memory)
    np.testing.assert_array_equal(found.held_out, cells.obs["gsr_held_out"])
    assert alone.colors is None


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda new: new[:0].copy(), ValueError, "no cells to map"),
        (lambda new: new[:, :3].copy(), KeyError, "lacks 9 of the 12 features"),
        (lambda new: ad.AnnData(new.X, obs=new.obs.assign(gsr=1), var=new.var), ValueError, "which no fit has written"),
    ],
)
def test_what_cannot_be_mapped_is_refused_before_the_work(cells, reference, change, error, message):
    new = change(ad.AnnData(cells.X.copy(), obs=pd.DataFrame(index=cells.obs_names), var=cells.var))
    with pytest.raises(error, match=message):
        _adata.check_mapping(new, reference, Keys(), fill="mean")
