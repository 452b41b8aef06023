"""Correlation of features with neurons over cells."""

from __future__ import annotations

import numpy as np

# The correlation of two cells is always plus or minus one.
_FEWEST = 3


def feature_correlation(features: np.ndarray, activations: np.ndarray) -> np.ndarray:
    """
    Pearson correlation over cells of each feature with each neuron.

    Parameters
    ----------
    features
        (n_cells, n_features).
    activations
        The same cells, (n_cells, n_neurons).

    Returns
    -------
    Float64 array (n_features, n_neurons) within [-1, 1]; NaN where the feature or the neuron is constant, and
    everywhere for fewer than three cells.

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr._measures import feature_correlation
    >>> neurons = np.array([[0.0, 2.0, 1.0], [1.0, 1.0, 1.0], [2.0, 0.0, 1.0]])
    >>> feature_correlation(np.array([[1.0], [2.0], [3.0]]), neurons)
    array([[ 1., -1., nan]])
    """
    if len(features) < _FEWEST:
        return np.full((features.shape[1], activations.shape[1]), np.nan)
    return np.clip(_standardised(features).T @ _standardised(activations), -1.0, 1.0)


def _standardised(columns: np.ndarray) -> np.ndarray:
    """Return columns of mean zero and length one, NaN where constant."""
    values = columns.astype(np.float64)
    values -= values.mean(axis=0)
    # Compared exactly, because rounding leaves a constant column with a tiny length.
    length = np.where(np.ptp(columns, axis=0) > 0, np.linalg.norm(values, axis=0), np.nan)
    return values / length
