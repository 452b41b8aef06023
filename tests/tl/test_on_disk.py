"""Cells on disk: fitted, mapped and described as in memory, without ever being there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from time import process_time

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from anndata.io import sparse_dataset, write_elem
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

import scgsr
from scgsr import _device
from scgsr._adata import _view
from scgsr._train import _run
from scgsr._values import _on_disk

FEW_EPOCHS = {"n_epochs": 4, "progress": False}


@pytest.fixture(scope="module")
def panel():
    return scgsr.datasets.cytof_panel(4000)


@pytest.fixture
def as_if_large(monkeypatch):
    """Let small matrices be read as large ones are: in parts of some hundred small blocks of neighbours."""
    monkeypatch.setattr(_view, "BYTES_AT_ONCE", 1 << 16)
    monkeypatch.setattr(_on_disk, "BYTES_AT_ONCE", 1 << 18)
    monkeypatch.setattr(_on_disk, "_BLOCKS", 100)


def backed(adata, path, **settings):
    adata.write_h5ad(path, **settings)
    return ad.read_h5ad(path, backed="r")


def in_csr(adata):
    values = np.where(np.asarray(adata.X) > 0.5, adata.X, 0)
    return ad.AnnData(sparse.csr_matrix(values), obs=adata.obs, var=adata.var)


def results(adata):
    """What a fit or a mapping has written about the cells."""
    columns = [name for name in adata.obs if name.startswith("gsr")]
    return adata.obsm["X_gsr"], adata.obs[columns]


def assert_same_results(one, other):
    np.testing.assert_array_equal(results(one)[0], results(other)[0])
    pd.testing.assert_frame_equal(results(one)[1], results(other)[1])


# --- A fit -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [lambda adata: adata, in_csr], ids=["dense", "CSR"])
def test_a_small_file_gives_the_bits_of_the_matrix_in_memory(panel, kind, tmp_path):
    memory = kind(panel).copy()
    disk = backed(memory, tmp_path / "cells.h5ad")
    for adata in (memory, disk):
        scgsr.tl.fit(adata, **FEW_EPOCHS)
    assert_same_results(memory, disk)


@pytest.mark.usefixtures("as_if_large")
@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.parametrize("kind", [lambda adata: adata, in_csr], ids=["dense", "CSR"])
def test_the_way_it_is_stored_does_not_matter(panel, kind, compression, tmp_path):
    """Chunks on disk decide which neighbours stay together, values do not depend on how they are read."""
    disk = backed(kind(panel), tmp_path / "cells.h5ad", compression=compression)
    scgsr.tl.fit(disk, **FEW_EPOCHS)
    assert disk.isbacked
    model = scgsr.get.model(disk)
    expected = model.activations(kind(panel)[:, list(model.features)].X)
    np.testing.assert_allclose(disk.obsm["X_gsr"], expected, atol=1e-5)
    again = ad.read_h5ad(tmp_path / "cells.h5ad", backed="r")
    scgsr.tl.fit(again, **FEW_EPOCHS)
    assert_same_results(disk, again)


@pytest.mark.usefixtures("as_if_large")
def test_layers_and_chosen_features(panel, tmp_path):
    with h5py.File(tmp_path / "layers.h5", "w") as file:
        write_elem(file, "counts", sparse.csr_matrix(panel.layers["counts"]))
        disk = ad.AnnData(obs=panel.obs.copy(), var=panel.var.copy(), layers={"log": sparse_dataset(file["counts"])})
        chosen = np.arange(panel.n_vars) % 3 > 0
        scgsr.tl.fit(disk, layer="log", mask_var=chosen, **FEW_EPOCHS)
        model = scgsr.get.model(disk)
        assert list(model.features) == list(panel.var_names[chosen])
        expected = model.activations(panel[:, chosen].layers["counts"])
        np.testing.assert_allclose(disk.obsm["X_gsr"], expected, atol=1e-4)


@pytest.mark.usefixtures("as_if_large")
def test_held_out_cells_are_whole_blocks_from_all_over(panel, tmp_path):
    disk = backed(panel, tmp_path / "cells.h5ad")
    scgsr.tl.fit(disk, **FEW_EPOCHS)
    held_out = np.flatnonzero(disk.obs["gsr_held_out"])
    assert len(held_out) == pytest.approx(400, abs=40)
    blocks, sizes = np.unique(held_out // 6, return_counts=True)
    assert (sizes[:-1] == 6).all()
    assert np.ptp(blocks) > 500
    assert scgsr.get.model(disk).history["validation_r2"].iloc[-1] > 0.5


def explained(model, adata):
    """Return R2 on all cells: held-out ones are other cells, in another mixture, where they are whole blocks."""
    values = np.asarray(adata[:, list(model.features)].X)
    return 1 - ((values - model.reconstruct(values)) ** 2).sum() / ((values - values.mean(axis=0)) ** 2).sum()


@pytest.mark.slow
@pytest.mark.usefixtures("as_if_large")
@pytest.mark.parametrize("name", ["cytof_panel", "flowsom_68983"])
def test_the_worst_order_of_a_file_costs_next_to_nothing(name, tmp_path, request, monkeypatch):
    """Sorted by population, so that a block has one kind of cell; against the fit in memory, five seeds.

    A part is a whole round, as it is for up to 160 markers; blocks have 24 cells and more.
    """
    monkeypatch.setattr(_on_disk, "BYTES_AT_ONCE", 1 << 20)
    if name == "cytof_panel":
        adata = scgsr.datasets.cytof_panel(8000)
    else:
        adata = ad.read_h5ad(request.getfixturevalue("shared_data") / "flowsom_68983.h5ad")
        adata = adata[:, adata.var["marker_type"] == "surface_marker"].copy()
    kinds = adata.obs["cell_type"]
    adata = ad.AnnData(np.asarray(adata.X), obs=pd.DataFrame({"kind": kinds}))[np.argsort(kinds.cat.codes)].copy()
    found = []
    for seed in range(5):
        memory, disk = adata.copy(), backed(adata, tmp_path / f"{seed}.h5ad")
        for one in (memory, disk):
            scgsr.tl.fit(one, rng=seed, n_epochs=20 if name == "cytof_panel" else 9, progress=False)  # some 600 steps
        r2 = [explained(scgsr.get.model(one), adata) for one in (memory, disk)]
        ari = [adjusted_rand_score(one.obs["kind"], one.obs["gsr"]) for one in (memory, disk)]
        found.append([r2[0] - r2[1], ari[0] - ari[1]])
    r2_lost, ari_lost = np.median(found, axis=0)
    assert r2_lost < 0.005, found
    assert ari_lost < 0.03, found


@pytest.mark.usefixtures("as_if_large")
def test_a_killed_fit_goes_on_from_disk_to_the_same_bits_and_a_changed_file_is_refused(panel, tmp_path, monkeypatch):
    adata = backed(panel, tmp_path / "cells.h5ad")
    scgsr.tl.fit(adata, **FEW_EPOCHS)
    killed = ad.read_h5ad(tmp_path / "cells.h5ad", backed="r")
    with monkeypatch.context() as patch:
        train_epoch = _run.Run.train_epoch

        def killed_in_the_third(self, epoch):
            if epoch == 2:
                raise KeyboardInterrupt
            return train_epoch(self, epoch)

        patch.setattr(_run.Run, "train_epoch", killed_in_the_third)
        with pytest.raises(KeyboardInterrupt):
            scgsr.tl.fit(killed, checkpoint=tmp_path / "state", **FEW_EPOCHS)
    assert "X_gsr" not in killed.obsm
    scgsr.tl.fit(killed, checkpoint=tmp_path / "state", **FEW_EPOCHS)
    assert_same_results(adata, killed)
    killed.file.close()
    adata.file.close()
    with h5py.File(tmp_path / "cells.h5ad", "r+") as file:
        file["X"][17, 3] += 1
    with pytest.raises(ValueError, match="differs in data"):
        scgsr.tl.fit(ad.read_h5ad(tmp_path / "cells.h5ad", backed="r"), checkpoint=tmp_path / "state", **FEW_EPOCHS)


@pytest.mark.parametrize("kind", ["CSR", "dense"])
def test_reading_takes_less_than_a_fifth_of_the_training(kind, tmp_path, monkeypatch):
    """Of the processor time, in one run: so disk has more than four fifths of the throughput of memory."""
    rng = np.random.default_rng(0)
    if kind == "CSR":
        values = sparse.random(60_000, 2000, 0.05, "csr", np.float32, rng)
    else:
        values = rng.standard_normal((240_000, 40), dtype=np.float32)
    disk = backed(ad.AnnData(values), tmp_path / "cells.h5ad")
    seconds = {"part": 0.0, "train_epoch": 0.0}

    def timed(owner, name):
        function = getattr(owner, name)

        def call(self, *values):
            start = process_time()
            found = function(self, *values)
            seconds[name] += process_time() - start
            return found

        monkeypatch.setattr(owner, name, call)

    timed(_on_disk.OnDisk, "part")
    timed(_run.Run, "train_epoch")
    monkeypatch.setattr(_run.Run, "fit", lambda run, *_: seconds.update(part=0.0) or run.train_epoch(0))
    with pytest.raises(KeyError):  # no epoch is on record: the fit ends after the one that was timed
        scgsr.tl.fit(disk, n_epochs=1, balance=0, progress=False)
    assert 0 < seconds["part"] < 0.2 * seconds["train_epoch"], seconds


# --- What comes after ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("as_if_large")
@pytest.mark.parametrize("kind", [lambda adata: adata, in_csr], ids=["dense", "CSR"])
def test_cells_on_disk_are_mapped_and_described_as_in_memory(panel, kind, tmp_path):
    memory = kind(panel).copy()
    scgsr.tl.fit(memory, **FEW_EPOCHS)
    disk = backed(memory, tmp_path / "cells.h5ad")
    model = scgsr.get.model(memory)
    for adata in (memory, disk):
        scgsr.tl.programs(adata)
        scgsr.tl.saliency(adata)
        scgsr.tl.score(adata, n_permutations=9)
        scgsr.tl.transform(adata, model, key_added="mapped")
    np.testing.assert_array_equal(disk.obsm["X_mapped"], memory.obsm["X_mapped"])
    np.testing.assert_array_equal(disk.obs["mapped_novelty"], memory.obs["mapped_novelty"])
    pd.testing.assert_frame_equal(scgsr.get.programs(disk), scgsr.get.programs(memory), rtol=1e-4)
    pd.testing.assert_frame_equal(scgsr.get.saliency(disk), scgsr.get.saliency(memory))
    pd.testing.assert_frame_equal(scgsr.get.scores(disk), scgsr.get.scores(memory))


@pytest.mark.parametrize("verb", ["fit", "cluster", "programs", "saliency", "score", "transform"])
def test_a_file_cannot_be_copied_which_is_said_before_any_work(panel, verb, tmp_path, monkeypatch):
    disk = backed(panel, tmp_path / "cells.h5ad")
    monkeypatch.setattr(_view, "rows", lambda *_, **__: pytest.fail("the matrix was looked at"))
    arguments = ["no model"] if verb == "transform" else []
    with pytest.raises(ValueError, match=r"`copy`=True cannot copy cells in a file; leave it out") as caught:
        getattr(scgsr.tl, verb)(disk, *arguments, copy=True)
    assert caught.value.argument == "copy"


@pytest.mark.usefixtures("as_if_large")
def test_a_recorded_transform_is_applied_to_what_is_read(panel, tmp_path):
    raw = ad.AnnData(panel.layers["counts"].copy(), var=panel.var)
    memory = raw.copy()
    scgsr.pp.arcsinh(memory, 5)
    scgsr.tl.fit(memory, **FEW_EPOCHS)
    disk = backed(raw, tmp_path / "raw.h5ad")
    scgsr.tl.transform(disk, memory)
    np.testing.assert_allclose(disk.obsm["X_gsr"], memory.obsm["X_gsr"], atol=1e-5)
    scgsr.tl.programs(disk)
    scgsr.tl.programs(memory)
    np.testing.assert_allclose(disk.varm["gsr_programs"], memory.varm["gsr_programs"], atol=1e-5)


# --- Memory ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["fit", "transform"])
def test_where_activations_would_not_fit_both_ways_on_are_told_before_any_work(panel, verb, monkeypatch):
    fitted = panel.copy()
    scgsr.tl.fit(fitted, **FEW_EPOCHS)
    monkeypatch.setattr(_device, "free_memory", lambda: 1e6)
    monkeypatch.setattr(_view, "rows", lambda *_, **__: pytest.fail("the matrix was looked at"))
    with pytest.raises(MemoryError, match=r"4,000 cells x 100 neurons.*fit a sample.*scgsr transform") as caught:
        scgsr.tl.fit(panel) if verb == "fit" else scgsr.tl.transform(panel, fitted)
    assert caught.value.argument == "adata"


_LIMITED = """
import json, resource, sys
import anndata as ad, numpy as np
import scgsr

