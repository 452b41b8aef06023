"""How tests start several processes, as `torchrun` would."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def start():
    """Start two processes that run one script of this folder, and return them; none outlives the tests."""
    started = []

    def start(script, *arguments):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        processes = []
        for rank in range(2):
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1"}
            environment |= {"MASTER_PORT": port, "WORLD_SIZE": "2", "RANK": str(rank), "LOCAL_RANK": str(rank)}
            command = [sys.executable, str(Path(__file__).with_name(script)), *map(str, arguments)]
            processes.append(
                subprocess.Popen(
                    command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
                )
            )
        started.extend(processes)
        return processes

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def ran(start):
    """Run one script of this folder in two processes to the end, and return what each has printed."""

    def ran(script, *arguments):
        processes = start(script, *arguments)
        outputs = [process.communicate(timeout=300)[0] for process in processes]
        assert [process.returncode for process in processes] == [0, 0], "\n".join(outputs)
        return outputs

    return ran


@pytest.fixture(scope="session")
def results(start):
    """Of `together.py`, by rank and scenario: what was returned, or the error in words, and after how many seconds."""
    processes = start("together.py")
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    # The second one has killed itself.
    assert [process.returncode for process in processes] == [0, -9], "\n".join(outputs)
    # A scenario a line: more, and the second one would wait for its output to be read before it goes on.
    lines = [[json.loads(line) for line in output.splitlines() if line.startswith("{")] for output in outputs]
    return [{name: result for line in of_rank for name, result in line.items()} for of_rank in lines]
