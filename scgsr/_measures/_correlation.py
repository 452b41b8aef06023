"""Correlation of features with neurons over cells."""

from __future__ import annotations

import numpy as np

from scgsr._values import standardised

# The correlation of two cells is always plus or minus one.
_FEWEST_CELLS = 3


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
    Float64 array (n_features, n_neurons) within [-1, 1]; NaN where the feature or the neuron is constant up to
    rounding, and everywhere for fewer than three cells.

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr._measures import feature_correlation
    >>> neurons = np.array([[0.0, 2.0, 1.0], [1.0, 1.0, 1.0], [2.0, 0.0, 1.0]])
    >>> feature_correlation(np.array([[1.0], [2.0], [3.0]]), neurons)
    array([[ 1., -1., nan]])
    """
    if len(features) < _FEWEST_CELLS:
        return np.full((features.shape[1], activations.shape[1]), np.nan)
    x, y = standardised(features), standardised(activations)  # constant columns are zero
    return np.where(np.outer(x.any(axis=0), y.any(axis=0)), np.clip(x.T @ y, -1.0, 1.0), np.nan)
