"""One training run: the state that changes from epoch to epoch, and the epochs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import sparse

from scgsr import _model, _random, _ranks
from scgsr._checks import log
from scgsr._model import Autoencoder
from scgsr._train._best import BestNetwork
from scgsr._train._checkpoint import Checkpoint
from scgsr._train._config import EARLY_STOP_FROM, TrainConfig, patience
from scgsr._train._graph_learner import GraphLearner
from scgsr._train._regularizer import Regularizer, factors_of
from scgsr._train._rounds import Rounds
from scgsr._train._state import arrays_to_tensors, check_like, load_optimiser, optimiser_to_dict, tensors_to_arrays
from scgsr._train._step import Stepper
from scgsr._values import Minibatch, Part, rows_at_once, slices
from scgsr.graphs import LearnedGraph, NeuronGraph
from scgsr.nn import StructuredLayer, unit_pictures

# A variance below this share of the mean square is rounding.
_ROUNDING = 1e-6
# Epochs are compared on at most so many held-out cells.
_CELLS_JUDGED = 5000


class Run:
    """The state of one training run: network, penalty, steps, learned graph, history."""

    def __init__(
        self,
        rounds: Rounds,
        known: Part,
        judged: Part,
        network: Autoencoder,
        graph: NeuronGraph | LearnedGraph,
        config: TrainConfig,
        *,
        order_seed: int,
        noise_seed: int,
        step: str = "plain",
    ) -> None:
        self.rounds, self.known, self.judged = rounds, known, judged
        self.network, self.config, self.device = network, config, rounds.cells.device
        self.graph = graph if isinstance(graph, NeuronGraph) else edgeless(graph.n_neurons)
        self.regularizer = Regularizer(self.graph, factors_of(config.penalty), config.laplacian).to(self.device)
        self.order_rng = _random.generator(order_seed)
        self.noise_seed, self.noise_rng = noise_seed, _random.torch_generator(noise_seed, self.device)
        # Epochs are compared on the same held-out cells, drawn by weight as in training. R2 is that of any.
        rng = _random.generator(order_seed)
        self.any_judged = replace(judged, weights=None).some(_CELLS_JUDGED, rng)
        self.judged_on = self.any_judged if judged.weights is None else judged.some(_CELLS_JUDGED, rng)
        self.n_epochs = config.epochs(rounds.n_cells, rounds.in_a_pass)
        n_steps = rounds.n_steps(self.n_epochs, config.batch_size)
        self.stepper = Stepper(network, self.regularizer, config, n_steps, step)
        self.learner = GraphLearner(graph, n_steps, config.laplacian) if isinstance(graph, LearnedGraph) else None
        self.best = BestNetwork(network, patience=patience(self.n_epochs))
        self.history: list[dict[str, float]] = []
        self.stopped = False

    def state(self) -> dict[str, Any]:
        """Return all that changes from epoch to epoch, as values that a checkpoint can hold."""
        return {
            "network": tensors_to_arrays(self.network.state_dict()),
            "regularizer": tensors_to_arrays(self.regularizer.state_dict()),
            "optimiser": optimiser_to_dict(self.stepper.optimiser),
            "schedule": self.stepper.schedule.state_dict(),
            "graph": _model.graph_to_dict(self.graph),
            "learner": {} if self.learner is None else self.learner.state(),
            "best": self.best.state(),
            "history": pd.DataFrame(self.history),
            "order_rng": self.order_rng.bit_generator.state,
            "noise_rng": self.noise_rng.get_state().numpy(),
            "device": self.device.type,
            "step": self.stepper.n_done,
            "stopped": self.stopped,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over a state that `state` returned, so that the run resumes after its last epoch.

        Raises KeyError, TypeError, ValueError, AttributeError or RuntimeError if it is not that of such a run.
        """
        self._check(state)
        self.network.load_state_dict(arrays_to_tensors(state["network"]))
        if self.learner is not None:  # a given graph may be drawn in another way now
            self.set_graph(_model.graph_from_dict(state["graph"]))
            self.learner.load_state(state["learner"])
        self.regularizer.load_state_dict(arrays_to_tensors(state["regularizer"]))
        load_optimiser(self.stepper.optimiser, state["optimiser"])
        self.stepper.schedule.load_state_dict(state["schedule"])
        self.best.load_state(state["best"])
        self.history = state["history"].to_dict("records")
        self.order_rng.bit_generator.state = state["order_rng"]
        self.stepper.n_done, self.stopped = state["step"], state["stopped"]
        if self._is_of_same_device(state):
            self.noise_rng.set_state(torch.tensor(state["noise_rng"]))
        else:  # where random numbers come about in another way
            seed = np.random.SeedSequence([self.noise_seed, self.stepper.n_done])
            self.noise_rng = _random.torch_generator(seed, self.device)
        log.info("going on after epoch %d of %d", len(self.history), self.n_epochs)

    def _is_of_same_device(self, state: Mapping[str, Any]) -> bool:
        """Whether a state was written on a device of this kind; older ones were."""
        return bool(state.get("device", self.device.type) == self.device.type)

    def _check(self, state: Mapping[str, Any]) -> None:
        own, best = self.state(), state["best"]
        of_device = ("noise_rng",) if self._is_of_same_device(state) else ()
        for part in ("network", "schedule", "order_rng", *of_device, "step", "stopped"):
            check_like(state[part], own[part], part)
        if best["weights"]:
            check_like(best["weights"], own["network"], "best")
        epochs = [row.get("epoch") for row in state["history"].to_dict("records")]
        if epochs != [*range(len(state["history"]))]:
            msg = "its history is not that of its epochs"
            raise ValueError(msg)
        # A step more than the epochs have would be one too many for the schedule.
        most = self.rounds.n_steps(len(state["history"]), self.config.batch_size)
        same_length = state["schedule"].get("total_steps") == own["schedule"].get("total_steps")
        if not (same_length and 0 <= state["step"] == state["schedule"]["last_epoch"] <= most):
            msg = f"its {state['step']} steps are not those of {len(state['history'])} epochs"
            raise ValueError(msg)

    def set_graph(self, graph: NeuronGraph) -> None:
        """Replace the graph, as a learned one is at each refresh."""
        self.graph = graph
        self.network.layer.set_graph(graph)
        self.regularizer.set_graph(graph)
        self.stepper.forget_captured()

    def fit(self, checkpoint: Checkpoint | None, progress: bool | None) -> None:
        """Train for the epochs that are left, or fewer if the objective stops improving; keep the best network."""
        from tqdm.auto import trange

        _ranks.take_first(self.network.state_dict().values())
        disable = True if not _ranks.is_first() else None if progress is None else not progress
        n_done = self.n_epochs if self.stopped else len(self.history)
        try:
            for epoch in trange(n_done, self.n_epochs, desc="scgsr", unit="epoch", disable=disable, leave=False):
                row = {"epoch": epoch, **self.train_epoch(epoch), **self.validate()}
                self.history.append(row)
                self.stopped = self._is_over(row)
                if checkpoint is not None:
                    _ranks.on_first(lambda: checkpoint.write(self.state()))
                if self.stopped:
                    break
        finally:
            self.stepper.forget_captured()
        self.best.give_back()

    def _is_over(self, row: Mapping[str, float]) -> bool:
        """Return whether training ends after the epoch of this row of the history; store its network if it is best."""
        over = self.learner is not None and self.learner.is_over(self.stepper.n_done)
        # Until a learned graph is final the objective itself changes, so epochs cannot be compared.
        final_from = 0.0 if self.learner is None else self.learner.final_from
        comparable = row["epoch"] >= self.n_epochs * max(EARLY_STOP_FROM, final_from)
        if not (self.config.early_stopping and len(self.judged_on) and comparable):
            return over
        smoothness = self.config.smoothness_at(self.stepper.n_steps, self.stepper.n_steps)
        objective = row["validation_reconstruction"] + smoothness * row["validation_penalty"]
        self.best.update(int(row["epoch"]), objective)
        return over or self.best.patience_is_over

    def kept_history(self) -> pd.DataFrame:
        """Return one row per epoch, and which epoch's network was kept."""
        history = pd.DataFrame(self.history)
        kept = history["epoch"].iloc[-1] if self.best.epoch is None else self.best.epoch
        return history.assign(kept=history["epoch"] == kept)

    def train_epoch(self, epoch: int) -> dict[str, float]:
        """Train on the cells of a round; return the epoch's mean losses and its last learning rate."""
        self.network.train()
        self.regularizer.train()
        sums = torch.zeros(2, device=self.device)
        n_steps, learner = 0, self.learner
        for batch in self._batches(epoch):
            if learner is not None and learner.is_due(self.stepper.n_done):
                self._refresh(learner, epoch)
            sums += self.stepper.step(batch, self.noise_rng)
            n_steps += 1
            if learner is not None and learner.is_over(self.stepper.n_done):
                break
        reconstruction, penalty = (sums / n_steps).tolist()
        row: dict[str, float] = {
            "train_reconstruction": reconstruction,
            "train_penalty": penalty,
            "learning_rate": float(self.stepper.schedule.get_last_lr()[0]),
        }
        return row if learner is None else {**row, "edge_jaccard": learner.edge_jaccard, "components": learner.n_pieces}

    def _refresh(self, learner: GraphLearner, epoch: int) -> None:
        """Estimate the learned graph anew, from the pictures of some cells."""
        features = self.sample(GraphLearner.CELLS)

        def estimated() -> tuple[NeuronGraph, dict[str, Any]]:
            graph = learner.refreshed(self.graph, self.pictures(features), epoch, self.stepper.n_done)
            return graph, learner.state()

        graph, state = _ranks.on_first(estimated)
        learner.load_state(state)
        self.set_graph(graph)

    def _batches(self, epoch: int) -> Iterator[Minibatch]:
        """Yield the cells of a round in random order, drawn by weight, in batches."""
        for part in self.rounds.parts(epoch):
            drawn = part.drawn(self.order_rng)
            yield from part.batches.shuffled(drawn, self.config.batch_size, self.order_rng, shared=part.shared)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return reconstruction and penalty on held-out cells, without noise, and the explained variance.

        The objective is that of cells drawn by weight, as in training; R2, on the scale of the input, is that of
        held-out cells drawn alike, and once more of those drawn by weight.
        """
        names = ("validation_reconstruction", "validation_penalty", "validation_r2", "validation_r2_balanced")
        if not len(self.judged_on):
            return dict.fromkeys(names, float("nan"))
        self.network.eval()
        self.regularizer.eval()
        error, penalty, r2_balanced = self._judged(self.judged_on)
        alike = self.judged_on is self.any_judged
        r2 = r2_balanced if alike else self._judged(self.any_judged)[-1]
        return dict(zip(names, (error, penalty, r2, r2_balanced), strict=True))

    def _judged(self, rows: np.ndarray) -> tuple[float, float, float]:
        """Return mean squared error and penalty on these cells, and R2 on the scale of the input."""
        weight = self.network.layer.linear.weight
        penalty, sums = np.zeros(1), np.zeros((3, self.network.config.n_features))
        for block, features in self._own_blocks(self.judged, rows):
            activations = self.network.encode(features)
            reconstruction = self.network.decode(activations, self.judged.batches.origins(rows[block]))
            penalty += len(features) * float(self.regularizer(activations, weight))
            parts = (reconstruction.sub_(features).square_(), features.square(), features)
            sums += torch.stack([part.sum(dim=0) for part in parts]).cpu().double().numpy()
        penalty, (error, squares, sums) = _ranks.summed(penalty), _ranks.summed(sums)
        in_units = self.judged.batches.moments[1].astype(np.float64) ** 2  # (n_features,)
        variance = float(in_units @ (squares / len(rows) - (sums / len(rows)) ** 2))
        varies = variance > _ROUNDING * float(in_units @ squares) / len(rows)
        r2 = 1 - float(in_units @ error) / len(rows) / variance if varies else float("nan")
        return float(error.mean()) / len(rows), float(penalty[0]) / len(rows), r2

    def _own_blocks(self, part: Part, rows: np.ndarray) -> Iterator[tuple[slice, torch.Tensor]]:
        """Yield rows of a part in blocks, and where in `rows` each block is; several ranks take turns."""
        for block in _ranks.own_turns(slices(len(rows), rows_at_once(part.batches.shape[1]))):
            yield block, part.batches.rows(rows[block])

    def sample(self, n_cells: int) -> torch.Tensor:
        """Return some training cells as the network sees them, (at most n_cells, n_features), drawn by weight."""
        return torch.cat(list(self.known.batches.in_order(self.known.some(n_cells, self.order_rng))))

    @torch.no_grad()
    def pictures(self, features: torch.Tensor) -> np.ndarray:
        """Return pictures of cells, (n_cells, n_neurons), from which a learned graph is estimated.

        They are taken before diffusion, so that the graph does not confirm itself, and all cells are equally bright.
        """
        self.network.eval()
        layer = self.network.layer
        assert isinstance(layer, StructuredLayer)  # a spectral bottleneck has a given graph
        code = layer.code(self.network.hidden(features))
        self.network.train()
        return unit_pictures(code).cpu().numpy()

    @torch.no_grad()
    def calibrate(self) -> None:
        """Replace the running moments of the normalisation by those of the known training cells, by weight."""
        layer = self.network.layer
        norm = layer.norm if isinstance(layer, StructuredLayer) else None
        if not isinstance(norm, torch.nn.BatchNorm1d):
            return
        self.network.eval()
        weights = np.ones(len(self.known.rows)) if self.known.weights is None else self.known.weights
        sums = np.zeros((2, layer.linear.out_features))
        for block, features in self._own_blocks(self.known, self.known.rows):
            inputs = layer.linear(self.network.hidden(features)).cpu().double()
            share = torch.from_numpy(weights[block] / weights.sum())
            sums += torch.stack([share @ inputs, share @ inputs.square()]).numpy()
        mean, square = torch.from_numpy(_ranks.summed(sums))
        moments = {"running_mean": mean, "running_var": square - mean.square()}
        norm.load_state_dict({**norm.state_dict(), **moments})


def edgeless(n_neurons: int) -> NeuronGraph:
    """Return the graph that a learned one starts from."""
    # Without edges there is neither penalty nor diffusion; the layout comes with the final graph.
    in_a_row = np.column_stack([np.arange(n_neurons), np.zeros(n_neurons)])
    return NeuronGraph(sparse.csr_matrix((n_neurons, n_neurons)), in_a_row, name="learned")
