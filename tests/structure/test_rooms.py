"""The house: which room may know which, what leaves a room by its door, and who touches the user's AnnData.

Every rule is a function from a source to a list of faults. It is applied to the package, which must have none, and to a
planted fault, which it must find: a rule that cannot fail is no rule.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "scgsr"

# A room is a folder of the package, or a file at its root. A pure room imports only pure rooms named before it.
PURE = "_checks _random _device _values graphs nn _modules _model _train _measures".split()
BOUNDARY = ["_adata"]
FACE = ["__init__", "__main__", "cli", "tl", "get", "pl", "pp", "datasets", "io"]

# The only private files at the root of the package.
GROUND = ["_checks.py", "_random.py", "_device.py"]

SLOTS = {"X", "layers", "obs", "var", "obsm", "varm", "obsp", "varp", "uns", "raw"}
BY_NAME = rf"(get|set|del)attr\(\w+, '({'|'.join(sorted(SLOTS))})'"
MAY_TOUCH_SLOTS = {
    "_adata": "the one door to the user's object",
    "datasets": "fills AnnData objects that it has just made",
    "io": "fills AnnData objects that it has just made, and writes files of those given",
}
SLOT_NAME = r"^gsr$|\bX_gsr\b|\bgsr_\w|(^|\W)X_$|^_(confidence|novelty|programs)\b"  # also pieces of f-strings

# What all of the process owns, and the calls by which mappings are changed.
SHARED_STATE = {"rcParams", "environ"}
MUTATORS = {"pop", "popitem", "update", "setdefault", "clear", "insert"}


def room_of(path: str) -> str:
    return path.split("/")[0].removesuffix(".py")


def imports(tree: ast.Module, path: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield the full name of everything imported at any depth, type-checking blocks included."""
    package = ["scgsr", *path.split("/")[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((f"{base}.{alias.name}", node) for alias in node.names)


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


# --- Rooms ------------------------------------------------------------------------------------------------------------


def tier_faults(path: str, text: str) -> Iterator[str]:
    """Pure rooms know no AnnData and look only upwards; the boundary knows no pictures and no face."""
    room = room_of(path)
    if room not in PURE + BOUNDARY + FACE:
        yield f"room {room!r} is in no tier"
        return
    foreign = {"anndata", "scanpy", "matplotlib"} if room in PURE else {"matplotlib"} if room in BOUNDARY else set()
    known = {room, *PURE[: PURE.index(room)]} if room in PURE else {*PURE, *BOUNDARY} if room in BOUNDARY else None
    for name, node in imports(ast.parse(text), path):
        first, *rest = name.split(".")
        if first in foreign:
            yield f"line {node.lineno}: imports {name}"
        if known is not None and first == "scgsr" and (not rest or rest[0] not in known):
            yield f"line {node.lineno}: imports {name}, which is not above it"


@functools.cache
def offered(room: str) -> frozenset[str] | None:
    """Return what leaves a room by its door: the `__all__` of a folder; None, all public names, for a file."""
    door = PACKAGE / room / "__init__.py"
    if not door.exists():
        return None
    for node in ast.parse(door.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]:
            return frozenset(ast.literal_eval(node.value))
    return frozenset()


def attributes_of_rooms(tree: ast.Module, path: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield the full name of what is used as an attribute of a room that was imported whole, such as `_x.name`."""
    whole = {"scgsr": "scgsr"}
    for name, node in imports(tree, path):
        first, *rest = name.split(".")
        if first == "scgsr" and len(rest) == 1:
            whole |= {alias.asname or alias.name: name for alias in node.names if alias.name in {name, *rest}}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            first, *rest = ast.unparse(node).split(".")
            if first in whole and all(part.isidentifier() for part in rest):
                yield ".".join([whole[first], *rest]), node


def door_faults(path: str, text: str) -> Iterator[str]:
    """Of another room only what its door offers is known, by `from scgsr._x import name` or as `_x.name`."""
    tree = ast.parse(text)
    for name, node in [*imports(tree, path), *attributes_of_rooms(tree, path)]:
        first, *rest = name.split(".")
        if first != "scgsr" or len(rest) < 2 or rest[0] == room_of(path) or rest[0] not in PURE + BOUNDARY + FACE:
            continue
        room, what = rest[:2]
        names = offered(room)
        if what.startswith("_") if names is None else what not in names:
            yield f"line {node.lineno}: {name} does not leave {room} by its door"


def ground_faults(path: str, text: str) -> Iterator[str]:
    """At the root of the package lie public files and the ground floor."""
    if "/" not in path and path.startswith("_") and path not in {"__init__.py", "__main__.py", *GROUND}:
        yield f"lies at the root, where only {GROUND} are private"


def mirror_faults(path: str, text: str) -> Iterator[str]:
    """Each private file has a test file of its own, in a folder of the same name."""
    *folders, name = path.split("/")
    if name.startswith("_") and not name.startswith("__"):
        tests = Path("tests", *folders, f"test{name}")
        if not (ROOT / tests).exists():
            yield f"has no {tests.as_posix()}"


def laziness_faults(path: str, text: str) -> Iterator[str]:
    """Scanpy and pyplot are slow to import: only inside functions. Scanpy's private names are not ours."""
    tree = ast.parse(text)
    blocks = [*functions(tree), *(n for n in ast.walk(tree) if isinstance(n, ast.If) and is_for_types(n))]
    inside = {id(node) for block in blocks for node in ast.walk(block)}
    for name, node in imports(tree, path):
        parts = name.split(".")
        if (parts[0] == "scanpy" or parts[:2] == ["matplotlib", "pyplot"]) and id(node) not in inside:
            yield f"line {node.lineno}: imports {name} at import time"
        if parts[0] == "scanpy" and any(part.startswith("_") for part in parts):
            yield f"line {node.lineno}: {name} is private to Scanpy"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and re.match(r"(sc|scanpy)\.(\w+\.)*_", ast.unparse(node)):
            yield f"line {node.lineno}: {ast.unparse(node)} is private to Scanpy"


def is_for_types(block: ast.If) -> bool:
    return ast.unparse(block.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


# --- Slots of the user's AnnData -------------------------------------------------------------------------------------


def slot_faults(path: str, text: str) -> Iterator[str]:
    """Slots are read and written only behind the door, and in rooms that fill an AnnData of their own.

    What an expression is cannot be seen in a source, so every attribute with the name of a slot counts, with two
    exceptions: a method that is called, as `values.var(axis=0)`, and an attribute of `self`.
    """
    if room_of(path) in MAY_TOUCH_SLOTS:
        return
    tree = ast.parse(text)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in SLOTS:
            of_self = isinstance(node.value, ast.Name) and node.value.id == "self"
            if id(node) not in called and not of_self:
                yield f"line {node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.Call) and re.match(BY_NAME, ast.unparse(node)):
            yield f"line {node.lineno}: {ast.unparse(node)}"


def slot_name_faults(path: str, text: str) -> Iterator[str]:
    """A slot name is spelled in `_adata/_keys.py`; elsewhere only the key itself, as a default."""
    if path == "_adata/_keys.py":
        return
    tree = ast.parse(text)
    exempt = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    for node in ast.walk(tree):
        if isinstance(node, ast.arguments):
            exempt |= {id(default) for default in [*node.defaults, *node.kw_defaults]}
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and id(node) not in exempt else None
        if isinstance(text, str) and re.search(SLOT_NAME, text):
            yield f"line {node.lineno}: spells a slot name, {text!r}"


# --- What belongs to the whole process --------------------------------------------------------------------------------


def attribute_behind(node: ast.AST, names: set[str]) -> str | None:
    """Return which of `names` an expression such as `mpl.rcParams["a"].values` reaches through, methods aside."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred | ast.Call):
        if isinstance(node, ast.Call):
            node = node.func.value if isinstance(node.func, ast.Attribute) else node.func
            continue
        if isinstance(node, ast.Attribute) and node.attr in names:
            return node.attr
        node = node.value
    return None


def changed(tree: ast.Module) -> Iterator[ast.expr]:
    """Yield every expression that is assigned to, deleted, or changed by a method of mappings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.Delete):
            for target in node.targets:
                yield from target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
        elif isinstance(node, ast.AugAssign | ast.AnnAssign | ast.For):
            yield node.target
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
            yield node.func.value


def shared_state_faults(path: str, text: str) -> Iterator[str]:
    """Nobody writes rcParams or the environment."""
    for target in changed(ast.parse(text)):
        if name := attribute_behind(target, SHARED_STATE):
            yield f"line {target.lineno}: writes .{name}"


RULES = [
    tier_faults,
    door_faults,
    ground_faults,
    mirror_faults,
    laziness_faults,
    slot_faults,
    slot_name_faults,
    shared_state_faults,
]
PLANTED = [
    (tier_faults, "_utils.py", ""),
    (tier_faults, "utils/_a.py", ""),
    (tier_faults, "nn.py", "import anndata"),
    (tier_faults, "nn.py", "if TYPE_CHECKING:\n    from anndata import AnnData"),
    (tier_faults, "nn.py", "def f():\n    import matplotlib.pyplot as plt"),
    (tier_faults, "graphs/_a.py", "from scgsr.nn import StructuredLayer"),
    (tier_faults, "graphs/_a.py", "from ..nn import StructuredLayer"),
    (tier_faults, "graphs/_a.py", "from .. import nn"),
    (tier_faults, "_random.py", "from scgsr import _checks, graphs"),
    (tier_faults, "_random.py", "import scgsr.graphs"),
    (tier_faults, "_random.py", "import scgsr"),
    (tier_faults, "_modules/_a.py", "from scgsr._adata import Keys"),
    (tier_faults, "_adata/_a.py", "from scgsr import get"),
    (tier_faults, "_adata/_a.py", "import matplotlib"),
    (door_faults, "tl/_a.py", "from scgsr._adata._view import mask"),
    (door_faults, "tl/_a.py", "from scgsr._adata import _view"),
    (door_faults, "tl/_a.py", "import scgsr._adata._view"),
    (door_faults, "tl/_a.py", "def f():\n    from scgsr.graphs._graph import checked_adjacency"),
    (door_faults, "tl/_a.py", "from .._adata._view import mask"),
    (door_faults, "tl/_a.py", "from .._adata import snapshot"),
    (door_faults, "tl/_a.py", "from scgsr import _adata\n_adata.snapshot(1)"),
    (door_faults, "tl/_a.py", "from .. import _adata\n_adata.snapshot(1)"),
    (door_faults, "tl/_a.py", "from scgsr import _adata as door\ndoor._view.mask(1)"),
    (door_faults, "tl/_a.py", "import scgsr._adata as door\ndoor._view.mask(1)"),
    (door_faults, "tl/_a.py", "import scgsr\nscgsr.graphs._graph.checked_adjacency(1)"),
    (door_faults, "tl/_a.py", "from scgsr._checks import _NAMES_SHOWN"),
    (door_faults, "__init__.py", "from scgsr._model._fitted import FittedModel"),
    (ground_faults, "_keys.py", ""),
    (ground_faults, "_values.py", ""),
    (mirror_faults, "_values/_nothing.py", ""),
    (mirror_faults, "_nothing.py", ""),
    (laziness_faults, "get.py", "import scanpy as sc"),
    (laziness_faults, "pl/_a.py", "from matplotlib import pyplot as plt"),
    (laziness_faults, "pl/_a.py", "def f():\n    from scanpy.plotting._utils import savefig_or_show"),
    (laziness_faults, "pl/_a.py", "def f():\n    return sc.pl._tools"),
    (slot_faults, "tl/_fit.py", "adata.obsm['X'] = 1"),
    (slot_faults, "tl/_fit.py", "n = adata.obs['a'].nunique()"),
    (slot_faults, "get/_fit.py", "return_value = adata[:, names].X"),
    (slot_faults, "get/_fit.py", "adata.var"),
    (slot_faults, "get/_fit.py", "getattr(adata, 'uns')"),
    (slot_faults, "pl/_a.py", "del adata.uns['a']"),
    (slot_faults, "pl/_a.py", "adata.uns.setdefault('a', 1)"),
    (slot_faults, "pp.py", "adata.layers[layer]"),
    (slot_faults, "_model/_a.py", "adata.raw"),
    (slot_name_faults, "get.py", "adata.obsm['X_gsr']"),
    (slot_name_faults, "get.py", "adata.uns['gsr']"),
    (slot_name_faults, "get.py", "f'X_{key}'"),
    (slot_name_faults, "get.py", "key + '_confidence'"),
    (slot_name_faults, "get.py", "f'{key}_programs'"),
    (slot_name_faults, "get.py", "msg = 'no .uns[gsr_colors]'"),
    (shared_state_faults, "pl/_a.py", "mpl.rcParams['font.size'] = 3"),
    (shared_state_faults, "pl/_a.py", "a, mpl.rcParams['font.size'] = 1, 3"),
    (shared_state_faults, "pl/_a.py", "del mpl.rcParams['font.size']"),
    (shared_state_faults, "pl/_a.py", "mpl.rcParams.update(size=3)"),
    (shared_state_faults, "datasets.py", "os.environ['A'] = 'b'"),
]
INNOCENT = [
    (tier_faults, "graphs/_b.py", "from scgsr._checks import number\nfrom ._a import a\nimport numpy as np"),
    (tier_faults, "pl/_a.py", "from scgsr import get, _adata\nimport anndata, matplotlib"),
    (door_faults, "tl/_a.py", "from scgsr import _adata\nfrom scgsr._adata import Keys\n_adata.rows(1).shape"),
    (door_faults, "_adata/_a.py", "from scgsr._adata._view import mask\nfrom scgsr._adata import _view\n_view._rows"),
    (door_faults, "_adata/_a.py", "from . import _view\nfrom ._keys import Keys\n_view._source"),
    (door_faults, "tl/_a.py", "from scgsr._checks import number\nimport scgsr\nscgsr.graphs.ring(3).n_neurons"),
    (ground_faults, "_checks.py", ""),
    (ground_faults, "_values/_columns.py", ""),
    (ground_faults, "pp.py", ""),
    (mirror_faults, "graphs/_shapes.py", ""),
    (mirror_faults, "graphs/__init__.py", ""),
    (mirror_faults, "_checks.py", ""),
    (laziness_faults, "pl/_a.py", "import matplotlib as mpl\ndef f():\n    import scanpy as sc\n    sc.pl.umap()"),
    (slot_faults, "nn/_a.py", "self.var = 1\nx.var(0)[0] = 2\ntorch.var(x)\nself.layers(x)\nadata.obs_names"),
    (slot_faults, "_adata/_a.py", "adata.obs['a'] = adata.X.sum(axis=1)"),
    (slot_name_faults, "get.py", "def f(key='gsr'):\n    '''`.obsm[\"X_gsr\"]`.'''\n    log('scgsr', 'X_umap')"),
    (shared_state_faults, "pl/_a.py", "size = 2 * mpl.rcParams['font.size']\nos.environ.get('A')"),
]


@pytest.mark.parametrize("rule", RULES)
def test_sources_keep(rule):
    sources = {path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}
    assert sources, "there is nothing to check"
    assert [f"{path}: {fault}" for path, text in sorted(sources.items()) for fault in rule(path, text)] == []


@pytest.mark.parametrize(("rule", "path", "text"), PLANTED)
def test_a_planted_fault_is_found(rule, path, text):
    assert list(rule(path, text)) != []


@pytest.mark.parametrize(("rule", "path", "text"), INNOCENT)
def test_innocent_code_passes(rule, path, text):
    assert list(rule(path, text)) == []


def test_every_rule_has_a_planted_fault():
    assert {rule for rule, _, _ in PLANTED} == set(RULES)


def test_the_ground_floor_is_there_and_no_more():
    assert sorted(path.name for path in PACKAGE.glob("_[!_]*.py")) == sorted(GROUND)


def test_every_room_has_a_tier_and_every_tier_its_rooms():
    rooms = {
        path.name.removesuffix(".py") for path in PACKAGE.iterdir() if path.suffix == ".py" or any(path.glob("*.py"))
    }
    assert rooms - {"__pycache__"} == {*PURE, *BOUNDARY, *FACE}
