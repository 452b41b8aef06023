"""
Graphs over the neurons of a structured layer: values, made without an AnnData. Nodes are neurons, not cells.

- Given graphs, one function each: `grid` (also a torus), `ring`, `path`, `star`, `tree`, `wishbone`, `modules`,
  `disjoint`, `from_adjacency`. Each returns a `NeuronGraph`.
- A graph estimated while the network trains: `learned` returns a `LearnedGraph`, the recipe.
- A graph of neurons that fire together: `coactivation`, and its steps `correlation` and `similarity_graph`.
"""

from scgsr.graphs._coactivation import coactivation, correlation, similarity_graph
from scgsr.graphs._composed import disjoint, from_adjacency, modules
from scgsr.graphs._graph import NeuronGraph
from scgsr.graphs._learned import LearnedGraph, learned
from scgsr.graphs._shapes import grid, path, ring, star, tree, wishbone

__all__ = [
    "LearnedGraph",
    "NeuronGraph",
    "coactivation",
    "correlation",
    "disjoint",
    "from_adjacency",
    "grid",
    "learned",
    "modules",
    "path",
    "ring",
    "similarity_graph",
    "star",
    "tree",
    "wishbone",
]
