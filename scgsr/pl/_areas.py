"""One convex area for each node of a layout: equal in size, and with a gap wherever the graph has one.

The areas are a power diagram: Voronoi cells whose borders are moved by a weight for each node until all sizes agree.
Newton's method finds the weights (Kitagawa, Mérigot, Thibert, 2019, https://doi.org/10.4171/JEMS/889).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from scipy.sparse import csr_matrix

# Sizes agree to this share; Newton's steps, and how often each may be halved.
_TOLERANCE, _MOST_STEPS, _MOST_HALVINGS = 0.01, 15, 8
# The width of a gap, in units of the typical edge, and the share of the way to a border that it leaves.
_GAP, _LEFT = 0.16, 0.6


@dataclass(frozen=True, eq=False)
class Areas:
    """Convex polygons of n nodes, counter-clockwise, and segments (m, 2, 2) that are drawn with them.

    `outline` are the sides where no neighbour is, `links` the edges of a forest whose nodes share no side.
    """

    polygons: list[np.ndarray]
    outline: np.ndarray
    links: np.ndarray


@dataclass(frozen=True, eq=False)
class _Diagram:
    """A power diagram of sites, of which the first are nodes; a ridge is the border of two sites."""

    pairs: np.ndarray  # (n_ridges, 2), each ridge in both directions, from a node
    lengths: np.ndarray  # (n_ridges,)
    apart: np.ndarray  # (n_ridges,) distance of the two sites
    heights: np.ndarray  # (n_ridges,) signed distance from the first site to the ridge
    triangles: np.ndarray  # (n_corners, 3) the sites that meet at each corner
    corners: np.ndarray  # (n_corners, 2)

    def sizes(self, n: int) -> np.ndarray:
        """Return the size of each node's area, (n,)."""
        return np.bincount(self.pairs[:, 0], self.lengths * self.heights / 2, minlength=n)

    @classmethod
    def of(cls, sites: np.ndarray, weights: np.ndarray, n: int) -> _Diagram:
        """Return the diagram, from the lower side of the hull of sites lifted to a paraboloid."""
        lifted = np.column_stack([sites, (sites**2).sum(axis=1) - weights])
        hull = scipy.spatial.ConvexHull(lifted)
        normals = hull.equations[:, :3]
        lower = normals[:, 2] < -1e-9
        corners = np.zeros((len(normals), 2))
        corners[lower] = -normals[lower, :2] / (2 * normals[lower, 2:])
        facet, place = np.nonzero(lower[:, None] & lower[hull.neighbors])
        pairs = np.stack([hull.simplices[facet, (place + 1) % 3], hull.simplices[facet, (place + 2) % 3]], axis=1)
        lengths = np.linalg.norm(corners[facet] - corners[hull.neighbors[facet, place]], axis=1)
        # Each ridge comes from both of its facets: once from the one site, once from the other.
        first = facet < hull.neighbors[facet, place]
        pairs, lengths = np.concatenate([pairs[first], pairs[first][:, ::-1]]), np.tile(lengths[first], 2)
        of_nodes = pairs[:, 0] < n
        pairs, lengths = pairs[of_nodes], lengths[of_nodes]
        apart = np.linalg.norm(sites[pairs[:, 0]] - sites[pairs[:, 1]], axis=1)
        heights = (apart**2 + weights[pairs[:, 0]] - weights[pairs[:, 1]]) / (2 * apart)
        return cls(
            pairs=pairs,
            lengths=lengths,
            apart=apart,
            heights=heights,
            triangles=hull.simplices[lower],
            corners=corners[lower],
        )


