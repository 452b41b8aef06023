"""Simulated values and what is true of them -> AnnData."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anndata import AnnData
    from numpy.typing import NDArray


def cells(values: NDArray[np.floating], *, obs: Mapping[str, Any], var: pd.DataFrame) -> AnnData:
    """Return float32 `values` (n_cells, n_features) as an AnnData; cells are named "cell_0", "cell_1", ... ."""
    index = [f"cell_{i}" for i in range(len(values))]
    from anndata import AnnData  # slow to import

    return AnnData(values.astype(np.float32), obs=pd.DataFrame(dict(obs), index=index), var=var)
