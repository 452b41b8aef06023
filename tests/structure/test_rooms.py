"""The house: which room may know which, what leaves a room by its door, and what lies where."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

from _rules import PACKAGE, ROOT, RulesHold, functions, imports, room_of

# A room is a folder of the package, or a file at its root. A pure room imports only pure rooms named before it.
PURE = "_checks _atomic _random _ranks _device _values graphs nn _modules _model _train _measures _page".split()
BOUNDARY = ["_adata"]
FACE = ["__init__", "__main__", "cli", "tl", "get", "pl", "pp", "datasets", "io"]

# The only private files at the root of the package.
GROUND = ["_checks.py", "_atomic.py", "_random.py", "_device.py"]


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
    """At the root lie public files and the ground floor; in a room all files but its door are private."""
    name = path.split("/")[-1]
    if "/" in path and name != "__init__.py" and (not name.startswith("_") or name.startswith("__")):
        yield "lies in a room, where only __init__.py is public"
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


RULES = [
    tier_faults,
    door_faults,
    ground_faults,
    mirror_faults,
    laziness_faults,
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
    (ground_faults, "tl/fit.py", ""),
    (ground_faults, "tl/__main__.py", ""),
    (mirror_faults, "_values/_nothing.py", ""),
    (mirror_faults, "_nothing.py", ""),
    (laziness_faults, "get.py", "import scanpy as sc"),
    (laziness_faults, "pl/_a.py", "from matplotlib import pyplot as plt"),
    (laziness_faults, "pl/_a.py", "def f():\n    from scanpy.plotting._utils import savefig_or_show"),
    (laziness_faults, "pl/_a.py", "def f():\n    return sc.pl._tools"),
]
INNOCENT = [
    (tier_faults, "graphs/_b.py", "from scgsr._checks import number\nfrom ._a import a\nimport numpy as np"),
    (tier_faults, "pl/_a.py", "from scgsr import get, _adata\nimport anndata, matplotlib"),
    (door_faults, "tl/_a.py", "from scgsr import _adata\nfrom scgsr._adata import Keys\n_adata.rows(1).shape"),
    (
        door_faults,
        "_adata/_a.py",
        "from scgsr._adata._view import mask\nfrom scgsr._adata import _view\n_view._rows",
    ),
    (door_faults, "_adata/_a.py", "from . import _view\nfrom ._keys import Keys\n_view._source"),
    (door_faults, "tl/_a.py", "from scgsr._checks import number\nimport scgsr\nscgsr.graphs.ring(3).n_neurons"),
    (ground_faults, "_checks.py", ""),
    (ground_faults, "_atomic.py", ""),
    (ground_faults, "_values/_columns.py", ""),
    (ground_faults, "_values/__init__.py", ""),
    (ground_faults, "pp.py", ""),
    (mirror_faults, "graphs/_shapes.py", ""),
    (mirror_faults, "graphs/__init__.py", ""),
    (mirror_faults, "_checks.py", ""),
    (laziness_faults, "pl/_a.py", "import matplotlib as mpl\ndef f():\n    import scanpy as sc\n    sc.pl.umap()"),
]


class TestRooms(RulesHold):
    rules, planted, innocent = RULES, PLANTED, INNOCENT


def test_the_ground_floor_is_there_and_no_more():
    assert sorted(path.name for path in PACKAGE.glob("_[!_]*.py")) == sorted(GROUND)


def test_every_room_has_a_tier_and_every_tier_its_rooms():
    rooms = {
        path.name.removesuffix(".py") for path in PACKAGE.iterdir() if path.suffix == ".py" or any(path.glob("*.py"))
    }
    assert rooms - {"__pycache__"} == {*PURE, *BOUNDARY, *FACE}
