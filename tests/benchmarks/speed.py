"""Is it fast, and does it stay small? Prints times, rates and memory, and next to them those of peers.

    SCGSR_DATA=<folder> python tests/benchmarks/speed.py [throughput labels ...] [--repeats 5] [--json speed.json]

All subjects are measured without a name. What is compared alternates within one run, so that the load of the machine
hits both; the first round only warms up; numbers are medians, ratios are those of medians. What needs a process of its
own (peak memory, imports) gets it. `--quick` tries everything at small sizes, where the goals mean nothing. Peers come
with the extra `bench`; only `labels` needs data. Peak memory is read as Linux tells it, elsewhere it is not measured.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import json
import operator
import os
import platform
import pstats
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import _at_scale
import _peers
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from _data import load
from _peers import NOT_INSTALLED, SHEET, alternated, middle
from anndata import AnnData
from scipy import sparse

import scgsr

PACKAGES = ("scgsr", "torch", "scvi-tools", "flowsom")
SIGNS = {"<": operator.lt, "<=": operator.le, ">=": operator.ge}
# Where one measurement takes minutes, it is repeated at most so many times.
LONG_REPEATS = 3
# Two trainings whose times are subtracted differ by so many seconds; in quick runs by less.
DIFFERENCE = 2.5
# Rows that are made at once, so that making data takes no memory beyond the data.
BLOCK = 10_000
# First argument of a process that measures one point, and the column of its peak.
POINT, PEAK = "point", "peak above the input, MB"


class Goal(NamedTuple):
    """A number that should be on one side of a target; a reason instead of a number where it was not measured."""

    what: str
    measured: float | str | None
    sign: str
    target: float

    def row(self) -> dict[str, Any]:
        """Return the row of the table, with the verdict."""
        if self.measured is None or isinstance(self.measured, str):
            measured, verdict = None, self.measured or "not measured"
        else:
            measured = self.measured
            verdict = "met" if SIGNS[self.sign](measured, self.target) else "missed"
        return {"goal": self.what, "measured": measured, "target": f"{self.sign} {self.target:g}", "verdict": verdict}


@dataclass
class Bench:
    """How often to measure and at which size; keeps the tables that were shown."""

    repeats: int
    quick: bool
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def few(self) -> int:
        """How often to repeat what takes minutes."""
        return 1 if self.quick else min(self.repeats, LONG_REPEATS)

    @property
    def n_epochs(self) -> int | None:
        """How long to train where the default counts."""
        return self.size(None, 3)

    def size(self, full: Any, quick: Any) -> Any:
        """Return the one that is asked for."""
        return quick if self.quick else full

    def show(self, title: str, rows: list[dict[str, Any]]) -> None:
        """Print a Markdown table and keep it."""
        self.tables[title] = rows
        header = list(rows[0])
        lines = [header, ["---"] * len(header), *([_written(value) for value in row.values()] for row in rows)]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        sys.stdout.write(f"## {title}\n\n{table}\n\n")
        sys.stdout.flush()


def _written(value: Any) -> str:
    """Write one cell of a table."""
    if value is None or isinstance(value, str):
        return value or "-"
    return f"{value:,.0f}" if isinstance(value, int) or abs(value) >= 1000 else f"{value:.3g}"


def _range(values: list[float]) -> dict[str, float]:
    """Return the columns that say how much the measurements differ."""
    return {"least": min(values), "most": max(values)}


def ratio(one: float | None, other: float | None) -> float | None:
    """Divide, if both were measured."""
    return None if one is None or not other else one / other


# --- Throughput ------------------------------------------------------------------------------------------------------


def throughput(bench: Bench) -> Iterator[Goal]:
    """Compare cells per second and epoch with scVI at the same widths, and with what the machine can multiply."""
    rows, goals = [], []
    for case in (bench.size(case, case.shrunk()) for case in _peers.CASES):
        name = f"{case.n_cells:,} x {case.n_features:,}, batch {case.batch_size}"
        rates, spans, reason = _peers.rates(case, DIFFERENCE / 10 if bench.quick else DIFFERENCE, bench.repeats)
        ours, peer, matmul = rates["scgsr"], rates.get("same widths"), rates["matmul"]
        share, most = ratio(ours, ratio(matmul, case.operations())), ratio(ratio(matmul, case.operations()), peer)
        found = reason or ratio(ours, peer)
        rows.append(
            {
                "case": name,
                "scgsr, cells/s": ours,
                "scVI at the same widths": reason or peer,
                "ratio": found,
                "most that the machine allows": most,
                "scVI at its own widths": reason or rates.get("own widths"),
                "ratio to it": reason or ratio(ours, rates.get("own widths")),
                "matmul, GFLOP/s": ratio(matmul, 1e9),
                "share of it": share,
                "epochs between the two trainings": spans,
            }
        )
        goals.append(Goal(f"cells/s / scVI's, {name}", found, ">=", case.target))
        if case.share is not None:
            goals.append(Goal(f"share of the matmul rate, {name}", share, ">=", case.share))
    bench.show("Throughput of training", rows)
    yield from goals


# --- From cells to labels --------------------------------------------------------------------------------------------

# Part of a fit: functions whose time it is, as file and name, and those inside them that are other parts.
GRAPH_REFRESHES = [
    ("_train/_graph_learner.py", "refreshed"),
    ("_train/_run.py", "pictures"),
    ("_train/_run.py", "set_graph"),
]
PARTS = {
    "training steps": ([("_train/_run.py", "train_epoch")], GRAPH_REFRESHES),
    "validation": ([("_train/_run.py", "validate")], []),
    "graph refreshes": (GRAPH_REFRESHES, []),
    "start": ([("_train/_start.py", "organise")], []),
    "exact moments": ([("_train/_run.py", "calibrate")], []),
    "activations of all cells": ([("_model/_apply.py", "encode")], []),
    "modules": ([("_modules/_find.py", "find")], []),
    "novelty calibration": ([("_train/_learn.py", "_novelty_reference")], []),
    "reading and checking": ([("_adata/_view.py", "view"), ("_values/_guards.py", "warn_of_raw_values")], []),
    "storing": ([("_adata/_fit.py", "write")], []),
}


def labels(bench: Bench) -> Iterator[Goal]:
    """Compare a whole fit, from cells to labels, with FlowSOM, and say where its time goes."""
    goals = {name: partial(Goal, f"seconds to labels / FlowSOM's, thymus, {name}") for name in ("learned", "sheet")}
    try:
        dataset = load("thymus", bench.size(None, 1500))
    except FileNotFoundError as error:
        yield from (goal(str(error), "<=", 2) for goal in goals.values())
        return
    timed, reason = _peers.labellers(dataset, bench.n_epochs)
    found = alternated(timed, bench.repeats)
    seconds = {name: middle(values) for name, values in found.items()}
    ratios = {name: reason or ratio(seconds[name], seconds["FlowSOM"]) for name in found}
    rows = [
        {"method": name, "seconds": seconds[name], **_range(values), "ratio to FlowSOM": ratios[name]}
        for name, values in found.items()
    ]
    bench.show(f"Seconds to labels, thymus ({dataset.adata.n_obs:,} x {dataset.adata.n_vars})", rows)
    graphs = {"learned": scgsr.graphs.learned(), "sheet": SHEET}
    profiles = {name: _profile(dataset.adata.copy(), graph, bench.n_epochs) for name, graph in graphs.items()}
    parts = [{"seconds in": part, **{name: profiles[name][part] for name in profiles}} for part in profiles["sheet"]]
    bench.show("Where the time of one fit goes (under a profiler, which slows small steps down)", parts)
    yield from (goal(ratios[name], "<=", 2) for name, goal in goals.items())


def _profile(adata: AnnData, graph: tuple[int, int] | None, n_epochs: int | None) -> dict[str, float | None]:
    """Fit once more under a profiler; return the seconds of each part, None where no function of that name ran."""
    profiler = cProfile.Profile()
    start = perf_counter()
    profiler.runcall(scgsr.tl.fit, adata, graph, n_epochs=n_epochs, progress=False)
    seconds = perf_counter() - start
    times: dict[str, Any] = pstats.Stats(profiler).stats  # (file, line, name) -> (..., cumulative time, callers)

    def inside(functions: list[tuple[str, str]]) -> list[float]:
        return [
            cumulative for (file, _, name), (*_, cumulative, _) in times.items()
            if any(file.replace(os.sep, "/").endswith(end) and name == wanted for end, wanted in functions)
        ]  # fmt: skip

    parts = {
        part: sum(inside(functions)) - sum(inside(other)) if inside(functions) else None
        for part, (functions, other) in PARTS.items()
    }
    return {**parts, "rest": seconds - sum(filter(None, parts.values())), "all": seconds}


# --- Points: one fit in a process of its own, so that its peak memory is its own --------------------------------------


def growth(bench: Bench) -> Iterator[Goal]:
    """Measure how time and memory grow with cells, features and neurons."""
    cells = bench.size([10**4, 10**5, 10**6], [1000, 4000])
    by_cells = [{"n_cells": n} for n in cells]
    others = [{"n_cells": cells[0], "n_features": n} for n in bench.size([10, 100, 1000, 5000], [10, 100])]
    others += [{"n_cells": cells[1], "sheet": (side, side)} for side in bench.size([8, 16, 32], [8])]
    rounds = [[_point("fit", **size, n_epochs=3) for size in by_cells] for _ in range(bench.few)]
    fixed = [{name: middle([point[name] for point in same]) for name in same[0]} for same in zip(*rounds, strict=True)]
    chosen = [_point("fit", **size, n_epochs=bench.n_epochs) for size in [*by_cells, *others]]
    rows = [
        {"number of epochs": how, **point, "seconds / epoch": point["seconds"] / point["epochs"]}
        for how, points in (
            (f"given, median of {bench.few}", fixed),
            ("default, once" if bench.n_epochs is None else "given, once", chosen),
        )
        for point in points
    ]
    bench.show("Growth: a mixture of Gaussians on a sheet, from cells to labels", rows)
    slope = np.polyfit(np.log(cells), np.log([point["seconds"] for point in fixed]), 1)[0]
    yield Goal(f"exponent of seconds in cells, {cells[0]:,} to {cells[-1]:,}", float(slope), "<=", 1.05)


def scale(bench: Bench) -> Iterator[Goal]:
    """Compare the way from cells to labels with that of peers, from ten thousand to a million cells."""
    sizes = bench.size([10**4, 10**5, 10**6], [2000])
    columns = ("seconds", "peak above the cells, MB", "labels", "ARI")
    rows, ratios = [], {}
    for n_cells in sizes:
        found = {name: _at_scale.in_a_process(name, n_cells) for name in _at_scale.METHODS}
        rows += [
            {"cells": n_cells, "method": name, **{column: one.get(column) for column in columns}}
            for name, one in found.items()
        ]
        ours, theirs = (found[name]["seconds"] for name in ("scgsr", "FlowSOM"))
        ratios[n_cells] = theirs if isinstance(theirs, str) else ratio(ours, theirs)
    bench.show(f"From cells to labels, {_at_scale.N_FEATURES} markers of {_at_scale.N_KINDS} kinds of cells", rows)
    yield Goal(f"seconds to labels / FlowSOM's, {sizes[-1]:,} x {_at_scale.N_FEATURES}", ratios[sizes[-1]], "<=", 0.3)


def memory(bench: Bench) -> Iterator[Goal]:
    """Measure the peak of a fit to a sparse matrix above that matrix."""
    n_cells, n_features = bench.size((200_000, 2000), (20_000, 200))
    points = [_point("sparse", n_cells=n_cells, n_features=n_features, n_epochs=1) for _ in range(bench.few)]
    bench.show("Memory of a fit to a sparse matrix of which 5 % is not 0", points)
    peak = middle([point[PEAK] for point in points])
    yield Goal(f"peak above a sparse matrix, MB, {n_cells:,} x {n_features:,}", peak, "<=", 300)


def million(bench: Bench) -> Iterator[Goal]:
    """Measure a fit at defaults to a million cells."""
    n_cells = bench.size(10**6, 10**4)
    points = [_point("fit", n_cells=n_cells, sheet=None, n_epochs=bench.n_epochs) for _ in range(bench.few)]
    bench.show("Many cells, the graph learned", points)
    yield Goal(f"seconds at defaults, {n_cells:,} x 40", middle([point["seconds"] for point in points]), "<", 180)


def transform(bench: Bench) -> Iterator[Goal]:
    """Measure a million cells through a model that was fitted to some of them."""
    n_cells = bench.size(10**6, 20_000)
    points = [_point("transform", n_cells=n_cells) for _ in range(bench.few)]
    bench.show("Many cells through a model", points)
    yield Goal(f"seconds through a model, {n_cells:,} x 40", middle([point["seconds"] for point in points]), "<=", 6)


def _point(kind: str, **size: Any) -> dict[str, Any]:
    """Measure one point in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), POINT, kind, json.dumps(size)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _measured(
    kind: str,
    *,
    n_cells: int,
    n_features: int = 40,
    sheet: tuple[int, int] | None = SHEET,
    n_epochs: int | None = None,
) -> dict[str, Any]:
    """Measure one point in this process: a "fit", one to a "sparse" matrix, or the "transform" of cells.

    The peak is that of the resident memory from just before the fit (or transform) to its end, less what the process
    held before it had data, that is after imports and one small fit, and less the bytes of the matrix. What counts is
    thus all that the fit makes, its results among it, and what AnnData makes around the matrix: names of cells.
    """
    run = _warm(kind, n_features, None if sheet is None else tuple(sheet), n_epochs)
    gc.collect()
    empty = _resident("VmRSS")
    adata, n_megabytes = _input(sparse_cells(n_cells, n_features) if kind == "sparse" else mixture(n_cells, n_features))
    before = _resident("VmRSS")
    _forget_peak()
    start = perf_counter()
    run(adata)
    seconds, peak = perf_counter() - start, _resident("VmHWM")
    return {
        "cells": n_cells,
        "features": n_features,
        "neurons": adata.obsm["X_gsr"].shape[1],
        "epochs": len(adata.uns["gsr"]["history"]),
        "seconds": seconds,
        "input, MB": n_megabytes,
        "process before, MB": before,
        PEAK: None if peak is None else peak - empty - n_megabytes,
    }


