"""What the design promises of the sources themselves: tiers, slots, signatures, docstrings, no side effects.

Every rule is a function from a source (or a public function) to a list of faults. It is applied to the package, which
must have none, and to a planted violation, which must have one: a rule that cannot fail is no rule.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "scgsr"

# A room is a file of the package, or a folder. A pure room imports only pure rooms named before it.
PURE = "_checks _random _device _values graphs nn _modules _model _train _measures".split()
BOUNDARY = ["_adata"]
FACE = ["__init__", "__main__", "cli", "tl", "get", "pl", "pp", "datasets", "io"]
PUBLIC_MODULES = ["tl", "get", "pl", "pp", "graphs", "nn", "datasets", "io"]

TOP_LEVEL = """
pyproject.toml README.md LICENSE CHANGELOG.md CITATION.cff scgsr tests tutorials data
.ci .github .gitignore .pre-commit-config.yaml
""".split()

MAX_FILE_LINES = 320
MAX_BODY_LINES = 60
GOOD_BODY_LINES = 35

SLOTS = {"X", "layers", "obs", "var", "obsm", "varm", "obsp", "varp", "uns", "raw"}
SLOT_NAME = r"^gsr$|\bX_gsr\b|\bgsr_\w|(^|\W)X_$|^_(confidence|novelty|programs)\b"  # also pieces of f-strings
MUTATORS = {"pop", "popitem", "update", "setdefault", "clear", "insert"}
MAY_WRITE_SLOTS = {
    "_adata": "the one writer of the user's object",
    "datasets": "fills AnnData objects that it has just made",
    "io": "fills AnnData objects that it has just made",
}

# Calls that reach beyond their function, and the rooms that may make them.
REACHING_CALLS = {
    r"print": ["cli"],
    r"logging\.basicConfig|.*\.(addHandler|setLevel)": ["cli"],
    r"(np\.random\.|numpy\.random\.)?default_rng|torch\.Generator|.*\.manual_seed": ["_random"],
    r"(np|numpy)\.random\.(?!default_rng|Generator|SeedSequence).*": [],
    r"torch\.(cuda\.)?(manual_seed|manual_seed_all|seed)": [],
    r"(warnings\.)?(simplefilter|filterwarnings)": [],
    r".*\bstyle\.use|(mpl|matplotlib|plt)\.(use|rc|switch_backend)|.*\bset_figure_params": ["cli"],
    r"os\.(chdir|putenv)|sys\.path\.\w+": [],
}

# Arguments in the order of the design; before the star positional, after it keyword-only, "..." leaves the rest open.
# Arguments that are not built yet may be missing.
SIGNATURES = {
    "graphs.grid": "height width * diagonal periodic",
    "graphs.ring": "n",
    "graphs.path": "n",
    "graphs.star": "n",
    "graphs.tree": "depth * branching",
    "graphs.wishbone": "n_stem n_branch * n_branches",
    "graphs.modules": "n_modules size",
    "graphs.disjoint": "*graphs",
    "graphs.from_adjacency": "adjacency * positions",
    "graphs.learned": "n_neurons * n_neighbors kernel warm_up refresh_every stop",
    "graphs.coactivation": "activations * ...",
    "tl.fit": """
        adata graph * smoothness layer use_rep mask_var scale batch_key likelihood hidden threshold noise penalty
        laplacian resolution n_epochs batch_size learning_rate validation_fraction early_stopping rng device precision
        checkpoint progress key_added copy
    """,
    "tl.cluster": "adata * resolution key key_added rng copy",
    "tl.transform": "adata reference * key key_added fill copy",
    "tl.programs": "adata * layer n_cells key rng copy",
    "tl.saliency": "adata * groupby key copy",
    "tl.score": "adata * groupby ...",
    "tl.compare": "adata * condition_key sample_key ...",
    "get.model": "adata * key",
    "get.neurons": "adata * key",
    "get.images": "adata * key",
    "get.activations": "adata * by ...",
    "get.programs": "adata * module key",
    "get.saliency": "adata * key",
    "pl.programs": "adata names * n layer ncols cmap vmin vmax key show",
    "get.frequencies": "adata sample_key * ...",
    "get.medians": "adata sample_key * names layer ...",
    "io.read_fcs": "path * ...",
    "io.write_fcs": "adata path * layer key overwrite",
    "pp.arcsinh": "adata cofactor * layer mask_var copy",
    "pl.activation_map": "adata cells * groupby groups center normalize ncols cmap vmin vmax vcenter key ax show",
}
BEYOND_THE_DESIGN = {
    "tl.fit": {
        "diffusion": "a layer that spreads activation to neighbours reads well at a weaker penalty",
        "atoms": "the spectral bottleneck, which has settings of its own",
    },
    "graphs.learned": {
        "n_modules": "the modular variant: over one wide layer a graph without it may show no clusters",
        "connected": "the released setting does not hold the graph together",
    },
}

# The same argument has the same default everywhere.
DEFAULTS = {
    "key": ["gsr"],
    "key_added": ["gsr", None],
    "copy": [False],
    "rng": [0],
    "ax": [None],
    "show": [None],
    "device": [None],
    "layer": [None],
}
RETIRED_ARGUMENTS = {"save", "random_state", "seed", "use_highly_variable", "inplace"}

SECTIONS = "Parameters Returns Yields Raises Warns Notes References Examples".split()


# --- Rules on sources: (path inside the package, text) -> faults -----------------------------------------------------


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


def attribute_behind(node: ast.AST, names: set[str]) -> str | None:
    """Return which of `names` an expression such as `adata.obs["a"].values` reaches through, methods aside."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred | ast.Call):
        if isinstance(node, ast.Call):
            node = node.func.value if isinstance(node.func, ast.Attribute) else node.func
            continue
        of_self = isinstance(node.value, ast.Name) and node.value.id == "self"
        if isinstance(node, ast.Attribute) and node.attr in names and not of_self:
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


