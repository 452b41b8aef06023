"""Seeds: what is reproducible, and that global state is nobody's business."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from _fits import seeded_init

from scgsr import _random


def test_an_integer_is_its_own_seed():
    assert _random.seed_from(7) == 7
    assert _random.seed_from(np.int64(7)) == 7


@pytest.mark.parametrize("make", [lambda: np.random.SeedSequence(3), lambda: np.random.default_rng(3)])
def test_other_sources_give_one_seed_that_a_file_can_hold(make):
    first, second = _random.seed_from(make()), _random.seed_from(make())
    assert first == second
    assert 0 <= first < 2**63


def test_a_generator_advances_as_for_any_consumer():
    rng = np.random.default_rng(3)
    assert _random.seed_from(rng) != _random.seed_from(rng)
    assert _random.generator(rng) is rng


@pytest.mark.parametrize(("rng", "error"), [("0", TypeError), (True, TypeError), (1.0, TypeError), (None, TypeError)])
def test_wrong_types_are_refused(rng, error):
    with pytest.raises(error, match="`rng`"):
        _random.seed_from(rng)


@pytest.mark.parametrize("rng", [-1, 2**63])
def test_wrong_ranges_are_refused(rng):
    with pytest.raises(ValueError, match="`rng`"):
        _random.seed_from(rng)


def test_spawned_seeds_differ_and_repeat():
    assert _random.spawn(5, 3) == _random.spawn(5, 4)[:3]
    assert len(set(_random.spawn(5, 10))) == 10


def layers():
    return torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2, bias=False))


def test_weights_are_those_that_torch_would_draw_and_its_state_stays():
    with seeded_init(11):
        expected = layers().state_dict()
        drawn = layers()
    before = torch.get_rng_state()
    _random.draw_weights(drawn, 11)
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(expected[name], value) for name, value in drawn.state_dict().items())


def test_torch_generator_repeats():
    draws = [torch.randn(5, generator=_random.torch_generator(9)) for _ in range(2)]
    assert torch.equal(*draws)
