"""`scgsr demo`: the whole job on real cells, without a network."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scgsr._adata import Keys, groups
from scgsr._atomic import replacing
from scgsr.cli import _usage
from scgsr.cli._log import show_log
from scgsr.cli._paths import check_folder

if TYPE_CHECKING:
    from anndata import AnnData

# The column of the published cell types.
_TYPES = "bulk_labels"

_DESCRIPTION = """\
Fit the 700 blood cells (PBMC) that Scanpy ships, label them, compare the labels with the published cell types, judge
whether the structure is real, and draw each type's activations on the sheet of neurons. Takes less than a minute; no
network."""

_EXAMPLES = """\
example:
  scgsr demo --out pictures/"""


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    demo = _usage.add_command(
        commands,
        "demo",
        _demo,
        help="fit 700 blood cells and draw them",
        description=_DESCRIPTION,
        usage="[--out DIR]",
        examples=_EXAMPLES,
    )
    demo.add_argument(
        "--out",
        type=_usage.path,
        default=Path("scgsr_demo"),
        metavar="DIR",
        help="folder to write to (default: scgsr_demo)",
    )


def _demo(options: argparse.Namespace) -> None:
    check_folder("out", options.out)
    options.out.mkdir(parents=True, exist_ok=True)
    show_log(sys.stdout, options)
    with _timed("import"):
        import matplotlib

        matplotlib.use("Agg")
        import scanpy as sc

        import scgsr
    with _timed("read 700 blood cells"):
        adata = sc.datasets.pbmc68k_reduced()
    with _timed("fit and label"):
        scgsr.tl.fit(adata, (10, 10))
    _print_agreement(adata)
    with _timed("score"):
        scgsr.tl.score(adata, groupby=_TYPES)
    with _timed("draw and write"):
        with replacing(options.out / "pbmc.h5ad") as unfinished:
            adata.write_h5ad(unfinished)
        options.written.append(options.out / "pbmc.h5ad")
        _draw(adata, options)
    print("\nwritten:")
    for path in options.written:
        print(f"  {path}")
    print(
        "\nEach picture of activation_map.png is a cell type: the mean activation of its cells on one sheet of\n"
        "neurons, relative to the picture's own maximum. The same place in two pictures is the same neuron."
    )


def _draw(adata: AnnData, options: argparse.Namespace) -> None:
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes

    from scgsr import pl

    pictures: dict[str, Any] = {
        "activation_map": pl.activation_map(adata, groupby=_TYPES, normalize="panel", ncols=5, show=False),
        "neuron_graph": pl.neuron_graph(adata, show=False),
        "segmentation": pl.segmentation(adata, _TYPES, show=False),
        "history": pl.history(adata, show=False),
        "score": pl.score(adata, show=False),
    }
    for name, picture in pictures.items():
        figure: Any = picture.figure if isinstance(picture, Axes) else picture
        path = options.out / f"{name}.png"
        with replacing(path) as unfinished:
            figure.savefig(unfinished, dpi=150, bbox_inches="tight")
        options.written.append(path)
        plt.close(figure)


def _print_agreement(adata: AnnData) -> None:
    from sklearn.metrics import adjusted_rand_score

    labels = groups(adata, "key", Keys().labels).remove_unused_categories()
    published = groups(adata, "groupby", _TYPES).remove_unused_categories()
    print(
        f"{len(labels.categories)} clusters against {len(published.categories)} published cell types: "
        f"adjusted Rand index {adjusted_rand_score(published, labels):.2f} (1 is perfect, 0 is chance)"
    )


@contextmanager
def _timed(step: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    print(f"{step}: {time.perf_counter() - start:.1f} s", flush=True)
