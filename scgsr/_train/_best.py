"""Which epoch's network is kept, and when to stop."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from scgsr._model import Autoencoder
from scgsr._train._state import arrays_to_tensors, tensors_to_arrays


class BestNetwork:
    """The weights with the lowest objective so far."""

    def __init__(self, network: Autoencoder, *, patience: int) -> None:
        self.network, self.patience = network, patience
        self.objective, self.epochs_since = float("inf"), 0
        self.epoch: int | None = None
        self.weights: dict[str, torch.Tensor] = {}

    @property
    def patience_is_over(self) -> bool:
        """Whether too many epochs have passed without an improvement."""
        return self.epochs_since >= self.patience

    def update(self, epoch: int, objective: float) -> None:
        """Store the weights if the objective is the lowest so far, else count the epoch."""
        if objective < self.objective:
            self.objective, self.epochs_since, self.epoch = objective, 0, epoch
            self.weights = copy.deepcopy(self.network.state_dict())
        else:
            self.epochs_since += 1

    def give_back(self) -> None:
        """Give the network the stored weights, if any were stored."""
        if self.weights:
            self.network.load_state_dict(self.weights)

    def state(self) -> dict[str, Any]:
        """Return the state as values that a checkpoint can hold."""
        epoch = -1 if self.epoch is None else self.epoch
        numbers = np.array([self.objective, self.epochs_since, epoch], dtype=float)
        return {"numbers": numbers, "weights": tensors_to_arrays(self.weights)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over a state that `state` returned."""
        objective, since, epoch = state["numbers"].tolist()
        self.objective, self.epochs_since, self.epoch = objective, int(since), None if epoch < 0 else int(epoch)
        self.weights = arrays_to_tensors(state["weights"])