def held(what):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith(what))

path, sparse = sys.argv[1], sys.argv[2] == "sparse"
warm = ad.AnnData(np.random.default_rng(0).normal(size=(600, 120)).astype(np.float32))
scgsr.tl.fit(warm, n_epochs=2, progress=False)
scgsr.tl.transform(warm, scgsr.get.model(warm), key_added="mapped")
adata = ad.read_h5ad(path, backed="r")
of_cells = adata.n_obs * 100 * 4
limit = held("VmSize") + of_cells + (300 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    adata.X[:] if not sparse else adata.to_memory()
    print("the whole matrix fits, which shows nothing")
    sys.exit(1)
except MemoryError:
    pass
before = held("VmRSS")
scgsr.tl.fit(adata, n_epochs=2, progress=False)
print(json.dumps({"peak": (held("VmHWM") - before - of_cells) >> 20, "shape": adata.obsm["X_gsr"].shape}))
"""


@pytest.fixture(scope="module")
def large_file(tmp_path_factory):
    """Write a file of 2,000 genes that is larger than what the process may take."""

    def write(kind):
        path = tmp_path_factory.mktemp("large") / "cells.h5ad"
        n_cells, at_once = (340_000, 20_000) if kind == "sparse" else (70_000, 5000)
        rng = np.random.default_rng(0)
        dense = rng.standard_normal((at_once, 2000), dtype=np.float32)
        in_csr = sparse.csr_matrix(dense[:, :200]) if kind == "sparse" else None
        empty = ad.AnnData(np.zeros((n_cells, 0), dtype=np.float32), var=pd.DataFrame(index=[]))
        empty.write_h5ad(path)
        with h5py.File(path, "r+") as file:
            del file["X"]
            write_elem(file, "var", pd.DataFrame(index=[f"gene_{i}" for i in range(2000)]))
            if kind == "sparse":
                spread = sparse.csr_matrix((in_csr.data, 10 * in_csr.indices, in_csr.indptr), shape=(at_once, 2000))
                write_elem(file, "X", spread)
                for _ in range(at_once, n_cells, at_once):
                    sparse_dataset(file["X"]).append(spread)
            else:
                write_elem(file, "X", dense, dataset_kwargs={"maxshape": (None, 2000), "chunks": (64, 2000)})
                file["X"].resize(n_cells, axis=0)
                for start in range(at_once, n_cells, at_once):
                    file["X"][start : start + at_once] = dense
        return path

    return write


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux tells how much memory a process holds")
@pytest.mark.parametrize("kind", ["sparse", "dense"])
def test_a_fit_takes_less_than_300_mb_beyond_its_results(kind, large_file):
    path = large_file(kind)
    assert os.path.getsize(path) > 500 << 20
    threads = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _LIMITED, str(path), kind],
        check=False, capture_output=True, text=True, env={**os.environ, **threads},
    )  # fmt: skip
    path.unlink()
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1])["peak"] < 300