def _warm(kind: str, n_features: int, graph: tuple[int, int] | None, n_epochs: int | None) -> Callable[[AnnData], None]:
    """Return what is measured, after a small fit; a model to transform with is one of the first cells."""
    fit = partial(scgsr.tl.fit, graph=graph, device="cpu", progress=False)
    if kind == "transform":
        cells = AnnData(mixture(BLOCK, n_features))
        fit(cells, n_epochs=3)
        return partial(scgsr.tl.transform, reference=scgsr.get.model(cells))
    fit(AnnData(mixture(500, 10)), n_epochs=1)  # few features, as what it frees may stay with the process
    return partial(fit, n_epochs=n_epochs)


def _input(matrix: np.ndarray | sparse.csr_matrix) -> tuple[AnnData, float]:
    """Return the cells and how many MB they take, sure that AnnData made no copy."""
    adata = AnnData(matrix)
    pairs = [(matrix, adata.X)]
    if sparse.issparse(matrix):
        pairs = [(getattr(matrix, part), getattr(adata.X, part)) for part in ("data", "indices", "indptr")]
    if not all(np.shares_memory(*pair) for pair in pairs):
        msg = "AnnData has copied the matrix: the peak would count it twice"
        raise RuntimeError(msg)
    return adata, sum(part.nbytes for part, _ in pairs) / 1e6


