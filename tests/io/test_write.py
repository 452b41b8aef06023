"""FCS out: what is written is what is read back, by three readers, and a file is there complete or not at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from scgsr import _adata, datasets, graphs, tl
from scgsr._adata import _view
from scgsr.io import _write, read_fcs, write_fcs

flowio = pytest.importorskip("flowio", reason="FlowIO, of the extra `test`, is not installed")

N_NEURONS = 20


@pytest.fixture(scope="module")
def fit_of_cells() -> ad.AnnData:
    rng = np.random.default_rng(0)
    values = 4 * (np.arange(200)[:, None] % 4 == np.arange(8) % 4) + rng.normal(size=(200, 8))
    adata = ad.AnnData(values.astype(np.float32), var=pd.DataFrame(index=[f"CD{i}" for i in range(8)]))
    adata.var["channel"] = [f"Nd{140 + i}Di" for i in range(8)]
    tl.fit(adata, graphs.ring(N_NEURONS), n_epochs=2, device="cpu")
    return adata


@pytest.fixture
def fitted(fit_of_cells) -> ad.AnnData:
    """200 cells x 8 features with a fit on a ring."""
    return fit_of_cells.copy()


def column(adata: ad.AnnData, name: str) -> np.ndarray:
    return adata[:, name].X.ravel()


def test_features_and_results_are_read_back(fitted, tmp_path):
    fitted.obs["gsr_novelty"] = np.linspace(0, 1, 200)
    write_fcs(fitted, tmp_path / "a.fcs")
    read_back = read_fcs(tmp_path / "a.fcs")
    neurons = [f"gsr_n{i}" for i in range(N_NEURONS)]
    assert read_back.var_names.tolist() == [*fitted.var_names, *neurons, "gsr", "gsr_confidence", "gsr_novelty"]
    assert read_back.var["channel"][:8].tolist() == fitted.var["channel"].tolist()
    np.testing.assert_array_equal(read_back[:, fitted.var_names].X, fitted.X)
    np.testing.assert_array_equal(read_back[:, neurons].X, fitted.obsm["X_gsr"])
    np.testing.assert_array_equal(column(read_back, "gsr"), fitted.obs["gsr"].astype(float))
    np.testing.assert_array_equal(column(read_back, "gsr_confidence"), fitted.obs["gsr_confidence"])
    np.testing.assert_array_equal(column(read_back, "gsr_novelty"), fitted.obs["gsr_novelty"].astype(np.float32))
    assert not [key for key in read_back.uns["meta"] if "label" in key]


def test_labels_that_are_not_the_first_numbers_keep_their_number(fitted, tmp_path):
    some = fitted[fitted.obs["gsr"] != "0"].copy()
    write_fcs(some, tmp_path / "a.fcs")
    np.testing.assert_array_equal(column(read_fcs(tmp_path / "a.fcs"), "gsr"), some.obs["gsr"].astype(float))


def test_renamed_labels_are_codes_with_their_meaning(fitted, tmp_path):
    names = [f"Größe {label}" for label in fitted.obs["gsr"].cat.categories]
    fitted.obs["gsr"] = fitted.obs["gsr"].cat.rename_categories(names)
    write_fcs(fitted, tmp_path / "a.fcs")
    read_back = read_fcs(tmp_path / "a.fcs")
    meaning = {float(i): read_back.uns["meta"][f"gsr_label_{i}"] for i in range(len(names))}
    assert [meaning[number] for number in column(read_back, "gsr").tolist()] == fitted.obs["gsr"].tolist()


@pytest.mark.parametrize("at_once", [7, 65536])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
def test_a_layer_dense_or_sparse_in_blocks_without_a_fit(plain, tmp_path, monkeypatch, kind, at_once):
    monkeypatch.setattr(_write, "_ROWS_AT_ONCE", at_once)
    values = np.random.default_rng(0).poisson(1, size=plain.shape)
    plain.layers["counts"] = kind(values)
    write_fcs(plain, str(tmp_path / "a.fcs"), layer="counts", key=None)
    read_back = read_fcs(tmp_path / "a.fcs")
    np.testing.assert_array_equal(read_back.X, values)
    assert read_back.var_names.tolist() == plain.var_names.tolist()


def test_another_key(fitted, tmp_path):
    tl.fit(fitted, graphs.ring(5), n_epochs=2, key_added="other", device="cpu")
    write_fcs(fitted, tmp_path / "a.fcs", key="other")
    assert read_fcs(tmp_path / "a.fcs").var_names[8:].tolist() == [
        *(f"other_n{i}" for i in range(5)),
        "other",
        "other_confidence",
    ]


def test_flowio_reads_it(plain, tmp_path):
    write_fcs(plain, tmp_path / "a.fcs", key=None)
    flow = flowio.FlowData(str(tmp_path / "a.fcs"))
    np.testing.assert_array_equal(flow.as_array(), plain.X)
    assert flow.pnn_labels == plain.var_names.tolist()
    assert flow.version == "3.1"
    np.testing.assert_array_equal(flow.pnr_values, np.floor(np.maximum(plain.X.max(axis=0), 0)) + 1)
    plain.var["channel"] = ["a", "b", "c"]
    write_fcs(plain, tmp_path / "a.fcs", key=None, overwrite=True)
    flow = flowio.FlowData(str(tmp_path / "a.fcs"))
    np.testing.assert_array_equal(flow.as_array(), plain.X)
    assert (flow.pnn_labels, flow.pns_labels) == (["a", "b", "c"], plain.var_names.tolist())


def test_a_neuron_is_not_taken_for_a_feature_of_its_name(fitted, tmp_path, caplog):
    fitted.var["channel"] = ["gsr_n0", *fitted.var["channel"][1:]]
    write_fcs(fitted, tmp_path / "a.fcs")
    assert "'gsr_n0' to 'gsr_n0-1'" in caplog.text
    np.testing.assert_array_equal(column(read_fcs(tmp_path / "a.fcs"), "gsr_n0-1"), fitted.obsm["X_gsr"][:, 0])


def test_a_file_is_replaced_only_when_asked(plain, tmp_path):
    path = tmp_path / "a.fcs"
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        write_fcs(plain, path, key=None)
    assert path.read_bytes() == b"precious"
    write_fcs(plain, path, key=None, overwrite=True)
    np.testing.assert_array_equal(read_fcs(path).X, plain.X)
    assert os.listdir(tmp_path) == ["a.fcs"]


def test_an_interrupted_write_leaves_nothing_new(plain, tmp_path, monkeypatch):
    def interrupted(*_):
        yield plain.X[:5]
        raise KeyboardInterrupt

    monkeypatch.setattr(_write, "_rows", interrupted)
    (tmp_path / "a.fcs").write_bytes(b"precious")
    with pytest.raises(KeyboardInterrupt):
        write_fcs(plain, tmp_path / "a.fcs", key=None, overwrite=True)
    assert (tmp_path / "a.fcs").read_bytes() == b"precious"
    assert os.listdir(tmp_path) == ["a.fcs"]


def test_nothing_of_the_anndata_changes(fitted, tmp_path):
    before = fitted.copy()
    write_fcs(fitted[:100], tmp_path / "a.fcs")
    np.testing.assert_array_equal(fitted.X, before.X)
    pd.testing.assert_frame_equal(fitted.obs, before.obs)
    pd.testing.assert_frame_equal(fitted.var, before.var)
    assert list(fitted.uns) == list(before.uns)


@pytest.mark.parametrize(
    ("spoil", "arguments", "error", "reason"),
    [
        (lambda adata: None, {}, KeyError, r"scgsr\.tl\.fit\(adata, key_added='gsr'\)"),
        (lambda adata: None, {"key": 3}, TypeError, "`key` must be str"),
        (lambda adata: None, {"key": None, "layer": "nowhere"}, KeyError, "`layer`"),
        (lambda adata: None, {"key": None, "overwrite": 1}, TypeError, "`overwrite`"),
        (lambda adata: adata.X.__setitem__((0, 1), np.nan), {"key": None}, ValueError, "HLA/DR"),
        (lambda adata: adata.X.__setitem__((0, 1), np.inf), {"key": None}, ValueError, "HLA/DR"),
        (lambda adata: setattr(adata, "X", adata.X.astype(float) * 1e300), {"key": None}, ValueError, "32-bit"),
        (lambda adata: adata._inplace_subset_obs([]), {"key": None}, ValueError, "no cells"),
    ],
)
def test_what_cannot_be_written_is_refused(plain, tmp_path, spoil, arguments, error, reason):
    spoil(plain)
    with pytest.raises(error, match=reason):
        write_fcs(plain, tmp_path / "a.fcs", **arguments)
    assert os.listdir(tmp_path) == []


def test_cells_without_labels_or_confidence_are_refused(fitted, tmp_path):
    fitted.obs.loc[fitted.obs_names[:3], "gsr"] = np.nan
    with pytest.raises(ValueError, match="no label for 3 cells"):
        write_fcs(fitted, tmp_path / "a.fcs")
    del fitted.obs["gsr"]
    with pytest.raises(KeyError, match=r"`key`='gsr': \.obs\['gsr'\] is missing; call `scgsr\.tl\.fit\(adata"):
        write_fcs(fitted, tmp_path / "a.fcs")
    fitted.obs["gsr"] = "0"
    del fitted.obs["gsr_confidence"]
    with pytest.raises(KeyError, match=r"`key`='gsr': \.obs\['gsr_confidence'\] is missing; call `scgsr\.tl\.fit"):
        write_fcs(fitted, tmp_path / "a.fcs")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), OSError(28, "No space left on device")])
def test_what_was_there_stays_if_writing_is_stopped(plain, tmp_path, monkeypatch, error):
    write_fcs(plain, tmp_path / "a.fcs", key=None)
    before = (tmp_path / "a.fcs").read_bytes()

    def stopped(*_):
        yield plain.X[:5]
        raise error

    monkeypatch.setattr(_write, "_rows", stopped)
    with pytest.raises(type(error)):
        write_fcs(plain, tmp_path / "a.fcs", key=None, overwrite=True)
    assert os.listdir(tmp_path) == ["a.fcs"]
    assert (tmp_path / "a.fcs").read_bytes() == before


WRITES_TOO_MUCH = """
import resource, signal, sys
import anndata, numpy as np
from scgsr.io import write_fcs
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
try:
    write_fcs(anndata.AnnData(np.ones((3000, 3), np.float32)), sys.argv[1], key=None)