def write_faults(path: str, text: str) -> Iterator[str]:
    """Only the store writes slots; nobody writes rcParams or the environment."""
    slots = set() if room_of(path) in MAY_WRITE_SLOTS else SLOTS
    for target in changed(ast.parse(text)):
        if name := attribute_behind(target, slots | {"rcParams", "environ"}):
            yield f"line {target.lineno}: writes .{name}"


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


def reach_faults(path: str, text: str) -> Iterator[str]:
    """Nothing is printed, seeded, filtered or configured for the user."""
    tree = ast.parse(text)
    for name, node in imports(tree, path):
        if name == "random" or name.startswith("random."):
            yield f"line {node.lineno}: imports the global generator `random`"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            for pattern, rooms in REACHING_CALLS.items():
                if re.fullmatch(pattern, called) and room_of(path) not in rooms:
                    yield f"line {node.lineno}: calls {called}"


def unfinished_faults(path: str, text: str) -> Iterator[str]:
    """What is there is finished."""
    for number, line in enumerate(text.splitlines(), start=1):
        if re.search(r"\b(TODO|FIXME|XXX)\b|raise NotImplementedError", line):
            yield f"line {number}: {line.strip()}"
    for function in functions(ast.parse(text)):
        if all(is_idle(node) for node in function.body):
            yield f"line {function.lineno}: {function.name} does nothing"


def is_idle(node: ast.stmt) -> bool:
    """Whether a statement is `pass`, `...` or a docstring."""
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef, text: str) -> int:
    """Return the number of lines of code below the signature: no docstring, comment or blank line."""
    lines = text.splitlines()
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    spanned = {number for node in body for number in range(node.lineno, node.end_lineno + 1)}
    return sum(bool(lines[number - 1].strip()) and not lines[number - 1].strip().startswith("#") for number in spanned)


def size_faults(path: str, text: str) -> Iterator[str]:
    """A file is one idea, a function fits on a screen."""
    if (n_lines := len(text.splitlines())) > MAX_FILE_LINES:
        yield f"{n_lines} lines, at most {MAX_FILE_LINES}"
    sizes = {
        f"{function.name} (line {function.lineno})": body_lines(function, text)
        for function in functions(ast.parse(text))
    }
    if max(sizes.values(), default=0) > MAX_BODY_LINES:
        long = {name: size for name, size in sizes.items() if size > GOOD_BODY_LINES}
        yield f"bodies of more than {MAX_BODY_LINES} lines of code; those above {GOOD_BODY_LINES}: {long}"


SOURCE_RULES = [
    tier_faults,
    laziness_faults,
    write_faults,
    slot_name_faults,
    reach_faults,
    unfinished_faults,
    size_faults,
]


