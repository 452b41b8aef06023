"""`FittedModel`: everything needed to apply a fit to new cells. Frozen; no fitting here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse

from scgsr._batches import Batches, Matrix
from scgsr._model import Autoencoder, AutoencoderConfig
from scgsr._modules import Modules, ModuleTree
from scgsr.graphs import NeuronGraph

# Raised when the stored form changes; a fit in another form is refused with what to do.
SCHEMA = 2

_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A trained network with its graph, features, scaling and modules; made by :func:`scgsr.tl.fit`.

    Parameters
    ----------
    network
        The trained autoencoder, in evaluation mode.
    graph
        The neurons' graph.
    features
        Names of the input columns, in the order in which matrices must come.
    mean, scale
        What is subtracted from each column and what it is divided by, (n_features,).
    modules
        The neurons' modules.
    likelihood
        The reconstruction term that was minimised.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, n_epochs=2)
    >>> model = scgsr.get.model(adata)
    >>> model.activations(adata[:5, list(model.features)].X).shape
    (5, 100)
    """

    network: Autoencoder
    graph: NeuronGraph
    features: tuple[str, ...]
    mean: np.ndarray
    scale: np.ndarray
    modules: Modules
    likelihood: str = "gaussian"

    def __repr__(self) -> str:
        return (
            f"FittedModel({len(self.features)} features -> {self.graph.n_neurons} neurons "
            f"({self.graph.name}), {self.modules.n_modules} modules)"
        )

    def activations(self, matrix: Matrix) -> np.ndarray:
        """Return the structured activations, float32: (n_cells, n_features) -> (n_cells, n_neurons).

        Parameters
        ----------
        matrix
            Unscaled values, dense or CSR, columns in the order of `features`.

        Returns
        -------
        ndarray of shape (n_cells, n_neurons).

        Raises
        ------
        TypeError
            If it is neither an array nor a sparse matrix: names of columns would not be looked at.
        ValueError
            If the number of columns differs from the number of features, or a value is not finite.
        """
        return self.diffuse(self.code(matrix))

    @torch.no_grad()
    def code(self, matrix: Matrix) -> np.ndarray:
        """Return the activations before they diffuse over the graph: (n_cells, n_features) -> (n_cells, n_neurons)."""
        network = self.network
        return _joined(
            [network.layer.code(network.encoder(rows)) for rows in self._blocks(matrix)], self.graph.n_neurons
        )

    @torch.no_grad()
    def diffuse(self, code: np.ndarray) -> np.ndarray:
        """Return what `code` becomes on the graph: (n_cells, n_neurons) -> (n_cells, n_neurons)."""
        return self.network.layer.diffuse(torch.as_tensor(code, device=self._device)).cpu().numpy()

    @torch.no_grad()
    def reconstruct(self, matrix: Matrix) -> np.ndarray:
        """Return the reconstruction in input units, float32: (n_cells, n_features) -> the same shape.

        Parameters
        ----------
        matrix
            Unscaled values, dense or CSR, columns in the order of `features`.

        Returns
        -------
        ndarray of shape (n_cells, n_features).

        Raises
        ------
        TypeError
            If it is neither an array nor a sparse matrix: names of columns would not be looked at.
        ValueError
            If the number of columns differs from the number of features, or a value is not finite.
        """
        return self.decode(self.activations(matrix))

    @torch.no_grad()
    def decode(self, activations: np.ndarray) -> np.ndarray:
        """Return features in input units from activations: (n_cells, n_neurons) -> (n_cells, n_features)."""
        rows = torch.as_tensor(activations, device=self._device)
        scaled = _joined([self.network.decode(block) for block in rows.split(_BLOCK)], len(self.features))
        return (scaled * self.scale + self.mean).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Return the model as a config string (JSON) and arrays, ready for `.uns` and for files."""
        config = {"network": self.network.config.to_dict(), "likelihood": self.likelihood}
        weights = {name: value.cpu().numpy() for name, value in self.network.state_dict().items()}
        found = self.modules
        arrays = {
            **weights,
            "mean": self.mean,
            "scale": self.scale,
            "templates": found.templates,
            "silent": np.array(found.silent),
            "fine": found.tree.fine,
            "merges": found.tree.merges,
            "separations": found.tree.separations,
        }
        return {"config": json.dumps(config), "arrays": arrays}

    @classmethod
    def from_dict(
        cls, stored: Mapping[str, Any], *, graph: NeuronGraph, features: list[str], modules: np.ndarray
    ) -> FittedModel:
        """Build the model again from what `to_dict` returned, with the graph, features and modules beside it."""
        config = json.loads(str(stored["config"]))
        arrays = {name: np.array(value) for name, value in stored["arrays"].items()}
        mean, scale, templates, silent = (arrays.pop(name) for name in ("mean", "scale", "templates", "silent"))
        tree = ModuleTree(*(arrays.pop(name) for name in ("fine", "merges", "separations")))
        network = Autoencoder.initialised(AutoencoderConfig(**config["network"]), graph, seed=0)
        network.load_state_dict({name: torch.tensor(value) for name, value in arrays.items()})
        network.eval()
        return cls(
            network,
            graph,
            tuple(str(name) for name in features),
            mean,
            scale,
            Modules(np.array(modules), templates, tree, int(silent)),
            config["likelihood"],
        )

    def _blocks(self, matrix: Any) -> Iterator[torch.Tensor]:
        if not (isinstance(matrix, np.ndarray) or sparse.issparse(matrix)):
            msg = (
                f"`matrix` must be a NumPy array or a SciPy sparse matrix, got {type(matrix).__name__}; its columns "
                "are those of `adata[:, list(model.features)].X`."
            )
            raise TypeError(msg)
        if not np.isfinite(matrix.data if sparse.issparse(matrix) else matrix).all():
            msg = "`matrix` has NaN or infinite values; remove or impute them first."
            raise ValueError(msg)
        if matrix.ndim != 2 or matrix.shape[1] != len(self.features):
            msg = f"`matrix` must have {len(self.features)} columns, one per feature of the model, got {matrix.shape}."
            raise ValueError(msg)
        rows = sparse.csr_matrix(matrix) if sparse.issparse(matrix) else np.asarray(matrix)
        return Batches(rows, self.mean, self.scale, self._device).in_order()

    @property
    def _device(self) -> torch.device:
        return self.network.output.weight.device


def _joined(blocks: list[torch.Tensor], width: int) -> np.ndarray:
    return np.concatenate([block.cpu().numpy() for block in blocks] or [np.empty((0, width), dtype=np.float32)])
