"""`scgsr fit`: cells in, cells with activations and labels out."""

from __future__ import annotations

import argparse
import logging
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scgsr._keys import DEFAULT_KEY
from scgsr.cli import _files
from scgsr.cli._log import show_log

if TYPE_CHECKING:
    import numpy as np
    from anndata import AnnData

    from scgsr.graphs import LearnedGraph, NeuronGraph

_DESCRIPTION = """\
Train the network on the cells, give each cell its picture (activations of neurons) and a label, and write all of it.

The input should be transformed: for FCS files name --cofactor, 5 for mass and 150 for fluorescence cytometry; counts
of RNA should be normalised and log-transformed before. The options have the names and meanings of scgsr.tl.fit."""

_EXAMPLES = """\
examples:
  scgsr fit blood.h5ad fitted.h5ad
  scgsr fit run1/ fitted.h5ad --cofactor 5 --features CD3 CD4 CD8 CD19 CD56 --graph 10x10
  scgsr fit sample.fcs for_flowjo.fcs --cofactor 150 --compensate --features CD3 CD19 NK1.1 --save-model model/"""


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "fit",
        help="train on cells, write activations and labels",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _files.add_input(parser)
    parser.add_argument(
        "--cofactor", type=float, metavar="C", help="transform the features first: arcsinh(value / C), on record"
    )
    parser.add_argument(
        "--graph",
        type=_graph,
        metavar="G",
        help="graph of the neurons: learned (default, best labels), 10x10 (a sheet, easiest to read), ring:20, path:10",
    )
    parser.add_argument("--smoothness", type=float, help="how alike neighbouring neurons fire (default: 0.1)")
    parser.add_argument(
        "--threshold", type=float, help="how selective neurons are, in standard deviations (default: 0.5)"
    )
    parser.add_argument("--resolution", type=float, help="higher gives more labels (default: 1)")
    source = parser.add_argument_group("which values")
    which = source.add_mutually_exclusive_group()
    which.add_argument("--features", nargs="+", metavar="NAME", help="train on these features only")
    which.add_argument("--mask-var", metavar="COLUMN", help="train on the features marked in this column of .var")
    source.add_argument("--layer", metavar="NAME", help="take the values of this layer instead of .X")
    source.add_argument("--use-rep", metavar="NAME", help="take the values of this entry of .obsm, such as X_pca")
    how = parser.add_argument_group("how")
    how.add_argument("--n-epochs", type=int, metavar="N", help="passes over the cells (default: enough)")
    how.add_argument("--rng", type=int, metavar="SEED", help="seed (default: 0): the same seed gives the same result")
    how.add_argument("--device", help="cpu, cuda, cuda:1, mps (default: the best there is)")
    how.add_argument("--checkpoint", type=Path, metavar="DIR", help="folder from which a fit that was killed goes on")
    how.add_argument(
        "--key-added", default=DEFAULT_KEY, metavar="NAME", help=f"name of the results (default: {DEFAULT_KEY})"
    )
    how.add_argument("--save-model", type=Path, metavar="DIR", help="write the model alone, too, into this folder")
    how.add_argument("--quiet", action="store_true", help="say nothing but warnings")
    parser.set_defaults(run=_fit)


def _fit(options: argparse.Namespace) -> None:
    _files.check_output(options)
    model_folder = options.save_model
    if model_folder is not None and model_folder.exists() and not model_folder.is_dir():
        msg = f"--save-model {model_folder} is a file; name a folder"
        raise FileExistsError(msg)
    if model_folder is not None and (model_folder / "model.json").exists() and not options.overwrite:
        msg = f"{model_folder} holds a model already; pass --overwrite to replace it"
        raise FileExistsError(msg)
    show_log(sys.stderr, level=logging.WARNING if options.quiet else logging.INFO)
    from scgsr import get, pp, tl

    adata = _files.read(options)
    chosen = _features(adata, options)
    if options.cofactor is not None:
        pp.arcsinh(adata, options.cofactor, layer=options.layer, mask_var=chosen)
    names = ["smoothness", "threshold", "resolution", "layer", "use_rep", "n_epochs", "rng", "device", "checkpoint"]
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    given |= {} if chosen is None else {"mask_var": chosen}
    tl.fit(adata, options.graph, key_added=options.key_added, progress=False if options.quiet else None, **given)
    _files.write(adata, options)
    if model_folder is not None:
        get.model(adata, key=options.key_added).save(model_folder, overwrite=options.overwrite)
    if not options.quiet:
        print(f"{adata.n_obs:,} cells, {adata.obs[options.key_added].nunique()} labels: {options.output}")


def _features(adata: AnnData, options: argparse.Namespace) -> np.ndarray | str | None:
    """Return the choice of features as `fit` takes it; None for what it does by itself."""
    if options.features is None:
        return options.mask_var
    unknown = [name for name in options.features if name not in adata.var_names]
    if unknown:
        msg = f"--features {' '.join(unknown)}: the input has {', '.join(adata.var_names[:30])}"
        raise KeyError(msg)
    return adata.var_names.isin(options.features)


def _graph(text: str) -> NeuronGraph | LearnedGraph | tuple[int, int] | None:
    """Return the graph that `text` names."""
    from scgsr import graphs

    if text == "learned":
        return None
    if sides := re.fullmatch(r"(\d+)x(\d+)", text):
        return int(sides[1]), int(sides[2])
    makers: dict[str, Callable[[int], NeuronGraph | LearnedGraph]]
    makers = {"ring": graphs.ring, "path": graphs.path, "learned": graphs.learned}
    kind, _, size = text.partition(":")
    if kind not in makers or not size.isdecimal():
        msg = f"must be learned, learned:100, 10x10, ring:20 or path:10, got {text!r}"
        raise argparse.ArgumentTypeError(msg)
    try:
        return makers[kind](int(size))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