@pytest.mark.parametrize("rule", SOURCE_RULES)
def test_sources_keep(rule):
    sources = {path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}
    assert sources, "there is nothing to check"
    assert [f"{path}: {fault}" for path, text in sorted(sources.items()) for fault in rule(path, text)] == []


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
    (laziness_faults, "get.py", "import scanpy as sc"),
    (laziness_faults, "pl/_a.py", "from matplotlib import pyplot as plt"),
    (laziness_faults, "pl/_a.py", "def f():\n    from scanpy.plotting._utils import savefig_or_show"),
    (laziness_faults, "pl/_a.py", "def f():\n    return sc.pl._tools"),
    (write_faults, "tl/_fit.py", "adata.obsm['X'] = 1"),
    (write_faults, "tl/_fit.py", "a, adata.obs['b'] = 1, 2"),
    (write_faults, "tl/_fit.py", "adata.X[0, 0] += 1"),
    (write_faults, "tl/_fit.py", "adata.obs = 1"),
    (write_faults, "tl/_fit.py", "adata.obs['a'].cat.categories = []"),
    (write_faults, "pl/_a.py", "del adata.uns['a']"),
    (write_faults, "pl/_a.py", "adata.uns.setdefault('a', 1)"),
    (write_faults, "pl/_a.py", "mpl.rcParams['font.size'] = 3"),
    (write_faults, "datasets.py", "os.environ['A'] = 'b'"),
    (slot_name_faults, "get.py", "adata.obsm['X_gsr']"),
    (slot_name_faults, "get.py", "adata.uns['gsr']"),
    (slot_name_faults, "get.py", "f'X_{key}'"),
    (slot_name_faults, "get.py", "key + '_confidence'"),
    (slot_name_faults, "get.py", "f'{key}_programs'"),
    (slot_name_faults, "get.py", "msg = 'no .uns[gsr_colors]'"),
    (reach_faults, "nn.py", "print(1)"),
    (reach_faults, "nn.py", "torch.manual_seed(0)"),
    (reach_faults, "_random.py", "torch.manual_seed(0)"),
    (reach_faults, "_random.py", "np.random.seed(0)"),
    (reach_faults, "nn.py", "np.random.default_rng(0)"),
    (reach_faults, "nn.py", "torch.Generator().manual_seed(0)"),
    (reach_faults, "nn.py", "np.random.normal()"),
    (reach_faults, "nn.py", "import random"),
    (reach_faults, "nn.py", "from random import shuffle"),
    (reach_faults, "nn.py", "warnings.simplefilter('ignore')"),
    (reach_faults, "nn.py", "logging.basicConfig()"),
    (reach_faults, "pl/_a.py", "plt.style.use('ggplot')"),
    (reach_faults, "pl/_a.py", "sc.set_figure_params()"),
    (reach_faults, "io.py", "os.chdir('..')"),
    (unfinished_faults, "nn.py", "x = 1  # TODO"),
    (unfinished_faults, "nn.py", "def f():\n    raise NotImplementedError"),
    (unfinished_faults, "nn.py", "def f():\n    '''Later.'''"),
    (unfinished_faults, "nn.py", "def f():\n    ..."),
    (size_faults, "nn.py", "x = 1\n" * (MAX_FILE_LINES + 1)),
    (size_faults, "nn.py", "def f():\n" + "    x = 1\n" * (MAX_BODY_LINES + 1)),
]


@pytest.mark.parametrize(("rule", "path", "text"), PLANTED)
def test_a_planted_violation_is_found(rule, path, text):
    assert list(rule(path, text)) != []


def test_every_rule_has_a_planted_violation():
    assert {rule for rule, _, _ in PLANTED} == set(SOURCE_RULES)


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (tier_faults, "graphs/_b.py", "from scgsr._checks import number\nfrom ._a import a\nimport numpy as np"),
        (tier_faults, "pl/_a.py", "from scgsr import get, _adata\nimport anndata, matplotlib"),
        (laziness_faults, "pl/_a.py", "import matplotlib as mpl\ndef f():\n    import scanpy as sc\n    sc.pl.umap()"),
        (write_faults, "nn.py", "self.var = 1\nx.var(0)[0] = 2\ncolors[adata.obs['a']] = 3\nself.uns['a'] = 4"),
        (slot_name_faults, "get.py", "def f(key='gsr'):\n    '''`.obsm[\"X_gsr\"]`.'''\n    log('scgsr', 'X_umap')"),
        (reach_faults, "_random.py", "torch.Generator().manual_seed(0)\ndefault_rng(np.random.SeedSequence(0))"),
        (unfinished_faults, "nn.py", "def f():\n    '''Done.'''\n    return 1"),
        (size_faults, "nn.py", "def f():\n" + "    # why\n\n" * MAX_BODY_LINES + "    return 1\n"),
    ],
)
def test_innocent_code_passes(rule, path, text):
    assert list(rule(path, text)) == []


