"""Which training cells each round of training sees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scgsr._train import _rounds
from scgsr._train._rounds import Rounds, sample
from scgsr._train._training import split
from scgsr._values import Part


class Numbered:
    """Cells that are read in blocks, of which nothing is known but their number."""

    def __init__(self, n_cells, together=1, at_once=10**6):
        self.shape, self.together, self.at_once = (n_cells, 3), together, at_once

    def part(self, index):
        assert (np.diff(index) > 0).all()
        assert len(index) <= max(self.at_once, self.together)
        return Part(batches=None, rows=np.arange(len(index)), index=index)

    share = part


def rounds_of(cells, training, *, seed=0, weights=None, known=()):
    return Rounds(
        cells,
        training,
        lambda part: weights,
        Part(batches=None, rows=np.array(known), index=np.array(known)),
        seed=seed,
    )


def seen(rounds, number):
    return np.concatenate([part.index for part in rounds.parts(number)])


@settings(max_examples=200, deadline=None)
@given(
    n_cells=st.integers(4, 400),
    together=st.integers(1, 40),
    in_round=st.integers(1, 300),
    at_once=st.integers(1, 300),
    fraction=st.floats(0, 0.9),
    seed=st.integers(0, 99),
)
def test_every_training_cell_comes_once_a_pass_and_no_held_out_one_ever(
    n_cells, together, in_round, at_once, fraction, seed
):
    training, held_out = split(n_cells, fraction, together, np.random.default_rng(seed))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_rounds, "CELLS_A_ROUND", in_round)
        rounds = rounds_of(Numbered(n_cells, together, max(at_once, together)), training, seed=seed)
        n_blocks = len(np.unique(training // together))
        n_rounds = -(-n_blocks // max(1, in_round // together))
        repeats = _rounds.EPOCHS_A_ROUND if rounds.n_cells + together <= max(at_once, together) else 1
        n_epochs = 2 * n_rounds * repeats
        times = [np.bincount(seen(rounds, epoch), minlength=n_cells) for epoch in range(n_epochs)]
    for number in range(2 * n_rounds):
        assert (np.ptp(times[number * repeats : (number + 1) * repeats], axis=0) == 0).all()
    times = times[::repeats]
    for one_pass in (times[:n_rounds], times[n_rounds:]):
        assert (sum(one_pass)[training] == 1).all()
        assert (sum(one_pass)[held_out] == 0).all()
    assert np.ptp([each.sum() for each in times]) < 2 * together
    assert max(each.sum() for each in times) <= max(in_round, together)


def test_what_makes_one_round_is_not_read_again():
    training = np.arange(10, 90)
    rounds = rounds_of(Numbered(100), training, known=training)
    (part,) = rounds.parts(3)
    np.testing.assert_array_equal(part.index, training)
    assert rounds.n_cells == 80
    assert rounds.n_steps(3, 7) == 3 * 12


def test_many_cells_come_in_rounds_of_equal_size_drawn_anew(monkeypatch):
    monkeypatch.setattr(_rounds, "CELLS_A_ROUND", 100)
    rounds = rounds_of(Numbered(1000), np.arange(1000))
    one, two = seen(rounds, 0), seen(rounds, 3)
    np.testing.assert_array_equal(seen(rounds, 2), one)
    assert len(one) == len(two) == rounds.n_cells == 100
    assert not set(one) & set(two)
    np.testing.assert_array_equal(seen(rounds, 0), one)  # whatever was asked before
    assert set(seen(rounds_of(Numbered(1000), np.arange(1000), seed=1), 0)) != set(one)


@pytest.mark.parametrize("together", [1, 7, 64])
def test_the_number_of_steps_is_that_of_the_batches(monkeypatch, together):
    monkeypatch.setattr(_rounds, "CELLS_A_ROUND", 300)
    rounds = rounds_of(Numbered(1003, together, at_once=128), np.arange(1003))
    sizes = [len(part.rows) for number in range(5) for part in rounds.parts(number)]
    assert rounds.n_steps(5, 16) == sum(-(-size // 16) for size in sizes)


def test_a_round_that_memory_holds_is_read_and_weighed_once_for_its_epochs(monkeypatch):
    monkeypatch.setattr(_rounds, "CELLS_A_ROUND", 100)
    cells, weighed = Numbered(1000), []

    def weigh(part):
        weighed.append(part)
        return np.ones(len(part.rows))

    rounds = Rounds(cells, np.arange(1000), weigh, Part(batches=None, rows=np.array([]), index=np.array([])), seed=0)
    parts = [next(rounds.parts(epoch)) for epoch in range(6)]
    assert len(weighed) == 2
    assert parts[0] is parts[2]
    assert parts[3] is parts[5]
    # A round that is larger than memory is read anew, so that other cells may as well come.
    rounds = Rounds(
        Numbered(1000, at_once=40),
        np.arange(1000),
        weigh,
        Part(batches=None, rows=np.array([]), index=np.array([])),
        seed=0,
    )
    assert not set(seen(rounds, 0)) & set(seen(rounds, 1))


def test_the_cells_of_a_part_carry_their_weights(monkeypatch):
    monkeypatch.setattr(_rounds, "CELLS_A_ROUND", 10)
    weights = np.arange(1.0, 11.0)
    (part,) = rounds_of(Numbered(100), np.arange(100), weights=weights).parts(0)
    assert part.weights is weights


def test_a_sample_is_all_of_few_cells_and_some_of_many_in_small_blocks():
    cells, index = Numbered(4000, together=64), np.arange(4000)
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(sample(cells, index, 5000, rng).index, index)
    some = sample(cells, index, 800, rng).index
    assert len(some) == 800
    assert (np.bincount(some // 8)[np.unique(some // 8)] == 8).all()
    assert len(np.unique(some // 64)) > 40  # from all over
    assert len(sample(Numbered(4000), index, 800, rng).index) == 800


def test_a_sample_is_never_larger_than_what_memory_holds():
    assert len(sample(Numbered(4000, 8, at_once=200), np.arange(4000), 800, np.random.default_rng(0)).index) == 200


@pytest.mark.parametrize("together", [1, 16])
def test_held_out_cells_lie_all_over(together):
    n = 40_000
    _, held_out = split(n, 0.1, together, np.random.default_rng(0))
    shares = np.bincount(held_out * 4 // n, minlength=4) / len(held_out)
    # Of 4,000 / together independent draws, four standard deviations.
    assert np.abs(shares - 1 / 4).max() < 4 * np.sqrt(3 / 16 / (4000 / together))
    assert len(held_out) == pytest.approx(0.1 * n, abs=together)
    if together > 1:
        assert len(np.unique(held_out // together)) * together == len(held_out)


def test_a_part_is_changed_by_a_copy():
    part = Part(batches=None, rows=np.arange(3), index=np.arange(3))
    assert replace(part, weights=np.ones(3)).weights is not None
    assert part.weights is None
