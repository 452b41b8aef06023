"""What several labellings agree on: planted noise, splits and losses."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from scgsr._modules import _agreement
from scgsr._modules._agreement import agreement

TRUTH = np.repeat([0, 1, 2, 3], [200, 100, 60, 40])


def renamed(labels, rng):
    """Return the same partition under other numbers."""
    return rng.permutation(labels.max() + 1)[labels]


def noisy(labels, share, rng):
    """Return labels of which a share is drawn anew."""
    changed = rng.random(len(labels)) < share
    return np.where(changed, rng.integers(labels.max() + 1, size=len(labels)), labels)


def test_one_partition_under_any_numbers_is_the_consensus_under_the_first_ones():
    rng = np.random.default_rng(0)
    agreed = agreement(np.column_stack([TRUTH, *(renamed(TRUTH, rng) for _ in range(4))]))
    assert agreed.numbers[agreed.labels].tolist() == TRUTH.tolist()
    assert agreed.stability.dtype == np.float32
    assert (agreed.stability == 1).all()
    assert agreed.n_cells.tolist() == [200, 100, 60, 40]
    assert (agreed.overlaps == 1).all()
    assert agreed.verdicts.tolist() == ["stable"] * 4


def test_the_consensus_is_nearer_to_the_truth_than_each_labelling_and_knows_where():
    rng = np.random.default_rng(0)
    labellings = np.column_stack([renamed(noisy(TRUTH, 0.2, rng), rng) for _ in range(7)])
    agreed = agreement(labellings)
    single = [adjusted_rand_score(TRUTH, labels) for labels in labellings.T]
    right = agreed.labels == agreement(TRUTH[:, None].repeat(3, axis=1)).labels
    assert adjusted_rand_score(TRUTH, agreed.labels) > max(single) + 0.1
    assert np.median(agreed.stability) == pytest.approx(6 / 7)
    assert agreed.stability.min() < 0.6 or right.all()


def test_a_module_that_most_fits_part_is_parted_and_splits_where_they_part_more():
    halves = np.where((TRUTH == 0) & (np.arange(len(TRUTH)) % 2 == 0), 4, TRUTH)
    agreed = agreement(np.column_stack([TRUTH, TRUTH, TRUTH, halves, halves]))
    assert agreed.numbers.tolist() == [0, 1, 2, 3]
    assert agreed.outcomes[0].tolist() == ["found"] * 5  # a half shares half of the cells
    thirds = np.where(TRUTH == 0, 4 + np.arange(len(TRUTH)) % 3, TRUTH)
    thirds = np.unique(thirds, return_inverse=True)[1]
    agreed = agreement(np.column_stack([TRUTH, TRUTH, TRUTH, thirds, thirds]))
    assert agreed.outcomes[0].tolist() == ["found"] * 3 + ["split"] * 2
    assert agreed.verdicts.tolist() == ["splits", "stable", "stable", "stable"]
    np.testing.assert_allclose(agreed.overlaps[0, 3:], 67 / 200)
    assert agreed.stability[TRUTH == 0].min() == pytest.approx(3 / 5)


def test_a_module_that_other_fits_merge_into_a_larger_one_vanishes():
    merged = np.where(TRUTH == 3, 0, TRUTH)
    agreed = agreement(np.column_stack([TRUTH, TRUTH, TRUTH, merged, merged]))
    assert agreed.outcomes[3].tolist() == ["found"] * 3 + ["lost"] * 2
    assert agreed.matches[3].tolist() == [3, 3, 3, -1, -1]
    assert agreed.verdicts.tolist() == ["stable", "stable", "stable", "vanishes"]
    assert agreed.stability[TRUTH == 3] == pytest.approx(np.full(40, 3 / 5))


def test_what_the_first_labelling_does_not_have_gets_a_free_number_and_what_only_it_has_leaves_a_gap():
    first = np.where(TRUTH == 1, 0, TRUTH)  # has no 1 of its own
    first = np.where((TRUTH == 2) & (np.arange(len(TRUTH)) % 2 == 0), 4, first)
    agreed = agreement(np.column_stack([first, TRUTH, TRUTH, TRUTH, TRUTH]))
    assert agreed.numbers[agreed.labels][TRUTH != 2].tolist() == TRUTH[TRUTH != 2].tolist()
    assert agreed.n_cells.tolist() == [200, 100, 60, 40]
    assert len(agreed.numbers) == 4
    assert len({2, 4} & set(agreed.numbers.tolist())) == 1


def test_rare_kinds_of_cells_join_what_the_common_ones_make(monkeypatch):
    rng = np.random.default_rng(0)
    labellings = np.column_stack([noisy(TRUTH, 0.1, rng) for _ in range(5)])
    whole = agreement(labellings)
    monkeypatch.setattr(_agreement, "_MOST_KINDS", 20)
    monkeypatch.setattr(_agreement, "_KINDS_AT_ONCE", 7)
    assert len(np.unique(labellings, axis=0)) > 40
    assert adjusted_rand_score(agreement(labellings).labels, whole.labels) > 0.98


def test_the_order_of_the_cells_changes_nothing():
    rng = np.random.default_rng(0)
    labellings = np.column_stack([noisy(TRUTH, 0.1, rng) for _ in range(5)])
    order = rng.permutation(len(TRUTH))
    one, other = agreement(labellings), agreement(labellings[order])
    assert np.array_equal(one.labels[order], other.labels)
    assert np.array_equal(one.stability[order], other.stability)


def test_one_module_in_every_fit():
    agreed = agreement(np.zeros((30, 3), dtype=int))
    assert agreed.numbers.tolist() == [0]
    assert (agreed.stability == 1).all()


def test_at_half_a_module_is_found_again_and_at_four_fifths_it_is_stable():
    # A match of 50 of 100 cells: Jaccard 1 / 2; and one of 49.
    table = np.array([[50, 50], [0, 0]])
    assert _agreement._outcomes(table, np.array([0.5, 0.0])).tolist()[0] == "found"
    assert _agreement._outcomes(table, np.array([0.49, 0.0])).tolist()[0] == "split"
    split = np.where(TRUTH == 1, 4 + np.arange(len(TRUTH)) % 3, TRUTH)
    split = np.unique(split, return_inverse=True)[1]
    assert agreement(np.column_stack([TRUTH] * 4 + [split])).verdicts[1] == "stable"
    assert agreement(np.column_stack([TRUTH] * 7 + [split] * 2)).verdicts[1] == "splits"  # seven of nine


def test_a_module_is_lost_unless_most_of_its_cells_have_labels_that_are_mostly_of_it():
    # Half of its cells have a label of its own, the others one that is mostly of another module.
    lost = np.array([[50, 50], [0, 200]])
    assert _agreement._outcomes(lost, np.zeros(2)).tolist() == ["lost", "split"]
    assert _agreement._outcomes(np.array([[51, 50], [0, 200]]), np.zeros(2)).tolist() == ["split", "split"]
    half = np.array([[60, 0], [60, 200]])  # a label that is half of each is mostly of neither
    assert _agreement._outcomes(half, np.zeros(2)).tolist() == ["lost", "split"]


def test_matches_are_the_assignment_with_the_largest_sum_of_jaccard_indices():
    table = np.array([[8, 2, 0], [6, 0, 1], [0, 0, 0]])
    matches, overlaps = _agreement._matched(table)
    # 8 / 16 + 1 / 7 is more than 2 / 10 + 6 / 15.
    np.testing.assert_array_equal(matches, [0, 2, -1])
    np.testing.assert_allclose(overlaps, [8 / 16, 1 / 7, 0])
    np.testing.assert_array_equal(
        _agreement._shared(np.array([0, 1, 1]), np.array([1, 0, 1]), np.array([2, 3, 4])), [[0, 2], [3, 4]]
    )


def test_kinds_are_together_where_most_fits_have_them_in_one_module():
    kinds = np.array([[0, 0, 1], [0, 1, 1], [2, 1, 0]])
    np.testing.assert_allclose(_agreement._together(kinds, kinds[:2]), [[1, 2 / 3], [2 / 3, 1], [0, 1 / 3]])


def test_equality_is_identity():
    one, other = agreement(TRUTH[:, None]), agreement(TRUTH[:, None])
    assert one == one
    assert one != other  # and not an array of answers, which is neither true nor false
    assert len({one, other}) == 2


@pytest.mark.parametrize("at_once", [1, 3, 1000])
def test_blocks_of_kinds_make_no_difference(monkeypatch, at_once):
    rng = np.random.default_rng(0)
    labellings = np.column_stack([noisy(TRUTH, 0.1, rng) for _ in range(5)])
    kinds, n_of_kind = np.unique(labellings, axis=0, return_counts=True)
    monkeypatch.setattr(_agreement, "_MOST_KINDS", 10)
    whole = _agreement._median(kinds, n_of_kind)
    monkeypatch.setattr(_agreement, "_KINDS_AT_ONCE", at_once)
    np.testing.assert_array_equal(_agreement._median(kinds, n_of_kind), whole)
    assert 1 <= whole.max() < len(kinds)
