"""What tests of values share: counts of which most are zero, and the moments of a matrix."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr._values import Statistics


@pytest.fixture
def counts():
    """Make counts of which most are zero; the last feature has no count at all."""

    def counts(n_cells=300, seed=0):
        rng = np.random.default_rng(seed)
        values = rng.poisson(np.geomspace(0.05, 20, 12), size=(n_cells, 12)) * (rng.random((n_cells, 12)) < 0.5)
        values[:, -1] = 0
        return values

    return counts


@pytest.fixture
def moments():
    """Return mean and standard deviation of each feature."""

    def moments(matrix):
        found = Statistics.of(matrix)
        return found.mean, found.sd

    return moments
