"""One training run: its settings, the state that changes from step to step, and the steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import sparse

from scgsr import _model, _random
from scgsr._checks import log
from scgsr._model import Autoencoder
from scgsr._train import _checkpoint
from scgsr._train._backprop import Gradient
from scgsr._train._best import BestKeeper
from scgsr._train._checkpoint import Checkpoint
from scgsr._train._config import EARLY_STOP_FROM, PATIENCE, TrainConfig, at_first, schedule
from scgsr._train._graph_learner import GraphLearner
from scgsr._train._losses import Loss, squared_error
from scgsr._train._regularizer import Regularizer, factors_of
from scgsr._values import Batches, n_batches
from scgsr.graphs import LearnedGraph, NeuronGraph
from scgsr.nn import StructuredLayer, unit_pictures


class Run:
    """The state of one training run: network, penalty, optimiser, schedule."""

    def __init__(
        self,
        batches: Batches,
        rows: tuple[np.ndarray, np.ndarray],
        network: Autoencoder,
        graph: NeuronGraph | LearnedGraph,
        config: TrainConfig,
        *,
        order_seed: int,
        noise_seed: int,
    ) -> None:
        self.batches, self.network, self.config = batches, network, config
        self.graph = graph if isinstance(graph, NeuronGraph) else edgeless(graph.n_neurons)
        self.train_rows, self.validation_rows = rows
        self.regularizer = Regularizer(self.graph, factors_of(config.penalty), config.laplacian).to(batches.device)
        self.order_rng = _random.generator(order_seed)
        self.noise_rng = _random.torch_generator(noise_seed, batches.device)
        self.n_epochs = config.epochs(len(self.train_rows))
        n_steps_per_epoch = n_batches(len(self.train_rows), config.batch_size)
        self.n_steps = self.n_epochs * n_steps_per_epoch
        # One kernel for all weights, where there is one.
        fused = batches.device.type in ("cpu", "cuda")
        self.optimiser = torch.optim.Adam(network.parameters(), lr=at_first(config.learning_rate), fused=fused)
        self.schedule = schedule(self.optimiser, config.learning_rate, self.n_steps)
        largest = -(-len(self.train_rows) // n_steps_per_epoch)
        self.gradient = Gradient(network, self.regularizer, largest, config.precision)
        self.step = 0
        self.learner = GraphLearner(graph, self.n_steps, config.laplacian) if isinstance(graph, LearnedGraph) else None
        self.best = BestKeeper(network, patience=max(3, round(PATIENCE * self.n_epochs)))
        self.history: list[dict[str, float]] = []
        self.stopped = False

    def state(self) -> dict[str, Any]:
        """Return all that changes from epoch to epoch."""
        return {
            "network": _checkpoint.tensors_to_arrays(self.network.state_dict()),
            "regularizer": _checkpoint.tensors_to_arrays(self.regularizer.state_dict()),
            "optimiser": _checkpoint.optimiser_to_dict(self.optimiser),
            "schedule": self.schedule.state_dict(),
            "graph": _model.graph_to_dict(self.graph),
            "learner": {} if self.learner is None else self.learner.state(),
            "best": self.best.state(),
            "history": pd.DataFrame(self.history),
            "order_rng": self.order_rng.bit_generator.state,
            "noise_rng": self.noise_rng.get_state().numpy(),
            "step": self.step,
            "stopped": self.stopped,
        }

    def restore(self, state: Mapping[str, Any] | None) -> None:
        """Put it back, if there is any."""
        if state is None:
            return
        self.network.load_state_dict(_checkpoint.arrays_to_tensors(state["network"]))
        if self.learner is not None:  # a given graph may be drawn in another way now
            self.set_graph(_model.graph_from_dict(state["graph"]))
        self.regularizer.load_state_dict(_checkpoint.arrays_to_tensors(state["regularizer"]))
        _checkpoint.optimiser_from_dict(self.optimiser, state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        if self.learner is not None:
            self.learner.restore(state["learner"])
        self.best.load(state["best"])
        self.history = state["history"].to_dict("records")
        self.order_rng.bit_generator.state = state["order_rng"]
        self.noise_rng.set_state(torch.tensor(state["noise_rng"]))
        self.step, self.stopped = state["step"], state["stopped"]
        log.info("going on after epoch %d of %d", len(self.history), self.n_epochs)

    def set_graph(self, graph: NeuronGraph) -> None:
        self.graph = graph
        self.network.layer.set_graph(graph)
        self.regularizer.set_graph(graph)

    def fit(self, checkpoint: Checkpoint | None, progress: bool | None) -> None:
        """Run the epochs that are left, or fewer if the objective stops improving; keep the best network."""
        from tqdm.auto import trange

        final_smoothness = self.config.smoothness_at(self.n_steps, self.n_steps)
        disable = None if progress is None else not progress
        done = self.n_epochs if self.stopped else len(self.history)
        epochs = trange(done, self.n_epochs, desc="scgsr", unit="epoch", disable=disable, leave=False)
        for epoch in epochs:
            row = {"epoch": epoch, **self.train_epoch(epoch), **self.validate()}
            self.history.append(row)
            self.stopped = self.learner is not None and self.learner.is_over(self.step)
            # Until a learned graph is final the objective itself changes, so epochs cannot be compared.
            settled = self.n_epochs * (
                EARLY_STOP_FROM if self.learner is None else max(EARLY_STOP_FROM, self.learner.settled)
            )
            if self.config.early_stopping and len(self.validation_rows) and epoch >= settled:
                objective = row["validation_reconstruction"] + final_smoothness * row["validation_penalty"]
                self.stopped |= self.best.should_stop(epoch, objective)
            if checkpoint is not None:
                checkpoint.write(self.state())
            if self.stopped:
                break
        self.best.restore()

    def kept_history(self) -> pd.DataFrame:
        """Return one row per epoch, and which epoch's network was kept."""
        history = pd.DataFrame(self.history)
        last = history["epoch"].iloc[-1] if self.best.epoch is None else self.best.epoch
        return history.assign(kept=history["epoch"] == last)

    def train_epoch(self, epoch: int) -> dict[str, float]:
        self.network.train()
        self.regularizer.train()
        reconstruction_sum, penalty_sum = torch.zeros(2, device=self.batches.device)
        learner = self.learner
        for n_seen, features in enumerate(  # noqa: B007 (the count is read after the loop)
            self.batches.shuffled(self.train_rows, self.config.batch_size, self.order_rng), start=1
        ):
            if learner is not None and learner.is_due(self.step):
                self.set_graph(learner.refreshed(self.graph, self.pictures(), epoch, self.step))
            loss = self.train_step(features)
            reconstruction_sum += loss.reconstruction
            penalty_sum += loss.penalty
            if learner is not None and learner.is_over(self.step):
                break
        row: dict[str, float] = {
            "train_reconstruction": float(reconstruction_sum) / n_seen,
            "train_penalty": float(penalty_sum) / n_seen,
            "learning_rate": float(self.schedule.get_last_lr()[0]),
        }
        if learner is None:
            return row
        return {**row, "edge_jaccard": learner.edge_jaccard, "components": learner.n_pieces}

    def train_step(self, features: torch.Tensor) -> Loss:
        smoothness = self.config.smoothness_at(self.step, self.n_steps)
        loss = self.gradient.of(features, smoothness, self.noise_rng)
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
        self.regularizer.eval()
        weight = self.network.layer.linear.weight
        sums = np.zeros(3)  # squared error, penalty, squares: means over a batch times its cells
        feature_sums = torch.zeros(self.network.config.n_features, device=self.batches.device)
        for features in self.batches.in_order(self.validation_rows):
            activations, reconstruction = self.network(features)
            parts = (
                squared_error(features, reconstruction),
                self.regularizer(activations, weight),
                features.square().mean(),
            )
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
        layer = self.network.layer
        assert isinstance(layer, StructuredLayer)  # a spectral bottleneck has a given graph
        code = layer.code(self.network.encoder(self.sample(GraphLearner.CELLS)))
        self.network.train()
        return unit_pictures(code).cpu().numpy()

    @torch.no_grad()
    def calibrate(self) -> None:
        """Replace the running moments of the normalisation by exact ones over the training cells."""
        layer = self.network.layer
        norm = layer.norm if isinstance(layer, StructuredLayer) else None
        if not isinstance(norm, torch.nn.BatchNorm1d):
            return
        self.network.eval()
        total = squares = torch.zeros(layer.linear.out_features, dtype=torch.float64)
        for features in self.batches.in_order(self.train_rows):
            pre = layer.linear(self.network.encoder(features)).cpu().double()
            total = total + pre.sum(dim=0)
            squares = squares + pre.square().sum(dim=0)
        mean = total / len(self.train_rows)
        moments = {"running_mean": mean, "running_var": squares / len(self.train_rows) - mean.square()}
        norm.load_state_dict({**norm.state_dict(), **moments})


def edgeless(n_neurons: int) -> NeuronGraph:
    """Return the graph that a learned one starts from."""
    # Without edges there is neither penalty nor diffusion; the layout comes with the final graph.
    in_a_row = np.column_stack([np.arange(n_neurons), np.zeros(n_neurons)])
    return NeuronGraph(sparse.csr_matrix((n_neurons, n_neurons)), in_a_row, name="learned")
