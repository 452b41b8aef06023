"""Change the pure code in one place at a time, and see whether the tests of that file fail.

    pip install cosmic-ray
    OMP_NUM_THREADS=1 python tests/benchmarks/mutants.py --n 200 --seed 0

A place of a source is drawn at random, then one of the changes that the operators of cosmic-ray make there; what
changes nothing but annotations or docstrings is not counted. Each mutant runs in a forked process, with the test file
that mirrors its source and passes without a change; one that survives is tried with all tests of the room. Prints every
survivor, and the share that was killed.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import importlib
import importlib.machinery
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ["_measures", "_modules", "_values", "graphs"]
# What takes long to import and is no part of the package.
FOREIGN = "torch scipy.sparse scipy.stats pandas sklearn.decomposition matplotlib anndata scanpy hypothesis pytest"
SECONDS = 180.0  # a mutant that runs for longer is killed: it does not end


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
    """Return what a source does, without annotations and docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            if getattr(node, name, None) is not None:
                setattr(node, name, None if name == "returns" or isinstance(node, ast.arg) else ast.Constant(0))
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


def verdict(path: Path, text: str, tests: Path) -> str:
    """Run tests on another text of a source, in a forked process; return whether that was noticed."""
    process = os.fork()
    if process == 0:
        os._exit(_failing(path, text, tests))
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return "survived" if status == 0 else "killed"
        time.sleep(0.02)
    os.kill(process, 9)
    os.waitpid(process, 0)
    return "killed"


def mirror(path: Path) -> Path:
    """Return the test file of a source."""
    return ROOT / "tests" / path.parent.name / f"test{path.name}"


def _failing(path: Path, text: str, tests: Path) -> int:
    """Return 0 if tests pass with this text of a source, else 1."""
    import pytest

    original = importlib.machinery.SourceFileLoader.get_code

    def get_code(loader: Any, name: str) -> Any:
        return compile(text, str(path), "exec") if Path(loader.path) == path else original(loader, name)

    importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    options = "-x -q -p no:cacheprovider -W ignore::pytest.PytestAssertRewriteWarning".split()
    return int(pytest.main([*options, "-m", "not slow", str(tests)]) != 0)


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
    options = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    for name in FOREIGN.split():
        importlib.import_module(name)
    passes: dict[Path, bool] = {}
    end, counts = time.monotonic() + 60 * options.minutes, {"killed": 0, "survived": 0}
    for path, place, name, text in drawn(options.n, options.seed):
        if time.monotonic() > end:
            break
        if path not in passes:
            passes[path] = verdict(path, path.read_text("utf-8"), mirror(path)) == "survived"
        if not passes[path]:
            sys.stdout.write(f"the tests of {path.name} fail without a change\n")
            continue
        ended = verdict(path, text, mirror(path))
        if ended == "survived":
            ended = verdict(path, text, mirror(path).parent)
        counts[ended] += 1
        if ended == "survived":
            where = f"{path.relative_to(ROOT)}:{place[0]}"
            sys.stdout.write(f"{where} {name.removeprefix('core/')}: {change(path, text)}\n")
        sys.stdout.flush()
    total = sum(counts.values())
    sys.stdout.write(f"{total} mutants, {counts['killed']} killed: {counts['killed'] / total:.1%}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
