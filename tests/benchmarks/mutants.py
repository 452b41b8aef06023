"""Change the pure code in one place at a time, and see whether a test fails.

    pip install cosmic-ray coverage
    OMP_NUM_THREADS=1 python tests/benchmarks/mutants.py --n 200 --seed 0

A place of a source is drawn at random, then one of the changes that the operators of cosmic-ray make there. Not
drawn is what changes no result by construction: annotations, docstrings, `kw_only` and `frozen` of a dataclass and of
its fields, and `strict` of a `zip`, all of which only refuse what the package does not do; `directed` of a walk on a
graph, `hermitian` of a pseudoinverse, and rows for columns in the shape of an adjacency, because graphs are symmetric.

Each mutant runs in a forked process: first with the test file that mirrors its source; one that survives, with the test
files that enter the function of the changed line, those of the room first, the fastest first, as far as the limit of
time goes. Which those are is found once, by a run of all test files under coverage, and kept in the file `--entered`.
Prints every survivor, and the share that was killed.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import importlib
import importlib.machinery
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from _entered import ROOT, look, readers, run_tests

ROOMS = ["_measures", "_modules", "_values", "graphs"]
# What takes long to import and is no part of the package.
FOREIGN = "torch scipy.sparse scipy.stats pandas sklearn.decomposition matplotlib anndata scanpy hypothesis pytest"
# A mutant that runs for so many seconds, and so many times as long as its tests take without it, does not end: killed.
SECONDS, TIMES = 60.0, 10.0
# Tests of other files are run on a mutant that take no longer than this without it; one that then takes three times as
# long has survived.
OTHERS = 60.0
# What only refuses calls that the package does not make; and ways to the same result, as all graphs are symmetric.
_WALKS = "connected_components shortest_path dijkstra breadth_first_order depth_first_order".split()
NO_MATTER = {"dataclass": {"kw_only", "frozen"}, "field": {"kw_only"}, "zip": {"strict"}, "pinv": {"hermitian"}}
NO_MATTER |= {name: {"directed"} for name in _WALKS}


def sources() -> list[Path]:
    """Return the sources of the pure rooms whose tests need no data."""
    return [path for room in ROOMS for path in sorted((ROOT / "scgsr" / room).glob("_[a-z]*.py"))]


def mutations(path: Path) -> Iterator[tuple[tuple[int, int], str, int]]:
    """Yield the place, the operator and its occurrence of every change that can be made to a source."""
    from cosmic_ray import plugins
    from cosmic_ray.ast import ast_nodes, get_ast_from_path

    tree = get_ast_from_path(path)
    for name in sorted(plugins.operator_names()):
        operator_class, occurrence = plugins.get_operator(name), 0
        if operator_class.arguments():
            continue
        operator = operator_class()
        for node in ast_nodes(tree):
            for start, _ in operator.mutation_positions(node):
                yield start, name, occurrence
                occurrence += 1


def mutated(text: str, name: str, occurrence: int) -> str | None:
    """Return the text of a source with one change."""
    from cosmic_ray import plugins
    from cosmic_ray.mutating import mutate_code

    return mutate_code(text, plugins.get_operator(name)(), occurrence)


def meaning(text: str) -> str:
    """Return what a source does, without annotations, docstrings and what is `NO_MATTER`; an adjacency is square."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            if getattr(node, name, None) is not None:
                setattr(node, name, None if name == "returns" or isinstance(node, ast.arg) else ast.Constant(0))
        if isinstance(node, ast.Call):
            no_matter = NO_MATTER.get(ast.unparse(node.func).split(".")[-1], set())
            node.keywords = [keyword for keyword in node.keywords if keyword.arg not in no_matter]
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("adjacency.shape"):
            node.slice = ast.Constant(0) if ast.unparse(node.slice) in {"0", "1", "-1", "-2"} else node.slice
        match getattr(node, "body", None):
            case [ast.Expr(ast.Constant()) as docstring, *_]:
                docstring.value = ast.Constant("")
    return ast.dump(tree)


