"""Where a cell lies on the sheet: amid the neurons that it activates."""

from __future__ import annotations

import numpy as np
import scipy

from scgsr._values import rows_at_once, slices

# Brightness counts by this power: the mean place of all active neurons would lie in the middle of the sheet.
_SHARPNESS = 3
# How far a cell is moved at most, in units of the distance between neighbours, lest cells of one neuron hide each
# other.
_JITTER = 0.45


def on_sheet(activations: np.ndarray, positions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the place of each cell, (n_cells, 2): the centre of its active neurons, moved a little at random.

    A cell that activates nothing lies below the sheet, at its middle.
    """
    silent = np.array([positions[:, 0].mean(), positions[:, 1].min() - 1.5 * _spacing(positions)])
    places = np.empty((len(activations), 2))
    for rows in slices(len(activations), rows_at_once(len(positions))):
        light = np.abs(activations[rows], dtype=np.float64)
        peak = light.max(axis=1, keepdims=True)
        weights = np.divide(light, peak, out=np.zeros_like(light), where=peak > 0) ** _SHARPNESS
        total = weights.sum(axis=1, keepdims=True)
        places[rows] = np.where(total > 0, weights @ positions / np.maximum(total, 1), silent)
    turn = 2 * np.pi * rng.random(len(places))
    radius = _JITTER * _spacing(positions) * np.sqrt(rng.random(len(places)))
    return places + radius[:, None] * np.column_stack([np.cos(turn), np.sin(turn)])


def _spacing(positions: np.ndarray) -> float:
    """Return the typical distance from a neuron to the next one, 1 for a single neuron."""
    if len(positions) == 1:
        return 1.0
    return float(np.median(scipy.spatial.cKDTree(positions).query(positions, k=2)[0][:, 1]))
