"""Where to draw the neurons of a graph that has no natural places; no randomness."""

from __future__ import annotations

import numpy as np
import scipy
from scipy.sparse import csr_matrix

from scgsr import _device
from scgsr._checks import about

# Space left between components, in units of the distance between neighbours.
_GAP = 2.5
# Space from one isolated node to the next: far enough to be seen one by one.
_ISOLATED_GAP = 1.5
# Width over height that a drawing of several components aims at.
_ASPECT = 1.6
# The area that is divided among the nodes reaches this far from them: too near leaves holes, too far bends a path.
_AREA_RADIUS = 0.8
# Distance between the points that stand for the area.
_AREA_STEP = 0.1
_N_STRESS_STEPS, _N_LLOYD_STEPS = 100, 10
# How many widths are tried for a drawing of many components, and the bytes for each pair of nodes of one.
_N_WIDTHS, _PER_PAIR = 100, 100


def on_circle(turns: np.ndarray, radius: float) -> np.ndarray:
    """Return the points at the given turns clockwise from the top of a circle, (n, 2)."""
    return radius * np.column_stack([np.sin(2 * np.pi * turns), np.cos(2 * np.pi * turns)])


def circle(n: int, *, radius: float = 0.0) -> np.ndarray:
    """Return n points around a circle, neighbours at distance 1 or more, radius at least as given, (n, 2)."""
    spaced = 0.5 / np.sin(np.pi / n) if n > 1 else 0.0
    return on_circle(np.arange(n) / n, max(radius, spaced))


def pack(blocks: list[np.ndarray]) -> np.ndarray:
    """Return drawings side by side in rows, with a gap between them, in the order given, (n, 2)."""
    blocks = [block - block.min(axis=0) for block in blocks]
    sizes = np.array([block.max(axis=0) for block in blocks]) + _GAP
    widths = np.cumsum(sizes[:, 0])
    tried = widths if len(widths) <= _N_WIDTHS else np.quantile(widths, np.linspace(0, 1, _N_WIDTHS) ** 2)
    candidates = [_shelves(sizes, width) for width in tried]
    corners = min(candidates, key=lambda corners: (np.max(corners + sizes, axis=0) / (_ASPECT, 1)).max())
    # Rows run downwards, so that the first drawing is at the top left.
    shifts = np.column_stack([corners[:, 0], -corners[:, 1] - sizes[:, 1]])
    return np.concatenate([block + shift for block, shift in zip(blocks, shifts, strict=True)])


def layout(adjacency: csr_matrix) -> np.ndarray:
    """
    Return positions for the nodes of any graph, neighbours about 1 apart and no two nodes in one position.

    Components are drawn on their own and packed from the largest to the smallest; isolated nodes lie in rows beneath.

    Parameters
    ----------
    adjacency
        Symmetric non-negative weights without self loops, (n, n).

    Returns
    -------
    Float64 array (n, 2), x to the right and y up.

    Raises
    ------
    ValueError
        If memory does not hold the distances between the nodes of a component.

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr.graphs import layout, path
    >>> positions = layout(path(5).adjacency)
    >>> bool(np.allclose(np.linalg.norm(np.diff(positions, axis=0), axis=1), 1, atol=0.2))
    True
    """
    _, component = scipy.sparse.csgraph.connected_components(adjacency, directed=False)
    _check_memory(int(np.bincount(component).max()))
    ends = np.cumsum(np.bincount(component))[:-1]
    members = sorted(np.split(np.argsort(component, kind="stable"), ends), key=len, reverse=True)
    connected = [nodes for nodes in members if len(nodes) > 1]
    positions = np.zeros((adjacency.shape[0], 2))
    bottom_left, width = np.zeros(2), 0.0
    if connected:
        drawn = pack([_drawn(adjacency[nodes][:, nodes]) for nodes in connected])
        positions[np.concatenate(connected)] = drawn
        bottom_left, width = drawn.min(axis=0), float(np.ptp(drawn[:, 0]))
    isolated = np.concatenate([np.zeros(0, dtype=int), *members[len(connected) :]])
    columns = max(int(width / _ISOLATED_GAP) + 1, int(np.ceil(np.sqrt(len(isolated)))))
    row, column = np.divmod(np.arange(len(isolated)), columns)
    positions[isolated] = bottom_left - (0, _GAP) + _ISOLATED_GAP * np.column_stack([column, -row])
    return positions


