"""Files of cells in and out, by the ending of their names."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anndata import AnnData

INPUT = "cells: .h5ad, .zarr, .fcs, or a folder of .fcs files, one per sample"
OUTPUT = "file to write: .h5ad, .zarr, or .fcs for FlowJo and others"


def add_input(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what to read."""
    parser.add_argument("input", type=Path, help=INPUT)
    parser.add_argument("output", type=Path, help=OUTPUT)
    parser.add_argument("--overwrite", action="store_true", help="replace the output if it is there")
    fcs = parser.add_argument_group("FCS files")
    fcs.add_argument(
        "--compensate", action="store_true", help="apply the spillover matrix of the file (fluorescence cytometry)"
    )
    fcs.add_argument(
        "--panel",
        choices=["same", "shared"],
        default="same",
        help="for a folder: refuse files with another panel (same, the default), or read what all have (shared)",
    )


def check_output(options: argparse.Namespace) -> None:
    """Refuse, before any work, an output that cannot be written."""
    path: Path = options.output
    if path.suffix not in (".h5ad", ".zarr", ".fcs"):
        msg = f"the output must end in .h5ad, .zarr or .fcs, got {path}"
        raise ValueError(msg)
    if path.exists() and not options.overwrite:
        msg = f"{path} is there already; pass --overwrite to replace it"
        raise FileExistsError(msg)
    for name in ("input", "reference"):
        other = getattr(options, name, None)
        if path.exists() and other is not None and other.exists() and path.samefile(other):
            msg = f"{path} is the {name}; name another output"
            raise ValueError(msg)
    if path.is_dir() and path.suffix != ".zarr":
        msg = f"{path} is a folder; name another output"
        raise ValueError(msg)
    if not path.parent.is_dir():
        msg = f"there is no folder {path.parent} to write to"
        raise FileNotFoundError(msg)


def read(options: argparse.Namespace) -> AnnData:
    """Return the cells of the input."""
    from scgsr import io

    path: Path = options.input
    if not path.exists():
        msg = f"there is no {path}"
        raise FileNotFoundError(msg)
    if path.suffix in (".h5ad", ".zarr"):
        return read_anndata(path)
    if path.suffix.lower() == ".fcs" or path.is_dir():
        return io.read_fcs(path, compensate=options.compensate, panel=options.panel)
    msg = f"{path} must be a .h5ad, .zarr or .fcs file, or a folder of .fcs files"
    raise ValueError(msg)


def read_anndata(path: Path) -> AnnData:
    """Return the AnnData of a .h5ad or .zarr."""
    import anndata

    try:
        return anndata.read_h5ad(path) if path.suffix == ".h5ad" else anndata.read_zarr(path)
    except (OSError, KeyError, TypeError, ValueError) as error:
        msg = f"{path} is no readable {path.suffix} of AnnData: {error}"
        raise ValueError(msg) from error


def write(adata: AnnData, options: argparse.Namespace) -> None:
    """Write the cells; whatever happens, the output is there in full or as it was."""
    from scgsr import io

    path: Path = options.output
    if path.suffix == ".fcs":
        io.write_fcs(adata, path, key=options.key_added, overwrite=options.overwrite)
        return
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        if path.suffix == ".h5ad":
            adata.write_h5ad(temporary)
        else:
            adata.write_zarr(temporary)
            _remove(path)  # a folder cannot be replaced at once
        temporary.replace(path)
    finally:
        _remove(temporary)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
