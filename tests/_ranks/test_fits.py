"""A script that calls `fit`, started by `torchrun` in two processes, gives what it gives in one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
SCRIPT = str(Path(__file__).with_name("fits.py"))
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node"]
NAMES = ["given", "learned", "components", "alike", "stops", "disk", "disk, few"]


def run(*command):
    """Run a command of Python to the end; return what it has printed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Folder with the results of one process."""
    folder = tmp_path_factory.mktemp("alone")
    run(SCRIPT, folder, *NAMES)
    return folder


@pytest.fixture(scope="module")
def log_and_folder(tmp_path_factory):
    """What two processes have logged, and the folder with their results."""
    folder = tmp_path_factory.mktemp("together")
    return run(*TORCHRUN, 2, SCRIPT, folder, *NAMES), folder


@pytest.fixture(scope="module")
def together(log_and_folder):
    return log_and_folder[1]


def loaded(folder, name, rank=0):
    with np.load(folder / f"{name}-{rank}.npz") as stored:
        return dict(stored)


@pytest.mark.parametrize("name", NAMES)
def test_two_processes_give_the_result_of_one(alone, together, name):
    expected, found = loaded(alone, name), loaded(together, name)
    assert expected["activations"].max() > 1
    np.testing.assert_allclose(found["activations"], expected["activations"], atol=2e-5)
    np.testing.assert_allclose(found["confidence"], expected["confidence"], atol=1e-4)
    np.testing.assert_allclose(found["history"], expected["history"], rtol=1e-4)  # with the epoch of the end
    for same in ("labels", "held_out", "adjacency"):
        np.testing.assert_array_equal(found[same], expected[same])


@pytest.mark.parametrize("name", NAMES)
def test_all_processes_have_the_result_to_the_bit(together, name):
    np.testing.assert_equal(loaded(together, name, rank=1), loaded(together, name, rank=0))


def test_training_stops_early_at_the_same_epoch(alone, together):
    n_epochs = {
        len(loaded(folder, "stops", rank)["history"]) for folder, rank in [(alone, 0), (together, 0), (together, 1)]
    }
    assert len(n_epochs) == 1
    assert n_epochs.pop() < 16


def test_one_process_alone_speaks(log_and_folder):
    log, _ = log_and_folder
    assert log.count("2 processes fit together") == log.count("training on cpu") == len(NAMES)


def test_torchrun_with_one_process_gives_the_bits_of_no_torchrun(alone, tmp_path):
    run(*TORCHRUN, 1, SCRIPT, tmp_path, "given")
    np.testing.assert_equal(loaded(tmp_path, "given"), loaded(alone, "given"))


def test_a_killed_process_ends_the_other_and_the_fit_goes_on_from_the_checkpoint(start, ran, tmp_path):
    first, second = start("fits.py", tmp_path, "long")
    until = time.monotonic() + 60
    while not list(tmp_path.glob("checkpoint/*.safetensors")):
        assert time.monotonic() < until, "no checkpoint"
        time.sleep(0.02)
    second.kill()
    output, _ = first.communicate(timeout=60)
    assert first.returncode == 1
    assert "RuntimeError: Rank 0 of 2 ends because rank 1 was killed" in output
    assert not list(tmp_path.glob("*.npz"))
    outputs = ran("fits.py", tmp_path, "long")
    assert "going on after epoch" in outputs[0]
    assert "going on" not in outputs[1]
    np.testing.assert_equal(loaded(tmp_path, "long", rank=1), loaded(tmp_path, "long", rank=0))
    assert len(loaded(tmp_path, "long")["history"]) == 12
