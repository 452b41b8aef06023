"""What is killed leaves the old or the new result in full: the script of the benchmarks, a few times."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "tests" / "benchmarks" / "kills.py"

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on this system")


def test_a_kill_leaves_the_old_or_the_new_result():
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", str(SCRIPT), "--n", "2", "--seed", "1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.endswith("16 kills, 0 faults\n"), done.stdout + done.stderr
    assert done.returncode == 0


def test_a_result_that_is_not_whole_is_a_fault(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("kills", SCRIPT)
    kills = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(kills)

    def half_written(run, folder, seconds, number):
        (folder / "cells.fcs").write_bytes(b"half")
        return True

    writer = kills.WriteFcs(tmp_path)
    monkeypatch.setattr(kills, "killed", half_written)
    ended = kills.tried(writer, tmp_path / "tried", 0.0, "SIGKILL", clean=False)
    assert ended == "FAULT Fault: neither of the two"
    with pytest.raises(kills.Fault, match="other bits"):
        kills.demand(False, "other bits")
