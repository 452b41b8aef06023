"""Which test files enter which functions of the pure rooms: each file is run once, in a forked process of its own.

A process of its own, because a fit that one file has cached is not made again for the next.
"""

from __future__ import annotations

import ast
import functools
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# A test file that takes longer is left out: it could not be run on each mutant.
_MOST_SECONDS = 40
# These look at texts of sources, or run other processes, which have no mutant.
_BLIND = {"benchmarks", "structure", "_ranks", "in_browser", "test_site.py", "test_readme.py", "test_tutorials.py"}
_BLIND |= {"test_kills.py", "test_gpu_script.py", "test_processes.py"}


def test_files() -> list[Path]:
    """Return the test files that can notice a mutant."""
    paths = sorted((ROOT / "tests").rglob("test_*.py"))
    return [path for path in paths if not _BLIND & set(path.relative_to(ROOT / "tests").parts)]


@functools.cache
def spans(path: Path) -> list[tuple[str, int, int]]:
    """Return name, first and last line of each body of a function of a source, inner ones after outer ones."""
    nodes = (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef))
    found = [(node.name, node.body[0].lineno, node.end_lineno or node.lineno) for node in nodes]
    return sorted(found, key=lambda span: span[1] - span[2])


def span_at(path: Path, line: int) -> str:
    """Return the innermost function whose body holds a line, with its first line; "" for what an import runs."""
    holding = [f"{name}:{first}" for name, first, last in spans(path) if first <= line <= last]
    return holding[-1] if holding else ""


def run_tests(tests: list[Path], *options: str) -> int:
    """Run the fast tests of some files, without a word; return the exit status of pytest."""
    import pytest

    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    quiet = "-x -q -p no:cacheprovider -W ignore::pytest.PytestAssertRewriteWarning".split()
    return int(pytest.main([*quiet, *options, "-m", "not slow", *map(str, tests)]))


def _watched(tests: Path, rooms: list[str]) -> dict[str, Any]:
    """Run one test file; return its seconds, whether it passes, and the functions that it enters."""
    import coverage

    signal.alarm(_MOST_SECONDS)
    watch = coverage.Coverage(data_file=None, include=[str(ROOT / "scgsr" / room / "*") for room in rooms])
    started = time.monotonic()
    watch.start()
    status = run_tests([tests])
    watch.stop()
    entered = {}
    for name in watch.get_data().measured_files():
        path = Path(name)
        lines = watch.get_data().lines(name) or []
        entered[path.relative_to(ROOT).as_posix()] = sorted({span_at(path, line) for line in lines})
    return {"seconds": time.monotonic() - started, "passes": status == 0, "entered": entered}


def look(target: Path, rooms: list[str]) -> dict[str, Any]:
    """Return what every test file enters, by its path, from a file of results.

    A test file that is not there yet, or was changed since, is run and added.
    """
    known: dict[str, Any] = json.loads(target.read_text("utf-8")) if target.exists() else {}
    for tests in test_files():
        name, changed = tests.relative_to(ROOT).as_posix(), tests.stat().st_mtime
        if name in known and known[name]["changed"] == changed:
            continue
        reading, writing = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(reading)
            with os.fdopen(writing, "w") as stream:
                json.dump(_watched(tests, rooms), stream)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as stream:
            text = stream.read()
        os.waitpid(process, 0)
        seen = json.loads(text) if text else {"seconds": 0.0, "passes": False, "entered": {}}
        known[name] = {**seen, "changed": changed}
        target.write_text(json.dumps(known), "utf-8")
        sys.stdout.write(f"{name}: {known[name]['seconds']:.1f} s, passes: {known[name]['passes']}\n")
        sys.stdout.flush()
    return known


def readers(known: dict[str, Any], path: Path, line: int) -> list[Path]:
    """Return the test files that pass and enter the function of a line, the fastest first.

    What an import runs, such as a constant, is noticed by any that enters any function of the file.
    """
    source, span = path.relative_to(ROOT).as_posix(), span_at(path, line)
    hits = []
    for name, seen in known.items():
        entered = set(seen["entered"].get(source, []))
        if seen["passes"] and (span in entered if span else entered - {""}):
            hits.append((seen["seconds"], name))
    return [ROOT / name for _, name in sorted(hits)]