except OSError as error:
    print(error, end="")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no file sizes")
def test_a_file_that_does_not_fit_is_told_with_its_name_and_the_cure(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    path = tmp_path / "a.fcs"
    command = [sys.executable, "-c", WRITES_TOO_MUCH, str(path)]
    said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    assert said == (f"[Errno 27] File too large; free some space, or name a place on another disk: '{path}'")
    assert os.listdir(tmp_path) == []


def test_the_room_on_the_disk_is_looked_at_before_anything_is_written(plain, tmp_path, monkeypatch):
    write_fcs(plain, tmp_path / "a.fcs", key=None)
    size = (tmp_path / "a.fcs").stat().st_size
    reason = rf"{size:,} bytes are to be written, and the disk has room for {size - 1:,}; free some space.*b\.fcs"
    for free, expected in [(size - 1, pytest.raises(OSError, match=reason)), (size, nullcontext())]:
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        with expected:
            write_fcs(plain, tmp_path / "b.fcs", key=None)
        assert (tmp_path / "b.fcs").exists() == (free == size)


def test_values_are_written_cell_by_cell_however_they_lie_in_memory(plain, tmp_path):
    plain.X = np.asfortranarray(plain.X)
    write_fcs(plain, tmp_path / "a.fcs", key=None)
    np.testing.assert_array_equal(read_fcs(tmp_path / "a.fcs").X, plain.X)


def test_a_name_as_long_as_names_may_be(plain, tmp_path):
    write_fcs(plain, tmp_path / ("x" * 251 + ".fcs"), key=None)
    assert len(os.listdir(tmp_path)) == 1


@pytest.mark.parametrize("path", [None, 3])
def test_path_must_be_a_path(plain, path):
    with pytest.raises(TypeError, match="`path`"):
        write_fcs(plain, path, key=None)


def test_other_objects_are_refused(plain, tmp_path):
    with pytest.raises(TypeError, match="`adata`"):
        write_fcs(plain.X, tmp_path / "a.fcs")
    with pytest.raises(FileNotFoundError):
        write_fcs(plain, tmp_path / "nowhere" / "a.fcs", key=None)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_a_file_is_written_by_rows_as_cells_in_memory_are(fitted, tmp_path, monkeypatch, kind):
    fitted.X = kind(fitted.X)
    fitted.write_h5ad(tmp_path / "a.h5ad")
    (tmp_path / "memory").mkdir()
    write_fcs(fitted, tmp_path / "memory" / "a.fcs")
    monkeypatch.setattr(_view, "BYTES_AT_ONCE", 0)
    monkeypatch.setattr(_write, "_ROWS_AT_ONCE", 7)
    with _adata.opened(tmp_path / "a.h5ad") as root:
        write_fcs(_adata.cells_of(root), tmp_path / "a.fcs")
    assert (tmp_path / "a.fcs").read_bytes() == (tmp_path / "memory" / "a.fcs").read_bytes()


def test_a_cell_of_the_fit_beside_mapped_ones_has_no_novelty(tmp_path):
    adata = datasets.cytof_panel(400)
    first, second = adata[:250].copy(), adata[250:].copy()
    tl.fit(first, graphs.ring(20), n_epochs=2)
    tl.transform(second, first)
    both = ad.concat([first, second], join="outer", uns_merge="same", index_unique="-")
    write_fcs(both, tmp_path / "both.fcs")
    written = read_fcs(tmp_path / "both.fcs")
    novelty = written[:, "gsr_novelty"].X.ravel()
    assert (novelty[:250] == -10).all()
    np.testing.assert_array_equal(novelty[250:], second.obs["gsr_novelty"])
    assert novelty[250:].min() > -10
    assert written.uns["meta"]["gsr_novelty_missing"] == "-10"
    write_fcs(second, tmp_path / "second.fcs")
    assert "gsr_novelty_missing" not in read_fcs(tmp_path / "second.fcs").uns["meta"]