def mixture(n_cells: int, n_features: int) -> np.ndarray:
    """Return cells from 20 Gaussians, float32, made block by block: more cells begin with the same ones."""
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 2, size=(20, n_features)).astype(np.float32)
    cells = np.empty((n_cells, n_features), dtype=np.float32)
    for start in range(0, n_cells, BLOCK):
        block = cells[start : start + BLOCK]
        rng.standard_normal(dtype=np.float32, out=block)
        block += centres[rng.integers(0, len(centres), len(block))]
    return cells


def sparse_cells(n_cells: int, n_features: int, *, stretch: int = 20) -> sparse.csr_matrix:
    """Return a matrix with one value in each stretch of so many columns, 5 %, float32 with int32, made in blocks."""
    rng = np.random.default_rng(0)
    per_cell = n_features // stretch
    values = np.empty((n_cells, per_cell), dtype=np.float32)
    columns = np.empty((n_cells, per_cell), dtype=np.int32)
    for start in range(0, n_cells, BLOCK):
        rows = slice(start, min(start + BLOCK, n_cells))
        rng.standard_exponential(dtype=np.float32, out=values[rows])
        columns[rows] = rng.integers(0, stretch, columns[rows].shape, dtype=np.int32)
        columns[rows] += stretch * np.arange(per_cell, dtype=np.int32)
    ends = np.arange(n_cells + 1, dtype=np.int32) * per_cell
    return sparse.csr_matrix((values.ravel(), columns.ravel(), ends), shape=(n_cells, n_features))


