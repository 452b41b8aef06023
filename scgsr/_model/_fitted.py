"""`FittedModel`: everything needed to apply a fit to new cells. Frozen; no fitting here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from scgsr import _checks
from scgsr._model import _apply, _files, _record, _stored
from scgsr._model._network import Autoencoder
from scgsr._model._novelty import NoveltyReference
from scgsr._modules import Modules
from scgsr._values import Batches, Matrix, checked
from scgsr.graphs import Evolution, NeuronGraph


@dataclass(frozen=True, eq=False, kw_only=True)
class FittedModel:
    """A trained network with its graph, features, scaling and modules. :func:`scgsr.tl.fit` makes it.

    Parameters
    ----------
    network
        The trained autoencoder, in evaluation mode.
    graph
        The neurons' graph.
    features
        Names of the input columns, in the order that matrices must have.
    mean, scale
        Numbers that are subtracted from each column and divide it, (n_features,).
    modules
        The neurons' modules.
    names
        Names of the modules, which are the labels of cells; ``"0"``, ``"1"``, ... unless you renamed the labels.
    cofactor
        Cofactors that :func:`scgsr.pp.arcsinh` recorded, (n_features,); NaN: none.
    novelty_reference
        What novelty is measured against: statistics of the cells of the fit. None in fits stored by older versions.
    explainable_r2
        Explained variance of held-out cells by ten principal components of the training cells; NaN if not known.
    coactivation
        How many cells two neurons share, (n_neurons, n_neurons).
    evolution
        The estimates of a learned graph.
    history
        One row per epoch.
    params, versions
        The arguments of the fit that were not None; versions of packages.

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
    coactivation: sparse.csr_matrix
    cofactor: np.ndarray
    novelty_reference: NoveltyReference | None = None
    explainable_r2: float = float("nan")
    names: tuple[str, ...] = ()
    evolution: Evolution = field(default_factory=Evolution)
    history: pd.DataFrame = field(default_factory=pd.DataFrame)
    params: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        of_each = {np.shape(values) for values in (self.features, self.mean, self.scale, self.cofactor)}
        if of_each != {(self.network.config.n_features,)}:
            msg = "`features`, `mean`, `scale` and `cofactor` must have one entry for each feature of the network."
            raise ValueError(msg)
        if len(set(self.features)) < len(self.features):
            msg = "`features` must have different names."
            raise ValueError(msg)
        if not (np.isfinite(self.mean).all() and np.isfinite(self.scale).all() and (self.scale > 0).all()):
            msg = "`mean` must be finite, and `scale` finite and above 0."
            raise ValueError(msg)
        if len(self.names) != self.modules.n_modules:
            if self.names:
                msg = f"`names` must be of {self.modules.n_modules} modules, got {len(self.names)}."
                raise ValueError(msg)
            object.__setattr__(self, "names", tuple(str(module) for module in range(self.modules.n_modules)))
        n = self.graph.n_neurons
        if self.coactivation.shape != (n, n) or self.modules.labels.shape != (n,):
            msg = f"`coactivation` and `modules` must be of the {n} neurons of the graph."
            raise ValueError(msg)
        if self.novelty_reference is not None and len(self.novelty_reference.location) != n:
            msg = f"`novelty_reference` must be of the {n} neurons of the graph."
            raise ValueError(msg)

    @property
    def labels(self) -> list[str]:
        """The labels that cells may get, the names of the modules without repetition; "0" if there is no module."""
        return list(dict.fromkeys(self.names)) or ["0"]

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
            If `matrix` is neither an array nor a sparse matrix: names of columns would be ignored.
        ValueError
            If the number of columns differs from the number of features, or a value is not finite.
        """
        return _apply.encode(self.network, self._batches(matrix))

    @property
    def batches(self) -> tuple[str, ...]:
        """Names of the batches that the decoder was told (`batch_key`); empty if it was told none."""
        return self.network.config.origins

    def reconstruct(self, matrix: Matrix, *, batch: str | None = None) -> np.ndarray:
        """Return the reconstruction in input units, float32: (n_cells, n_features) -> the same shape.

        Parameters
        ----------
        matrix
            Unscaled values, dense or CSR, columns in the order of `features`.
        batch
            One of `batches`: reconstruct as if the cells came from it. None: the mean over all batches.

        Returns
        -------
        ndarray of shape (n_cells, n_features).

        Raises
        ------
        TypeError, ValueError
            As by :meth:`activations`, or if the fit has no such batch.
        """
        origin = self.network.config.origin(batch)
        return _apply.in_units(_apply.decode(self.network, self.activations(matrix), origin), self.mean, self.scale)

    def decode(self, activations: np.ndarray, *, batch: str | None = None) -> np.ndarray:
        """Return features in input units, as :meth:`reconstruct`: (n_cells, n_neurons) -> (n_cells, n_features)."""
        activations = _apply.checked_activations(self.network, activations)
        origin = self.network.config.origin(batch)
        return _apply.in_units(_apply.decode(self.network, activations, origin), self.mean, self.scale)

    def novelty(self, matrix: Matrix, *, activations: np.ndarray | None = None) -> np.ndarray:
        """Return how unusual each cell is for the model: (n_cells, n_features) -> (n_cells,) float32.

        0 is the median reference cell, 1 the 99th percentile; higher is more unusual. (More cells of rare kinds reach 1
        than of common ones, and the percentile is lower if fewer than 100 cells were held out.) Novelty is the larger
        of two measures: the Mahalanobis distance of the activations, and the reconstruction error (of the best
        reconstruction, if the fit has batches).

        Parameters
        ----------
        matrix
            Unscaled values, dense or CSR, columns in the order of `features`.
        activations
            Activations of the same cells, if you have them already.

        Returns
        -------
        ndarray of shape (n_cells,).

        Raises
        ------
        TypeError, ValueError
            As by :meth:`activations`, or if an older version, which did not store the reference, made the fit.
        """
        if self.novelty_reference is None:
            msg = "`novelty` needs a fit of this version of scgsr: this one was stored without; fit again."
            raise ValueError(msg)
        batches = self._batches(matrix)
        activations = _apply.known_activations(self.network, batches, activations)
        return self.novelty_reference.novelty(activations, _apply.errors(self.network, batches.in_order(), activations))

    def save(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the model into a folder, as safetensors and JSON, without the data and without pickle.

        Parameters
        ----------
        folder
            Folder, created if missing. After a crash while writing it holds what it held before.
        overwrite
            Replace the model that the folder holds.

        Raises
        ------
        FileExistsError
            If there is a model in the folder and `overwrite` is False, or if it is a file.
        TypeError
            If an argument has the wrong type.

        Examples
        --------
        >>> import tempfile, scanpy as sc, scgsr
        >>> adata = sc.datasets.pbmc68k_reduced()
        >>> scgsr.tl.fit(adata, n_epochs=2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     scgsr.get.model(adata).save(folder)
        ...     model = scgsr.FittedModel.load(folder)
        >>> model.activations(adata[:5, list(model.features)].X).shape
        (5, 100)
        """
        _files.write_folder(self.to_record(), folder, overwrite=overwrite)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> FittedModel:
        """Return the model that :meth:`save` wrote into a folder, without executing any code in it.

        Parameters
        ----------
        folder
            As given to :meth:`save`.

        Returns
        -------
        FittedModel, on the CPU.

        Raises
        ------
        FileNotFoundError
            If the folder holds no model.
        ValueError
            If the model is damaged, or has a form that this version cannot read.
        """
        _checks.instance("folder", folder, (str, os.PathLike))
        record = _files.read_folder(folder)
        _record.check_schema(record, where=f"`folder`={os.fspath(folder)!r}")
        try:
            return cls.from_record(record)
        except ValueError as error:
            raise _files.damaged(folder, error) from error

    def to_record(self) -> dict[str, Any]:
        """Return all of the model as values that h5ad, zarr and safetensors with JSON can hold."""
        return _stored.record_of(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> FittedModel:
        """Return the model that `to_record` has made a record of; ValueError if the record is not whole."""
        with _record.whole():
            return cls(**_stored.parts_of(record))

    def _batches(self, matrix: Any) -> Batches:
        return Batches(checked(matrix, len(self.features)), self.mean, self.scale, self.network.device)
