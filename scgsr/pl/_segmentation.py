"""Segmentation: the sheet as a map of territories, one for each group of cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scgsr import _adata, _checks
from scgsr._adata import DEFAULT_KEY
from scgsr._measures import owners, shares
from scgsr.pl import _axes, _groups, _scale
from scgsr.pl._sheet import Sheet

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def segmentation(
    adata: AnnData,
    groupby: str,
    *,
    groups: str | Sequence[Any] | None = None,
    normalize: str | None = "share",
    key: str = DEFAULT_KEY,
    ax: Axes | None = None,
    show: bool | None = None,
) -> Axes | Figure | None:
    """Colour each neuron by the group of cells that lights it most.

    A neuron that no group lights more than all cells of `adata` do together is grey, such as a dead one. A large
    territory means many neurons, not many cells, and a colour does not tell by how much its group is ahead: for that
    see :func:`scgsr.pl.activation_map`.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on.
    groupby
        Column of `.obs` with the groups. Cells with a missing value count in the mean over all cells only.
    groups
        Which groups may own a neuron; all by default.
    normalize
        ``"share"`` compares how a group spreads its activation: its mean at each neuron, divided by the sum over all
        neurons. Few bright cells then do not take the sheet from many dim ones. ``None`` compares the means themselves.
    key
        The fit's `key_added`.
    ax
        Draw into these axes.
    show
        Show the picture instead of returning it; ``None`` as in Scanpy.

    Returns
    -------
    Axes; ``None`` if it was shown. Colours are those of ``.uns[f"{groupby}_colors"]`` if stored, else Scanpy's; none
    are written.

    Raises
    ------
    KeyError
        If there is no fit under `key`, or no such column.
    TypeError
        If `groupby` names a column of floating-point numbers.
    ValueError
        If `groups` names a group that does not exist, or none has cells, or `normalize` is something else.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, (6, 8), n_epochs=2)
    >>> ax = scgsr.pl.segmentation(adata, "bulk_labels", show=False)
    >>> ax.images[0].get_array().shape
    (6, 8, 4)
    """
    from matplotlib.colors import to_rgba_array
    from matplotlib.patches import Patch

    if normalize is not None:
        _checks.one_of("normalize", normalize, ["share"])
    activations = _adata.read_activations(adata, key)
    labels = _groups.grouping(adata, groupby, groups)
    means, overall = _groups.means(activations, labels)[1], activations.mean(axis=0, dtype=np.float64)
    owner = owners(means, overall) if normalize is None else owners(shares(means), shares(overall))
    owner[np.ptp(activations, axis=0) == 0] = -1
    # What no group lights more than all cells do has the grey of a dead neuron.
    colors = [*_adata.group_colors(adata, groupby, list(labels.categories)), _scale.DEAD]
    names = [*map(str, labels.categories), "none"]
    counts = np.bincount(np.where(owner < 0, len(labels.categories), owner), minlength=len(names))
    n_shown = len(names) if counts[-1] else len(names) - 1
    graph = _adata.read_graph(adata, key)
    sheet = Sheet.of_graph(graph)
    title = f"{graph.name}: neurons by the group that lights them most"
    panel = _axes.panels([title], aspect=sheet.aspect, ax=ax)[0]
    sheet.draw(panel, to_rgba_array(colors)[owner])
    patches = [Patch(color=color) for color in colors[:n_shown]]
    entries = _axes.legend_labels(names[:n_shown], counts[:n_shown])
    _axes.legend(panel, patches, entries, heading=f"{groupby} (neurons)", widen=ax is None)
    return _axes.finish([panel], ax=ax, show=show)