def areas(nodes: np.ndarray, rim: np.ndarray, adjacency: csr_matrix, unit: float) -> Areas:
    """Return the areas of nodes (n, 2) inside a rim of sites (m, 2); `unit` is the typical length of an edge.

    Raises ArithmeticError where an area is lost to rounding, and QhullError where all are.
    """
    sites = np.concatenate([nodes, rim])
    diagram = _equal(sites, len(nodes))
    touching = _touching(adjacency)
    polygons, outline, shared = [], [], set[tuple[int, int]]()
    for node, place in enumerate(nodes):
        of_node = (diagram.triangles == node).any(axis=1)
        if not of_node.any():
            msg = f"the area of node {node} is lost to rounding"
            raise ArithmeticError(msg)
        polygon = _polygon(diagram.corners[of_node], unit)
        ridges = np.flatnonzero(diagram.pairs[:, 0] == node)
        other, heights = diagram.pairs[ridges, 1], diagram.heights[ridges]
        normals = (sites[other] - place) / diagram.apart[ridges, None]
        limits = normals @ place + heights
        inner = other < len(nodes)
        joined = inner & touching[node, np.where(inner, other, 0)]
        for number in np.flatnonzero(inner & ~joined & (diagram.lengths[ridges] > 0)):
            far = (polygon @ normals[number]).max() - (polygon @ normals[number]).min()
            polygon = _cut(polygon, normals[number], limits[number] - min(_GAP * unit / 2, (1 - _LEFT) * far))
        sides = np.stack([polygon, np.roll(polygon, -1, axis=0)], axis=1)
        on_ridge = np.abs(sides.mean(axis=1) @ normals[joined].T - limits[joined]) < 1e-6 * unit
        polygons.append(polygon)
        outline.append(sides[~on_ridge.any(axis=1)])
        shared |= {(node, neighbour) for neighbour in other[joined][on_ridge.any(axis=0)].tolist()}
    return Areas(polygons, np.concatenate(outline), _links(polygons, adjacency, shared))


def _links(polygons: list[np.ndarray], adjacency: csr_matrix, shared: set[tuple[int, int]]) -> np.ndarray:
    """Return the edges of a forest between areas that do not both have a side in common, (n_links, 2, 2)."""
    edges = scipy.sparse.triu(adjacency, k=1).tocoo()
    n_parts = scipy.sparse.csgraph.connected_components(adjacency, directed=False)[0]
    if len(edges.row) > len(polygons) - n_parts:
        return np.zeros((0, 2, 2))
    apart = [
        (polygons[one].mean(axis=0), polygons[other].mean(axis=0))
        for one, other in zip(edges.row.tolist(), edges.col.tolist(), strict=True)
        if not {(one, other), (other, one)} <= shared
    ]
    return np.array(apart).reshape(-1, 2, 2)


def _equal(sites: np.ndarray, n: int) -> _Diagram:
    """Return the power diagram whose first n areas have the median of the sizes of Voronoi cells."""
    weights = np.zeros(len(sites))
    diagram = _Diagram.of(sites, weights, n)
    sizes = diagram.sizes(n)
    wanted = float(np.median(sizes))
    for _ in range(_MOST_STEPS):
        error = np.abs(sizes - wanted).max()
        if error <= _TOLERANCE * wanted:
            break
        one, other, share = *diagram.pairs.T, diagram.lengths / (2 * diagram.apart)
        inner = other < n
        jacobian = np.diag(np.bincount(one, share, minlength=n))
        np.subtract.at(jacobian, (one[inner], other[inner]), share[inner])
        step = np.linalg.solve(jacobian, wanted - sizes)
        for halving in range(_MOST_HALVINGS):
            tried = weights.copy()
            tried[:n] += step * 0.5**halving
            new = _Diagram.of(sites, tried, n)
            found = new.sizes(n)
            # No area may vanish: from there on Newton's method is lost.
            if found.min() > 0.3 * min(wanted, sizes.min()) and np.abs(found - wanted).max() < error:
                weights, diagram, sizes = tried, new, found
                break
        else:
            break
    return diagram


def _touching(adjacency: csr_matrix) -> np.ndarray:
    """Return which nodes may share a border, (n, n) bool: tied ones, and those across a square of edges.

    The children of one parent share it alone, and stay apart.
    """
    tied = (adjacency > 0).astype(np.float64)
    return np.asarray((tied + ((tied @ tied) >= 2).astype(np.float64)).toarray() > 0)


def _polygon(corners: np.ndarray, unit: float) -> np.ndarray:
    """Return the corners of a convex polygon counter-clockwise, each once."""
    corners = corners[np.unique((corners / (1e-7 * unit)).round(), axis=0, return_index=True)[1]]
    away = corners - corners.mean(axis=0)
    return corners[np.argsort(np.arctan2(away[:, 1], away[:, 0]), kind="stable")]


def _cut(polygon: np.ndarray, normal: np.ndarray, limit: float) -> np.ndarray:
    """Return the part of a convex polygon that lies no further than the limit along a normal."""
    beyond = polygon @ normal - limit
    kept = []
    for here, there, one, other in zip(polygon, np.roll(polygon, -1, axis=0), beyond, np.roll(beyond, -1), strict=True):
        if one <= 0:
            kept.append(here)
        if one * other < 0:
            kept.append(here + (there - here) * one / (one - other))
    return np.array(kept)
