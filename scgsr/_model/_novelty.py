"""How unlike the cells of the fit a cell is: its picture is unusual, or the picture does not tell its features.

A picture is unusual where its Mahalanobis distance from those of the fit is large: it activates neurons that are never
active together, or in strengths that do not occur. A network that meets something new may also reconstruct it badly.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from scgsr import _device
from scgsr._values import slices

# The logarithm of an error or distance of zero would be infinite.
_FLOOR = 1e-12
# Novelty 1 is reached by this share of the fit's own cells.
_UNUSUAL = 0.01
_CELLS_AT_ONCE = 1 << 14
# Of the names in files.
_PREFIX = "typical_"


@dataclass(frozen=True, eq=False)
class NoveltyReference:
    """How the cells of a fit look, which novelty is measured against."""

    location: np.ndarray  # (n_neurons,) mean activations
    precision: np.ndarray  # (n_neurons, n_neurons) inverse of their covariance, shrunk
    middle: np.ndarray  # (2,) median of the logarithms of distance and error
    reach: np.ndarray  # (2,) from there to their 99th percentiles; infinite for one that does not vary
    limits: np.ndarray  # (2,) of the larger of the two, in these units: the median and the 99th percentile

    @classmethod
    @_device.in_one_thread()
    def learn(cls, seen: np.ndarray, held_out: np.ndarray, errors: np.ndarray) -> NoveltyReference:
        """Return how cells look.

        Parameters
        ----------
        seen
            Activations from which location and covariance are estimated, (n_seen, n_neurons).
        held_out
            Activations on which novelty is calibrated, (n_cells, n_neurons).
        errors
            Mean squared error of the reconstruction of these, in standardised features, (n_cells,).

        References
        ----------
        Ledoit, Wolf, *A well-conditioned estimator for large-dimensional covariance matrices*, 2004,
        https://doi.org/10.1016/S0047-259X(03)00096-4
        """
        from sklearn.covariance import ledoit_wolf

        location = seen.mean(axis=0, dtype=np.float64)
        covariance, _ = ledoit_wolf(seen.astype(np.float64) - location, assume_centered=True)
        # A layer that never fires has no covariance at all.
        precision = np.linalg.pinv(covariance, hermitian=True)
        logs = _logs(held_out, errors, location, precision)
        middle, high = np.quantile(logs, [0.5, 1 - _UNUSUAL], axis=0)
        reach = np.where(high > middle + _FLOOR, high - middle, np.inf)
        limits = np.quantile(((logs - middle) / reach).max(axis=1), [0.5, 1 - _UNUSUAL])
        return cls(
            location=location,
            precision=precision,
            middle=middle,
            reach=reach,
            limits=np.array([limits[0], max(limits[1], limits[0] + _FLOOR)]),
        )

    def novelty(self, activations: np.ndarray, errors: np.ndarray) -> np.ndarray:
        """Return the novelty of cells, (n_cells,) float32: 0 the median reference cell, 1 the 99th percentile."""
        logs = _logs(activations, errors, self.location, self.precision)
        larger = ((logs - self.middle) / self.reach).max(axis=1, initial=-np.inf)
        low, high = self.limits
        return ((larger - low) / (high - low)).astype(np.float32)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return the parts under the names that files have for them."""
        return {f"{_PREFIX}{part.name}": getattr(self, part.name) for part in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, Any]) -> NoveltyReference | None:
        """Take the parts out of `arrays`; None if they are not there."""
        names = [part.name for part in fields(cls)]
        if f"{_PREFIX}{names[0]}" not in arrays:
            return None
        reference = cls(**{name: arrays.pop(f"{_PREFIX}{name}") for name in names})
        of_neurons, of_measures = np.shape(reference.location), (reference.middle, reference.reach, reference.limits)
        of_pairs = of_neurons * 2 if len(of_neurons) == 1 else None
        if np.shape(reference.precision) != of_pairs or {np.shape(values) for values in of_measures} != {(2,)}:
            msg = "what novelty is measured against must be of all neurons and two measures"
            raise ValueError(msg)
        numbers = (reference.location, reference.precision, reference.middle, reference.limits)
        if not all(np.isfinite(part).all() for part in numbers) or not (reference.reach > 0).all():
            msg = "what novelty is measured against must be finite"
            raise ValueError(msg)
        return reference


def _logs(activations: np.ndarray, errors: np.ndarray, location: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Return the logarithms of squared distance and error, (n_cells, 2)."""
    distances = np.empty(len(activations))
    for rows in slices(len(activations), _CELLS_AT_ONCE):
        centred = activations[rows] - location
        distances[rows] = np.einsum("cn,cn->c", centred @ precision, centred)
    return np.log(np.column_stack([np.maximum(distances, 0), errors]) + _FLOOR)
