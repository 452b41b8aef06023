"""How to train: the settings, and the schedules that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

from scgsr import _checks
from scgsr._train._regularizer import factors_of
from scgsr._values import n_batches
from scgsr.nn import Decay, checked_laplacian

# An epoch count that is not given is chosen so that training takes about this many steps, within bounds.
_DEFAULT_STEPS = 1200
_MIN_EPOCHS, _MAX_EPOCHS = 6, 200
# The one-cycle schedule raises the rate for this share of the steps and lowers it for the rest.
_RATE_RISES_FOR = 0.3
# Early stopping compares epochs from this share of the training on, when the rate has come down from its peak, and
# waits for that share without improvement.
EARLY_STOP_FROM, PATIENCE = 0.5, 0.2
# Smoothness starts so many times stronger than asked for and falls to its value by this share of the steps: order
# comes first, detail later.
_ANNEAL_FROM, _ANNEALED_BY = 10.0, 0.5


@dataclass(frozen=True)
class TrainConfig:
    """How to train; independent of the network and of the data."""

    smoothness: float | Decay
    penalty: str | Mapping[str, float]
    laplacian: str
    n_epochs: int | None
    batch_size: int
    learning_rate: float | Decay
    validation_fraction: float
    early_stopping: bool
    precision: str | None

    def __post_init__(self) -> None:
        # NumPy's numbers are accepted and kept as Python's, which torch and JSON want.
        if not isinstance(self.smoothness, Decay):
            object.__setattr__(self, "smoothness", _checks.number("smoothness", self.smoothness, minimum=0))
        factors = factors_of(self.penalty)
        if isinstance(self.penalty, Mapping):
            object.__setattr__(self, "penalty", factors)
        checked_laplacian(self.laplacian)
        if self.n_epochs is not None:
            object.__setattr__(self, "n_epochs", _checks.positive_int("n_epochs", self.n_epochs))
        object.__setattr__(self, "batch_size", _checks.positive_int("batch_size", self.batch_size, minimum=2))
        rate = _checks.number("learning_rate", at_first(self.learning_rate), minimum=0, exclusive=True)
        if not isinstance(self.learning_rate, Decay):
            object.__setattr__(self, "learning_rate", rate)
        share = _checks.number("validation_fraction", self.validation_fraction, minimum=0, maximum=0.9)
        object.__setattr__(self, "validation_fraction", share)
        _checks.instance("early_stopping", self.early_stopping, bool)

    def epochs(self, n_train: int) -> int:
        """Return the number of epochs for `n_train` cells."""
        if self.n_epochs is not None:
            return self.n_epochs
        wanted = -(-_DEFAULT_STEPS // n_batches(n_train, self.batch_size))
        return min(max(wanted, _MIN_EPOCHS), _MAX_EPOCHS)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values; a decay of nothing is no smoothness."""
        return asdict(self) if self.penalises else {**asdict(self), "smoothness": 0.0}

    @property
    def penalises(self) -> bool:
        """Whether there is any penalty at all."""
        return at_first(self.smoothness) > 0

    def smoothness_at(self, step: int, n_steps: int) -> float:
        """Return the smoothness at a step."""
        if isinstance(self.smoothness, Decay):
            return self.smoothness.at(step)
        return self.smoothness * annealing(step / n_steps)


def annealing(progress: float) -> float:
    """Return how many times stronger than asked for the penalty is: from 10 to 1, then 1 (progress from 0 to 1)."""
    return _ANNEAL_FROM ** max(0.0, 1 - progress / _ANNEALED_BY)


def at_first(value: float | Decay) -> float:
    return value.start if isinstance(value, Decay) else value


def schedule(
    optimiser: torch.optim.Optimizer, rate: float | Decay, n_steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """Return what sets the learning rate at each step."""
    if isinstance(rate, Decay):
        return torch.optim.lr_scheduler.StepLR(optimiser, step_size=rate.every, gamma=rate.factor)
    return torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=rate, total_steps=n_steps, pct_start=_RATE_RISES_FOR)
