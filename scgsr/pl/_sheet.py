"""The sheet: each neuron drawn as an area, so that activations on any graph read as a picture.

Neurons with an image shape are pixels. Any other graph is drawn as areas around its node positions. What bounds the
outer ones is a rim of *ghost* sites laid around the nodes wherever there is room: no clipping, and the same few
lines serve a blob, a ring with its hole, a line, separate islands and a single neuron.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from scgsr._checks import about
from scgsr.pl import _text
from scgsr.pl._areas import areas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

    from scgsr.graphs import NeuronGraph

# In units of the typical distance between connected neighbours: how far from the nodes the rim lies (cells end half way
# to it), and the least where unconnected parts come close.
_RIM, _NARROW_RIM = 1.6, 0.5
# A gap within a connected part is a hole if a circle fits in whose radius is this many typical edges.
_HOLE = 1.2
_RIM_SITES = 60
# A path would be a hairline: no sheet is drawn longer than so many times its width.
_LONGEST = 8.0
# An area that nobody owns: no colour of a group looks like it, a grey one neither.
HATCHED: dict[str, Any] = {"facecolor": "white", "edgecolor": "0.8", "hatch": "/////", "linewidth": 0.0}


@dataclass(frozen=True, eq=False)
class Sheet:
    """Areas for the n neurons of a graph: pixels if there is an `image_shape`, else n convex `polygons`.

    `outline` (m, 2, 2) are the segments where areas end without a neighbour, `links` those that tie areas which do not
    touch; `bounds` is left, right, bottom, top.
    """

    image_shape: tuple[int, int] | None
    polygons: list[np.ndarray]
    outline: np.ndarray
    bounds: tuple[float, float, float, float]
    links: np.ndarray

    @classmethod
    def of_graph(cls, graph: NeuronGraph) -> Sheet:
        """Return the sheet of a neuron graph."""
        if graph.image_shape is not None:
            height, width = graph.image_shape
            left, right, bottom, top = -0.5, width - 0.5, 0.5 - height, 0.5
            corners = np.array([[left, bottom], [right, bottom], [right, top], [left, top]])
            outline = np.stack([corners, np.roll(corners, -1, axis=0)], axis=1)
            bounds, links = (left, right, bottom, top), np.zeros((0, 2, 2))
            return cls(image_shape=graph.image_shape, polygons=[], outline=outline, bounds=bounds, links=links)
        # Around the origin, because Qhull loses precision far from it.
        middle, unit = graph.positions.mean(axis=0), _unit_of(graph)
        try:
            found = areas(graph.positions - middle, _rim(graph) - middle, graph.adjacency, unit)
        except (scipy.spatial.QhullError, ArithmeticError) as error:
            msg = (
                f"`positions` of the neuron graph {graph.name!r} lie too far apart, by up to "
                f"{np.ptp(graph.positions):g} where neighbours lie {unit:g} apart, to draw its areas; leave them out."
            )
            raise about("positions", ValueError(msg)) from error
        polygons = [polygon + middle for polygon in found.polygons]
        low, high = np.concatenate(polygons).min(axis=0), np.concatenate(polygons).max(axis=0)
        return cls(
            image_shape=None,
            polygons=polygons,
            outline=found.outline + middle,
            bounds=(low[0], high[0], low[1], high[1]),
            links=found.links + middle,
        )

    @property
    def aspect(self) -> float:
        """Width over height, as drawn."""
        left, right, bottom, top = self.bounds
        return float(np.clip((right - left) / (top - bottom), 1 / _LONGEST, _LONGEST))

    @property
    def areas(self) -> list[np.ndarray]:
        """The corners of each neuron's area, (n_corners, 2), pixels too."""
        return self.polygons if self.image_shape is None else _pixels(*self.image_shape)

    @property
    def circles(self) -> tuple[np.ndarray, np.ndarray]:
        """The centre of each area, (n, 2), and the radius of a circle inside it, none larger than is typical, (n,)."""
        centres = np.stack([_middle(area) for area in self.areas])
        radii = np.array([_inner_radius(area, centre) for area, centre in zip(self.areas, centres, strict=True)])
        return centres, 0.92 * np.minimum(radii, np.median(radii))

    def draw(self, ax: Axes, values: np.ndarray, **style: Any) -> ScalarMappable:
        """Draw `values`, numbers (n,) for `cmap` and `norm` in `style` or colours (n, 4), and return the artist."""
        from matplotlib.collections import LineCollection, PolyCollection

        artist: ScalarMappable
        if self.image_shape is not None:
            image = values.reshape(*self.image_shape, *values.shape[1:])
            artist = ax.imshow(image, origin="upper", extent=self.bounds, interpolation="nearest", **style)
        else:
            # Edges in the colour of the face hide the hairlines that anti-aliasing leaves between neighbours.
            style |= {"facecolors": values} if values.ndim == 2 else {"array": values}
            artist = ax.add_collection(PolyCollection(self.polygons, edgecolors="face", linewidths=0.4, **style))
        ax.add_collection(LineCollection(list(self.outline), colors="0.55", linewidths=0.7, clip_on=False))
        ax.add_collection(LineCollection(list(self.links), colors="0.55", linewidths=0.7, zorder=0.5))
        self._frame(ax)
        return artist

    def blank(self, ax: Axes, text: str) -> None:
        """Draw no picture, and say why."""
        from matplotlib.collections import LineCollection

        ax.add_collection(LineCollection(list(self.outline), colors="0.85", linewidths=0.7, clip_on=False))
        self._frame(ax)
        inches = ax.get_window_extent().width / ax.figure.dpi
        points = min(_text.SMALL * _text.font_size(), 7.0)
        place: dict[str, Any] = {"ha": "center", "va": "center", "transform": ax.transAxes}
        ax.text(0.5, 0.5, _text.fitted(text, inches, points, lines=2), fontsize=points, color="0.4", **place)

    def _frame(self, ax: Axes) -> None:
        """Show all of the sheet and nothing else."""
        left, right, bottom, top = self.bounds
        ax.set(xlim=(left, right), ylim=(bottom, top), aspect="auto", box_aspect=1 / self.aspect)
        ax.set(xticks=[], yticks=[], frame_on=False)

    def border(self, ax: Axes, chosen: np.ndarray, **style: Any) -> None:
        """Draw a border around each of the chosen neurons, (n,) bool."""
        from matplotlib.collections import PolyCollection

        drawn = [area for area, one in zip(self.areas, chosen, strict=True) if one]
        ax.add_collection(PolyCollection(drawn, facecolors="none", edgecolors="black", linewidths=1.0, **style))

    def hatch(self, ax: Axes, chosen: np.ndarray) -> None:
        """Hatch the chosen neurons, (n,) bool."""
        from matplotlib.collections import PolyCollection

        drawn = [area for area, one in zip(self.areas, chosen, strict=True) if one]
        if drawn:
            ax.add_collection(PolyCollection(drawn, **HATCHED))