def _resident(which: str) -> float | None:
    """Return memory of this process in MB: now ("VmRSS") or its peak ("VmHWM"); None where nobody tells it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines[which].split()[0]) * 1024 / 1e6


def _forget_peak() -> None:
    """Let the peak begin anew; where that is forbidden it is that of the process, which was hardly higher before."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


# --- A picture, and the import ---------------------------------------------------------------------------------------


def picture(bench: Bench) -> Iterator[Goal]:
    """Measure the drawing of one panel per group."""
    mpl.use("Agg")
    n_groups = bench.size(40, 6)
    adata = AnnData(mixture(bench.size(10_000, 1000), 40))
    adata.obs["group"] = pd.Categorical(np.arange(adata.n_obs) % n_groups)
    scgsr.tl.fit(adata, SHEET, n_epochs=3, device="cpu", progress=False)

    def draw() -> float:
        start = perf_counter()
        figure = scgsr.pl.activation_map(adata, groupby="group", show=False)
        figure.canvas.draw()
        seconds = perf_counter() - start
        plt.close(figure)
        return seconds

    draw()
    times = alternated({"seconds": draw}, bench.repeats)["seconds"]
    bench.show("Activation map", [{"groups": n_groups, "seconds": middle(times), **_range(times)}])
    yield Goal(f"seconds to draw {n_groups} groups", middle(times), "<", 3)


