"""Whether groups of cells activate different regions, and whether such a region is in one piece."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy
from scipy.sparse import csr_matrix


def segments(means: np.ndarray) -> np.ndarray:
    """
    Which group activates each neuron most.

    Groups are compared by their shares: the mean activation of a neuron divided by the sum over all neurons. A bright
    group then does not own the neurons of dim ones.

    Parameters
    ----------
    means
        Mean activations of each group, (n_groups, n_neurons).

    Returns
    -------
    Int array (n_neurons,); -1 for a neuron that all groups activate alike, such as a dead one.

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr._measures import segments
    >>> segments(np.array([[6.0, 2, 2, 0], [1, 1, 2, 0]]))  # shares 0.6 0.2 0.2 0 and 0.25 0.25 0.5 0
    array([ 0,  1,  1, -1])
    """
    lights = shares(means)
    return owners(lights, lights.mean(axis=0))


def owners(lights: np.ndarray, overall: np.ndarray) -> np.ndarray:
    """Return the group (row) with the largest value for each neuron (column), -1 where no group exceeds `overall`."""
    rounding = 1e-9 * np.abs(overall)
    return np.where(lights.max(axis=0) > overall + rounding, lights.argmax(axis=0), -1)


def segment_connectivity(means: np.ndarray, adjacency: csr_matrix) -> np.ndarray:
    """
    Largest connected share of each group's segment, the neurons that it activates most (see `segments`).

    Parameters
    ----------
    means
        Mean activations of each group, (n_groups, n_neurons).
    adjacency
        Weights of the neuron graph, (n_neurons, n_neurons).

    Returns
    -------
    Float64 array (n_groups,) within (0, 1]: one if the segment is in one piece, NaN if the group has none.

    Examples
    --------
    Group 0 owns the neurons 0, 1 and 3 of a path, group 1 the neuron 2 between them.

    >>> import numpy as np
    >>> from scgsr._measures import segment_connectivity
    >>> from scgsr.graphs import path
    >>> segment_connectivity(np.array([[3.0, 3, 1, 3], [1, 1, 5, 1]]), path(4).adjacency).round(2)
    array([0.67, 1.  ])
    """
    owner = segments(means)
    edges = adjacency.tocoo()
    within = owner[edges.row] == owner[edges.col]
    inside = csr_matrix((np.ones(within.sum()), (edges.row[within], edges.col[within])), shape=adjacency.shape)
    pieces = scipy.sparse.csgraph.connected_components(inside, directed=False)[1]
    result = np.full(len(means), np.nan)
    for group in np.unique(owner[owner >= 0]):
        sizes = np.bincount(pieces[owner == group])
        result[group] = sizes.max() / sizes.sum()
    return result


def mean_cosine(means: np.ndarray) -> float:
    """
    Mean cosine between the mean pictures of different groups, not centred.

    Near one, all groups activate the same place, however smooth it is; near zero, each its own.

    Parameters
    ----------
    means
        Mean activations of each group, (n_groups, n_neurons).

    Returns
    -------
    A number in [-1, 1]. Groups without activation are left out; NaN if fewer than two remain.

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr._measures import mean_cosine
    >>> mean_cosine(np.array([[1.0, 0, 0], [0, 2, 0], [0, 0, 0]])), mean_cosine(np.array([[1.0, 2], [2, 4]]))
    (0.0, 1.0)
    """
    cosines = _cosines(means)
    known = cosines[np.isfinite(cosines)]
    return float(known.mean().round(12)) if len(known) else float("nan")


def most_alike(means: np.ndarray) -> tuple[float, int, int]:
    """
    Find the two groups with the most alike mean pictures, not centred.

    Parameters
    ----------
    means
        Mean activations of each group, (n_groups, n_neurons).

    Returns
    -------
    The cosine between their pictures, and the numbers of the two groups. Groups without activation are left out; NaN,
    0 and 0 if fewer than two remain.

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr._measures._regions import most_alike
    >>> most_alike(np.array([[1.0, 0, 0], [0, 0, 0], [1, 2, 0], [2, 4, 0]]))
    (1.0, 2, 3)
    """
    cosines = _cosines(means)
    if not np.isfinite(cosines).any():
        return float("nan"), 0, 0
    one, other = np.unravel_index(np.nanargmax(cosines), cosines.shape)
    return float(cosines[one, other].round(12)), int(one), int(other)


def _cosines(means: np.ndarray) -> np.ndarray:
    """Return the cosine of each pair of groups above the diagonal, (n_groups, n_groups); NaN elsewhere."""
    length = np.linalg.norm(means, axis=1)
    units = np.divide(means, length[:, None], out=np.full(means.shape, np.nan), where=length[:, None] > 0)
    cosines = np.clip(units @ units.T, -1.0, 1.0)
    cosines[np.tril_indices(len(cosines))] = np.nan
    return cosines


def module_auroc(responses: np.ndarray, labels: np.ndarray) -> pd.Series:
    """
    How well the best module tells each group from all other cells.

    The best of several modules is better than chance even where there is nothing to tell, the more so for small groups.

    Parameters
    ----------
    responses
        Response of each module in each cell, (n_cells, n_modules), by which cells are labelled.
    labels
        Group of each cell, (n_cells,); cells without one (`None` or NaN) are left out.

    Returns
    -------
    Series of the area under the receiver operating characteristic, by group; NaN if there is no module or no other
    group.

    References
    ----------
    Hanley, McNeil, *The meaning and use of the area under a ROC curve*, 1982, https://doi.org/10.1148/radiology.143.1.7063747.

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr._measures._regions import module_auroc
    >>> responses = np.array([[3.0, 0], [2, 0], [1, 1], [0, 1]])
    >>> module_auroc(responses, np.array(["B", "B", "T", None], dtype=object)).to_dict()
    {'B': 1.0, 'T': 1.0}
    """
    groups = pd.Categorical(labels).remove_unused_categories()
    known = groups.codes >= 0
    ranks = scipy.stats.rankdata(responses[known], axis=0) if known.any() else np.empty((0, responses.shape[1]))
    best_areas: dict[Any, float] = {}
    for code, group in enumerate(groups.categories):
        inside = groups.codes[known] == code
        n_inside, n_outside = int(inside.sum()), int((~inside).sum())
        areas = (ranks[inside].sum(axis=0) - n_inside * (n_inside + 1) / 2) / max(n_inside * n_outside, 1)
        best_areas[group] = float(areas.max()) if n_outside and len(areas) else float("nan")
    return pd.Series(best_areas, dtype=np.float64)


def shares(means: np.ndarray) -> np.ndarray:
    """Return means divided by the sum of their absolute values over neurons; a linear code has negative ones."""
    total = np.abs(means).sum(axis=-1, keepdims=True)
    return np.divide(means, total, out=np.zeros(means.shape), where=total > 0)
