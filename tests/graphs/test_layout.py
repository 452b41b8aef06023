"""Laws of the layout that draws graphs without natural places."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.csgraph import shortest_path
from scipy.spatial.distance import pdist

from scgsr import graphs
from scgsr.graphs._layout import _evened, _majorized, _scaled, _shelves, _start, circle, layout, on_circle, pack

# Fewer than of other properties: each takes a while.
quick = settings(max_examples=settings.default.max_examples // 5)


def random_graph(seed, n, density):
    upper = np.triu(np.random.default_rng(seed).random((n, n)) < density, 1)
    return sparse.csr_matrix((upper | upper.T).astype(float))


@quick
@given(st.integers(0, 10_000), st.integers(1, 40), st.floats(0, 1))
def test_layout_of_any_graph_is_finite_apart_and_repeatable(seed, n, density):
    adjacency = random_graph(seed, n, density)
    positions = layout(adjacency)
    assert positions.shape == (n, 2)
    assert np.isfinite(positions).all()
    assert pdist(positions).min(initial=np.inf) > 0.1
    np.testing.assert_array_equal(layout(adjacency), positions)


@pytest.mark.parametrize("graph", [graphs.grid(8), graphs.ring(20), graphs.path(12), graphs.wishbone(8, 6)], ids=repr)
def test_layout_recovers_the_distances_of_a_drawing(graph):
    distances = pdist(layout(graph.adjacency))
    assert np.corrcoef(distances, pdist(graph.positions))[0, 1] > 0.9


@pytest.mark.parametrize("n", [5, 16, 40])
def test_layout_puts_a_hub_in_the_middle_of_its_spokes(n):
    positions = layout(graphs.star(n).adjacency)
    spokes = np.linalg.norm(positions[1:] - positions[0], axis=1)
    assert np.linalg.norm(positions[1:].mean(axis=0) - positions[0]) < 0.2 * spokes.mean()


@pytest.mark.parametrize("graph", [graphs.tree(5), graphs.wishbone(3, 4, n_branches=8)], ids=repr)
def test_equivalent_neurons_do_not_start_in_one_place(graph):
    """Which classical scaling alone would do: the two leaves of a twig are at the same distance from all others."""
    hops = shortest_path(graph.adjacency.copy(), directed=False, unweighted=True)  # SciPy 1.12 wants to write
    assert pdist(_start(hops)).min() > 1e-3


def test_layout_draws_components_apart_and_isolated_neurons_beneath():
    positions = layout(graphs.disjoint(graphs.grid(4), graphs.ring(9), *[graphs.path(1)] * 5).adjacency)
    sheet, ring, alone = positions[:16], positions[16:25], positions[25:]
    assert alone[:, 1].max() < min(sheet[:, 1].min(), ring[:, 1].min()) - 1
    assert sheet[:, 0].max() < ring[:, 0].min() - 1


def test_layout_spreads_neurons_evenly():
    places = np.random.default_rng(0).random((100, 2))
    similarity = 1 - np.linalg.norm(places[:, None] - places, axis=2)
    positions = layout(graphs.similarity_graph(similarity, n_neighbors=10))
    apart = np.linalg.norm(positions[:, None] - positions, axis=2) + 1e9 * np.eye(100)
    nearest = apart.min(axis=1)
    assert np.std(nearest) < 0.15 * np.mean(nearest)
    assert np.corrcoef(pdist(positions), pdist(places))[0, 1] > 0.8


def stress(positions, hops):
    """Return how far distances in the drawing are from those on the graph, in the best unit."""
    apart = pdist(positions)
    weights = hops**-2.0
    unit = (weights * apart * hops).sum() / (weights * apart**2).sum()
    return float((weights * (unit * apart - hops) ** 2).mean())


@pytest.mark.parametrize(
    "graph",
    [graphs.grid(4, 16), graphs.path(40), graphs.ring(40), graphs.wishbone(20, 15)],
    ids=["strip", "path", "ring", "wishbone"],
)
def test_long_graphs_are_not_folded_whatever_the_order_of_their_neurons(graph):
    drawings = []
    for seed in range(6):
        order = np.random.default_rng(seed).permutation(graph.n_neurons)
        adjacency = graph.adjacency[order][:, order]
        hops = shortest_path(adjacency, directed=False, unweighted=True)[np.triu_indices(graph.n_neurons, 1)]
        drawings.append(stress(layout(adjacency), hops))
    assert max(drawings) < min(drawings) + 0.002


def test_drawings_are_set_in_rows_from_the_top_left():
    boxes = [np.array([[0.0, 0], [1, 1]])] * 4
    places = [drawing.min(axis=0).tolist() for drawing in np.split(pack(boxes), 4)]
    assert places == [[0, -3.5], [3.5, -3.5], [0, -7], [3.5, -7]]


def test_a_component_whose_distances_memory_does_not_hold_is_refused():
    n = 10**6
    adjacency = sparse.diags([np.ones(n - 1)] * 2, [-1, 1], format="csr")
    with pytest.raises(
        ValueError, match=r"ties 1,000,000 neurons together, .* 100,000 GB, where [\d,]{1,7} GB of memory"
    ):
        layout(adjacency)


def test_points_go_clockwise_from_the_top_of_a_circle():
    np.testing.assert_allclose(on_circle(np.arange(4) / 4, 2.0), [[0, 2], [2, 0], [0, -2], [-2, 0]], atol=1e-12)
    for n in range(2, 12):
        np.testing.assert_allclose(np.linalg.norm(circle(n)[0] - circle(n)[-1]), 1)
    np.testing.assert_allclose(np.linalg.norm(circle(5, radius=7.0), axis=1), 7)
    np.testing.assert_array_equal(circle(1), [[0, 0]])


def test_boxes_fill_a_row_before_the_next_begins_beneath_the_highest():
    sizes = np.array([[2.0, 1], [3, 4], [1, 1], [4, 1], [2, 2]])
    expected = [[0, 0], [2, 0], [5, 0], [0, 4], [4, 4]]
    np.testing.assert_array_equal(_shelves(sizes, 6.0), expected)
    np.testing.assert_array_equal(_shelves(sizes[:, ::-1] / 4, 0.25), np.c_[np.zeros(5), [0, 0.5, 1.25, 1.5, 2.5]])
    np.testing.assert_array_equal(_shelves(sizes, 5.0), [[0, 0], [2, 0], [0, 4], [1, 4], [0, 5]])


def test_a_drawing_of_many_components_is_somewhat_wider_than_high():
    width, height = np.ptp(pack([np.array([[0.0, 0], [1, 1]])] * 400), axis=0) + 2.5
    assert width / height == pytest.approx(1.6, rel=0.1)


def test_isolated_neurons_lie_in_rows_of_one_and_a_half():
    alone = layout(sparse.csr_matrix((9, 9)))
    places = alone - alone[0]
    np.testing.assert_allclose(places, 1.5 * np.array([[n % 3, -(n // 3)] for n in range(9)]))
    beneath = layout(graphs.disjoint(graphs.path(9), *[graphs.path(1)] * 3).adjacency)
    assert np.ptp(beneath[9:, 1]) == 0  # a row as wide as the drawing above has room for them
    assert beneath[:9, 1].min() - beneath[9, 1] == pytest.approx(2.5)
    np.testing.assert_allclose(np.diff(beneath[9:, 0]), 1.5)
    assert beneath[9, 0] == pytest.approx(beneath[:9, 0].min())


def test_nine_of_ten_neurons_then_half_have_another_within_one():
    points = np.random.default_rng(0).random((50, 2))
    for share in (0.5, 0.9):
        scaled = _scaled(points, share)
        apart = np.linalg.norm(scaled[:, None] - scaled, axis=2) + 1e9 * np.eye(50)
        assert np.quantile(apart.min(axis=1), share) == pytest.approx(1)


def test_no_step_of_the_majorization_raises_the_stress():
    hops = shortest_path(graphs.wishbone(4, 3).adjacency.copy(), directed=False, unweighted=True)
    pairs = np.triu_indices(len(hops), 1)

    def raw(positions):
        return float(((pdist(positions) - hops[pairs]) ** 2 / hops[pairs] ** 2).sum())

    drawn = raw(_majorized(hops))
    assert drawn < raw(_start(hops))
    moved = np.random.default_rng(0).normal(size=(20, len(hops), 2))
    assert all(drawn <= raw(_majorized(hops) + 0.02 * step) + 1e-6 for step in moved)  # it is a minimum


def test_the_start_is_the_classical_scaling_but_for_a_small_spiral():
    places = np.random.default_rng(0).normal(size=(12, 2))
    apart = np.linalg.norm(places[:, None] - places, axis=2)
    found = _start(apart)
    np.testing.assert_allclose(pdist(found), pdist(places), atol=0.03 * apart.max())
    spiral = np.linalg.norm(_start(np.zeros((3, 3)) + 1e-300), axis=1)
    assert (spiral < 1e-290).all()


def test_nodes_share_out_the_area_as_lloyds_algorithm_says():
    """Point by point of a lattice of a tenth, which reaches 0.8 from where each node stands on it."""
    positions = np.random.default_rng(0).uniform(0, 3, size=(7, 2))
    homes = np.rint(positions / 0.1).astype(int)
    area = sorted(
        {
            (x + dx, y + dy)
            for x, y in homes.tolist()
            for dx in range(-9, 10)
            for dy in range(-9, 10)
            if dx**2 + dy**2 <= 64
        }
    )
    points, expected = 0.1 * np.array(area), positions
    for _ in range(10):
        owner = np.linalg.norm(points[:, None] - expected, axis=2).argmin(axis=1)
        expected = np.stack([points[owner == node].mean(axis=0) for node in range(7)])
    np.testing.assert_allclose(_evened(positions), expected, atol=1e-9)


def test_the_spiral_turns_by_the_golden_angle_and_reaches_a_hundredth_of_the_largest_distance():
    hops = 5.0 * (1 - np.eye(4))
    centre = np.eye(4) - 1 / 4
    values, vectors = np.linalg.eigh(-0.5 * centre @ hops**2 @ centre)
    scaling = vectors[:, [3, 2]] * np.sqrt(values[[3, 2]])
    spiral = _start(hops) - scaling
    np.testing.assert_allclose(np.linalg.norm(spiral, axis=1), 0.05 * np.sqrt(np.arange(1, 5) / 4))
    turns = np.unwrap(np.arctan2(spiral[:, 0], spiral[:, 1])) / (2 * np.pi)
    np.testing.assert_allclose(np.diff(turns) % 1, (3 - np.sqrt(5)) / 2)


def test_memory_must_hold_a_hundred_bytes_for_each_pair(monkeypatch):
    monkeypatch.setattr("scgsr._device.free_memory", lambda: 10_000)
    assert len(layout(graphs.path(10).adjacency)) == 10
    with pytest.raises(ValueError, match="ties 11 neurons together"):
        layout(graphs.path(11).adjacency)


def test_of_very_many_components_some_widths_are_tried():
    boxes = [np.array([[0.0, 0], [1, 1]])] * 150
    corners = np.array([box.min(axis=0) for box in np.split(pack(boxes), 150)])
    assert len(np.unique(corners, axis=0)) == 150
    assert (corners % 3.5 == corners[0] % 3.5).all()
    width, height = np.ptp(corners, axis=0) + 3.5
    assert width / height == pytest.approx(1.6, rel=0.2)
