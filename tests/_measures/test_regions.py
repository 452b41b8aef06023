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