# --- Rules on public functions: (name, function) -> faults -----------------------------------------------------------


def public(module: str) -> dict[str, Callable]:
    """Return the functions and classes that a public module offers."""
    namespace = importlib.import_module(f"scgsr.{module}")
    return {
        f"{module}.{name}": getattr(namespace, name) for name in namespace.__all__ if callable(getattr(namespace, name))
    }


def signature_faults(name: str, function: Callable) -> Iterator[str]:
    """Data first, one more positional at most, flags by name, everything annotated, familiar defaults."""
    signature = inspect.signature(function)
    by_place = [
        parameter
        for parameter in signature.parameters.values()
        if parameter.kind in {parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD}
    ]
    if len(by_place) > 2 and not dataclasses.is_dataclass(function):  # a value has its fields
        yield f"{len(by_place)} positional arguments"
    if name.split(".")[0] in {"tl", "get", "pl"} and [*signature.parameters][:1] != ["adata"]:
        yield "the first argument is not `adata`"
    for parameter in by_place:
        if parameter.annotation in {bool, "bool"} or isinstance(parameter.default, bool):
            yield f"the flag `{parameter.name}` is positional"
    for parameter in signature.parameters.values():
        if parameter.annotation is parameter.empty:
            yield f"`{parameter.name}` has no annotation"
        if parameter.name in RETIRED_ARGUMENTS or parameter.kind is parameter.VAR_KEYWORD:
            yield f"`{parameter}` is not an argument that we offer"
        if parameter.default not in (parameter.empty, *DEFAULTS.get(parameter.name, [parameter.default])):
            yield f"`{parameter.name}` has the default {parameter.default!r}"
    if signature.return_annotation is signature.empty and inspect.isfunction(function):
        yield "the return value has no annotation"


def order_faults(name: str, function: Callable) -> Iterator[str]:
    """Arguments are named and ordered as the design says; what goes beyond it is listed with its reason."""
    if name not in SIGNATURES:
        return
    planned = SIGNATURES[name].split()
    star = planned.index("*") if "*" in planned else len(planned)
    beyond = BEYOND_THE_DESIGN.get(name, {})
    found: dict[bool, list[str]] = {False: [], True: []}
    for parameter in inspect.signature(function).parameters.values():
        prefix = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
        found[parameter.kind is parameter.KEYWORD_ONLY].append(prefix + parameter.name)
    for names, plan in [(found[False], planned[:star]), (found[True], planned[star + 1 :])]:
        unknown = [argument for argument in names if argument not in plan and argument not in beyond]
        if unknown and "..." not in plan:
            yield f"{unknown} not in the design"
        rest = iter(plan)
        if not all(argument in rest for argument in names if argument in plan):
            yield f"{names} not in the order of the design, {plan}"


def sections_of(doc: str) -> dict[str, str]:
    """Split a numpy-style docstring at its underlined titles; the summary has the title ''."""
    titles, bodies = [""], re.split(r"^(\w[\w ]*)\n-{3,}\n", inspect.cleandoc(doc) + "\n", flags=re.MULTILINE)
    titles += bodies[1::2]
    return dict(zip(titles, bodies[0::2], strict=True))


def documented_parameters(section: str) -> list[str]:
    """Return the names in a Parameters section, stars aside; a line with a type stays as it is and matches nothing."""
    lines = [line for line in section.splitlines() if line and not line[0].isspace()]
    return [name.lstrip("*") for line in lines for name in line.split(", ")]


def may_raise(function: Callable) -> bool:
    """Whether the function raises by itself or calls a value check."""
    checks = {check.name for check in functions(ast.parse((PACKAGE / "_checks.py").read_text("utf-8")))}
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if isinstance(node, ast.Raise):
            return True
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in checks:
            return True
    return False


