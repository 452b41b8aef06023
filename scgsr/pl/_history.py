"""History: how training went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scgsr import _adata
from scgsr._adata import DEFAULT_KEY
from scgsr.pl import _axes

if TYPE_CHECKING:
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
# Inches.
_PANEL_WIDTH, _PAGE_HEIGHT = 2.8, 2.6


def history(adata: AnnData, *, key: str = DEFAULT_KEY, show: bool | None = None) -> Axes | Figure | None:
    """Draw losses, explained variance and, for a learned graph, the stability of its edges over the epochs.

    Only what was recorded is drawn: without validation cells there are no validation curves. Training losses are means
    over an epoch, with noise on the code; validation losses are taken after it, without noise, and so may lie below.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on.
    key
        The fit's `key_added`.
    show
        Show the picture instead of returning it; ``None`` as in Scanpy.

    Returns
    -------
    Figure, one panel for each quantity; ``None`` if it was shown.

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
    axes = _axes.resizable(_PANEL_WIDTH * len(curves), _PAGE_HEIGHT, n=len(curves), ncols=len(curves))
    for panel, (title, names) in zip(axes, curves.items(), strict=True):
        # A curve alone in its panel needs no legend; its value for the kept network says more.
        last = "" if len(_CURVES[title]) > 1 else f": {table.loc[table['kept'], names[0]].iloc[0]:.3f}"
        panel.set_title(title + last, fontsize="medium")
        for name in names:
            training = name.startswith("train")
            color, label = (_TRAINING, "training") if training else (_VALIDATION, "validation")
            panel.plot(table["epoch"], table[name], marker=".", markersize=4, color=color, label=label)
        panel.set_xlabel("epoch")
        panel.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        panel.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False, fontsize="small")
    return _axes.finish(axes, ax=None, show=show)
