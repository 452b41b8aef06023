"""Is the GPU used well, and does it come to what the processor comes to? Tables, goals, and all numbers as JSON.

    SCGSR_DATA=<folder> python tests/benchmarks/gpu.py [agreement steps profile ...] [--json gpu.json]
    python tests/benchmarks/gpu.py --device cpu --quick    # does the script itself work?

All subjects without a name, in under eight minutes on one card. Needs the package, and the thymus or simulated cells in
its place. `_gpu_limits.py` says what the limit of a step is made of.
"""

from __future__ import annotations

import argparse
import json
import operator
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import _gpu_fits
import _gpu_limits
import numpy as np
import torch
from _gpu_steps import Case, Training
from anndata import AnnData

import scgsr
from scgsr import _device

CASES = [
    Case(n_cells=25_000, n_features=13),
    Case(n_cells=1_000_000, n_features=40),
    Case(n_cells=100_000, n_features=2_000, is_sparse=True),
    Case(n_cells=1_000_000, n_features=2_000, is_sparse=True),
]
BATCHES = (256, 8192)
# How many times as fast as two cores of the processor a case is to be.
TARGETS = {CASES[1]: 5.0, CASES[2]: 10.0}
# The whole run ends in time: so many seconds for what is repeated.
SECONDS = {"agreement": 220.0, "steps": 60.0}
QUICK_SECONDS = 3.0
SIGNS: dict[str, Callable[[Any, Any], bool]] = {"<=": operator.le, ">=": operator.ge, "==": operator.eq}


class Goal(NamedTuple):
    """What was measured, and where it should be."""

    what: str
    measured: float
    sign: str
    target: float

    def row(self) -> dict[str, Any]:
        """Return the row of the table, with the verdict."""
        verdict = "met" if SIGNS[self.sign](self.measured, self.target) else "missed"
        return {
            "goal": self.what,
            "measured": self.measured,
            "target": f"{self.sign} {self.target:g}",
            "verdict": verdict,
        }


