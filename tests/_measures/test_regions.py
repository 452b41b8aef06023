"""Whether groups activate different regions, against cases whose value is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.metrics import roc_auc_score

from scgsr import _measures, graphs
from scgsr._measures import _regions


def adjacency(graph):
    return graph.adjacency


def test_segments_are_of_the_group_with_the_largest_share():
    rng = np.random.default_rng(0)
    activations, groups = rng.gamma(1.0, size=(60, 12)), np.arange(60) % 3
    activations[:, 4] = 0
    means = np.stack([activations[groups == group].mean(axis=0) for group in range(3)])
    shares, overall = (
        means / means.sum(axis=1, keepdims=True),
        activations.mean(axis=0) / activations.mean(axis=0).sum(),
    )
    lit = shares.max(axis=0) > overall * (1 + 1e-9)
    assert np.array_equal(_measures.segments(means), np.where(lit, shares.argmax(axis=0), -1))
    assert _measures.segments(means)[4] == -1
    assert (_measures.segments(np.stack([means[0], 5 * means[0]])) == -1).all()  # brighter, but in the same places


def test_segment_connectivity():
    means = np.array([[5.0, 5, 0, 5, 0, 0], [0, 0, 5, 0, 5, 5], [0, 0, 0, 0, 0, 0]])
    found = _measures.segment_connectivity(means, adjacency(graphs.path(6)))
    assert found == pytest.approx([2 / 3, 2 / 3, np.nan], nan_ok=True)
    blocks = np.repeat(np.eye(4), 5, axis=1)
    assert (_measures.segment_connectivity(blocks, adjacency(graphs.ring(20))) == 1).all()
    alone = _measures.segment_connectivity(blocks, csr_matrix((20, 20)))
    assert alone == pytest.approx([0.2] * 4)


def test_mean_cosine():
    assert _measures.mean_cosine(np.eye(5)) == 0
    assert _measures.mean_cosine(np.outer([1, 2, 5], [1, 2, 3])) == 1
    # Three pairs: 0, 1 / sqrt(2) twice.
    assert _measures.mean_cosine(np.array([[1.0, 0], [0, 3], [2, 2]])) == pytest.approx(2 / 3 / np.sqrt(2))
    assert np.isnan(_measures.mean_cosine(np.array([[1.0, 0], [0, 0]])))


def test_module_auroc_is_that_of_sklearn():
    rng = np.random.default_rng(0)
    responses = rng.integers(0, 5, size=(80, 3)).astype(float)  # with ties
    labels = np.array(["a", "b", "c", None], dtype=object)[rng.integers(4, size=80)]
    known = labels != None  # noqa: E711
    expected = {
        group: max(roc_auc_score(labels[known] == group, responses[known, module]) for module in range(3))
        for group in "abc"
    }
    assert _regions.module_auroc(responses, labels).to_dict() == pytest.approx(expected)
    assert np.isnan(_regions.module_auroc(responses[:, :0], labels)).all()
    assert np.isnan(_regions.module_auroc(responses, np.full(80, "a"))["a"])


def test_groups_without_activation_are_like_none():
    nothing = _regions.most_alike(np.zeros((3, 4)))
    assert np.isnan(nothing[0])
    assert nothing[1:] == (0, 0)


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_the_unit_of_activations_does_not_matter(unit):
    rng = np.random.default_rng(0)
    means, path = rng.gamma(0.5, size=(4, 9)), adjacency(graphs.path(9))
    assert np.array_equal(_measures.segments(unit * means), _measures.segments(means))
    connected = _measures.segment_connectivity(means, path)
    assert _measures.segment_connectivity(unit * means, path) == pytest.approx(connected, nan_ok=True)
    assert _measures.mean_cosine(unit * means) == pytest.approx(_measures.mean_cosine(means))
    assert _regions.most_alike(unit * means) == pytest.approx(_regions.most_alike(means))


def test_groups_that_differ_by_rounding_alone_own_no_neuron():
    means = np.array([[1.0, 2, 3], [1, 2, 3]])
    means[0] *= 1 + 1e-12 * np.array([1, -1, 1])
    assert _measures.segments(means).tolist() == [-1, -1, -1]
    assert _measures.segments(means * (1 + 1e-6 * np.array([[1, 0, 0], [0, 0, 1]]))).tolist() == [0, 0, 1]


def test_the_most_alike_groups_of_many_are_those_with_the_largest_cosine():
    means = np.random.default_rng(4).normal(size=(6, 5))
    cosines = {
        (one, other): means[one] @ means[other] / np.sqrt((means[one] ** 2).sum() * (means[other] ** 2).sum())
        for one in range(6)
        for other in range(one + 1, 6)
    }
    best = max(cosines, key=cosines.get)
    assert _regions.most_alike(means) == pytest.approx((cosines[best], *best))
    assert _measures.mean_cosine(means) == pytest.approx(np.mean(list(cosines.values())))


def test_shares_are_of_absolute_values():
    np.testing.assert_allclose(_regions.shares(np.array([[1.0, -3], [0, 0]])), [[0.25, -0.75], [0, 0]])


def test_a_group_of_all_cells_but_one_can_be_told_apart():
    area = _regions.module_auroc(np.array([[0.2], [0.3], [0.1]]), np.array(["a", "a", "b"]))
    assert area.to_dict() == {"a": 1, "b": 0}
    assert _regions.module_auroc(np.ones((3, 2)), np.full(3, None)).empty
