"""Who touches the user's AnnData: its slots are read, written and named behind one door."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from _rules import RulesHold, changed, imports, room_of

from scgsr._adata import Keys

SLOTS = {"X", "layers", "obs", "var", "obsm", "varm", "obsp", "varp", "uns", "raw"}
PRIVATE_SLOTS = {f"_{slot}" for slot in SLOTS}
BY_NAME = rf"(get|set|del)attr\(\w+, '_?({'|'.join(sorted(SLOTS))})'"
# Methods of an AnnData that read or change slots, and functions of Scanpy that read them.
METHODS = r"""
    .*\.(to_df|obs_vector|var_vector|chunk_X|chunked_X|(obs|var|obsm|varm|uns)_keys|(obs|var)_names_make_unique)
    | (sc|scanpy)\.get\.\w+
"""
MAY_TOUCH_SLOTS = {
    "_adata": "the one door to the user's object",
    "datasets": "fills AnnData objects that it has just made",
    "io": "fills AnnData objects that it has just made, and writes files of those given",
}
SUFFIXES = "confidence|held_out|novelty|fit|colors|programs|consensus|stability|consensus_colors"
SLOT_NAME = rf"^gsr$|\bX_gsr\b|\bgsr_\w|(^|\W)X_$|^_({SUFFIXES})\b"  # also pieces of f-strings
SLOTS_OF_A_FIT = {getattr(Keys("gsr"), name) for name, value in vars(Keys).items() if isinstance(value, property)}


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
        if isinstance(node, ast.Attribute) and node.attr in SLOTS | PRIVATE_SLOTS:
            of_self = isinstance(node.value, ast.Name) and node.value.id == "self"
            if id(node) not in called and not of_self:
                yield f"line {node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.Call):
            by_method = re.fullmatch(METHODS, ast.unparse(node.func), re.VERBOSE)
            if by_method or re.match(BY_NAME, ast.unparse(node)):
                yield f"line {node.lineno}: {ast.unparse(node)}"
    for target in changed(tree):
        if isinstance(target, ast.Attribute) and target.attr in {"obs_names", "var_names"}:
            yield f"line {target.lineno}: writes {ast.unparse(target)}"
    for name, node in imports(tree, path):
        if name.startswith("scanpy.get"):
            yield f"line {node.lineno}: imports {name}"


def slot_name_faults(path: str, text: str) -> Iterator[str]:
    """A slot name is spelled in `_adata/_keys.py`; elsewhere only the key itself, as the default of a key."""
    if path == "_adata/_keys.py":
        return
    tree = ast.parse(text)
    exempt = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    exempt |= {id(default) for default in defaults_of_keys(tree)}
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and id(node) not in exempt else None
        if isinstance(text, str) and re.search(SLOT_NAME, text):
            yield f"line {node.lineno}: spells a slot name, {text!r}"


def defaults_of_keys(tree: ast.Module) -> Iterator[ast.expr]:
    """Yield the default of every argument `key` or `key_added` for which the default is the key itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arguments):
            positional = [*node.posonlyargs, *node.args]
            with_default = positional[len(positional) - len(node.defaults) :]
            pairs = zip([*with_default, *node.kwonlyargs], [*node.defaults, *node.kw_defaults], strict=True)
            for argument, default in pairs:
                is_key = isinstance(default, ast.Constant) and default.value == "gsr"
                if argument.arg in {"key", "key_added"} and is_key:
                    yield default


RULES = [slot_faults, slot_name_faults]
PLANTED = [
    (slot_faults, "tl/_fit.py", "adata.obsm['X'] = 1"),
    (slot_faults, "tl/_fit.py", "n = adata.obs['a'].nunique()"),
    (slot_faults, "get/_fit.py", "return_value = adata[:, names].X"),
    (slot_faults, "get/_fit.py", "adata.var"),
    (slot_faults, "get/_fit.py", "getattr(adata, 'uns')"),
    (slot_faults, "get/_fit.py", "getattr(adata, '_uns')"),
    (slot_faults, "pl/_a.py", "del adata.uns['a']"),
    (slot_faults, "pl/_a.py", "adata.uns.setdefault('a', 1)"),
    (slot_faults, "pp.py", "adata.layers[layer]"),
    (slot_faults, "_model/_a.py", "adata.raw"),
    (slot_faults, "tl/_fit.py", "adata._obs['a']"),
    (slot_faults, "tl/_fit.py", "adata.to_df()"),
    (slot_faults, "tl/_fit.py", "adata.to_df(layer='a')"),
    (slot_faults, "tl/_fit.py", "adata.obs_vector('a')"),
    (slot_faults, "tl/_fit.py", "adata.var_vector('a')"),
    (slot_faults, "tl/_fit.py", "adata.chunk_X(100)"),
    (slot_faults, "tl/_fit.py", "adata.chunked_X(100)"),
    (slot_faults, "tl/_fit.py", "adata.obs_keys()"),
    (slot_faults, "tl/_fit.py", "'a' in adata[:9].uns_keys()"),
    (slot_faults, "tl/_fit.py", "adata.var_names_make_unique()"),
    (slot_faults, "tl/_fit.py", "adata.obs_names_make_unique()"),
    (slot_faults, "tl/_fit.py", "adata.obs_names = names"),
    (slot_faults, "tl/_fit.py", "n, adata.var_names = 1, names"),
    (slot_faults, "pl/_a.py", "sc.get.obs_df(adata, ['a'])"),
    (slot_faults, "pl/_a.py", "def f():\n    from scanpy.get import obs_df"),
    (slot_faults, "pl/_a.py", "def f():\n    from scanpy import get"),
    *((slot_name_faults, "get.py", f"adata.obsm[{slot!r}]") for slot in sorted(SLOTS_OF_A_FIT)),
    *((slot_name_faults, "get.py", f"f{slot.replace('gsr', '{key}')!r}") for slot in sorted(SLOTS_OF_A_FIT - {"gsr"})),
    (slot_name_faults, "get.py", "key + '_confidence'"),
    (slot_name_faults, "get.py", "msg = 'no .uns[gsr_colors]'"),
    (slot_name_faults, "get.py", "def f(x='X_gsr'): ..."),
    (slot_name_faults, "get.py", "def f(key='X_gsr'): ..."),
    (slot_name_faults, "get.py", "def f(*, key_added='gsr_programs'): ..."),
    (slot_name_faults, "get.py", "def f(x='gsr'): ..."),
]
INNOCENT = [
    (slot_faults, "nn/_a.py", "self.var = 1\nx.var(0)[0] = 2\ntorch.var(x)\nself.layers(x)\nself._X = 1"),
    (slot_faults, "tl/_a.py", "names = adata.obs_names\nmsg = 'call adata.var_names_make_unique()'"),
    (slot_faults, "tl/_a.py", "from scgsr import get\nget.obs_df(1)"),
    (slot_faults, "_adata/_a.py", "adata.obs['a'] = adata.X.sum(axis=1)\nadata.obs_keys()"),
    (slot_name_faults, "get.py", "def f(key='gsr'):\n    '''`.obsm[\"X_gsr\"]`.'''\n    log('scgsr', 'X_umap')"),
    (slot_name_faults, "get.py", "def f(a, b=1, /, key='gsr', *, c, key_added='gsr'):\n    return 'my_colors'"),
]


class TestSlots(RulesHold):
    rules, planted, innocent = RULES, PLANTED, INNOCENT
