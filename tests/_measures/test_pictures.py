"""How smooth and how local pictures are, against cases whose value is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from scgsr import _measures, graphs
from scgsr._measures import _pictures


def adjacency(graph):
    return graph.adjacency


CHECKERBOARD = (np.add.outer(np.arange(6), np.arange(6)) % 2).ravel()[None].astype(float)
HALVES = np.repeat([[1.0, 0.0]], 10, axis=1)


# Moran's I


def test_morans_i_of_known_pictures():
    assert _measures.morans_i(CHECKERBOARD, adjacency(graphs.grid(6))) == pytest.approx([-1])
    # Of 19 edges one joins the halves: 20 / 38 * 2 * (18 - 1) / 4 / (20 / 4).
    assert _measures.morans_i(HALVES, adjacency(graphs.path(20))) == pytest.approx([20 / 38 * 34 / 20])
    assert _measures.morans_i(HALVES, adjacency(graphs.ring(20))) == pytest.approx([16 / 20])


def test_morans_i_is_that_of_the_formula_on_a_weighted_graph():
    rng = np.random.default_rng(0)
    weights = np.triu(rng.random((7, 7)), 1)
    weights += weights.T
    pictures = rng.normal(size=(3, 7)).astype(np.float32)
    expected = []
    for picture in pictures.astype(float):
        z = picture - picture.mean()
        products = sum(weights[i, j] * z[i] * z[j] for i in range(7) for j in range(7))
        expected.append(7 / weights.sum() * products / (z @ z))
    assert _measures.morans_i(pictures, csr_matrix(weights)) == pytest.approx(expected)


def test_morans_i_where_it_is_not_defined():
    ring = adjacency(graphs.ring(5))
    flat = np.full((1, 5), 0.1, dtype=np.float32)  # whose mean is rounded
    assert np.isnan(_measures.morans_i(flat, ring)).all()
    assert np.isnan(_measures.morans_i(np.eye(5), csr_matrix((5, 5)))).all()


def test_the_mean_of_all_cells_follows_from_few_rows():
    graph, pictures = graphs.grid(5), np.random.default_rng(0).gamma(1.0, size=(300, 25)).astype(np.float32)
    pictures[:20] = 0
    rows = _pictures.same_moments(_pictures.at_unit_contrast(pictures))
    assert len(rows) <= 25
    for form, each in (
        (_pictures.moran_form(graph.adjacency), _measures.morans_i(pictures, graph.adjacency)),
        (_pictures.low_pass(graph.adjacency), _pictures.low_frequency_share(pictures, graph.adjacency)),
    ):
        assert _pictures.pooled_quotient(rows, form) == pytest.approx(np.nanmean(each))
    centred = _pictures.same_moments(_pictures.centred_neurons(pictures))
    assert _pictures.edge_correlation(centred, graph.adjacency) == pytest.approx(
        _measures.neighbour_correlation(pictures, graph.adjacency)
    )


# Neighbours, frequencies, peaks


def test_neighbour_correlation_weighs_edges_and_leaves_dead_neurons_out():
    x = np.array([[0.0, 0, 3, 1, 7], [1, 2, 0, 1, 7], [2, 4, -3, 1, 7]])
    weights = np.zeros((5, 5))
    weights[0, 1] = weights[1, 0] = 3  # correlation 1
    weights[1, 2] = weights[2, 1] = 1  # correlation -1
    weights[2, 3] = weights[3, 2] = weights[3, 4] = weights[4, 3] = 9  # dead
    assert _measures.neighbour_correlation(x, csr_matrix(weights)) == pytest.approx((3 - 1) / 4)
    assert np.isnan(_measures.neighbour_correlation(x[:, 3:], csr_matrix(weights[3:, 3:])))


def test_low_frequency_share_of_cosines_on_a_path():
    position = np.pi * (np.arange(17) + 0.5) / 17
    waves = np.array([np.cos(k * position) for k in range(1, 17)])  # the eigenvectors of a path
    assert _pictures.low_frequency_share(waves, adjacency(graphs.path(17))) == pytest.approx([1] * 4 + [0] * 12)
    assert _pictures.low_frequency_share(waves, adjacency(graphs.path(17)), share=1) == pytest.approx([1] * 16)
    with pytest.raises(ValueError, match="`share`"):
        _pictures.low_frequency_share(waves, adjacency(graphs.path(17)), share=0)


def test_low_frequency_share_does_not_depend_on_where_a_picture_lies():
    images = np.random.default_rng(0).random((4, 6, 6))
    torus = adjacency(graphs.grid(6, periodic=True))
    turned = np.roll(images.transpose(0, 2, 1), 2, axis=1)
    share = _pictures.low_frequency_share(images.reshape(4, -1), torus)
    assert _pictures.low_frequency_share(turned.reshape(4, -1), torus) == pytest.approx(share)


def test_localisation_on_a_ring():
    ring, cells = adjacency(graphs.ring(10)), np.zeros((4, 10))
    cells[0, [9, 0, 1, 2]] = [1, 1, 2, 1]  # peak at 1, all within two steps
    cells[1, [0, 5]] = [2, -1]  # signs do not matter
    cells[2] = 1
    assert _measures.localisation(cells, ring) == pytest.approx([1, 0.8, 0.5, np.nan], nan_ok=True)
    assert _measures.localisation(cells[:1], ring, hops=0) == pytest.approx([4 / 7])
    with pytest.raises(ValueError, match="`hops`"):
        _measures.localisation(cells, ring, hops=-1)


@pytest.mark.parametrize("measure", [_measures.morans_i, _pictures.low_frequency_share, _measures.localisation])
def test_activations_that_do_not_fit_the_graph_are_refused(measure):
    with pytest.raises(ValueError, match=r"`activations` must have shape \(n_cells, 4\)"):
        measure(np.ones((3, 5)), adjacency(graphs.ring(4)))


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_neither_the_unit_of_activations_nor_that_of_weights_matters(unit):
    graph = graphs.grid(4)
    pictures = np.random.default_rng(0).gamma(0.5, size=(30, 16))
    weights = graph.adjacency
    for measure in (
        _measures.morans_i,
        _measures.localisation,
        _measures.neighbour_correlation,
        _pictures.low_frequency_share,
    ):
        expected = pytest.approx(measure(pictures, weights), rel=1e-6)
        assert measure(unit * pictures, weights) == expected
        assert measure(pictures, 0.5 * weights) == expected
    form = _pictures.moran_form(weights)
    assert _pictures.pooled_quotient(unit * pictures, form) == pytest.approx(_pictures.pooled_quotient(pictures, form))
    np.testing.assert_allclose(_pictures.at_unit_contrast(unit * pictures), _pictures.at_unit_contrast(pictures))
    rows = _pictures.same_moments(unit * pictures)
    np.testing.assert_allclose(rows.T @ rows, unit**2 * pictures.T @ pictures, rtol=1e-6)


def test_a_low_frequency_that_is_repeated_counts_whole():
    # Of the 8 frequencies of a ring of nine, all pairs, an eighth is one eigenvector, which stands for its pair.
    places = 2 * np.pi * np.arange(9) / 9
    waves = np.array([np.cos(places), np.sin(places), np.cos(2 * places)])
    ring = adjacency(graphs.ring(9))
    assert _pictures.low_frequency_share(waves, ring, share=1 / 8) == pytest.approx([1, 1, 0])
    assert _pictures.low_frequency_share(waves, ring, share=3 / 8) == pytest.approx([1, 1, 1])


def test_pictures_without_energy_have_no_quotient():
    assert np.isnan(_pictures.pooled_quotient(np.full((3, 4), 7.0), _pictures.moran_form(adjacency(graphs.ring(4)))))
    assert _pictures.ratio(np.array([1.0, 1, 1]), np.array([0.0, -1, 0.5])) == pytest.approx(
        [np.nan, np.nan, 2], nan_ok=True
    )
    assert _pictures.at_unit_contrast(np.array([[1.0, 1, 1], [0, 3, 0]])).shape == (1, 3)


@pytest.mark.parametrize("hops", range(5))
def test_neurons_within_some_hops_are_those_of_the_distance(hops):
    places = np.arange(7)
    near = _pictures.within(5 * adjacency(graphs.path(7)), hops)
    assert np.array_equal(near, np.abs(np.subtract.outer(places, places)) <= hops)
