"""Segmentation: the sheet as a map of territories, one for each group of cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scgsr import _adata, _checks
from scgsr._adata import DEFAULT_KEY
from scgsr._checks import log
from scgsr._measures import Ownership, ownership
from scgsr.pl import _axes, _groups, _palette, _sheet
from scgsr.pl._calls import Figsize, checked_figsize, checked_titles, picture
from scgsr.pl._page import Page
from scgsr.pl._palette import Palette
from scgsr.pl._sheet import Sheet

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# How much of a colour is left where the lead is smallest.
_PALEST = 0.25


@picture
def segmentation(
    adata: AnnData,
    groupby: str,
    *,
    groups: str | Sequence[Any] | None = None,
    sample_key: str | None = None,
    normalize: str | None = "panel",
    palette: Palette | None = None,
    title: str | None = None,
    figsize: Figsize | None = None,
    key: str = DEFAULT_KEY,
    ax: Axes | None = None,
    show: bool | None = None,
    return_fig: bool = False,
) -> Axes | Figure | None:
    """Colour each neuron by the group of cells that activates it most.

    The closer the second group is, the paler is the colour; it is full where no other group activates the neuron. A
    neuron is white and hatched where no group activates it, and where the lead is no larger than after permuting the
    groups among the cells (200 permutations with a fixed seed, false discovery rate 5 % over the neurons).

    The test takes cells as independent. For conditions they are not, because all cells of a sample have the same one:
    use :func:`scgsr.tl.compare`. A large territory means many neurons, not many cells.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on.
    groupby
        Column of `.obs` with the groups. Cells with a missing value do not count.
    groups
        Groups to compare, at least two; all by default.
    sample_key
        Column of `.obs` with the sample of each cell. It does not change the picture. If `groupby` is the same for all
        cells of a sample, the log says what to use instead.
    normalize
        ``"panel"`` compares mean pictures relative to their own maximum, as :func:`scgsr.pl.activation_map` draws them.
        ``None`` compares the means themselves.
    palette
        The name of a colour map, a list of colours in the order of the groups, or a dict of them by group. By default
        those of ``.uns[f"{groupby}_colors"]`` if stored, else Scanpy's; none are written.
    title
        The title. By default it says what is drawn.
    figsize
        Width and height in inches; a height of None follows from the width, as in ``(85 / 25.4, None)``.
    key
        The fit's `key_added`.
    ax
        Draw into these axes.
    show
        Show the picture instead of returning it; ``None`` as in Scanpy.
    return_fig
        Return the Figure, whatever else would be returned.

    Returns
    -------
    Axes; ``None`` if it was shown.

    Raises
    ------
    KeyError
        If there is no fit under `key`, or no such column.
    TypeError
        If `groupby` names a column of floating-point numbers.
    ValueError
        If `groups` names a group that does not exist, or none has cells, or another argument is wrong.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, (6, 8), n_epochs=2)
    >>> ax = scgsr.pl.segmentation(adata, "bulk_labels", show=False)
    >>> ax.images[0].get_array().shape
    (6, 8, 4)
    """
    from matplotlib.patches import Patch

    if normalize is not None:
        _checks.one_of("normalize", normalize, ["panel"])
    activations = _adata.read_activations(adata, key)
    labels = _groups.grouping(adata, groupby, groups)
    if sample_key is not None:
        _tell_of_samples(labels, _adata.groups(adata, "sample_key", sample_key), groupby, sample_key)
    names = list(labels.categories)
    colors = _palette.of_groups(adata, groupby, names, palette)
    graph = _adata.read_graph(adata, key)
    sheet = Sheet.of_graph(graph)
    found = ownership(activations, labels.codes.astype(int), relative=normalize is not None)
    owner = np.where(found.clear, found.owner, -1)
    head = "group that activates each neuron most\npale: others are close" if title is None else title
    _, titles = checked_titles(head, [""])
    page = Page(titles=titles, aspect=sheet.aspect, figsize=checked_figsize(figsize, ax), ax=ax)
    sheet.draw(page.axes[0], _faces(found, colors))
    sheet.hatch(page.axes[0], ~found.clear)
    counts = np.bincount(np.where(owner < 0, len(names), owner), minlength=len(names) + 1)
    n_shown = len(counts) if counts[-1] else len(names)
    entries = _axes.legend_labels([*map(str, names), "no clear owner"][:n_shown], counts[:n_shown])
    patches = [*(Patch(color=color) for color in colors), Patch(**_sheet.HATCHED)][:n_shown]
    page.legend(patches, entries, heading=f"{groupby} (neurons)")
    return _axes.finish(page.axes, ax=ax, show=show, return_fig=return_fig)


def _faces(found: Ownership, colors: list[str]) -> np.ndarray:
    """Return the colour of each neuron, (n_neurons, 4): paler where the lead is small, white where it is not clear."""
    from matplotlib.colors import to_rgba_array

    faces = to_rgba_array(colors)[found.owner]
    strength = (_PALEST + (1 - _PALEST) * found.lead)[:, None]
    faces[:, :3] = strength * faces[:, :3] + (1 - strength)
    faces[~found.clear] = to_rgba_array(_sheet.HATCHED["facecolor"])
    return faces


def _tell_of_samples(labels: pd.Categorical, samples: pd.Categorical, groupby: str, sample_key: str) -> None:
    """Log a warning if all cells of a sample are in the same group."""
    known = (labels.codes >= 0) & (samples.codes >= 0)
    pairs = np.unique(np.column_stack([samples.codes, labels.codes])[known], axis=0)
    if len(np.unique(pairs[:, 1])) > 1 and len(np.unique(pairs[:, 0])) == len(pairs):
        log.warning(
            "%r is the same for all cells of a sample (%r), and cells of one sample are no replicates: this picture "
            "cannot tell conditions from samples; compare samples with `scgsr.tl.compare(adata, %r, %r)`",
            groupby,
            sample_key,
            groupby,
            sample_key,
        )
