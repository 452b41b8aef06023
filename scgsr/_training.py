"""The one training loop: fixed or learned graph, early stop, history. It knows nothing of AnnData."""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from scipy import sparse

from scgsr import _checks, _random, _start
from scgsr._batches import Batches, n_batches
from scgsr._graph_learner import GraphLearner
from scgsr._losses import Loss, combine, squared_error
from scgsr._model import Autoencoder, AutoencoderConfig
from scgsr.graphs import LearnedGraph, NeuronGraph
from scgsr.graphs._layout import layout
from scgsr.nn import GraphSpectralPenalty, unit_pictures

_log = logging.getLogger("scgsr")

# An epoch count that is not given is chosen so that training takes about this many steps, within bounds.
_STEPS = 1200
_MIN_EPOCHS, _MAX_EPOCHS = 12, 200
# The one-cycle schedule raises the rate for this share of the steps and lowers it for the rest.
_RISING = 0.3
# Early stopping compares epochs from this share of the training on, when the rate has come down from its peak, and
# waits for that share without improvement.
_SETTLED, _PATIENCE = 0.5, 0.2
# Smoothness starts so many times stronger than asked for and falls to its value by this share of the steps: order
# comes first, detail later.
_ANNEALED_FROM, _ANNEALED = 10.0, 0.5


