"""Which epoch's network is kept, and when to stop."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from scgsr._model import Autoencoder
from scgsr._train._checkpoint import arrays_to_tensors, tensors_to_arrays


class BestKeeper:
    """Remembers the weights with the lowest objective."""

    def __init__(self, network: Autoencoder, *, patience: int) -> None:
        self.network, self.patience = network, patience
        self.best, self.since = float("inf"), 0
        self.epoch: int | None = None
        self.weights: dict[str, torch.Tensor] = {}

    def state(self) -> dict[str, Any]:
        """Return what a later run needs to go on."""
        numbers = np.array([self.best, self.since, -1 if self.epoch is None else self.epoch], dtype=float)
        return {"numbers": numbers, "weights": tensors_to_arrays(self.weights)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        best, since, epoch = state["numbers"].tolist()
        self.best, self.since, self.epoch = best, int(since), None if epoch < 0 else int(epoch)
        self.weights = arrays_to_tensors(state["weights"])

    def should_stop(self, epoch: int, objective: float) -> bool:
        """Remember the weights if they are the best so far, and return whether patience has run out."""
        if objective < self.best:
            self.best, self.since, self.epoch = objective, 0, epoch
            self.weights = copy.deepcopy(self.network.state_dict())
        else:
            self.since += 1
        return self.since >= self.patience

    def restore(self) -> None:
        """Give the network its best weights back."""
        if self.weights:
            self.network.load_state_dict(self.weights)
