"""What holds of each source by itself: it is finished, of a size to read, and plain."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent

import pytest
from _rules import ROOT, RulesHold, functions, sources

MAX_FILE_LINES = 300
MAX_BODY_LINES = 35
# Files, and functions as "path:function" or "path:Class.method", that may be larger, and why.
MAY_BE_LARGER: dict[str, str] = {}

FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef

# A record with more fields is made by keyword.
MAX_FIELDS_BY_POSITION = 4


def unfinished_faults(path: str, text: str) -> Iterator[str]:
    """What is there is finished; the methods of a protocol only describe others."""
    for number, line in enumerate(text.splitlines(), start=1):
        if re.search(r"\b(TODO|FIXME|XXX)\b|raise NotImplementedError", line):
            yield f"line {number}: {line.strip()}"
    tree = ast.parse(text)
    described = {id(function) for protocol in protocols(tree) for function in functions(protocol)}
    for function in functions(tree):
        if id(function) not in described and all(is_idle(node) for node in function.body):
            yield f"line {function.lineno}: {function.name} does nothing"


def protocols(tree: ast.Module) -> Iterator[ast.ClassDef]:
    """Yield the classes that are protocols."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "Protocol" for base in node.bases):
            yield node


def is_idle(node: ast.stmt) -> bool:
    """Whether a statement is `pass`, `...` or a docstring."""
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef, text: str) -> int:
    """Return the number of lines of code below the signature: no docstring, comment or blank line."""
    lines = text.splitlines()
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    spanned = {number for node in body for number in range(node.lineno, node.end_lineno + 1)}
    return sum(bool(lines[number - 1].strip()) and not lines[number - 1].strip().startswith("#") for number in spanned)


