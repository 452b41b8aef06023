"""How to train: the settings, and the schedules that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import torch

from scgsr import _checks
from scgsr._checks import about
from scgsr._train._regularizer import factors_of, uses_graph
from scgsr._values import n_batches
from scgsr.graphs import LearnedGraph, NeuronGraph
from scgsr.nn import Decay, GraphSpectralPenalty

STARTS = ("ordered", "random")

# Where the number of epochs is left open, training takes about this many steps: of few cells at most so many epochs, of
# many at least so many passes over them, and of very many, which one round does not hold, no more than it needs.
_DEFAULT_STEPS, _MOST_STEPS = 1200, 4800
_MIN_PASSES, _MAX_EPOCHS = 6, 200
# How strongly lonely cells are preferred: by markers, and by principal components.
_BALANCE, _BALANCE_OF_COMPONENTS = 5.0, 2.0
# The one-cycle schedule raises the rate for this share of the steps and lowers it for the rest.
_RATE_RISES_FOR = 0.3
# The annealed smoothness has come down to its value after this share of the steps.
_ANNEALED_BY = 0.5
# The penalty's weight at the first step must be a number that float32 can hold.
_STRONGEST = 1e30
# Early stopping compares epochs from this share of the training on, when the rate has come down from its peak.
EARLY_STOP_FROM = 0.5
# What may be None once the data are known.
_LEFT_OPEN = ("n_epochs", "precision")
# It stops after this share of the epochs, or so many, without improvement.
_PATIENCE, _LEAST_PATIENCE = 0.2, 3


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How to train; independent of the network and of the data."""

    smoothness: float | Decay
    start: str | None  # None: as `on` decides
    anneal: float
    balance: float | None  # None: as `weighing` decides
    penalty: str | Mapping[str, float]
    laplacian: str
    n_epochs: int | None
    batch_size: int
    learning_rate: float | Decay
    validation_fraction: float
    early_stopping: bool
    precision: str | None

    def __post_init__(self) -> None:
        factors = factors_of(self.penalty)
        rate = _checks.number("learning_rate", value_at(self.learning_rate, 0), minimum=0, exclusive=True)
        # NumPy's numbers are accepted and kept as Python's, which torch and JSON want.
        checked = {
            "anneal": _checks.number("anneal", self.anneal, minimum=1),
            "balance": None if self.balance is None else _checks.number("balance", self.balance, minimum=0),
            "penalty": factors if isinstance(self.penalty, Mapping) else self.penalty,
            "n_epochs": None if self.n_epochs is None else _checks.positive_int("n_epochs", self.n_epochs),
            "batch_size": _checks.positive_int("batch_size", self.batch_size, minimum=2),
            "validation_fraction": _checks.number(
                "validation_fraction", self.validation_fraction, minimum=0, maximum=0.9
            ),
        }
        if not isinstance(self.smoothness, Decay):
            checked["smoothness"] = _checks.number("smoothness", self.smoothness, minimum=0)
        if not isinstance(self.learning_rate, Decay):
            checked["learning_rate"] = rate
        if self.start is not None:
            _checks.one_of("start", self.start, STARTS)
        GraphSpectralPenalty.check_laplacian(self.laplacian)
        _checks.instance("early_stopping", self.early_stopping, bool)
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if not self.smoothness_at(0, 1) <= _STRONGEST:
            msg = f"`anneal`={self.anneal:g} makes the penalty weigh more than {_STRONGEST:g} at first; lower it."
            raise about("anneal", ValueError(msg))

    def on(self, graph: NeuronGraph | LearnedGraph) -> TrainConfig:
        """Return the settings for this graph, with the start that was left open decided; an impossible one is refused.

        Training starts from neurons in order where a given graph has edges and a penalty looks at it.
        """
        has_edges = isinstance(graph, NeuronGraph) and graph.n_edges > 0
        if self.start == "ordered" and not has_edges:
            msg = (
                "`start`='ordered' needs a given graph with edges, on which neurons can be put in order; leave it out, "
                "or give a graph such as (10, 10)."
            )
            raise about("start", ValueError(msg))
        if self.start is not None:
            return self
        return replace(self, start="ordered" if has_edges and self.uses_graph else "random")

    def weighing(self, *, components: bool) -> TrainConfig:
        """Return the settings with the balance that was left open decided: milder where cells are known by components.

        Distances in components of many noisy features vary less with the density of cells than with their quality.
        """
        if self.balance is not None:
            return self
        return replace(self, balance=_BALANCE_OF_COMPONENTS if components else _BALANCE)

    @property
    def penalises(self) -> bool:
        """Whether there is any penalty at all."""
        return value_at(self.smoothness, 0) > 0

    @property
    def uses_graph(self) -> bool:
        """Whether a penalty looks at the graph."""
        return self.penalises and uses_graph(self.penalty)

    def epochs(self, n_cells: int, rounds: int = 1) -> int:
        """Return the number of epochs, each a round of `n_cells` cells; so many rounds are one pass over all cells."""
        if self.n_epochs is not None:
            return self.n_epochs
        steps = n_batches(n_cells, self.batch_size)
        enough = min(max(-(-_DEFAULT_STEPS // steps), _MIN_PASSES * rounds), _MAX_EPOCHS)
        return enough if rounds == 1 else min(enough, -(-_MOST_STEPS // steps))

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values; a decay of nothing is no smoothness."""
        return asdict(self) if self.penalises else {**asdict(self), "smoothness": 0.0}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> TrainConfig:
        """Return the settings that `to_dict` has made values of, among other parameters of a fit.

        What was left open is not among them. Raises KeyError, with the name, if another one is missing, as in fits of
        older versions.
        """
        names = [field.name for field in fields(cls)]
        stored: dict[str, Any] = {name: params.get(name) if name in _LEFT_OPEN else params[name] for name in names}
        for name in ("smoothness", "learning_rate"):
            if isinstance(stored[name], Mapping):
                stored[name] = Decay(**stored[name])
        return cls(**stored)

    def smoothness_at(self, step: int, n_steps: int) -> float:
        """Return the smoothness at a step: `anneal` times as much at first, as much as asked for from half-way on."""
        return value_at(self.smoothness, step) * annealing(self.anneal, step / n_steps)

    def schedule(self, optimiser: torch.optim.Optimizer, n_steps: int) -> torch.optim.lr_scheduler.LRScheduler:
        """Return what sets the learning rate at each step."""
        rate = self.learning_rate
        if isinstance(rate, Decay):
            return torch.optim.lr_scheduler.StepLR(optimiser, step_size=rate.every, gamma=rate.factor)
        return torch.optim.lr_scheduler.OneCycleLR(
            optimiser, max_lr=rate, total_steps=n_steps, pct_start=_RATE_RISES_FOR
        )


def annealing(times: float, progress: float) -> float:
    """Return how many times stronger than asked for the penalty is: from `times` to 1 (progress from 0 to 1)."""
    return times ** max(0.0, 1 - progress / _ANNEALED_BY)


def patience(n_epochs: int) -> int:
    """Return after how many epochs without improvement training stops."""
    return max(_LEAST_PATIENCE, round(_PATIENCE * n_epochs))


def value_at(value: float | Decay, step: int) -> float:
    """Return the value of a number or a schedule at a step."""
    return value.at(step) if isinstance(value, Decay) else value
