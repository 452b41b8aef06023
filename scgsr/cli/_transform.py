"""`scgsr transform`: new cells through a model that was fitted before."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scgsr._adata import (
    DEFAULT_KEY,
    Keys,
    Reference,
    cells_of,
    check_mapping,
    map_cells,
    opened,
    put,
    read_named_model,
    room_for_activations,
    write_mapping,
)
from scgsr._checks import about
from scgsr._values import bar
from scgsr.cli import _files, _usage
from scgsr.cli._errors import as_error_about, text_of
from scgsr.cli._log import show_log
from scgsr.cli._paths import ANNDATA, ending, holds_model

if TYPE_CHECKING:
    import numpy as np
    from anndata import AnnData

    from scgsr import FittedModel

_DESCRIPTION = """\
Map new cells with a fitted model, without training: the same neurons and labels, and a novelty: 0 is the median cell of
the fit, 1 the 99th percentile; higher is more unusual. Features are matched by name.

Give raw values if the model was fitted with --cofactor: the recorded transform is applied to them. The options have the
names and meanings of scgsr.tl.transform.

Values are read and activations are written in blocks: neither has to fit into memory."""

_EXAMPLES = """\
examples:
  scgsr transform patient2.h5ad mapped.h5ad --reference fitted.h5ad
  scgsr transform new_run/ mapped.h5ad --reference model/
  scgsr transform sample.fcs for_flowjo.fcs --reference model/ --fill mean"""


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = _usage.add_command(
        commands,
        "transform",
        _transform,
        help="map new cells with a fitted model",
        description=_DESCRIPTION,
        usage="INPUT OUTPUT --reference PATH [options]",
        examples=_EXAMPLES,
    )
    _files.add_files(parser)
    parser.add_argument(
        "--reference",
        type=_usage.path,
        required=True,
        metavar="PATH",
        help="the fitted cells (.h5ad, .zarr), or the folder of --save-model",
    )
    for name, meaning in [("--key", "name of the fit in the reference"), ("--key-added", "name of the results")]:
        explained = f"{meaning} (default: {DEFAULT_KEY})"
        parser.add_argument(name, type=_usage.key, default=DEFAULT_KEY, metavar="NAME", help=explained)
    parser.add_argument(
        "--fill",
        type=_filling,
        metavar="HOW",
        help="what takes the place of missing features, at most a fifth of them: mean, or a number (default: refuse)",
    )
    parser.add_argument("--quiet", action="store_true", help="say nothing but warnings")


def _transform(options: argparse.Namespace) -> None:
    _files.check_files(options)
    show_log(sys.stderr, options)
    keys = Keys(options.key_added)
    with _reference(options.reference, options.key) as reference:
        check = partial(_check, reference=reference, keys=keys, options=options)
        with _files.unfinished_output(options, check) as file, opened(file, "r+") as root:
            novelty = _map(root, reference, keys, options)
    if not options.quiet:
        print(f"{len(novelty):,} cells, {100 * (novelty > 1).mean():.1f} % with novelty above 1: {options.output}")


def _check(adata: AnnData, *, reference: Reference, keys: Keys, options: argparse.Namespace) -> None:
    """Refuse, before any work, cells that the model cannot take, and a disk that is too full."""
    check_mapping(adata, reference, keys, fill=options.fill)
    _files.check_disk(options, adata, reference.fitted.graph.n_neurons)


def _map(root: Any, reference: Reference, keys: Keys, options: argparse.Namespace) -> np.ndarray:
    """Map the cells of an open file, put the results into it, and return the novelty of each cell."""
    adata, progress = cells_of(root), False if options.quiet else None
    room = partial(room_for_activations, root, keys)
    with bar("scgsr transform", adata.n_obs, unit=" cells", progress=progress) as shown:
        mapping = map_cells(adata, reference, keys, fill=options.fill, room=room, step=shown.update)
    write_mapping(adata, keys, mapping, colors=reference.colors)
    put(root, adata, keys)
    return mapping.novelty


@contextmanager
def _reference(path: Path, key: str) -> Iterator[Reference]:
    """Yield the fitted model, and its cells where they are given, whose matrices stay in their file."""
    if not path.exists():
        msg = f"there is no {path}"
        raise about("reference", FileNotFoundError(msg))
    if path.is_dir() and ending(path) != ".zarr":
        yield Reference(_model(path))
        return
    if ending(path) not in ANNDATA:
        msg = f"must be a .h5ad, a .zarr or the folder of a model, got {path}"
        raise about("reference", ValueError(msg))
    with ExitStack() as files:
        with as_error_about("reference", "path"):
            adata = files.enter_context(_files.cells_in_file(path))
        try:
            fitted = read_named_model(adata, key)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RuntimeError) as error:
            reason = text_of(error).removeprefix(f"`key`={key!r}").removeprefix(":").strip()
            msg = f"{path} has no fit that can be read under --key {key}: {reason}"
            raise about("reference", ValueError(msg)) from error
        yield Reference(fitted, cells=adata, key=key)


def _model(folder: Path) -> FittedModel:
    from scgsr import FittedModel

    if not holds_model(folder):
        msg = f"{folder} holds no model; name a folder that `scgsr fit --save-model` has written, or a fitted .h5ad"
        raise about("reference", FileNotFoundError(msg))
    with as_error_about("reference", "folder"):
        return FittedModel.load(folder)


def _filling(text: str) -> float | str:
    if text == "mean":
        return text
    try:
        return _usage.number(text)
    except argparse.ArgumentTypeError:
        msg = f"must be mean or a finite number, got {text!r}"
        raise argparse.ArgumentTypeError(msg) from None
