"""AnnData -> `MatrixView`: the values that a fit reads. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from scipy import sparse

from scgsr import _checks
from scgsr._checks import log
from scgsr._values import Matrix, MatrixView, check_finite, check_values, moments, varying

if TYPE_CHECKING:
    from anndata import AnnData

# How many offending names an error message spells out.
_NAMES_SHOWN = 5


class Unset:
    """Says that `mask_var` was not given: use highly variable genes if they are marked, as `scanpy.pp.pca` does."""

    def __repr__(self) -> str:
        return "<unset>"


UNSET: Final = Unset()


def view(
    adata: AnnData,
    *,
    layer: str | None = None,
    use_rep: str | None = None,
    mask_var: np.ndarray | str | Unset | None = UNSET,
    scale: bool = True,
) -> MatrixView:
    """Return the values to train on: `.X`, a layer or a representation, restricted to the chosen features."""
    if use_rep is not None and layer is not None:
        msg = f"`layer`={layer!r} and `use_rep`={use_rep!r} exclude each other; give one."
        raise ValueError(msg)
    if use_rep is not None and not isinstance(mask_var, Unset) and mask_var is not None:
        msg = f"`mask_var` chooses columns of `.X` or a layer and cannot be combined with `use_rep`={use_rep!r}."
        raise ValueError(msg)
    if use_rep is None:
        chosen = mask(adata, mask_var)
        matrix = rows(adata, layer=layer)
        matrix, names = (matrix, adata.var_names) if chosen is None else (matrix[:, chosen], adata.var_names[chosen])
    else:
        _checks.existing_key("use_rep", use_rep, adata.obsm.keys(), where=".obsm")
        matrix = rows(adata, use_rep=use_rep)
        names = names_of_representation(adata, use_rep)
    features = tuple(str(name) for name in names)
    if len(set(features)) < len(features):
        twice = pd.Index(features)[pd.Index(features).duplicated()].unique()
        msg = (
            f"`adata` has {len(twice)} features whose name occurs twice ({', '.join(twice[:_NAMES_SHOWN])}); call "
            "`adata.var_names_make_unique()`."
        )
        raise ValueError(msg)
    width = matrix.shape[1] if use_rep is not None else adata.n_vars
    check_values(matrix, features)
    mean, sd = moments(matrix)
    varies = varying(mean, sd, features)
    if not varies.all():
        matrix, mean, sd = matrix[:, varies], mean[varies], sd[varies]
        features = tuple(name for name, keep in zip(features, varies, strict=True) if keep)
    if not scale:
        sd = np.ones_like(sd)
    elif use_rep is not None:  # the relative spread of its columns is information
        sd = np.full_like(sd, np.sqrt(np.mean(sd**2)))
    return MatrixView(matrix, features, mean.astype(np.float32), sd.astype(np.float32), width)


def names_of_representation(adata: AnnData, use_rep: str) -> list[str]:
    """Return a name for each column of a representation: that which a data frame has, or its number."""
    values = adata.obsm[use_rep]
    return [f"{use_rep}_{column}" for column in getattr(values, "columns", range(values.shape[1]))]


def rows(adata: AnnData, *, layer: str | None = None, use_rep: str | None = None) -> Matrix:
    """Return `.X`, a layer or a representation as a matrix whose rows can be sliced, values unchecked."""
    if adata.isbacked:
        msg = "`adata` is backed by a file; load it first with `adata.to_memory()`."
        raise TypeError(msg)
    if use_rep is not None:
        return _rows(adata.obsm[use_rep], f"obsm {use_rep!r}")
    return _rows(_source(adata, layer), "`.X`" if layer is None else f"layer {layer!r}")


def features(adata: AnnData, layer: str | None) -> tuple[MatrixView, np.ndarray]:
    """Return all features of `.X` or a layer with their moments in float64, and which of them are not constant."""
    matrix = rows(adata, layer=layer)
    names = tuple(str(name) for name in adata.var_names)
    check_values(matrix, names)
    mean, sd = moments(matrix)
    varies = varying(mean, sd, names)
    return MatrixView(matrix, names, mean, np.where(varies, sd, 0), adata.n_vars), varies


def _source(adata: AnnData, layer: str | None) -> Any:
    if layer is not None:
        _checks.existing_key("layer", layer, adata.layers.keys(), where=".layers")
        return adata.layers[layer]
    if adata.X is None:
        msg = "`adata` has no `.X`; name a `layer`, or for a fit a `use_rep`."
        raise ValueError(msg)
    return adata.X


def _rows(values: Any, where: str) -> Matrix:
    """Return `values` as an ndarray or CSR matrix whose rows can be sliced."""
    if hasattr(values, "to_numpy"):  # a data frame in `.obsm`
        values = values.to_numpy()
    if sparse.issparse(values):
        matrix = sparse.csr_matrix(values)
    elif isinstance(values, np.ndarray):
        matrix = np.asarray(values)
    else:
        msg = (
            f"`adata`: {where} is a {type(values).__name__}; a NumPy array or a SciPy sparse matrix in memory is "
            "needed: load it first, for example with `adata.to_memory()`."
        )
        raise TypeError(msg)
    if matrix.ndim != 2 or not (np.issubdtype(matrix.dtype, np.number) or matrix.dtype == bool):
        msg = f"`adata`: {where} must be a table of real numbers, got shape {matrix.shape} of dtype {matrix.dtype}."
        raise ValueError(msg)
    if np.issubdtype(matrix.dtype, np.complexfloating):
        msg = f"`adata`: {where} must hold real numbers, got dtype {matrix.dtype}."
        raise ValueError(msg)
    return matrix


def mask(adata: AnnData, mask_var: np.ndarray | str | Unset | None) -> np.ndarray | None:
    """Return which features `mask_var` chooses, (n_vars,) bool; None for all."""
    if isinstance(mask_var, Unset):
        if "highly_variable" not in adata.var:
            return None
        chosen = adata.var["highly_variable"].to_numpy()
    elif mask_var is None:
        return None
    elif isinstance(mask_var, str):
        _checks.existing_key("mask_var", mask_var, adata.var.columns, where=".var")
        chosen = adata.var[mask_var].to_numpy()
    else:
        chosen = np.asarray(mask_var)
    if chosen.dtype != bool or chosen.shape != (adata.n_vars,):
        msg = (
            f"`mask_var` (unset: 'highly_variable') must be {adata.n_vars} booleans or name a column of `.var` "
            f"of them, got shape {chosen.shape} of dtype {chosen.dtype}."
        )
        raise ValueError(msg)
    if not chosen.any():
        msg = "`mask_var` selects no feature; at least one is needed (`mask_var=None` takes all)."
        raise ValueError(msg)
    if isinstance(mask_var, Unset):
        log.info("using the %d highly variable features of %d (`mask_var=None` takes all)", chosen.sum(), len(chosen))
    return chosen


def columns(
    adata: AnnData, names: Sequence[str] | str | None, *, layer: str | None = None
) -> tuple[list[str], np.ndarray]:
    """Return the names of the chosen features, all for None, and their values as an ndarray (n_obs, n_names).

    Only these columns of a sparse matrix are made dense: choose few.
    """
    if layer is None and adata.X is None:
        msg = "`adata` has no `.X`; name a `layer`."
        raise ValueError(msg)
    chosen = list(adata.var_names) if names is None else _checks.names("names", names)
    unknown = [name for name in chosen if name not in adata.var_names]
    if unknown:
        msg = f"`names` must be among the {adata.n_vars} names in `adata.var_names`, got {unknown[:_NAMES_SHOWN]}."
        raise KeyError(msg)
    places = adata.var_names.get_indexer_for(chosen)
    if not len(places) or len(np.unique(places)) < len(places) or len(places) > len(chosen):
        msg = f"`names` must be different names, each of one feature in `adata.var_names`, got {chosen[:_NAMES_SHOWN]}."
        raise ValueError(msg)
    matrix: Any = rows(adata, layer=layer)[:, places]
    values: np.ndarray = matrix.toarray() if sparse.issparse(matrix) else matrix
    check_finite(values, chosen)
    return chosen, values
