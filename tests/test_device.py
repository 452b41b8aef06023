"""Choosing a device."""

from __future__ import annotations

import pytest
import torch

from scgsr import _device


def test_best_device_there_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert _device.choose().type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert _device.choose().type == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert _device.choose().type == "cpu"


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu")])
def test_a_device_that_works_is_taken(device):
    assert _device.choose(device) == torch.device("cpu")


@pytest.mark.parametrize("device", ["tpu9", "cuda:99"])
def test_a_device_that_does_not_is_refused_with_the_cure(device):
    with pytest.raises(ValueError, match=r"`device`=.*leave `device=None`"):
        _device.choose(device)


def test_wrong_type():
    with pytest.raises(TypeError, match="`device`"):
        _device.choose(0)


def test_description_says_how_many_threads():
    assert _device.describe(torch.device("cpu")) == f"cpu ({torch.get_num_threads()} threads)"
