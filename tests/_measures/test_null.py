"""Nulls against chance, and what re-ordering can reach."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr import _measures, graphs
from scgsr.graphs import diffusion


def blobs(graph, n_cells, *, hops=2, rng=0):
    """Return pictures of one blob each, around a random neuron."""
    near = (diffusion(graph.adjacency, hops) > 0).astype(float)
    return near[np.random.default_rng(rng).integers(graph.n_neurons, size=n_cells)]


def test_p_values():
    assert _measures.p_value(np.zeros(1000), 1.0) == 1 / 1001
    assert _measures.p_value(np.zeros(9), 0.0) == 1  # equal counts as reached
    assert _measures.p_value(np.array([0.0, 2.0, np.nan]), 1.0) == pytest.approx(2 / 3)
    assert np.isnan(_measures.p_value(np.empty(0), 1.0))
    assert np.isnan(_measures.p_value(np.zeros(3), np.nan))


def test_the_null_is_reproducible_and_keeps_the_values_of_each_cell():
    cells = np.random.default_rng(0).random((4, 9))
    rows = _measures.permutation_null(lambda x: x, cells, n_permutations=3, rng=5)
    assert rows.shape == (3, 4, 9)
    assert np.array_equal(np.sort(rows, axis=2), np.broadcast_to(np.sort(cells, axis=1), rows.shape))
    assert np.array_equal(rows, _measures.permutation_null(lambda x: x, cells, n_permutations=3, rng=5))
    with pytest.raises(ValueError, match="`n_permutations`"):
        _measures.permutation_null(lambda x: x, cells, n_permutations=0, rng=0)


# Re-ordering


def test_reordering_restores_a_planted_order():
    graph = graphs.grid(4)
    activations, shuffle = blobs(graph, 400), np.random.default_rng(0).permutation(16)
    mixed = activations[:, shuffle]
    order = _measures.reorder(mixed, graph.adjacency, n_starts=10, rng=0)
    assert np.array_equal(np.sort(order), np.arange(16))
    planted, before, after = (
        _measures.neighbour_correlation(x, graph.adjacency) for x in (activations, mixed, mixed[:, order])
    )
    assert before < 0.5 * planted
    assert after >= planted - 1e-9
    assert np.array_equal(order, _measures.reorder(mixed, graph.adjacency, n_starts=10, rng=0))
