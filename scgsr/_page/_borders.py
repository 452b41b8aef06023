"""Where areas of neurons of different modules meet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Corners of neighbours that differ by less than this share of the drawing are one.
_ROUNDING = 1e-6


def borders(areas: Sequence[np.ndarray], modules: np.ndarray) -> np.ndarray:
    """Return the sides that areas of different modules share, (n_sides, 2, 2); an area is its corners (n, 2)."""
    corners = np.concatenate(areas)
    grain = _ROUNDING * max(float(np.ptp(corners)), np.finfo(float).tiny)
    owner: dict[tuple[tuple[int, ...], ...], int] = {}
    found = []
    for neuron, area in enumerate(areas):
        places = [tuple(corner) for corner in np.rint(area / grain).astype(np.int64).tolist()]
        for start, end in enumerate(range(1 - len(area), 1)):
            side = tuple(sorted((places[start], places[end])))
            other = owner.setdefault(side, neuron)
            if modules[other] != modules[neuron]:
                found.append((area[start], area[end]))
    return np.array(found).reshape(-1, 2, 2)
