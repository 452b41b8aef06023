"""The network: an autoencoder around a structured layer. No loss, no loop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from scgsr import _checks, _device, _ranks
from scgsr._checks import about
from scgsr._model._front import PrincipalFront
from scgsr._random import draw_weights
from scgsr.graphs import Atoms, NeuronGraph
from scgsr.nn import FixedNoise, SpectralBottleneck, StructuredLayer

# Slope of the hidden layers' leaky ReLU for negative input (the released setting).
NEGATIVE_SLOPE = 0.2
# So many standard deviations a threshold or a noise may be: their squares, and sums of them, fit into float32.
_MOST = 1e9


@dataclass(frozen=True)
class AutoencoderConfig:
    """All that is needed to build the network again, apart from its graph and weights."""

    n_features: int
    hidden: int | Sequence[int]  # kept as a tuple
    threshold: float | None
    noise: float | FixedNoise
    diffusion: int
    atoms: Atoms | None = None
    least: float = 0.5  # how strongly the strongest neuron of each cell fires at least
    n_components: int | None = None  # principal components that stand for the features; None: the features themselves
    origins: tuple[str, ...] = ()  # names of the batches that cells come from, which the decoder is told

    def __post_init__(self) -> None:
        _checks.positive_int("n_features", self.n_features)
        widths = self.hidden if isinstance(self.hidden, Iterable) else [self.hidden]
        object.__setattr__(self, "hidden", tuple(_checks.positive_int("hidden", width) for width in widths))
        if self.n_components is not None:
            object.__setattr__(self, "n_components", _checks.positive_int("n_components", self.n_components))
        if self.threshold is not None:
            object.__setattr__(
                self, "threshold", _checks.number("threshold", self.threshold, minimum=-_MOST, maximum=_MOST)
            )
        object.__setattr__(self, "least", _checks.number("least", self.least, minimum=0))
        if not isinstance(self.noise, FixedNoise):
            object.__setattr__(self, "noise", _checks.number("noise", self.noise, minimum=0, maximum=_MOST))
        object.__setattr__(self, "diffusion", _checks.positive_int("diffusion", self.diffusion, minimum=0))
        if self.atoms is not None:
            _checks.instance("atoms", self.atoms, Atoms, hint="Make them with scgsr.graphs.Atoms.")

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of the encoder's hidden layers."""
        return tuple(self.hidden)  # type: ignore[arg-type]  # a tuple since __post_init__

    def origin(self, batch: str | None) -> int | None:
        """Return the number of the batch of this name; None for none."""
        if batch is None:
            return None
        if not self.origins:
            msg = f"`batch`={batch!r} needs a fit with batches; call `scgsr.tl.fit(adata, batch_key=...)`."
            raise about("batch", ValueError(msg))
        return self.origins.index(_checks.one_of("batch", batch, self.origins))

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> AutoencoderConfig:
        """Return the settings that `to_dict` has made values of."""
        noise, atoms = stored["noise"], stored.get("atoms")
        noise = FixedNoise(**noise) if isinstance(noise, Mapping) else noise
        origins = tuple(stored.get("origins", ()))
        atoms = None if atoms is None else Atoms(**atoms)
        # Networks before form 5 could leave a cell without any neuron.
        return cls(**{"least": 0.0, **stored, "noise": noise, "atoms": atoms, "origins": origins})


