"""States of torch's objects as arrays and plain values, which a checkpoint can hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

# What an optimiser's state says of the way in which it computes.
_HOW = ("foreach", "capturable", "differentiable", "fused")


def check_like(stored: Any, own: Any, part: str) -> None:
    """Raise ValueError unless a part of a state is built as another one: its keys, types and shapes, finite numbers."""
    if isinstance(own, Mapping):
        same = isinstance(stored, Mapping) and set(stored) == set(own)
        inner = [(stored[name], own[name]) for name in own] if same else []
    elif isinstance(own, list | tuple):
        same = isinstance(stored, list | tuple) and len(stored) == len(own)
        inner = list(zip(stored, own, strict=True)) if same else []
    else:
        same, inner = _same_kind(stored, own), []
    if not same:
        msg = f"its part {part!r} is not that of such a run"
        raise ValueError(msg)
    for one, other in inner:
        check_like(one, other, part)


def _same_kind(stored: Any, own: Any) -> bool:
    """Whether a number, text or array has the type of another one, and its shape, and is finite."""
    if isinstance(own, np.ndarray):
        if not isinstance(stored, np.ndarray) or (stored.shape, stored.dtype) != (own.shape, own.dtype):
            return False
        return bool(np.isfinite(stored).all())
    if isinstance(own, float):
        return isinstance(stored, int | float) and not isinstance(stored, bool) and math.isfinite(stored)
    return type(stored) is type(own) and (stored == own or not isinstance(own, str))


def tensors_to_arrays(state: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Return a state of tensors as arrays of their own."""
    return {name: value.cpu().numpy().copy() for name, value in state.items()}


def arrays_to_tensors(state: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Return a state of arrays as tensors on the CPU."""
    return {name: torch.tensor(value) for name, value in state.items()}


def optimiser_to_dict(optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """Return the state of an optimiser as arrays and plain values."""
    state = optimiser.state_dict()
    moments = {str(number): tensors_to_arrays(values) for number, values in state["state"].items()}
    return {"state": moments, "param_groups": state["param_groups"]}


def load_optimiser(optimiser: torch.optim.Optimizer, stored: Mapping[str, Any]) -> None:
    """Give an optimiser the state that `optimiser_to_dict` returned; ValueError if it is that of another one.

    Torch does not look: it would write moments of another shape beyond their end.
    """
    own = optimiser.state_dict()["param_groups"]
    how = {name: own[0][name] for name in _HOW}  # which is a matter of the device
    groups = [{**group, **how} for group in stored["param_groups"]]
    check_like(groups, own, "optimiser")
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    if stored["state"] and set(stored["state"]) != {str(number) for number in range(len(parameters))}:
        msg = "its part 'optimiser' is not of all weights"
        raise ValueError(msg)
    for number, values in stored["state"].items():
        like = parameters[int(number)].detach().cpu().numpy()
        step = np.zeros((), dtype=np.float32)
        check_like(values, {"step": step, "exp_avg": like, "exp_avg_sq": like}, "optimiser")
    moments = {int(number): arrays_to_tensors(values) for number, values in stored["state"].items()}
    groups = [{**group, "betas": tuple(group["betas"])} for group in groups]
    optimiser.load_state_dict({"state": moments, "param_groups": groups})
