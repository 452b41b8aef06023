"""Warnings of data that the defaults are not made for, with what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from scgsr._checks import listed, log
from scgsr._values._batches import Matrix

# Fewer cells than this are too few to learn from.
_FEW_CELLS = 200
# Values above the first, or whole numbers up to more than the second, are not transformed as the squared error wants.
_LARGE, _COUNTS = 1000, 3
_VALUES_AT_ONCE = 1 << 20


def warn_of_raw_values(matrix: Matrix, features: Sequence[str], *, embedding: bool) -> None:
    """Warn of too few cells, and of counts and intensities as they were measured; an embedding may have any scale."""
    n_cells = matrix.shape[0]
    if n_cells < _FEW_CELLS:
        log.warning(
            "only %d cells: pictures and labels will change with the seed; pool samples, or compare seeds with "
            "`scgsr.tl.score(adata, others=...)`",
            n_cells,
        )
    if embedding:
        return
    values = np.asarray(matrix.data if sparse.issparse(matrix) else matrix)
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    whole = _whole(values)
    if whole and low < 0:
        log.warning(
            "whole numbers of which some are negative, down to %.6g, are no counts: was a background subtracted, or "
            "were they rounded? Train on counts, normalised and log-transformed, or on cytometry intensities after "
            "`scgsr.pp.arcsinh`",
            low,
        )
    elif whole and high > _COUNTS:
        log.warning(
            "values up to %.6g are whole numbers, as raw counts are: cells with many will rule the error; call "
            "`sc.pp.normalize_total(adata)` and `sc.pp.log1p(adata)` first, or, if this is cytometry, "
            "`scgsr.pp.arcsinh(adata, 5)` (mass) or `scgsr.pp.arcsinh(adata, 150)` (fluorescence)",
            high,
        )
    elif max(high, -low) > _LARGE:
        _warn_of_large_values(matrix, features)


def _warn_of_large_values(matrix: Matrix, features: Sequence[str]) -> None:
    peak = np.maximum(_of_columns(matrix.max(axis=0)), -_of_columns(matrix.min(axis=0)))
    names = [features[column] for column in np.argsort(-peak) if peak[column] > _LARGE]
    log.warning(
        "values up to %.6g are large, as untransformed intensities are (%s): a few bright cells will rule the "
        "error; call `scgsr.pp.arcsinh(adata, 5)` for mass, `scgsr.pp.arcsinh(adata, 150)` for fluorescence "
        "cytometry first, `sc.pp.log1p(adata)` for normalised counts, or leave such channels out with `mask_var`",
        peak.max(),
        listed(names),
    )


def _whole(values: np.ndarray) -> bool:
    """Return whether all values are whole numbers; where they are not, the first block mostly tells."""
    flat = values.reshape(-1)
    blocks = (flat[start : start + _VALUES_AT_ONCE] for start in range(0, flat.size, _VALUES_AT_ONCE))
    return all(bool((block == np.round(block)).all()) for block in blocks)


def _of_columns(values: Any) -> np.ndarray:
    return np.asarray(values.toarray() if sparse.issparse(values) else values, dtype=float).ravel()
