"""Whether cells have the shape of their neuron graph, for graphs without branches: paths, rings, several of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy
from scipy.sparse import csr_matrix

# A cell lies on a border if it is at most so many times as far from the second nearest place as from the nearest.
_ON_BORDER = 1.5
# Places with a smaller share of the cells, or fewer cells, are left out: their mean is unsure.
_LEAST_SHARE, _FEWEST_CELLS = 0.005, 5
# Of few cells a share is unsure: what counts is the end of its interval, so many standard errors away (one-sided 95 %).
_STANDARD_ERRORS = 1.645


class Borders(NamedTuple):
    """How cells lie between the places of a graph."""

    torn: float  # at least so large a share of a place's border cells has its other place elsewhere on the graph
    closure: float  # at most so small a share of border cells lies between two neighbours on a ring; NaN without a ring


def has_no_branches(adjacency: csr_matrix) -> bool:
    """Whether each neuron has at most two neighbours, and some have any."""
    degree = np.diff(csr_matrix(adjacency).indptr)
    return bool(1 <= degree.max(initial=0) <= 2)


def borders(activations: np.ndarray, coordinates: np.ndarray, adjacency: csr_matrix) -> Borders:
    """
    Say where cells that are neighbours lie apart on the graph, and where neighbours on the graph share no cells.

    Each cell has a place, the neuron to which its activation lies nearest on the graph, and each place the mean
    coordinates of its cells. Between two places lie the cells that are nearly as far from the second nearest place as
    from the nearest. Where the graph has the shape of the cells, these two places are neighbours on it: that they are
    not is known as the topographic error of a map. A circle on a path is torn at the ends of the path. On a ring, there
    must be cells on each border: a line on a ring leaves one empty. Both numbers are those of the worst place, and the
    end of an interval of confidence that speaks for the graph, so that a few cells prove nothing.

    Parameters
    ----------
    activations
        One cell per row, (n_cells, n_neurons); of a linear code the absolute values count.
    coordinates
        Of the same cells, (n_cells, n_dims), such as their reconstruction.
    adjacency
        Weights of the neuron graph, (n_neurons, n_neurons), without branches.

    Returns
    -------
    torn, closure
        Both within [0, 1]; NaN where there is only one place. The closure of several rings is that of the worst, and 0
        where cells have fewer than three places on a ring.

    References
    ----------
    Kiviluoto, *Topology preservation in self-organizing maps*, 1996, https://doi.org/10.1109/ICNN.1996.548907;
    Martinetz, Schulten, *Topology representing networks*, 1994, https://doi.org/10.1016/0893-6080(94)90109-0;
    Wilson, *Probable inference, the law of succession, and statistical inference*, 1927,
    https://doi.org/10.1080/01621459.1927.10502953

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr._measures._tears import borders
    >>> from scgsr.graphs import path, ring
    >>> turn = np.linspace(0, 2 * np.pi, 600, endpoint=False)
    >>> circle = np.column_stack([np.cos(turn), np.sin(turn)])
    >>> lit = np.eye(6)[np.arange(600) // 100]
    >>> [round(value, 1) for value in borders(lit, circle, ring(6).adjacency)]
    [0.0, 0.6]
    >>> round(borders(lit, circle, path(6).adjacency).torn, 1)
    0.3
    """
    lit = activations.any(axis=1)
    light, points = np.abs(activations[lit]).astype(np.float64), coordinates[lit].astype(np.float64)
    adjacency = csr_matrix(adjacency, copy=True)  # older SciPy cannot take a read-only one
    apart = scipy.sparse.csgraph.shortest_path(adjacency, directed=False, unweighted=True)
    place = (light @ np.where(np.isfinite(apart), apart, 2 * len(apart))).argmin(axis=1)
    n_cells = np.bincount(place, minlength=len(apart))
    places = np.flatnonzero(n_cells >= max(_FEWEST_CELLS, _LEAST_SHARE * len(place)))
    if len(places) < 2:
        return Borders(float("nan"), float("nan"))
    between = _border_cells(points, np.stack([points[place == one].mean(axis=0) for one in places]))
    neighbours = _neighbours(apart[np.ix_(places, places)])
    total = between.sum(axis=1)
    torn = _bound(np.where(neighbours, 0, between).sum(axis=1), total, -_STANDARD_ERRORS)
    return Borders(float(torn.max()), _closure(between + between.T, total, neighbours, adjacency, places))


def _border_cells(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return how many cells lie between two places, nearer to the first, (n_places, n_places)."""
    distance = scipy.spatial.distance.cdist(points, centres)
    nearest, second = np.argsort(distance, axis=1, kind="stable")[:, :2].T
    rows = np.arange(len(points))
    on_border = distance[rows, second] <= _ON_BORDER * distance[rows, nearest]
    between = np.zeros((len(centres), len(centres)))
    np.add.at(between, (nearest[on_border], second[on_border]), 1)
    return between


def _neighbours(apart: np.ndarray) -> np.ndarray:
    """Return which places have no other place between them on the graph, bool, from their distances on it."""
    neighbours = np.isfinite(apart) & (apart > 0)
    for other in range(len(apart)):
        between = apart[:, [other]] + apart[[other], :] == apart
        between[other] = between[:, other] = False
        neighbours &= ~between
    return neighbours


def _closure(
    either_way: np.ndarray, total: np.ndarray, neighbours: np.ndarray, adjacency: csr_matrix, places: np.ndarray
) -> float:
    """Return the smallest share of border cells between two neighbours on a ring, over all rings with cells."""
    piece = scipy.sparse.csgraph.connected_components(adjacency, directed=False)[1]
    degree = np.diff(adjacency.indptr)
    rings = [ring for ring in np.unique(piece[places]) if (degree[piece == ring] == 2).all()]
    shares = _bound(either_way, total[:, None] + total[None, :], _STANDARD_ERRORS)
    worst = [float("nan")]
    for ring in rings:
        on_ring = piece[places] == ring
        closed = shares[np.ix_(on_ring, on_ring)][neighbours[np.ix_(on_ring, on_ring)]]
        worst.append(float(closed.min()) if on_ring.sum() > 2 else 0.0)
    return float(np.fmin.reduce(worst))


def _bound(part: np.ndarray, whole: np.ndarray, z: float) -> np.ndarray:
    """Return the end of Wilson's interval of part / whole, the lower one if z is negative; of nothing 0 or 1."""
    known = np.maximum(whole, 1)
    share = np.where(whole > 0, part / known, 1 / 2)
    spread = z * np.sqrt(share * (1 - share) / known + z**2 / (4 * known**2))
    ends = (share + z**2 / (2 * known) + spread) / (1 + z**2 / known)
    return np.where(whole > 0, np.clip(ends, 0, 1), float(z > 0))
