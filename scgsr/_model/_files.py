"""Records in files: arrays as safetensors beside plain values as JSON; written whole or not at all, never executed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from scgsr import _checks
from scgsr._atomic import replace_file
from scgsr._checks import about
from scgsr._model._record import matrix_of

_JSON = "model.json"
# The file of arrays is named by its content and, lest two writers share one, by chance.
_ARRAYS = r"arrays-(?P<content>[0-9a-f]{16})(-[0-9a-f]{8})?\.safetensors"
# How arrays, and what is made of them, are written into the JSON.
_KIND = "__kind__"
# Nobody is still writing a model whose arrays are so many seconds old.
_ABANDONED_AFTER = 3600


def write_folder(record: Mapping[str, Any], folder: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Write the record into a folder, so that a crash leaves either what was there or what is new."""
    from safetensors.numpy import save

    _checks.instance("folder", folder, (str, os.PathLike))
    _checks.instance("overwrite", overwrite, bool)
    if not os.fspath(folder):
        msg = "`folder` must name a folder, got ''."
        raise about("folder", ValueError(msg))
    target = Path(folder)
    if target.exists() and not target.is_dir():
        msg = f"`folder`={str(target)!r} is a file; name a folder to write the model into."
        raise about("folder", FileExistsError(msg))
    if (target / _JSON).exists() and not _is_model(target):
        msg = f"`folder`={str(target)!r} has a {_JSON} of something else; name another folder."
        raise about("folder", FileExistsError(msg))
    if (target / _JSON).exists() and not overwrite:
        msg = f"`folder`={str(target)!r} holds a model already; pass `overwrite=True` or name another folder."
        raise about("folder", FileExistsError(msg))
    tree, arrays = pack(record)
    content = save(arrays)
    name = f"arrays-{digest(content)}-{uuid.uuid4().hex[:8]}.safetensors"
    text = json.dumps({"format": "scgsr model", "arrays": name, "record": tree}, indent=1, allow_nan=False).encode()
    target.mkdir(parents=True, exist_ok=True)
    # The JSON comes last, and at once; of several writers the last one wins. Each removes the arrays that were named
    # when it began, which no writer after it names again, and its own where it fails.
    replaced = _arrays_named(target)
    try:
        replace_file(target / name, content)
        replace_file(target / _JSON, text)
    except BaseException:
        if _arrays_named(target) != name:
            (target / name).unlink(missing_ok=True)
        raise
    if replaced is not None:
        (target / replaced).unlink(missing_ok=True)
    _remove_litter(target)


def _arrays_named(folder: Path) -> str | None:
    """Return the name of the file of arrays that the JSON of a folder names; None if it names none."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        name = str(json.loads((folder / _JSON).read_text("utf-8"))["arrays"])
        return name if re.fullmatch(_ARRAYS, name) else None
    return None


def _remove_litter(folder: Path) -> None:
    """Remove old files of arrays that nothing names: writers that were killed, or overtaken, have left them."""
    named = _arrays_named(folder)
    for file in folder.iterdir():
        if file.name != named and re.fullmatch(_ARRAYS, file.name):
            with contextlib.suppress(OSError):  # another writer may be faster
                if time.time() - file.stat().st_mtime > _ABANDONED_AFTER:
                    file.unlink()


def read_folder(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the record that a folder holds, in the form in which it was written."""
    from safetensors import SafetensorError

    target = Path(folder)
    if not (target / _JSON).is_file():
        msg = f"`folder`={str(target)!r} holds no model: there is no {_JSON}; `FittedModel.save(folder)` writes one."
        raise about("folder", FileNotFoundError(msg))
    try:
        return _read(target)
    except PermissionError:  # which says itself what is wrong
        raise
    except (
        OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RuntimeError,
        SafetensorError,
    ) as error:  # fmt: skip
        raise damaged(target, error) from error


def _is_model(folder: Path) -> bool:
    """Whether the JSON of a folder is that of a model, damaged or not."""
    return b'"scgsr model"' in (folder / _JSON).read_bytes()[:200] if (folder / _JSON).is_file() else False


def damaged(folder: str | os.PathLike[str], error: Exception) -> ValueError:
    """Return the error for a damaged model in a folder."""
    return ValueError(f"`folder`={os.fspath(folder)!r} holds a damaged model ({error}); save it again.")


def _read(folder: Path) -> dict[str, Any]:
    from safetensors.numpy import load

    outer = json.loads((folder / _JSON).read_text("utf-8"))
    name = str(outer["arrays"])
    parts = re.fullmatch(_ARRAYS, name)
    if parts is None:
        msg = f"{name!r} is no name of a file of arrays"
        raise ValueError(msg)
    try:
        content = (folder / name).read_bytes()
    except FileNotFoundError:
        if name in (folder / _JSON).read_text("utf-8"):
            raise
        return _read(folder)  # another process has just replaced the model
    if parts["content"] != digest(content):
        msg = f"{name} has other content than when it was written"
        raise ValueError(msg)
    return unpack(outer["record"], load(content))


def digest(*contents: bytes) -> str:
    """Return a short text that differs where the contents do."""
    sha = hashlib.sha256()
    for content in contents:
        sha.update(content)
    return sha.hexdigest()[:16]


def pack(record: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return a record as JSON-ready values and, by their path in it, arrays."""
    arrays: dict[str, np.ndarray] = {}
    return _pack(record, arrays, ""), arrays


def unpack(tree: Any, arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return the record that `pack` has taken apart."""
    if not isinstance(tree, dict):
        msg = f"its record is a {type(tree).__name__}"
        raise TypeError(msg)
    return _unpack(tree, arrays)


def _pack(value: Any, arrays: dict[str, np.ndarray], name: str) -> Any:
    """Return `value` as JSON; arrays go to `arrays` under their path."""
    if isinstance(value, Mapping):
        return {str(key): _pack(inner, arrays, f"{name}/{key}") for key, inner in value.items()}
    if isinstance(value, pd.DataFrame):
        columns = {str(column): _pack(value[column].to_numpy(), arrays, f"{name}/{column}") for column in value}
        return {_KIND: "frame", "index": [str(row) for row in value.index], "columns": columns}
    if sparse.issparse(value):
        parts = sparse.csr_matrix(value)
        inner = {part: _pack(getattr(parts, part), arrays, f"{name}/{part}") for part in ("data", "indices", "indptr")}
        return {_KIND: "csr", "shape": list(value.shape), **inner}
    if isinstance(value, np.generic):
        return value.item()
    if not isinstance(value, np.ndarray):
        return list(value) if isinstance(value, tuple) else value
    if value.dtype.kind not in "biuf":
        return {_KIND: "strings", "values": [str(each) for each in value]}
    arrays[name] = np.ascontiguousarray(value).reshape(value.shape)  # which makes rows of scalars
    return {_KIND: "array", "name": name}


def _unpack(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if not isinstance(value, dict):
        return value
    kind = value.get(_KIND)
    if kind == "array":
        return arrays[value["name"]]
    if kind == "strings":
        return np.array(value["values"], dtype=object)
    if kind == "frame":
        columns = {name: _unpack(column, arrays) for name, column in value["columns"].items()}
        return pd.DataFrame(columns, index=value["index"])
    if kind == "csr":
        parts = tuple(_unpack(value[part], arrays) for part in ("data", "indices", "indptr"))
        return matrix_of(sparse.csr_matrix(parts, shape=tuple(value["shape"])))
    return {key: _unpack(inner, arrays) for key, inner in value.items()}
