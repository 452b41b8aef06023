"""Whether a graph fits a layer, and which Laplacians can be a penalty."""

from __future__ import annotations

from typing import Any

from scgsr import _checks
from scgsr._checks import about, log
from scgsr.graphs import NeuronGraph

LAPLACIANS = ("combinatorial", "symmetric")

# Rows of a Laplacian that sum to less than this share of its largest entry sum to zero.
_ROUNDING = 1e-6


def checked_laplacian(kind: Any) -> str:
    """Return the kind of a Laplacian that can be a penalty."""
    if kind == "random_walk":
        msg = (
            "`laplacian`='random_walk' is refused as a penalty: its quadratic form is unbounded below on "
            f"irregular graphs; use one of {list(LAPLACIANS)}."
        )
        raise about("laplacian", ValueError(msg))
    return _checks.one_of("laplacian", kind, LAPLACIANS)


def warn_of_constant_image(graph: NeuronGraph, laplacian: str) -> None:
    """Warn if the symmetric Laplacian penalises a constant image."""
    if laplacian != "symmetric" or not graph.n_edges:
        return
    matrix = graph.laplacian(laplacian)
    if abs(matrix.sum(axis=1)).max() > _ROUNDING * abs(matrix).max():
        log.warning(
            "`laplacian`='symmetric' on the irregular graph %r penalises a constant image; consider 'combinatorial'",
            graph.name,
        )


def check_size(graph: NeuronGraph, n_neurons: int) -> None:
    """Raise ValueError unless the graph has one node per neuron."""
    if graph.n_neurons != n_neurons:
        msg = f"`graph` must have {n_neurons} neurons, as the layer does, got {graph.n_neurons}."
        raise about("graph", ValueError(msg))
