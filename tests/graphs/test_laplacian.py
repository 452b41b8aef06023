"""Laws of Laplacians, their Fourier basis, energies and diffusion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from scgsr import graphs
from scgsr.graphs import diffusion, energy, fourier_basis, laplacian, same_frequency
from scgsr.graphs._laplacian import KINDS

# Fewer than of other properties: each takes a while.
quick = settings(max_examples=settings.default.max_examples // 5)

SYMMETRIC = ["combinatorial", "symmetric"]

# Four nodes, written out: 0 -2- 1 -1- 2, 0 -3- 2, and node 3 alone.
ADJACENCY = np.array([[0.0, 2, 3, 0], [2, 0, 1, 0], [3, 1, 0, 0], [0, 0, 0, 0]])
DEGREE = np.array([5.0, 3, 4, 0])
BY_HAND = {
    "combinatorial": [[5, -2, -3, 0], [-2, 3, -1, 0], [-3, -1, 4, 0], [0, 0, 0, 0]],
    "symmetric": [
        [1, -2 / 15**0.5, -3 / 20**0.5, 0],
        [-2 / 15**0.5, 1, -1 / 12**0.5, 0],
        [-3 / 20**0.5, -1 / 12**0.5, 1, 0],
        [0, 0, 0, 0],
    ],
    "random_walk": [[1, -2 / 5, -3 / 5, 0], [-2 / 3, 1, -1 / 3, 0], [-3 / 4, -1 / 4, 1, 0], [0, 0, 0, 0]],
}


def random_adjacency(seed: int, n: int = 9, density: float = 0.4) -> csr_matrix:
    """Weighted graph; at low density some nodes are isolated."""
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.exponential(size=(n, n)) * (rng.random((n, n)) < density), 1)
    return csr_matrix(upper + upper.T)


any_adjacency = st.builds(random_adjacency, st.integers(0, 10_000), st.integers(1, 12), st.floats(0, 1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("container", [np.asarray, csr_matrix])
def test_four_nodes_by_hand(kind, container):
    result = laplacian(container(ADJACENCY), kind)
    assert isinstance(result, csr_matrix)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result.toarray(), BY_HAND[kind], rtol=1e-14)


@quick
@given(any_adjacency)
def test_null_vectors(adjacency):
    degree = adjacency.toarray().sum(axis=0)
    ones = np.ones(len(degree))
    np.testing.assert_allclose(laplacian(adjacency) @ ones, 0, atol=1e-12)
    np.testing.assert_allclose(laplacian(adjacency, "symmetric") @ np.sqrt(degree), 0, atol=1e-12)
    np.testing.assert_allclose(laplacian(adjacency, "random_walk") @ ones, 0, atol=1e-12)


@quick
@given(any_adjacency)
def test_symmetric_to_the_last_bit(adjacency):
    for kind in SYMMETRIC:
        dense = laplacian(adjacency, kind).toarray()
        np.testing.assert_array_equal(dense, dense.T)


@quick
@given(any_adjacency)
def test_bounds_of_the_spectrum(adjacency):
    degree = adjacency.toarray().sum(axis=0)
    for kind, highest in [("combinatorial", 2 * degree.max()), ("symmetric", 2.0)]:
        eigenvalues, _ = fourier_basis(laplacian(adjacency, kind))
        assert eigenvalues[0] >= 0
        assert eigenvalues[-1] <= highest + 1e-9
    random_walk = np.linalg.eigvals(laplacian(adjacency, "random_walk").toarray())
    np.testing.assert_allclose(np.sort(random_walk.real), eigenvalues, atol=1e-5)


def test_random_walk_energy_can_be_negative():
    """Which is why it must not be a penalty: an irregular graph is enough."""
    matrix = laplacian(graphs.star(6).adjacency, "random_walk").toarray()
    assert np.linalg.eigvalsh(matrix + matrix.T)[0] < -0.1


@pytest.mark.parametrize("kind", KINDS)
def test_isolated_nodes_have_zero_rows_and_columns(kind):
    result = laplacian(ADJACENCY, kind).toarray()
    assert not result[3].any()
    assert not result[:, 3].any()
    assert laplacian(csr_matrix((5, 5)), kind).nnz == 0


@pytest.mark.parametrize("kind", KINDS)
def test_laplacian_leaves_its_argument_alone(kind):
    adjacency = random_adjacency(0)
    before = adjacency.toarray()
    laplacian(adjacency, kind)
    np.testing.assert_array_equal(adjacency.toarray(), before)


def test_unknown_kind_lists_the_known():
    with pytest.raises(ValueError, match=r"`kind` must be one of .*'symmetric'.*, got 'signless'"):
        laplacian(ADJACENCY, "signless")


@quick
@given(any_adjacency)
def test_fourier_basis_is_orthonormal_and_rebuilds_the_laplacian(adjacency):
    for kind in SYMMETRIC:
        matrix = laplacian(adjacency, kind)
        eigenvalues, eigenvectors = fourier_basis(matrix)
        assert (np.diff(eigenvalues) >= 0).all()
        np.testing.assert_allclose(eigenvectors.T @ eigenvectors, np.eye(len(eigenvalues)), atol=1e-10)
        np.testing.assert_allclose(eigenvectors * eigenvalues @ eigenvectors.T, matrix.toarray(), atol=1e-8)


def test_fourier_basis_of_a_ring_is_that_of_the_circle():
    eigenvalues, _ = fourier_basis(graphs.ring(12).laplacian())
    expected = np.sort(2 - 2 * np.cos(2 * np.pi * np.arange(12) / 12))
    np.testing.assert_allclose(eigenvalues, expected, atol=1e-12)


def test_number_of_zero_eigenvalues_is_the_number_of_components():
    graph = graphs.disjoint(graphs.ring(5), graphs.path(3), graphs.path(1))
    eigenvalues, _ = fourier_basis(graph.laplacian())
    assert (eigenvalues < 1e-9).sum() == graph.components[0] == 3


def test_fourier_basis_refuses_the_random_walk():
    with pytest.raises(ValueError, match="`laplacian` must be symmetric"):
        fourier_basis(laplacian(ADJACENCY, "random_walk"))


def test_energy_by_hand():
    x = np.array([1.0, -2, 4, 7])
    assert energy(laplacian(ADJACENCY), x[None])[0] == 2 * 3**2 + 1 * 6**2 + 3 * 3**2


@quick
@given(any_adjacency, st.integers(0, 1000))
def test_energy_is_half_the_sum_of_weighted_squared_differences(adjacency, seed):
    x = np.random.default_rng(seed).normal(size=(3, adjacency.shape[0]))
    weights, degree = adjacency.toarray(), adjacency.toarray().sum(axis=0)
    differences = x[:, :, None] - x[:, None, :]
    np.testing.assert_allclose(energy(laplacian(adjacency), x), (weights * differences**2).sum((1, 2)) / 2, atol=1e-10)
    scaled = x / np.sqrt(np.where(degree > 0, degree, 1))
    differences = scaled[:, :, None] - scaled[:, None, :]
    expected = (weights * differences**2).sum((1, 2)) / 2
    np.testing.assert_allclose(energy(laplacian(adjacency, "symmetric"), x), expected, atol=1e-10)


@quick
@given(any_adjacency, st.integers(0, 1000))
def test_energy_is_the_weighted_power_of_the_fourier_coefficients(adjacency, seed):
    x = np.random.default_rng(seed).normal(size=(3, adjacency.shape[0]))
    eigenvalues, eigenvectors = fourier_basis(laplacian(adjacency))
    np.testing.assert_allclose(energy(laplacian(adjacency), x), (x @ eigenvectors) ** 2 @ eigenvalues, atol=1e-9)


@pytest.mark.parametrize("kind", SYMMETRIC)
def test_permuting_neurons_and_cells_together_changes_no_energy(kind):
    graph = graphs.from_adjacency(random_adjacency(3))
    rng = np.random.default_rng(0)
    x, order = rng.normal(size=(4, graph.n_neurons)), rng.permutation(graph.n_neurons)
    permuted = energy(graph.permuted(order).laplacian(kind), x[:, order])
    np.testing.assert_allclose(permuted, energy(graph.laplacian(kind), x), rtol=1e-12)


def test_energy_takes_float32_and_answers_in_float64():
    result = energy(laplacian(ADJACENCY), np.ones((2, 4), dtype=np.float32))
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, 0)


@pytest.mark.parametrize("shape", [(4,), (2, 3), (2, 4, 1)])
def test_energy_refuses_a_wrong_shape(shape):
    with pytest.raises(ValueError, match=r"`activations` must have shape \(n_cells, 4\)"):
        energy(laplacian(ADJACENCY), np.ones(shape))


@quick
@given(any_adjacency, st.integers(0, 6))
def test_diffusion_has_columns_of_unit_norm_and_no_negative_entry(adjacency, power):
    matrix = diffusion(adjacency, power)
    np.testing.assert_allclose(np.linalg.norm(matrix, axis=0), 1)
    assert matrix.min() >= 0


@quick
@given(any_adjacency)
def test_diffusion_of_power_zero_is_the_identity(adjacency):
    np.testing.assert_array_equal(diffusion(adjacency, 0), np.eye(adjacency.shape[0]))


def test_one_step_by_hand():
    walk = np.array([[1, 2, 3, 0], [2, 1, 1, 0], [3, 1, 1, 0], [0, 0, 0, 1]])
    np.testing.assert_allclose(diffusion(ADJACENCY, 1), walk.T / np.sqrt([14, 6, 11, 1]))


@pytest.mark.parametrize("power", [1, 2, 3])
def test_an_activation_spreads_as_far_as_the_power(power):
    one_hot = np.eye(9)[4]
    reached = np.flatnonzero(one_hot @ diffusion(graphs.path(9).adjacency, power))
    np.testing.assert_array_equal(reached, np.arange(4 - power, 5 + power))


@pytest.mark.parametrize("power", [1, 2, 5])
def test_diffusion_smooths(power):
    graph = graphs.grid(6)
    x = np.random.default_rng(0).normal(size=(20, graph.n_neurons))

    def roughness(activations):
        return energy(graph.laplacian(), activations) / (activations**2).sum(axis=1)

    assert (roughness(x @ diffusion(graph.adjacency, power)) < roughness(x)).all()


@quick
@given(any_adjacency, st.integers(0, 4), st.randoms(use_true_random=False))
def test_diffusion_commutes_with_permutation(adjacency, power, random):
    order = np.array(random.sample(range(adjacency.shape[0]), adjacency.shape[0]))
    of_permuted = diffusion(adjacency[order][:, order], power)
    np.testing.assert_allclose(of_permuted, diffusion(adjacency, power)[np.ix_(order, order)], atol=1e-12)


@pytest.mark.parametrize(("power", "error"), [(-1, ValueError), (1.5, TypeError), (True, TypeError)])
def test_diffusion_refuses_a_power_that_is_none(power, error):
    with pytest.raises(error, match="`power`"):
        diffusion(ADJACENCY, power)


@pytest.mark.parametrize("graph", [graphs.ring(9), graphs.grid(4, periodic=True), graphs.star(7)], ids=repr)
def test_equal_frequencies_are_numbered_alike(graph):
    eigenvalues, _ = fourier_basis(graph.laplacian())
    number = same_frequency(eigenvalues)
    close = np.isclose(eigenvalues[:, None], eigenvalues, rtol=0, atol=1e-8)
    np.testing.assert_array_equal(number[:, None] == number, close)
    assert number[0] == 0
    assert set(np.diff(number)) <= {0, 1}


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_the_unit_of_weights_matters_to_the_combinatorial_laplacian_alone(unit):
    weights = graphs.wishbone(3, 2).adjacency
    for kind, factor in (("combinatorial", unit), ("symmetric", 1), ("random_walk", 1)):
        found, expected = (graphs.laplacian(w, kind).toarray() for w in (unit * weights, weights))
        np.testing.assert_allclose(found, factor * expected)
    found, expected = (graphs.fourier_basis(graphs.laplacian(w))[0] for w in (unit * weights, weights))
    np.testing.assert_allclose(found, unit * expected, atol=1e-12 * unit)


def test_frequencies_that_differ_by_rounding_are_one_and_others_are_not():
    eigenvalues = np.array([0.0, 1e-10, 0.5, 0.5 + 1e-8, 0.5 + 1.05e-8])
    np.testing.assert_array_equal(same_frequency(eigenvalues), [0, 0, 1, 2, 2])
    large = np.array([0.0, 1e4, 1e4 + 1e-6, 1e4 + 1e-4])
    np.testing.assert_array_equal(same_frequency(large), [0, 1, 1, 2])
    assert same_frequency(np.array([3.0])).tolist() == [0]
