"""What a command that was cut short has left behind."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


class Left:
    """Compares what is there now with what was there when the command began; every file is moved in as a whole."""

    def __init__(self, options: argparse.Namespace | None = None) -> None:
        paths = {name: getattr(options, name, None) for name in ("output", "save_model", "checkpoint", "out")}
        self.paths: dict[str, Path] = {name: path for name, path in paths.items() if path is not None}
        self.before = self._now()

    def interrupted(self) -> str:
        """Return what an interrupt has left, in any case."""
        kept = f"; {self.paths['checkpoint']} is as it was" if self.before.get("checkpoint") else ""
        return self.said() or f"nothing was written{kept}"

    def said(self) -> str:
        """Return what there is now, "" if that is nothing new."""
        if self._is_new("output"):
            said = f"{self.paths['output']} is written in full"
            if "save_model" in self.paths:
                there = "is" if self._is_new("save_model") else "is not"
                said += f", the model {there} in {self.paths['save_model']}"
            return said
        if self._is_new("checkpoint"):
            return f"the state is in {self.paths['checkpoint']}: the same command goes on from there"
        if self._is_new("out"):
            return f"what was finished is in {self.paths['out']}"
        return ""

    def _is_new(self, name: str) -> bool:
        now = self._now().get(name)
        return bool(now) and now != self.before[name]

    def _now(self) -> dict[str, frozenset[tuple[str, int, int]]]:
        # The JSON of a model is written last: without it there is none.
        return {
            name: _state(path / "model.json" if name == "save_model" else path) for name, path in self.paths.items()
        }


def _state(path: Path) -> frozenset[tuple[str, int, int]]:
    """Return what tells a file, or the files in a folder, from those that were there before; nothing: empty."""
    try:
        if not path.is_dir():
            return frozenset([_identity(path)])
        return frozenset(_identity(Path(entry)) for entry in os.scandir(path) if not entry.name.startswith("."))
    except OSError:  # not there
        return frozenset()


def _identity(path: Path) -> tuple[str, int, int]:
    found = path.stat()
    return path.name, found.st_ino, found.st_mtime_ns
