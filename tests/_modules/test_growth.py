"""Modules grow together in the order of the valleys between them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from scgsr._modules import _growth, _valleys


def every_pair_looked_at(points, module, between, rng):
    """The merges as they are defined, always the least separated of all neighbours, and how many pairs there were."""
    cells = {number: rng.permutation(np.flatnonzero(module == number)) for number in range(len(between))}
    smaller = lambda pair: max(1, min(len(cells[number]) for number in pair))
    border = {pair: between[pair] for pair in combinations(cells, 2) if between[pair] > 0.03 * smaller(pair)}
    merges, apart = [], {}
    while border:
        for pair in border.keys() - apart.keys():
            apart[pair] = _valleys.separation(*(points[cells[number][:1000]] for number in pair))
        merges.append(min(border, key=lambda pair: (apart[pair], -border[pair] / smaller(pair))))
        made = len(cells)
        cells[made] = rng.permutation(np.concatenate([cells[number] for number in merges[-1]]))
        for pair in [pair for pair in border if set(pair) & set(merges[-1])]:
            n_cells = border.pop(pair)
            for neighbour in set(pair) - set(merges[-1]):
                border[neighbour, made] = border.get((neighbour, made), 0) + n_cells
    return merges, [apart[pair] for pair in merges], len(apart)


@pytest.mark.parametrize("seed", range(4))
def test_modules_grow_as_if_every_pair_was_looked_at(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    points = rng.normal(np.repeat([[0.0, 0], [5.0, 0], [10.0, 0]], 400, axis=0), 1.0)
    module = np.argsort(np.argsort(points[:, 0] + rng.normal(0, 0.3, 1200))) // 50
    # Equal sizes and few different numbers: many pairs share as much.
    between = np.triu(rng.choice([0, 2, 3], size=(24, 24)), 1)
    between[:2] = 0
    between += between.T
    merges, separations, n_pairs = every_pair_looked_at(points, module, between, np.random.default_rng(1))
    looked_at, separation = [], _valleys.separation
    monkeypatch.setattr(_valleys, "separation", lambda *pair: looked_at.append(pair) or separation(*pair))
    grown = _growth.grow(points, module, between, np.random.default_rng(1))
    assert grown[0].tolist() == [list(pair) for pair in merges]
    assert grown[1].tolist() == separations
    assert separations.count(0) > 5
    assert max(separations) > 0.5
    assert len(looked_at) < 0.7 * n_pairs


@pytest.mark.parametrize("seed", range(4))
def test_of_neighbours_that_are_equally_close_the_first_to_meet_merge(seed):
    between = np.triu(np.random.default_rng(seed).choice([0, 2], size=(60, 60), p=[0.95, 0.05]), 1)
    between += between.T
    points, module = np.zeros((1200, 2)), np.repeat(np.arange(60), 20)  # no valley anywhere
    merges, _, _ = every_pair_looked_at(points, module, between, np.random.default_rng(1))
    grown, _ = _growth.grow(points, module, between, np.random.default_rng(1))
    assert grown.tolist() == [list(pair) for pair in merges]


def test_modules_without_neighbours_stay_alone():
    merges, separations = _growth.grow(np.zeros((4, 2)), np.arange(4), np.zeros((4, 4)), np.random.default_rng(0))
    assert merges.shape == (0, 2)
    assert separations.shape == (0,)


def chain(n_modules):
    """Each module shares many cells with the next."""
    between = np.diag(np.full(n_modules - 1, 50), 1)
    return between + between.T


def test_each_merge_makes_a_module_of_its_own_and_every_module_merges_once():
    rng = np.random.default_rng(0)
    points, module = rng.normal(size=(900, 2)), np.repeat(np.arange(9), 100)
    merges, separations = _growth.grow(points, module, chain(9), np.random.default_rng(0))
    assert merges.shape == (8, 2)
    assert sorted(merges.ravel()) == list(range(16))  # 9 + 7: all but the last that was made
    for made, pair in enumerate(merges, start=9):
        assert (pair < made).all()
    assert ((separations >= 0) & (separations <= 1)).all()


def test_the_best_separated_merge_last():
    rng = np.random.default_rng(0)
    centres = np.repeat([[0.0, 0], [0.5, 0], [20.0, 0], [20.5, 0]], 200, axis=0)
    merges, separations = _growth.grow(
        rng.normal(centres, 1.0), np.repeat(np.arange(4), 200), chain(4), np.random.default_rng(0)
    )
    assert {tuple(sorted(pair)) for pair in merges[:2].tolist()} == {(0, 1), (2, 3)}
    assert sorted(merges[2]) == [4, 5]
    assert separations[2] > 0.9 > separations[:2].max()


@pytest.mark.parametrize(("n_between", "n_merges"), [(3, 0), (4, 1)])
def test_modules_are_neighbours_above_a_share_of_the_smaller_one(n_between, n_merges):
    """More than 3 % of 100 cells, however many the larger has."""
    module = np.repeat([0, 1], [100, 5000])
    between = np.array([[0, n_between], [n_between, 0]])
    merges, _ = _growth.grow(np.zeros((5100, 1)), module, between, np.random.default_rng(0))
    assert len(merges) == n_merges


def test_a_merged_module_has_the_borders_of_both():
    """Module 2 shares 2 cells with each of 0 and 1: too few for either, enough for neither to be forgotten."""
    module = np.repeat([0, 1, 2], 40)
    between = np.array([[0, 10, 2], [10, 0, 2], [2, 2, 0]])
    growing = _growth._Growing(np.zeros((120, 1)), module, 3, np.random.default_rng(0))
    for pair in combinations(range(3), 2):
        growing.meet(pair, int(between[pair]))
    growing.merge((0, 1), 3)
    (border,) = (border for border in growing._borders[3])
    assert (border.pair, border.n_cells) == ((2, 3), 4)


def test_of_a_huge_module_only_some_cells_are_looked_at(monkeypatch):
    sizes = []
    monkeypatch.setattr(_valleys, "separation", lambda one, other: sizes.append((len(one), len(other))) or 0.0)
    module = np.repeat([0, 1], [30, 5000])
    _growth.grow(np.zeros((5030, 1)), module, chain(2), np.random.default_rng(0))
    assert sizes == [(30, 1000)]
