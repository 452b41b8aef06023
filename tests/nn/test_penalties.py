"""The formula of each penalty, and its gradient."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from _fits import seeded_init

from scgsr import graphs, nn
from scgsr.nn._laplacian_product import LaplacianProduct
from scgsr.nn._penalties import ON_ACTIVATIONS, ON_WEIGHTS
from scgsr.nn._spectrum import SparseSpectrum

TORUS = graphs.grid(3, 4, periodic=True)  # with repeated frequencies


@pytest.fixture
def activations():
    return torch.randn(200, 12, generator=torch.Generator().manual_seed(1)).clamp_min(0)


def weighted_graph(n=12, seed=0):
    weights = np.random.default_rng(seed).uniform(size=(n, n)) * (
        np.random.default_rng(seed + 1).uniform(size=(n, n)) < 0.3
    )
    return graphs.from_adjacency(np.triu(weights, 1) + np.triu(weights, 1).T)


def edge_mean(matrix, graph):
    weights = graph.adjacency.toarray()
    return (weights * matrix).sum() / weights.sum()


def pictures(activations):
    norm = np.linalg.norm(activations.numpy(), axis=1, keepdims=True)
    return activations.numpy() / (norm + 0.1 * norm.mean())


def normal(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_correlation_penalty_is_the_mean_over_edges_of_one_minus_the_correlation(activations):
    graph = weighted_graph()
    expected = 1 - edge_mean(np.corrcoef(pictures(activations), rowvar=False), graph)
    assert float(nn.GraphSpectralPenalty(graph)(activations)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("factor", [1e-6, 0.1, 300])
def test_correlation_penalty_cannot_be_lowered_by_scale(activations, factor):
    graph = weighted_graph()
    before, after = (float(nn.GraphSpectralPenalty(graph)(x)) for x in (activations, factor * activations))
    assert after == pytest.approx(before, abs=1e-4)


def test_correlation_penalty_cannot_be_bought_by_a_few_bright_cells(activations):
    # Two cells of 200 that activate everything make every pair of neurons correlate, but they are only two cells.
    bright = activations.clone()
    bright[:2] = 100
    assert np.corrcoef(bright.numpy(), rowvar=False).min() > 0.9
    penalty = nn.GraphSpectralPenalty(graphs.ring(12))
    assert float(penalty(bright)) > 0.9 * float(penalty(activations))


@pytest.mark.parametrize("laplacian", ["combinatorial", "symmetric"])
def test_quadratic_and_rayleigh_are_the_written_formulas(activations, laplacian):
    graph = weighted_graph()
    L, x = graph.laplacian(laplacian).toarray(), activations.double().numpy()
    energy = np.einsum("ci,ij,cj->c", x, L, x)
    quadratic = nn.GraphSpectralPenalty(graph, penalty="quadratic", laplacian=laplacian)
    rayleigh = nn.GraphSpectralPenalty(graph, penalty="rayleigh", laplacian=laplacian)
    assert float(quadratic(activations)) == pytest.approx(energy.mean(), rel=1e-4)
    assert float(rayleigh(activations)) == pytest.approx((energy / (x**2).sum(axis=1)).mean(), rel=1e-4)


def test_symmetric_correlation_penalty_weighs_edges_by_degree(activations):
    graph = weighted_graph()
    L, corr = graph.laplacian("symmetric").toarray(), np.corrcoef(pictures(activations), rowvar=False)
    expected = (L * corr).sum() / np.trace(L)
    got = nn.GraphSpectralPenalty(graph, laplacian="symmetric")(activations)
    assert float(got) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("penalty", ON_ACTIVATIONS)
def test_permuting_neurons_and_graph_leaves_the_penalty(activations, penalty):
    graph, order = weighted_graph(), np.random.default_rng(3).permutation(12)
    one = nn.GraphSpectralPenalty(graph, penalty=penalty)(activations)
    other = nn.GraphSpectralPenalty(graph.permuted(order), penalty=penalty)(activations[:, order.copy()])
    assert float(one) == pytest.approx(float(other), rel=1e-5)


def test_gradient_agrees_with_finite_differences():
    x = torch.rand(9, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    module = nn.GraphSpectralPenalty(graphs.ring(5)).double().eval()
    assert torch.autograd.gradcheck(module, (x,))


@pytest.mark.parametrize("laplacian", ["combinatorial", "symmetric"])
def test_weight_is_the_trace_and_weight_cosine_the_mean_over_edges(laplacian):
    graph, W = graphs.wishbone(4, 4), normal(12, 7)
    L, size = graph.laplacian(laplacian).toarray(), W.abs().double().numpy()
    trace = nn.GraphSpectralPenalty(graph, penalty="weight", laplacian=laplacian)(W)
    assert float(trace) == pytest.approx(np.trace(size.T @ L @ size), rel=1e-5)
    V = size / np.linalg.norm(size, axis=1, keepdims=True)
    cosine = nn.GraphSpectralPenalty(graph, penalty="weight_cosine", laplacian=laplacian)(W)
    assert float(cosine) == pytest.approx(np.trace(V.T @ L @ V) / np.trace(L), rel=1e-5)
    if laplacian == "combinatorial":
        A = graph.adjacency.toarray()
        assert float(cosine) == pytest.approx((A * (1 - V @ V.T)).sum() / A.sum(), rel=1e-5)


def test_the_size_of_the_weights_buys_nothing_from_the_cosine():
    W, sizes = normal(12, 7), torch.linspace(0.01, 10, 12)[:, None]
    penalty = nn.GraphSpectralPenalty(TORUS, penalty="weight_cosine")
    torch.testing.assert_close(penalty(W * sizes), penalty(W))


@pytest.mark.parametrize("penalty", ON_WEIGHTS)
def test_weights_of_a_convolution_and_of_silent_neurons(penalty):
    module = nn.GraphSpectralPenalty(TORUS, penalty=penalty)
    with seeded_init(0):
        convolution = torch.nn.Conv2d(3, 12, 2)
    with torch.no_grad():
        convolution.weight[:2] = 0
    value = module(convolution.weight)
    value.backward()
    torch.testing.assert_close(value, module(convolution.weight.flatten(1)))
    assert torch.isfinite(convolution.weight.grad).all()


@pytest.mark.parametrize("penalty", ["spectrum", *ON_WEIGHTS])
@pytest.mark.parametrize("graph", [TORUS, graphs.ring(31), graphs.star(12)], ids=lambda graph: graph.name)
def test_gradients_agree_with_finite_differences(penalty, graph):
    n = graph.n_neurons
    values = normal(*((3, n) if penalty == "spectrum" else (n, 3)), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(nn.GraphSpectralPenalty(graph, penalty=penalty).double(), (values,))


# --- Each function by itself, against loops over cells and neurons ----------------------------------------------------


def own_scale(variance):
    """Scale each neuron to unit variance by the variance of the batch, which the scale then follows."""
    return variance.rsqrt(), torch.ones_like(variance, dtype=torch.bool)


def usual_scale(variance):
    """Scale by spreads that are known beforehand: they do not follow the batch."""
    return torch.linspace(0.5, 2, len(variance), dtype=variance.dtype), torch.zeros_like(variance, dtype=torch.bool)


def energy(laplacian, image):
    n = len(image)
    return sum(laplacian[i][j] * image[i] * image[j] for i in range(n) for j in range(n))


def correlation_by_loops(x, laplacian, scale):
    n_cells, n = len(x), len(laplacian)
    norms = [math.sqrt(sum(value**2 for value in cell)) for cell in x]
    faint = 0.1 * sum(norms) / n_cells
    shown = [[value / (norm + faint) for value in cell] for cell, norm in zip(x, norms, strict=True)]
    means = [sum(cell[i] for cell in shown) / n_cells for i in range(n)]
    variances = [sum((cell[i] - means[i]) ** 2 for cell in shown) / n_cells for i in range(n)]
    scales = scale(torch.tensor(variances, dtype=torch.float64))[0].tolist()
    total = 0.0
    for i in range(n):
        for j in range(n):
            if i != j:
                products = ((cell[i] - means[i]) * (cell[j] - means[j]) for cell in shown)
                total += laplacian[i][j] * scales[i] * scales[j] * sum(products) / n_cells
    return 1 + total / sum(laplacian[i][i] for i in range(n))


def spectrum_by_loops(x, laplacian):
    frequencies, modes = np.linalg.eigh(np.array(laplacian))
    costs = []
    for cell in x:
        cost = 0.0
        for frequency in np.unique(frequencies.round(6)):
            space = [mode for mode, own in zip(modes.T, frequencies, strict=True) if abs(own - frequency) < 1e-5]
            length = math.sqrt(sum(sum(m * value for m, value in zip(mode, cell, strict=True)) ** 2 for mode in space))
            cost += math.exp(-frequency) * length
        costs.append(cost)
    return sum(costs) / len(costs)


def weight_by_loops(weights, laplacian):
    columns = zip(*weights, strict=True)
    return sum(energy(laplacian, [abs(value) for value in column]) for column in columns)


def weight_cosine_by_loops(weights, laplacian):
    norms = [math.sqrt(sum(value**2 for value in row)) for row in weights]
    unit = [[value / norm for value in row] for row, norm in zip(weights, norms, strict=True)]
    return weight_by_loops(unit, laplacian) / sum(laplacian[i][i] for i in range(len(laplacian)))


BY_LOOPS = {
    "correlation": correlation_by_loops,
    "quadratic": lambda x, laplacian, _: sum(energy(laplacian, cell) for cell in x) / len(x),
    "rayleigh": lambda x, laplacian, _: (
        sum(energy(laplacian, cell) / sum(value**2 for value in cell) for cell in x) / len(x)
    ),
    "spectrum": lambda x, laplacian, _: spectrum_by_loops(x, laplacian),
    "weight": lambda weights, laplacian, _: weight_by_loops(weights, laplacian),
    "weight_cosine": lambda weights, laplacian, _: weight_cosine_by_loops(weights, laplacian),
}
TINY = {
    "wishbone": graphs.wishbone(2, 2),
    "torus": graphs.grid(2, 3, periodic=True),
    "weighted": weighted_graph(6, seed=3),
    "pieces": graphs.disjoint(graphs.ring(3), graphs.path(3)),
}


def operator(name, graph, laplacian):
    matrix = graph.laplacian(laplacian)
    if name == "spectrum":
        return SparseSpectrum(matrix, None).double()
    return LaplacianProduct(matrix, diagonal=name != "correlation").double()


def test_every_penalty_is_tested_by_loops():
    assert set(BY_LOOPS) == {*ON_ACTIVATIONS, *ON_WEIGHTS}


@pytest.mark.parametrize("scale", [own_scale, usual_scale])
@pytest.mark.parametrize("laplacian", ["combinatorial", "symmetric"])
@pytest.mark.parametrize("graph", TINY.values(), ids=TINY)
@pytest.mark.parametrize("name", BY_LOOPS)
def test_value_and_gradient_are_those_of_the_formula_in_loops(name, graph, laplacian, scale):
    """The gradient by finite differences of the loops, along each activation or weight."""
    n = graph.n_neurons
    values = normal(*((n, 4) if name in ON_WEIGHTS else (4, n)), dtype=torch.float64)
    matrix = graph.laplacian(laplacian).toarray().tolist()
    by_loops = lambda x: BY_LOOPS[name](x.tolist(), matrix, scale)
    before = values.clone()
    function = {**ON_ACTIVATIONS, **ON_WEIGHTS}[name]
    value, gradient = function(values, operator(name, graph, laplacian), scale)
    assert torch.equal(values, before)  # the caller's activations are not written to
    assert float(value) == pytest.approx(by_loops(values), rel=1e-6)
    slopes = torch.empty_like(values)
    for index in np.ndindex(*values.shape):
        step = torch.zeros_like(values)
        step[index] = 1e-5
        slopes[index] = (by_loops(values + step) - by_loops(values - step)) / 2e-5
    torch.testing.assert_close(gradient, slopes, rtol=1e-4, atol=1e-6)
