"""Files of cells in and out, by the ending of their names."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from scgsr.cli import _usage
from scgsr.cli._errors import text_of
from scgsr.cli._paths import ANNDATA, check_input, check_output, ending

if TYPE_CHECKING:
    from anndata import AnnData

_INPUT = "cells: .h5ad, .zarr, .fcs, or a folder of .fcs files, one per sample"
_OUTPUT = "file to write: .h5ad, .zarr, or .fcs for FlowJo and others; a folder of samples goes into one file"


def add_files(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what to read and to write."""
    parser.add_argument("input", type=_usage.path, metavar="INPUT", help=_INPUT)
    parser.add_argument("output", type=_usage.path, metavar="OUTPUT", help=_OUTPUT)
    parser.add_argument("--overwrite", action="store_true", help="replace the output if it exists")
    fcs = parser.add_argument_group("FCS files")
    fcs.add_argument(
        "--compensate", action="store_true", help="apply the spillover matrix of the file (fluorescence cytometry)"
    )
    fcs.add_argument(
        "--panel",
        choices=["same", "shared"],
        help="for a folder: refuse files with another panel (same, the default), or read what all have (shared)",
    )


def check_files(options: argparse.Namespace) -> None:
    """Refuse, before any work, what cannot be read or written."""
    check_output(options)
    check_input(options)


def read(options: argparse.Namespace) -> AnnData:
    """Return the cells of the input."""
    from scgsr import io

    if ending(options.input) in ANNDATA:
        return read_anndata(options.input)
    return io.read_fcs(options.input, compensate=options.compensate, panel=options.panel or "same")


def read_anndata(path: Path) -> AnnData:
    """Return the AnnData of a .h5ad or .zarr."""
    import anndata

    try:
        return anndata.read_h5ad(path) if ending(path) == ".h5ad" else anndata.read_zarr(path)
    except (ImportError, MemoryError):  # These are about the machine and not about the file.
        raise
    except Exception as error:  # Foreign content may raise anything.
        msg = f"{path} is no readable {ending(path)} of AnnData: {text_of(error)}"
        raise ValueError(msg) from error


def write(adata: AnnData, options: argparse.Namespace) -> None:
    """Write the cells; whatever happens, the output is there in full or as it was."""
    from scgsr import io
    from scgsr._model import written_whole

    path: Path = options.output
    if ending(path) == ".fcs":
        io.write_fcs(adata, path, key=options.key_added, overwrite=options.overwrite)
    else:
        with written_whole(path) as unfinished:
            if ending(path) == ".h5ad":
                adata.write_h5ad(unfinished)
            else:
                adata.write_zarr(unfinished)
    options.written.append(path)
