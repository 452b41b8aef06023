"""
Graphs over the neurons of a structured layer: values, made without an AnnData. Nodes are neurons, not cells.

- Given graphs, one function each: `grid` (also a torus), `ring`, `path`, `star`, `tree`, `wishbone`, `modules`,
  `capsules`, `disjoint`, `from_adjacency`. Each returns a `NeuronGraph`.
- A graph estimated while the network trains: `learned` returns a `LearnedGraph`, the recipe; `Steps` is a number of
  training steps in it, `UntilFragmented` a rule when to stop learning, `Evolution` the estimates that were made.
- A graph of neurons that fire together: `coactivation`, and its steps `correlation` and `similarity_graph`.
- What follows from a graph: `laplacian`, its `fourier_basis` and repeated eigenvalues (`same_frequency`), the `energy`
  of activations, `diffusion` over the graph, `edge_jaccard` of two graphs, a `layout`, an order of neurons `in_row`.
- Activity around single neurons of a graph: `Atoms`, a recipe for spectral bottlenecks.
"""

from scgsr.graphs._atoms import Atoms
from scgsr.graphs._coactivation import coactivation, correlation, similarity_graph
from scgsr.graphs._composed import capsules, disjoint, from_adjacency, modules
from scgsr.graphs._evolution import Evolution, edge_jaccard
from scgsr.graphs._graph import NeuronGraph
from scgsr.graphs._laplacian import diffusion, energy, fourier_basis, laplacian, same_frequency
from scgsr.graphs._layout import layout
from scgsr.graphs._learned import LearnedGraph, Steps, UntilFragmented, learned
from scgsr.graphs._order import in_row
from scgsr.graphs._shapes import grid, path, ring, star, tree, wishbone

__all__ = [
    "Atoms",
    "Evolution",
    "LearnedGraph",
    "NeuronGraph",
    "Steps",
    "UntilFragmented",
    "capsules",
    "coactivation",
    "correlation",
    "diffusion",
    "disjoint",
    "edge_jaccard",
    "energy",
    "fourier_basis",
    "from_adjacency",
    "grid",
    "in_row",
    "laplacian",
    "layout",
    "learned",
    "modules",
    "path",
    "ring",
    "same_frequency",
    "similarity_graph",
    "star",
    "tree",
    "wishbone",
]
