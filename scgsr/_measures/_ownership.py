"""Which group of cells owns each neuron, and whether its lead is more than chance gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from scipy.sparse import csr_matrix

from scgsr._random import Rng, generator

# The test looks at so many cells at most, and at all or at least at so many of each group.
_MOST_CELLS, _FEWEST_OF_GROUP = 20_000, 200
# How many cells of a group the variance over all cells counts for.
_PRIOR_CELLS = 5
# Neurons at this false discovery rate have an owner.
_FOUND = 0.05


@dataclass(frozen=True, eq=False)
class Ownership:
    """The group that activates each neuron most, by how much, and whether that is more than chance gives."""

    owner: np.ndarray  # (n_neurons,) int
    lead: np.ndarray  # (n_neurons,) within [0, 1]: one minus the second group's mean as a share of the owner's
    clear: np.ndarray  # (n_neurons,) bool


def ownership(
    activations: np.ndarray, codes: np.ndarray, *, relative: bool = True, n_permutations: int = 200, rng: Rng = 0
) -> Ownership:
    """
    Find the owner of each neuron, and test its lead over the runner-up by permuting the groups among the cells.

    Parameters
    ----------
    activations
        One cell per row, (n_cells, n_neurons).
    codes
        Group of each cell, (n_cells,) int from 0; -1 for none, which does not count. Every group has cells.
    relative
        Compare mean pictures that are divided by their own largest absolute value: *where* groups are active, whatever
        their brightness. Else compare the means.
    n_permutations
        How often groups are permuted among cells.
    rng
        Seed or generator of the permutations, and of the choice of cells where there are more than 20,000.

    Returns
    -------
    An `Ownership`. A lead is clear at a false discovery rate of 5 % over the neurons; none is if there are fewer than
    two groups, and none of a neuron that no group activates.

    Notes
    -----
    The mean of few cells is noisy, and so leads somewhere by chance. So the lead over each of the others is taken in
    units of its standard error, and the smallest of them is compared with those that permutations give, of all neurons
    together. The variance of a neuron in a group is estimated from its own cells and, as if from five more, from the
    cells of all groups: a group of few cells then counts as a draw from all cells.

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr._measures import ownership
    >>> codes = np.arange(40) % 2
    >>> activations = np.column_stack([codes == 0, codes == 1, np.ones(40)]).astype(float)
    >>> found = ownership(activations, codes)
    >>> found.owner[:2], found.lead[:2], found.clear
    (array([0, 1]), array([1., 1.]), array([ True,  True, False]))
    """
    n_groups, rng = int(codes.max(initial=-1)) + 1, generator(rng)
    lights = _lights(_sums(activations, _rows_of(codes)), np.bincount(codes[codes >= 0])[:, None], relative)[0]
    owner = lights.argmax(axis=0)
    if n_groups < 2:
        return Ownership(owner=owner, lead=np.zeros(len(owner)), clear=np.zeros(len(owner), dtype=bool))
    first, second = np.sort(lights, axis=0)[[-1, -2]]
    lead = np.clip(1 - np.divide(second, first, out=np.ones_like(first), where=first > 0), 0, 1)
    rows = _chosen(codes, rng)
    tested, counts = np.asarray(activations[rows], dtype=np.float32), np.bincount(codes[rows], minlength=n_groups)
    varies = np.ptp(tested, axis=0) > 0
    moments = np.hstack([tested, tested**2])
    members = [_slices(rng.permutation(len(rows)), counts) for _ in range(n_permutations)]
    null = [_least_lead(_sums(moments, permuted), counts[:, None], relative)[varies] for permuted in members]
    seen = _least_lead(_sums(moments, _rows_of(codes[rows])), counts[:, None], relative, owner)
    ordered = np.sort(np.concatenate(null))
    p = (1 + len(ordered) - np.searchsorted(ordered, seen)) / (1 + len(ordered))
    found = scipy.stats.false_discovery_control(np.where(varies, p, 1.0)) <= _FOUND
    return Ownership(owner=owner, lead=lead, clear=found & (first > 0) & (lead > 0))


def _sums(values: np.ndarray, members: csr_matrix) -> np.ndarray:
    """Return the sum over the cells of each group, (n_groups, n_columns) float64."""
    return np.asarray(members @ values, dtype=np.float64)


def _lights(sums: np.ndarray, counts: np.ndarray, relative: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean picture of each group, (n_groups, n_neurons), and its unit, (n_groups, 1).

    The unit is its largest absolute value if `relative`, else 1; and 1 where all is silent.
    """
    means = sums / counts
    peak = np.abs(means).max(axis=1, keepdims=True, initial=0.0)
    unit = np.where(peak > 0, peak, 1.0) if relative else np.ones_like(peak)
    return means / unit, unit


def _least_lead(sums: np.ndarray, counts: np.ndarray, relative: bool, owner: np.ndarray | None = None) -> np.ndarray:
    """Return the smallest lead of each neuron's owner over another group in standard errors, (n_neurons,).

    `sums` (n_groups, 2 n_neurons) are those of the activations and of their squares.
    """
    firsts, squares = np.hsplit(sums, 2)
    lights, unit = _lights(firsts, counts, relative)
    # In units of each group's own picture, so that bright groups do not make dim ones look noisy.
    squares, n_cells = squares / unit**2, counts.sum()
    own_part = np.maximum(squares - counts * lights**2, 0)
    of_all = np.maximum(squares.sum(axis=0) / n_cells - ((counts * lights).sum(axis=0) / n_cells) ** 2, 0)
    error = (own_part + _PRIOR_CELLS * of_all) / (counts - 1 + _PRIOR_CELLS) / counts
    own = (lights.argmax(axis=0) if owner is None else owner)[None]
    ahead = np.take_along_axis(lights, own, axis=0) - lights
    scale = np.sqrt(np.take_along_axis(error, own, axis=0) + error)
    never = np.where(ahead > 0, np.inf, -np.inf)
    leads = np.divide(ahead, scale, out=never, where=scale > 0)
    np.put_along_axis(leads, own, np.inf, axis=0)
    return leads.min(axis=0)


def _rows_of(codes: np.ndarray) -> csr_matrix:
    """Return which cells are in each group, (n_groups, n_cells), of ones."""
    order = np.argsort(codes, kind="stable")[int((codes < 0).sum()) :]
    return _slices(order, np.bincount(codes[codes >= 0]), n_cells=len(codes))


def _slices(order: np.ndarray, sizes: np.ndarray, n_cells: int | None = None) -> csr_matrix:
    """Return the first cells of an order as the first group, the next as the second, (n_groups, n_cells), of ones."""
    starts = np.concatenate([[0], np.cumsum(sizes)])
    return csr_matrix((np.ones(len(order), dtype=np.float32), order, starts), shape=(len(sizes), n_cells or len(order)))


def _chosen(codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the cells that are tested: of many a part, in which small groups keep their cells."""
    known = np.flatnonzero(codes >= 0)
    if len(known) <= _MOST_CELLS:
        return known
    share = _MOST_CELLS / len(known)
    kept = []
    for code in range(int(codes.max()) + 1):
        rows = known[codes[known] == code]
        size = min(len(rows), max(_FEWEST_OF_GROUP, round(share * len(rows))))
        kept.append(rng.choice(rows, size, replace=False))
    return np.concatenate(kept)
