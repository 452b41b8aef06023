"""How often training should see each cell: the lonelier, the more often, but for those that stand quite alone.

References
----------
Qiu et al., *Extracting a cellular hierarchy from high-dimensional cytometry data with SPADE*,
https://doi.org/10.1038/nbt.1991, thins out cells by their density before clustering; Tukey, *Exploratory Data
Analysis*, 1977, for the fences; Levina, Bickel, *Maximum likelihood estimation of intrinsic dimension*, 2004.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from scgsr import _ranks

# Density is measured among so many cells, by the distance to this neighbour.
LANDMARKS = 5000
_NEIGHBOUR = 5
# A cell so many times lonelier than those around it belongs to no kind.
_ALONE = 1.3
# Tukey's fences lie so many interquartile ranges beyond the quartiles.
_FENCE = 1.5
_ROWS_AT_ONCE = 256


class Balance:
    """Gives each cell a weight.

    The weight is ``loneliness ** balance``. Loneliness is the distance to the fifth neighbour among the landmarks, in
    units of its median; the median over these neighbours takes its noise away. A cell that is much lonelier than its
    neighbours is debris or a doublet, and weighs at most as much as a common cell. So do, in the end, cells beyond the
    upper fence. The exponent is at most the dimension in which cells spread: then all of that space weighs the same.

    Parameters
    ----------
    landmarks
        A sample of the cells, (n_landmarks, n_dims).
    balance
        0 weighs all alike.
    """

    def __init__(self, landmarks: Tensor, balance: float) -> None:
        self.landmarks, self.balance = landmarks, balance
        self._around = _Surroundings.of(landmarks)

    def weights(self, cells: Iterable[Tensor], n_cells: int) -> np.ndarray:
        """Return a weight for each cell, (n_cells,) float64, with mean 1; several ranks each give some of the cells.

        Parameters
        ----------
        cells
            Cells in blocks, (batch, n_dims) each.
        n_cells
            How many they are.
        """
        around = self._around
        if around is None:
            return _ranks.gathered(np.ones(n_cells))
        # Filled in place: pieces that stay would part the memory that the next block of features needs in one piece.
        landmark, distance = np.empty(n_cells, dtype=np.int64), np.empty(n_cells, dtype=np.float32)
        start = 0
        for nearest, how_far in _nearest(cells, self.landmarks):
            rows = slice(start, start := start + len(nearest))
            landmark[rows], distance[rows] = nearest, how_far
        alone = around.alone[landmark] | (distance > _ALONE * around.distance[landmark])
        lonely = around.fenced()[landmark]
        exponent = min(self.balance, around.dimension)
        weights = _ranks.gathered(np.exp(exponent * np.where(alone, np.minimum(lonely, 0), lonely)))
        return weights / weights.mean() if len(weights) else weights


def _nearest(cells: Iterable[Tensor], landmarks: Tensor) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield which landmark is nearest to each cell, and how far away, (batch,) each."""
    lengths = landmarks.square().sum(dim=1)
    # One piece of memory for all blocks: fresh pages would take longer than the products.
    squared = torch.empty(_ROWS_AT_ONCE, len(landmarks), dtype=landmarks.dtype, device=landmarks.device)
    for part in (part for block in cells for part in block.split(_ROWS_AT_ONCE)):
        # Squared distances, less a term that is equal for all landmarks.
        found = torch.addmm(lengths, part, landmarks.T, alpha=-2, out=squared[: len(part)])
        # NumPy is several times faster at this than torch on a CPU.
        on_cpu = found.device.type == "cpu"
        nearest = torch.from_numpy(found.numpy().argmin(axis=1)) if on_cpu else found.argmin(dim=1)
        least = found.gather(1, nearest[:, None])[:, 0] + part.square().sum(dim=1)
        yield nearest.cpu().numpy(), least.clamp_min_(0).sqrt_().cpu().numpy()


class _Surroundings(NamedTuple):
    """How far apart cells lie around each landmark."""

    distance: np.ndarray  # (n_landmarks,) to the fifth neighbour, median over the neighbours
    alone: np.ndarray  # (n_landmarks,) bool, those much lonelier than their neighbours
    dimension: float  # in which cells spread

    @classmethod
    def of(cls, landmarks: Tensor) -> _Surroundings | None:
        """Measure the distances; None where most cells have the same values as others, so that there is no density."""
        if len(landmarks) <= _NEIGHBOUR:
            return None
        found = [
            torch.topk(torch.cdist(part, landmarks), _NEIGHBOUR + 1, largest=False)
            for part in landmarks.split(_ROWS_AT_ONCE)
        ]
        distances = torch.cat([part.values for part in found])[:, 1:].cpu().double().numpy()  # the first is itself
        neighbours = torch.cat([part.indices for part in found]).cpu().numpy()
        middle = np.median(distances[:, -1])
        if not middle > 0:
            return None
        distances = np.maximum(distances, np.finfo(np.float32).eps * middle)
        around = np.median(distances[:, -1][neighbours], axis=1)
        # The maximum likelihood estimate of Levina and Bickel, averaged as MacKay and Ghahramani do.
        growth = np.log(distances[:, -1:] / distances[:, :-1]).mean()
        dimension = 1 / growth if growth > 0 else np.inf
        return cls(around, distances[:, -1] > _ALONE * around, float(dimension))

    def fenced(self) -> np.ndarray:
        """Return the logarithm of loneliness, (n_landmarks,): 0 in the middle, mirrored at the upper fence."""
        lonely = np.log(self.distance / np.median(self.distance))
        low, high = np.quantile(lonely, [0.25, 0.75])
        reach = _FENCE * (high - low)
        mirrored = np.maximum(2 * (high + reach) - lonely, 0)
        return np.clip(np.minimum(lonely, mirrored), low - reach, None)
