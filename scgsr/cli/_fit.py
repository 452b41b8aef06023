"""`scgsr fit`: cells in, cells with activations and labels out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from scgsr._adata import (
    DEFAULT_KEY,
    UNSET,
    Keys,
    cells_of,
    check_free,
    check_room,
    groups,
    mask,
    opened,
    put,
    rows,
    to_transform,
)
from scgsr._checks import about, listed
from scgsr._values import SCALES
from scgsr.cli import _files, _usage
from scgsr.cli._errors import as_error_about
from scgsr.cli._graph import add_graph
from scgsr.cli._log import show_log
from scgsr.cli._paths import check_folder, holds_model

if TYPE_CHECKING:
    import numpy as np
    from anndata import AnnData

    from scgsr._adata import ToTransform

_DESCRIPTION = """\
Train the network on the cells, give each cell its picture (activations of neurons) and a label, and write all of it.

The input should be transformed: for FCS files name --cofactor, 5 for mass and 150 for fluorescence cytometry; counts
of RNA should be normalised and log-transformed before. The options have the names and meanings of scgsr.tl.fit.

Of FCS files time, scatter, DNA, dead-cell stains, beads and the like are recognised by name, said, and left out of
transform and training, unless --features or --mask-var names them.

Values are read from the disk in blocks and may be larger than memory; activations, 4 bytes per cell and neuron, must
fit. Where they do not, fit a sample of the cells, and map all of them with `scgsr transform`."""

_EXAMPLES = """\
examples:
  scgsr fit blood.h5ad fitted.h5ad
  scgsr fit run1/ fitted.h5ad --cofactor 5 --features CD3 CD4 CD8 CD19 CD56 --graph 10x10
  scgsr fit sample.fcs for_flowjo.fcs --cofactor 150 --compensate --features CD3 CD19 NK1.1 --save-model model/"""

_NEURONS_BY_DEFAULT = 100

# Options that `fit` takes as they are.
_PASSED_ON = (
    *("smoothness", "balance", "threshold", "resolution", "scale", "layer", "use_rep", "batch_key"),
    *("n_epochs", "rng", "device", "checkpoint"),
)

_NOT_NEGATIVE = partial(_usage.number, minimum=0)
_POSITIVE = partial(_usage.number, minimum=0, exclusive=True)


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = _usage.add_command(
        commands,
        "fit",
        _fit,
        help="train on cells, write activations and labels",
        description=_DESCRIPTION,
        usage="INPUT OUTPUT [options]",
        examples=_EXAMPLES,
    )
    _files.add_files(parser)
    parser.add_argument(
        "--cofactor",
        type=_POSITIVE,
        metavar="C",
        help="transform the features first, arcsinh(value / C), on record: 5 for mass, 150 for fluorescence cytometry",
    )
    add_graph(parser)
    _add_strength(parser)
    _add_values(parser.add_argument_group("which values"))
    _add_training(parser.add_argument_group("how"))


def _add_strength(parser: argparse.ArgumentParser) -> None:
    numbers: list[tuple[str, Callable[[str], float], str]] = [
        ("--smoothness", _NOT_NEGATIVE, "how alike neighbouring neurons fire (default: 0.1)"),
        ("--balance", _NOT_NEGATIVE, "how strongly rare kinds of cells are preferred (default: 5, with components 2)"),
        ("--threshold", _usage.number, "how selective neurons are, in standard deviations (default: 0.5)"),
        ("--resolution", _POSITIVE, "higher gives more labels (default: 1)"),
    ]
    for name, kind, explained in numbers:
        parser.add_argument(name, type=kind, metavar="X", help=explained)


def _add_values(values: Any) -> None:
    features = values.add_mutually_exclusive_group()
    features.add_argument("--features", nargs="+", metavar="NAME", help="transform and train on these features only")
    features.add_argument("--mask-var", metavar="COLUMN", help="train on the features marked in this column of .var")
    values.add_argument("--layer", metavar="NAME", help="take the values of this layer instead of .X")
    values.add_argument(
        "--scale",
        choices=SCALES,
        help="divide each feature by its own standard deviation or all by a common one, or take principal components "
        "(default: by the number and the units of the features)",
    )
    values.add_argument("--use-rep", metavar="NAME", help="take the values of this entry of .obsm, such as X_pca")
    values.add_argument(
        "--batch-key",
        metavar="COLUMN",
        help="column of .obs with batches (runs, plates), whose effects are to stay out of the pictures",
    )


def _add_training(training: Any) -> None:
    epochs = partial(_usage.whole, minimum=1)
    training.add_argument(
        "--n-epochs", type=epochs, metavar="N", help="passes over the cells (default: by their number)"
    )
    training.add_argument(
        "--rng", type=_usage.seed, metavar="SEED", help="seed (default: 0): the same seed gives the same result"
    )
    training.add_argument("--device", type=_usage.device, help="cpu, cuda, cuda:1, mps (default: the best there is)")
    training.add_argument(
        "--checkpoint", type=_usage.path, metavar="DIR", help="folder of states, from which an interrupted fit resumes"
    )
    training.add_argument(
        "--key-added",
        type=_usage.key,
        default=DEFAULT_KEY,
        metavar="NAME",
        help=f"name of the results (default: {DEFAULT_KEY})",
    )
    training.add_argument(
        "--save-model", type=_usage.path, metavar="DIR", help="write the model alone, too, into this folder"
    )
    training.add_argument("--quiet", action="store_true", help="say nothing but warnings")


def _fit(options: argparse.Namespace) -> None:
    _check(options)
    show_log(sys.stderr, options)
    from scgsr import get, tl

    given = {name: getattr(options, name) for name in _PASSED_ON if getattr(options, name) is not None}
    keys, progress = Keys(options.key_added), False if options.quiet else None
    with _files.unfinished_output(options, partial(_plan, options=options)) as file:
        with opened(file) as root:
            adata = cells_of(root)
            mask_var = _mask_var(adata, options)
            given |= {} if mask_var is None else {"mask_var": mask_var}
            tl.fit(adata, options.graph, key_added=options.key_added, progress=progress, **given)
        with opened(file, "r+") as root:
            put(root, adata, keys)
    if options.save_model is not None:
        model = get.model(adata, key=options.key_added)
        with as_error_about("save_model", "folder"):
            model.save(options.save_model, overwrite=options.overwrite)
        options.written.append(options.save_model)
    if not options.quiet:
        labels = groups(adata, "key_added", keys.labels).remove_unused_categories()
        print(f"{adata.n_obs:,} cells, {len(labels.categories)} labels: {options.output}")


def _plan(adata: AnnData, options: argparse.Namespace) -> ToTransform | None:
    """Refuse cells that cannot be trained on, as far as that can be seen without their values; return the transform."""
    mask_var = _mask_var(adata, options)
    check_free(adata, Keys(options.key_added))
    n_neurons = _NEURONS_BY_DEFAULT if options.graph is None else options.graph.n_neurons
    check_room(adata, n_neurons)
    _files.check_disk(options, adata, n_neurons)
    if options.cofactor is not None:
        chosen = UNSET if mask_var is None else mask_var
        return to_transform(adata, options.cofactor, layer=options.layer, mask_var=chosen)
    if mask_var is not None:
        mask(adata, mask_var)
    if options.use_rep is None:
        rows(adata, layer=options.layer)
    return None


def _check(options: argparse.Namespace) -> None:
    """Refuse what cannot be done before anything is read."""
    for name in ("cofactor", "layer", "features", "mask_var"):
        if options.use_rep is not None and getattr(options, name) is not None:
            option = f"--{name.replace('_', '-')}"
            options.refuse(f"{option} and --use-rep exclude each other: {options.use_rep} is taken as it is; give one")
    _files.check_files(options)
    check_folder("save_model", options.save_model, output=options.output)
    check_folder("checkpoint", options.checkpoint, output=options.output)
    if options.save_model is not None and holds_model(options.save_model) and not options.overwrite:
        msg = f"{options.save_model} holds a model already; pass --overwrite to replace it"
        raise about("save_model", FileExistsError(msg))


def _mask_var(adata: AnnData, options: argparse.Namespace) -> np.ndarray | str | None:
    """Return the choice of features as `fit` takes it; None for what it does by itself."""
    if options.features is None:
        return options.mask_var
    unknown = [name for name in options.features if name not in adata.var_names]
    if unknown:
        msg = f"the input has no {listed(unknown)}; it has {listed(adata.var_names)}"
        raise about("features", KeyError(msg))
    return adata.var_names.isin(options.features)
