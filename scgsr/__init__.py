"""Graph-spectral regularization for single cells, as a Scanpy plug-in: a picture of every cell.

`scgsr.tl.fit` trains an autoencoder whose embedding neurons are the nodes of a graph; a penalty makes neighbouring
neurons active in the same cells. The graph connects neurons, not cells. Each cell's activations are a small picture.

- `scgsr.tl`: `fit` trains and labels, `cluster` labels again, `transform` maps new cells, `programs` and `saliency`
  find the features of each module, `score` tests the structure, `consensus` compares seeds, `compare` tests conditions.
- `scgsr.pp`: `arcsinh`, the transform of cytometry.
- `scgsr.pl`: `activation_map`, `programs`, `segmentation`, heatmaps, the neuron graph, and `report`, an interactive
  page.
- `scgsr.get`: stored results as AnnData, DataFrame or arrays; tables by sample.
- `scgsr.graphs`: graphs over the neurons, given or learned.
- `scgsr.nn`: the layers and the penalty, for any torch network.
- `scgsr.datasets`, `scgsr.io`: real cells, simulated cells with known truth, FCS files in and out.
- `scgsr.FittedModel`: the model of a fit, to save, load and apply.
"""

from scgsr import datasets, get, graphs, io, nn, pl, pp, tl
from scgsr._model import FittedModel

__all__ = ["FittedModel", "datasets", "get", "graphs", "io", "nn", "pl", "pp", "tl"]
