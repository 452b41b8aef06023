"""Graphs over the neurons of a structured layer. Nodes are neurons, not cells.

- Given graphs, one function each: `grid` (also a torus), `ring`, `path`, `star`, `tree`, `wishbone`, `modules`,
  `capsules`, `disjoint`, `from_adjacency`. Each returns a `NeuronGraph`.
- A graph estimated during training: `learned` returns a `LearnedGraph`, the recipe. `Steps` is a number of training
  steps in it, `UntilFragmented` a rule when to stop learning, and `Evolution` holds the estimates.
- A graph of neurons that are active in the same cells: `coactivation`, and its steps `correlation` and
  `similarity_graph`.
- Computations on a graph: `laplacian`, its `fourier_basis` and repeated eigenvalues (`same_frequency`), the `energy` of
  activations, `diffusion` over the graph, `edge_jaccard` of two graphs, a `layout`, an order of neurons `in_row`.
- Patterns of activity around single neurons: `Atoms`, a recipe for spectral bottlenecks.
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
