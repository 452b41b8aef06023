"""What is promised of public functions: arguments in the order of the design, docstrings that say all.

Every rule is a function from a public function to a list of faults. It is applied to the package, which must have none,
and to a planted fault, which it must find: a rule that cannot fail is no rule.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "scgsr"
PUBLIC_MODULES = ["tl", "get", "pl", "pp", "graphs", "nn", "datasets", "io"]

# How many arguments besides the data may be positional, where it is not one: no question without both columns.
MORE_BY_PLACE = {"tl.compare": 2}

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
        adata graph * smoothness start balance scale layer use_rep mask_var batch_key hidden threshold noise diffusion
        atoms penalty laplacian resolution n_epochs batch_size learning_rate validation_fraction early_stopping rng
        device precision checkpoint progress key_added copy
    """,
    "tl.cluster": "adata * resolution n_clusters key key_added copy",
    "tl.transform": "adata reference * key key_added fill copy",
    "tl.programs": "adata * layer n_cells key rng copy",
    "tl.saliency": "adata * groupby key copy",
    "tl.silence": "adata * ...",
    "tl.score": "adata * groupby batch_key ...",
    "tl.compare": """
        adata condition_key sample_key * reference block_key covariates names layer groupby min_cells min_samples key
        copy
    """,
    "tl.consensus": "adata * n_fits ...",
    "get.model": "adata * key",
    "get.neurons": "adata * key",
    "get.images": "adata * key",
    "get.activations": "adata * by ...",
    "get.programs": "adata * module key",
    "get.saliency": "adata * key",
    "get.scores": "adata * key",
    "get.compare": "adata what * ...",
    "pl.programs": "adata names * n layer ncols cmap vmin vmax vcenter title figsize key ax show return_fig",
    "get.frequencies": "adata sample_key * ...",
    "get.medians": "adata sample_key * names layer ...",
    "io.convert_fcs": "path output * ...",
    "io.read_fcs": "path * ...",
    "io.write_fcs": "adata path * layer key overwrite",
    "pp.arcsinh": "adata cofactor * layer mask_var copy",
    "pl.report": "adata path * ...",
    "pl.module_tree": "adata * palette title figsize key ax show return_fig",
    "pl.activation_map": """
        adata cells * groupby groups reference center normalize ncols cmap vmin vmax vcenter title figsize key ax show
        return_fig
    """,
    "pl.images": "graph values * titles label normalize ncols cmap vmin vmax vcenter title figsize ax show return_fig",
}
BEYOND_THE_DESIGN = {
    "tl.fit": {
        "anneal": "how much stronger the penalty is at first, which is not a matter of its final weight",
        "step": "what pays on a GPU is a matter of the card, and each way of a step is one switch beside the plain one",
    },
    "graphs.learned": {
        "n_modules": "the modular variant: over one wide layer a graph without it may show no clusters",
        "connected": "the released setting does not hold the graph together",
    },
}

# What pictures share comes last, in this order; every picture has those with a star.
OF_PICTURES = "palette cmap vmin vmax vcenter *title *figsize key ax *show *return_fig".split()
# The one picture of something else than cells.
WITHOUT_CELLS = {"pl.images"}

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


def public(module: str) -> dict[str, Callable]:
    """Return the functions and classes that a public module offers."""
    namespace = importlib.import_module(f"scgsr.{module}")
    return {
        f"{module}.{name}": getattr(namespace, name) for name in namespace.__all__ if callable(getattr(namespace, name))
    }


def signature_faults(name: str, function: Callable) -> Iterator[str]:
    """Data first, one more positional at most, flags by name, everything annotated, familiar defaults."""
    most = 1 + MORE_BY_PLACE.get(name, 1)
    signature = inspect.signature(function)
    by_place = [
        parameter
        for parameter in signature.parameters.values()
        if parameter.kind in {parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD}
    ]
    if len(by_place) > most and not dataclasses.is_dataclass(function):  # a value has its fields
        yield f"{len(by_place)} positional arguments"
    if (
        name.split(".")[0] in {"tl", "get", "pl"}
        and name not in WITHOUT_CELLS
        and [*signature.parameters][:1] != ["adata"]
    ):
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


def picture_faults(name: str, function: Callable) -> Iterator[str]:
    """What pictures share is spelt alike, and comes last in the same order."""
    if name.split(".")[0] != "pl" or name == "pl.report":  # which writes a page
        return
    order, arguments = [argument.lstrip("*") for argument in OF_PICTURES], list(inspect.signature(function).parameters)
    shared = [argument for argument in arguments if argument in order]
    if shared != sorted(shared, key=order.index) or arguments[len(arguments) - len(shared) :] != shared:
        yield f"{shared} do not come last in the order {order}"
    if missing := [argument[1:] for argument in OF_PICTURES if argument[0] == "*" and argument[1:] not in arguments]:
        yield f"has not {missing}"


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
    source = ast.parse((PACKAGE / "_checks.py").read_text("utf-8"))
    checks = {check.name for check in source.body if isinstance(check, ast.FunctionDef)}
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


FUNCTION_RULES = [signature_faults, order_faults, picture_faults, docstring_faults]


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
        ("tl.cluster", lambda adata, *, key, resolution: 0),
        ("tl.cluster", lambda adata, *, resolution, rng: 0),
        ("graphs.disjoint", lambda graphs: 0),
        ("graphs.grid", lambda width, height: 0),
    ],
)
def test_a_planted_argument_order_is_found(name, function):
    assert list(order_faults(name, function)) != []


@pytest.mark.parametrize(
    "function",
    [
        lambda adata, *, title, figsize, show: 0,
        lambda adata, *, title, figsize, ax, key, show, return_fig: 0,
        lambda adata, *, title, figsize, show, return_fig, groups: 0,
    ],
)
def test_a_planted_picture_is_found(function):
    assert list(picture_faults("pl.planted", function)) != []
    assert list(picture_faults("tl.planted", function)) == []


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
