"""How much of the variance of held-out cells can be explained at all: the measure of a network's R2."""

from __future__ import annotations

import numpy as np
import scipy
import torch
from torch import Tensor

from scgsr import _device, _random
from scgsr._values import Batches, Part

# So many principal components, fitted on at most so many training cells, judged on at most so many held-out cells.
_COMPONENTS, _MOST_CELLS = 10, 5000
# Axes of so many features are exact; of more they follow from a random sketch, made sharper so many times.
_FEW_FEATURES, _POWER_ITERATIONS = 50, 3
# With fewer cells of either kind an R2 is luck; on fewer than the second, whether features go together is not judged.
_FEWEST_CELLS, _FEWEST_TO_JUDGE = 20, 50
# A component tells that features go together if it varies more than it would if they did not, by so many standard
# errors. Each of ten components of noise does with a probability of 3 in 100,000.
_STANDARD_ERRORS = 4.0
# Where it is also asked how far out values lie, those beyond so many standard deviations count alike: rare ones must
# not decide.
_FAR_OUT = 2.0
# Pairs are looked at among so many features; columns with a larger fourth moment are left out.
_MOST_IN_PAIRS, _TOO_RARELY_UP, _SIGNIFICANCE = 100, 8.0, 1e-4
_ROUNDING = 1e-3
# A network that explains less than this share of what the components explain carries next to nothing. Sound fits on a
# sheet, a ring or a path reach 0.83 and more, codes that have collapsed -0.3 to 0.15: `tests/benchmarks/verdicts.py`.
_LEAST_SHARE = 0.25
# Where it is not known how much can be explained: below this the code carries next to nothing of a few markers.
_USELESS_R2 = 0.01


@_device.in_one_thread()
def explainable_r2(known: Part, judged: Part, *, seed: int) -> float:
    """
    Return the explained variance of held-out cells by ten principal components of the training cells.

    Components are those of the features as the network sees them; the explained variance is in the units of the input,
    as that of the network is. A component of features that have nothing in common varies as the sum of what it takes
    from each of them: if all components of one half of the training cells do so in the other half, of the values and of
    how far out they lie, and no two of up to 100 features depend on each other, there is nothing to explain.

    Parameters
    ----------
    known, judged
        Training cells and held-out ones; at most 5,000 of each are used, drawn at random.
    seed
        Seed of the draw and of the components.

    Returns
    -------
    R2, at most 1; 0 if the features have nothing in common. NaN with fewer than 20 cells of either kind, with at most
    ten features, which ten components explain whatever they are, and with features that depend on each other and of
    which components explain nothing.

    References
    ----------
    Horn, *A rationale and test for the number of factors in factor analysis*, 1965,
    https://doi.org/10.1007/BF02289447
    """
    n_features = known.batches.shape[1]
    if min(len(known.rows), len(judged.rows)) < _FEWEST_CELLS or n_features <= _COMPONENTS:
        return float("nan")
    rng = _random.generator(seed)
    chosen, asked = (np.sort(rng.permutation(part.rows)[:_MOST_CELLS]) for part in (known, judged))
    features = torch.cat(list(known.batches.in_order(chosen))).cpu().numpy()
    if not _go_together(features, seed):
        return 0.0
    centre, axes = _principal(features, seed)
    errors, moments = _errors(judged.batches, asked, torch.from_numpy(centre), torch.from_numpy(axes))
    in_units = known.batches.moments[1].astype(np.float64) ** 2
    variance = float(in_units @ (moments[1] - moments[0] ** 2))
    r2 = 1 - float(in_units @ errors) / variance if variance > 0 else 0.0
    return r2 if r2 > 0 else float("nan")


def carries_nothing(r2: float, explainable: float) -> str:
    """
    Return why a network with this R2 on held-out cells carries next to nothing, empty if it does not.

    Parameters
    ----------
    r2
        Of the network; NaN, unknown, shows nothing.
    explainable
        What :func:`explainable_r2` has returned; NaN if it is not known.

    Examples
    --------
    >>> from scgsr._train import carries_nothing
    >>> carries_nothing(0.03, 0.04), carries_nothing(0.03, 0.9)
    ('', 'R2 0.030 on held-out cells, of which ten principal components explain 0.900')
    >>> carries_nothing(0.3, 0.0)
    'features have nothing in common, so R2 0.300 on held-out cells is that of single features'
    """
    if np.isnan(explainable):
        return f"R2 {r2:.3f} on held-out cells" if r2 < _USELESS_R2 else ""
    if explainable <= 0:
        return f"features have nothing in common, so R2 {r2:.3f} on held-out cells is that of single features"
    if r2 < _LEAST_SHARE * explainable:
        return f"R2 {r2:.3f} on held-out cells, of which ten principal components explain {explainable:.3f}"
    return ""


