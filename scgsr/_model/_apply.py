"""A trained network over all cells, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scgsr import _device, _ranks
from scgsr._checks import about
from scgsr._model._network import Autoencoder
from scgsr._values import Cells, checked, dense, filled, rows_at_once, slices


@_device.undisturbed()
@torch.no_grad()
def encode(network: Autoencoder, cells: Cells) -> np.ndarray:
    """Return the activations of all cells, (n_cells, n_neurons) float32; each of several ranks encodes its own."""
    own = _ranks.own_rows(cells.shape[0], rows_at_once(cells.shape[1]))
    encoded = (network.encode(features) for features in cells.in_order(own))
    return _ranks.gathered(filled(encoded, (own.stop - own.start, network.n_neurons)))


@_device.undisturbed()
@torch.no_grad()
def decode(network: Autoencoder, activations: np.ndarray, origin: int | None = None) -> np.ndarray:
    """Return the reconstruction of standardised features: (n_cells, n_neurons) -> (n_cells, n_features) float32.

    It is that of one origin, given by its number, or the mean over all.
    """
    n_features = network.config.n_features
    decoded = (
        _decoded(network, activations[rows], origin) for rows in slices(len(activations), rows_at_once(n_features))
    )
    return filled(decoded, (len(activations), n_features))


def in_units(features: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return standardised features, (n_cells, n_features), in input units; the array is overwritten."""
    features *= scale
    features += mean
    return features


def checked_activations(network: Autoencoder, activations: Any) -> np.ndarray:
    """Return activations that somebody gives, (n_cells, n_neurons) float32, refused if they are of another width."""
    values = checked(activations, network.n_neurons, argument="activations", one_for="neuron")
    return dense(values).astype(np.float32, copy=False)


def known_activations(network: Autoencoder, cells: Cells, activations: Any) -> np.ndarray:
    """Return the activations of cells, (n_cells, n_neurons) float32: those that are given, or None, checked."""
    if activations is None:
        return encode(network, cells)
    values = checked_activations(network, activations)
    if len(values) != cells.shape[0]:
        msg = (
            f"`activations` must be those of the {cells.shape[0]} cells of `matrix`, got {len(values)}; leave them out."
        )
        raise about("activations", ValueError(msg))
    return values


@_device.undisturbed()
@torch.no_grad()
def coordinates(network: Autoencoder, activations: np.ndarray) -> np.ndarray:
    """Return coordinates of the reconstruction, see :meth:`Autoencoder.coordinates`, (n_cells, n_dims) float32."""
    return network.coordinates(_tensor(network, activations)).cpu().numpy()


def module_space(network: Autoencoder, params: Mapping[str, Any]) -> tuple[Callable[[np.ndarray], np.ndarray], bool]:
    """Return where modules are looked for: what gives cells their coordinates, and whether these are the features.

    Coordinates of a fit to an embedding (`use_rep` among its parameters) are no features that could be counted.
    """
    return partial(coordinates, network), network.coordinates_are_features and params.get("use_rep") is None


@_device.undisturbed()
@torch.no_grad()
def errors(network: Autoencoder, blocks: Iterable[Tensor], activations: np.ndarray) -> np.ndarray:
    """Return the mean squared error of each cell's reconstruction, in standardised features, (n_cells,) float32.

    A network that knows origins gives each cell the error under that origin which explains it best.

    Parameters
    ----------
    network
        The network that gave the activations.
    blocks
        The cells as the network sees them, (batch, n_features) each.
    activations
        Those of the same cells, (n_cells, n_neurons).
    """
    result = np.empty(len(activations), dtype=np.float32)
    start = 0
    for features in blocks:
        rows = slice(start, start := start + len(features))
        each = (_decoded(network, activations[rows], origin) for origin in range(len(network.config.origins)) or [None])
        of_each = [decoded.sub_(features).square_().mean(dim=1) for decoded in each]
        result[rows] = torch.stack(of_each).amin(dim=0).cpu().numpy()
    return result


def _decoded(network: Autoencoder, activations: np.ndarray, origin: int | None) -> Tensor:
    origins = None if origin is None else torch.full((len(activations),), origin, device=network.device)
    return network.decode(_tensor(network, activations), origins)


def _tensor(network: Autoencoder, activations: np.ndarray) -> Tensor:
    return torch.as_tensor(activations, device=network.device)
