"""Which batch of the laboratory each cell comes from. Called its origin: a batch of cells is what one step sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Origins:
    """The batch of each cell, and the names of all batches."""

    names: tuple[str, ...]
    codes: np.ndarray  # (n_cells,) int64, places in `names`
