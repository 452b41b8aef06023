"""The script that measures a GPU works, as far as can be tried without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "tests" / "benchmarks" / "gpu.py"


def run(*arguments, **variables):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **variables}
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_it_runs_at_small_sizes_on_the_processor(tmp_path):
    """Without data: it takes simulated cells."""
    file = tmp_path / "gpu.json"
    done = run("--device", "cpu", "--quick", "--json", file, SCGSR_DATA=str(tmp_path))
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text())
    assert {"agreement", "steps", "profile", "transform", "checkpoints", "memory"} == set(found["seconds"])
    verdicts = {row["goal"]: row["verdict"] for row in found["goals"]}
    assert {verdict for goal, verdict in verdicts.items() if "limit" not in goal and "two cores" not in goal} == {"met"}
    # No step is faster than its limit, which would be wrong then.
    rows = [row for row in found["tables"]["Steps of training"] if "ms a step" in row]
    assert len(rows) == 8
    assert all(0 < row["share of the limit"] < 1 for row in rows)
    counted = found["tables"]["A step, batch 256: launches, kernels, copies, waits of the host"]
    (launched,) = {round(row["launches"]) for row in counted}
    assert 50 < launched < 150
    for title in found["tables"]:
        assert title == "all that were trained" or f"## {title}" in done.stdout


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_device_it_says_so():
    done = run()
    assert done.returncode == 2
    assert "no CUDA device here; `--device cpu --quick` tries the script" in done.stderr
    assert done.stdout == ""


def test_another_subject_is_refused():
    done = run("speed", "--device", "cpu")
    assert done.returncode == 2
    assert "no subject speed; there are agreement, steps" in done.stderr


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_it_runs_at_small_sizes_on_a_device(tmp_path):
    done = run("--quick", "--json", tmp_path / "gpu.json")
    assert done.returncode == 0, done.stderr
