"""States of torch's objects as arrays and plain values, which a checkpoint can hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


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
    """Give an optimiser the state that `optimiser_to_dict` returned."""
    moments = {int(number): arrays_to_tensors(values) for number, values in stored["state"].items()}
    groups = [{**group, "betas": tuple(group["betas"])} for group in stored["param_groups"]]
    optimiser.load_state_dict({"state": moments, "param_groups": groups})
