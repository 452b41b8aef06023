"""Columns on one scale, whose products are correlations."""

from __future__ import annotations

import numpy as np

# A column that varies by no more than this share of its largest value is constant: rounding leaves so much.
_ROUNDING = 1e-9


def standardised(columns: np.ndarray) -> np.ndarray:
    """Return the columns at mean 0 and length 1, (n_rows, n_columns) float64; a constant one becomes zeros.

    The product of two of them is their Pearson correlation; times the square root of `n_rows`, a column has variance 1.

    Parameters
    ----------
    columns
        Numbers, (n_rows, n_columns), at least one row.

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr._values import standardised
    >>> columns = standardised(np.array([[1.0, 5, 0.1], [2, 3, 0.1], [3, 1, 0.1]]))
    >>> (columns.T @ columns).round(6) + 0.0
    array([[ 1., -1.,  0.],
           [-1.,  1.,  0.],
           [ 0.,  0.,  0.]])
    """
    values = columns.astype(np.float64)
    varies = np.ptp(values, axis=0) > _ROUNDING * np.abs(values).max(axis=0)
    values -= values.mean(axis=0)
    values[:, ~varies] = 0.0
    values /= np.where(varies, np.abs(values).max(axis=0), 1.0)  # squares of tiny numbers must not vanish
    values /= np.where(varies, np.linalg.norm(values, axis=0), 1.0)
    return values
