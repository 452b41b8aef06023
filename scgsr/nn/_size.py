"""Whether a graph fits a layer."""

from __future__ import annotations

from scgsr.graphs import NeuronGraph


def check_size(graph: NeuronGraph, n_neurons: int) -> None:
    """Raise ValueError unless the graph has one node per neuron."""
    if graph.n_neurons != n_neurons:
        msg = f"`graph` must have {n_neurons} neurons, as the layer does, got {graph.n_neurons}."
        raise ValueError(msg)