def named_functions(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield every function with its full name in the file, as "Class.method"."""
    for child in ast.iter_child_nodes(node):
        name = f"{prefix}{child.name}" if isinstance(child, FUNCTIONS | ast.ClassDef) else ""
        if isinstance(child, FUNCTIONS):
            yield name, child
        yield from named_functions(child, f"{name}." if name else prefix)


def sizes(path: str, text: str) -> Iterator[tuple[str, int]]:
    """Yield the name and the number of lines of a file, and of each function body in it, that are too large."""
    n_lines = len(text.splitlines())
    if n_lines > MAX_FILE_LINES:
        yield path, n_lines
    for name, function in named_functions(ast.parse(text)):
        if (size := body_lines(function, text)) > MAX_BODY_LINES:
            yield f"{path}:{name}", size


def size_faults(path: str, text: str) -> Iterator[str]:
    """A file is one idea, a function fits on a screen."""
    for name, size in sizes(path, text):
        if name not in MAY_BE_LARGER:
            yield f"{name} has {size} lines, at most {MAX_BODY_LINES if ':' in name else MAX_FILE_LINES}"


def records(tree: ast.AST) -> Iterator[ast.ClassDef]:
    """Yield the dataclasses and NamedTuples of many fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            marks = [ast.unparse(mark).split("(")[0].split(".")[-1] for mark in [*node.decorator_list, *node.bases]]
            fields = [
                field
                for field in node.body
                if isinstance(field, ast.AnnAssign) and "ClassVar" not in ast.unparse(field.annotation)
            ]
            if {"dataclass", "NamedTuple"} & set(marks) and len(fields) > MAX_FIELDS_BY_POSITION:
                yield node


@functools.cache
def records_of_the_package() -> frozenset[str]:
    trees = (ast.parse(text) for text in sources().values())
    return frozenset(record.name for tree in trees for record in records(tree))


def record_faults(path: str, text: str) -> Iterator[str]:
    """A record of many fields is made by keyword, so that no two fields can be mistaken for each other."""
    tree = ast.parse(text)
    names = {record.name for record in records(tree)} | records_of_the_package()
    own = {id(node) for record in records(tree) for node in ast.walk(record)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and any(not isinstance(value, ast.Starred) for value in node.args):
            made = ast.unparse(node.func).split(".")[-1]
            if made in names or (made == "cls" and id(node) in own):
                yield f"line {node.lineno}: {ast.unparse(node.func)}(...) by position"


def doi_faults(path: str, text: str) -> Iterator[str]:
    """A DOI has one form, a link."""
    for number, line in enumerate(text.splitlines(), start=1):
        for match in re.finditer(r"(?<![\d.])10\.\d{4,9}/\w", line):
            if not line[: match.start()].endswith("https://doi.org/"):
                yield f"line {number}: {line.strip()}"


LONG = "def f():\n" + "    x = 1\n" * (MAX_BODY_LINES + 1)
MANY = "@dataclass\nclass Five:\n    a: int\n    b: int\n    c: int\n    d: int\n    e: int\n"


RULES = [
    unfinished_faults,
    size_faults,
    record_faults,
    doi_faults,
]
PLANTED = [
    (unfinished_faults, "nn.py", "x = 1  # TODO"),
    (unfinished_faults, "nn.py", "def f():\n    raise NotImplementedError"),
    (unfinished_faults, "nn.py", "def f():\n    '''Later.'''"),
    (unfinished_faults, "nn.py", "def f():\n    ..."),
    (unfinished_faults, "nn.py", "class A(Base):\n    def f(self):\n        '''Later.'''"),
    (size_faults, "nn.py", "x = 1\n" * (MAX_FILE_LINES + 1)),
    (size_faults, "nn.py", LONG),
    (size_faults, "nn.py", LONG + "def f(): ..."),
    (size_faults, "nn.py", f"class A:\n{indent(LONG, '    ')}class B:\n    def f(self): ..."),
    (size_faults, "nn.py", f"if TYPE_CHECKING:\n{indent(LONG, '    ')}"),
    (record_faults, "nn.py", MANY + "Five(1, b=2, c=3, d=4, e=5)"),
    (record_faults, "nn.py", MANY + "    def of(cls):\n        return cls(1, b=2, c=3, d=4, e=5)"),
    (record_faults, "nn.py", MANY.replace("@dataclass", "@dataclasses.dataclass(frozen=True)") + "Five(1, *rest)"),
    (record_faults, "nn.py", MANY.replace("@dataclass\n", "").replace("Five", "Five(NamedTuple)") + "Five(1)"),
    (record_faults, "tl/_a.py", "graphs.LearnedGraph(100)"),
    (doi_faults, "nn.py", "# doi 10.1002/9780470316979"),
    (doi_faults, "nn.py", "# doi:10.1002/9780470316979"),
    (doi_faults, "nn.py", "# http://doi.org/10.1002/9780470316979"),
    (doi_faults, "nn.py", "# https://dx.doi.org/10.1002/9780470316979"),
]
INNOCENT = [
    (unfinished_faults, "nn.py", "class A(Protocol):\n    def f(self):\n        '''Give it.'''"),
    (unfinished_faults, "nn.py", "def f():\n    '''Done.'''\n    return 1"),
    (size_faults, "nn.py", "def f():\n" + "    # why\n\n" * MAX_BODY_LINES + "    return 1\n"),
    (record_faults, "nn.py", MANY + "Five(a=1, b=2, c=3, d=4, e=5)\nFive(*rest)\nFive(**rest)"),
    (record_faults, "nn.py", MANY.replace("    e: int\n", "    e: ClassVar[int] = 3\n") + "Five(1, 2, 3, 4)"),
    (record_faults, "nn.py", MANY.replace("@dataclass\n", "") + "Five(1)\ncls(1)"),
    (doi_faults, "nn.py", "# https://doi.org/10.1002/9780470316979; 10.5/2, 3.10.1234/5"),
]


class TestSources(RulesHold):
    rules, planted, innocent = RULES, PLANTED, INNOCENT


def test_every_exception_is_needed_and_has_a_reason():
    large = {name for path, text in sources().items() for name, _ in sizes(path, text)}
    assert set(MAY_BE_LARGER) <= large
    assert all(MAY_BE_LARGER.values())


def test_texts_cite_dois_in_the_same_form():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0 or not listed.stdout:
        pytest.skip("this is not a git checkout")
    kinds, own = {".md", ".py", ".yaml", ".ipynb"}, Path(__file__).relative_to(ROOT)
    paths = [Path(path) for path in listed.stdout.splitlines()]
    texts = {path: (ROOT / path).read_text("utf-8") for path in paths if path.suffix in kinds and path != own}
    assert [f"{path}: {fault}" for path, text in texts.items() for fault in doi_faults(str(path), text)] == []
