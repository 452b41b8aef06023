"""Which features are markers of cells, where `scgsr.io.read_fcs` has said what each channel measures. Reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scgsr._adata._keys import CHANNEL_KIND
from scgsr._checks import log

if TYPE_CHECKING:
    from anndata import AnnData

MARKER = "marker"  # in `.var["channel_kind"]`: what is no kind of technical channel


def markers(adata: AnnData, use: str) -> np.ndarray | None:
    """Return which features are markers, (n_vars,) bool; None for all, as where nothing says what channels measure.

    The others are named in the log, as left out of the `use`.
    """
    chosen = _are_markers(adata)
    if chosen is None:
        return None
    left_out = adata.var[CHANNEL_KIND].astype(object)[~chosen]
    of_kind = [f"{', '.join(map(str, left_out.index[left_out == kind]))} ({kind})" for kind in left_out.unique()]
    log.info("%s: left out %s; `mask_var` names what to take, None takes all", use, ", ".join(of_kind))
    return chosen


def marker_names(adata: AnnData) -> list[str]:
    """Return the names of the markers: of all features, where nothing says what channels measure."""
    chosen = _are_markers(adata)
    return list(adata.var_names if chosen is None else adata.var_names[chosen])


def _are_markers(adata: AnnData) -> np.ndarray | None:
    """Return which features are markers, (n_vars,) bool; None if all are, or none would be left."""
    if CHANNEL_KIND not in adata.var:
        return None
    kinds = adata.var[CHANNEL_KIND].astype(object)
    chosen = (kinds.isna() | (kinds == MARKER)).to_numpy(dtype=bool)
    return None if chosen.all() or not chosen.any() else chosen
