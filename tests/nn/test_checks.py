"""Whether a graph fits a layer, and which Laplacians can be a penalty."""

from __future__ import annotations

import logging
from itertools import product

import numpy as np
import pytest
import torch
from _fits import seeded_init

from scgsr import graphs, nn
from scgsr.nn._checks import LAPLACIANS, check_size, checked_laplacian, warn_of_constant_image


def normal(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_random_walk_is_refused_with_the_reason():
    with pytest.raises(ValueError, match="unbounded below"):
        nn.GraphSpectralPenalty(graphs.ring(5), laplacian="random_walk")


def test_the_symmetric_laplacian_is_warned_about_where_it_bites(caplog):
    with caplog.at_level(logging.WARNING, "scgsr"):
        for graph, laplacian in (
            (graphs.ring(12), "symmetric"),
            (graphs.star(12), "combinatorial"),
            (graphs.disjoint(graphs.modules(1, 4), graphs.modules(1, 8)), "symmetric"),  # regular, each by itself
        ):
            nn.GraphSpectralPenalty(graph, laplacian=laplacian)(normal(5, 12))
        assert caplog.text == ""
        faint = graphs.from_adjacency(1e-7 * graphs.path(12).adjacency)
        for graph in (graphs.star(12), faint):
            penalty = nn.GraphSpectralPenalty(graph, laplacian="symmetric")
            for _ in range(3):
                penalty(normal(5, 12))
    assert caplog.text.count("penalises a constant image") == 2  # once for each
    assert "'star' penalises" in caplog.text


def test_a_graph_of_another_size_is_refused():
    with seeded_init(0):
        parts = nn.StructuredLayer(3, graphs.ring(5)), nn.GraphSpectralPenalty(graphs.ring(5))
    for part in parts:
        with pytest.raises(ValueError, match="`graph` must have 5 neurons"):
            part.set_graph(graphs.ring(7))


def test_a_graph_of_the_right_size_passes():
    check_size(graphs.ring(5), 5)


@pytest.mark.parametrize("kind", LAPLACIANS)
def test_a_laplacian_that_can_be_a_penalty_is_never_negative(kind):
    assert checked_laplacian(kind) == kind
    for graph in (graphs.star(7), graphs.wishbone(3, 3), graphs.disjoint(graphs.ring(4), graphs.path(3))):
        assert np.linalg.eigvalsh(graph.laplacian(kind).toarray()).min() > -1e-9


def test_the_form_of_the_random_walk_laplacian_is_unbounded_below_on_irregular_graphs():
    """What the error says: there are images of negative energy, and twice the image has four times as much."""
    matrix = graphs.star(9).laplacian("random_walk").toarray()
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    image = vectors[:, 0]
    assert image @ matrix @ image == pytest.approx(values[0])
    assert values[0] < -0.1


@pytest.mark.parametrize(("kind", "error"), [("random_walk", ValueError), ("normalized", ValueError), (3, TypeError)])
def test_another_laplacian_is_refused(kind, error):
    with pytest.raises(error, match="`laplacian`"):
        checked_laplacian(kind)


def test_the_warning_comes_exactly_where_a_constant_image_costs(caplog):
    shapes = (graphs.ring(6), graphs.star(6), graphs.path(6), graphs.modules(2, 3), graphs.grid(3, periodic=True))
    for graph, kind in product(shapes, LAPLACIANS):
        caplog.clear()
        ones = np.ones(graph.n_neurons)
        costs = bool(abs(ones @ graph.laplacian(kind) @ ones) > 1e-9)
        with caplog.at_level(logging.WARNING, "scgsr"):
            warn_of_constant_image(graph, kind)
        assert bool(caplog.records) is costs, (graph.name, kind)


def test_a_graph_without_edges_is_not_warned_about(caplog):
    warn_of_constant_image(graphs.from_adjacency(np.zeros((4, 4))), "symmetric")
    assert not caplog.records
