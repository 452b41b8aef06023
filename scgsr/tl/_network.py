"""The arguments of `fit` that shape the network -> a graph of neurons, and the settings of the network on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from scgsr import _checks, _device, _values
from scgsr._checks import about
from scgsr._model import AutoencoderConfig
from scgsr.graphs import Atoms, LearnedGraph, NeuronGraph, grid
from scgsr.nn import FixedNoise

# The default of `threshold`, which a spectral bottleneck takes as not given.
THRESHOLD = 0.5
_SHEET = (10, 10)


def as_graph(graph: NeuronGraph | LearnedGraph | tuple[int, int] | None) -> NeuronGraph | LearnedGraph:
    """Return the graph that is given in any form; the default is a sheet."""
    graph = _SHEET if graph is None else graph
    if isinstance(graph, tuple) and len(graph) == 2:
        return grid(*graph)
    hint = "Make one with scgsr.graphs, or give (height, width) for a grid."
    _checks.instance("graph", graph, (NeuronGraph, LearnedGraph), hint=hint)
    return graph


def network_config(
    graph: NeuronGraph | LearnedGraph,
    view: _values.MatrixView,
    hidden: int | Sequence[int],
    threshold: float | None,
    noise: float | FixedNoise,
    diffusion: int,
    atoms: Atoms | None,
) -> AutoencoderConfig:
    """Return the settings of the network; what has no meaning together with atoms is refused, and left out."""
    n_features = len(view.features)
    config = AutoencoderConfig(
        n_features=n_features,
        hidden=hidden,
        threshold=threshold,
        noise=noise,
        diffusion=diffusion,
        atoms=atoms,
        n_components=min(_values.N_COMPONENTS, n_features) if view.scaling == "pca" else None,
        origins=() if view.origins is None else view.origins.names,
    )
    _check_memory(config, graph.n_neurons)
    if config.atoms is None:
        return config
    if isinstance(graph, LearnedGraph):
        msg = (
            "`atoms` need a given graph, such as (10, 10): a graph learned from activations that are made of its own "
            "atoms would only confirm itself."
        )
        raise about("atoms", ValueError(msg))
    for name, value, default in (("threshold", config.threshold, THRESHOLD), ("diffusion", config.diffusion, 0)):
        if value != default:
            msg = f"`{name}`={value!r} has no meaning with `atoms`, whose layer has none; leave it out."
            raise about(name, ValueError(msg))
    return replace(config, threshold=None)


def _check_memory(config: AutoencoderConfig, n_neurons: int) -> None:
    """Refuse widths that memory does not hold: each weight, with its gradient and what Adam keeps, takes 16 bytes."""
    widths = [config.n_components or config.n_features, *config.widths, n_neurons]
    n_weights = 2 * sum(one * other for one, other in pairwise(widths))
    _device.check_memory({"hidden": max(config.widths, default=0), "graph": n_neurons}, 16 * n_weights, "the weights")
