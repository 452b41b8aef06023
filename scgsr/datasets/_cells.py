"""Simulated values and what is true of them -> AnnData."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scgsr import _device

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anndata import AnnData
    from numpy.typing import NDArray


# Bytes that simulated cells take while they are made.
_PER_VALUE, _PER_CELL = 25, 150


def check_size(sizes: Mapping[str, int], n_values: int, *, per_value: int = _PER_VALUE) -> None:
    """Raise ValueError, with the largest of the sizes, for cells that memory does not hold, before they are made."""
    n_bytes = per_value * n_values + _PER_CELL * sizes["n_cells"]
    _device.check_memory(sizes, n_bytes, "so many cells and features")


def cells(values: NDArray[np.floating], *, obs: Mapping[str, Any], var: pd.DataFrame) -> AnnData:
    """Return float32 `values` (n_cells, n_features) as an AnnData; cells are named "cell_0", "cell_1", ... ."""
    index = [f"cell_{i}" for i in range(len(values))]
    from anndata import AnnData  # slow to import

    return AnnData(values.astype(np.float32), obs=pd.DataFrame(dict(obs), index=index), var=var)
