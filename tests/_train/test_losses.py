"""Terms of the objective that need no graph."""

from __future__ import annotations

import pytest
import torch

from scgsr._train._losses import squared_error


@pytest.fixture
def features():
    return torch.randn(64, 6, generator=torch.Generator().manual_seed(0))


def test_losses_are_their_formulas(features):
    error = squared_error(features, torch.zeros_like(features))
    assert error.item() == pytest.approx(float((features**2).mean()))