@dataclass
class Bench:
    """Where and how much to measure; keeps the tables that were shown."""

    device: torch.device
    quick: bool
    data: Path | None
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def steps(self) -> list[str]:
        """The kinds of steps that the device has."""
        return [step for step in _device.STEPS if step == "plain" or self.device.type == "cuda"]

    def case(self, case: Case) -> Case:
        """Return the case, smaller in a quick run."""
        if not self.quick:
            return case
        return Case(n_cells=case.n_cells // 100 + 500, n_features=min(case.n_features, 60), is_sparse=case.is_sparse)

    def show(self, title: str, rows: list[dict[str, Any]]) -> None:
        """Print a Markdown table and keep it."""
        self.tables[title] = rows
        head = list(dict.fromkeys(name for row in rows for name in row))
        lines = [head, ["---"] * len(head), *([_written(row.get(name)) for name in head] for row in rows)]
        sys.stdout.write(f"## {title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n\n")
        sys.stdout.flush()


def _written(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or "-"
    return f"{value:,.0f}" if isinstance(value, int) or abs(value) >= 1000 else f"{value:.3g}"


def agreement(bench: Bench) -> Iterator[Goal]:
    """Train everything on the device, and hold it against the same weights on the processor."""
    precisions: list[str | None] = [None, "bf16", *(["tf32"] if bench.device.type == "cuda" else [])]
    every, rows, start = _gpu_fits.combinations(precisions), [], perf_counter()
    for which in every[: 3 if bench.quick else None]:
        if perf_counter() - start > SECONDS["agreement"]:
            break
        rows += [_gpu_fits.trained(which, bench.device)]
    worst = sorted(rows, key=lambda row: -row["largest difference"])
    bench.show(
        f"Trained: {len(rows)} of {len(every)} combinations, in random order; the ten that differ most", worst[:10]
    )
    bench.tables["all that were trained"] = rows
    found = _gpu_fits.thymus(bench.data, bench.device, quick=bench.quick)
    bench.show("A whole fit", [found])
    yield Goal(
        "largest difference of activations, same weights, any combination", worst[0]["largest difference"], "<=", 1e-3
    )
    yield Goal("the same of a whole fit", found["largest difference, same weights"], "<=", 1e-3)
    yield Goal("ARI of labels, same weights", found["ARI of labels, same weights"], ">=", 0.98)


def steps(bench: Bench) -> Iterator[Goal]:
    """Measure cells per second of each case, batch and kind of step, and its share of the limit."""
    rate = _gpu_limits.rates(bench.device, quick=bench.quick)
    bench.show(
        "Rates of the device",
        [
            {
                "GFLOP/s, float32": rate.operations / 1e9,
                "GB/s, read and written": rate.bytes / 1e9,
                "launch, us": 1e6 * rate.launch,
                "kernel of a captured row, us": 1e6 * rate.kernel,
            }
        ],
    )
    each = (QUICK_SECONDS if bench.quick else SECONDS["steps"]) / (len(CASES) * len(BATCHES) * (len(bench.steps) + 1))
    rows = []
    for whole in CASES:
        case = bench.case(whole)
        matrix = case.matrix()
        for size in (64, 256) if bench.quick else BATCHES:
            found = [_measured(bench, case, matrix, size, step, rate, each) for step in bench.steps]
            rows += found
            best = max(found, key=lambda row: row["cells/s"])
            yield Goal(f"share of the limit, {case}, batch {size}", best["share of the limit"], ">=", 0.3)
            if whole in TARGETS:
                on_cpu = _on_two_cores(matrix, size, each)
                rows.append({"case": str(case), "batch": size, "step": "plain, two cores", "cells/s": on_cpu})
                goal = f"cells/s / two cores, {case}, batch {size}"
                yield Goal(goal, best["cells/s"] / on_cpu, ">=", TARGETS[whole])
    bench.show("Steps of training", rows)


def _measured(
    bench: Bench, case: Case, matrix: Any, size: int, step: str, rate: _gpu_limits.Rates, most: float
) -> dict[str, Any]:
    training = Training(matrix, size, bench.device, step, None)
    training.warm_up()
    counts = training.counts()
    seconds, _ = training.seconds(most)
    moved = _gpu_limits.n_bytes(training.network, size, training.stored)
    n_operations = _gpu_limits.operations(training.network, size, training.n_entries)
    # Kernels that no profiler counts leave the limit lower, and the share with it.
    found = {"launches": counts["launches"], "kernels": counts["kernels"] or 0}
    least, limit = _gpu_limits.least_seconds(rate, n_operations, moved, **found)
    return {
        "case": str(case),
        "batch": size,
        "step": step,
        "cells/s": size / seconds,
        "ms a step": 1e3 * seconds,
        "limit, ms": 1e3 * least,
        "set by": limit,
        "share of the limit": least / seconds,
    }


def _on_two_cores(matrix: Any, size: int, most: float) -> float:
    n_threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        training = Training(matrix, size, torch.device("cpu"), "plain", None)
        training.warm_up()
        return size / training.seconds(most)[0]
    finally:
        torch.set_num_threads(n_threads)


def profile(bench: Bench) -> Iterator[Goal]:
    """Count what a step launches and runs, and how long the host takes to hand it over."""
    rows = []
    for case in map(bench.case, CASES):
        matrix = case.matrix()
        for step in bench.steps:
            training = Training(matrix, 64 if bench.quick else 256, bench.device, step, None)
            training.warm_up()
            counts = training.counts()
            seconds, host = training.seconds(0.2 if bench.quick else 2.0)
            rows.append({"case": str(case), "step": step, **counts, "host, us": 1e6 * host, "step, us": 1e6 * seconds})
    bench.show("A step, batch 256: launches, kernels, copies, waits of the host", rows)
    for what in ("waits", "copies from the host"):
        seen = [row[what] for row in rows if row[what] is not None]  # without a card, or a profiler, some are not
        if seen:
            yield Goal(f"{what} in a step, the most of all", max(seen), "==", 0)


def transform(bench: Bench) -> Iterator[Goal]:
    """Map a million cells: `transform` as it is, on the processor, and the same activations on the device."""
    matrix = Case(n_cells=5_000 if bench.quick else 1_000_000, n_features=40).matrix()
    reference = AnnData(matrix[:5_000])
    scgsr.tl.fit(reference, n_epochs=3, progress=False, device=bench.device)
    model, cells, rows = scgsr.get.model(reference), AnnData(matrix), []
    start = perf_counter()
    scgsr.tl.transform(cells, reference)
    rows.append(
        {"what": "tl.transform, with labels and novelty", "cells": len(matrix), "seconds": perf_counter() - start}
    )
    model.network.to(bench.device)
    start = perf_counter()
    found = model.activations(matrix)
    rows.append({"what": f"activations on {bench.device}", "cells": len(matrix), "seconds": perf_counter() - start})
    bench.show("Cells through a fitted model", rows)
    differ = float(np.abs(found - cells.obsm["X_gsr"]).max())
    yield Goal("largest difference of activations of all cells", differ, "<=", 1e-3)


def checkpoints(bench: Bench) -> Iterator[Goal]:
    """Go on elsewhere with a fit that was interrupted, and back."""
    here, cpu = {"device": bench.device}, {"device": torch.device("cpu")}
    other = {**here, "step": "plain"} if bench.device.type == "cuda" else here
    rows = []
    for first, then in [(here, cpu), (cpu, here), (here, other), (other, here)][: 1 if bench.quick else None]:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(_gpu_fits.resumed(first, then, Path(folder), quick=bench.quick))
    bench.show("Interrupted, and gone on elsewhere", rows)
    yield Goal("fits that went on", sum(row["went on"] == "yes" for row in rows), "==", len(rows))
    yield Goal(
        "R2 lost by going on elsewhere", max(row["R2 without interruption"] - row["R2"] for row in rows), "<=", 0.02
    )


def memory(bench: Bench) -> Iterator[Goal]:
    """Take steps that are too large."""
    bench.show("A step that is too large", [{"error": (error := _gpu_fits.out_of_memory(bench.device))}])
    yield Goal("errors that name a batch size to try", float("try `batch_size`=" in error), "==", 1)


SUBJECTS: dict[str, Callable[[Bench], Iterator[Goal]]] = {
    "agreement": agreement,
    "steps": steps,
    "profile": profile,
    "transform": transform,
    "checkpoints": checkpoints,
    "memory": memory,
}


def main() -> None:
    """Measure the subjects, print tables and goals, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("subjects", nargs="*", metavar="subject", help=f"of {', '.join(SUBJECTS)}; all by default")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, or cpu, where the goals mean nothing")
    parser.add_argument("--quick", action="store_true", help="small sizes: does the script work?")
    parser.add_argument("--json", type=Path, help="file for all numbers")
    arguments = parser.parse_args()
    if unknown := sorted({*arguments.subjects} - {*SUBJECTS}):
        parser.error(f"no subject {' or '.join(unknown)}; there are {', '.join(SUBJECTS)}")
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        parser.error("there is no CUDA device here; `--device cpu --quick` tries the script without one")
    folder = os.environ.get("SCGSR_DATA")
    bench = Bench(_device.choose(arguments.device), arguments.quick, None if folder is None else Path(folder))
    kept: dict[str, Any] = {"environment": environment(bench.device), "quick": bench.quick, "goals": [], "seconds": {}}
    bench.show("Where", [kept["environment"]])
    for name in arguments.subjects or SUBJECTS:
        start = perf_counter()
        kept["goals"] += [goal.row() for goal in SUBJECTS[name](bench)]
        kept["seconds"][name], kept["tables"] = perf_counter() - start, bench.tables
        if arguments.json is not None:  # also of what was done before something fails
            arguments.json.write_text(json.dumps(kept, indent=1) + "\n")
    bench.show("Goals" + " (meaningless at these sizes)" * bench.quick, kept["goals"])
    bench.show("Seconds", [kept["seconds"]])


def environment(device: torch.device) -> dict[str, str]:
    """Return what the numbers depend on."""
    return {
        "device": _device.describe(device),
        "processors": str(os.cpu_count()),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "CUDA": str(torch.version.cuda),
        "scgsr": version("scgsr"),
    }


if __name__ == "__main__":
    main()
