"""What the files of rules about sources share: how a source is read, and the tests that every rule passes.

A rule is a function from the path and the text of a source to its faults. It is applied to the package, which must have
none, and to planted faults, which it must find: a rule that cannot fail is no rule.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "scgsr"

Rule = Callable[[str, str], Iterator[str]]
# A rule, the path of a source in the package, and its text.
Case = tuple[Rule, str, str]

# Methods by which mappings and lists are changed.
MUTATORS = {"pop", "popitem", "update", "setdefault", "clear", "insert"}


class RulesHold:
    """The tests of a set of rules; a file of rules derives a class from it that names its own."""

    rules: ClassVar[list[Rule]]
    planted: ClassVar[list[Case]]
    innocent: ClassVar[list[Case]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "rule" in metafunc.fixturenames:
            metafunc.parametrize("rule", self.rules, ids=[rule.__name__ for rule in self.rules])
        for name in {"planted_case", "innocent_case"} & set(metafunc.fixturenames):
            cases = getattr(self, name.removesuffix("_case"))
            metafunc.parametrize(name, cases, ids=[f"{rule.__name__}-{path}-{text}" for rule, path, text in cases])

    def test_sources_keep(self, rule):
        assert sources(), "there is nothing to check"
        assert [f"{path}: {fault}" for path, text in sources().items() for fault in rule(path, text)] == []

    def test_a_planted_fault_is_found(self, planted_case):
        rule, path, text = planted_case
        assert list(rule(path, text)) != []

    def test_innocent_code_passes(self, innocent_case):
        rule, path, text = innocent_case
        assert list(rule(path, text)) == []

    def test_every_rule_has_a_planted_fault(self):
        assert {rule for rule, _, _ in self.planted} == set(self.rules)


@functools.cache
def sources() -> dict[str, str]:
    """Return the text of every source of the package by its path in the package."""
    paths = sorted(PACKAGE.rglob("*.py"))
    return {path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8") for path in paths}


def room_of(path: str) -> str:
    """Return the folder of the package that a source lies in, or for a file at its root the name of the file."""
    return path.split("/")[0].removesuffix(".py")


def imports(tree: ast.Module, path: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield the full name of everything imported at any depth, type-checking blocks included."""
    for name, _, node in imported(tree, path):
        yield name, node


def imported(tree: ast.Module, path: str) -> Iterator[tuple[str, str, ast.AST]]:
    """Yield the full name of everything imported, the name that the source has for it, and the statement."""
    package = ["scgsr", *path.split("/")[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, alias.asname or alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((f"{base}.{alias.name}", alias.asname or alias.name, node) for alias in node.names)


def full_name(node: ast.AST, names: dict[str, str]) -> str:
    """Return the source of an expression, its first name replaced by what `names` says was imported under it."""
    first, dot, rest = ast.unparse(node).partition(".")
    return names.get(first, first) + dot + rest


def names_imported(tree: ast.Module, path: str) -> dict[str, str]:
    """Return the full name of everything imported, by the name that the source has for it."""
    return {local: name for name, local, _ in imported(tree, path) if "." not in local}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function at any depth."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def changed(tree: ast.Module) -> Iterator[ast.expr]:
    """Yield every expression that is assigned to, deleted, or changed by a method of mappings or by `setattr`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.Delete):
            for target in node.targets:
                yield from target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
        elif isinstance(node, ast.AugAssign | ast.AnnAssign | ast.For):
            yield node.target
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
            yield node.func.value
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"setattr", "delattr"} and node.args:
            yield node.args[0]
