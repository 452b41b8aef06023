"""Is the result good? One command fits all methods to all data sets and prints one Markdown table per question.

    SCGSR_DATA=<folder> python tests/benchmarks/quality.py --json quality.json [--data thymus flowsom] [--seeds 5]

Every method runs at its default settings; cells show the median and the range over seeds. Runs are written to the JSON
as they come, and those it already has are not repeated: other data sets and methods can be filled in later, or the
tables printed again with `--print-only`. Peers come with the extra `bench`; what could not run is listed.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import _methods
import numpy as np
from _data import SOURCES
from _fit import NotRunError
from _goals import goals
from _results import Results, Task, middle, packed

import scgsr

# Penalties up to one that is far too strong, for `--collapse`.
SMOOTHNESS = (0, 0.1, 1, 10)
# What counts where a measure is undefined because the code collapsed: such a seed must not drop out of the median.
WORST = {"r2": 0, "agreement": 0, "moran": 0, "cosine": 1, "connected": 0, "connected_p": 1}


class Column(NamedTuple):
    """One measure in a table."""

    title: str
    measure: str
    digits: int = 3


# Question, kind of data, columns; a method has a row if it has the first measure.
QUESTIONS = [
    (
        "Is the reconstruction unharmed?",
        "labelled",
        [Column("held-out R2", "r2", 4), Column("dead neurons", "dead", 0), Column("silent cells", "silent")],
    ),
    (
        "Are the pictures smooth, and smoother than re-ordering the neurons makes them?",
        "labelled",
        [
            Column("Moran's I", "moran"),
            Column("re-ordered", "moran_reordered"),
            Column("ratio", "moran_ratio", 2),
            Column("off the sheet's, if made equal", "moran_missed"),
            Column("scale of the loss", "topoloss_scale", 2),
        ],
    ),
    (
        "Do the known groups activate regions of their own, each in one piece?",
        "labelled",
        [
            Column("mean cosine", "cosine"),
            Column("smallest connected share", "connected"),
            Column("p", "connected_p", 4),
            Column("groups without region", "landless", 0),
        ],
    ),
    (
        "Do the labels agree with the known groups? (k-means is told their number.)",
        "labelled",
        [
            Column("ARI", "ari"),
            Column("NMI", "nmi"),
            Column("F1", "f1"),
            Column("least F1", "f1_least"),
            Column("k", "k", 0),
            Column("k / known", "k_ratio", 2),
            Column("stability", "stability"),
            Column("seconds", "seconds", 2),
        ],
    ),
    (
        "Do they, when all are told the number of groups?",
        "labelled",
        [
            Column("ARI", "ari_matched"),
            Column("NMI", "nmi_matched"),
            Column("k found", "k_matched", 0),
            Column("k known", "k_known", 0),
        ],
    ),
    (
        "Are the pieces that labels are made of pure, and does the confidence tell which labels are right?",
        "labelled",
        [
            Column("pieces / k-means pieces", "pieces"),
            Column("AUROC of the confidence", "confidence_auroc"),
            Column("errors, least confident tenth / others", "confidence_low", 2),
        ],
    ),
    (
        "Does a single unit tell a known group from the rest?",
        "labelled",
        [Column("AUROC of the best unit, mean", "unit_auroc"), Column("of the worst group", "unit_auroc_least")],
    ),
    (
        "Are independent switches found?",
        "bits",
        [Column("worst bit, \\|r\\|", "worst_bit"), Column("ARI with states", "ari_states"), Column("k", "k", 0)],
    ),
    (
        "Is a known shape found?",
        "topology",
        [Column("agreement", "agreement"), Column("winding", "winding", 0), Column("held-out R2", "r2", 4)],
    ),
]


# --- Runs ------------------------------------------------------------------------------------------------------------


def execute(task: Task) -> dict[str, Any]:
    """Return the task with what was measured, or with why it was not."""
    record = {**task._asdict(), "sources": _fingerprint()}
    try:
        if task.smoothness is not None:
            measures, labels = _methods.collapse(task.data, task.method, task.smoothness, task.cells), None
        else:
            measures, labels = _methods.run(task.method, task.data, task.seed, task.cells)
    except (FileNotFoundError, NotRunError) as reason:
        return {**record, "not_run": str(reason)}
    except (ArithmeticError, KeyError, RuntimeError, ValueError) as error:
        return {**record, "not_run": f"failed: {type(error).__name__}: {error}"}
    sound = {name: value if np.isfinite(value) else WORST.get(name) for name, value in measures.items()}
    record["measures"] = {name: float(value) for name, value in sound.items() if value is not None}
    return record if labels is None else {**record, "labels": packed(labels)}


def _carried_out(tasks: list[Task], n_jobs: int) -> Iterator[dict[str, Any]]:
    if n_jobs == 1:
        yield from map(execute, tasks)
        return
    with ProcessPoolExecutor(n_jobs, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(execute, task) for task in tasks]):
            yield done.result()


@cache
def _fingerprint() -> str:
    """Return a short digest of the sources of scgsr, so that runs of different code can be told apart."""
    digest = hashlib.sha256()
    for path in sorted(Path(scgsr.__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


# --- Tables ----------------------------------------------------------------------------------------------------------


def report(results: Results) -> Iterator[str]:
    """Yield the Markdown, one table after the other."""
    collapsed = results.select(collapse=True)
    runs = [*results.select(), *collapsed]
    sources = {run["sources"] for run in runs if "measures" in run}
    yield ", ".join(f"{name} {value}" for name, value in results.environment.items())
    yield f"Cells: {results.n_cells or 'all'}. Sources of scgsr: {', '.join(sorted(sources)) or 'none'}." + (
        " **Runs of different code are mixed.**" if len(sources) > 1 else ""
    )
    for title, kind, columns in QUESTIONS:
        rows = list(_rows(results, kind, columns))
        if rows:
            yield f"## {title}\n\n" + _table(["data", "method", *(column.title for column in columns)], rows)
    if collapsed:
        header = ["data", "graph", "smoothness", "held-out R2", "dead neurons", "silent cells", "warned", "verdict"]
        yield "## Does a collapse go unnoticed?\n\n" + _table(header, map(_collapse_row, collapsed))
    header = ["goal", "data", "measured", "target", "verdict"]
    yield "## Goals\n\n" + _table(header, [goal.row() for goal in goals(results)])
    not_run = sorted({(run["data"], run["method"], run["not_run"]) for run in runs if "not_run" in run})
    if not_run:
        yield "## Not run\n\n" + "\n".join(f"- {data}, {method}: {reason}" for data, method, reason in not_run)


def _rows(results: Results, kind: str, columns: list[Column]) -> Iterator[list[str]]:
    for data, source in SOURCES.items():
        for method in _methods.METHODS_FOR[kind] if source.kind == kind else []:
            cells = [_spread(results.by_seed(data, method, column.measure), column.digits) for column in columns]
            if cells[0]:
                yield [data, method, *cells]


def _spread(values: dict[int, float], digits: int) -> str:
    """Write the median and, if they differ, the smallest and the largest."""
    if not values:
        return ""
    centre, low, high = (
        f"{found:.{digits}f}" for found in (middle(values), min(values.values()), max(values.values()))
    )
    return centre if low == high else f"{centre} ({low}–{high})"


def _collapse_row(run: dict[str, Any]) -> list[str]:
    start = [run["data"], run["method"], f"{run['smoothness']:g}"]
    if "not_run" in run:
        return [*start, "", "", "", "", "not run"]
    found = run["measures"]
    collapsed = found["r2"] < 0.01 or found["dead"] >= found["neurons"] / 2
    verdict = "FAIL" if collapsed and not found["warned"] else "collapsed, said so" if collapsed else "holds"
    dead = f"{found['dead']:.0f} of {found['neurons']:.0f}"
    return [*start, f"{found['r2']:.4f}", dead, f"{found['silent']:.3f}", "yes" if found["warned"] else "no", verdict]


def _table(header: list[str], rows: Iterable[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


# --- The command -----------------------------------------------------------------------------------------------------


def main() -> None:
    """Run what is missing and print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", nargs="+", default=[""], help=f"of {', '.join(SOURCES)}; a beginning is enough")
    parser.add_argument("--methods", nargs="+", default=[*_methods.METHODS], choices=[*_methods.METHODS])
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    parser.add_argument("--json", type=Path, help="file in which runs are kept")
    parser.add_argument("--jobs", type=int, default=1, help="processes; with more than one, seconds mean little")
    parser.add_argument("--cells", type=int, help="take a random sample of so many cells of each data set")
    parser.add_argument("--collapse", action="store_true", help="look for silent collapse at high smoothness instead")
    parser.add_argument("--redo", action="store_true", help="repeat runs that the JSON already has")
    parser.add_argument("--print-only", action="store_true", help="print the tables of the JSON, run nothing")
    arguments = parser.parse_args()
    unknown = [start for start in arguments.data if not any(data.startswith(start) for data in SOURCES)]
    if unknown:
        parser.error(f"no data set begins with {' or '.join(unknown)}")
    chosen = [data for data in SOURCES if data.startswith(tuple(arguments.data))]
    results = Results(arguments.json, arguments.cells)
    if not arguments.print_only:
        tasks = _collapse_tasks(chosen, arguments) if arguments.collapse else _tasks(chosen, arguments)
        wanted = [task for task in tasks if arguments.redo or results.lacks(task)]
        for number, record in enumerate(_carried_out(wanted, arguments.jobs), start=1):
            results.add(record)
            sys.stderr.write(f"{number}/{len(wanted)} {_told(record)}\n")
    sys.stdout.write("\n\n".join(report(results)) + "\n")


def _told(record: dict[str, Any]) -> str:
    """Return one line about a run."""
    what = f"seed {record['seed']}" if record["smoothness"] is None else f"smoothness {record['smoothness']:g}"
    return f"{record['data']}, {record['method']}, {what}: {record.get('not_run', 'done')}"


def _tasks(chosen: list[str], arguments: argparse.Namespace) -> list[Task]:
    """Return all runs; the methods of one seed follow each other, so that they are timed on the same machine load."""
    return [
        Task(data, method, seed, arguments.cells)
        for data in chosen
        for seed in range(arguments.seeds)
        for method in _methods.METHODS_FOR[SOURCES[data].kind]
        if method in arguments.methods
    ]


def _collapse_tasks(chosen: list[str], arguments: argparse.Namespace) -> list[Task]:
    return [
        Task(data, graph, 0, arguments.cells, smoothness)
        for data in chosen
        for graph in _methods.COLLAPSE_GRAPHS
        for smoothness in SMOOTHNESS
    ]


if __name__ == "__main__":
    main()
