"""Linear models of many units at once, whose variances learn from each other: the moderated t.

With few samples the variance of one unit is poorly known. All units together tell how large variances are and how much
they differ between units; each one is drawn towards what is common, by as much as it is worth.

References
----------
Smyth, *Linear models and empirical Bayes methods for assessing differential expression in microarray experiments*,
https://doi.org/10.2202/1544-6115.1027
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

# Confidence of the intervals.
_CONFIDENCE = 0.95
# A variance below this share of the median one is rounding.
_ROUNDING = 1e-5
# So is a difference below this share of the values.
_SAME = 1e-12
_NEWTON_STEPS, _NEWTON_DONE = 50, 1e-12


@dataclass(frozen=True, kw_only=True)
class Tests:
    """One test for each unit and term, all arrays (n_units, n_terms); NaN where nothing can be tested."""

    effect: np.ndarray
    low: np.ndarray
    high: np.ndarray
    t: np.ndarray
    df: np.ndarray
    p: np.ndarray


def moderated_tests(
    values: np.ndarray, design: np.ndarray, terms: list[int], *, scale: np.ndarray | None = None
) -> Tests:
    """Fit a linear model to each unit, and test some of its terms against zero.

    Parameters
    ----------
    values
        One row per sample, (n_samples, n_units); NaN where a sample has no value, which is left out.
    design
        The terms of the model, (n_samples, n_all_terms), with the constant.
    terms
        Columns of `design` that are tested.
    scale
        What makes the variances of the units comparable, (n_units,) above 0: they are drawn towards each other once
        multiplied by it. None: as they are.

    Returns
    -------
    Tests. A unit is NaN if it is the same in all samples, if a term cannot be told from others with its samples, or if
    no degree of freedom is left.
    """
    n_units = values.shape[1]
    effect, unscaled = np.full((2, n_units, len(terms)), np.nan)
    variance, df = np.full(n_units, np.nan), np.zeros(n_units)
    for unit, column in enumerate(values.T):
        known = np.isfinite(column)
        rows = design[known]
        left = len(rows) - np.linalg.matrix_rank(rows) if len(rows) else 0
        if left < 1 or not _estimable(rows, terms) or np.ptp(column[known]) <= _SAME * np.abs(column[known]).max():
            continue  # if all samples are the same, what differs is rounding
        inverse = np.linalg.pinv(rows.T @ rows, hermitian=True)
        fitted = inverse @ rows.T @ column[known]
        residual = column[known] - rows @ fitted
        variance[unit], df[unit] = residual @ residual / left, left
        effect[unit], unscaled[unit] = fitted[terms], np.diag(inverse)[terms]
    scale = np.ones(n_units) if scale is None else scale
    tested = df > 0
    squeezed, df_prior = squeeze(variance[tested] * scale[tested], df[tested])
    variance[tested] = squeezed / scale[tested]
    df_total = np.where(tested, np.minimum(df + df_prior, df.sum()), np.nan)[:, None]
    error = np.sqrt(variance[:, None] * unscaled)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(error > 0, effect / error, np.nan)
    reach = scipy.stats.t.ppf((1 + _CONFIDENCE) / 2, df_total) * error
    return Tests(
        effect=effect,
        low=effect - reach,
        high=effect + reach,
        t=t,
        df=np.broadcast_to(df_total, t.shape).copy(),
        p=2 * scipy.stats.t.sf(np.abs(t), df_total),
    )


def squeeze(variances: np.ndarray, df: np.ndarray) -> tuple[np.ndarray, float]:
    """Draw variances towards what they have in common.

    Parameters
    ----------
    variances
        Of each unit, (n_units,), zero or above.
    df
        Their degrees of freedom, (n_units,) above 0.

    Returns
    -------
    The variances (n_units,), and for how many degrees of freedom the common one counts; infinite if they differ by no
    more than chance, 0 for one unit alone, which has no others to learn from.
    """
    if len(variances) < 2 or not (middle := np.median(variances)) > 0:
        return variances, 0.0
    variances = np.maximum(variances, _ROUNDING * middle)
    # The logarithm of a variance with d degrees of freedom has the mean log(s^2) + digamma(d / 2) - log(d / 2).
    logs = np.log(variances) - scipy.special.digamma(df / 2) + np.log(df / 2)
    spread = logs.var(ddof=1) - scipy.special.polygamma(1, df / 2).mean()
    if not spread > 0:
        common = (df * variances).sum() / df.sum()
        return np.full(len(variances), common), np.inf
    df_prior = 2 * _trigamma_inverse(spread)
    common = np.exp(logs.mean() + scipy.special.digamma(df_prior / 2) - np.log(df_prior / 2))
    return (df_prior * common + df * variances) / (df_prior + df), df_prior


def _trigamma_inverse(value: float) -> float:
    """Return where the trigamma function has this value, by Newton's method on its reciprocal, which is convex."""
    found = 0.5 + 1 / value
    for _ in range(_NEWTON_STEPS):
        trigamma = scipy.special.polygamma(1, found)
        step = trigamma * (1 - trigamma / value) / scipy.special.polygamma(2, found)
        found += step
        if abs(step) <= _NEWTON_DONE * found:
            break
    return float(found)


def _estimable(rows: np.ndarray, terms: list[int]) -> bool:
    """Return whether the terms can be told from each other and from all others."""
    others = np.delete(rows, terms, axis=1)
    return int(np.linalg.matrix_rank(rows)) == int(np.linalg.matrix_rank(others)) + len(terms)