def docstring_faults(name: str, function: Callable) -> Iterator[str]:
    """A summary, every argument without its type, what returns, what raises, and an example that runs."""
    doc = function.__doc__ or ""
    if dataclasses.is_dataclass(function) and doc.startswith(f"{function.__name__}("):
        doc = ""  # written by `dataclass`
    sections = sections_of(doc)
    summary = sections.pop("").strip().split("\n\n")[0]
    if not summary.endswith("."):
        yield "the summary is missing or is no sentence"
    if [title for title in SECTIONS if title in sections] != list(sections):
        yield f"the sections are {list(sections)}, in the order of {SECTIONS}"
    if ">>>" not in sections.get("Examples", "") or "+SKIP" in doc:
        yield "there is no example that runs"
    if not inspect.isfunction(function) and dataclasses.is_dataclass(function):
        return  # the function that makes the value says what its fields mean
    signature = inspect.signature(function)
    names = list(signature.parameters)
    if (found := documented_parameters(sections.get("Parameters", ""))) != names:
        yield f"documents {found}, takes {names}"
    if inspect.isfunction(function):
        if signature.return_annotation not in {None, "None"} and not {"Returns", "Yields"} & set(sections):
            yield "does not say what it returns"
        if may_raise(function) and "Raises" not in sections:
            yield "does not say what it raises"


FUNCTION_RULES = [signature_faults, order_faults, docstring_faults]


@pytest.mark.parametrize("rule", FUNCTION_RULES)
@pytest.mark.parametrize("module", [name for name in PUBLIC_MODULES if any(PACKAGE.glob(f"{name}*"))])
def test_public_functions_keep(module, rule):
    offered = public(module)
    assert offered, "there is nothing to check"
    assert [f"{name}: {fault}" for name, function in offered.items() for fault in rule(name, function)] == []


def documented(adata: object, *, key: str = "gsr", copy: bool = False) -> object:
    """
    Do what it says.

    Parameters
    ----------
    adata
        Data.
    key, copy
        Others.

    Returns
    -------
    The same.

    Raises
    ------
    TypeError
        Always.

    Examples
    --------
    >>> 1 + 1
    2
    """
    raise TypeError


@pytest.mark.parametrize(
    ("fault", "function"),
    [
        ("3 positional", lambda adata, a, b: None),
        ("the flag `flag`", lambda adata, flag=True: None),
        ("not `adata`", lambda graph: None),
        ("`copy` has the default", lambda adata, *, copy=True: None),
        ("`key` has the default", lambda adata, *, key="other": None),
        ("not an argument", lambda adata, *, save=None: None),
        ("not an argument", lambda adata, **kwargs: None),
        ("`adata` has no annotation", lambda adata: None),
        ("the return value has no annotation", lambda adata: None),
    ],
)
def test_a_planted_signature_is_found(fault, function):
    assert list(signature_faults("tl.documented", documented)) == []
    assert [found for found in signature_faults("tl.planted", function) if fault in found] != []


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("get.model", lambda adata, key: 0),
        ("get.model", lambda adata, *, other: 0),
        ("tl.cluster", lambda adata, *, rng, key: 0),
        ("graphs.disjoint", lambda graphs: 0),
        ("graphs.grid", lambda width, height: 0),
    ],
)
def test_a_planted_argument_order_is_found(name, function):
    assert list(order_faults(name, function)) != []


def without(section: str) -> Callable[[str], str]:
    """Return what takes a section out of a docstring."""
    return lambda doc: re.sub(rf"{section}\n-+\n.*?(?=\n\n|\Z)", "", doc, count=1, flags=re.DOTALL)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda doc: "", id="no docstring"),
        pytest.param(without("Parameters"), id="no parameters"),
        pytest.param(without("Returns"), id="no returns"),
        pytest.param(without("Raises"), id="no raises"),
        pytest.param(without("Examples"), id="no examples"),
        pytest.param(lambda doc: doc.replace("says.", "says"), id="no sentence"),
        pytest.param(lambda doc: doc.replace("adata\n", "adata : AnnData\n"), id="a type"),
        pytest.param(lambda doc: doc.replace("key, copy", "key"), id="a missing argument"),
        pytest.param(lambda doc: doc.replace("key, copy", "copy, key"), id="another order"),
        pytest.param(lambda doc: doc.replace("1 + 1", "1 + 1  # doctest: +SKIP"), id="an example that is skipped"),
        pytest.param(lambda doc: doc.replace("Raises\n------", "Wishes\n------"), id="an unknown section"),
    ],
)
def test_a_planted_docstring_is_found(spoil, monkeypatch):
    assert list(docstring_faults("tl.documented", documented)) == []
    monkeypatch.setattr(documented, "__doc__", spoil(inspect.getdoc(documented)))
    assert list(docstring_faults("tl.documented", documented)) != []