def _pixels(height: int, width: int) -> list[np.ndarray]:
    """Return the corners of each pixel, (4, 2), in the order of the neurons."""
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    return [corners + np.array([column, -row]) for row in range(height) for column in range(width)]


def _middle(polygon: np.ndarray) -> np.ndarray:
    """Return the centre of mass of a polygon, (2,)."""
    following = np.roll(polygon, -1, axis=0)
    cross = polygon[:, 0] * following[:, 1] - polygon[:, 1] * following[:, 0]
    middle: np.ndarray = ((polygon + following) * cross[:, None]).sum(axis=0) / (3 * cross.sum())
    return middle


def _inner_radius(polygon: np.ndarray, centre: np.ndarray) -> float:
    """Return the distance from a point in a convex polygon to its nearest side."""
    along = np.roll(polygon, -1, axis=0) - polygon
    away = centre - polygon
    return float(np.min(np.abs(along[:, 0] * away[:, 1] - along[:, 1] * away[:, 0]) / np.linalg.norm(along, axis=1)))


def _rim(graph: NeuronGraph) -> np.ndarray:
    """Return the ghost sites, around each connected part of the graph on its own."""
    nodes, (n_parts, part) = graph.positions, graph.components
    edges = graph.adjacency.tocoo()
    lengths = np.linalg.norm(nodes[edges.row] - nodes[edges.col], axis=1)
    unit = _unit_of(graph)
    rim = []
    for number in range(n_parts):
        own, others = nodes[part == number], nodes[part != number]
        gap = _distance(own, others).min() if len(others) else np.inf
        reach = float(np.clip(gap / 2, _NARROW_RIM * unit, _RIM * unit))
        inside = lengths[part[edges.row] == number]
        sites = _around(own, reach, hole=_HOLE * float(np.median(inside)) if len(inside) else 0.0)
        rim.append(sites[_distance(sites, nodes) > reach * (1 - 1e-9)])
    return np.concatenate(rim)


def _around(nodes: np.ndarray, reach: float, *, hole: float = 0.0) -> np.ndarray:
    """Return sites at distance `reach` around the nodes, but none in a gap too narrow for a circle of radius `hole`."""
    turn = 2 * np.pi * np.arange(_RIM_SITES) / _RIM_SITES
    sites = (nodes[:, None] + reach * np.column_stack([np.cos(turn), np.sin(turn)])).reshape(-1, 2)
    sites = sites[_distance(sites, nodes) > reach * (1 - 1e-9)]
    if hole <= reach:
        return sites
    # The circle fits where its centre is `hole` away from the nodes; it keeps the sites that it covers.
    centres, slack = _around(nodes, hole), hole * np.pi / _RIM_SITES
    return sites[_distance(sites, centres) <= hole - reach + slack]


def _distance(points: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Return the distance from each point to the nearest node."""
    return np.asarray(scipy.spatial.cKDTree(nodes).query(points)[0])


def _unit_of(graph: NeuronGraph) -> float:
    """Return the typical length of an edge."""
    edges = graph.adjacency.tocoo()
    lengths = np.linalg.norm(graph.positions[edges.row] - graph.positions[edges.col], axis=1)
    return _unit(graph.positions, edges.row, lengths)


def _unit(nodes: np.ndarray, row: np.ndarray, lengths: np.ndarray) -> float:
    """Return the typical distance from a node to the nearest one that it is connected to, else to the nearest one."""
    if len(nodes) == 1:
        return 1.0
    if len(lengths) == 0:
        return float(np.median(scipy.spatial.cKDTree(nodes).query(nodes, k=2)[0][:, 1]))
    nearest = np.full(len(nodes), np.inf)
    np.minimum.at(nearest, row, lengths)
    return float(np.median(nearest[np.isfinite(nearest)]))
