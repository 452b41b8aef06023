"""The runs of `quality.py`: tasks, and the JSON file that keeps what came out."""

from __future__ import annotations

import base64
import json
import os
import platform
import zlib
from importlib.metadata import PackageNotFoundError, version
from itertools import combinations
from pathlib import Path
from statistics import fmean, median
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import adjusted_rand_score

PACKAGES = ("scgsr", "torch", "scanpy", "numpy", "scikit-learn", "flowsom", "scvi-tools", "drvi-py", "topoloss")


class Task(NamedTuple):
    """One run; `smoothness` is that of a run that looks for collapse, where the method is the graph."""

    data: str
    method: str
    seed: int
    cells: int | None
    smoothness: float | None = None


class Results:
    """All runs on a number of cells, kept in a JSON file if there is one."""

    def __init__(self, path: Path | None, n_cells: int | None) -> None:
        self.path, self.n_cells = path, n_cells
        stored = json.loads(path.read_text("utf-8")) if path is not None and path.exists() else {"runs": []}
        self.runs = {_task(record): record for record in stored["runs"]}
        self.environment = stored.get("environment", {})

    def add(self, record: dict[str, Any]) -> None:
        """Keep a run, in place of an older one of the same task."""
        self.runs[_task(record)] = record
        self.environment = _environment()
        if self.path is None:
            return
        text = json.dumps({"environment": self.environment, "runs": [*self.runs.values()]}, indent=1)
        unfinished = self.path.with_suffix(".tmp")
        unfinished.write_text(text, "utf-8")
        unfinished.replace(self.path)

    def lacks(self, task: Task) -> bool:
        """Whether a task was not carried out yet."""
        return "measures" not in self.runs.get(task, {})

    def select(self, *, collapse: bool = False) -> list[dict[str, Any]]:
        """Return the runs on this number of cells: those that look for collapse, or all others."""
        return [
            run for task, run in self.runs.items()
            if task.cells == self.n_cells and (task.smoothness is not None) == collapse
        ]  # fmt: skip

    def by_seed(self, data: str, method: str, measure: str) -> dict[int, float]:
        """Return a measure for each seed that has it; that against the re-ordered baseline exists on the grid."""
        if measure == "moran_ratio":
            baseline = ("scgsr-grid-smoothness0", "moran_reordered")
            return self.paired(data, (method, "moran"), baseline, np.divide) if method == "scgsr-grid" else {}
        if measure == "stability":
            return self._stability(data, method)
        return {
            run["seed"]: run["measures"][measure]
            for run in self.select()
            if (run["data"], run["method"]) == (data, method) and measure in run.get("measures", {})
        }

    def paired(self, data: str, one: tuple[str, str], other: tuple[str, str], combine: np.ufunc) -> dict[int, float]:
        """Combine two (method, measure) seed by seed."""
        left, right = self.by_seed(data, *one), self.by_seed(data, *other)
        return {seed: float(combine(left[seed], right[seed])) for seed in left if seed in right}

    def median(self, data: str, method: str, measure: str) -> float | None:
        """Return the median over seeds, None without any."""
        return middle(self.by_seed(data, method, measure))

    def _stability(self, data: str, method: str) -> dict[int, float]:
        """Return, as one number, the mean adjusted Rand index between the labels of all pairs of seeds."""
        labels = [
            unpacked(run["labels"])
            for run in self.select()
            if (run["data"], run["method"]) == (data, method) and "labels" in run
        ]
        pairs = [adjusted_rand_score(one, other) for one, other in combinations(labels, 2)]
        return {0: fmean(pairs)} if pairs else {}


def _task(record: dict[str, Any]) -> Task:
    return Task(*(record[field] for field in Task._fields))


def middle(values: dict[int, float]) -> float | None:
    """Return the median over seeds, None without any."""
    return median(values.values()) if values else None


def _environment() -> dict[str, str]:
    found = {"machine": f"{platform.machine()}, {os.cpu_count()} processors", "python": platform.python_version()}
    found["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", "not set")
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


def packed(labels: np.ndarray) -> str:
    """Write labels as text: numbers of two bytes, compressed."""
    codes = np.unique(labels, return_inverse=True)[1].astype("<u2")
    return base64.b64encode(zlib.compress(codes.tobytes())).decode()


def unpacked(text: str) -> np.ndarray:
    """Read labels that `packed` wrote."""
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype="<u2")
