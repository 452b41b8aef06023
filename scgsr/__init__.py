"""Graph-spectrally regularized autoencoders for single-cell data: a readable hidden layer as a Scanpy plug-in.

An autoencoder is trained whose embedding neurons are the nodes of a graph; a penalty makes neighbouring neurons fire
together. The graph connects neurons, not cells. Each cell's activations are a small picture.

- `scgsr.tl`: `fit` trains and labels, `cluster` labels again, `transform` maps new cells, `programs` and `saliency`
  tell which features make a module, `score` judges the structure.
- `scgsr.pp`: `arcsinh`, the transform of cytometry.
- `scgsr.pl`: `activation_map`, `programs`, `segmentation`, heatmaps, the neuron graph and how it came to be.
- `scgsr.get`: stored results as AnnData, DataFrame or arrays; tables by sample.
- `scgsr.graphs`: graphs over the neurons, given or learned.
- `scgsr.nn`: the layers and the penalty, for any torch network.
- `scgsr.datasets`, `scgsr.io`: real cells, simulated cells with known truth, FCS files in and out.
- `scgsr.FittedModel`: the model of a fit, to save, load and apply.
"""

from scgsr import datasets, get, graphs, io, nn, pl, pp, tl
from scgsr._model import FittedModel

__all__ = ["FittedModel", "datasets", "get", "graphs", "io", "nn", "pl", "pp", "tl"]
