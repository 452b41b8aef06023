"""The state of a run in a folder, written after each epoch, to resume an interrupted run bit-identically."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scgsr import _atomic, _checks, _model, _ranks
from scgsr._checks import about, log

_FILE = "checkpoint.safetensors"
# Raised when the state changes its form.
_FORM = 5
# How many letters of a setting an error message spells out.
_LETTERS_SHOWN = 60


class Checkpoint:
    """One run's state in a folder. The run's settings and data lie beside it: another run must not go on from it.

    What the bits depend on beside these, the `machine`, may differ, which is said.
    """

    def __init__(
        self, folder: str | os.PathLike[str], identity: Mapping[str, Any], *, device: str = "cpu", step: str = "plain"
    ) -> None:
        _checks.instance("checkpoint", folder, (str, os.PathLike))
        if not os.fspath(folder):
            msg = "`checkpoint` must name a folder, got ''."
            raise about("checkpoint", ValueError(msg))
        self.path = Path(folder) / _FILE
        if self.path.parent.exists() and not self.path.parent.is_dir():
            msg = f"`checkpoint`={os.fspath(folder)!r} is a file; name a folder."
            raise about("checkpoint", ValueError(msg))
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            msg = f"`checkpoint`={os.fspath(folder)!r} cannot be made a folder: {error.strerror}."
            raise about("checkpoint", type(error)(msg)) from error
        self.machine = {**machine(), "device": device, "step": step}
        # As it will be read.
        self.identity = json.loads(json.dumps({"form": _FORM, **identity}, default=lambda value: value.tolist()))

    def read(self) -> dict[str, Any] | None:
        """Return the state that was written last, None if there is none; that of another run is refused."""
        if not self.path.exists():
            return None
        with self.whole():
            identity, state = self._content()
            differ = [name for name in self.identity if identity.get(name) != self.identity[name]]
            there = {**self.machine, **_texts(state["machine"])}  # older states do not tell all
        if differ:
            shown = ", ".join(f"{name} ({_short(identity.get(name))} there)" for name in differ)
            msg = (
                f"`checkpoint`={str(self.path.parent)!r} holds the state of another run: it differs in {shown}; name "
                "another folder, or delete it."
            )
            raise about("checkpoint", ValueError(msg))
        if there != self.machine:
            log.warning("the checkpoint was written with %s, not %s: bits may differ", there, self.machine)
        return state

    def write(self, state: Mapping[str, Any]) -> None:
        """Replace the state; a crash leaves either the old one or the new one."""
        from safetensors.numpy import save

        tree, arrays = _model.pack({**state, "machine": self.machine})
        content = {"identity": json.dumps(self.identity), "state": json.dumps(tree)}
        content["digest"] = _digest_of(content, arrays)
        _atomic.replace_file(self.path, save(arrays, metadata=content))

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Raise ValueError for whatever is raised where a state that is not whole is read or taken over."""
        from safetensors import SafetensorError

        try:
            yield
        except (
            OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RuntimeError,
            SafetensorError,
        ) as error:  # fmt: skip
            msg = f"`checkpoint`: {self.path} is damaged or of something else ({error}); delete it to start anew."
            raise about("checkpoint", ValueError(msg)) from error

    def _content(self) -> tuple[dict[str, Any], dict[str, Any]]:
        from safetensors import safe_open

        with safe_open(self.path, framework="np") as stored:
            metadata = stored.metadata()
            arrays = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (no mapping)
        if metadata.get("digest") != _digest_of(metadata, arrays):
            msg = "its content is not what was written"
            raise ValueError(msg)
        return json.loads(metadata["identity"]), _model.unpack(json.loads(metadata["state"]), arrays)


def _digest_of(content: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> str:
    """Return a digest of a state and of the identity of its run."""
    texts = [content["identity"].encode(), content["state"].encode()]
    return _model.digest(*texts, *(np.ascontiguousarray(arrays[name]).tobytes() for name in sorted(arrays)))


def machine() -> dict[str, Any]:
    """Return what the bits of a result depend on beside settings, seed and data."""
    several = {"processes": _ranks.how_many()} if _ranks.how_many() > 1 else {}
    n_threads = torch.get_num_threads()
    return {"threads": "1 or 2" if n_threads <= 2 else n_threads, "torch": str(torch.__version__), **several}


def _texts(machine: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a state says of its machine; TypeError if that is anything but texts and numbers."""
    if not all(isinstance(value, str | int) for value in machine.values()):
        msg = "what it says of its machine is neither text nor number"
        raise TypeError(msg)
    return machine


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= _LETTERS_SHOWN else f"{text[:_LETTERS_SHOWN]}..."