def _principal(features: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of cells, (n_features,), and their first axes, (n_components, n_features)."""
    from sklearn.utils.extmath import randomized_svd

    mean = features.mean(axis=0)
    centred = features - mean
    if features.shape[1] <= _FEW_FEATURES:
        return mean, np.linalg.eigh(centred.T @ centred)[1].T[::-1][:_COMPONENTS].copy()
    n_components = min(_COMPONENTS, len(features))
    return mean, randomized_svd(centred, n_components, n_iter=_POWER_ITERATIONS, random_state=seed % 2**32)[2]


def _go_together(features: np.ndarray, seed: int) -> bool:
    """Whether features depend on each other: their values, or, as principal components do, how far out these lie."""
    if len(features) < 2 * _FEWEST_TO_JUDGE:
        return True
    if _beyond_chance(features, seed):
        return True
    if features.shape[1] <= _MOST_IN_PAIRS:
        values, distances = _values_and_distances(features)
        return _beyond_chance(distances, seed) or _any_pair_depends(values, distances)
    distances = np.empty_like(features)
    for start in range(0, features.shape[1], _MOST_IN_PAIRS):  # what lies in between takes several times their memory
        columns = slice(start, start + _MOST_IN_PAIRS)
        distances[:, columns] = _values_and_distances(features[:, columns])[1]
    return _beyond_chance(distances, seed)


def _values_and_distances(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return clipped values and how far out they lie, centred, (n_cells, n_features) each.

    The two are uncorrelated within one feature, however skewed it is.
    """
    deviations = features - features.mean(axis=0)
    spread = deviations.std(axis=0)
    values = np.clip(deviations / np.where(spread > 0, spread, 1), -_FAR_OUT, _FAR_OUT)
    values -= values.mean(axis=0)
    distances = np.abs(values) - np.abs(values).mean(axis=0)
    squares = np.square(values).sum(axis=0)
    slope = (distances * values).sum(axis=0) / np.where(squares > 0, squares, 1)
    return values, distances - slope * values


def _any_pair_depends(values: np.ndarray, distances: np.ndarray) -> bool:
    """Whether values or distances of two features correlate further than any pair of independent ones would."""
    columns = np.hstack([values, distances]).astype(np.float64)
    n_cells, n_columns = columns.shape
    spread = columns.std(axis=0)
    # Of a feature with two values, how far out it lies is known from the value: what is left is rounding.
    columns *= (spread > _ROUNDING) / np.maximum(spread, _ROUNDING)
    # Two features that are rarely up correlate by one cell's chance.
    columns[:, np.mean(columns**4, axis=0) > _TOO_RARELY_UP] = 0
    correlation = columns.T @ columns / n_cells
    feature = np.arange(n_columns) % values.shape[1]
    correlation[feature[:, None] == feature] = 0
    limit = scipy.stats.norm.isf(_SIGNIFICANCE / n_columns**2) / np.sqrt(n_cells)
    return bool((np.abs(correlation) > limit).any())


def _beyond_chance(values: np.ndarray, seed: int) -> bool:
    """Whether a component of every other cell varies, in the rest, more than its columns would on their own."""
    half, rest = values[::2], values[1::2]
    _, axes = _principal(half, seed)
    alone = np.square(axes) @ rest.var(axis=0)
    beyond = 1 + _STANDARD_ERRORS * np.sqrt(2 / len(rest))
    return bool(((rest @ axes.T).var(axis=0) > beyond * alone).any())


def _errors(batches: Batches, rows: np.ndarray, centre: Tensor, axes: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean squared error of each feature of these cells, and its mean and mean square."""
    errors, sums = np.zeros(len(centre)), np.zeros((2, len(centre)))
    for block in batches.in_order(rows):
        centred = block.cpu() - centre
        errors += (centred - centred @ axes.T @ axes).square_().sum(dim=0).double().numpy()
        sums += torch.stack([centred.sum(dim=0), centred.square_().sum(dim=0)]).double().numpy()
    return errors / len(rows), sums / len(rows)
