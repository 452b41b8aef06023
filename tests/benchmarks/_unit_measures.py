"""What single units mean: how well one tells a known group from all other cells."""

from __future__ import annotations

import numpy as np
from _data import Dataset
from scipy.stats import rankdata


def unit_auroc(dataset: Dataset, units: np.ndarray) -> dict[str, float]:
    """Return the area under the ROC curve of the best unit for each group: the mean and the least over groups.

    Only cells of known groups count, and only groups large enough to be asked about.
    """
    codes = dataset.groups.codes
    known = codes >= 0
    codes, ranks = codes[known], rankdata(units[known], axis=0)
    best = []
    for code in dataset.asked:
        inside = codes == code
        n_in, n_out = inside.sum(), (~inside).sum()
        above = ranks[inside].sum(axis=0) - n_in * (n_in + 1) / 2  # pairs in which the cell of the group lies above
        best.append(float((above / (n_in * n_out)).max()))
    return {"unit_auroc": float(np.mean(best)), "unit_auroc_least": min(best)}
