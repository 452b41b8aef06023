"""A fit that was killed goes on to the same bits; another fit does not go on from its state."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse

from scgsr import _atomic, graphs, tl
from scgsr._train import _checkpoint, _run, _step
from scgsr.nn import Decay

QUICK = {"hidden": (16,), "n_epochs": 8, "batch_size": 40, "progress": False}
GRAPHS = [(4, 5), graphs.learned(20, n_neighbors=4)]


def killed_after(n_epochs, monkeypatch):
    """Let the process be interrupted in the epoch after so many."""
    validate, step = _run.Run.validate, _step.Stepper.step
    n_validated, steps_since = 0, 0

    def counted_validate(self):
        nonlocal n_validated
        n_validated += 1
        return validate(self)

    def interrupted_step(self, features, noise_rng):
        nonlocal steps_since
        if n_validated >= n_epochs:
            steps_since += 1
            if steps_since == 3:  # in the middle of an epoch
                raise KeyboardInterrupt
        return step(self, features, noise_rng)

    monkeypatch.setattr(_run.Run, "validate", counted_validate)
    monkeypatch.setattr(_step.Stepper, "step", interrupted_step)


def assert_same(one, other):
    np.testing.assert_array_equal(one.obsm["X_gsr"], other.obsm["X_gsr"])
    assert one.obs["gsr"].equals(other.obs["gsr"])
    assert one.uns["gsr"]["history"].equals(other.uns["gsr"]["history"])
    assert (one.uns["gsr"]["coactivation"] != other.uns["gsr"]["coactivation"]).nnz == 0
    np.testing.assert_array_equal(one.uns["gsr"]["evolution"]["epoch"], other.uns["gsr"]["evolution"]["epoch"])
    assert (one.uns["gsr"]["graph"]["adjacency"] != other.uns["gsr"]["graph"]["adjacency"]).nnz == 0


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("n_epochs", [0, 1, 5, 7])
def test_a_killed_fit_goes_on_to_the_same_bits(cells, graph, n_epochs, tmp_path, monkeypatch, caplog):
    whole = tl.fit(cells, graph, copy=True, **QUICK)
    with monkeypatch.context() as patch:
        killed_after(n_epochs, patch)
        with pytest.raises(KeyboardInterrupt):
            tl.fit(cells, graph, checkpoint=tmp_path / "run", **QUICK)
    assert "gsr" not in cells.uns
    with caplog.at_level(logging.INFO, logger="scgsr"):
        tl.fit(cells, graph, checkpoint=str(tmp_path / "run"), **QUICK)
    assert (f"going on after epoch {n_epochs} of 8" in caplog.text) == (n_epochs > 0)
    assert_same(cells, whole)


@pytest.mark.parametrize("kind", ["sparse", "early stop", "no validation", "quadratic"])
def test_whatever_is_trained(cells, kind, tmp_path, monkeypatch):
    options = {
        "sparse": {},
        # Few cells without noise are soon learned by heart.
        "early stop": {
            "n_epochs": 100,
            "batch_size": 8,
            "learning_rate": 2e-2,
            "validation_fraction": 0.5,
            "threshold": None,
            "noise": 0.0,
            "smoothness": 0.0,
        },
        "no validation": {"validation_fraction": 0.0},
        "quadratic": {"penalty": "quadratic", "threshold": None, "diffusion": 1},
    }[kind]
    if kind == "early stop":
        cells = cells[:60].copy()
    if kind == "sparse":
        cells.X = sparse.csr_matrix(np.where(cells.X > 1, cells.X, 0))
    options = {**QUICK, **options}
    whole = tl.fit(cells, (4, 5), copy=True, **options)
    assert (len(whole.uns["gsr"]["history"]) < options["n_epochs"]) == (kind == "early stop")
    with monkeypatch.context() as patch:
        killed_after(len(whole.uns["gsr"]["history"]) - 1, patch)
        with pytest.raises(KeyboardInterrupt):
            tl.fit(cells, (4, 5), checkpoint=tmp_path, **options)
    tl.fit(cells, (4, 5), checkpoint=tmp_path, **options)
    assert_same(cells, whole)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu(cells, tmp_path, monkeypatch):
    options = {**QUICK, "device": "cuda"}
    whole = tl.fit(cells, (4, 5), copy=True, **options)
    with monkeypatch.context() as patch:
        killed_after(5, patch)
        with pytest.raises(KeyboardInterrupt):
            tl.fit(cells, (4, 5), checkpoint=tmp_path, **options)
    tl.fit(cells, (4, 5), checkpoint=tmp_path, **options)
    np.testing.assert_allclose(cells.obsm["X_gsr"], whole.obsm["X_gsr"], atol=1e-4)


def test_a_fit_goes_on_from_steps_of_another_kind(cells, tmp_path, monkeypatch, caplog):
    whole, machine = tl.fit(cells, (4, 5), copy=True, **QUICK), _checkpoint.Checkpoint.__init__
    with monkeypatch.context() as patch:
        patch.setattr(
            _checkpoint.Checkpoint, "__init__", lambda *args, **how: machine(*args, **{**how, "step": "captured"})
        )
        killed_after(5, patch)
        with pytest.raises(KeyboardInterrupt):
            tl.fit(cells, (4, 5), checkpoint=tmp_path, **QUICK)
    with caplog.at_level(logging.INFO, logger="scgsr"):
        tl.fit(cells, (4, 5), checkpoint=tmp_path, **QUICK)
    assert "going on after epoch 5 of 8" in caplog.text
    assert "bits may differ" in caplog.text
    assert_same(cells, whole)


def test_a_fit_goes_on_from_a_checkpoint_of_another_device(cells, tmp_path, monkeypatch, caplog):
    """Where random numbers come about in another way, noise starts anew, and from the same state in the same way."""
    state = _run.Run.state

    def on_a_gpu(self):  # a generator of CUDA has sixteen bytes
        return {**state(self), "device": "cuda", "noise_rng": np.arange(16, dtype=np.uint8)}

    machine = _checkpoint.Checkpoint.__init__
    with monkeypatch.context() as patch:
        patch.setattr(_run.Run, "state", on_a_gpu)
        patch.setattr(
            _checkpoint.Checkpoint, "__init__", lambda *args, **how: machine(*args, **{**how, "device": "cuda"})
        )
        killed_after(5, patch)
        with pytest.raises(KeyboardInterrupt):
            tl.fit(cells, (4, 5), checkpoint=tmp_path / "one", **QUICK)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    with caplog.at_level(logging.INFO, logger="scgsr"):
        tl.fit(cells, (4, 5), checkpoint=tmp_path / "one", **QUICK)
    assert "going on after epoch 5 of 8" in caplog.text
    assert "bits may differ" in caplog.text
    assert_same(tl.fit(cells, (4, 5), checkpoint=tmp_path / "two", copy=True, **QUICK), cells)
    whole = tl.fit(cells, (4, 5), copy=True, **QUICK)
    assert np.corrcoef(cells.obsm["X_gsr"].ravel(), whole.obsm["X_gsr"].ravel())[0, 1] > 0.9


def test_an_older_checkpoint_that_names_no_device_goes_on_to_the_same_bits(cells, tmp_path, monkeypatch, caplog):
    whole, state = tl.fit(cells, (4, 5), copy=True, **QUICK), _run.Run.state
    machine = _checkpoint.Checkpoint.__init__

    def forgetful(self, folder, identity, **how):
        machine(self, folder, {**identity, "device": "cpu"}, **how)
        self.machine = _checkpoint.machine()

    with monkeypatch.context() as patch:
        patch.setattr(_run.Run, "state", lambda self: {k: v for k, v in state(self).items() if k != "device"})
        patch.setattr(_checkpoint.Checkpoint, "__init__", forgetful)
        killed_after(5, patch)
        with pytest.raises(KeyboardInterrupt):
            tl.fit(cells, (4, 5), checkpoint=tmp_path, **QUICK)
    with caplog.at_level(logging.WARNING, logger="scgsr"):
        tl.fit(cells, (4, 5), checkpoint=tmp_path, **QUICK)
    assert not caplog.messages
    assert_same(cells, whole)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({"device": "cuda"}, {"device": "cpu"}),
        ({"device": "cpu"}, {"device": "cuda"}),
        ({"device": "cuda", "step": "captured"}, {"device": "cuda", "step": "plain"}),
        ({"device": "cuda", "step": "plain"}, {"device": "cuda", "step": "captured"}),
    ],
    ids=str,
)
def test_a_fit_goes_on_from_a_gpu_and_back(cells, first, then, tmp_path, monkeypatch, caplog):
    whole = tl.fit(cells, (4, 5), copy=True, **QUICK, **then)
    with monkeypatch.context() as patch:
        killed_after(5, patch)
        with pytest.raises(KeyboardInterrupt):
            tl.fit(cells, (4, 5), checkpoint=tmp_path, **QUICK, **first)
    with caplog.at_level(logging.INFO, logger="scgsr"):
        tl.fit(cells, (4, 5), checkpoint=tmp_path, **QUICK, **then)
    assert "going on after epoch 5 of 8" in caplog.text
    assert np.corrcoef(cells.obsm["X_gsr"].ravel(), whole.obsm["X_gsr"].ravel())[0, 1] > 0.9


def test_a_checkpoint_changes_nothing_and_a_finished_one_is_not_trained_again(cells, tmp_path, monkeypatch):
    whole = tl.fit(cells, (4, 5), copy=True, **QUICK)
    assert_same(tl.fit(cells, (4, 5), checkpoint=tmp_path, copy=True, **QUICK), whole)
    killed_after(0, monkeypatch)
    assert_same(tl.fit(cells, (4, 5), checkpoint=tmp_path, copy=True, **QUICK), whole)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.safetensors"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"smoothness": 0.2}, r"smoothness \(0\.1 there\)"),
        ({"n_epochs": 9}, r"n_epochs \(8 there\)"),
        ({"hidden": (8,)}, r"hidden \(\[16\] there\)"),
        ({"rng": 1}, r"seed \("),
        ({"graph": (5, 4)}, "graph"),
        ({"graph": graphs.learned(20)}, "graph"),
        ({"scale": "feature"}, "data"),
        ({"scale": "pca"}, "n_components"),
        ({"balance": 1}, "balance"),
    ],
)
def test_another_run_is_refused_and_nothing_changes(cells, change, named, tmp_path):
    tl.fit(cells, (4, 5), checkpoint=tmp_path, copy=True, **QUICK)
    state = (tmp_path / "checkpoint.safetensors").read_bytes()
    with pytest.raises(ValueError, match=f"`checkpoint`=.* state of another run: it differs in .*{named}"):
        tl.fit(cells, **{"graph": (4, 5), **QUICK, **change}, checkpoint=tmp_path)
    assert "gsr" not in cells.uns
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == state


def test_other_cells_are_refused(cells, tmp_path):
    tl.fit(cells, (4, 5), checkpoint=tmp_path, copy=True, **QUICK)
    cells.X[0, 0] += 1
    with pytest.raises(ValueError, match="it differs in data"):
        tl.fit(cells, (4, 5), checkpoint=tmp_path, **QUICK)


def test_numbers_of_numpy_are_numbers(cells, tmp_path):
    recipe = graphs.learned(np.int64(16), n_neighbors=np.int32(4), stop=np.float32(0.5))
    options = {**QUICK, "smoothness": np.float32(0.1), "learning_rate": np.float64(0.01)}
    tl.fit(cells, recipe, checkpoint=tmp_path, validation_fraction=np.float32(0.2), **options)
    assert (tmp_path / "checkpoint.safetensors").exists()


def test_another_machine_is_told(cells, tmp_path, monkeypatch, caplog):
    tl.fit(cells, (4, 5), checkpoint=tmp_path, copy=True, **QUICK)
    monkeypatch.setattr("scgsr._train._checkpoint.machine", lambda: {"threads": 99, "torch": "x"})
    tl.fit(cells, (4, 5), checkpoint=tmp_path, **QUICK)
    assert "bits may differ" in caplog.text


def test_one_thread_goes_on_where_two_stopped(cells, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "scgsr")
    for n_threads in (2, 1):
        monkeypatch.setattr(torch, "get_num_threads", lambda n_threads=n_threads: n_threads)
        tl.fit(cells, (4, 5), checkpoint=tmp_path, copy=True, **QUICK)
    assert "going on after epoch" in caplog.text
    assert "bits may differ" not in caplog.text


@pytest.mark.parametrize("value", [np.zeros(3), [1], {"a": 1}, None])
def test_a_machine_of_something_else_is_a_damaged_state(cells, value, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        machine = _checkpoint.machine
        patch.setattr(_checkpoint, "machine", lambda: {**machine(), "threads": value})
        tl.fit(cells, (4, 5), checkpoint=tmp_path, copy=True, **QUICK)
    with pytest.raises(ValueError, match=r"`checkpoint`: .* damaged .*delete it to start anew"):
        tl.fit(cells, (4, 5), checkpoint=tmp_path, **QUICK)


@pytest.mark.parametrize("content", [b"", b"\0" * 8, b"junk" * 100])
def test_a_damaged_state_is_refused(cells, content, tmp_path):
    (tmp_path / "checkpoint.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"`checkpoint`: .* damaged .*delete it to start anew"):
        tl.fit(cells, (4, 5), checkpoint=tmp_path, **QUICK)


def test_a_flipped_byte_anywhere_is_noticed(cells, tmp_path):
    tl.fit(cells.copy(), (4, 5), checkpoint=tmp_path, **QUICK)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    for position in np.linspace(8, len(content) - 1, 12).astype(int):
        spoilt = bytearray(content)
        spoilt[position] ^= 0x41
        path.write_bytes(spoilt)
        with pytest.raises(ValueError, match=r"`checkpoint`"):
            tl.fit(cells, (4, 5), checkpoint=tmp_path, **QUICK)
    assert "gsr" not in cells.uns


def test_the_same_graph_drawn_otherwise_keeps_its_own_drawing(cells, tmp_path):
    tl.fit(cells.copy(), (4, 5), checkpoint=tmp_path, **QUICK)
    positions = np.random.default_rng(0).random((20, 2))
    other = graphs.from_adjacency(graphs.grid(4, 5).adjacency, positions=positions)
    tl.fit(cells, other, checkpoint=tmp_path, **QUICK)
    np.testing.assert_array_equal(cells.uns["gsr"]["graph"]["positions"], other.positions)
    assert cells.uns["gsr"]["graph"]["name"] == other.name


def test_what_a_killed_process_left_is_cleared_away(cells, tmp_path):
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:  # a process of this machine
        pass
    dead, alive = (
        tmp_path / f"{_atomic._WORKSHOP}{_atomic._machine()}-{process}-abc" for process in (ended.pid, os.getppid())
    )
    for folder in (dead, alive):
        folder.mkdir()
        (folder / "checkpoint.safetensors").write_bytes(b"half")
    tl.fit(cells, (4, 5), checkpoint=tmp_path, **QUICK)
    assert not dead.exists()
    assert alive.exists()


def test_a_state_cut_short_is_refused(cells, tmp_path):
    tl.fit(cells, (4, 5), checkpoint=tmp_path, copy=True, **QUICK)
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="damaged"):
        tl.fit(cells, (4, 5), checkpoint=tmp_path, **QUICK)


def test_a_file_or_another_type_is_no_folder(cells, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"`checkpoint`=.* is a file"):
        tl.fit(cells, (4, 5), checkpoint=tmp_path / "file", **QUICK)
    with pytest.raises(ValueError, match="must name a folder"):
        tl.fit(cells, (4, 5), checkpoint="", **QUICK)
    with pytest.raises(TypeError, match="`checkpoint`"):
        tl.fit(cells, (4, 5), checkpoint=3, **QUICK)


def test_the_same_schedule_goes_on_from_a_checkpoint(cells, tmp_path, monkeypatch):
    arguments = {"penalty": {"spectrum": 1, "weight_cosine": 1}, "smoothness": Decay(0.5, factor=0.5, every=3)}
    arguments |= {"learning_rate": Decay(1e-3, factor=0.9, every=2), **QUICK}
    whole = tl.fit(cells, (4, 5), copy=True, **arguments)
    with monkeypatch.context() as patch:
        killed_after(5, patch)
        with pytest.raises(KeyboardInterrupt):
            tl.fit(cells, (4, 5), checkpoint=tmp_path, **arguments)
    tl.fit(cells, (4, 5), checkpoint=tmp_path, **arguments)
    assert_same(cells, whole)
    with pytest.raises(ValueError, match="differs in smoothness"):
        tl.fit(cells, (4, 5), checkpoint=tmp_path, **{**arguments, "smoothness": Decay(0.5)})


KILLED = """
import sys
import anndata as ad
import numpy as np
import scgsr
rows = np.random.default_rng(0).normal(size=(2000, 10)).astype(np.float32)
adata = ad.AnnData(rows)
checkpoint = sys.argv[1] if len(sys.argv) > 2 else None
scgsr.tl.fit(adata, (5, 5), hidden=(64,), n_epochs=60, early_stopping=False, checkpoint=checkpoint, progress=False)
np.save(sys.argv[-1], adata.obsm["X_gsr"])
"""


def test_a_process_that_is_killed_outright(tmp_path):
    """SIGKILL, at whatever instruction it is: the file on disk is whole."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", KILLED, str(tmp_path / "run"), str(tmp_path / "a.npy")]
    killed = subprocess.Popen(command, env=environment)
    state = tmp_path / "run" / "checkpoint.safetensors"
    give_up = time.monotonic() + 120
    while not state.exists():
        assert killed.poll() is None
        assert time.monotonic() < give_up
        time.sleep(0.01)
    time.sleep(0.2)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert not (tmp_path / "a.npy").exists()
    subprocess.run(command, env=environment, check=True)
    subprocess.run([*command[:3], str(tmp_path / "b.npy")], env=environment, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), np.load(tmp_path / "b.npy"))
