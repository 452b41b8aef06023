"""What activations cost by the graph frequencies that they are made of."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scgsr import graphs, nn
from scgsr.nn._spectrum import SparseSpectrum

TORUS = graphs.grid(3, 4, periodic=True)  # with repeated frequencies


def normal(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def by_projectors(activations, graph, kernel, laplacian="combinatorial"):
    """Sum over eigenspaces of g(lambda) |P x|, each projector from the frequencies that are equal."""
    frequencies, modes = np.linalg.eigh(graph.laplacian(laplacian).toarray())
    total = np.zeros(len(activations))
    for frequency in np.unique(frequencies.round(6)):
        basis = modes[:, np.abs(frequencies - frequency) < 1e-5]
        total += kernel(frequency) * np.linalg.norm(activations.numpy() @ basis @ basis.T, axis=1)
    return total.mean()


@pytest.mark.parametrize("laplacian", ["combinatorial", "symmetric"])
@pytest.mark.parametrize("graph", [TORUS, graphs.star(12), graphs.path(12)], ids=lambda graph: graph.name)
def test_spectrum_is_the_written_sum_over_eigenspaces(graph, laplacian):
    x = normal(50, 12)
    heat = nn.GraphSpectralPenalty(graph, penalty="spectrum", laplacian=laplacian)
    own = nn.GraphSpectralPenalty(graph, penalty="spectrum", laplacian=laplacian, kernel=np.sqrt)
    assert float(heat(x)) == pytest.approx(by_projectors(x, graph, lambda f: np.exp(-f), laplacian), rel=1e-4)
    assert float(own(x)) == pytest.approx(by_projectors(x, graph, lambda f: max(f, 0) ** 0.5, laplacian), rel=1e-4)


def test_spectrum_does_not_depend_on_the_basis_within_an_eigenspace():
    x, order = normal(50, 12), np.random.default_rng(0).permutation(12)
    one = nn.GraphSpectralPenalty(TORUS, penalty="spectrum")(x)
    other = nn.GraphSpectralPenalty(TORUS.permuted(order), penalty="spectrum")(x[:, order.copy()])
    torch.testing.assert_close(one, other)


def test_the_heat_kernel_makes_low_frequencies_dear():
    frequencies, modes = np.linalg.eigh(TORUS.laplacian().toarray())
    penalty = nn.GraphSpectralPenalty(TORUS, penalty="spectrum")
    cost = [float(penalty(torch.tensor(mode[None], dtype=torch.float32))) for mode in modes.T]
    np.testing.assert_allclose(cost, np.exp(-frequencies), rtol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"penalty": "quadratic", "kernel": np.exp}, ValueError),
        ({"penalty": "spectrum", "kernel": 3}, TypeError),
        ({"penalty": "spectrum", "kernel": lambda f: f[1:]}, ValueError),
        ({"penalty": "spectrum", "kernel": lambda f: f - 1}, ValueError),
        ({"penalty": "spectrum", "kernel": lambda f: f + np.nan}, ValueError),
    ],
)
def test_a_kernel_that_makes_no_sense_is_refused(arguments, error):
    with pytest.raises(error, match="`kernel`"):
        nn.GraphSpectralPenalty(TORUS, **arguments)


def test_any_rotation_within_an_eigenspace_costs_the_same():
    """The basis that the library for eigenvalues happens to return plays no part."""
    spectrum, x = SparseSpectrum(TORUS.laplacian(), None), normal(20, 12)
    before = spectrum.value_and_gradient(x)
    rng = np.random.default_rng(0)
    modes, member = spectrum.modes.clone(), spectrum.member.bool().numpy()
    for space in member.T:
        rotation, _ = np.linalg.qr(rng.normal(size=(space.sum(), space.sum())))
        modes[:, space] = modes[:, space] @ torch.as_tensor(rotation, dtype=torch.float32)
    assert not torch.allclose(modes, spectrum.modes, atol=1e-2)
    spectrum.modes.copy_(modes)
    torch.testing.assert_close(spectrum.value_and_gradient(x), before, rtol=1e-4, atol=1e-5)


def test_a_silent_cell_costs_nothing_and_has_no_slope():
    x = normal(5, 12)
    x[2] = 0
    value, gradient = SparseSpectrum(TORUS.laplacian(), None).value_and_gradient(x)
    assert not gradient[2].any()
    rest, _ = SparseSpectrum(TORUS.laplacian(), None).value_and_gradient(x[[0, 1, 3, 4]])
    torch.testing.assert_close(5 * value, 4 * rest)


def test_an_image_of_one_frequency_has_no_slope_towards_the_others():
    frequencies, modes = np.linalg.eigh(graphs.path(7).laplacian().toarray())
    spectrum = SparseSpectrum(graphs.path(7).laplacian(), None).double()
    image = torch.tensor(modes[:, 3])[None]
    value, gradient = spectrum.value_and_gradient(2 * image)
    assert float(value) == pytest.approx(2 * np.exp(-frequencies[3]), rel=1e-5)
    along = float((gradient * image).sum())
    assert along == pytest.approx(np.exp(-frequencies[3]), rel=1e-5)
    # Rounding leaves other frequencies at lengths near 0, whose slopes are no larger than their costs.
    assert float(gradient.square().sum()) <= np.exp(-2 * frequencies).sum() + 1e-6


def test_the_modes_are_not_saved_and_go_where_the_penalty_goes():
    spectrum = SparseSpectrum(TORUS.laplacian(), None)
    assert not spectrum.state_dict()
    assert {part.dtype for part in spectrum.double().buffers()} == {torch.float64}