def _check_memory(n: int) -> None:
    """Raise ValueError if memory does not hold what is computed for each pair of nodes of a component."""
    n_bytes, free = _PER_PAIR * n**2, _device.free_memory()
    if n_bytes > free:
        msg = (
            f"`adjacency` ties {n:,} neurons together, and to find their places takes {n_bytes / 1e9:,.0f} GB, where "
            f"{free / 1e9:,.0f} GB of memory are free; give their positions."
        )
        raise about("adjacency", ValueError(msg))


def _shelves(sizes: np.ndarray, width: float) -> np.ndarray:
    """Return the top left corners (x, depth) of boxes set one beside the other, a new row where `width` is full."""
    corners, x, y, row_height = [], 0.0, 0.0, 0.0
    for box_width, box_height in sizes:
        if x > 0 and x + box_width > width * (1 + 1e-9):
            x, y, row_height = 0.0, y + row_height, 0.0
        corners.append((x, y))
        x, row_height = x + box_width, max(row_height, box_height)
    return np.array(corners)


def _drawn(adjacency: csr_matrix) -> np.ndarray:
    """Draw a connected graph: distances on paper follow hops on the graph, then the nodes share out the area."""
    hops = np.asarray(scipy.sparse.csgraph.shortest_path(adjacency, directed=False, unweighted=True))
    rough = _scaled(_majorized(hops), 0.9)  # nine of ten nodes have another within 1
    return _scaled(_evened(rough), 0.5)


def _majorized(target: np.ndarray) -> np.ndarray:
    """
    Return positions, (n, 2), whose distances come near the target.

    Stress majorization (Gansner, Koren and North, 2005, https://doi.org/10.1007/978-3-540-31843-9_25): each step solves
    L_w X = L_b(X) X with weights w = d^-2, which never increases the stress, sum w (|x_i - x_j| - d)^2. The layout of
    Kamada and Kawai in igraph is no faster and lowers the same stress node by node, and long graphs may stay folded.
    """
    n = len(target)
    weights = 1.0 / (target + np.eye(n)) ** 2 - np.eye(n)
    inverse = np.linalg.pinv(np.diag(weights.sum(axis=1)) - weights)
    positions = _start(target)
    for _ in range(_N_STRESS_STEPS):
        pull = weights * target / np.maximum(_apart(positions), 1e-9)
        positions = inverse @ ((np.diag(pull.sum(axis=1)) - pull) @ positions)
    return positions


def _evened(positions: np.ndarray) -> np.ndarray:
    """
    Make the nodes' Voronoi cells alike; the outline and the holes stay.

    Lloyd's algorithm (1982, https://doi.org/10.1109/TIT.1982.1056489): each node moves to the middle of the points
    nearest to it, here among points over the area near any node.
    """
    radius = round(_AREA_RADIUS / _AREA_STEP)
    offsets = np.mgrid[-radius : radius + 1, -radius : radius + 1].reshape(2, -1).T
    offsets = offsets[np.linalg.norm(offsets, axis=1) <= radius]
    area = np.unique((np.rint(positions / _AREA_STEP)[:, None] + offsets).reshape(-1, 2), axis=0) * _AREA_STEP
    for _ in range(_N_LLOYD_STEPS):
        _, owner = scipy.spatial.cKDTree(positions).query(area)
        size = np.bincount(owner, minlength=len(positions))[:, None]
        total = np.column_stack([np.bincount(owner, axis, minlength=len(positions)) for axis in area.T])
        positions = np.where(size > 0, total / np.maximum(size, 1), positions)
    return positions


def _scaled(positions: np.ndarray, share: float) -> np.ndarray:
    """Return the positions in a unit such that this share of the nodes has another one within 1."""
    apart = _apart(positions)
    np.fill_diagonal(apart, np.inf)
    return positions / np.quantile(apart.min(axis=1), share)


def _apart(positions: np.ndarray) -> np.ndarray:
    """Return the distance of every two points, (n, n)."""
    x, y = positions.T
    return np.sqrt((x[:, None] - x) ** 2 + (y[:, None] - y) ** 2)


def _start(target: np.ndarray) -> np.ndarray:
    """Return the classical scaling of the distances; a small spiral sets apart nodes that it puts in one position."""
    centre = np.eye(len(target)) - 1.0 / len(target)
    values, vectors = np.linalg.eigh(-0.5 * centre @ target**2 @ centre)
    order = np.arange(len(target))
    golden = (3 - np.sqrt(5)) / 2
    spiral = np.sqrt((order + 1) / len(order))[:, None] * on_circle(golden * order, 0.01 * target.max())
    return vectors[:, :-3:-1] * np.sqrt(np.maximum(values[:-3:-1], 0.0)) + spiral
