"""Evolution: how a learned graph came about."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix, triu

from scgsr import _checks, _store
from scgsr._keys import DEFAULT_KEY
from scgsr._metrics import edge_jaccard
from scgsr.pl import _axes, _groups
from scgsr.pl._neuron_graph import aspect, draw_edges, draw_nodes

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from scgsr.graphs import NeuronGraph

# More panels are too small to compare.
_MOST = 8
_NEW, _KEPT, _DEAD = "#D55E00", "0.72", "0.85"


def evolution(
    adata: AnnData, *, ncols: int = 4, key: str = DEFAULT_KEY, show: bool | None = None
) -> Axes | Figure | None:
    """Draw how a learned graph changed while it was estimated again and again during training.

    Each panel is one estimate, with the epoch it was made in and the share of edges (Jaccard) that it has in common
    with the estimate just before, also where that one is not drawn. Edges that were not in it before are orange.
    Neurons stand where the final graph puts them, in the colour of their final module, so that a panel looks the more
    orderly the more it agrees with the end. Of more than eight estimates eight are drawn, evenly chosen, the first
    and the last among them.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on with a graph from :func:`scgsr.graphs.learned`.
    ncols
        Panels per row.
    key
        The fit's `key_added`.
    show
        Show the picture instead of returning it; ``None`` as in Scanpy.

    Returns
    -------
    Axes for one panel, else a Figure; ``None`` if it was shown.

    Raises
    ------
    KeyError
        If there is no fit under `key`.
    ValueError
        If the graph was given and not learned.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, scgsr.graphs.ring(20), n_epochs=2)
    >>> scgsr.pl.evolution(adata)
    Traceback (most recent call last):
        ...
    ValueError: `key`='gsr': no estimates of the neuron graph are stored, as only `scgsr.graphs.learned` graphs ...
    """
    from matplotlib.lines import Line2D

    ncols = _checks.positive_int("ncols", ncols)
    estimates, graph = _store.read_evolution(adata, key), _store.read_graph(adata, key)
    modules = np.asarray(_store.read_record(adata, key)["modules"])
    colors = [*_groups.module_colors(adata, key, modules), _DEAD]
    chosen = np.unique(np.linspace(0, len(estimates) - 1, _MOST).round().astype(int))
    panels = _axes.panels([_title(estimates, place) for place in chosen], aspect=aspect(graph), ncols=ncols)
    for panel, place in zip(panels, chosen, strict=True):
        drawn = replace(graph, adjacency=estimates[place][1])
        fresh = _fresh(drawn, estimates[place - 1][1]) if place else np.zeros(drawn.n_edges, dtype=bool)
        draw_edges(panel, drawn, np.where(fresh, _NEW, _KEPT))
        draw_nodes(panel, drawn, np.ones(graph.n_neurons), facecolors=[colors[m] for m in modules], edgecolors="white")
    handles = [Line2D([], [], color=color) for color in (_NEW, _KEPT)]
    beside = panels[min(ncols, len(panels)) - 1]
    _axes.legend(beside, handles, ["not in the estimate before", "kept"], heading="edges", widen=True)
    return _axes.finish(panels, ax=None, show=show)


def _title(estimates: list[tuple[int, csr_matrix]], place: int) -> str:
    epoch, adjacency = estimates[place]
    return (
        f"epoch {epoch}, Jaccard {edge_jaccard(estimates[place - 1][1], adjacency):.2f}" if place else f"epoch {epoch}"
    )


def _fresh(graph: NeuronGraph, before: csr_matrix) -> np.ndarray:
    """Return which edges are not in the adjacency before."""
    edges = triu(graph.adjacency, k=1).tocoo()
    return np.asarray(before[edges.row, edges.col]).ravel() == 0
