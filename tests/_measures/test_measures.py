"""Measures of structure, against cases whose value is known, and their nulls, against chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from scgsr import _measures, graphs
from scgsr._measures import _agreement, _pictures, _regions
from scgsr.graphs._laplacian import diffusion


def adjacency(graph):
    return graph.adjacency


def blobs(graph, n_cells, *, hops=2, rng=0):
    """Return pictures of one blob each, around a random neuron."""
    near = (diffusion(graph.adjacency, hops) > 0).astype(float)
    return near[np.random.default_rng(rng).integers(graph.n_neurons, size=n_cells)]


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
        (_pictures.low_pass(graph.adjacency), _measures.low_frequency_share(pictures, graph.adjacency)),
    ):
        assert _pictures.pooled_quotient(rows, form) == pytest.approx(np.nanmean(each))
    centred = _pictures.same_moments(_pictures.as_centred(pictures))
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
    place = np.pi * (np.arange(17) + 0.5) / 17
    waves = np.array([np.cos(k * place) for k in range(1, 17)])  # the eigenvectors of a path
    assert _measures.low_frequency_share(waves, adjacency(graphs.path(17))) == pytest.approx([1] * 4 + [0] * 12)
    assert _measures.low_frequency_share(waves, adjacency(graphs.path(17)), share=1) == pytest.approx([1] * 16)
    with pytest.raises(ValueError, match="`share`"):
        _measures.low_frequency_share(waves, adjacency(graphs.path(17)), share=0)


def test_low_frequency_share_does_not_depend_on_where_a_picture_lies():
    images = np.random.default_rng(0).random((4, 6, 6))
    torus = adjacency(graphs.grid(6, periodic=True))
    turned = np.roll(images.transpose(0, 2, 1), 2, axis=1)
    share = _measures.low_frequency_share(images.reshape(4, -1), torus)
    assert _measures.low_frequency_share(turned.reshape(4, -1), torus) == pytest.approx(share)


def test_localisation_on_a_ring():
    ring, cells = adjacency(graphs.ring(10)), np.zeros((4, 10))
    cells[0, [9, 0, 1, 2]] = [1, 1, 2, 1]  # peak at 1, all within two steps
    cells[1, [0, 5]] = [2, -1]  # signs do not matter
    cells[2] = 1
    assert _measures.localisation(cells, ring) == pytest.approx([1, 0.8, 0.5, np.nan], nan_ok=True)
    assert _measures.localisation(cells[:1], ring, hops=0) == pytest.approx([4 / 7])
    with pytest.raises(ValueError, match="`hops`"):
        _measures.localisation(cells, ring, hops=-1)


@pytest.mark.parametrize("measure", [_measures.morans_i, _measures.low_frequency_share, _measures.localisation])
def test_activations_that_do_not_fit_the_graph_are_refused(measure):
    with pytest.raises(ValueError, match=r"`activations` must have shape \(n_cells, 4\)"):
        measure(np.ones((3, 5)), adjacency(graphs.ring(4)))


# Regions


def test_segments_are_those_of_the_map_of_territories():
    rng = np.random.default_rng(0)
    activations, groups = rng.gamma(1.0, size=(60, 12)), np.arange(60) % 3
    activations[:, 4] = 0
    means = np.stack([activations[groups == group].mean(axis=0) for group in range(3)])
    owners = _measures.owners(_measures.shares(means), _measures.shares(activations.mean(axis=0)))
    assert np.array_equal(_measures.segments(means), owners)
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
    assert _measures.module_auroc(responses, labels).to_dict() == pytest.approx(expected)
    assert np.isnan(_measures.module_auroc(responses[:, :0], labels)).all()
    assert np.isnan(_measures.module_auroc(responses, np.full(80, "a"))["a"])


# Agreement


@pytest.mark.parametrize(("turns", "sign", "start"), [(1, 1, 0.0), (1, -1, 2.0), (2, 1, 1.0), (3, -1, 0.5)])
def test_circular_agreement_finds_winding_and_direction(turns, sign, start):
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 500)
    places = 2 * np.pi * np.arange(30) / 30
    bumps = np.exp(4 * np.cos(sign * turns * angle[:, None] + start - places))
    resultant, winding = _measures.circular_agreement(bumps, angle)
    assert winding == turns
    assert resultant == pytest.approx(1, abs=1e-3) if turns == 1 else resultant < 0.2


def test_circular_agreement_leaves_out_what_has_no_phase_or_angle():
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    bumps = np.exp(4 * np.cos(angle[:, None] - 2 * np.pi * np.arange(12) / 12))
    bumps[:10], bumps[10:20], angle[20:30] = 0, 1, np.nan
    assert _measures.circular_agreement(bumps, angle) == (pytest.approx(1, abs=1e-3), 1)
    assert np.isnan(_measures.circular_agreement(bumps[:5], angle[:5])[0])


def test_rank_agreement_is_spearman_without_sign():
    rng = np.random.default_rng(0)
    activations, truth, coordinate = rng.random((50, 6)), rng.random(50), rng.random(6)
    place = activations @ coordinate / activations.sum(axis=1)
    expected = abs(spearmanr(place, truth).statistic)
    assert _measures.rank_agreement(activations, coordinate, truth) == pytest.approx(expected)
    assert _measures.rank_agreement(np.eye(5), np.arange(5), np.exp(-np.arange(5.0))) == pytest.approx(1)
    assert np.isnan(_measures.rank_agreement(np.zeros((3, 5)), np.arange(5), np.arange(3.0)))
    assert np.isnan(_measures.rank_agreement(np.ones((3, 5)), np.arange(5), np.arange(3.0)))


def test_neurons_are_put_in_order_around_a_ring_and_along_a_path():
    shuffle = np.random.default_rng(0).permutation(12)
    around = shuffle[_agreement.ring_order(adjacency(graphs.ring(12).permuted(shuffle)))]
    assert set(np.diff(around) % 12) in ({1}, {11})
    along = _agreement.direction(adjacency(graphs.path(12).permuted(shuffle)))
    assert np.array_equal(along, shuffle) or np.array_equal(along, 11 - shuffle)
    assert list(np.sort(_agreement.direction(adjacency(graphs.path(2))))) == [0, 1]


@pytest.mark.parametrize("graph", [graphs.path(5), graphs.grid(3), graphs.disjoint(graphs.ring(3), graphs.ring(4))])
def test_what_is_no_ring_is_refused(graph):
    with pytest.raises(ValueError, match=r"`angle` .* `scgsr.graphs.ring"):
        _agreement.ring_order(graph.adjacency)


@pytest.mark.parametrize("graph", [graphs.ring(8), graphs.grid(4), graphs.disjoint(graphs.path(3), graphs.path(4))])
def test_a_graph_without_direction_is_refused(graph):
    with pytest.raises(ValueError, match=r"`pseudotime` .* `scgsr.graphs.path"):
        _agreement.direction(graph.adjacency)


def test_fits_are_aligned_before_their_edges_are_compared():
    activations = blobs(graphs.ring(15), 300)
    shuffle = np.random.default_rng(1).permutation(15)
    partner = _measures.match_neurons(activations, activations[:, shuffle])
    assert np.array_equal(shuffle[partner], np.arange(15))
    moved = graphs.ring(15).permuted(shuffle).adjacency
    assert graphs.edge_jaccard(adjacency(graphs.ring(15)), moved[partner][:, partner]) == 1
    assert graphs.edge_jaccard(adjacency(graphs.ring(15)), moved) < 0.5
    assert np.isnan(graphs.edge_jaccard(csr_matrix((3, 3)), csr_matrix((3, 3))))


# Nulls


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


def test_module_responses_are_sums_without_dead_neurons():
    responses = _regions.module_responses(np.array([[1.0, -2, 4, 8]]), np.array([1, 0, -1, 1]))
    np.testing.assert_array_equal(responses, [[2, 9]])
    assert _regions.module_responses(np.ones((3, 2)), np.array([-1, -1])).shape == (3, 0)


def scored(activations, graph, *, n_permutations=99, steps=0, rng=0):
    """Return the table of the pictures alone."""
    fit = _measures.Fit(
        activations, graph.adjacency, graph.adjacency, np.zeros(graph.n_neurons, int), np.array([]), 0.9, steps
    )
    table = _measures.Table(fit, n_permutations=n_permutations, rng=np.random.default_rng(rng))
    table.add_pictures()
    return table.frame().set_index("metric")


# Of a layer that diffuses the null is approximate: a little too strict where it is taken from second moments.
@pytest.mark.parametrize(("steps", "middle"), [(0, (0.3, 0.7)), (1, (0.2, 0.85))], ids=["no diffusion", "diffusion"])
def test_without_structure_p_values_are_spread_out(steps, middle):
    graph, rng = graphs.grid(5), np.random.default_rng(0)
    spread = diffusion(graph.adjacency, steps)
    p = pd.DataFrame(
        [
            scored(rng.gamma(0.3, size=(40, 25)) @ spread, graph, steps=steps, rng=seed, n_permutations=49)["p"]
            for seed in range(25)
        ]
    )
    assert p.mean().between(*middle).all()
    assert ((p < 0.1).mean() <= 0.32).all()  # 0.1, and three standard errors
    assert not (p <= 0.02).all(axis=1).any()


def test_planted_structure_is_found_at_the_least_p_value():
    graph = graphs.grid(6)
    found = scored(blobs(graph, 500), graph, n_permutations=1000)
    assert (found["p"] <= 0.001).all()
    assert (found["z"] > 5).all()


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


# The verdict


GOOD = {
    "validation_r2": 0.9,
    "dead_neurons": 0.0,
    "silent_cells": 0.0,
    "mean_cosine": 0.3,
    "morans_i": 0.6,
    "segment_connectivity": 0.9,
}
NAN = float("nan")


@pytest.mark.parametrize(
    ("verdict", "changed", "p"),
    [
        ("structure real", {}, 0.0009),
        ("structure real", {"validation_r2": NAN}, 0.0009),
        ("collapsed", {"validation_r2": 0.0}, 0.0009),
        ("collapsed", {"dead_neurons": 0.6}, 0.0009),
        ("collapsed", {"silent_cells": 0.6}, 0.0009),
        ("collapsed", {"mean_cosine": 0.99, "validation_r2": 0.05}, 0.0009),
        ("merely smooth", {"mean_cosine": 0.99}, 0.0009),
        ("merely smooth", {"mean_cosine": NAN}, 0.0009),
        ("too weak", {"morans_i": 0.2}, 0.0009),
        ("too weak", {"morans_i": NAN}, NAN),
        ("too weak", {}, 0.01),
        ("too weak", {"morans_i": 0.2, "mean_cosine": 0.99}, 0.0009),
        ("too weak", {"segment_connectivity": 0.3}, 0.0009),
    ],
)
def test_verdicts(verdict, changed, p):
    found, advice = _measures.judge(GOOD | changed, p, _measures.Context(n_permutations=1000))
    assert found == verdict
    assert found in _measures.VERDICTS
    assert ("`smoothness`" in advice) == (verdict != "structure real") or "only one group" in advice


def test_the_advice_says_what_is_true_by_construction():
    say = lambda values, **known: _measures.judge(GOOD | values, 0.0009, _measures.Context(1000, **known))[1]
    assert "circular" in say({}, learned=True)
    assert "`diffusion`" in say({}, diffused=True)
    assert "smooth by construction" in say({}, composed=True)
    assert "`groupby`" in say({}, own_labels=True)
    assert "added little" in say({"morans_i_ratio": 1.1})
    assert "added little" not in say({"morans_i_ratio": 1.8})
    assert all(word not in say({}) for word in ("circular", "diffusion", "groupby", "baseline"))
    # With few permutations the least p-value that can be is enough.
    assert _measures.judge(GOOD, 0.01, _measures.Context(n_permutations=99))[0] == "structure real"
