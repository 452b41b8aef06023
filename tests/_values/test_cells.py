"""Which cells are drawn, and how often."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr._values import Part

ROWS = np.arange(100, 1100)


def part(weights=None):
    return Part(batches=None, rows=ROWS, index=ROWS, weights=weights)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def weighted():
    return part(np.random.default_rng(1).exponential(size=len(ROWS)) + 0.01)


def test_without_weights_a_draw_has_every_row_once(rng):
    np.testing.assert_array_equal(np.sort(part().drawn(rng)), ROWS)


def test_with_weights_a_draw_has_each_row_as_often_as_its_share_rounded_up_or_down(rng, weighted):
    drawn = weighted.drawn(rng)
    assert len(drawn) == len(ROWS)
    times = np.bincount(drawn - ROWS[0], minlength=len(ROWS))
    expected = len(ROWS) * weighted.weights / weighted.weights.sum()
    assert (times >= np.floor(expected - 1e-9)).all()
    assert (times <= np.ceil(expected + 1e-9)).all()


def test_over_many_draws_each_row_comes_as_often_as_its_share(rng, weighted):
    times = sum(np.bincount(weighted.drawn(rng) - ROWS[0], minlength=len(ROWS)) for _ in range(400)) / 400
    np.testing.assert_allclose(times, len(ROWS) * weighted.weights / weighted.weights.sum(), atol=0.15)


def test_equal_weights_are_no_weights(rng):
    np.testing.assert_array_equal(np.sort(part(np.full(len(ROWS), 3.0)).drawn(rng)), ROWS)


def test_some_rows_come_sorted_and_without_weights_at_most_once(rng, weighted):
    some = part().some(50, rng)
    assert len(np.unique(some)) == 50
    np.testing.assert_array_equal(part().some(5000, rng), ROWS)
    heavy = weighted.some(50, rng)
    assert len(heavy) == 50
    assert (np.diff(heavy) >= 0).all()
    assert len(weighted.some(5000, rng)) == len(ROWS)


def test_another_seed_draws_others_and_the_same_the_same(weighted):
    one, again, other = (weighted.drawn(np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


class AlmostOne:
    """Draws the largest number below 1, and keeps all in order."""

    def permutation(self, n):
        return np.arange(n)

    def random(self):
        return np.nextafter(1.0, 0.0)


def test_a_draw_at_the_very_end_is_of_the_last_cell():
    """There (n - 1 + u) / n rounds to 1, past the end of the last cell."""
    drawn = part(np.ones(len(ROWS))).drawn(AlmostOne())
    np.testing.assert_array_equal(drawn[-1], ROWS[-1])


def test_of_no_cells_none_are_drawn(rng):
    empty = np.empty(0, dtype=int)
    for weights in (None, np.empty(0)):
        nobody = Part(batches=None, rows=empty, index=empty, weights=weights)
        assert len(nobody.drawn(rng)) == len(nobody.some(5, rng)) == 0


def test_systematic_sampling_is_by_hand_what_the_points_say():
    class First:
        def permutation(self, n):
            return np.arange(n)

        def random(self):
            return 0.5

    # Points at 0.5, 1.5, 2.5 and 3.5 of 4 in the running sums 1, 1.5, 3.5, 4: a point at an end is of the next row.
    four = Part(batches=None, rows=np.array([7, 8, 9, 11]), index=np.arange(4), weights=np.array([1.0, 0.5, 2.0, 0.5]))
    assert four.drawn(First()).tolist() == [7, 9, 9, 11]
    assert four.some(2, First()).tolist() == [8, 9]  # at 1 and 3


def test_at_most_so_many_rows_are_some(rng):
    assert len(part().some(len(ROWS) - 1, rng)) == len(ROWS) - 1
    np.testing.assert_array_equal(part().some(len(ROWS), rng), ROWS)
    assert len(part(np.ones(len(ROWS))).some(1, rng)) == 1
    assert len(part(np.ones(len(ROWS))).some(0, rng)) == 0


def test_equality_is_identity():
    one, other = part(np.ones(len(ROWS))), part(np.ones(len(ROWS)))
    assert one == one
    assert one != other  # and not an array of answers, which is neither true nor false
    assert len({one, other}) == 2
