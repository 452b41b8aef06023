"""Warnings of data that the defaults are not made for, with what to do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scgsr._checks import listed, log
from scgsr._values._statistics import Statistics

# Fewer cells than this are too few to learn from.
_FEW_CELLS = 200
# Values above the first, or whole numbers up to more than the second, are not transformed as the squared error wants.
_LARGE, _COUNTS = 1000, 3


def warn_of_raw_values(values: Statistics, features: Sequence[str], *, embedding: bool) -> None:
    """Warn of too few cells, and of counts and intensities as they were measured; an embedding may have any scale."""
    if values.n_cells < _FEW_CELLS:
        log.warning(
            "only %d cells: pictures and labels will change with the seed; pool samples, or compare seeds with "
            "`scgsr.tl.score(adata, others=...)`",
            values.n_cells,
        )
    if embedding:
        return
    largest = float(values.largest.max(initial=0))
    whole = bool(values.whole.all())
    if whole and values.negative.any():
        log.warning(
            "whole numbers of which some are negative are no counts: was a background subtracted, or "
            "were they rounded? Train on counts, normalised and log-transformed, or on cytometry intensities after "
            "`scgsr.pp.arcsinh`",
        )
    elif whole and largest > _COUNTS:
        log.warning(
            "values up to %.6g are whole numbers, as raw counts are: cells with many will dominate the fit; call "
            "`sc.pp.normalize_total(adata)` and `sc.pp.log1p(adata)` first, or, if this is cytometry, "
            "`scgsr.pp.arcsinh(adata, 5)` (mass) or `scgsr.pp.arcsinh(adata, 150)` (fluorescence)",
            largest,
        )
    elif largest > _LARGE:
        _warn_of_large_values(values.largest, features)


def _warn_of_large_values(peak: np.ndarray, features: Sequence[str]) -> None:
    names = [features[column] for column in np.argsort(-peak) if peak[column] > _LARGE]
    log.warning(
        "values up to %.6g are large, as untransformed intensities are (%s): a few bright cells will dominate the "
        "error; call `scgsr.pp.arcsinh(adata, 5)` for mass, `scgsr.pp.arcsinh(adata, 150)` for fluorescence "
        "cytometry first, `sc.pp.log1p(adata)` for normalised counts, or leave such channels out with `mask_var`",
        peak.max(),
        listed(names),
    )
