"""Do samples of one condition differ from those of another? One test for each unit, in three families.

Which modules they have, what the cells of a module express, and which neurons the cells activate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import scipy

from scgsr._measures._design import Design
from scgsr._measures._moderated import Tests, moderated_tests

# Added to counts, so that a module without cells has log odds.
_HALF = 0.5
# The median change is taken of modules that do not change at this false discovery rate, in so many rounds.
_CHANGES, _ROUNDS_OF_MEDIAN = 0.05, 2


def abundance(counts: pd.DataFrame, design: Design, *, min_cells: int, min_samples: int) -> pd.DataFrame:
    """Test the log odds of the share that each module has of a sample.

    The log odds of rare modules vary more. Variances are drawn towards each other after multiplication by p (1 - p),
    with p the share in all samples: by what chance in drawing cells, and in the number of cells of a kind, would do.

    Shares sum to one: when a module grows, all others shrink. So the same is also tested relative to the module that
    changes as the median of the modules does: ``relative_effect`` and so on.

    Parameters
    ----------
    counts
        Cells of each module (column) in each sample (row).
    design
        The model of the samples.
    min_cells, min_samples
        A module is tested if it has so many cells in so many samples.

    Returns
    -------
    DataFrame, one row for each module and level.
    """
    cells, total = counts.to_numpy(dtype=np.float64), counts.to_numpy().sum(axis=1, keepdims=True)
    enough = (cells >= min_cells).sum(axis=0)
    tested = enough >= min_samples
    odds = np.log((cells + _HALF) / (total - cells + _HALF))
    odds[:, (cells == total).all(axis=0)] = np.nan  # the share is 1 in all samples: the odds would tell their sizes
    share = (cells.sum(axis=0) + _HALF) / (total.sum() + 2 * _HALF)
    scale = share * (1 - share)
    plain, relative = _plain_and_relative(np.where(tested, odds, np.nan), design, scale)
    units = pd.DataFrame({"module": counts.columns.astype(str)})
    known = {"n_samples": len(counts), "n_cells": cells.sum(axis=0).astype(int)}
    notes = [_too_few(min_cells, n, len(counts)) if n < min_samples else "" for n in enough]
    table = _rows(units, plain, design, known, notes)
    return table.assign(**{f"relative_{name}": values for name, values in _adjusted(relative).items()})


def _plain_and_relative(odds: np.ndarray, design: Design, scale: np.ndarray) -> tuple[Tests, Tests]:
    """Test log odds, (n_samples, n_modules), by themselves and relative to the median change.

    In the median a module counts by how well its log odds are known, one over their standard deviation. What changes
    for sure would move it: this is left out, and the same asked once more.
    """
    tests = moderated_tests(odds, design.matrix, design.terms, scale=scale)
    relative, steady = tests, np.isfinite(odds).all(axis=0)
    for _ in range(_ROUNDS_OF_MEDIAN if steady.any() else 0):
        change = (odds - odds.mean(axis=0))[:, steady]
        values = odds - np.array([[_weighted_median(of_sample, np.sqrt(scale[steady]))] for of_sample in change])
        relative = moderated_tests(values, design.matrix, design.terms, scale=scale)
        changes = (_adjusted(relative)["q"].reshape(relative.p.shape) <= _CHANGES).any(axis=1)
        if (steady & ~changes).sum() * 2 <= steady.sum():
            break
        steady &= ~changes
    return tests, relative


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    """Return the value below and above which lies half of the weight."""
    order = np.argsort(values, kind="stable")
    ends = np.cumsum(weights[order])
    return float(np.interp(ends[-1] / 2, ends - weights[order] / 2, values[order]))


def state(
    medians: np.ndarray,
    n_cells: np.ndarray,
    modules: Sequence[str],
    names: Sequence[str],
    design: Design,
    *,
    min_cells: int,
    min_samples: int,
) -> pd.DataFrame:
    """Test the median of each feature in the cells of each module.

    Parameters
    ----------
    medians
        In standard deviations of the feature, (n_samples, n_modules, n_features); NaN without cells.
    n_cells
        Of each module in each sample, (n_samples, n_modules).
    modules, names
        Names of modules and features.
    design
        The model of the samples.
    min_cells, min_samples
        Medians of fewer cells are left out, and so are modules with fewer such samples.

    Returns
    -------
    DataFrame, one row for each module, feature and level.
    """
    there = n_cells >= min_cells
    enough = there.sum(axis=0)
    kept = there & (enough >= min_samples)
    values = np.where(kept[:, :, None], medians, np.nan).reshape(len(medians), -1)
    tests = moderated_tests(values, design.matrix, design.terms)
    units = pd.MultiIndex.from_product([list(modules), list(names)], names=["module", "names"]).to_frame(index=False)
    of_each = np.repeat(np.where(kept, n_cells, 0).sum(axis=0), len(names))
    known = {"n_samples": np.repeat(kept.sum(axis=0), len(names)), "n_cells": of_each}
    notes = np.repeat([_too_few(min_cells, n, len(there)) if n < min_samples else "" for n in enough], len(names))
    return _rows(units, tests, design, known, list(notes))


def neurons(means: np.ndarray, n_cells: int, design: Design) -> pd.DataFrame:
    """Test the mean picture of the cells of a sample, neuron by neuron.

    Parameters
    ----------
    means
        Mean of the cells' pictures, all equally bright, (n_samples, n_neurons).
    n_cells
        Of all samples.
    design
        The model of the samples.

    Returns
    -------
    DataFrame, one row for each neuron and level.
    """
    fires = np.ptp(means, axis=0) > 0
    tests = moderated_tests(np.where(fires, means, np.nan), design.matrix, design.terms)
    units = pd.DataFrame({"neuron": np.arange(means.shape[1])})
    notes = ["" if one else "never fires" for one in fires]
    return _rows(units, tests, design, {"n_samples": len(means), "n_cells": n_cells}, notes)


def _rows(
    units: pd.DataFrame, tests: Tests, design: Design, known: Mapping[str, int | np.ndarray], notes: list[str]
) -> pd.DataFrame:
    """Return the units, once for each level, with their tests and what is known of them."""
    untested = np.isnan(tests.p).all(axis=1)
    notes = [
        note or ("not testable with these samples" if bad else "") for note, bad in zip(notes, untested, strict=True)
    ]
    n_levels = len(design.levels)
    table = units.loc[np.repeat(units.index, n_levels)].reset_index(drop=True)
    table["level"] = np.tile(design.levels, len(units))
    table = table.assign(**_adjusted(tests))
    for name, values in {**known, "note": np.array(notes, dtype=object)}.items():
        table[name] = np.repeat(np.broadcast_to(values, len(units)), n_levels)
    return table.set_axis(table.index.astype(str), axis="index")  # files want strings


def _adjusted(tests: Tests) -> dict[str, np.ndarray]:
    """Return the columns of the tests, with the false discovery rate over all of them as ``q``."""
    columns = {name: getattr(tests, name).ravel() for name in ("effect", "low", "high", "t", "df", "p")}
    q, known = np.full(len(columns["p"]), np.nan), np.isfinite(columns["p"])
    if known.any():
        q[known] = scipy.stats.false_discovery_control(columns["p"][known])
    return {**columns, "q": q}


def _too_few(min_cells: int, n: int, n_samples: int) -> str:
    return f"{min_cells} cells or more in {n} of {n_samples} samples alone"