@dataclass(frozen=True)
class TrainConfig:
    """How to train; independent of the network and of the data."""

    smoothness: float
    penalty: str
    laplacian: str
    n_epochs: int | None
    batch_size: int
    learning_rate: float
    validation_fraction: float
    early_stopping: bool

    def __post_init__(self) -> None:
        _checks.number("smoothness", self.smoothness, minimum=0)
        # NumPy's integers are accepted and kept as Python's, which torch and JSON want.
        if self.n_epochs is not None:
            object.__setattr__(self, "n_epochs", _checks.positive_int("n_epochs", self.n_epochs))
        object.__setattr__(self, "batch_size", _checks.positive_int("batch_size", self.batch_size, minimum=2))
        _checks.number("learning_rate", self.learning_rate, minimum=0, exclusive=True)
        _checks.number("validation_fraction", self.validation_fraction, minimum=0, maximum=0.9)
        _checks.instance("early_stopping", self.early_stopping, bool)

    def epochs(self, n_train: int) -> int:
        """Return the number of epochs for `n_train` cells."""
        if self.n_epochs is not None:
            return self.n_epochs
        wanted = -(-_STEPS // n_batches(n_train, self.batch_size))
        return min(max(wanted, _MIN_EPOCHS), _MAX_EPOCHS)


@dataclass(frozen=True)
class Trained:
    """What training gives: the network in evaluation mode, its final graph, one history row per epoch.

    `validation_r2` is that of the network that was kept, NaN without held-out cells; `held_out` are their row numbers.
    """

    network: Autoencoder
    graph: NeuronGraph
    history: pd.DataFrame
    validation_r2: float
    held_out: np.ndarray


def split(n_cells: int, validation_fraction: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return row numbers for training and validation; at least two cells train."""
    n_validation = min(int(n_cells * validation_fraction), n_cells - 2)
    order = rng.permutation(n_cells)
    return np.sort(order[n_validation:]), np.sort(order[:n_validation])


def annealing(progress: float) -> float:
    """Return how many times stronger than asked for the penalty is: from 10 to 1, then 1 (progress from 0 to 1)."""
    return _ANNEALED_FROM ** max(0.0, 1 - progress / _ANNEALED)


def train(
    batches: Batches,
    graph: NeuronGraph | LearnedGraph,
    model_config: AutoencoderConfig,
    config: TrainConfig,
    *,
    seed: int,
    progress: bool | None = None,
) -> Trained:
    """Train an autoencoder whose structured layer lives on `graph`."""
    init_seed, split_seed, order_seed, noise_seed = _random.spawn(seed, 4)
    rows = split(batches.matrix.shape[0], config.validation_fraction, _random.generator(split_seed))
    start = graph if isinstance(graph, NeuronGraph) else _edgeless(graph.n_neurons)
    network = Autoencoder.initialised(model_config, start, init_seed).to(batches.device)
    run = _Run(batches, rows, network, start, config, order_seed=order_seed, noise_seed=noise_seed)
    learner = None
    if isinstance(graph, LearnedGraph):
        learner = GraphLearner(graph, run.n_steps)
    elif graph.n_edges and config.smoothness:  # without a penalty the graph must play no part at all
        _start.organise(network, graph, run.sample(_start.CELLS))
    history = run.fit(learner, progress)
    run.calibrate()
    final = run.graph if learner is None else replace(run.graph, positions=layout(run.graph.adjacency))
    if learner is not None and final.n_edges == 0:
        _log.warning(
            "the learned graph has no edges: no two neurons fired together; train longer, or lower `threshold`"
        )
    if config.laplacian == "symmetric" and len(np.unique(final.adjacency.sum(axis=1).round(6))) > 1:
        _log.warning(
            "`laplacian`='symmetric' on the irregular graph %r penalises a constant image; consider 'combinatorial'",
            final.name,
        )
    validation = run.validate()
    return Trained(network.eval(), final, pd.DataFrame(history), validation["validation_r2"], rows[1])


class _Run:
    """The state of one training run: network, penalty, optimiser, schedule."""

    def __init__(
        self,
        batches: Batches,
        rows: tuple[np.ndarray, np.ndarray],
        network: Autoencoder,
        graph: NeuronGraph,
        config: TrainConfig,
        *,
        order_seed: int,
        noise_seed: int,
    ) -> None:
        self.batches, self.network, self.config, self.graph = batches, network, config, graph
        self.train_rows, self.validation_rows = rows
        self.penalty = GraphSpectralPenalty(graph, penalty=config.penalty, laplacian=config.laplacian)
        self.penalty.to(batches.device)
        self.order_rng = _random.generator(order_seed)
        self.noise_rng = _random.torch_generator(noise_seed, batches.device)
        self.n_epochs = config.epochs(len(self.train_rows))
        self.n_steps = self.n_epochs * n_batches(len(self.train_rows), config.batch_size)
        # One kernel for all weights, where there is one.
        fused = batches.device.type in ("cpu", "cuda")
        self.optimiser = torch.optim.Adam(network.parameters(), lr=config.learning_rate, fused=fused)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, max_lr=config.learning_rate, total_steps=self.n_steps, pct_start=_RISING
        )
        self.step = 0

    def set_graph(self, graph: NeuronGraph) -> None:
        self.graph = graph
        self.network.layer.set_graph(graph)
        self.penalty.set_graph(graph)

    def fit(self, learner: GraphLearner | None, progress: bool | None) -> list[dict[str, float]]:
        """Run all epochs, or fewer if the validation objective stops improving; keep the best network."""
        from tqdm.auto import trange

        history: list[dict[str, float]] = []
        keeper = _BestKeeper(self.network, patience=max(3, round(_PATIENCE * self.n_epochs)))
        # Until a learned graph is final the objective itself changes, so epochs cannot be compared.
        settled = self.n_epochs * (_SETTLED if learner is None else max(_SETTLED, learner.recipe.stop))
        disable = None if progress is None else not progress
        for epoch in trange(self.n_epochs, desc="scgsr", unit="epoch", disable=disable, leave=False):
            row = {"epoch": epoch, **self.train_epoch(learner), **self.validate()}
            history.append(row)
            if self.config.early_stopping and len(self.validation_rows) and epoch >= settled:
                objective = row["validation_reconstruction"] + self.config.smoothness * row["validation_penalty"]
                if keeper.should_stop(epoch, objective):
                    break
        keeper.restore()
        for row in history:
            row["kept"] = row["epoch"] == (history[-1]["epoch"] if keeper.epoch is None else keeper.epoch)
        return history

    def train_epoch(self, learner: GraphLearner | None) -> dict[str, float]:
        self.network.train()
        self.penalty.train()
        sums = torch.zeros(2, device=self.batches.device)
        for n_seen, features in enumerate(  # noqa: B007 (the count is read after the loop)
            self.batches.shuffled(self.train_rows, self.config.batch_size, self.order_rng), start=1
        ):
            if learner is not None and self.step in learner.refresh_at:
                self.set_graph(learner.refreshed(self.graph, self.pictures()))
            loss = self.train_step(features)
            sums += torch.stack([loss.reconstruction, loss.penalty]).detach()
        reconstruction, penalty = (sums / n_seen).tolist()
        row = {
            "train_reconstruction": reconstruction,
            "train_penalty": penalty,
            "learning_rate": self.schedule.get_last_lr()[0],
        }
        return row if learner is None else {**row, "edge_jaccard": learner.edge_jaccard}

    def train_step(self, features: torch.Tensor) -> Loss:
        activations, reconstruction = self.network(features, self.noise_rng)
        smoothness = self.config.smoothness * annealing(self.step / self.n_steps)
        loss = combine(squared_error(features, reconstruction), self.penalty(activations), smoothness)
        self.optimiser.zero_grad(set_to_none=True)
        loss.total.backward()
        self.optimiser.step()
        self.schedule.step()
        self.step += 1
        return loss

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return reconstruction, penalty and explained variance on held-out cells, without noise."""
        names = ("validation_reconstruction", "validation_penalty", "validation_r2")
        if not len(self.validation_rows):
            return dict.fromkeys(names, float("nan"))
        self.network.eval()
        self.penalty.eval()
        sums = np.zeros(3)  # squared error, penalty, squares: means over a batch times its cells
        feature_sums = torch.zeros(self.network.config.n_features, device=self.batches.device)
        for features in self.batches.in_order(self.validation_rows):
            activations, reconstruction = self.network(features)
            parts = squared_error(features, reconstruction), self.penalty(activations), features.square().mean()
            sums += len(features) * torch.stack(parts).cpu().numpy()
            feature_sums += features.sum(dim=0)
        error, penalty, squares = sums / len(self.validation_rows)
        variance = squares - float((feature_sums / len(self.validation_rows)).square().mean())
        r2 = 1 - error / variance if variance > 0 else float("nan")
        return dict(zip(names, (error, penalty, r2), strict=True))

    def sample(self, n_cells: int) -> torch.Tensor:
        """Return some training cells as the network sees them, (at most n_cells, n_features)."""
        rows = self.train_rows
        if len(rows) > n_cells:
            rows = np.sort(self.order_rng.choice(rows, n_cells, replace=False))
        return torch.cat(list(self.batches.in_order(rows)))

    @torch.no_grad()
    def pictures(self) -> np.ndarray:
        """Return the code before diffusion, so that a learned graph does not confirm itself, all cells as bright."""
        self.network.eval()
        code = self.network.layer.code(self.network.encoder(self.sample(GraphLearner.CELLS)))
        self.network.train()
        return unit_pictures(code).cpu().numpy()

    @torch.no_grad()
    def calibrate(self) -> None:
        """Replace the running moments of the normalisation by exact ones over the training cells."""
        norm = self.network.layer.norm
        if not isinstance(norm, torch.nn.BatchNorm1d):
            return
        self.network.eval()
        layer = self.network.layer
        total = squares = torch.zeros(layer.linear.out_features, dtype=torch.float64)
        for features in self.batches.in_order(self.train_rows):
            pre = layer.linear(self.network.encoder(features)).cpu().double()
            total = total + pre.sum(dim=0)
            squares = squares + pre.square().sum(dim=0)
        mean = total / len(self.train_rows)
        moments = {"running_mean": mean, "running_var": squares / len(self.train_rows) - mean.square()}
        norm.load_state_dict({**norm.state_dict(), **moments})


class _BestKeeper:
    """Remembers the weights with the lowest objective."""

    def __init__(self, network: Autoencoder, *, patience: int) -> None:
        self.network, self.patience = network, patience
        self.best, self.since = float("inf"), 0
        self.epoch: int | None = None
        self.weights: dict[str, torch.Tensor] = {}

    def should_stop(self, epoch: int, objective: float) -> bool:
        if objective < self.best:
            self.best, self.since, self.epoch = objective, 0, epoch
            self.weights = copy.deepcopy(self.network.state_dict())
        else:
            self.since += 1
        return self.since >= self.patience

    def restore(self) -> None:
        if self.weights:
            self.network.load_state_dict(self.weights)


def _edgeless(n_neurons: int) -> NeuronGraph:
    # Without edges there is neither penalty nor diffusion; the layout comes with the final graph.
    in_a_row = np.column_stack([np.arange(n_neurons), np.zeros(n_neurons)])
    return NeuronGraph(sparse.csr_matrix((n_neurons, n_neurons)), in_a_row, name="learned")
