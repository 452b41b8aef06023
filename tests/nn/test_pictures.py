"""The picture of a cell: its activations regardless of their brightness."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scgsr import nn
from scgsr.nn._pictures import FAINT, brightness


@pytest.fixture
def activations():
    return torch.randn(50, 12, generator=torch.Generator().manual_seed(0)).clamp_min(0)


def test_pictures_are_the_written_formula(activations):
    x = activations.double().numpy()
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    np.testing.assert_allclose(nn.unit_pictures(activations), x / (norm + 0.1 * norm.mean()), rtol=1e-5)


def test_the_unit_of_the_activations_plays_no_part(activations):
    for factor in (1e-20, 1e-3, 1e10):
        torch.testing.assert_close(nn.unit_pictures(factor * activations), nn.unit_pictures(activations))


def test_a_cell_as_faint_as_the_constant_says_is_half_normalised():
    bright = torch.tensor([[3.0, 4.0]]).expand(10_000, 2)
    faint = FAINT * torch.tensor([[3.0, 4.0]])
    norms = torch.linalg.vector_norm(nn.unit_pictures(torch.cat([bright, faint])), dim=1)
    assert float(norms[-1]) == pytest.approx(0.5, abs=1e-3)
    assert float(norms[0]) == pytest.approx(1 / (1 + FAINT), abs=1e-3)


def test_brighter_cells_have_pictures_of_larger_norm_but_never_above_one(activations):
    steps = torch.logspace(-6, 6, 50)[:, None] * activations[0]
    norms = torch.linalg.vector_norm(nn.unit_pictures(steps), dim=1)
    assert (norms.diff() > 0).all()
    assert (norms < 1).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_where_nothing_fires_the_pictures_are_zero_and_finite(dtype):
    assert torch.equal(nn.unit_pictures(torch.zeros(4, 3, dtype=dtype)), torch.zeros(4, 3, dtype=dtype))


def test_brightness_is_the_norm_and_what_pictures_are_divided_by(activations):
    norm, divisor = brightness(activations)
    assert norm.shape == divisor.shape == (50, 1)
    torch.testing.assert_close(norm[:, 0], activations.square().sum(dim=1).sqrt())
    assert torch.equal(nn.unit_pictures(activations), activations / divisor)
