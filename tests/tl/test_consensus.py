"""The verb `consensus`: what fits of several seeds agree on, whatever the processes; and what it refuses."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import anndata as ad
import h5py
import numpy as np
import pytest
import zarr
from anndata.io import sparse_dataset
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

from scgsr import _adata, graphs, tl
from scgsr.nn import Decay, FixedNoise
from scgsr.tl import _consensus

QUICK = {"n_fits": 3, "n_jobs": 1}
SLOTS = ("gsr_consensus", "gsr_stability")


def found(adata):
    return adata.uns["gsr"]["consensus"]


def test_planted_groups_are_the_consensus_and_all_that_is_written(reference, state, caplog):
    before = state(reference)
    with caplog.at_level(logging.INFO, logger="scgsr"):
        assert tl.consensus(reference, n_jobs=1) is None
    record = found(reference)
    assert adjusted_rand_score(reference.obs["group"], reference.obs["gsr_consensus"]) > 0.95
    assert reference.obs["gsr_stability"].mean() > 0.9
    assert record["seeds"][0] == 0
    assert len(set(record["seeds"].tolist())) == 5
    assert record["modules"]["n_cells"].sum() == reference.n_obs
    assert (record["modules"]["verdict"] == "stable").sum() >= 4
    assert record["fits"].shape[0] == 5 * len(record["modules"])
    assert record["sameness"].shape == (5, 20)
    assert (record["sameness"][0] == 1).all()
    np.testing.assert_allclose(np.diag(record["ari"]), 1)
    assert "5 fits with" in caplog.text
    assert "stable: 0, 1, 2, 3" in caplog.text
    after = state(reference)
    assert set(after["obs"]) - set(before["obs"]) == set(SLOTS)
    assert after["obs"][list(before["obs"])].equals(before["obs"])
    assert set(after["uns"]) - set(before["uns"]) == {"gsr_consensus_colors"}
    assert set(after["uns"]["gsr"]) - set(before["uns"]["gsr"]) == {"consensus"}
    assert after["obsm"]["X_gsr"] is before["obsm"]["X_gsr"]


def test_numbers_are_those_of_the_labels_that_they_are_most_like(reference):
    tl.consensus(reference, **QUICK)
    own = found(reference)["fits"].query("fit == 0 and match != ''")
    assert (own["module"] == own["match"]).all()


def test_several_processes_come_to_the_bits_of_one_and_a_seed_matters(reference):
    several, other = reference.copy(), reference.copy()
    tl.consensus(reference, **QUICK)
    tl.consensus(several, n_fits=3, n_jobs=2)
    tl.consensus(other, **QUICK, rng=1)
    assert reference.obs[list(SLOTS)].equals(several.obs[list(SLOTS)])
    for name in ("seeds", "ari", "sameness"):
        assert np.array_equal(found(reference)[name], found(several)[name]), name
    assert not np.array_equal(found(reference)["sameness"], found(other)["sameness"])


def test_a_fit_is_repeated_with_all_its_settings(cells):
    tl.fit(
        cells,
        graphs.ring(12),
        smoothness=Decay(0.2, factor=0.5, every=5),
        noise=FixedNoise(0.1),
        penalty={"correlation": 1.0, "l1": 0.01},
        scale="feature",
        mask_var=np.arange(cells.n_vars) > 1,
        hidden=(16, 8),
        n_epochs=3,
        batch_size=40,
        rng=7,
        progress=False,
    )
    fitted = _adata.read_model(cells, "gsr")
    again = _consensus._prepared(cells, "gsr", fitted.network.device, None)
    repeated = again(7)
    assert np.array_equal(repeated.labels, cells.obs["gsr"].astype(int))
    np.testing.assert_allclose(repeated.sameness[cells.obsm["X_gsr"].std(axis=0) > 0], 1)


RECIPES = {
    "shares": graphs.learned(12, n_neighbors=3),
    "groups": graphs.learned(12, n_neighbors=3, n_modules=3, kernel="soft"),
    "steps": graphs.learned(12, n_neighbors=3, warm_up=graphs.Steps(6), stop=graphs.Steps(12)),
    "pieces": graphs.learned(12, n_neighbors=2, connected=False, stop=graphs.UntilFragmented(more_steps=None)),
}


@pytest.mark.filterwarnings("ignore:Writing zarr v2")
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_each_fit_learns_its_own_graph_by_the_recipe_on_record(cells, recipe, tmp_path, monkeypatch):
    tl.fit(cells, recipe, hidden=(16,), n_epochs=5, batch_size=40, rng=7, progress=False)
    cells.write_h5ad(tmp_path / "cells.h5ad")
    cells.write_zarr(tmp_path / "cells.zarr")
    for kept in (cells, ad.read_h5ad(tmp_path / "cells.h5ad"), ad.read_zarr(tmp_path / "cells.zarr")):
        again = _consensus._prepared(kept, "gsr", _adata.read_model(kept, "gsr").network.device, None)
        assert again.recipe == recipe
    repeated = again(7)
    assert np.array_equal(repeated.labels, cells.obs["gsr"].astype(int))
    np.testing.assert_allclose(repeated.sameness[cells.obsm["X_gsr"].std(axis=0) > 0], 1)
    learnt, learn = [], _consensus.learn
    monkeypatch.setattr(_consensus, "learn", lambda *a, **k: learnt.append(learn(*a, **k)) or learnt[-1])
    tl.consensus(cells, **QUICK)
    adjacencies = [cells.uns["gsr"]["graph"]["adjacency"], *(one.fitted.graph.adjacency for one in learnt)]
    assert len({one.toarray().tobytes() for one in adjacencies}) == 3
    assert [one.fitted.params["recipe"] for one in learnt] == [recipe.to_dict()] * 2


def test_fits_with_learned_graphs_agree_on_planted_groups(reference):
    tl.fit(reference, graphs.learned(16, n_neighbors=4), hidden=(16,), n_epochs=40, batch_size=40, progress=False)
    tl.consensus(reference, **QUICK)
    assert adjusted_rand_score(reference.obs["group"], reference.obs["gsr_consensus"]) > 0.9


def test_a_graph_that_an_earlier_fit_learned_is_a_given_one(cells):
    tl.fit(cells, graphs.learned(12, n_neighbors=3), hidden=(16,), n_epochs=3, progress=False)
    given = _adata.read_model(cells, "gsr").graph
    tl.fit(cells, given, hidden=(16,), n_epochs=3, progress=False)
    assert "recipe" not in cells.uns["gsr"]["params"]
    again = _consensus._prepared(cells, "gsr", _adata.read_model(cells, "gsr").network.device, None)
    assert again.recipe is None
    assert np.array_equal(again(0).labels, cells.obs["gsr"].astype(int))


def test_batches_are_told_again_and_must_be_the_same(cells):
    cells.obs["run"] = np.where(np.arange(cells.n_obs) % 2, "one", "two")
    tl.fit(cells, (4, 5), hidden=(16,), n_epochs=3, batch_key="run", progress=False)
    told = []
    with pytest.MonkeyPatch.context() as patch:
        learn = _consensus.learn
        patch.setattr(_consensus, "learn", lambda view, *a, **k: told.append(view.origins) or learn(view, *a, **k))
        tl.consensus(cells, n_fits=3, n_jobs=1)
    assert [origins.names for origins in told] == [("one", "two")] * 2
    cells.obs["run"] = cells.obs["run"].replace("two", "three")
    with pytest.raises(ValueError, match="the values are not those that the fit was made of"):
        tl.consensus(cells, n_fits=3, n_jobs=1)


def test_a_number_of_clusters_that_was_asked_for_holds_in_every_fit(reference):
    tl.cluster(reference, n_clusters=2)
    tl.consensus(reference, **QUICK)
    assert found(reference)["n_modules"].tolist() == [2, 2, 2]


@pytest.mark.filterwarnings("ignore:Writing zarr v2")
def test_files_hold_it(reference, tmp_path):
    tl.consensus(reference, **QUICK)
    reference.write_h5ad(tmp_path / "cells.h5ad")
    reference.write_zarr(tmp_path / "cells.zarr")
    for read in (ad.read_h5ad(tmp_path / "cells.h5ad"), ad.read_zarr(tmp_path / "cells.zarr")):
        assert read.obs["gsr_consensus"].tolist() == reference.obs["gsr_consensus"].tolist()
        assert found(read)["fits"].equals(found(reference)["fits"])
        tl.consensus(read, **QUICK)  # a fit is repeated from what was stored
        assert np.array_equal(found(read)["ari"], found(reference)["ari"])


def test_cells_in_a_file_give_what_cells_in_memory_give(reference, tmp_path, monkeypatch):
    path = tmp_path / "cells.h5ad"
    reference.write_h5ad(path)
    monkeypatch.setattr("scgsr._adata._view.BYTES_AT_ONCE", 0)
    backed = ad.read_h5ad(path, backed="r")
    tl.consensus(backed, n_fits=3)
    tl.consensus(reference, **QUICK)
    assert adjusted_rand_score(backed.obs["gsr_consensus"], reference.obs["gsr_consensus"]) > 0.9


@pytest.mark.filterwarnings("ignore:Writing zarr v2", "ignore:zarr v3 autosharding")
@pytest.mark.parametrize("kind", ["dense", "CSR", "zarr, CSR"])
def test_several_processes_read_a_file_and_come_to_the_bits_of_one(reference, tmp_path, monkeypatch, kind):
    monkeypatch.setattr("scgsr._adata._view.BYTES_AT_ONCE", 0)
    monkeypatch.chdir(tmp_path)
    if kind != "dense":
        reference.X = sparse.csr_matrix(reference.X)
    one, several = ad.AnnData(), ad.AnnData()
    if kind == "zarr, CSR":
        reference.write_zarr("cells.zarr")
        one, several = reference.copy(), reference.copy()
        one.X = several.X = sparse_dataset(zarr.open_group("cells.zarr", mode="r")["X"])
    else:
        reference.write_h5ad("cells.h5ad")
        one, several = (ad.read_h5ad("cells.h5ad", backed="r") for _ in range(2))
    tl.consensus(one, **QUICK)
    tl.consensus(several, n_fits=3, n_jobs=2)
    assert one.obs[list(SLOTS)].equals(several.obs[list(SLOTS)])
    for name in ("seeds", "ari", "sameness"):
        assert np.array_equal(found(one)[name], found(several)[name]), name


def test_other_processes_do_not_read_a_file_that_was_written_to(reference, tmp_path, monkeypatch):
    path = tmp_path / "cells.h5ad"
    reference.write_h5ad(path)
    monkeypatch.setattr("scgsr._adata._view.BYTES_AT_ONCE", 0)
    backed = ad.read_h5ad(path, backed="r")
    prepared = _consensus._prepared

    def prepare_and_touch(*arguments):
        again = prepared(*arguments)
        os.utime(path, ns=(1, 1))
        return again

    monkeypatch.setattr(_consensus, "_prepared", prepare_and_touch)
    with pytest.raises(ValueError, match=r"`adata`: .*cells\.h5ad has been written to since it was opened"):
        tl.consensus(backed, n_fits=3, n_jobs=2)
    assert "gsr_consensus" not in backed.obs


def test_what_other_processes_cannot_open_is_fitted_here(reference, tmp_path, monkeypatch):
    path = tmp_path / "cells.h5ad"
    reference.write_h5ad(path)
    monkeypatch.setattr("scgsr._adata._view.BYTES_AT_ONCE", 0)
    with h5py.File(path, "r+") as file:
        reference.X = file["X"]
        with pytest.raises(ValueError, match=r"`n_jobs`=2: the cells are not in memory.*backed='r'"):
            tl.consensus(reference, n_fits=3, n_jobs=2)
        tl.consensus(reference, n_fits=3)
    assert found(reference)["seeds"].shape == (3,)


def test_trained_fits_are_not_trained_again_and_other_cells_are_refused(reference, tmp_path, unchanged, state):
    whole = tl.consensus(reference, **QUICK, copy=True)
    tl.consensus(reference, **QUICK, checkpoint=tmp_path)
    files = sorted(tmp_path.glob("seed_*/checkpoint.safetensors"))
    assert len(files) == 2
    written = [file.stat().st_mtime_ns for file in files]
    tl.consensus(reference, **QUICK, checkpoint=tmp_path)
    assert [file.stat().st_mtime_ns for file in files] == written  # no epoch was left
    assert np.array_equal(found(reference)["sameness"], found(whole)["sameness"])
    tl.consensus(reference, n_fits=4, n_jobs=1, checkpoint=tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    other = reference[::-1].copy()
    before = state(other)
    with pytest.raises(ValueError, match=r"`checkpoint`.*data"):
        tl.consensus(other, **QUICK, checkpoint=tmp_path)
    assert unchanged(before, other)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
def test_a_failure_or_an_interrupt_leaves_all_as_it_was(reference, state, unchanged, monkeypatch, error, n_jobs):
    def fail(*_):
        raise error

    before = state(reference)
    monkeypatch.setattr(_consensus, "in_processes", fail)
    with pytest.raises(type(error)):
        tl.consensus(reference, n_fits=3, n_jobs=n_jobs)
    assert unchanged(before, reference)


def test_a_script_without_a_guard_is_run_once(tmp_path, reference):
    reference.write_h5ad(tmp_path / "cells.h5ad")
    script = tmp_path / "script.py"
    script.write_text(
        "import anndata, scgsr\n"
        "print('once')\n"
        f"adata = anndata.read_h5ad({str(tmp_path / 'cells.h5ad')!r})\n"
        "scgsr.tl.consensus(adata, n_fits=3, n_jobs=2)\n"
        "print(len(adata.obs['gsr_stability']))\n"
    )
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert ran.stdout.split() == ["once", str(reference.n_obs)], ran.stderr


def test_the_copy_has_the_results_alone(reference, state, unchanged):
    before = state(reference)
    copied = tl.consensus(reference, **QUICK, copy=True)
    assert "gsr_consensus" in copied.obs
    assert unchanged(before, reference)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"n_fits": 2}, ValueError, "`n_fits` must be at least 3"),
        ({"n_fits": 5.0}, TypeError, "`n_fits`"),
        ({"n_jobs": 0}, ValueError, "`n_jobs` must be at least 1"),
        ({"rng": "seed"}, TypeError, "`rng`"),
        ({"key": "other"}, KeyError, r"scgsr\.tl\.fit"),
        ({"checkpoint": ""}, ValueError, "`checkpoint`"),
        ({"checkpoint": 3}, TypeError, "`checkpoint`"),
        ({"copy": 1}, TypeError, "`copy`"),
        ({"device": "nowhere"}, ValueError, "`device`"),
    ],
)
def test_what_is_out_of_range_is_refused(reference, state, unchanged, arguments, error, match):
    before = state(reference)
    with pytest.raises(error, match=match):
        tl.consensus(reference, **arguments)
    assert unchanged(before, reference)


def test_what_is_not_on_record_cannot_be_repeated(cells, reference):
    del reference.uns["gsr"]["params"]["anneal"]
    with pytest.raises(ValueError, match=r"older version.*'anneal'.*scgsr\.tl\.fit"):
        tl.consensus(reference)
    tl.fit(cells, graphs.learned(12, n_neighbors=3), n_epochs=2, progress=False)
    del cells.uns["gsr"]["params"]["recipe"]  # as in files of older versions, which can still be used
    tl.transform(cells.copy(), cells)
    with pytest.raises(ValueError, match=r"`key`='gsr'.*older version.*recipe.*scgsr\.tl\.fit"):
        tl.consensus(cells)
