"""How often training should see each cell: the lonelier, the more often, but for those that stand quite alone.

References
----------
Qiu et al., *Extracting a cellular hierarchy from high-dimensional cytometry data with SPADE*,
https://doi.org/10.1038/nbt.1991, thins out cells by their density before clustering; Tukey, *Exploratory Data
Analysis*, 1977, for the fences.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

# Density is measured among so many cells, by the distance to this neighbour.
LANDMARKS = 5000
_NEIGHBOUR = 5
# Tukey's fences lie so many interquartile ranges beyond the quartiles.
_FENCE = 1.5
_ROWS_AT_ONCE = 4096


def balancing_weights(cells: Iterable[Tensor], landmarks: Tensor, balance: float) -> np.ndarray:
    """Return a weight for each cell, (n_cells,) float64, with mean 1.

    The weight is ``loneliness ** balance``, where loneliness is the distance to the fifth neighbour among the
    landmarks, in units of its median; the median over these neighbours takes its noise away. What lies beyond the
    upper fence is no kind of cells but debris, or a doublet: from there on the weight falls again, down to that of
    common cells.

    Parameters
    ----------
    cells
        All cells in blocks, (batch, n_dims) each.
    landmarks
        A sample of them, (n_landmarks, n_dims).
    balance
        0 weighs all alike.
    """
    of_landmarks = np.exp(balance * _log_loneliness(landmarks))
    lengths = landmarks.square().sum(dim=1)
    nearest = []
    for block in cells:
        for part in block.split(_ROWS_AT_ONCE):
            # Squared distances, less a term that is equal for all landmarks.
            nearest.append((lengths - 2 * part @ landmarks.T).argmin(dim=1).cpu().numpy())
    weights = of_landmarks[np.concatenate(nearest)]
    return weights / weights.mean()


def _log_loneliness(landmarks: Tensor) -> np.ndarray:
    """Return the logarithm of how lonely each landmark is, (n_landmarks,): 0 for the median one, within the fences."""
    if len(landmarks) <= _NEIGHBOUR:
        return np.zeros(len(landmarks))
    distances, neighbours = zip(
        *(
            torch.topk(torch.cdist(part, landmarks), _NEIGHBOUR + 1, largest=False)
            for part in landmarks.split(_ROWS_AT_ONCE // 4)
        ),
        strict=True,
    )
    distance = torch.cat(distances)[:, -1].cpu().double().numpy()  # the first neighbour is the landmark itself
    middle = np.median(distance)
    if not middle > 0:  # most cells have the same values as others: there is no density
        return np.zeros(len(landmarks))
    lonely = np.log(np.maximum(distance / middle, np.finfo(np.float32).eps))
    lonely = np.median(lonely[torch.cat(neighbours).cpu().numpy()], axis=1)
    low, high = np.quantile(lonely, [0.25, 0.75])
    reach = _FENCE * (high - low)
    mirrored = np.maximum(2 * (high + reach) - lonely, min(0, high))
    return np.clip(np.minimum(lonely, mirrored), low - reach, None)
