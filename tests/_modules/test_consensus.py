"""What many searches agree on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from scgsr._modules import _consensus, _pieces


@pytest.fixture
def group():
    return np.repeat(np.arange(6), [900, 400, 200, 100, 60, 30])


@pytest.fixture
def points(group):
    centres = np.random.default_rng(3).normal(0, 6, size=(6, 8))
    return centres[group] + np.random.default_rng(4).normal(size=(len(group), 8))


@pytest.fixture
def piece(points):
    return _pieces.cut_into_pieces(points, 40, 100, seed=0)


def test_the_populations_are_found_and_the_tree_goes_on_to_one(points, piece, group):
    tree = _consensus.agree(points, piece, 100, features=False, seed=0)
    assert tree.fewest == 1
    assert adjusted_rand_score(group, tree.cut_at(1.0)[piece]) > 0.99
    assert set(tree.cut(1)) == {0}


def test_merges_within_modules_come_first_and_cross_the_shallower_valleys(points, piece):
    tree = _consensus.agree(points, piece, 100, features=False, seed=0)
    n_within = tree.n_pieces - 6
    np.testing.assert_array_equal(tree.cut(6), tree.cut_at(1.0))
    assert tree.separations[:n_within].max() <= 0.5 < tree.separations[n_within:].min()


@pytest.mark.parametrize("seed", range(4))
def test_searches_from_other_centres_agree_on_the_same(points, piece, seed):
    other = _pieces.cut_into_pieces(points, 40, 100, seed=seed + 1)
    first = _consensus.agree(points, piece, 100, features=False, seed=0)
    second = _consensus.agree(points, other, 100, features=False, seed=seed + 1)
    assert adjusted_rand_score(first.cut_at(1.0)[piece], second.cut_at(1.0)[other]) > 0.98


def test_a_finer_cut_parts_a_module_from_above(points, piece):
    """However deep the valleys between small parts were measured: none counts more than the one above it."""
    tree = _consensus.agree(points, piece, 100, features=False, seed=0)
    n_pieces, n_within = tree.n_pieces, tree.n_pieces - 6
    for step in range(n_within):
        for part in tree.merges[step][tree.merges[step] >= n_pieces] - n_pieces:
            assert tree.separations[part] <= tree.separations[step]
    counts = [tree.cut_at(resolution).max() + 1 for resolution in (1, 1.05, 1.2, 1.5, 2, 9)]
    assert counts == sorted(counts)
    assert counts[1] <= 8
    assert counts[-1] == n_pieces


def test_consistent_separations_are_the_measured_ones_where_nothing_speaks_against():
    merges = np.array([[0, 1], [2, 3], [4, 5], [6, 7]])  # pieces 0 - 4; 5, 6, 7 are made by the first three
    merges[2] = [5, 6]
    merges[3] = [7, 4]
    measured = np.array([0.3, 0.1, 0.2, 0.9])
    np.testing.assert_allclose(_consensus._consistent(measured, merges, 3), [0.2, 0.1, 0.2, 0.9])
    np.testing.assert_allclose(_consensus._consistent(measured, merges, 2), [0.3, 0.1, np.nextafter(0.5, 1), 0.9])


def test_a_module_of_too_few_cells_joins_the_one_it_was_found_with():
    shared = np.array([[8, 1, 3], [1, 8, 4], [3, 4, 8]]) / 8
    module = _consensus.without_crumbs(np.array([0, 1, 2]), shared, np.array([100, 90, 1]))
    assert module.tolist() == [0, 1, 1]
    assert _consensus.without_crumbs(np.array([0]), np.ones((1, 1)), np.array([2])).tolist() == [0]


def disagreement(module, partitions, n_cells):
    """Pairs of cells that a partition and others judge differently, summed over the others."""
    pairs = np.triu(np.outer(n_cells, n_cells), 1)
    same = lambda labels: labels[:, None] == labels
    return sum((pairs * (same(module) != same(other))).sum() for other in partitions)


def partitions_of(n_pieces, labels=()):
    """All of them: each piece is in one of the modules so far or in a new one."""
    if len(labels) == n_pieces:
        yield labels
        return
    for module in range(max(labels, default=-1) + 2):
        yield from partitions_of(n_pieces, (*labels, module))


@pytest.mark.parametrize("seed", range(5))
def test_the_median_partition_disagrees_least_of_all(seed):
    """Looked for among all partitions of six pieces."""
    rng = np.random.default_rng(seed)
    partitions = rng.integers(0, 3, size=(5, 6))
    n_cells = rng.integers(1, 50, size=6)
    shared = np.mean([labels[:, None] == labels for labels in partitions], axis=0)
    found = _consensus.median_partition(shared, n_cells, seed=0)
    least = min(disagreement(np.array(labels), partitions, n_cells) for labels in partitions_of(6))
    assert disagreement(found, partitions, n_cells) == least


def test_the_search_for_the_median_ends_where_ties_gain_rounding_errors():
    # In a process of its own, because what it guards against never ends.
    script = (
        "from scipy import sparse; from scgsr._modules import _consensus, _pieces; import numpy as np, sys;"
        "ties = sparse.load_npz(sys.argv[1]).toarray(); ties = ties / ties.max();"
        "_consensus.median_partition(ties, np.full(len(ties), 997), seed=4852961352588442935)"
    )
    ties = Path(__file__).parents[1] / "fixtures" / "leiden_with_ties.npz"
    assert subprocess.run([sys.executable, "-c", script, str(ties)], check=False, timeout=120).returncode == 0


def test_a_crumb_has_fewer_than_six_cells():
    shared = np.array([[8, 1, 3], [1, 8, 4], [3, 4, 8]]) / 8
    kept = _consensus.without_crumbs(np.array([0, 1, 2]), shared, np.array([100, 90, 6]))
    assert kept.tolist() == [0, 1, 2]
    assert _consensus.without_crumbs(np.array([0, 1, 2]), shared, np.array([100, 90, 5])).tolist() == [0, 1, 1]
    # By cells and not by pieces: 3 / 8 of a hundred is more than 4 / 8 of fifty.
    assert _consensus.without_crumbs(np.array([0, 1, 2]), shared, np.array([100, 50, 5])).tolist() == [0, 1, 0]
    all_crumbs = _consensus.without_crumbs(np.array([0, 1, 2]), shared, np.array([1, 1, 1]))
    assert all_crumbs.tolist() == [0, 0, 0]


def test_pieces_are_in_one_module_if_most_of_their_cells_are():
    piece = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2])
    module = np.array([0, 0, 1, 0, 1, 1, 1, 1, 1])
    expected = [[True, False, False], [False, True, True], [False, True, True]]
    np.testing.assert_array_equal(_consensus._same_module(piece, module), expected)


def test_the_nearest_mean_is_that_of_the_distance():
    points, means = np.random.default_rng(0).normal(size=(40, 3)), np.random.default_rng(1).normal(size=(6, 3))
    expected = np.linalg.norm(points[:, None] - means, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(_consensus._nearest(points, means), expected)


def test_merges_are_in_wards_order_within_modules_and_then_between_them():
    means = np.array([[0.0], [1.0], [10.0], [10.5], [13.0], [40.0]])
    n_cells, module = np.array([1, 1, 1, 1, 1, 1]), np.array([0, 0, 1, 1, 1, 2])
    # 10 and 10.5 first, then 0 and 1; 13 joins the former; then the modules, the first two before the far one.
    expected = [(2, 3), (0, 1), (4, 6), (7, 8), (5, 9)]
    assert [tuple(sorted(pair)) for pair in _consensus._merges(means, n_cells, module).tolist()] == expected
    alone = _consensus._merges(means[:1], n_cells[:1], module[:1])
    assert alone.shape == (0, 2)


def test_between_modules_a_mean_counts_each_piece_by_its_cells():
    # Modules {0, 1}, {2}, {3}: the mean of the first is 9.9, near the second; by pieces it would be 5, near the third.
    means, n_cells = np.array([[0.0], [10.0], [12.0], [4.0]]), np.array([1, 99, 5, 5])
    merges = _consensus._merges(means, n_cells, np.array([0, 0, 1, 2])).tolist()
    assert [tuple(sorted(pair)) for pair in merges] == [(0, 1), (2, 4), (3, 5)]
