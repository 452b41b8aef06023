"""Files of cells in and out, by the ending of their names."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from scgsr._adata import UnreadableError, cells_of, copied, is_current, opened, write_new
from scgsr._atomic import check_room, replacing
from scgsr.cli import _usage
from scgsr.cli._errors import text_of
from scgsr.cli._paths import ANNDATA, check_input, check_output, ending

if TYPE_CHECKING:
    from anndata import AnnData

    from scgsr._adata import ToTransform

_INPUT = "cells: .h5ad, .zarr, .fcs, .lmd, or a folder of .fcs or .lmd files, one per sample, read one at a time"
_OUTPUT = "file to write: .h5ad, .zarr, or .fcs for FlowJo and others; a folder of samples goes into one file"


# Options that `scgsr.io.convert_fcs` takes as they are.
_OF_FCS = ("compensate", "panel", "samples", "offsets")

# What a fit adds to a file beside activations: its record, and for each cell label, confidence and the like.
_BYTES_OF_RECORD, _BYTES_OF_COLUMNS = 1 << 20, 64


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
    fcs.add_argument(
        "--samples",
        type=_usage.path,
        metavar="TABLE",
        help="for a folder: .csv or .tsv with a row per file, here or in the folder; a column names the files, the "
        "others (donor, condition) go to .obs",
    )
    fcs.add_argument(
        "--offsets",
        choices=["header", "text"],
        help="which to believe where header and TEXT of a file disagree on where the values lie (default: what is "
        "possible)",
    )


def check_files(options: argparse.Namespace) -> None:
    """Refuse, before any work, what cannot be read or written."""
    check_output(options)
    check_input(options)


def check_disk(options: argparse.Namespace, adata: AnnData, n_neurons: int) -> None:
    """Refuse, before any work, a disk that has no room for the output."""
    results = _BYTES_OF_RECORD + adata.n_obs * (4 * n_neurons + _BYTES_OF_COLUMNS)
    copied_in = _size(options.input) if ending(options.input) in ANNDATA else 0  # else they are in their place already
    written_out = results + 4 * adata.n_obs * adata.n_vars if ending(options.output) == ".fcs" else 0
    check_room(options.output, copied_in + results + written_out)


def _size(path: Path) -> int:
    """Return how many bytes a file, or all files of a folder, have."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


@contextmanager
def unfinished_output(options: argparse.Namespace, plan: Callable[[AnnData], ToTransform | None]) -> Iterator[Path]:
    """Yield a .h5ad or .zarr that holds the cells of the input, to put results into; then the output is made of it.

    `plan` is given the cells before anything is copied, to refuse them or to say what is to be transformed. Matrices
    are never in memory; whatever happens, the output is there in full or as it was.
    """
    from scgsr import io

    with replacing(options.output) as unfinished:
        is_fcs = ending(options.output) == ".fcs"
        file = _beside(unfinished, "cells") if is_fcs else unfinished
        _fill(options, file, plan)
        yield file
        if is_fcs:
            with opened(file) as root:
                io.write_fcs(cells_of(root), unfinished, key=options.key_added)
    options.written.append(options.output)


def _fill(options: argparse.Namespace, file: Path, plan: Callable[[AnnData], ToTransform | None]) -> None:
    """Make a file of the cells of the input."""
    from scgsr import io

    progress = False if options.quiet else None
    source, is_ours = options.input, False
    if not (ending(source) in ANNDATA and is_current(source)):
        source, is_ours = _beside(file, "events"), True
        if ending(options.input) in ANNDATA:
            write_new(read_anndata(options.input), source)
        else:
            given = {name: getattr(options, name) for name in _OF_FCS if getattr(options, name) is not None}
            io.convert_fcs(options.input, source, **given, progress=progress)
    try:
        copied(source, file, plan=plan, progress=progress, may_move=is_ours)
    except UnreadableError as error:
        raise _unreadable(options.input, error) from error


def _beside(file: Path, name: str) -> Path:
    """Return the path of a .h5ad that no output has, in the same folder."""
    return file.with_name(f"{file.name}-{name}.h5ad")


@contextmanager
def cells_in_file(path: Path) -> Iterator[AnnData]:
    """Yield the cells of a .h5ad or .zarr; matrices stay in the file unless it is an old one."""
    if not is_current(path):
        yield read_anndata(path)
        return
    with opened(path) as root:
        try:
            adata = cells_of(root)
        except UnreadableError as error:
            raise _unreadable(path, error) from error
        yield adata


def read_anndata(path: Path) -> AnnData:
    """Return the AnnData of a .h5ad or .zarr."""
    import anndata

    try:
        return anndata.read_h5ad(path) if ending(path) == ".h5ad" else anndata.read_zarr(path)
    except (ImportError, MemoryError):  # These are about the machine and not about the file.
        raise
    except Exception as error:  # Foreign content may raise anything.
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> ValueError:
    return ValueError(f"{path} is no readable {ending(path)} of AnnData: {text_of(error)}")
