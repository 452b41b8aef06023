"""History: how training went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scgsr import _adata
from scgsr._adata import DEFAULT_KEY
from scgsr.pl import _axes
from scgsr.pl._calls import Figsize, checked_figsize, checked_heading, picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Title of a panel, and the columns of the history that it shows.
_CURVES = {
    "reconstruction loss": ("train_reconstruction", "validation_reconstruction"),
    "graph penalty": ("train_penalty", "validation_penalty"),
    "R² on validation cells": ("validation_r2",),
    "edges kept (Jaccard)": ("edge_jaccard",),
}
_TRAINING, _VALIDATION = "0.6", "#0072B2"
# Inches: a panel, the least width of one, the height of panels that stand in several rows.
_PANEL_WIDTH, _LEAST_WIDTH, _PAGE_HEIGHT, _ROW_HEIGHT = 2.8, 1.6, 2.6, 2.0


@picture
def history(
    adata: AnnData,
    *,
    title: str | None = None,
    figsize: Figsize | None = None,
    key: str = DEFAULT_KEY,
    ax: Axes | Sequence[Axes] | None = None,
    show: bool | None = None,
    return_fig: bool = False,
) -> Figure | list[Axes] | None:
    """Draw losses, explained variance and, for a learned graph, the stability of its edges by epoch.

    Without validation cells there are no validation curves. Training losses are means over an epoch, with noise on the
    activations. Validation losses are taken after the epoch and without noise, so they may be lower.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on.
    title
        Title above all panels; by default none.
    figsize
        Width and height in inches; a height of None follows from the width, as in ``(85 / 25.4, None)``.
    key
        The fit's `key_added`.
    ax
        Draw into these axes, one for each quantity that was recorded: a list or an array.
    show
        Show the picture instead of returning it; ``None`` as in Scanpy.
    return_fig
        Return the Figure, whatever else would be returned.

    Returns
    -------
    Figure, one panel for each quantity; the axes where `ax` gives them; ``None`` if it was shown.

    Raises
    ------
    KeyError
        If there is no fit under `key`.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, (6, 8), n_epochs=2)
    >>> figure = scgsr.pl.history(adata, show=False)
    >>> [panel.get_title() for panel in figure.axes[:2]]
    ['reconstruction loss', 'graph penalty']
    """
    from matplotlib.ticker import MaxNLocator

    table = _adata.read_record(adata, key)["history"].dropna(axis="columns", how="all")
    curves = {title: [name for name in columns if name in table] for title, columns in _CURVES.items()}
    curves = {title: names for title, names in curves.items() if names}
    heading = checked_heading(title, ax)
    axes, room = _panels(list(curves), checked_figsize(figsize, ax), ax)
    for panel, (name_of_panel, names) in zip(axes, curves.items(), strict=True):
        # A curve alone in its panel needs no legend; its value for the kept network says more.
        last = "" if len(_CURVES[name_of_panel]) > 1 else f": {table.loc[table['kept'], names[0]].iloc[0]:.3f}"
        _axes.head(panel, name_of_panel + last, room)
        for name in names:
            training = name.startswith("train")
            color, label = (_TRAINING, "training") if training else (_VALIDATION, "validation")
            panel.plot(table["epoch"], table[name], marker=".", markersize=4, color=color, label=label)
        panel.set_xlabel("epoch")
        panel.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        panel.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False, fontsize="small")
    _axes.heading(axes[0].figure, heading)
    return _axes.finish_panels(axes, ax=ax, show=show, return_fig=return_fig)


def _panels(
    names: list[str], given: tuple[float | None, float | None], ax: Axes | Sequence[Axes] | None
) -> tuple[list[Axes], float]:
    """Return axes for panels of these names, and the inches that a title has."""
    n = len(names)
    if ax is not None:
        axes = _axes.given_axes(ax, n, ", ".join(names))
        return axes, max(1.0, 0.9 * min(map(_axes.inches, axes)))
    ncols = n if given[0] is None else max(1, min(n, int(given[0] / _LEAST_WIDTH)))
    n_rows = -(-n // ncols)
    size = _PANEL_WIDTH * ncols, (_PAGE_HEIGHT if n_rows == 1 else _ROW_HEIGHT * n_rows)
    axes = _axes.resizable(*size, given=given, n=n, ncols=ncols)
    return axes, 0.7 * axes[0].figure.bbox.width / axes[0].figure.dpi / ncols
