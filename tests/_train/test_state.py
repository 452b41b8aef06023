"""States of torch's objects as arrays and plain values."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import torch
from _fits import seeded_init

from scgsr._model import pack, unpack
from scgsr._train._state import arrays_to_tensors, check_like, load_optimiser, optimiser_to_dict, tensors_to_arrays

DTYPES = (torch.float32, torch.float64, torch.float16, torch.int64, torch.int32, torch.uint8, torch.bool)


def through_a_file(state):
    """What a checkpoint gives back of a state."""
    tree, arrays = pack(state)
    return unpack(json.loads(json.dumps(tree)), arrays)


def linear():
    with seeded_init(0):
        return torch.nn.Linear(7, 5)


def step(network, optimiser, seed):
    x = torch.randn(20, 7, generator=torch.Generator().manual_seed(seed))
    optimiser.zero_grad()
    network(x).square().sum().backward()
    optimiser.step()


def assert_same_weights(one, other):
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3, 4)])
def test_tensors_to_arrays_and_back_keeps_bits_and_dtypes(dtype, shape):
    values = (3 * torch.randn(shape, generator=torch.Generator().manual_seed(0))).to(dtype)
    state = tensors_to_arrays({"x": values})
    (back,) = arrays_to_tensors(state).values()
    assert (back.dtype, back.shape) == (dtype, values.shape)
    assert torch.equal(back, values)


def test_values_that_are_not_finite_and_signed_zeros_survive():
    values = torch.tensor([torch.nan, torch.inf, -torch.inf, -0.0])
    back = arrays_to_tensors(tensors_to_arrays({"x": values}))["x"]
    assert back.view(torch.int32).tolist() == values.view(torch.int32).tolist()


def test_neither_shares_memory_with_what_it_was_made_from():
    """The optimiser goes on with its tensors while a state is kept."""
    values = torch.zeros(3)
    array = tensors_to_arrays({"x": values})["x"]
    tensor = arrays_to_tensors({"x": array})["x"]
    values += 1
    assert not array.any()
    array += 2
    assert not tensor.any()


def test_a_network_comes_back():
    network, other = torch.nn.BatchNorm1d(5), torch.nn.BatchNorm1d(5)
    network(torch.randn(20, 5, generator=torch.Generator().manual_seed(0)))
    other.load_state_dict(arrays_to_tensors(through_a_file(tensors_to_arrays(network.state_dict()))))
    assert_same_weights(network, other)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("n_steps", [0, 1, 5])
def test_an_optimiser_that_was_stored_takes_the_same_next_step_to_the_bit(n_steps, fused):
    network = linear()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01, betas=(0.8, 0.95), fused=fused)
    for seed in range(n_steps):
        step(network, optimiser, seed)
    optimiser.param_groups[0]["lr"] = 0.003  # as a schedule does
    other = linear()
    other.load_state_dict(network.state_dict())
    loaded = torch.optim.Adam(other.parameters(), lr=1.0, fused=fused)
    load_optimiser(loaded, through_a_file(optimiser_to_dict(optimiser)))
    for seed in (100, 101):
        step(network, optimiser, seed)
        step(other, loaded, seed)
        assert_same_weights(network, other)


def test_how_an_optimiser_computes_stays_its_own():
    """A state of a device with one way goes on on a device with another."""
    network = linear()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01, fused=True)
    step(network, optimiser, 0)
    other = torch.optim.Adam(network.parameters(), lr=1.0, fused=False, foreach=True)
    load_optimiser(other, through_a_file(optimiser_to_dict(optimiser)))
    (group,) = other.param_groups
    assert (group["lr"], group["fused"], group["foreach"]) == (0.01, False, True)
    step(network, other, 1)


def test_without_its_moments_the_next_step_is_another():
    """The test above can fail: it does where the state is not loaded."""
    network = linear()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    step(network, optimiser, 0)
    other = copy.deepcopy(network)
    fresh = torch.optim.Adam(other.parameters(), lr=0.01)
    step(network, optimiser, 100)
    step(other, fresh, 100)
    assert not torch.equal(network.weight, other.weight)


def test_a_stored_state_stays_while_the_optimiser_goes_on():
    network = linear()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    step(network, optimiser, 0)
    state = optimiser_to_dict(optimiser)
    before = {name: value.copy() for name, value in state["state"]["0"].items()}
    step(network, optimiser, 1)
    for name, value in state["state"]["0"].items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda state: state["state"]["0"].update(exp_avg=np.zeros(1, dtype=np.float32)),
        lambda state: state["state"]["0"].update(exp_avg=state["state"]["0"]["exp_avg"].astype(np.float64)),
        lambda state: state["state"]["1"]["exp_avg_sq"].fill(np.nan),
        lambda state: state["state"]["1"].pop("step"),
        lambda state: state["state"].pop("1"),
        lambda state: state["param_groups"][0].update(lr="fast"),
        lambda state: state["param_groups"][0].update(params=[0, 1, 2]),
        lambda state: state["param_groups"].pop(),
    ],
)
def test_moments_that_are_not_those_of_the_weights_are_refused(spoil, fused):
    """Torch takes any, and writes beyond the end of short ones."""
    network = linear()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01, fused=fused)
    step(network, optimiser, 0)
    state = optimiser_to_dict(optimiser)
    load_optimiser(optimiser, state)
    spoil(state)
    with pytest.raises(ValueError, match="its part 'optimiser' is not"):
        load_optimiser(optimiser, state)


OWN = {"a": 1, "b": [0.5, True], "c": {"d": "text", "e": np.zeros(2)}, "f": None}


@pytest.mark.parametrize(
    "other",
    [
        {"a": 1.5}, {"a": True}, {"b": [0.5]}, {"b": [np.nan, True]}, {"b": [0.5, 1]}, {"b": 0.5}, {"c": {}}, {"f": 0},
        {"c": {"d": "other", "e": np.zeros(2)}}, {"c": {"d": "text", "e": np.zeros(3)}},
        {"c": {"d": "text", "e": np.array([0, np.inf])}}, {"c": {"d": "text", "e": [0, 0]}}, {"g": 1},
    ],
)  # fmt: skip
def test_what_is_built_in_another_way_is_seen(other):
    check_like({**OWN, "a": 7, "b": (3, False)}, OWN, "it")
    with pytest.raises(ValueError, match="its part 'it' is not that of such a run"):
        check_like({**OWN, **other}, OWN, "it")
