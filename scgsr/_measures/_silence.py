"""Silence: what the reconstruction of each group of cells loses when the neurons of a region are set to zero."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from scgsr import _device
from scgsr._measures._null import p_value
from scgsr._model import Autoencoder, FittedModel
from scgsr._values import Batches


@dataclass(frozen=True, eq=False)
class Losses:
    """What silencing costs, each (n_regions, n_groups) float64."""

    loss: np.ndarray
    expected: np.ndarray  # the mean loss by random regions of the same size
    pvals: np.ndarray  # the share of these that cost at least as much


@_device.undisturbed()
@torch.no_grad()
def silence(
    model: FittedModel,
    values: np.ndarray,
    codes: np.ndarray,
    regions: np.ndarray,
    *,
    n_random: int,
    rng: np.random.Generator,
) -> Losses:
    """Return what each group loses by each region, and by random regions of the same number of neurons.

    The loss of a group is the rise of its squared error, divided by its squared deviation from the mean of the fit:
    1 is lost where the reconstruction is worse than before by as much as there is to reconstruct. Both are of what the
    network sees, which is principal components after a fit with ``scale="pca"``.

    Parameters
    ----------
    model
        The fit.
    values
        What the network takes, unscaled, (n_cells, n_inputs).
    codes
        The group of each cell, (n_cells,) int from 0; no group may be empty.
    regions
        Which neurons are silenced, (n_regions, n_neurons) bool.
    n_random
        How many random regions of each size; see `random_regions`.
    rng
        Where they come from.
    """
    network = model.network
    features = Batches(values, model.mean, model.scale, network.device).rows(np.arange(len(values)))
    inputs, activations = network.inputs(features), network.encode(features)
    sizes = np.bincount(codes).astype(np.float64)

    def of_groups(of_cells: Tensor) -> np.ndarray:
        return np.bincount(codes, of_cells.double().cpu().numpy()) / sizes

    signal, error = of_groups(inputs.square().mean(dim=1)), of_groups(_errors(network, inputs, activations))

    def loss_by(silenced: np.ndarray) -> np.ndarray:
        left = torch.as_tensor(~silenced, device=network.device)
        return (of_groups(_errors(network, inputs, activations * left)) - error) / signal

    live, sizes_of = model.modules.labels >= 0, regions.sum(axis=1)
    drawn = {
        size: np.array([loss_by(one) for one in random_regions(model.graph.adjacency, live, size, n_random, rng)])
        for size in np.unique(sizes_of)
    }
    loss = np.array([loss_by(region) for region in regions])
    pvals = [
        [p_value(drawn[size][:, g], one) for g, one in enumerate(row)] for size, row in zip(sizes_of, loss, strict=True)
    ]
    return Losses(loss, np.array([drawn[size].mean(axis=0) for size in sizes_of]), np.array(pvals))


def _errors(network: Autoencoder, inputs: Tensor, activations: Tensor) -> Tensor:
    """Return each cell's mean squared error, (n_cells,), under the batch that explains it best."""
    n_origins = len(network.config.origins)
    if not n_origins:
        return (network.outputs(activations) - inputs).square().mean(dim=1)
    origins = torch.arange(n_origins, device=activations.device)[:, None].expand(-1, len(activations))
    each = [(network.outputs(activations, one) - inputs).square().mean(dim=1) for one in origins]
    return torch.stack(each).amin(dim=0)


def random_regions(
    adjacency: csr_matrix, allowed: np.ndarray, size: int, n_regions: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """
    Yield regions that hang together: a random neuron and those that are nearest to it on the graph.

    Parameters
    ----------
    adjacency
        The neuron graph, (n_neurons, n_neurons).
    allowed
        Which neurons a region may have, (n_neurons,) bool; at least `size` of them.
    size, n_regions
        Neurons in a region, and how many regions. Of neurons equally near, some are drawn. Where a region is larger
        than a piece of the graph, it has neurons of other pieces too.
    rng
        Where they come from.

    Yields
    ------
    Bool arrays (n_neurons,).

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr._measures._silence import random_regions
    >>> from scgsr.graphs import ring
    >>> regions = random_regions(ring(12).adjacency, np.ones(12, dtype=bool), 3, 50, np.random.default_rng(0))
    >>> all(np.any(region & np.roll(region, 1) & np.roll(region, 2)) for region in regions)
    True
    """
    candidates = np.flatnonzero(allowed)
    own = adjacency.copy()  # SciPy before 1.13 does not take what must not be written to
    hops = scipy.sparse.csgraph.shortest_path(own, directed=False, unweighted=True)[np.ix_(candidates, candidates)]
    for _ in range(n_regions):
        nearest = np.lexsort((rng.random(len(candidates)), hops[rng.integers(len(candidates))]))
        region = np.zeros(len(allowed), dtype=bool)
        region[candidates[nearest[:size]]] = True
        yield region
