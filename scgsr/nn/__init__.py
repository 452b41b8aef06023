"""The structured layer and its graph-spectral penalty, as parts for any torch network.

`StructuredLayer` is an embedding layer whose neurons are the nodes of a graph; `GraphSpectralPenalty` makes the
activations of neighbouring neurons agree. The graph connects neurons, not cells.

References
----------
Tong et al., *Interpretable Neuron Structuring with Graph Spectral Regularization*, IDA 2020,
https://doi.org/10.1007/978-3-030-44584-3_40
"""

from scgsr.nn._penalty import GraphSpectralPenalty
from scgsr.nn._structured import StructuredLayer

__all__ = ["GraphSpectralPenalty", "StructuredLayer"]
