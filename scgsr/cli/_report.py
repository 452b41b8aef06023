"""`scgsr report`: a page to look around in, from cells that were fitted or mapped before."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

from scgsr._adata import DEFAULT_KEY
from scgsr.cli import _files, _usage
from scgsr.cli._log import show_log
from scgsr.cli._paths import ANNDATA, check_output, ending

_DESCRIPTION = """\
Write one interactive HTML file for any browser of 2023 or newer, without a network: point at a cell to see its picture,
draw around cells to see what they have in common. Results of scgsr.tl.score, programs and compare are shown if the file
has them.

The options have the names and meanings of scgsr.pl.report."""

_EXAMPLES = """\
examples:
  scgsr report fitted.h5ad -o report.html
  scgsr report fitted.h5ad -o report.html --basis umap --groupby cell_type sample --names CD3 CD4 CD8 CD19"""


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = _usage.add_command(
        commands,
        "report",
        _report,
        help="write a page to look around in",
        description=_DESCRIPTION,
        usage="INPUT -o OUTPUT.html [options]",
        examples=_EXAMPLES,
    )
    parser.add_argument("input", type=_usage.path, metavar="INPUT", help="fitted or mapped cells: .h5ad or .zarr")
    parser.add_argument(
        "-o", "--output", type=_usage.path, required=True, metavar="OUTPUT", help="file to write, ending in .html"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the output if it exists")
    parser.add_argument("--basis", metavar="NAME", help="embedding to place the cells at, such as umap")
    parser.add_argument("--groupby", nargs="+", default=[], metavar="COLUMN", help="columns of .obs with groups")
    parser.add_argument("--names", nargs="+", metavar="MARKER", help="markers to show (default: at most 40)")
    parser.add_argument(
        "--max-cells",
        type=partial(_usage.whole, minimum=1),
        default=50_000,
        metavar="N",
        help="show so many cells at most, of each module its share (default: 50000)",
    )
    parser.add_argument("--title", metavar="TEXT", help="heading of the page")
    parser.add_argument("--key", type=_usage.key, default=DEFAULT_KEY, metavar="NAME", help="name of the fit")
    parser.add_argument("--quiet", action="store_true", help="say nothing but warnings")


def _report(options: argparse.Namespace) -> None:
    check_output(options, [".html"])
    _check_input(options.input)
    show_log(sys.stderr, options)
    with _files.cells_in_file(options.input) as adata:
        from scgsr import pl

        chosen = {name: getattr(options, name) for name in ("basis", "groupby", "names", "max_cells", "title", "key")}
        pl.report(adata, options.output, **chosen)
    options.written.append(options.output)
    if not options.quiet:
        print(f"written: {options.output}")


def _check_input(path: Path) -> None:
    """Refuse an input that is missing or of another kind."""
    if not path.exists():
        msg = f"there is no {path}"
        raise FileNotFoundError(msg)
    if ending(path) not in ANNDATA:
        msg = f"{path} must be a .h5ad or .zarr file of fitted cells; `scgsr fit` and `scgsr transform` write them"
        raise ValueError(msg)
