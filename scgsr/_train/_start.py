"""Where training on a given graph starts: neurons laid out over the cells as in a self-organising map.

From random weights, neighbouring neurons begin with unrelated jobs, and the penalty can only mend that locally: a
ring folds or winds twice, a sheet creases. Here the neurons first become prototypes in the space of the cells, which
move together at first and ever more freely as the neighbourhood shrinks (Kohonen's map, in batches, with the heat
kernel of the graph as neighbourhood); each neuron's weights then respond to its prototype's direction.

Where the decoder is told which batch a cell comes from, it knows from the start by how much batches shift like cells,
and neurons start without a view of that: they would keep what they see at first, though nobody needs it from them.

References
----------
Kohonen, *Essentials of the self-organizing map*, https://doi.org/10.1016/j.neunet.2012.09.018
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from scgsr import _device
from scgsr._model import Autoencoder
from scgsr._train._shifts import shifts_of
from scgsr._values import Part
from scgsr.graphs import NeuronGraph, fourier_basis

# Cells from which the start is made, and principal components in which they are compared; cells from which shifts are
# estimated.
CELLS = 1500
_COMPONENTS = 50
_CELLS_COMPARED = 4000
# Of the directions of the inputs, first weights are turned away from at most this share, and from no direction in which
# batches differ less than this share of how much they differ at most.
_MOST_TURNED_AWAY, _NO_SHIFT = 0.25, 1e-3
# The neighbourhood shrinks in so many rounds.
_ROUNDS = 60
# It begins with heat that has spread for this share of the time that it takes over the whole graph (1 / lowest
# frequency), and ends with this share of the time that it takes over one edge (1 / mean degree).
_WIDEST_SHARE, _NARROWEST_EDGES = 0.3, 0.3
# Modes below the first overtone (four times the lowest frequency, on a path) place the prototypes at first.
_OVERTONE = 3.0
_RIDGE = 1e-3


@_device.in_one_thread()
@torch.no_grad()
def begin(network: Autoencoder, graph: NeuronGraph, known: Part, *, ordered: bool, rng: np.random.Generator) -> None:
    """Set the weights that training starts from.

    Parameters
    ----------
    network
        Freshly initialised.
    graph
        The neurons' graph, with edges if neurons are to be in order on it.
    known
        Some of the training cells.
    ordered
        Whether to put the neurons in order; their weights are random otherwise.
    rng
        Draws cells.
    """
    (rng_of_shifts,) = rng.spawn(1)
    shift = network.shift
    if shift is not None:
        features, origins = _drawn(known, _CELLS_COMPARED, rng_of_shifts)
        assert origins is not None, "a network that knows origins is told those of the cells"
        points = network.inputs(features).cpu().double().numpy()
        shift.copy_(torch.from_numpy(shifts_of(points, origins.cpu().numpy(), len(shift))))
    if ordered:
        features, origins = _drawn(known, CELLS, rng)
        organise(network, graph, features, None if shift is None else shift[origins])
    elif shift is not None:
        _turn_away(network.first_weight, shift)


def _drawn(known: Part, n_cells: int, rng: np.random.Generator) -> tuple[Tensor, Tensor | None]:
    """Return some cells as the network sees them, drawn by weight, and where they come from."""
    rows = known.some(n_cells, rng)
    return torch.cat(list(known.batches.in_order(rows))), known.batches.origins(rows)


def _turn_away(weight: Tensor, shift: Tensor) -> None:
    """Take out of weights, (n_units, n_inputs), the directions in which batches differ, (n_batches, n_inputs)."""
    _, strength, directions = torch.linalg.svd(shift - shift.mean(dim=0), full_matrices=False)
    most = int(_MOST_TURNED_AWAY * weight.shape[1])
    seen = directions[:most][strength[:most] > _NO_SHIFT * strength[0]]
    weight -= (weight @ seen.T) @ seen


@torch.no_grad()
def organise(network: Autoencoder, graph: NeuronGraph, features: Tensor, shift: Tensor | None = None) -> None:
    """Set the weights of the structured layer so that neighbours respond to similar cells.

    Parameters
    ----------
    network
        Freshly initialised; only the weights into the structured layer change.
    graph
        The neurons' graph, with edges.
    features
        Some cells as the network sees them, (n_cells, n_features).
    shift
        What its batch adds to the inputs of each of these cells, (n_cells, n_inputs): neurons are laid out without it.
    """
    inputs = network.inputs(features)
    cells = (inputs if shift is None else inputs - shift).cpu().double().numpy()
    points = _principal(cells - cells.mean(axis=0))
    responses = points @ prototypes(points, graph).T  # (n_cells, n_neurons)
    hidden = network.hidden(features).cpu().double().numpy()
    weights = _regressed(hidden - hidden.mean(axis=0), responses - responses.mean(axis=0))
    linear = network.layer.linear
    # A neuron that found no direction of its own keeps its random weights.
    placed = torch.as_tensor(weights.any(axis=0), device=linear.weight.device)
    linear.weight[placed] = torch.as_tensor(weights.T, dtype=torch.float32, device=linear.weight.device)[placed]


def prototypes(points: np.ndarray, graph: NeuronGraph) -> np.ndarray:
    """Return a self-organising map of centred points, (n_neurons, n_dims), columns of the points by falling variance.

    Deterministic: the graph's slowest modes start along the points' first axes.
    """
    frequencies, modes = fourier_basis(graph.laplacian())
    positive = frequencies > 1e-8 * frequencies[-1]
    lowest = frequencies[positive][0]
    slow = modes[:, 1:][:, frequencies[1:] <= _OVERTONE * lowest + 1e-9][:, : points.shape[1]]
    spread = points.std(axis=0)[: slow.shape[1]]
    units = np.zeros((graph.n_neurons, points.shape[1]))  # the prototypes so far
    units[:, : slow.shape[1]] = slow * np.sqrt(graph.n_neurons) * spread
    widest = _WIDEST_SHARE / lowest
    narrowest = min(_NARROWEST_EDGES * graph.n_neurons / graph.adjacency.sum(), widest)
    for time in np.geomspace(widest, narrowest, _ROUNDS):
        heat = np.maximum((modes * np.exp(-time * frequencies)) @ modes.T, 0)
        # Squared distances, less a term that is equal for all prototypes.
        distance = (units**2).sum(axis=1) - 2 * points @ units.T
        reached = heat[:, distance.argmin(axis=1)]  # (n_neurons, n_cells)
        weight = reached.sum(axis=1, keepdims=True)
        units = np.divide(reached @ points, weight, out=units, where=weight > 1e-12)
    return units


def _principal(centred: np.ndarray) -> np.ndarray:
    """Return the cells on their first principal axes, (n_cells, n_axes)."""
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    return (u * s)[:, :_COMPONENTS]


def _regressed(hidden: np.ndarray, responses: np.ndarray) -> np.ndarray:
    """Return ridge weights from hidden units to responses, scaled to unit spread, (n_hidden, n_neurons)."""
    gram = hidden.T @ hidden
    gram += (_RIDGE * np.trace(gram) / len(gram) + np.finfo(float).tiny) * np.eye(len(gram))
    weights = np.linalg.solve(gram, hidden.T @ responses)
    spread = (hidden @ weights).std(axis=0)
    return np.divide(weights, spread, out=np.zeros_like(weights), where=spread > 1e-12)
