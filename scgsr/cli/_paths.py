"""Where a command reads and writes: checked before any work, because a fit that cannot be kept is lost."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from scgsr._checks import about

ANNDATA = (".h5ad", ".zarr")
CELLS = (*ANNDATA, ".fcs")
_FCS = (".fcs", ".lmd")
_PACKED = (".gz", ".zip", ".bz2", ".xz", ".7z", ".zst", ".rar")


def ending(path: Path) -> str:
    """Return what says of which kind a file is; instruments write .FCS as well."""
    return path.suffix.lower()


def holds_model(folder: Path) -> bool:
    """Return whether a model was saved into the folder."""
    return (folder / "model.json").is_file()


def check_input(options: argparse.Namespace) -> None:
    """Refuse an input that is missing or of an unknown kind, and options that have no effect on its kind."""
    path: Path = options.input
    if not path.exists():
        msg = f"there is no {path}"
        raise FileNotFoundError(msg)
    folder = path.is_dir() and ending(path) not in ANNDATA
    if not folder and not _is_readable(path):
        packed = ending(path) in _PACKED
        msg = (
            f"{path} {'is packed; unpack it first, to' if packed else 'must be'} a .h5ad, .zarr, .fcs or .lmd file, or "
            "a folder of .fcs or .lmd files"
        )
        raise ValueError(msg)
    if options.compensate and ending(path) in ANNDATA:
        options.refuse(f"--compensate is for .fcs files: the values in {path} are taken as they are; leave it out")
    if options.offsets is not None and ending(path) in ANNDATA:
        options.refuse(f"--offsets is for .fcs files, and {path} is none; leave it out")
    for option in ("panel", "samples"):
        if getattr(options, option) is not None and not folder:
            options.refuse(f"--{option} is for a folder of .fcs files, and {path} is one file; leave it out")


def _is_readable(path: Path) -> bool:
    """Return whether a file is of a kind that is read; an FCS file that ends otherwise is known by its content."""
    if ending(path) in (*ANNDATA, *_FCS):
        return True
    with path.open("rb") as handle:
        return handle.read(3) == b"FCS"


def check_output(options: argparse.Namespace, endings: Sequence[str] = CELLS) -> None:
    """Refuse an output of another kind, that cannot be written, or that would do harm."""
    path: Path = options.output
    if ending(path) not in endings:
        *others, last = endings
        msg = f"the output must end in {', '.join(others) + ' or ' if others else ''}{last}, got {path}"
        raise ValueError(msg)
    if path.exists() and not options.overwrite:
        msg = f"{path} exists already; pass --overwrite to replace it"
        raise FileExistsError(msg)
    for role in ("input", "reference"):
        source: Path | None = getattr(options, role, None)
        if path.exists() and source is not None and source.exists() and path.samefile(source):
            msg = f"{path} is the {role}; name another output"
            raise ValueError(msg)
    if path.is_dir() and ending(path) != ".zarr":
        msg = f"{path} is a folder; name another output"
        raise ValueError(msg)
    if not path.parent.is_dir():
        msg = f"there is no folder {path.parent} to write to"
        raise FileNotFoundError(msg)
    if ending(path) == ".fcs" and options.input.is_dir() and path.parent.samefile(options.input):
        msg = f"{path} would be read as a sample of {options.input} the next time; write it to another folder"
        raise ValueError(msg)
    _try_to_write(path, f"the output {path}")


def check_folder(argument: str, folder: Path | None, *, output: Path | None = None) -> None:
    """Refuse a folder that cannot be made or written to, or that is where the output goes."""
    if folder is None:
        return
    if folder.exists() and not folder.is_dir():
        msg = f"cannot write to {folder}: it is a file; name a folder"
        raise about(argument, FileExistsError(msg))
    if output is not None and _is_same(folder, output):
        msg = f"{folder} is the output; name another folder"
        raise about(argument, ValueError(msg))
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    try:
        _try_to_write(existing / "scgsr", str(folder))
    except OSError as error:
        about(argument, error)
        raise


def _is_same(folder: Path, output: Path) -> bool:
    same_name = folder.absolute() == output.absolute()
    return same_name or (folder.exists() and output.exists() and folder.samefile(output))


def _try_to_write(path: Path, description: str) -> None:
    """Raise OSError unless a file can be made beside `path`."""
    trial = path.with_name(f".{path.stem[:40]}.{os.getpid()}.trial")
    try:
        trial.touch()
        trial.unlink()
    except OSError as error:
        msg = f"cannot write {description}: {error.strerror}; name a place where you may write"
        raise type(error)(msg) from error
