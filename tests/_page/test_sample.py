"""Which cells are shown: small groups are seen, large ones keep their share, and all cells are stood for."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr import _random
from scgsr._page import LEAST, sample, stands_for


def drawn(sizes, most, seed=0):
    codes = np.repeat(np.arange(len(sizes)), sizes)
    codes = _random.generator(3).permutation(codes)
    rows = sample(codes, most, _random.generator(seed))
    return codes, rows, np.bincount(codes[rows], minlength=len(sizes))


def test_all_cells_are_shown_where_there_is_room():
    assert np.array_equal(drawn([5, 7], 12)[1], np.arange(12))


@pytest.mark.parametrize(("sizes", "most"), [([20_000, 900, 150], 2_000), ([500] * 7, 1_999), ([10_000, 201], 400)])
def test_small_groups_are_seen_and_the_others_keep_their_share(sizes, most):
    _, rows, shown = drawn(sizes, most)
    assert len(np.unique(rows)) == len(rows) == most
    assert np.array_equal(rows, np.sort(rows))
    assert (shown >= np.minimum(sizes, LEAST)).all()
    above = np.array(sizes) - np.minimum(sizes, LEAST)
    room = most - np.minimum(sizes, LEAST).sum()
    assert np.abs(shown - np.minimum(sizes, LEAST) - above * room / above.sum()).max() < 1


def test_too_little_room_is_shared_alike():
    assert drawn([10_000, 5_000, 20], 30)[2].tolist() == [10, 10, 10]
    assert drawn([10_000, 5_000, 4], 30)[2].sum() == 30
    assert drawn([5] * 9, 4)[2].sum() == 4


def test_a_seed_draws_the_same_cells_and_another_others():
    sizes = [3_000, 3_000]
    assert np.array_equal(drawn(sizes, 1_000)[1], drawn(sizes, 1_000)[1])
    assert not np.array_equal(drawn(sizes, 1_000)[1], drawn(sizes, 1_000, seed=1)[1])


def test_shown_cells_stand_for_all_cells_of_their_group():
    codes, rows, _ = drawn([20_000, 900, 150], 2_000)
    weight = stands_for(codes, rows)
    assert np.allclose(np.bincount(codes[rows], weight), [20_000, 900, 150])
    assert (stands_for(codes, np.arange(len(codes))) == 1).all()


def test_cells_without_a_group_are_a_group():
    codes = np.repeat([-1, 0], [5_000, 300])
    rows = sample(codes, 1_000, _random.generator(0))
    assert np.bincount(codes[rows] + 1)[1] >= LEAST
    assert stands_for(codes, rows).sum() == pytest.approx(5_300)
