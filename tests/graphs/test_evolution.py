"""The estimates of a learned graph, and how much two graphs share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from scgsr import graphs
from scgsr.graphs import Evolution, edge_jaccard


@pytest.mark.parametrize("n_estimates", [0, 1, 3])
def test_estimates_survive_being_stored(n_estimates):
    evolution = Evolution()
    for epoch in range(n_estimates):
        evolution = evolution.followed_by(2 * epoch, (epoch + 0.5) * graphs.ring(5).adjacency)
    stored = evolution.to_dict(5)
    assert stored["adjacency"].shape == (5 * n_estimates, 5)
    restored = Evolution.from_dict(stored)
    assert restored.epochs == evolution.epochs == tuple(range(0, 2 * n_estimates, 2))
    assert len(restored.adjacencies) == n_estimates
    for one, two in zip(restored.adjacencies, evolution.adjacencies, strict=True):
        np.testing.assert_array_equal(one.toarray(), two.toarray())


def test_one_more_estimate_leaves_the_value_as_it_was():
    first = Evolution().followed_by(0, graphs.path(3).adjacency)
    second = first.followed_by(4, graphs.path(3).adjacency)
    assert (first.epochs, second.epochs) == ((0,), (0, 4))


def random_graph(seed, density):
    upper = np.triu(np.random.default_rng(seed).random((7, 7)) < density, 1).astype(float)
    return csr_matrix(upper + upper.T)


@given(st.integers(0, 1000), st.floats(0.1, 1))
def test_jaccard_is_that_of_the_sets_of_edges(seed, density):
    one, two = random_graph(seed, density), random_graph(seed + 1, density)
    edges = [set(zip(*graph.nonzero(), strict=True)) for graph in (one, two)]
    union = edges[0] | edges[1]
    expected = len(edges[0] & edges[1]) / len(union) if union else np.nan
    assert edge_jaccard(one, two) == pytest.approx(expected, nan_ok=True)
    assert edge_jaccard(two, 3 * one) == pytest.approx(expected, nan_ok=True)  # neither order nor weights matter


def test_jaccard_of_the_same_of_others_and_of_none():
    path = graphs.path(6).adjacency
    assert edge_jaccard(path, path) == 1
    assert edge_jaccard(path, csr_matrix((6, 6))) == 0
    assert np.isnan(edge_jaccard(csr_matrix((6, 6)), csr_matrix((6, 6))))
    explicit_zero = path.copy()
    explicit_zero.data[:] = 0
    assert edge_jaccard(path, explicit_zero) == 0


@pytest.mark.parametrize(
    "change", [{"epoch": np.array([0.0])}, {"epoch": np.array([0, 1])}, {"epoch": np.array([[0]])}], ids=str
)
def test_estimates_that_are_not_one_for_each_epoch_are_refused(change):
    stored = Evolution().followed_by(0, graphs.path(3).adjacency).to_dict(3)
    assert Evolution.from_dict(stored).epochs == (0,)
    with pytest.raises(ValueError, match="are not the estimates of"):
        Evolution.from_dict({**stored, **change})


def test_estimates_that_are_no_sparse_square_blocks_are_refused():
    stored = Evolution().followed_by(0, graphs.path(3).adjacency).followed_by(1, graphs.ring(3).adjacency).to_dict(3)
    with pytest.raises(ValueError, match="no sparse matrix"):
        Evolution.from_dict({**stored, "adjacency": stored["adjacency"].toarray()})
    with pytest.raises(ValueError, match="are not the estimates of"):
        Evolution.from_dict({**stored, "adjacency": stored["adjacency"][:5]})
    outside = stored["adjacency"].copy()
    outside.indices[0] = 7
    with pytest.raises(ValueError, match="all indices inside"):
        Evolution.from_dict({**stored, "adjacency": outside})
    one, other = Evolution.from_dict(stored).adjacencies
    np.testing.assert_array_equal(one.toarray(), graphs.path(3).adjacency.toarray())
    np.testing.assert_array_equal(other.toarray(), graphs.ring(3).adjacency.toarray())
    unsigned = {**stored, "epoch": stored["epoch"].astype(np.uint8)}
    assert Evolution.from_dict(unsigned).epochs == (0, 1)


def test_equality_is_identity():
    one, other = (
        Evolution().followed_by(0, graphs.path(3).adjacency),
        Evolution().followed_by(0, graphs.path(3).adjacency),
    )
    assert one == one
    assert one != other  # and not an array of answers, which is neither true nor false
    assert len({one, other}) == 2
