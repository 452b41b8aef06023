"""One file: the page, its style and script, and the data, with a policy that lets nothing else in."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

# Arrays begin at multiples of so many bytes, as JavaScript wants them.
_ALIGNED = 8
_TYPES = {"uint8": "Uint8Array", "uint16": "Uint16Array", "int32": "Int32Array", "float32": "Float32Array"}


def page(parts: Mapping[str, str], title: str, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """Return the page.

    Parameters
    ----------
    parts
        The texts of ``"html"``, where the others go in place of ``{{title}}``, ``{{policy}}``, ``{{style}}``,
        ``{{script}}`` and ``{{data}}``, of ``"css"`` and of ``"js"``.
    title
        Title of the window.
    header
        What is no array, as JSON has it; names and texts are in here, and therefore never part of the markup.
    arrays
        By name, in the types that the page knows.
    """
    policy = (
        f"default-src 'none'; script-src '{_digest(parts['js'])}'; style-src '{_digest(parts['css'])}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    filled = {"title": html.escape(title), "policy": policy, "style": parts["css"], "script": parts["js"]}
    filled["data"] = packed(header, arrays)
    # In one pass over the template, so that what is filled in is not looked at.
    pieces = parts["html"].split("{{")
    return pieces[0] + "".join(filled[name] + rest for name, _, rest in (piece.partition("}}") for piece in pieces[1:]))


def packed(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """Return header and arrays as text: base64 of gzip of the header's length, the header, and the arrays."""
    places, content, end = {}, [], 0
    for name, array in arrays.items():
        body = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        places[name] = {"type": _TYPES[array.dtype.name], "start": end, "length": int(array.size)}
        padding = -len(body) % _ALIGNED
        content.append(body + bytes(padding))
        end += len(body) + padding
    text = json.dumps({**header, "arrays": places}, allow_nan=False, ensure_ascii=False).encode()
    text += b" " * (-(len(text) + 4) % _ALIGNED)
    whole = len(text).to_bytes(4, "little") + text + b"".join(content)
    return base64.b64encode(gzip.compress(whole, compresslevel=9, mtime=0)).decode()


def plain(value: Any) -> Any:
    """Return a value as JSON has it: a number that is not finite is None, what is neither number nor text is text."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return None if value is None else str(value)


def _digest(text: str) -> str:
    """Return how a policy names a text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
