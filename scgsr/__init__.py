"""Graph-spectrally regularized autoencoders for single-cell data: a readable hidden layer as a Scanpy plug-in.

An autoencoder is trained whose embedding neurons are the nodes of a graph; a penalty makes neighbouring neurons fire
together. The graph connects neurons, not cells. Each cell's activations are a small picture.

- `scgsr.tl`: `fit` trains and labels, `cluster` labels again.
- `scgsr.pp`: `arcsinh`, the transform of cytometry.
- `scgsr.pl`: `activation_map`, `neuron_graph`, `segmentation`, `history`.
- `scgsr.get`: stored results as AnnData, DataFrame or arrays.
- `scgsr.graphs`: graphs over the neurons, given or learned.
- `scgsr.nn`: the layer and the penalty for any torch network.
- `scgsr.datasets`, `scgsr.io`: real cells, simulated cells with known truth, FCS files.
"""

from scgsr import datasets, get, graphs, io, nn, pl, pp, tl
from scgsr._fitted import FittedModel

__all__ = ["FittedModel", "datasets", "get", "graphs", "io", "nn", "pl", "pp", "tl"]