def drawn(n: int, seed: int) -> Iterator[tuple[Path, tuple[int, int], str, str]]:
    """Yield so many mutants: source, place, operator and text."""
    places: dict[tuple[Path, tuple[int, int]], list[tuple[str, int]]] = defaultdict(list)
    for path in sources():
        for place, name, occurrence in mutations(path):
            places[path, place].append((name, occurrence))
    rng, keys = np.random.default_rng(seed), sorted(places)
    sys.stdout.write(f"{sum(map(len, places.values())):,} mutants at {len(keys):,} places of {len(sources())} files\n")
    for index in rng.permutation(len(keys)):
        path, place = keys[index]
        name, occurrence = places[path, place][rng.integers(len(places[path, place]))]
        text = path.read_text("utf-8")
        changed = mutated(text, name, occurrence)
        try:
            same = changed is None or meaning(changed) == meaning(text)
        except SyntaxError:  # no Python comes of it
            same = True
        if same:
            continue
        yield path, place, name, changed
        n -= 1
        if not n:
            return


def verdict(path: Path, text: str, tests: list[Path], seconds: float) -> str:
    """Run tests on another text of a source, in a forked process; return "killed", "survived" or "late"."""
    process = os.fork()
    if process == 0:
        os._exit(_failing(path, text, tests))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return "survived" if status == 0 else "killed"
        time.sleep(0.02)
    os.kill(process, 9)
    os.waitpid(process, 0)
    return "late"


def mirror(path: Path) -> Path:
    """Return the test file of a source."""
    return ROOT / "tests" / path.parent.name / f"test{path.name}"


def _failing(path: Path, text: str, tests: list[Path]) -> int:
    """Return 0 if tests pass with this text of a source, else 1."""
    original = importlib.machinery.SourceFileLoader.get_code

    def get_code(loader: Any, name: str) -> Any:
        return compile(text, str(path), "exec") if Path(loader.path) == path else original(loader, name)

    importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
    return int(run_tests(tests) != 0)


def others(known: dict[str, Any], path: Path, line: int, seconds: float) -> list[Path]:
    """Return the test files beside the mirror that may notice a change of a line, of the room first, within seconds."""
    first = mirror(path)
    chosen, total = [], 0.0
    for tests in sorted(readers(known, path, line), key=lambda tests: tests.parent != first.parent):
        took = known[tests.relative_to(ROOT).as_posix()]["seconds"]
        if tests != first and total + took <= seconds:
            chosen.append(tests)
            total += took
    return chosen


def tried(known: dict[str, Any], path: Path, line: int, text: str) -> str:
    """Return the first test file, or how many others, that a mutant does not pass; "" if it survives."""
    first = mirror(path)
    took = known[first.relative_to(ROOT).as_posix()]["seconds"]
    if verdict(path, text, [first], max(SECONDS, TIMES * took)) != "survived":
        return first.name
    rest = others(known, path, line, OTHERS)
    if rest and verdict(path, text, rest, SECONDS + 3 * OTHERS) == "killed":
        return f"{len(rest)} others"
    return ""


def change(path: Path, text: str) -> str:
    """Return the lines that differ."""
    lines = difflib.unified_diff(path.read_text("utf-8").splitlines(), text.splitlines(), lineterm="", n=0)
    return " | ".join(line.strip() for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---"))


def main() -> int:
    """Try `--n` mutants."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=200, help="how many mutants (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw (default: 0)")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no mutant after so many minutes")
    entered = Path(tempfile.gettempdir()) / "scgsr_entered.json"
    parser.add_argument("--entered", type=Path, default=entered, help=f"what tests enter (default: {entered})")
    options = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    for name in FOREIGN.split():
        importlib.import_module(name)
    known = look(options.entered, ROOMS)
    end, counts = time.monotonic() + 60 * options.minutes, {True: 0, False: 0}
    for path, place, name, text in drawn(options.n, options.seed):
        if time.monotonic() > end:
            break
        where = f"{path.relative_to(ROOT)}:{place[0]}"
        if not known[mirror(path).relative_to(ROOT).as_posix()]["passes"]:
            sys.stdout.write(f"{where}: the tests fail without a change\n")
            continue
        by = tried(known, path, place[0], text)
        counts[bool(by)] += 1
        if not by or "others" in by:
            told = f"killed by {by}" if by else "SURVIVED"
            sys.stdout.write(f"{told}: {where} {name.removeprefix('core/')}: {change(path, text)}\n")
        sys.stdout.flush()
    total = sum(counts.values())
    sys.stdout.write(f"{total} mutants, {counts[True]} killed: {counts[True] / total:.1%}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
