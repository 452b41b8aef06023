"""What the API says, in the words of the command line."""

from __future__ import annotations

import re
from collections.abc import Container

# Advice that names calls, and what to do instead in a shell; in this order.
_ADVICE = [
    (r"call `scgsr\.tl\.fit\(adata, key_added=(['\"])(.*?)\1\)`", r"run `scgsr fit` with --key-added \2"),
    (r"call `scgsr\.tl\.fit`", "run `scgsr fit`"),
    (r"`scgsr\.tl\.fit`", "`scgsr fit`"),
    (r"leave them out, or, if .* holds raw values again, `del .*`", "leave --cofactor out"),
    (r"call `scgsr\.pp\.arcsinh\(adata, (\d+)\)`", r"give --cofactor \1"),
    (r"`scgsr\.pp\.arcsinh\(adata, (\d+)\)`", r"--cofactor \1"),
    (r"after `scgsr\.pp\.arcsinh`", "transformed by --cofactor"),
    (r"; pass one as a DataFrame", "; leave --compensate out"),
    (r"`FittedModel\.save\(folder\)` writes one", "`scgsr fit` with --save-model writes one"),
    (r"`folder`=(['\"])(.*?)\1", r"the folder \2"),
    (r" \(`mask_var=None` takes all\)", ""),
    (r"`mask_var`(?!=)", "--features or --mask-var"),
    (r"set `adata\.var_names` to", "rename its features to"),
    (r"`adata(\.[^`]*)`", r"`\1` of the input"),
    (r"`(adata|path)`", "the input"),
]
_VALUE = r"'[^']*'|\"[^\"]*\"|[\w.+-]+"
# `name`, `name`=value or `name=value`.
_ARGUMENT = re.compile(rf"`(?P<name>\w+)(?:`(?:=(?P<value>{_VALUE}))?|=(?P<inner>{_VALUE})`)")


def text_of(error: Exception) -> str:
    """Return what an error says; a KeyError shows its message as a repr, with the quotation marks escaped."""
    said = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    return said or ("there is too little memory" if isinstance(error, MemoryError) else type(error).__name__)


def in_options(message: str, names: Container[str]) -> str:
    """Return a message of the API with its arguments as the options `names`; what is no option stays as it is."""
    for said, instead in _ADVICE:
        message = re.sub(said, instead, message)

    def option(found: re.Match[str]) -> str:
        if found["name"] not in names:
            return found[0]
        value = found["value"] or found["inner"]
        shown = "" if value in (None, "True") else f" {value.strip(chr(39) + chr(34))}"
        return f"--{found['name'].replace('_', '-')}{shown}"

    return _ARGUMENT.sub(option, message)
