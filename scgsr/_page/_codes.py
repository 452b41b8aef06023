"""Numbers in one or two bytes each, with what turns them back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Places are told apart in so many steps along the longer side: several for each pixel of a screen.
_STEPS_OF_PLACES = 4095
_LARGEST = 255
# Bins of a marker: in each the same number of cells, as far as ties allow.
_N_BINS = 50


def picture_codes(activations: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Return codes (n_neurons, n_cells) uint8, the step of each neuron (n_neurons,), and the code of 0.

    An activation is (code - zero) * step, off by half a step, a 255th of the neuron's largest activation (where there
    are negative ones, a 127th of its largest absolute value). What is not 0 never gets the code of 0, so that a neuron
    that is faint is not taken for silent.
    """
    zero = 128 if activations.min(initial=0) < 0 else 0
    largest = np.abs(activations).max(axis=0, initial=0).astype(np.float64)
    steps = np.where(largest > 0, largest, 1) / (_LARGEST - zero)
    codes = np.rint(activations / steps)
    codes = np.where(codes == 0, np.sign(activations), codes) + zero
    return np.ascontiguousarray(codes.T.astype(np.uint8)), steps.astype(np.float32), zero


def place_codes(places: np.ndarray, low: np.ndarray | None = None, high: np.ndarray | None = None) -> np.ndarray:
    """Return places (n, 2) as codes (2, n) uint16, y downwards, in one unit for both; NaN, nowhere, is 65535.

    The middle of the box from `low` to `high`, by default that of the places, is the middle of the square of the codes.
    """
    known = np.isfinite(places).all(axis=1)
    if low is None or high is None:
        inside = places[known] if known.any() else np.array([[0.0, 0.0], [1.0, 1.0]])
        low, high = inside.min(axis=0), inside.max(axis=0)
    codes = np.full(places.shape, np.iinfo(np.uint16).max, dtype=np.uint16)
    unit = _unit(low, high)
    codes[known] = np.rint(((places[known] - (low + high) / 2) * (unit, -unit) + 0.5).clip(0, 1) * _STEPS_OF_PLACES)
    return np.ascontiguousarray(codes.T)


def place_of(point: tuple[float, float], low: np.ndarray, high: np.ndarray) -> tuple[float, float, float]:
    """Return how long one is in the square of the codes, whose side is 1, and where in it a point lies."""
    unit = _unit(low, high)
    x, y = (np.array(point) - (low + high) / 2) * (unit, -unit) + 0.5
    return unit, float(x), float(y)


def _unit(low: np.ndarray, high: np.ndarray) -> float:
    return 1 / (float((high - low).max()) or 1.0)


@dataclass(frozen=True, eq=False)
class Steps:
    """Numbers in equal steps: the number is low + step * code; a missing one is 65535."""

    codes: np.ndarray  # (n_cells,) uint16
    low: float
    step: float

    @classmethod
    def of(cls, values: np.ndarray) -> Steps:
        """Return the codes of numbers, (n_cells,), some of which may be NaN."""
        known = np.isfinite(values)
        low, high = (float(values[known].min()), float(values[known].max())) if known.any() else (0.0, 0.0)
        step = (high - low) / (np.iinfo(np.uint16).max - 1) or 1.0
        codes = np.full(len(values), np.iinfo(np.uint16).max, dtype=np.uint16)
        codes[known] = np.rint((values[known] - low) / step)
        return cls(codes, low, step)


@dataclass(frozen=True, eq=False)
class Bins:
    """The bins of a marker over all cells: from which value each begins, its mean, and the share of cells below it."""

    starts: np.ndarray  # (n_bins,) ascending
    means: np.ndarray  # (n_bins,)
    below: np.ndarray  # (n_bins,) in [0, 1)

    @classmethod
    def of(cls, values: np.ndarray) -> Bins:
        """Return the bins of the finite values of all cells, (n_cells,)."""
        ordered = np.sort(values.astype(np.float64))
        starts = np.unique(ordered[np.arange(_N_BINS) * len(ordered) // _N_BINS])
        first = np.searchsorted(ordered, starts)
        sizes = np.diff(first, append=len(ordered))
        return cls(starts, np.add.reduceat(ordered, first) / sizes, first / len(ordered))

    def codes(self, values: np.ndarray) -> np.ndarray:
        """Return the bin of each value, (n,) uint8."""
        return (np.searchsorted(self.starts, values, side="right") - 1).clip(0).astype(np.uint8)