class Autoencoder(nn.Module):
    """features (-> components) -> hidden widths -> structured layer -> mirrored widths (-> components) -> features.

    The decoder may be told the batches that cells come from, their origins: each adds a vector to its first layer, as
    if the layer took one column more for it, and another one to the output. What batches do to the values then need not
    be in the activations, and the encoder takes any cell. Without an origin a reconstruction is the mean over all.
    """

    def __init__(self, config: AutoencoderConfig, graph: NeuronGraph) -> None:
        super().__init__()
        self.config = config
        n_components = config.n_components
        self.front = None if n_components is None else PrincipalFront(config.n_features, n_components)
        n_inputs = config.n_features if n_components is None else n_components
        widths = [n_inputs, *config.widths]
        self.encoder = _stack(widths)
        self.layer = _layer(config, widths[-1], graph)
        mirrored = [graph.n_neurons, *config.widths[::-1]]
        self.decoder = _stack(mirrored)
        self.output = nn.Linear(mirrored[-1], n_inputs)
        # Zero at first: told nothing, the network starts from the same weights as one that knows no origins.
        n_origins = len(config.origins)
        self.origin = nn.Parameter(torch.zeros(n_origins, mirrored[1])) if n_origins and config.widths else None
        self.shift = nn.Parameter(torch.zeros(n_origins, n_inputs)) if n_origins else None

    @property
    def n_neurons(self) -> int:
        """Width of the structured layer."""
        return self.layer.linear.out_features

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.output.weight.device

    @classmethod
    @_device.undisturbed()
    def initialised(cls, config: AutoencoderConfig, graph: NeuronGraph, seed: int) -> Autoencoder:
        """Return a network whose weights are drawn from `seed`; global random state stays as it was."""
        with torch.device("meta"):  # nothing is drawn there
            network = cls(config, graph)
        for values in network.to_empty(device="cpu").state_dict().values():
            values.zero_()
        draw_weights(network, seed)
        if isinstance(norm := getattr(network.layer, "norm", None), nn.BatchNorm1d):
            norm.reset_running_stats()
        network.layer.set_graph(graph)
        return network

    @classmethod
    @_device.undisturbed()
    def with_weights(
        cls, config: AutoencoderConfig, graph: NeuronGraph, weights: Mapping[str, np.ndarray]
    ) -> Autoencoder:
        """Return the network with these weights, in evaluation mode; nothing larger than they are is ever made.

        Raises RuntimeError, TypeError or ValueError if they are not those of such a network.
        """
        with torch.device("meta"):
            network = cls(config, graph)
        own = network.state_dict()
        found = {name: _weight(name, value, own[name]) if name in own else value for name, value in weights.items()}
        network.load_state_dict(found, assign=True)
        network.layer.set_graph(graph)
        return network.eval()

    @property
    def coordinates_are_features(self) -> bool:
        """Whether :meth:`coordinates` are the features themselves, neither combined nor rotated."""
        return self.front is None and len(self.output.weight) <= self.output.weight.shape[1]

    @property
    def first_weight(self) -> Tensor:
        """The weights that the inputs meet first, (n_units, n_inputs)."""
        return next(self.encoder.parameters()) if self.config.widths else self.layer.linear.weight

    def inputs(self, features: Tensor) -> Tensor:
        """Return what the first layer takes: (batch, n_features) -> (batch, n_inputs)."""
        return features if self.front is None else self.front(features)

    def outputs(self, activations: Tensor, origins: Tensor | None = None) -> Tensor:
        """Return the reconstruction of the inputs: (batch, n_neurons) -> (batch, n_inputs)."""
        outputs = self.output(self.hidden_back(activations, origins))
        if self.shift is None:
            return outputs
        return outputs + (self.shift.mean(dim=0) if origins is None else nn.functional.embedding(origins, self.shift))

    def hidden(self, features: Tensor) -> Tensor:
        """Return what the structured layer takes: (batch, n_features) -> (batch, n_hidden)."""
        return self.encoder(self.inputs(features))

    def encode(self, features: Tensor) -> Tensor:
        """Return the activations: (batch, n_features) -> (batch, n_neurons)."""
        return self.layer(self.hidden(features))

    def hidden_back(self, activations: Tensor, origins: Tensor | None = None) -> Tensor:
        """Return what the last layer takes: (batch, n_neurons) -> (batch, n_units), of origins (batch,) or their mean.

        The last layer is linear: its output from the mean is the mean of its outputs.
        """
        if self.origin is None:
            return self.decoder(activations)
        first = self.decoder[0](activations)
        if origins is not None:
            return self.decoder[1:](first + nn.functional.embedding(origins, self.origin))
        return torch.stack([self.decoder[1:](first + added) for added in self.origin]).mean(dim=0)

    def decode(self, activations: Tensor, origins: Tensor | None = None) -> Tensor:
        """Return the reconstruction: (batch, n_neurons) -> (batch, n_features), of origins (batch,) or their mean."""
        outputs = self.outputs(activations, origins)
        return outputs if self.front is None else self.front.back(outputs)

    def coordinates(self, activations: Tensor) -> Tensor:
        """Return coordinates of the reconstruction: (batch, n_neurons) -> (batch, n_dims), in float32.

        Cells lie as far from each other in these coordinates as their reconstructions do, up to one factor for all.
        They are the reconstructed inputs, or, where there are more of them than units in the last hidden layer, as many
        numbers as units: the linear layer after it adds no dimension.
        """
        hidden = self.hidden_back(activations)  # (batch, n_units)
        weight = self.output.weight  # (n_inputs, n_units)
        if len(weight) <= weight.shape[1]:
            return self.output(hidden)
        return hidden @ torch.linalg.qr(weight, mode="r").R.T

    def forward(self, features: Tensor, origins: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return activations and reconstruction, (batch, n_neurons) and (batch, n_features)."""
        activations = self.encode(features)
        return activations, self.decode(activations, origins)

    def noise(self, n_cells: int, rng: torch.Generator) -> Tensor | None:
        """Return the random numbers that `noisy` takes for so many cells, (n_cells, n_neurons); None for no noise."""
        if self.config.noise in (0, FixedNoise(0)):
            return None
        return _ranks.normal_like(self.output.weight.new_empty(n_cells, self.n_neurons), rng)

    def noisy(self, activations: Tensor, noise: Tensor | None) -> Tensor:
        """Return the activations as the decoder sees them in training: (batch, n_neurons) -> (batch, n_neurons)."""
        if noise is None:
            return activations
        if isinstance(self.config.noise, FixedNoise):
            return activations + noise * self.config.noise.sd
        with torch.no_grad():  # the network must not learn to lower the noise
            # In units of each neuron's spread, so that information sits in which neurons fire, not in faint
            # differences.
            spread = _ranks.centred(activations)[1].sqrt_()  # (n_neurons,)
            spread = spread * self.config.noise
        return activations + noise * spread


def _weight(name: str, value: np.ndarray, own: Tensor) -> Tensor:
    """Return weights as the network has them; a file may hold floats of another width."""
    weight = torch.tensor(value)
    if weight.is_floating_point() != own.is_floating_point():
        msg = f"weights {name!r} are {weight.dtype}"
        raise TypeError(msg)
    weight = weight.to(own.dtype)
    if not weight.isfinite().all():
        msg = f"weights {name!r} are not finite"
        raise ValueError(msg)
    return weight


def _layer(config: AutoencoderConfig, in_features: int, graph: NeuronGraph) -> StructuredLayer | SpectralBottleneck:
    if config.atoms is not None:
        return SpectralBottleneck(in_features, graph, atoms=config.atoms)
    return StructuredLayer(
        in_features, graph, threshold=config.threshold, diffusion=config.diffusion, least=config.least
    )


def _stack(widths: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        layers += [nn.Linear(n_in, n_out), nn.LeakyReLU(NEGATIVE_SLOPE, inplace=True)]
    return nn.Sequential(*layers)
