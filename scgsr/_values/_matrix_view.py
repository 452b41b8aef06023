"""Checked values of the chosen features, with what standardises them. Arrays only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from scgsr._checks import about, listed, log
from scgsr._values._arcsinh import arcsinh
from scgsr._values._batches import Batches
from scgsr._values._cells import Cells
from scgsr._values._on_disk import OnDisk
from scgsr._values._origins import Origins
from scgsr._values._statistics import Statistics
from scgsr._values._stored import Rows, Stored

# A standard deviation of at most this share of the mean is rounding, which must not be blown up to one.
# Differences of larger values, or the spread of smaller ones, are no numbers of float32.
_LARGEST, _SMALLEST = float(np.finfo(np.float32).max) / 16, float(np.finfo(np.float32).tiny)
_CONSTANT = 1e-6


@dataclass(frozen=True, eq=False)
class MatrixView:
    """Checked values of the chosen features with what standardises them: (value - mean) / scale."""

    matrix: Rows  # (n_obs, n_features)
    features: tuple[str, ...]
    mean: np.ndarray  # (n_features,)
    scale: np.ndarray  # (n_features,)
    width: int  # columns of `.X`, the layer or the representation
    statistics: Statistics | None = None  # of the values; None: of a view that is not for training
    scaling: str = "feature"  # how `scale` came about: "feature", "common", or "pca" for common and then components
    cofactor: np.ndarray | None = None  # (n_features,) of the arcsinh on record, NaN for none; None: not asked for
    origins: Origins | None = None  # which batch each cell comes from; None: not told

    def cells(self, device: torch.device) -> Cells:
        """Return the cells as the network sees them, for batches on a device."""
        origins = None if self.origins is None else self.origins.codes
        if not isinstance(self.matrix, Stored):
            return Batches(self.matrix, self.mean, self.scale, device, origins)
        assert self.statistics is not None, "a view to train on knows its statistics"
        moments, values = (self.mean, self.scale), self.statistics.digest
        return OnDisk(self.matrix, *moments, device, digest_of_values=values, origins=origins)


def transformed(view: MatrixView, cofactor: np.ndarray) -> MatrixView:
    """Return the view after arcsinh(value / cofactor), with its moments anew; NaN leaves a feature as it is."""
    values = view.matrix
    matrix = values.transformed(cofactor) if isinstance(values, Stored) else arcsinh(values, cofactor)
    found = Statistics.of(matrix)
    return replace(view, matrix=matrix, mean=found.mean, scale=np.where(view.scale > 0, found.sd, 0))


def _refuse_extreme(extreme: np.ndarray, features: Sequence[str], how: str) -> None:
    if columns := np.flatnonzero(extreme).tolist():
        names = listed([features[column] for column in columns])
        msg = f"`adata` has values too {how} for float32 in {len(columns)} features ({names}); rescale them."
        raise about("adata", ValueError(msg))


def varying(found: Statistics, features: Sequence[str]) -> np.ndarray:
    """Return which features vary, (n_features,) bool; constant ones would only dilute the reconstruction error.

    Raises ValueError if none does, or if float32 cannot hold how far values lie from their mean.
    """
    varies = found.sd > _CONSTANT * np.abs(found.mean)
    _refuse_extreme(~(found.largest < _LARGEST), features, "large")
    _refuse_extreme(varies & (found.sd < _SMALLEST), features, "small")
    if not varies.any():
        msg = f"`adata`: all {len(features)} features are constant; there is nothing to learn."
        raise about("adata", ValueError(msg))
    if not varies.all():
        log.warning(
            "leaving out %d of %d features, constant up to a millionth of their mean: they carry nothing; "
            "`sc.pp.filter_genes(adata, min_cells=3)` drops genes that no or few cells express",
            len(varies) - int(varies.sum()),
            len(varies),
        )
    return varies
