"""Features that tell groups apart are found in blocks."""

from __future__ import annotations

import numpy as np
from scipy import stats

from scgsr._page import telling


def test_the_features_with_the_largest_f_are_chosen():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, 600)
    values = rng.normal(size=(600, 30)) * rng.uniform(0.1, 10, 30) + 5
    values[:, [3, 11, 20]] += (codes[:, None] == 1) * values[:, [3, 11, 20]].std(axis=0) * [1, 2, 3]
    values[:, 7] = 1.5
    found = telling(((values[i : i + 50], codes[i : i + 50]) for i in range(0, 600, 50)), 5)
    f = [stats.f_oneway(*(values[codes == k, j] for k in range(4))).statistic if j != 7 else 0 for j in range(30)]
    assert found.tolist() == sorted(np.argsort(f)[-5:].tolist())
    assert {3, 11, 20} <= set(found.tolist())