# --- The import, and the repository ----------------------------------------------------------------------------------

# Processor time, because what others do on the machine does not count; and whom the import brings along.
PROBE_TIME = """
import json, sys, time, torch
start = time.process_time()
import scgsr
seconds = time.process_time() - start
print(json.dumps([seconds, [name for name in sys.modules if name.split(".")[0] != "scgsr"]]))
"""
# What the user owns, before and after. Dependencies come first: what they do is not our doing.
PROBE_STATE = """
import contextlib, importlib, json, logging, os, random, sys, warnings
import matplotlib, numpy
for name in {dependencies!r}:
    with contextlib.suppress(ImportError):  # some put names into sys.modules that are no modules
        importlib.import_module(name)
torch = sys.modules.get("torch")
def state():
    return {{
        "cwd": os.getcwd(), "environ": dict(os.environ), "path": list(sys.path),
        "filters": repr(warnings.filters), "rcParams": repr(dict(matplotlib.rcParams)),
        "logging": repr((logging.root.level, logging.root.handlers, logging.getLogger("scgsr").level)),
        "random": repr(random.getstate()), "numpy": repr(numpy.random.get_state(legacy=False)["state"]),
        "torch": torch and (torch.get_rng_state().tolist(), str(torch.get_default_dtype()), torch.get_num_threads()),
    }}
before = state()
import scgsr
after = state()
print(json.dumps([name for name in before if before[name] != after[name]]))
"""
MAX_IMPORT_SECONDS = 1.5
SLOW_TO_IMPORT = {"anndata", "matplotlib", "pooch", "safetensors", "scanpy", "scipy.cluster", "scipy.ndimage"}
SLOW_TO_IMPORT |= {"scipy.optimize", "scipy.spatial", "scipy.stats", "sklearn", "yaml"}


def probe(script: str, root: Path = ROOT) -> Any:
    # A fixed backend: looking up an automatic one would import pyplot.
    environment = {**os.environ, "PYTHONPATH": str(root), "MPLBACKEND": "agg"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def first_import() -> tuple[float, list[str]]:
    return probe(PROBE_TIME)


def test_import_is_quick(first_import):
    fastest, brought_along = first_import
    assert SLOW_TO_IMPORT.isdisjoint(brought_along)
    for _ in range(4):
        if fastest >= MAX_IMPORT_SECONDS:
            fastest = min(fastest, probe(PROBE_TIME)[0])
    assert fastest < MAX_IMPORT_SECONDS, "seconds beyond torch"


def test_import_changes_nothing(first_import):
    assert probe(PROBE_STATE.format(dependencies=first_import[1])) == []


def test_a_planted_side_effect_is_found(tmp_path):
    effects = {
        "cwd": "import os; os.chdir('..')",
        "environ": "import os; os.environ['SCGSR_PLANTED'] = '1'",
        "path": "import sys; sys.path.append('planted')",
        "filters": "import warnings; warnings.filterwarnings('ignore', message='planted')",
        "rcParams": "import matplotlib; matplotlib.rcParams['font.size'] = 3",
        "logging": "import logging; logging.basicConfig()",
        "random": "import random; random.random()",
        "numpy": "import numpy; numpy.random.rand()",
    }
    (tmp_path / "scgsr").mkdir()
    (tmp_path / "scgsr" / "__init__.py").write_text("\n".join(effects.values()))
    assert set(probe(PROBE_STATE.format(dependencies=[]), tmp_path)) == set(effects)


def test_top_level_holds_only_what_the_design_names():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0 or not listed.stdout:
        pytest.skip("this is not a git checkout")
    assert {path.split("/")[0] for path in listed.stdout.splitlines()} <= set(TOP_LEVEL)
