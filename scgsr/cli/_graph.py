"""`--graph`: the graph of the neurons in a word."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scgsr.graphs import LearnedGraph, NeuronGraph

# Time and memory grow with the square of their number, and a picture of more is seldom what was meant.
_MOST_NEURONS = 4096

_HELP = (
    "graph of the neurons: 10x10 (default, a sheet), ring:20, path:10, learned (100 neurons) or learned:64; "
    f"at most {_MOST_NEURONS:,} neurons"
)


def add_graph(parser: argparse.ArgumentParser) -> None:
    """Add the option."""
    parser.add_argument("--graph", type=_graph, metavar="G", help=_HELP)


def _graph(text: str) -> NeuronGraph | LearnedGraph:
    """Return the graph that `text` names."""
    from scgsr import graphs

    if text == "learned":
        return graphs.learned()
    form = re.fullmatch(r"(?P<height>\d+)[xX](?P<width>\d+)|(?P<kind>learned|ring|path):(?P<size>\d+)", text)
    if form is None:
        msg = f"must be learned, learned:100, 10x10, ring:20 or path:10, got {text!r}"
        raise argparse.ArgumentTypeError(msg)
    sizes = [int(form[name]) for name in ("height", "width", "size") if form[name] is not None]
    n_neurons = sizes[0] * sizes[-1] if len(sizes) == 2 else sizes[0]
    if n_neurons > _MOST_NEURONS:
        msg = f"{text} is too large: {n_neurons:,} neurons, and more than {_MOST_NEURONS:,} need scgsr.tl.fit in Python"
        raise argparse.ArgumentTypeError(msg)
    makers: dict[str | None, Callable[..., NeuronGraph | LearnedGraph]]
    makers = {None: graphs.grid, "learned": graphs.learned, "ring": graphs.ring, "path": graphs.path}
    try:
        return makers[form["kind"]](*sizes)
    except ValueError as error:
        msg = f"{text} is no graph: {error}"
        raise argparse.ArgumentTypeError(msg) from error