def imports(bench: Bench) -> Iterator[Goal]:
    """Measure the processor time of the import after that of torch, in fresh processes."""
    code = "import torch; from time import process_time as now; start = now(); import scgsr; print(now() - start)"

    def once() -> float:
        return float(subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True).stdout)

    once()
    times = alternated({"seconds": once}, bench.repeats)["seconds"]
    bench.show("Import after torch", [{"processor seconds": middle(times), **_range(times)}])
    yield Goal("processor seconds of the import after torch", middle(times), "<", 1.5)


# --- The command -----------------------------------------------------------------------------------------------------

SUBJECTS: dict[str, Callable[[Bench], Iterator[Goal]]] = {
    "throughput": throughput,
    "labels": labels,
    "scale": scale,
    "growth": growth,
    "memory": memory,
    "million": million,
    "transform": transform,
    "picture": picture,
    "import": imports,
}


def main() -> None:
    """Measure the subjects and print their tables, then all goals."""
    if sys.argv[1:2] == [POINT]:
        sys.stdout.write(json.dumps(_measured(sys.argv[2], **json.loads(sys.argv[3]))) + "\n")
        return
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("subjects", nargs="*", metavar="subject", help=f"of {', '.join(SUBJECTS)}; all by default")
    parser.add_argument("--repeats", type=int, default=5, help="measurements of each; of what takes minutes at most 3")
    parser.add_argument("--json", type=Path, help="file in which results are kept, subject by subject")
    parser.add_argument("--quick", action="store_true", help="small sizes, one measurement: does the script work?")
    arguments = parser.parse_args()
    unknown = sorted({*arguments.subjects} - {*SUBJECTS})
    if unknown:
        parser.error(f"no subject {' or '.join(unknown)}; there are {', '.join(SUBJECTS)}")
    if arguments.repeats < 1:
        parser.error("--repeats must be at least 1")
    environment = _environment()
    sys.stdout.write(", ".join(f"{name} {value}" for name, value in environment.items()) + "\n\n")
    goals = []
    for name in arguments.subjects or SUBJECTS:
        sys.stderr.write(f"{name} ...\n")
        bench = Bench(1 if arguments.quick else arguments.repeats, arguments.quick)
        found = [goal.row() for goal in SUBJECTS[name](bench)]
        goals += found
        if arguments.json is not None:
            kept = {"environment": environment, "repeats": bench.repeats, "quick": bench.quick}
            _keep(arguments.json, name, {**kept, "tables": bench.tables, "goals": found})
    if goals:
        Bench(0, arguments.quick).show("Goals" + " (meaningless at these sizes)" * arguments.quick, goals)


def _keep(path: Path, subject: str, results: dict[str, Any]) -> None:
    """Write the results of one subject into the file, beside those of others."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**kept, subject: results}, indent=1) + "\n")


def _environment() -> dict[str, str]:
    """Return what the numbers depend on."""
    cpus = Path("/proc/cpuinfo")
    models = [line for line in cpus.read_text().splitlines() if line.startswith("model name")] if cpus.exists() else []
    processor = models[0].split(":")[1].strip() if models else platform.processor()
    found = {"processor": f"{processor} ({os.cpu_count()})", "threads": str(torch.get_num_threads())}
    found["python"] = platform.python_version()
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = NOT_INSTALLED
    return found


if __name__ == "__main__":
    main()
