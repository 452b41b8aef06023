"""AnnData -> matrices with names: what a fit trains on, all features, a few features. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from scipy import sparse

from scgsr import _checks
from scgsr._adata import _disk
from scgsr._adata._arcsinh import read_cofactors
from scgsr._adata._cells import origins
from scgsr._adata._channels import marker_names, markers
from scgsr._adata._keys import EMBEDDING, HIGHLY_VARIABLE
from scgsr._checks import about, listed, log
from scgsr._values import (
    BYTES_AT_ONCE,
    MatrixView,
    Rows,
    Statistics,
    Stored,
    check_finite,
    check_scale,
    dense_rows,
    divisors,
    rows_read,
    scaling_for,
    slices,
    unmasked,
    varying,
    warn_of_raw_values,
    whole,
)

if TYPE_CHECKING:
    from anndata import AnnData


class Unset:
    """Says that `mask_var` was not given: use highly variable genes if they are marked, as `scanpy.pp.pca` does.

    Else use the markers of a file whose channels are known.
    """

    def __repr__(self) -> str:
        return "<unset>"


UNSET: Final = Unset()


def view(
    adata: AnnData,
    *,
    layer: str | None = None,
    use_rep: str | None = None,
    mask_var: np.ndarray | pd.Series | Sequence[str] | str | Unset | None = UNSET,
    scale: str | bool | None = None,
    batch_key: str | None = None,
) -> MatrixView:
    """Return the values to train on: `.X`, a layer or a representation, restricted to the chosen features."""
    of_cells = origins(adata, batch_key)
    _refuse_two_sources(layer, use_rep, mask_var)
    if use_rep is None:
        chosen = mask(adata, mask_var)
        matrix, names, width = rows(adata, layer=layer), adata.var_names, adata.n_vars
        if chosen is not None:
            matrix, names = of_columns(matrix, chosen), names[chosen]
    else:
        matrix, names = representation(adata, use_rep)
        width = matrix.shape[1]
    all_features = _different(names)
    found, varies = _statistics(matrix, all_features)
    found = found.only(varies)
    features = tuple(compress(all_features, varies))
    warn_of_raw_values(found, features, embedding=use_rep is not None)
    scaling = check_scale(scale) or scaling_for(found.sd, embedding=use_rep is not None)
    return MatrixView(
        matrix=matrix if varies.all() else of_columns(matrix, varies),
        features=features,
        mean=found.mean.astype(np.float32),
        scale=divisors(found.sd, scaling).astype(np.float32),
        width=width,
        statistics=found,
        scaling=scaling,
        cofactor=read_cofactors(adata, layer, features, embedding=use_rep is not None),
        origins=of_cells,
    )


def features(adata: AnnData, layer: str | None) -> tuple[MatrixView, np.ndarray]:
    """Return all features of `.X` or a layer with their moments in float64, and which of them are not constant.

    The scale of a constant feature is 0.
    """
    matrix = rows(adata, layer=layer)
    names = tuple(str(name) for name in adata.var_names)
    found, varies = _statistics(matrix, names)
    scale = np.where(varies, found.sd, 0)
    return MatrixView(matrix=matrix, features=names, mean=found.mean, scale=scale, width=adata.n_vars), varies


def columns(
    adata: AnnData, names: Sequence[str] | str | None, *, layer: str | None = None
) -> tuple[list[str], np.ndarray]:
    """Return the names of the chosen features, all markers for None, and their values as an ndarray (n_obs, n_names).

    Only these columns of a sparse matrix are made dense: choose few.
    """
    source = rows(adata, layer=layer)
    chosen = marker_names(adata) if names is None else _checks.names("names", names)
    unknown = [name for name in chosen if name not in adata.var_names]
    if unknown:
        msg = f"`names` must be among the {adata.n_vars} names in `adata.var_names`, got {listed(unknown)}."
        raise about("names", KeyError(msg))
    index = adata.var_names.get_indexer_for(chosen)
    # The index is longer than the names where several features have one name.
    if not chosen or len(set(chosen)) < len(chosen) or len(index) > len(chosen):
        msg = f"`names` must be different names, each of one feature in `adata.var_names`, got {listed(chosen)}."
        raise about("names", ValueError(msg))
    matrix = of_columns(source, index)
    values = np.empty(matrix.shape, dtype=matrix.dtype)
    for block in slices(len(values), rows_read(source)):
        values[block] = dense_rows(matrix, block)
    check_finite(values, chosen)
    return chosen, values


def rows(adata: AnnData, *, layer: str | None = None) -> Rows:
    """Return `.X` or a layer as a matrix whose rows can be sliced, values unchecked."""
    _refuse_a_view_on_disk(adata)
    if layer is not None:
        _checks.existing_key("layer", layer, adata.layers.keys(), where=".layers")
        return _sliceable(adata.layers[layer], f"layer {layer!r}")
    if adata.X is None:
        msg = "`adata` has no `.X`; name a `layer`, or for a fit a `use_rep`."
        raise about("layer", ValueError(msg))
    return _sliceable(adata.X, "`.X`")


def representation(adata: AnnData, use_rep: str, *, hint: str = "") -> tuple[Rows, list[str]]:
    """Return a representation as a matrix whose rows can be sliced, values unchecked, and names for its columns.

    The names are those that a data frame has, or numbers; `hint` is added to the error if there is none.
    """
    _refuse_a_view_on_disk(adata)
    _checks.existing_key("use_rep", use_rep, adata.obsm.keys(), where=".obsm", hint=hint)
    values = adata.obsm[use_rep]
    matrix = _sliceable(values, f"obsm {use_rep!r}")
    return matrix, [f"{use_rep}_{column}" for column in getattr(values, "columns", range(matrix.shape[1]))]


def embedding(adata: AnnData, basis: str) -> tuple[str, np.ndarray]:
    """Return the name of an embedding in `.obsm`, which may be given without its "X_", and the places of the cells.

    These are its first two columns, (n_obs, 2) float64; a cell that it does not hold has NaN.
    """
    _checks.instance("basis", basis, str)
    name = next((name for name in (basis, f"{EMBEDDING}{basis}") if name in adata.obsm), None)
    if name is None:
        cure = "leave it out to place cells on the sheet of neurons"
        msg = f"`basis`={basis!r} is not in .obsm, which has {list(adata.obsm.keys())}; {cure}."
        raise about("basis", KeyError(msg))
    matrix, _ = representation(adata, name)
    if matrix.shape[1] < 2:
        msg = f"`basis`={basis!r} must have two columns or more to draw, got {matrix.shape[1]}."
        raise about("basis", ValueError(msg))
    return name.removeprefix(EMBEDDING), dense_rows(matrix, slice(None))[:, :2].astype(np.float64)


def mask(adata: AnnData, mask_var: np.ndarray | pd.Series | Sequence[str] | str | Unset | None) -> np.ndarray | None:
    """Return which features `mask_var` chooses, (n_vars,) bool; None for all."""
    by_default = isinstance(mask_var, Unset)
    if mask_var is None:
        return None
    if by_default and HIGHLY_VARIABLE not in adata.var:
        return markers(adata, "fit")
    column = HIGHLY_VARIABLE if by_default else mask_var
    if isinstance(column, str):
        _checks.existing_key("mask_var", column, adata.var.columns, where=".var")
        chosen = adata.var[column].to_numpy()
    elif isinstance(mask_var, pd.Series):
        chosen = _by_name(adata, mask_var)
    else:
        chosen = np.asarray(mask_var)
        if chosen.ndim == 1 and all(isinstance(name, str) for name in chosen) and len(chosen):
            _refuse_unknown(adata, chosen)
            chosen = adata.var_names.isin(chosen)
    if chosen.dtype != bool or chosen.shape != (adata.n_vars,):
        msg = (
            f"`mask_var` (unset: {HIGHLY_VARIABLE!r}) must be {adata.n_vars} booleans, name a column of `.var` "
            f"of them, or list names of features, got shape {chosen.shape} of dtype {chosen.dtype}."
        )
        raise about("mask_var", ValueError(msg))
    if not chosen.any():
        msg = "`mask_var` selects no feature; at least one is needed (`mask_var=None` takes all)."
        raise about("mask_var", ValueError(msg))
    if by_default:
        log.info("using the %d highly variable features of %d (`mask_var=None` takes all)", chosen.sum(), len(chosen))
    return chosen


def _by_name(adata: AnnData, chosen: pd.Series) -> np.ndarray:
    """Return a series of booleans in the order of the features, which its index names."""
    if not chosen.index.is_unique or set(chosen.index) != set(adata.var_names):
        msg = (
            "`mask_var` is a Series whose index is not `adata.var_names`; give it that index, or `mask_var.to_numpy()` "
            "if it is in the order of the features."
        )
        raise about("mask_var", ValueError(msg))
    return chosen.reindex(adata.var_names).to_numpy()


def _refuse_unknown(adata: AnnData, names: Iterable[str]) -> None:
    if unknown := [name for name in names if name not in adata.var_names]:
        msg = f"`mask_var` must list names of `adata.var_names`, got {listed(unknown)}."
        raise about("mask_var", KeyError(msg))


def _refuse_two_sources(layer: str | None, use_rep: str | None, mask_var: Any) -> None:
    if use_rep is None:
        return
    if layer is not None:
        msg = f"`layer`={layer!r} and `use_rep`={use_rep!r} exclude each other; give one."
        raise about("layer", ValueError(msg))
    if mask_var is not None and not isinstance(mask_var, Unset):
        msg = f"`mask_var` chooses columns of `.X` or a layer and cannot be combined with `use_rep`={use_rep!r}."
        raise about("mask_var", ValueError(msg))


def _refuse_a_view_on_disk(adata: AnnData) -> None:
    if adata.isbacked and adata.is_view:
        msg = (
            "`adata` is a view of cells in a file, which cannot be read in blocks: give the whole object and choose "
            "features with `mask_var`, or load the view with `adata.to_memory()`."
        )
        raise about("adata", TypeError(msg))


def of_columns(matrix: Rows, columns: np.ndarray) -> Rows:
    """Return some columns, given as numbers or as booleans; what is not in memory is not read."""
    return matrix.only(columns) if isinstance(matrix, Stored) else matrix[:, columns]


def _different(names: Iterable[Any]) -> tuple[str, ...]:
    """Return names as strings, refused if two are the same."""
    index = pd.Index([str(name) for name in names], dtype=object)
    if not index.is_unique:
        twice = list(index[index.duplicated()].unique())
        msg = (
            f"`adata` has {len(twice)} features whose name occurs twice ({listed(twice)}); call "
            "`adata.var_names_make_unique()`."
        )
        raise about("adata", ValueError(msg))
    return tuple(index)


def _statistics(matrix: Rows, names: tuple[str, ...]) -> tuple[Statistics, np.ndarray]:
    """Return what all values tell, and which features vary, once the values are checked."""
    found = Statistics.of(matrix)
    found.check(names)
    return found, varying(found, names)


def _sliceable(values: Any, where: str) -> Rows:
    """Return `values` as an ndarray or CSR matrix of real numbers; large ones that lie elsewhere stay there."""
    if hasattr(values, "to_numpy"):  # a data frame in `.obsm`
        values = values.to_numpy()
    elsewhere = _disk.stored(values, where)
    matrix: Rows
    if elsewhere is not None:
        small = len(elsewhere.shape) == 2 and elsewhere.n_bytes <= BYTES_AT_ONCE
        matrix = elsewhere[:] if small else elsewhere
    elif sparse.issparse(values):
        matrix = whole(values, f"`adata`: {where}")
    elif isinstance(values, np.ndarray):
        matrix = unmasked(values, f"`adata`: {where}")
    else:
        msg = (
            f"`adata`: {where} is a {type(values).__name__}; a NumPy array or a SciPy sparse matrix is needed, or "
            "what AnnData reads from HDF5, zarr or dask."
        )
        raise about("adata", TypeError(msg))
    if len(matrix.shape) != 2 or not (np.issubdtype(matrix.dtype, np.number) or matrix.dtype == bool):
        msg = f"`adata`: {where} must be a table of real numbers, got shape {matrix.shape} of dtype {matrix.dtype}"
        msg += "; `adata.X = adata.X.astype('float32')` makes numbers of objects." if matrix.dtype == object else "."
        raise about("adata", ValueError(msg))
    if np.issubdtype(matrix.dtype, np.complexfloating):
        msg = f"`adata`: {where} must hold real numbers, got dtype {matrix.dtype}."
        raise about("adata", ValueError(msg))
    return matrix
