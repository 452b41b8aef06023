"""What `fit` has stored: the model, the neurons, the pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scgsr import _adata, _checks
from scgsr._adata import DEFAULT_KEY
from scgsr._checks import about

if TYPE_CHECKING:
    from anndata import AnnData

    from scgsr._model import FittedModel


def model(adata: AnnData, *, key: str = DEFAULT_KEY) -> FittedModel:
    """Return the fitted model that is stored in the AnnData.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on, also after writing and reading it.
    key
        The fit's `key_added`.

    Returns
    -------
    FittedModel, on the CPU: ``.activations(matrix)`` and ``.reconstruct(matrix)`` apply it to unscaled values.

    Raises
    ------
    KeyError
        If there is no fit under `key`.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, scgsr.graphs.ring(20), n_epochs=2)
    >>> scgsr.get.model(adata).graph.n_neurons
    20
    """
    return _adata.read_named_model(adata, key)


def neurons(adata: AnnData, *, key: str = DEFAULT_KEY) -> AnnData:
    """Return the activations as an AnnData of cells x neurons, so that Scanpy's tools and plots work on neurons.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on.
    key
        The fit's `key_added`.

    Returns
    -------
    A new AnnData, independent of `adata`: `.X` activations (n_obs, n_neurons) float32; `.obs`, `.obsm` and the colours
    in `.uns` as in `adata`; ``.var["module"]`` categorical, missing for a dead neuron; ``.varp["graph"]`` the neuron
    graph (n_neurons, n_neurons); ``.varm["positions"]`` (n_neurons, 2).

    Raises
    ------
    KeyError
        If there is no fit under `key`.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, scgsr.graphs.ring(20), n_epochs=2)
    >>> neurons = scgsr.get.neurons(adata)
    >>> sc.tl.rank_genes_groups(neurons, "bulk_labels")
    >>> neurons.shape, neurons.var_names[0]
    ((700, 20), 'neuron_0')
    """
    from anndata import AnnData

    graph = _adata.read_graph(adata, key)
    modules, names = _adata.read_model(adata, key).modules.labels, _adata.module_names(adata, key)
    var = pd.DataFrame(
        {"module": pd.Categorical.from_codes(modules, categories=names)},
        index=[f"neuron_{node}" for node in range(graph.n_neurons)],
    )
    return AnnData(
        _adata.read_activations(adata, key).copy(),
        var=var,
        varm={"positions": graph.positions.copy()},
        varp={"graph": graph.adjacency.copy()},
        **_adata.read_cells(adata),
    )


def images(adata: AnnData, *, key: str = DEFAULT_KEY) -> np.ndarray:
    """Return each cell's activations as an image, for a fit on a grid or torus.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on.
    key
        The fit's `key_added`.

    Returns
    -------
    ndarray of shape (n_obs, height, width), float32.

    Raises
    ------
    KeyError
        If there is no fit under `key`.
    ValueError
        If the neuron graph is not a grid or torus.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, (6, 8), n_epochs=2)
    >>> scgsr.get.images(adata).shape
    (700, 6, 8)
    """
    graph = _adata.read_graph(adata, key)
    if graph.image_shape is None:
        msg = (
            f"`key`={key!r}: the neuron graph {graph.name!r} is not a sheet of pixels; fit on "
            "`scgsr.graphs.grid(...)`, or draw any graph with `scgsr.pl.activation_map`."
        )
        raise about("key", ValueError(msg))
    return _adata.read_activations(adata, key).reshape(-1, *graph.image_shape).copy()


def activations(adata: AnnData, *, by: str = "neuron", key: str = DEFAULT_KEY) -> pd.DataFrame:
    """Return the activations as a table, by neuron or by module.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on.
    by
        ``"neuron"``, or ``"module"``: the activation along the best matching template of each module. The label of a
        cell with any active neuron is the module with the largest value.
    key
        The fit's `key_added`.

    Returns
    -------
    DataFrame of n_obs rows (`.obs_names`) and one column per neuron (``"neuron_0"``, ...) or module (``"0"``, ..., or
    the names that the labels were given).

    Raises
    ------
    KeyError
        If there is no fit under `key`.
    ValueError
        If `by` is something else.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, scgsr.graphs.ring(20), n_epochs=2)
    >>> scgsr.get.activations(adata).shape
    (700, 20)
    >>> by_module = scgsr.get.activations(adata, by="module")
    >>> active = adata.obsm["X_gsr"].any(axis=1)
    >>> bool((by_module.idxmax(axis=1) == adata.obs["gsr"])[active].all())
    True
    """
    _checks.one_of("by", by, ["neuron", "module"])
    values = _adata.read_activations(adata, key)
    if by == "neuron":
        return pd.DataFrame(
            values.copy(), index=adata.obs_names, columns=[f"neuron_{node}" for node in range(values.shape[1])]
        )
    responses = _adata.read_model(adata, key).modules.responses(values)
    return pd.DataFrame(responses, index=adata.obs_names, columns=_adata.module_names(adata, key))
