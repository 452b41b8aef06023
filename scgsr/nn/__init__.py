"""Structured layers and graph-spectral penalties for any torch network.

- `StructuredLayer`: selective neurons that are the nodes of a graph. `SpectralBottleneck`: activations composed of
  atoms, patterns of activity around single neurons.
- `GraphSpectralPenalty`: makes neighbouring neurons of any layer agree, by its activations or by its weights.
- `unit_pictures`: activations of each cell, scaled to unit norm.
- `Decay`, `FixedNoise`: values for `scgsr.tl.fit`.

The graph connects neurons, not cells.

References
----------
Tong et al., *Interpretable Neuron Structuring with Graph Spectral Regularization*, IDA 2020,
https://doi.org/10.1007/978-3-030-44584-3_40

Examples
--------
Learn a graph from the activations of any layer, by three lines at chosen epochs: run the layer over cells, make the
graph of neurons that are active in the same cells, and give it to the penalty.

>>> import torch, scgsr
>>> cells, kinds = torch.randn(200, 8), torch.arange(200) % 3
>>> layer = torch.nn.Sequential(torch.nn.Linear(8, 20), torch.nn.ReLU())
>>> model = torch.nn.Sequential(layer, torch.nn.Linear(20, 3))
>>> smooth = scgsr.nn.GraphSpectralPenalty(scgsr.graphs.grid(4, 5))  # a start that is soon replaced
>>> _ = smooth.watch(layer)
>>> optimizer = torch.optim.Adam(model.parameters())
>>> for epoch in range(9):
...     if epoch >= 2 and epoch % 3 == 2:  # first after a warm-up, then every third epoch
...         with torch.no_grad():
...             activations = layer(cells).numpy()
...         smooth.set_graph(scgsr.graphs.coactivation(activations, n_neighbors=4))
...     loss = torch.nn.functional.cross_entropy(model(cells), kinds) + smooth.value
...     optimizer.zero_grad()
...     loss.backward()
...     optimizer.step()
>>> learned = scgsr.graphs.coactivation(layer(cells).detach().numpy(), n_neighbors=4)  # to look at, by pl.images
>>> learned.n_neurons
20
"""

from scgsr.nn._bottleneck import SpectralBottleneck
from scgsr.nn._penalty import GraphSpectralPenalty
from scgsr.nn._pictures import unit_pictures
from scgsr.nn._settings import Decay, FixedNoise
from scgsr.nn._structured import StructuredLayer

__all__ = ["Decay", "FixedNoise", "GraphSpectralPenalty", "SpectralBottleneck", "StructuredLayer", "unit_pictures"]
