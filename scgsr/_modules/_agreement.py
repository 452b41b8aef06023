"""What several labellings of the same cells agree on, and what becomes of each of its modules in each of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from scgsr._modules._consensus import median_partition, without_crumbs

# A module is found again where it and its match share so much of what either holds, and is stable where that is so in
# so large a share of the fits.
FOUND_AGAIN, STABLE = 0.5, 0.8
# Most kinds of cells, each with a label of its own in every fit, that are compared with each other.
_MOST_KINDS = 2000
_KINDS_AT_ONCE = 1 << 12
# The consensus follows from the labels: another start of Leiden is no other result.
_SEED = 0

FOUND, SPLIT, LOST = "found", "split", "lost"


@dataclass(frozen=True, eq=False, kw_only=True)
class Agreement:
    """The consensus of several labellings, and how each of them has its modules."""

    labels: np.ndarray  # (n_cells,) int: the row of `numbers` that each cell belongs to
    stability: np.ndarray  # (n_cells,) float32: share of the labellings that agree
    numbers: np.ndarray  # (n_modules,) int: what the modules are called, ascending
    n_cells: np.ndarray  # (n_modules,) int
    matches: np.ndarray  # (n_modules, n_labellings) int: the module that is most like it, -1 for none
    overlaps: np.ndarray  # (n_modules, n_labellings): shared cells in those of either, Jaccard
    outcomes: np.ndarray  # (n_modules, n_labellings) of "found", "split" and "lost"

    @property
    def verdicts(self) -> np.ndarray:
        """What becomes of each module, (n_modules,) of "stable", "splits" and "vanishes".

        One that is not stable does what it does in most of the fits that do not find it again.
        """
        stable = (self.outcomes == FOUND).mean(axis=1) >= STABLE
        splits = (self.outcomes == SPLIT).sum(axis=1) >= (self.outcomes == LOST).sum(axis=1)
        return np.where(stable, "stable", np.where(splits, "splits", "vanishes")).astype(object)


def agreement(labellings: np.ndarray) -> Agreement:
    """Return the consensus of labellings of the same cells: the median partition, which disagrees least with them all.

    Cells with the same labels in every fit are of one kind, and a kind is in one module. Where a module of the
    consensus is most like one of the first labelling, it has that one's number; others take the free numbers, large
    ones first. So what belongs to the numbers, such as colours, stays.

    Parameters
    ----------
    labellings
        The label of each cell in each fit, (n_cells, n_labellings) int from 0 on.

    References
    ----------
    Strehl, Ghosh, *Cluster ensembles*, 2002, https://doi.org/10.1162/153244303321897735;
    Hennig, *Cluster-wise assessment of cluster stability*, 2007, https://doi.org/10.1016/j.csda.2006.11.025
    """
    kinds, kind, n_of_kind = np.unique(labellings, axis=0, return_inverse=True, return_counts=True)
    module = _median(kinds, n_of_kind)
    numbers = _numbered(module, kinds[:, 0], n_of_kind)
    module = np.unique(numbers[module], return_inverse=True)[1]
    numbers = np.sort(numbers)
    tables = [_shared(module, labels, n_of_kind) for labels in kinds.T]
    matches, overlaps = (np.column_stack(columns) for columns in zip(*map(_matched, tables), strict=True))
    outcomes = np.column_stack([_outcomes(t, o) for t, o in zip(tables, overlaps.T, strict=True)])
    agrees = (kinds == matches[module]).mean(axis=1, dtype=np.float32)
    kind = kind.reshape(-1)  # NumPy 2.0 gave it a second axis
    return Agreement(
        labels=module[kind],
        stability=agrees[kind],
        numbers=numbers,
        n_cells=np.bincount(module, weights=n_of_kind).astype(int),
        matches=matches,
        overlaps=overlaps,
        outcomes=outcomes,
    )


def _median(kinds: np.ndarray, n_of_kind: np.ndarray) -> np.ndarray:
    """Return the module of each kind of cells, (n_kinds,) int; rare kinds join what the common ones have made."""
    common = np.sort(np.argsort(-n_of_kind, kind="stable")[:_MOST_KINDS])
    weights = n_of_kind[common]
    shared = _together(kinds[common], kinds[common])
    of_common = without_crumbs(median_partition(shared, weights, _SEED), shared, weights)
    members = weights[:, None] * (of_common[:, None] == np.arange(of_common.max() + 1))
    module = np.empty(len(kinds), dtype=int)
    for start in range(0, len(kinds), _KINDS_AT_ONCE):
        block = slice(start, start + _KINDS_AT_ONCE)
        module[block] = ((_together(kinds[block], kinds[common]) - 0.5) @ members).argmax(axis=1)
    module[common] = of_common
    return module


def _together(kinds: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return in which share of the labellings two kinds have one label, (n_kinds, n_others)."""
    shared = np.zeros((len(kinds), len(others)))
    for labels, other_labels in zip(kinds.T, others.T, strict=True):
        shared += labels[:, None] == other_labels
    return shared / kinds.shape[1]


def _numbered(module: np.ndarray, labels: np.ndarray, n_of_kind: np.ndarray) -> np.ndarray:
    """Return a number for each module, (n_modules,): its match's in the labels, (n_kinds,), or a free one."""
    numbers, _ = _matched(_shared(module, labels, n_of_kind))
    n_cells = np.bincount(module, weights=n_of_kind)
    without = np.flatnonzero(numbers < 0)
    without = without[np.argsort(-n_cells[without], kind="stable")]
    free = np.setdiff1d(np.arange(labels.max() + 1 + len(numbers)), numbers)
    numbers[without] = free[: len(without)]
    return numbers


def _shared(module: np.ndarray, labels: np.ndarray, n_of_kind: np.ndarray) -> np.ndarray:
    """Return how many cells each module shares with each label, (n_modules, n_labels) int."""
    table = np.zeros((module.max() + 1, labels.max() + 1), dtype=int)
    np.add.at(table, (module, labels), n_of_kind)
    return table


def _matched(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the label that each module is matched with, -1 for none, and their Jaccard index, (n_modules,) each.

    No label is matched twice; of all such matchings it is the one with the largest sum.
    """
    jaccard = table / np.maximum(table.sum(axis=1, keepdims=True) + table.sum(axis=0) - table, 1)
    rows, columns = scipy.optimize.linear_sum_assignment(jaccard, maximize=True)
    matches, overlaps = np.full(len(table), -1), np.zeros(len(table))
    matches[rows], overlaps[rows] = columns, jaccard[rows, columns]
    matches[overlaps == 0] = -1
    return matches, overlaps


def _outcomes(table: np.ndarray, overlaps: np.ndarray) -> np.ndarray:
    """Return what became of each module in one labelling, (n_modules,) of objects.

    It is found again, or split: most of its cells have labels that are mostly of it; or lost among other cells.
    """
    mostly = table > 0.5 * table.sum(axis=0)
    split = np.where(mostly, table, 0).sum(axis=1) > 0.5 * table.sum(axis=1)
    return np.where(overlaps >= FOUND_AGAIN, FOUND, np.where(split, SPLIT, LOST)).astype(object)
