"""Choosing a device."""

from __future__ import annotations

import sys

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


def test_each_process_of_torchrun_has_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    variables = {"RANK": "6", "LOCAL_RANK": "2", "WORLD_SIZE": "8", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert _device.choose() == torch.device("cuda", 2)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)  # where each process sees its own alone
    assert _device.choose() == torch.device("cuda", 0)
    assert _device.choose("cpu") == torch.device("cpu")


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


@pytest.mark.parametrize("precision", [None, "bf16"])
def test_precisions_of_the_cpu(precision):
    assert _device.check_precision(precision, torch.device("cpu")) == precision


def test_a_format_of_cuda_is_refused_elsewhere():
    assert _device.check_precision("tf32", torch.device("cuda")) == "tf32"
    with pytest.raises(ValueError, match=r"`precision`='tf32'.*CUDA"):
        _device.check_precision("tf32", torch.device("cpu"))


@pytest.mark.parametrize(("precision", "error"), [("float64", ValueError), (16, TypeError)])
def test_other_precisions_are_refused(precision, error):
    with pytest.raises(error, match="`precision`"):
        _device.check_precision(precision, torch.device("cpu"))


def test_tf32_is_allowed_for_a_while_and_nothing_else_ever():
    before = torch.get_float32_matmul_precision()
    with _device.multiplying(None):
        assert torch.get_float32_matmul_precision() == before
    with _device.multiplying("tf32"):
        assert torch.get_float32_matmul_precision() == "high"
    assert torch.get_float32_matmul_precision() == before
    with pytest.raises(KeyError), _device.multiplying("tf32"):
        raise KeyError
    assert torch.get_float32_matmul_precision() == before


def test_the_setting_of_products_is_not_even_read_unless_that_is_asked_for(monkeypatch):
    # torch refuses to tell it after `torch.backends.cuda.matmul.fp32_precision` was set.
    for name in ("get_float32_matmul_precision", "set_float32_matmul_precision"):
        monkeypatch.setattr(torch, name, lambda *_: pytest.fail("the setting was touched"))
    for precision in (None, "bf16"):
        with _device.multiplying(precision):
            pass


def test_data_lives_on_the_device_that_has_room(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 4000))
    assert _device.has_room_for(500, torch.device("cuda"))
    assert not _device.has_room_for(501, torch.device("cuda"))
    assert not _device.has_room_for(1, torch.device("cpu"))  # where it is anyway


def test_bf16_is_refused_where_it_would_be_float32(monkeypatch):
    monkeypatch.setattr(torch.amp, "is_autocast_available", lambda device: False)
    with pytest.raises(ValueError, match="`precision`='bf16' is not available on mps") as caught:
        _device.check_precision("bf16", torch.device("mps"))
    assert caught.value.argument == "precision"


def test_a_device_without_values_is_refused():
    with pytest.raises(ValueError, match="`device`='meta' cannot be used here"):
        _device.choose("meta")


def test_free_memory_is_what_the_system_tells():
    free = _device.free_memory()
    assert free > 1 << 20
    assert (free == float("inf")) is not sys.platform.startswith("linux")
