"""Structured layers and graph-spectral penalties, as parts for any torch network.

- `StructuredLayer`: selective neurons that are the nodes of a graph. `SpectralBottleneck`: activations composed of
  atoms, each at home in one place of the graph.
- `GraphSpectralPenalty`: makes neighbouring neurons of any layer agree, by its activations or by its weights.
- `unit_pictures`: activations of each cell regardless of their brightness.
- `Decay`, `FixedNoise`: values for `scgsr.tl.fit`.

The graph connects neurons, not cells.

References
----------
Tong et al., *Interpretable Neuron Structuring with Graph Spectral Regularization*, IDA 2020,
https://doi.org/10.1007/978-3-030-44584-3_40
"""

from scgsr.nn._bottleneck import SpectralBottleneck
from scgsr.nn._penalty import GraphSpectralPenalty
from scgsr.nn._pictures import unit_pictures
from scgsr.nn._settings import Decay, FixedNoise
from scgsr.nn._structured import StructuredLayer

__all__ = ["Decay", "FixedNoise", "GraphSpectralPenalty", "SpectralBottleneck", "StructuredLayer", "unit_pictures"]
