"""The tree in which pieces grow together."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr._modules import ModuleTree


@pytest.fixture
def tree():
    """Pieces 0 and 1 make 5, 2 and 3 make 6, 5 and 6 make 7, 7 and 4 make 8."""
    return ModuleTree(5, np.array([[0, 1], [2, 3], [5, 6], [7, 4]]), np.array([0.2, 0.4, 0.8, 0.6]))


def groups(module):
    return sorted(tuple(np.flatnonzero(module == number).tolist()) for number in set(module))


def test_a_cut_at_a_number_is_what_so_many_merges_leave(tree):
    assert groups(tree.cut(5)) == [(0,), (1,), (2,), (3,), (4,)]
    assert groups(tree.cut(3)) == [(0, 1), (2, 3), (4,)]
    assert groups(tree.cut(2)) == [(0, 1, 2, 3), (4,)]
    assert groups(tree.cut(1)) == [(0, 1, 2, 3, 4)]
    assert groups(tree.cut(99)) == groups(tree.cut(5))


def test_a_cut_at_a_resolution_merges_over_shallow_valleys(tree):
    assert groups(tree.cut_at(1.0)) == [(0, 1), (2, 3), (4,)]  # up to 0.5
    assert groups(tree.cut_at(1.4)) == [(0, 1), (2,), (3,), (4,)]  # up to 0.3
    assert groups(tree.cut_at(2.4)) == [(0,), (1,), (2,), (3,), (4,)]
    assert groups(tree.cut_at(0.2)) == [(0, 1, 2, 3, 4)]  # up to 0.9


def test_a_merge_waits_for_those_that_it_is_made_of(tree):
    assert groups(tree.cut_at(0.7)) == [(0, 1), (2, 3), (4,)]  # 0.6 waits for 0.8


def test_modules_are_numbered_from_0_on(tree):
    for n_modules in range(1, 6):
        assert sorted(set(tree.cut(n_modules))) == list(range(n_modules))


def test_a_tree_that_does_not_go_on_to_one_is_cut_at_the_fewest_it_has():
    tree = ModuleTree(4, np.array([[0, 1]]), np.array([0.1]))
    assert tree.fewest == 3
    assert groups(tree.cut(1)) == groups(tree.cut(3)) == [(0, 1), (2,), (3,)]


def test_no_pieces():
    empty = ModuleTree(0, np.empty((0, 2), dtype=int), np.empty(0))
    assert empty.cut(3).shape == empty.cut_at(1.0).shape == (0,)


@pytest.mark.parametrize(
    ("merges", "separations", "message"),
    [
        ([[0.0, 1.0]], [0.1], "pairs of whole numbers"),
        ([[0, 1, 2]], [0.1], "pairs of whole numbers"),
        ([[0, 1]], [0.1, 0.2], "pairs of whole numbers"),
        ([[0, 4]], [0.1], "cannot merge in this order"),  # 4 is what comes of this merge
        ([[-1, 1]], [0.1], "cannot merge in this order"),
        ([[0, 1], [0, 2]], [0.1, 0.2], "cannot merge in this order"),
        ([[0, 1]], [np.nan], "must be finite"),
    ],
)
def test_merges_that_cannot_be_are_refused(merges, separations, message):
    ModuleTree(4, np.array([[0, 3], [4, 1]]), np.array([0.1, 0.2])).check()
    with pytest.raises(ValueError, match=message):
        ModuleTree(4, np.array(merges), np.array(separations)).check()


def test_a_valley_that_is_just_deep_enough_parts():
    tree = ModuleTree(2, np.array([[0, 1]]), np.array([0.5]))
    assert groups(tree.cut_at(1.0)) == [(0, 1)]
    assert groups(tree.cut_at(1.001)) == [(0,), (1,)]
    assert groups(tree.cut_at(0.5)) == [(0, 1)]
    assert tree.fewest == 1


def test_a_tree_that_is_right_passes_its_check(tree):
    tree.check()
    ModuleTree(3, np.empty((0, 2), dtype=int), np.empty(0)).check()
    ModuleTree(2, np.array([[0, 1]], dtype=np.uint16), np.array([0.0])).check()
    with pytest.raises(ValueError, match="cannot merge in this order"):
        ModuleTree(3, np.array([[1, 1]]), np.array([0.1])).check()
    with pytest.raises(ValueError, match="pairs of whole numbers"):
        ModuleTree(3, np.array([[0], [1]]), np.array([0.1, 0.2])).check()


def test_equality_is_identity():
    one, other = ModuleTree(2, np.array([[0, 1]]), np.array([0.5])), ModuleTree(2, np.array([[0, 1]]), np.array([0.5]))
    assert one == one
    assert one != other  # and not an array of answers, which is neither true nor false
    assert len({one, other}) == 2
