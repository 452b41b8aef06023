"""Bad input to every public verb: each fault ends as an error that names argument and cure, and changes nothing.

A row is a fault that spoils the cells, a call, its arguments, the class of the error, and what its message says, parted
by "|": the argument in backticks first.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from _fits import four_groups
from scipy import sparse

from scgsr import FittedModel, datasets, get, graphs, io, pl, pp, tl

QUICK = {"n_epochs": 2, "hidden": (8,), "batch_size": 40, "progress": False}


@pytest.fixture(scope="module")
def fitted() -> ad.AnnData:
    """Cells with a fit on a sheet, all that verbs answer about it, a fit on a ring, and columns of all kinds."""
    adata = four_groups()
    number = np.arange(adata.n_obs)
    adata.obs["sample"] = pd.Categorical([f"donor {i}" for i in number % 6])
    adata.obs["treated"] = pd.Categorical(np.where(number % 2, "yes", "no"))
    adata.obs["dose"] = (number % 2).astype(float)
    adata.obs["angle"] = np.linspace(0, 6, adata.n_obs)
    adata.obs["text"] = [f"cell {i}" for i in number]
    adata.obsm["X_pca"] = adata.X[:, :3].copy()
    adata.layers["counts"] = np.abs(adata.X).round()
    tl.fit(adata, (4, 5), **QUICK)
    tl.fit(adata, graphs.ring(6), key_added="ring", **QUICK)
    tl.programs(adata)
    tl.saliency(adata)
    tl.silence(adata, n_random=3)
    tl.score(adata, n_permutations=9)
    tl.compare(adata, "treated", "sample")
    return adata


# --- Faults: each spoils the cells, or returns others ----------------------------------------------------------------


def none(adata):
    """Leave the cells as they are: the arguments are at fault."""


def is_array(adata):
    return np.asarray(adata.X)


def is_none(adata):
    return False


def is_path(adata):
    return "cells.h5ad"


def has_nan(adata):
    adata.X[3, 2] = np.nan


def has_infinity(adata):
    adata.X[0, 0] = np.inf


def sparse_with_nan(adata):
    adata.X[3, 2] = np.nan
    adata.X = sparse.csr_matrix(adata.X)


def has_objects(adata):
    adata.X = adata.X.astype(object)


def has_complex_numbers(adata):
    adata.layers["counts"] = adata.X.astype(complex)


def has_masked_values(adata):
    adata.obsm["X_pca"] = np.ma.masked_greater(adata.obsm["X_pca"], 1)


def has_no_x(adata):
    del adata.X


def without_cells(adata):
    return adata[:0].copy()


def without_features(adata):
    return adata[:, :0].copy()


def one_cell(adata):
    return adata[:1].copy()


def constant(adata):
    adata.X[:] = 3


def names_twice(adata):
    adata.var_names = ["feature_0", *adata.var_names[:-1]]


def renamed_features(adata):
    adata.var_names = [f"other {name}" for name in adata.var_names]


def lacks_features(adata):
    return adata[:, :6].copy()


def columns_twice(adata):
    adata.obs.columns = ["group" if name in ("sample", "dose", "angle") else name for name in adata.obs.columns]


def labels_twice(adata):
    adata.obs.columns = ["gsr" if name == "dose" else name for name in adata.obs.columns]


def fits_twice(adata):
    adata.obs.columns = ["gsr_fit" if name == "dose" else name for name in adata.obs.columns]


def held_out_twice(adata):
    adata.obs.columns = ["gsr_held_out" if name == "dose" else name for name in adata.obs.columns]


def lists_in_obs(adata):
    adata.obs["group"] = [[i % 3] for i in range(adata.n_obs)]
    adata.obs["sample"] = [[i % 3] for i in range(adata.n_obs)]


def arrays_in_obs(adata):
    adata.obs["angle"] = [np.zeros(2)] * adata.n_obs


def missing_groups(adata):
    adata.obs["group"] = pd.Categorical([None] * adata.n_obs, categories=["a", "b"])


def half_missing(adata):
    adata.obs["group"] = adata.obs["group"].where(np.arange(adata.n_obs) % 2 == 0)


def one_group(adata):
    adata.obs["group"] = pd.Categorical(["all"] * adata.n_obs)


def infinite_angles(adata):
    adata.obs["angle"] = np.inf


def mixed_samples(adata):
    adata.obs["treated"] = pd.Categorical(np.where(np.arange(adata.n_obs) % 5, "yes", "no"))


def two_samples(adata):
    adata.obs["sample"] = adata.obs["treated"]


def colors_lost(adata):
    adata.uns["group_colors"] = ["no colour"] * 4


def number_colors(adata):
    adata.uns["group_colors"] = np.arange(4)


def number_label_colors(adata):
    adata.uns["gsr_colors"] = np.arange(40)


def no_record(adata):
    del adata.uns["gsr"]


def record_is_list(adata):
    adata.uns["gsr"] = [1, 2]


def record_of_params(adata):
    adata.uns["gsr"] = {"schema": 8, "versions": {}}


def record_of_the_future(adata):
    adata.uns["gsr"] = {**adata.uns["gsr"], "schema": 99}


def record_of_old(adata):
    adata.uns["gsr"] = {**adata.uns["gsr"], "schema": 1}


def without_graph(adata):
    adata.uns["gsr"] = {name: value for name, value in adata.uns["gsr"].items() if name != "graph"}


def scores_are_empty(adata):
    adata.uns["gsr"] = {**adata.uns["gsr"], "scores": {}}


def scores_are_text(adata):
    adata.uns["gsr"] = {**adata.uns["gsr"], "scores": "lost"}


def scores_of_lists(adata):
    adata.uns["gsr"] = {**adata.uns["gsr"], "scores": {"table": [1], "verdict": 3, "advice": None}}


def programs_spoilt(adata):
    adata.uns["gsr"] = {**adata.uns["gsr"], "programs": dict.fromkeys(("names", "scores", "pvals", "pvals_adj"), "x")}


def saliency_spoilt(adata):
    stored = {**adata.uns["gsr"]["saliency"], "values": np.zeros((2, 2))}
    adata.uns["gsr"] = {**adata.uns["gsr"], "saliency": stored}


def silence_spoilt(adata):
    stored = {**adata.uns["gsr"]["silence"], "loss": np.zeros((2, 2))}
    adata.uns["gsr"] = {**adata.uns["gsr"], "silence": stored}


def comparison_spoilt(adata):
    stored = {**adata.uns["gsr"]["compare"], "abundance": "lost"}
    adata.uns["gsr"] = {**adata.uns["gsr"], "compare": stored}


def programs_of_other_width(adata):
    adata.varm["gsr_programs"] = adata.varm["gsr_programs"][:, :0].copy()


def of_another_fit(adata):
    adata.obs["gsr_fit"] = pd.Categorical(["a.b"] * adata.n_obs)


def no_activations(adata):
    del adata.obsm["X_gsr"]


def narrow_activations(adata):
    adata.obsm["X_gsr"] = adata.obsm["X_gsr"][:, :5].copy()


def nan_activations(adata):
    adata.obsm["X_gsr"][4] = np.nan


def whole_activations(adata):
    adata.obsm["X_gsr"] = adata.obsm["X_gsr"].astype(int)


def frame_activations(adata):
    adata.obsm["X_gsr"] = pd.DataFrame(adata.obsm["X_gsr"], index=adata.obs_names).iloc[:, :5]


def no_labels(adata):
    del adata.obs["gsr"]


def sample_twice(adata):
    adata.uns["meta"] = {"a": {"$TOT": "1"}}
    adata.obs.columns = ["sample" if name == "dose" else name for name in adata.obs.columns]


def sample_of_lists(adata):
    adata.uns["meta"] = {"a": {"$TOT": "1"}}
    lists_in_obs(adata)


def number_labels(adata):
    adata.obs["gsr"] = np.linspace(0, 1, adata.n_obs)


def view_with_nan(adata):
    adata.X[0, 0] = np.nan
    return adata[:100]


def view_without_cells(adata):
    return adata[:0]


def arcsinh_record_is_text(adata):
    adata.uns["arcsinh"] = "yes"


def arcsinh_recorded(adata):
    pp.arcsinh(adata, 5)


def arcsinh_record_of_numbers(adata):
    adata.uns["arcsinh"] = {"X": np.arange(12)}


# --- Calls that take more than cells and plain arguments -------------------------------------------------------------


def activations_of(adata, matrix):
    return get.model(adata).activations(matrix)


def reconstruct(adata, matrix, **arguments):
    return get.model(adata).reconstruct(matrix, **arguments)


def decode(adata, values, **arguments):
    return get.model(adata).decode(values, **arguments)


def novelty(adata, matrix, **arguments):
    return get.model(adata).novelty(matrix, **arguments)


def save(adata, folder, **arguments):
    get.model(adata).save(folder, **arguments)


def load(adata, folder):
    FittedModel.load(folder)


def from_record(adata, record):
    FittedModel.from_record(record)


def map_new(adata, **arguments):
    """Map the cells as new ones by the fit that they have."""
    tl.transform(adata, get.model(adata, key="ring"), **{"key_added": "mapped", **arguments})


def draw_images(adata, values, graph=None, **arguments):
    pl.images(graphs.ring(4) if graph is None else graph, values, show=False, **arguments)


def map_to_fitted(adata, **arguments):
    """Map new cells by the first fit, whose labels have colours."""
    tl.transform(ad.AnnData(adata.X, var=adata.var), adata, **arguments)


def model_of_network(adata, **parts):
    model = get.model(adata)
    of_all = {name: getattr(model, name) for name in model.__dataclass_fields__}
    FittedModel(**{**of_all, **parts})


def read_fcs(adata, path, content=None, **arguments):
    """Read a file of this content, or of the cells; there is no file whose name is "none"."""
    if content is not None:
        Path(path).write_bytes(content)
    elif Path(path).stem != "none":
        io.write_fcs(adata, path)
    io.read_fcs(path, **arguments)


def convert(adata, path, output, **arguments):
    io.convert_fcs(path, output, **arguments)


def data_set(adata, name, **arguments):
    getattr(datasets, name)(**arguments)


# --- The table -------------------------------------------------------------------------------------------------------

WIDE, LONG = np.zeros((4, 99), dtype=np.float32), {"names": ["feature_0"] * 2}
K, T, V = KeyError, TypeError, ValueError

# "TMP/" stands for an empty folder.
ROWS = [
    # --- tl.fit: the cells
    (is_array, tl.fit, {}, T, "`adata` must be AnnData|ndarray"),
    (is_path, tl.fit, {}, T, "`adata` must be AnnData|str"),
    (is_none, tl.fit, {}, T, "`adata` must be AnnData|bool"),
    (has_nan, tl.fit, {}, V, "`adata` has NaN or infinite values|feature_2|remove or impute"),
    (has_infinity, tl.fit, {}, V, "`adata` has NaN or infinite values|feature_0|remove or impute"),
    (sparse_with_nan, tl.fit, {}, V, "`adata` has NaN or infinite values|feature_2|remove or impute"),
    (has_objects, tl.fit, {}, V, "`adata`: `.X` must be a table of real numbers|astype"),
    (has_complex_numbers, tl.fit, {"layer": "counts"}, V, "`adata`: layer 'counts' must hold real numbers|complex"),
    (has_masked_values, tl.fit, {"use_rep": "X_pca"}, V, "`adata`: obsm 'X_pca' has|masked values|numpy.ma.filled"),
    (has_no_x, tl.fit, {}, V, "`adata` has no `.X`|name a `layer`"),
    (without_cells, tl.fit, {}, V, "`adata` has no values to train on: 0 cells"),
    (without_features, tl.fit, {}, V, "`adata` has no values to train on: 240 cells x 0 features"),
    (one_cell, tl.fit, {}, V, "`adata` has one cell|at least two"),
    (constant, tl.fit, {}, V, "`adata`|constant"),
    (names_twice, tl.fit, {}, V, "`adata` has 1 features whose name occurs twice|var_names_make_unique"),
    (view_with_nan, tl.fit, {}, V, "`adata` has NaN|remove or impute"),
    (view_without_cells, tl.fit, {}, V, "`adata` has no values to train on"),
    (columns_twice, tl.fit, {"batch_key": "group"}, V, "`batch_key`='group'|more than once|rename"),
    (lists_in_obs, tl.fit, {"batch_key": "group"}, T, "`batch_key`='group' must name a column|list|astype(str)"),
    (missing_groups, tl.fit, {"batch_key": "group"}, V, "`batch_key`='group' must"),
    (
        half_missing,
        tl.fit,
        {"batch_key": "group"},
        V,
        "`batch_key`='group' must name the batch of every cell|leave these",
    ),
    (arcsinh_record_is_text, tl.fit, {}, V, ".uns['arcsinh']|scgsr.pp.arcsinh"),
    (arcsinh_record_of_numbers, tl.fit, {}, V, ".uns['arcsinh']|scgsr.pp.arcsinh"),
    # --- tl.fit: the arguments
    (none, tl.fit, {"graph": "grid"}, T, "`graph`"),
    (none, tl.fit, {"graph": (3.5, 2)}, T, "`height` must be an integer"),
    (none, tl.fit, {"smoothness": "strong"}, T, "`smoothness` must be a number"),
    (none, tl.fit, {"smoothness": np.nan}, V, "`smoothness` must be finite"),
    (none, tl.fit, {"start": 3}, T, "`start` must be a string"),
    (none, tl.fit, {"anneal": 0}, V, "`anneal`|at least 1"),
    (none, tl.fit, {"balance": "much"}, T, "`balance` must be a number"),
    (none, tl.fit, {"scale": 3}, T, "`scale`"),
    (none, tl.fit, {"scale": "features"}, V, "`scale`|feature"),
    (none, tl.fit, {"layer": "raw"}, K, "`layer`='raw' is not in .layers|counts"),
    (none, tl.fit, {"layer": ["counts"]}, K, "`layer`"),
    (none, tl.fit, {"layer": "counts", "use_rep": "X_pca"}, V, "`layer`='counts' and `use_rep`='X_pca' exclude"),
    (none, tl.fit, {"use_rep": "pca"}, K, "`use_rep`='pca' is not in .obsm|X_pca"),
    (none, tl.fit, {"use_rep": 3}, K, "`use_rep`=3 is not in .obsm"),
    (none, tl.fit, {"mask_var": [True, False]}, V, "`mask_var`|12 booleans"),
    (none, tl.fit, {"mask_var": ["CD3"]}, K, "`mask_var` must list names|CD3"),
    (none, tl.fit, {"mask_var": np.zeros(12, bool)}, V, "`mask_var` selects no feature|mask_var=None"),
    (none, tl.fit, {"mask_var": 3}, V, "`mask_var`|12 booleans"),
    (none, tl.fit, {"mask_var": {"feature_0": True}}, V, "`mask_var`|12 booleans"),
    (none, tl.fit, {"batch_key": "plate"}, K, "`batch_key`='plate' is not in `adata.obs`"),
    (none, tl.fit, {"batch_key": "dose"}, T, "`batch_key`='dose'|pandas.cut"),
    (none, tl.fit, {"batch_key": ["sample"]}, K, "`batch_key`"),
    (none, tl.fit, {"hidden": "wide"}, T, "`hidden` must be an integer"),
    (none, tl.fit, {"hidden": (8, -1)}, V, "`hidden` must be at least 1"),
    (none, tl.fit, {"hidden": None}, T, "`hidden` must be an integer"),
    (none, tl.fit, {"threshold": "half"}, T, "`threshold` must be a number"),
    (none, tl.fit, {"noise": np.inf}, V, "`noise` must be finite"),
    (none, tl.fit, {"diffusion": 1.5}, T, "`diffusion` must be an integer"),
    (none, tl.fit, {"atoms": "wavelets"}, T, "`atoms` must be Atoms|scgsr.graphs.Atoms"),
    (none, tl.fit, {"penalty": {"correlation": -1}}, V, "`penalty"),
    (none, tl.fit, {"penalty": 3}, T, "`penalty`"),
    (none, tl.fit, {"penalty": {}}, V, "`penalty`"),
    (none, tl.fit, {"laplacian": "normal"}, V, "`laplacian` must be one of"),
    (none, tl.fit, {"resolution": None}, T, "`resolution` must be a number"),
    (none, tl.fit, {"n_epochs": 2.5}, T, "`n_epochs` must be an integer"),
    (none, tl.fit, {"batch_size": True}, T, "`batch_size` must be an integer"),
    (none, tl.fit, {"learning_rate": 1e9}, V, "`learning_rate`"),
    (none, tl.fit, {"validation_fraction": -0.1}, V, "`validation_fraction`|at least 0 and at most 0.9"),
    (none, tl.fit, {"early_stopping": "yes"}, T, "`early_stopping` must be bool"),
    (none, tl.fit, {"rng": -1}, V, "`rng`|0 to 2**63"),
    (none, tl.fit, {"rng": 0.5}, T, "`rng` must be an integer"),
    (none, tl.fit, {"device": 3.5}, T, "`device` must be None, a name"),
    (none, tl.fit, {"precision": 16}, T, "`precision` must be a string"),
    (none, tl.fit, {"checkpoint": 5}, T, "`checkpoint` must be str or PathLike"),
    (none, tl.fit, {"checkpoint": ""}, V, "`checkpoint` must name a folder"),
    (none, tl.fit, {"progress": "yes"}, T, "`progress` must be bool or None"),
    (none, tl.fit, {"key_added": 3}, T, "`key_added` must be a string"),
    (none, tl.fit, {"key_added": ""}, V, "`key_added` must be a name"),
    (none, tl.fit, {"key_added": "arcsinh"}, V, "`key_added` must not be 'arcsinh'"),
    (none, tl.fit, {"key_added": "group"}, V, "`key_added`='group' would overwrite|choose another"),
    (none, tl.fit, {"copy": 1}, T, "`copy` must be bool"),
    # --- tl.cluster
    (is_array, tl.cluster, {}, T, "`adata` must be AnnData"),
    (none, tl.cluster, {"resolution": 0}, V, "`resolution`|above 0"),
    (none, tl.cluster, {"resolution": "high"}, T, "`resolution` must be a number"),
    (none, tl.cluster, {"n_clusters": 0}, V, "`n_clusters` must be at least 1"),
    (none, tl.cluster, {"n_clusters": 2.0}, T, "`n_clusters` must be an integer"),
    (none, tl.cluster, {"n_clusters": 3, "resolution": 2}, V, "`n_clusters`=3 and `resolution`=2|leave one out"),
    (none, tl.cluster, {"key": "mine"}, K, "`key`='mine'|call `scgsr.tl.fit"),
    (none, tl.cluster, {"key": 3}, T, "`key` must be str"),
    (none, tl.cluster, {"key": None}, T, "`key` must be str"),
    (none, tl.cluster, {"key_added": "group"}, V, "`key_added`='group' would overwrite"),
    (none, tl.cluster, {"copy": "no"}, T, "`copy` must be bool"),
    (no_record, tl.cluster, {}, K, "`key`='gsr': .uns['gsr'] is missing|uns_merge='same'"),
    (no_activations, tl.cluster, {}, K, "`key`='gsr': .obsm['X_gsr'] is missing|scgsr.tl.fit"),
    (narrow_activations, tl.cluster, {}, V, "`key`='gsr': .obsm['X_gsr'] is no longer|scgsr.tl.transform"),
    (whole_activations, tl.cluster, {}, V, "`key`='gsr': .obsm['X_gsr'] is no longer|scgsr.tl.transform"),
    (
        of_another_fit,
        tl.cluster,
        {},
        V,
        "`key`='gsr': 240 of 240 cells carry results of another fit|scgsr.tl.transform",
    ),
    (fits_twice, tl.cluster, {}, V, "`key`='gsr'|'gsr_fit'|more than once|rename"),
    (held_out_twice, tl.cluster, {}, V, "`key`='gsr'|'gsr_held_out'|more than once|rename"),
    (without_graph, tl.cluster, {}, V, "`key`='gsr'|not whole|'graph' is missing|scgsr.tl.fit"),
    # --- records, through get.model
    (none, get.model, {"key": ["gsr"]}, T, "`key` must be str"),
    (is_array, get.model, {}, T, "`adata` must be AnnData"),
    (record_is_list, get.model, {}, K, "`key`='gsr'|something else than a fit|name the key of a fit"),
    (record_of_params, get.model, {}, V, "`key`='gsr'|not whole|scgsr.tl.fit"),
    (record_of_the_future, get.model, {}, V, "`key`='gsr' holds a fit in form 99|newer scgsr"),
    (record_of_old, get.model, {}, V, "`key`='gsr' holds a fit in form 1|scgsr.tl.fit"),
    (without_graph, get.model, {}, V, "`key`='gsr'|not whole|scgsr.tl.fit"),
    # --- tl.transform
    (is_array, tl.transform, {"reference": "TMP/"}, T, "`adata` must be AnnData"),
    (none, tl.transform, {"reference": 3}, T, "`reference` must be AnnData|FittedModel.save"),
    (none, tl.transform, {"reference": "TMP/none"}, FileNotFoundError, "holds no model|FittedModel.save"),
    (none, tl.transform, {"reference": ""}, FileNotFoundError, "holds no model"),
    (none, map_new, {"fill": "zero"}, V, "`fill` must be None, 'mean' or a number"),
    (none, map_new, {"fill": [0]}, T, "`fill` must be None, 'mean' or a number"),
    (none, map_new, {"fill": np.nan}, V, "`fill` must be finite"),
    (none, map_new, {"fill": 1e300}, V, "`fill` must be finite"),
    (none, map_new, {"key_added": "a/b"}, V, "`key_added` must be a name"),
    (none, map_new, {"key_added": "sample"}, V, "`key_added`='sample' would overwrite"),
    (none, map_new, {"copy": None}, T, "`copy` must be bool"),
    (has_nan, map_new, {}, V, "`adata` has NaN, infinite or too large values|feature_2|remove them"),
    (has_infinity, map_new, {}, V, "`adata` has NaN, infinite or too large values|feature_0|remove them"),
    (sparse_with_nan, map_new, {}, V, "`adata` has NaN, infinite or too large values|feature_2|remove them"),
    (has_objects, map_new, {}, V, "`adata`: `.X` must be a table of real numbers|astype"),
    (has_no_x, map_new, {}, V, "`adata` has no `.X`"),
    (without_cells, map_new, {}, V, "`adata` has no cells to map"),
    (names_twice, map_new, {}, V, "`adata` has 1 features of the fit twice|unique"),
    (renamed_features, map_new, {}, K, "`adata` lacks 12 of the 12 features|set `adata.var_names`"),
    (lacks_features, map_new, {"fill": "mean"}, K, "`adata` lacks 6 of the 12 features|at most 2 can be filled"),
    (view_without_cells, map_new, {}, V, "`adata` has no cells to map"),
    # --- tl.silence
    (is_array, tl.silence, {}, T, "`adata` must be AnnData"),
    (none, tl.silence, {"key": "other"}, K, "`key`='other'"),
    (none, tl.silence, {"groupby": "none"}, K, "`groupby`='none' is not in `adata.obs`"),
    (none, tl.silence, {"groupby": "dose"}, T, "`groupby`='dose'|pandas.cut"),
    (none, tl.silence, {"copy": 0}, T, "`copy` must be bool"),
    (none, tl.silence, {"n_random": 0}, V, "`n_random`"),
    (none, tl.silence, {"n_random": 2.5}, T, "`n_random`"),
    (none, tl.silence, {"rng": -1}, V, "`rng`"),
    (none, tl.silence, {"regions": [0, 1]}, T, "`regions` must be Mapping|Name each region"),
    (none, tl.silence, {"regions": {}}, V, "`regions` must have at least one region"),
    (none, tl.silence, {"regions": {"a": []}}, T, "`regions`['a'] must be numbers of neurons"),
    (none, tl.silence, {"regions": {"a": 3}}, T, "`regions`['a'] must be numbers of neurons"),
    (none, tl.silence, {"regions": {"a": [0.5]}}, T, "`regions`['a'] must be numbers of neurons"),
    (none, tl.silence, {"regions": {"a": [0, 20]}}, V, "`regions`['a'] must be some of the neurons 0 to 19"),
    (none, tl.silence, {"regions": {"a": [-1]}}, V, "`regions`['a'] must be some of the neurons 0 to 19"),
    (missing_groups, tl.silence, {"groupby": "group"}, V, "`groupby`='group' must have 1 to 200 groups|got 0"),
    (lacks_features, tl.silence, {}, K, "`adata` lacks 6 of the 12 features"),
    # --- tl.programs, tl.saliency
    (is_array, tl.programs, {}, T, "`adata` must be AnnData"),
    (none, tl.programs, {"layer": "raw"}, K, "`layer`='raw' is not in .layers"),
    (none, tl.programs, {"n_cells": 0}, V, "`n_cells` must be at least"),
    (none, tl.programs, {"n_cells": "all"}, T, "`n_cells` must be an integer"),
    (none, tl.programs, {"rng": None}, T, "`rng` must be an integer"),
    (none, tl.programs, {"copy": 0}, T, "`copy` must be bool"),
    (none, tl.programs, {"key": "mine"}, K, "`key`='mine'|scgsr.tl.fit"),
    (has_nan, tl.programs, {}, V, "`adata` has NaN or infinite values|remove or impute"),
    (has_objects, tl.programs, {}, V, "`adata`: `.X` must be a table of real numbers|astype"),
    (held_out_twice, tl.programs, {}, V, "`key`='gsr'|'gsr_held_out'|more than once|rename"),
    (is_array, tl.saliency, {}, T, "`adata` must be AnnData"),
    (none, tl.saliency, {"groupby": "none"}, K, "`groupby`='none' is not in `adata.obs`"),
    (none, tl.saliency, {"groupby": "dose"}, T, "`groupby`='dose'|pandas.cut"),
    (none, tl.saliency, {"groupby": 3}, K, "`groupby`=3 is not in `adata.obs`"),
    (none, tl.saliency, {"copy": 0}, T, "`copy` must be bool"),
    (columns_twice, tl.saliency, {"groupby": "group"}, V, "`groupby`='group'|more than once|rename"),
    (lists_in_obs, tl.saliency, {"groupby": "group"}, T, "`groupby`='group'|list"),
    (missing_groups, tl.saliency, {"groupby": "group"}, V, "`groupby`='group' must have 1 to 200 groups|got 0"),
    (labels_twice, tl.saliency, {}, V, "`key`='gsr'|more than once|rename"),
    (lacks_features, tl.saliency, {}, K, "`adata` lacks 6 of the 12 features"),
    # --- tl.score
    (is_array, tl.score, {}, T, "`adata` must be AnnData"),
    (none, tl.score, {"n_permutations": 0}, V, "`n_permutations` must be at least 1"),
    (none, tl.score, {"n_permutations": None}, T, "`n_permutations` must be an integer"),
    (none, tl.score, {"groupby": "none"}, K, "`groupby`='none' is not in `adata.obs`"),
    (none, tl.score, {"groupby": "dose"}, T, "`groupby`='dose'|pandas.cut"),
    (none, tl.score, {"angle": "group"}, T, "`angle`='group'"),
    (none, tl.score, {"angle": "none"}, K, "`angle`='none' is not in `adata.obs`"),
    (infinite_angles, tl.score, {"angle": "angle"}, V, "`angle`='angle'"),
    (arrays_in_obs, tl.score, {"angle": "angle"}, T, "`angle`='angle'"),
    (columns_twice, tl.score, {"angle": "group"}, V, "`angle`='group'|more than once|rename"),
    (none, tl.score, {"pseudotime": "text"}, T, "`pseudotime`='text'"),
    (none, tl.score, {"pseudotime": "angle", "key": "ring"}, V, "`pseudotime`"),
    (none, tl.score, {"batch_key": "none"}, K, "`batch_key`='none' is not in `adata.obs`"),
    (one_group, tl.score, {"batch_key": "group"}, V, "`batch_key`='group' must have 2 to"),
    (half_missing, tl.score, {"batch_key": "group"}, V, "`batch_key`='group' must name the batch of every cell"),
    (one_group, tl.score, {"groupby": "group"}, V, "`groupby`='group' must have 2 to|got 1"),
    (columns_twice, tl.score, {"groupby": "group"}, V, "`groupby`='group'|more than once|rename"),
    (none, tl.score, {"groupby": "text"}, V, "`groupby`='text' must have 2 to"),
    (none, tl.score, {"baseline": "none"}, K, "`key`='none'|scgsr.tl.fit"),
    (none, tl.score, {"baseline": "ring"}, V, "`baseline`='ring' must be a fit of the same network"),
    (none, tl.score, {"baseline": "gsr"}, V, "`baseline`='gsr' must be a fit without the penalty|smoothness=0"),
    (none, tl.score, {"others": "ring"}, T, "`others` must be list or tuple|into a list"),
    (none, tl.score, {"others": ["ring"]}, V, "`others`='ring' must be a fit of the same network"),
    (none, tl.score, {"others": [3]}, T, "`key` must be str"),
    (none, tl.score, {"rng": "a", "n_permutations": 9}, T, "`rng` must be an integer"),
    (none, tl.score, {"copy": 2}, T, "`copy` must be bool"),
    (nan_activations, tl.score, {}, V, "`key`='gsr'|no activations for 1 of 240 cells|scgsr.tl.transform"),
    (no_labels, tl.score, {}, K, "'gsr' is not in `adata.obs`"),
    (number_labels, tl.score, {}, T, "'gsr'|groups, got numbers"),
    # --- tl.compare
    (is_array, tl.compare, {"condition_key": "treated", "sample_key": "sample"}, T, "`adata` must be AnnData"),
    (none, tl.compare, {"condition_key": "none", "sample_key": "sample"}, K, "`condition_key`='none' is not in"),
    (none, tl.compare, {"condition_key": "treated", "sample_key": "none"}, K, "`sample_key`='none' is not in"),
    (none, tl.compare, {"condition_key": "treated", "sample_key": "dose"}, T, "`sample_key`='dose'"),
    (none, tl.compare, {"condition_key": 3, "sample_key": "sample"}, K, "`condition_key`=3 is not in"),
    (
        mixed_samples,
        tl.compare,
        {"condition_key": "treated", "sample_key": "sample"},
        V,
        "`condition_key`='treated' must",
    ),
    (two_samples, tl.compare, {"condition_key": "treated", "sample_key": "sample"}, V, "`condition_key`|two samples"),
    (
        columns_twice,
        tl.compare,
        {"condition_key": "treated", "sample_key": "group"},
        V,
        "`sample_key`='group'|more than",
    ),
    (
        columns_twice,
        tl.compare,
        {"condition_key": "group", "sample_key": "treated"},
        V,
        "`condition_key`='group'|more than",
    ),
    (lists_in_obs, tl.compare, {"condition_key": "treated", "sample_key": "sample"}, T, "`sample_key`='sample'|list"),
    (lists_in_obs, tl.compare, {"condition_key": "group", "sample_key": "treated"}, T, "`condition_key`='group'|list"),
    *[
        (none, tl.compare, {"condition_key": "treated", "sample_key": "sample", **arguments}, error, words)
        for arguments, error, words in [
            ({"reference": "maybe"}, V, "`reference`='maybe' must be one of the levels"),
            ({"block_key": "none"}, K, "`block_key`='none' is not in"),
            ({"block_key": "sample"}, V, "`"),
            ({"covariates": "none"}, K, "`covariates`='none' is not in"),
            ({"covariates": 3}, T, "`covariates` must be a name or a list"),
            ({"covariates": ["dose"]}, V, "`covariates`: 'dose' and the condition"),
            ({"names": ["CD3"]}, K, "`names` must be among|CD3"),
            ({"names": []}, V, "`names` must be different names"),
            ({"names": 3}, T, "`names` must be a name or a list"),
            ({"layer": "raw"}, K, "`layer`='raw' is not in .layers"),
            ({"groupby": "dose"}, T, "`groupby`='dose'"),
            ({"min_cells": 0}, V, "`min_cells` must be at least 1"),
            ({"min_samples": "all"}, T, "`min_samples` must be an integer"),
            ({"copy": "a"}, T, "`copy` must be bool"),
        ]
    ],
    # --- tl.consensus
    (is_array, tl.consensus, {}, T, "`adata` must be AnnData"),
    (none, tl.consensus, {"n_fits": 2}, V, "`n_fits` must be at least 3"),
    (none, tl.consensus, {"n_fits": "many"}, T, "`n_fits` must be an integer"),
    (none, tl.consensus, {"n_jobs": 0}, V, "`n_jobs` must be at least 1"),
    (none, tl.consensus, {"rng": "x"}, T, "`rng` must be an integer"),
    (none, tl.consensus, {"device": "abacus"}, V, "`device`='abacus'"),
    (none, tl.consensus, {"checkpoint": 3}, T, "`checkpoint` must be str or PathLike"),
    (has_nan, tl.consensus, {}, V, "`adata` has NaN|remove or impute"),
    (renamed_features, tl.consensus, {}, V, "`key`='gsr'|take the object that was fitted"),
    # --- get
    (is_array, get.activations, {}, T, "`adata` must be AnnData"),
    (none, get.activations, {"by": "cell"}, V, "`by` must be one of"),
    (none, get.activations, {"by": None}, T, "`by` must be a string"),
    (none, get.activations, {"key": 5}, T, "`key` must be str"),
    (frame_activations, get.activations, {}, V, "`key`='gsr': .obsm['X_gsr'] is no longer|scgsr.tl.transform"),
    (none, get.images, {"key": "ring"}, V, "`key`='ring'|not a sheet|scgsr.graphs.grid"),
    (nan_activations, get.images, {}, V, "`key`='gsr'|no activations for 1"),
    (without_graph, get.neurons, {}, V, "`key`='gsr'|not whole|scgsr.tl.fit"),
    (none, get.neurons, {"key": "none"}, K, "`key`='none'|scgsr.tl.fit"),
    (none, get.compare, {"what": "cells"}, V, "`what` must be one of"),
    (none, get.compare, {"key": "ring"}, K, "`key`='ring'|call `scgsr.tl.compare"),
    (comparison_spoilt, get.compare, {}, V, "`key`='gsr'|call `scgsr.tl.compare"),
    (none, get.scores, {"key": "ring"}, K, "`key`='ring'|call `scgsr.tl.score"),
    (scores_are_empty, get.scores, {}, K, "`key`='gsr'|call `scgsr.tl.score"),
    (scores_are_text, get.scores, {}, K, "`key`='gsr'|call `scgsr.tl.score"),
    (scores_of_lists, get.scores, {}, V, "`key`='gsr'|call `scgsr.tl.score"),
    (none, get.programs, {"module": "99"}, V, "`module` must be one of"),
    (none, get.programs, {"module": 1.5}, V, "`module` must be one of"),
    (none, get.programs, {"key": "ring"}, K, "`key`='ring'|call `scgsr.tl.programs"),
    (names_twice, get.programs, {}, V, "`adata`|var_names_make_unique"),
    (renamed_features, get.programs, {}, K, "`adata` has none of the 12 features|scgsr.tl.programs"),
    (programs_spoilt, get.programs, {}, V, "`key`='gsr'|call `scgsr.tl.programs"),
    (programs_of_other_width, get.programs, {}, V, "`key`='gsr'|call `scgsr.tl.programs"),
    (none, get.saliency, {"key": "ring"}, K, "`key`='ring'|call `scgsr.tl.saliency"),
    (saliency_spoilt, get.saliency, {}, V, "`key`='gsr'|call `scgsr.tl.saliency"),
    (none, get.silence, {"key": "ring"}, K, "`key`='ring'|call `scgsr.tl.silence"),
    (silence_spoilt, get.silence, {}, V, "`key`='gsr'|call `scgsr.tl.silence"),
    (silence_spoilt, pl.silence, {"show": False}, V, "`key`='gsr'|call `scgsr.tl.silence"),
    (is_array, get.frequencies, {"sample_key": "sample"}, T, "`adata` must be AnnData"),
    (none, get.frequencies, {"sample_key": "none"}, K, "`sample_key`='none' is not in"),
    (none, get.frequencies, {"sample_key": "angle"}, T, "`sample_key`='angle'"),
    (none, get.frequencies, {"sample_key": "sample", "normalize": "no"}, T, "`normalize` must be bool"),
    (none, get.frequencies, {"sample_key": "sample", "groupby": "angle"}, T, "`groupby`='angle'"),
    (columns_twice, get.frequencies, {"sample_key": "group"}, V, "`sample_key`='group'|more than once"),
    (missing_groups, get.frequencies, {"sample_key": "group"}, V, "`sample_key`='group'"),
    (lists_in_obs, get.frequencies, {"sample_key": "sample"}, T, "`sample_key`='sample'|list"),
    (none, get.medians, {"sample_key": "sample", "names": ["CD3"]}, K, "`names`|CD3"),
    (none, get.medians, {"sample_key": "sample", **LONG}, V, "`names` must be different"),
    (none, get.medians, {"sample_key": "sample", "layer": "raw"}, K, "`layer`='raw'"),
    (has_nan, get.medians, {"sample_key": "sample"}, V, "`adata` has NaN"),
    (labels_twice, get.medians, {"sample_key": "sample"}, V, "`key`='gsr'|more than once|rename"),
    # --- pl
    *[
        (none, plot, {"show": False, **arguments}, error, words)
        for plot, arguments, error, words in [
            (pl.activation_map, {"cells": 5, "groupby": "group"}, V, "`cells` excludes `groupby`|means of groups"),
            (pl.activation_map, {"cells": "nobody"}, K, "`cells` must be names|nobody"),
            (pl.activation_map, {"cells": 240}, V, "`cells` as positions must be below|240"),
            (pl.activation_map, {"cells": 1.5}, K, "`cells` must be names"),
            (pl.activation_map, {"cells": []}, V, "`cells` must select 1 to"),
            (pl.activation_map, {"cells": [True, False]}, V, "`cells` as a mask needs"),
            (pl.activation_map, {"groupby": "none"}, K, "`groupby`='none' is not in"),
            (pl.activation_map, {"groupby": "angle"}, T, "`groupby`='angle'|pandas.cut"),
            (pl.activation_map, {"groupby": "group", "groups": ["x"]}, V, "`groups` must be among|x"),
            (pl.activation_map, {"groupby": "group", "groups": []}, V, "`groups` must name 1 to"),
            (pl.activation_map, {"groupby": "group", "groups": [["x"]]}, V, "`groups` must be among"),
            (pl.activation_map, {"groupby": "text"}, V, "`groupby`='text' must have 1 to 200|Choose with `groups`"),
            (pl.activation_map, {"center": "yes"}, T, "`center` must be bool"),
            (pl.activation_map, {"normalize": "row"}, V, "`normalize` must be one of"),
            (pl.activation_map, {"ncols": 0}, V, "`ncols` must be at least 1"),
            (pl.activation_map, {"cmap": "no colours"}, V, "`cmap`"),
            (pl.activation_map, {"cmap": 3}, T, "`cmap` must be str or Colormap"),
            (pl.activation_map, {"vmin": "low"}, V, "`vmin` must be a number or a percentile"),
            (pl.activation_map, {"vmax": [1]}, T, "`vmax` must be a number"),
            (pl.activation_map, {"vmax": "p101"}, V, "`vmax` must be a number or a percentile"),
            (pl.activation_map, {"vmin": 2, "vmax": 1}, V, "`vmin` must be below `vmax`"),
            (pl.activation_map, {"vcenter": 5, "vmax": 1}, V, "`vcenter` must lie between"),
            (pl.activation_map, {"ax": 3}, T, "`ax` must be Axes"),
            (pl.activation_map, {"show": "no"}, T, "`show` must be bool"),
            (pl.activation_map, {"key": None}, T, "`key` must be str"),
            (pl.activation_map, {"return_fig": 1}, T, "`return_fig` must be bool"),
            (pl.activation_map, {"figsize": 3}, T, "`figsize` must be a width and a height"),
            (pl.activation_map, {"figsize": (0, 1)}, V, "`figsize` must be finite and above 0"),
            (pl.activation_map, {"title": ["one"]}, V, "`title` must be one string or"),
            (pl.activation_map, {"title": 3}, T, "`title` must be a name or a list"),
            (pl.activation_map, {"groupby": "group", "reference": "x"}, V, "`reference`"),
            (pl.activation_map, {"save": "a.pdf"}, T, "`save` is no argument|fig.savefig"),
            (pl.neuron_graph, {"palette": "no map"}, V, "`palette` must be one of"),
            (pl.neuron_graph, {"palette": ["red"]}, V, "`palette` must have a colour for each"),
            (pl.neuron_graph, {"palette": 3}, T, "`palette` must be a name or a list"),
            (pl.neuron_graph, {"palette": [3] * 20}, V, "`palette` must hold colours"),
            (pl.stars, {"names": ["x"]}, K, "`names` must be among"),
            (pl.stars, {"ax": 3}, T, "`ax` must be Axes"),
            (pl.activation_heatmap, {"groupby": "none"}, K, "`groupby`='none' is not in"),
            (pl.activation_heatmap, {"groupby": "group", "pseudotime": "group"}, T, "`pseudotime`='group'"),
            (pl.activation_heatmap, {"pseudotime": "none"}, K, "`pseudotime`='none' is not in"),
            (pl.activation_heatmap, {"cmap": "x"}, V, "`cmap`"),
            (pl.activation_heatmap, {"vmax": "p-1"}, V, "`vmax` must be a number or a percentile"),
            (pl.activation_heatmap, {"ax": "here"}, T, "`ax` must be Axes"),
            (pl.compare, {"key": "ring"}, K, "`key`='ring'|call `scgsr.tl.compare"),
            (pl.compare, {"figsize": 3}, T, "`figsize`"),
            (pl.compare, {"figsize": (0, -1)}, V, "`figsize`"),
            (pl.consensus, {}, K, "`key`='gsr'|call `scgsr.tl.consensus"),
            (pl.correlation_heatmap, {"groupby": "none"}, K, "`groupby`='none' is not in"),
            (pl.correlation_heatmap, {"groupby": "group", "names": ["x"]}, K, "`names` must be among"),
            (pl.correlation_heatmap, {"groupby": "group", "layer": "x"}, K, "`layer`='x' is not in"),
            (pl.correlation_heatmap, {"groupby": "group", "ncols": "2"}, T, "`ncols` must be an integer"),
            (pl.evolution, {}, V, "`key`='gsr': no estimates|scgsr.graphs.learned"),
            (pl.history, {"key": "none"}, K, "`key`='none'|scgsr.tl.fit"),
            (pl.module_tree, {"key": 7}, T, "`key` must be str"),
            (pl.module_tree, {"ax": 7}, T, "`ax` must be Axes"),
            (pl.neuron_graph, {"color": "red"}, V, "`color` must be one of"),
            (pl.neuron_graph, {"color": [1, 2]}, V, "`color` must be 'module'|20"),
            (pl.neuron_graph, {"color": ["a"] * 20}, T, "`color` must be 'module'"),
            (pl.neuron_graph, {"color": [[1, 2], [3]]}, T, "`color` must be 'module'"),
            (pl.neuron_graph, {"color": None}, T, "`color` must be 'module'"),
            (pl.programs, {"names": "CD3"}, K, "`names` must be among|CD3"),
            (pl.programs, {"names": []}, V, "`names` must be"),
            (pl.programs, {"n": 0}, V, "`n` must be at least 1"),
            (pl.programs, {"cmap": "x"}, V, "`cmap`"),
            (pl.programs, {"key": "ring"}, K, "`key`='ring'|call `scgsr.tl.programs"),
            (pl.score, {"key": "ring"}, K, "`key`='ring'|call `scgsr.tl.score"),
            (pl.segmentation, {"groupby": "none"}, K, "`groupby`='none' is not in"),
            (pl.segmentation, {"groupby": "group", "normalize": "rows"}, V, "`normalize` must be one of"),
            (pl.spectrum, {"laplacian": "none"}, V, "`laplacian` must be one of"),
            (pl.spectrum, {"groupby": "angle"}, T, "`groupby`='angle'"),
        ]
    ],
    (is_array, pl.activation_map, {"show": False}, T, "`adata` must be AnnData"),
    *[
        (none, draw_images, {"values": np.zeros(4), **arguments}, error, words)
        for arguments, error, words in [
            ({"values": np.zeros(3)}, V, "`values`|4"),
            ({"values": "abcd"}, T, "`values`"),
            ({"values": [[1, 2], [3]]}, T, "`values`"),
            ({"values": np.full(4, np.inf)}, V, "`values`"),
            ({"values": np.zeros((0, 4))}, V, "`values`"),
            ({"graph": (2, 2)}, T, "`graph` must be NeuronGraph"),
            ({"titles": ["a", "b"]}, V, "`titles` must be 1"),
            ({"ncols": 0}, V, "`ncols` must be at least 1"),
            ({"cmap": "x"}, V, "`cmap`='x' is no colour map"),
            ({"ax": 3}, T, "`ax` must be Axes"),
        ]
    ],
    (columns_twice, pl.activation_map, {"groupby": "group", "show": False}, V, "`groupby`='group'|more than once"),
    (lists_in_obs, pl.activation_map, {"groupby": "group", "show": False}, T, "`groupby`='group'|list"),
    (
        missing_groups,
        pl.activation_map,
        {"groupby": "group", "show": False},
        V,
        "`groupby`='group' must have 1 to 200 groups",
    ),
    (without_cells, pl.activation_map, {"show": False}, V, "`groupby`='gsr' must have 1 to 200 groups"),
    (columns_twice, pl.activation_heatmap, {"pseudotime": "group", "show": False}, V, "`pseudotime`='group'|more than"),
    (
        infinite_angles,
        pl.activation_heatmap,
        {"pseudotime": "angle", "show": False},
        V,
        "`pseudotime`='angle' must have finite",
    ),
    (
        colors_lost,
        pl.segmentation,
        {"groupby": "group", "show": False},
        V,
        ".uns['group_colors'] must hold colours|del adata.uns",
    ),
    (
        number_colors,
        pl.segmentation,
        {"groupby": "group", "show": False},
        V,
        ".uns['group_colors'] must hold colours|del adata.uns",
    ),
    (number_label_colors, pl.neuron_graph, {"show": False}, V, ".uns['gsr_colors'] must hold colours|del adata.uns"),
    (labels_twice, pl.neuron_graph, {"show": False}, V, "'gsr'|more than once"),
    (scores_of_lists, pl.score, {"show": False}, V, "`key`='gsr'|call `scgsr.tl.score"),
    (programs_spoilt, pl.programs, {"show": False}, V, "`key`='gsr'|call `scgsr.tl.programs"),
    (comparison_spoilt, pl.compare, {"show": False}, V, "`key`='gsr'|call `scgsr.tl.compare"),
    (is_array, pl.report, {"path": "TMP/a.html"}, T, "`adata` must be AnnData"),
    (none, pl.report, {"path": "TMP/a.txt"}, V, "`path` must name a file that ends in .html"),
    (none, pl.report, {"path": "TMP/none/a.html"}, FileNotFoundError, "`path`: there is no folder|make the folder"),
    (none, pl.report, {"path": 3}, T, "`path` must be str or PathLike"),
    (none, pl.report, {"path": "TMP/a.html", "basis": "umap"}, K, "`basis`='umap' is not in .obsm|leave it out"),
    (none, pl.report, {"path": "TMP/a.html", "basis": 3}, T, "`basis` must be str"),
    (none, pl.report, {"path": "TMP/a.html", "groupby": "none"}, K, "`groupby`='none' is not in"),
    (none, pl.report, {"path": "TMP/a.html", "groupby": 3}, T, "`groupby` must be a name or a list"),
    (none, pl.report, {"path": "TMP/a.html", "names": ["CD3"]}, K, "`names` must be among"),
    (none, pl.report, {"path": "TMP/a.html", "max_cells": 0}, V, "`max_cells` must be at least 1"),
    (none, pl.report, {"path": "TMP/a.html", "title": 3}, T, "`title` must be str"),
    (columns_twice, pl.report, {"path": "TMP/a.html", "groupby": "group"}, V, "`groupby`='group'|more than once"),
    (lists_in_obs, pl.report, {"path": "TMP/a.html", "groupby": "group"}, T, "`groupby`='group'|list"),
    (without_cells, pl.report, {"path": "TMP/a.html"}, V, "`adata` has no cells"),
    # --- pp
    (is_array, pp.arcsinh, {"cofactor": 5}, T, "`adata` must be AnnData"),
    (none, pp.arcsinh, {"cofactor": 0}, V, "`cofactor` must be finite and above 0"),
    (none, pp.arcsinh, {"cofactor": "five"}, T, "`cofactor` must be a number"),
    (none, pp.arcsinh, {"cofactor": [5] * 12}, T, "`cofactor` must be a number"),
    (none, pp.arcsinh, {"cofactor": 1e-9}, V, "`cofactor` must be at least"),
    (none, pp.arcsinh, {"cofactor": {}}, V, "`cofactor` names no feature"),
    (none, pp.arcsinh, {"cofactor": {"CD3": 5}}, K, "`cofactor` names CD3"),
    (none, pp.arcsinh, {"cofactor": {"feature_0": -1}}, V, "`cofactor['feature_0']` must be"),
    (none, pp.arcsinh, {"cofactor": 5, "layer": "raw"}, K, "`layer`='raw'"),
    (none, pp.arcsinh, {"cofactor": 5, "mask_var": "none"}, K, "`mask_var`='none'"),
    (none, pp.arcsinh, {"cofactor": 5, "copy": 1}, T, "`copy` must be bool"),
    (has_nan, pp.arcsinh, {"cofactor": 5}, V, "`adata` has NaN"),
    (has_no_x, pp.arcsinh, {"cofactor": 5}, V, "`adata` has no `.X`"),
    (has_objects, pp.arcsinh, {"cofactor": 5}, V, "`adata`: `.X` must be a table of real numbers|astype"),
    (names_twice, pp.arcsinh, {"cofactor": 5}, V, "`adata`|var_names_make_unique"),
    (arcsinh_recorded, pp.arcsinh, {"cofactor": 5}, V, "`adata` has 12|recorded as transformed|leave them out"),
    (arcsinh_record_is_text, pp.arcsinh, {"cofactor": 5}, V, ".uns['arcsinh']|rename it"),
    # --- io
    (none, read_fcs, {"path": "TMP/none.fcs"}, FileNotFoundError, "`path`"),
    (none, read_fcs, {"path": "TMP/a.fcs", "content": b"no FCS"}, V, "`path`|must be a complete FCS file"),
    (none, convert, {"path": 3, "output": "TMP/a.h5ad"}, T, "`path` must be str or PathLike"),
    (none, convert, {"path": "TMP/none", "output": "TMP/a.h5ad"}, FileNotFoundError, "`path`: there is no file"),
    (none, convert, {"path": "TMP/", "output": "TMP/a.h5ad", "progress": 1}, T, "`progress` must be bool or None"),
    (none, read_fcs, {"path": "TMP/a.fcs", "data_set": -1}, V, "`data_set` must be at least 0"),
    (none, read_fcs, {"path": "TMP/a.fcs", "compensate": "yes"}, T, "`compensate`"),
    (none, read_fcs, {"path": "TMP/a.fcs", "panel": "any"}, V, "`panel` must be one of"),
    (none, read_fcs, {"path": "TMP/a.fcs", "dtype": "int32"}, V, "`dtype`"),
    (none, read_fcs, {"path": "TMP/a.fcs", "dtype": 3}, T, "`dtype`"),
    (none, read_fcs, {"path": "TMP/a.fcs", "offsets": "none"}, V, "`offsets`"),
    (none, convert, {"path": "TMP/a.fcs", "output": "TMP/a.csv"}, V, "`output` must end in .h5ad or .zarr"),
    (none, convert, {"path": "TMP/a.fcs", "output": 3}, T, "`output` must be str or PathLike"),
    (none, convert, {"path": "TMP/a.fcs", "output": "TMP/a.h5ad", "overwrite": 1}, T, "`overwrite` must be bool"),
    (is_array, io.write_fcs, {"path": "TMP/a.fcs"}, T, "`adata` must be AnnData"),
    (none, io.write_fcs, {"path": ""}, V, "`path` must"),
    (none, io.write_fcs, {"path": "TMP/none/a.fcs"}, FileNotFoundError, "`path`"),
    (none, io.write_fcs, {"path": "TMP/a.fcs", "layer": "raw"}, K, "`layer`='raw'"),
    (none, io.write_fcs, {"path": "TMP/a.fcs", "key": 3}, T, "`key` must be str"),
    (none, io.write_fcs, {"path": "TMP/a.fcs", "overwrite": "no"}, T, "`overwrite` must be bool"),
    (without_cells, io.write_fcs, {"path": "TMP/a.fcs"}, V, "`adata` has no cells"),
    (has_nan, io.write_fcs, {"path": "TMP/a.fcs"}, V, "`adata` has NaN"),
    (no_labels, io.write_fcs, {"path": "TMP/a.fcs"}, K, "`key`='gsr': .obs['gsr'] is missing|scgsr.tl.fit"),
    (labels_twice, io.write_fcs, {"path": "TMP/a.fcs"}, V, "'gsr'|more than once"),
    (sample_twice, io.write_fcs, {"path": "TMP/a.fcs"}, V, "`adata`='sample'|more than once|rename"),
    (sample_of_lists, io.write_fcs, {"path": "TMP/a.fcs"}, T, "`adata`='sample'|list"),
    (number_label_colors, map_to_fitted, {}, V, "`adata`: .uns['gsr_colors'] must hold colours|del adata.uns"),
    (
        has_complex_numbers,
        io.write_fcs,
        {"path": "TMP/a.fcs", "layer": "counts"},
        V,
        "`adata`: layer 'counts' must hold",
    ),
    # --- FittedModel
    *[
        (none, call, {"matrix": matrix, **arguments}, error, words)
        for call in (activations_of, reconstruct, novelty)
        for matrix, arguments, error, words in [
            (WIDE, {}, V, "`matrix`|12"),
            (WIDE[:, :12].tolist(), {}, T, "`matrix`|list"),
            (WIDE[0, :12], {}, V, "`matrix`|12"),
            (np.full((2, 12), np.nan), {}, V, "`matrix`|NaN"),
            (np.full((2, 12), "a"), {}, T, "`matrix` must hold real numbers"),
            (sparse.csr_matrix(WIDE), {}, V, "`matrix`|12"),
            (None, {}, T, "`matrix`"),
        ]
    ],
    (none, reconstruct, {"matrix": WIDE[:, :12], "batch": "one"}, V, "`batch`='one' needs a fit|batch_key"),
    (none, decode, {"values": WIDE}, V, "`activations`|20"),
    (none, decode, {"values": WIDE[0, :20]}, V, "`activations`|20"),
    (none, decode, {"values": WIDE[:, :20].tolist()}, T, "`activations`|list"),
    (none, decode, {"values": WIDE[:, :20].astype(str)}, T, "`activations` must hold real numbers"),
    (none, decode, {"values": np.full((2, 20), np.nan)}, V, "`activations`|NaN"),
    (none, decode, {"values": WIDE[:, :20], "batch": 3}, V, "`batch`=3 needs a fit"),
    (none, novelty, {"matrix": WIDE[:, :12], "activations": WIDE[:, :19]}, V, "`activations`|20"),
    (none, novelty, {"matrix": WIDE[:, :12], "activations": WIDE[:3, :20]}, V, "`activations`|4"),
    (none, novelty, {"matrix": WIDE[:, :12], "activations": "all"}, T, "`activations`"),
    (none, save, {"folder": 3}, T, "`folder` must be str or PathLike"),
    (none, save, {"folder": ""}, V, "`folder` must name a folder"),
    (none, save, {"folder": "TMP/a", "overwrite": "no"}, T, "`overwrite` must be bool"),
    (none, load, {"folder": 3}, T, "`folder` must be str or PathLike"),
    (none, load, {"folder": "TMP/none"}, FileNotFoundError, "`folder`|holds no model|FittedModel.save"),
    (none, from_record, {"record": {}}, V, "scgsr.tl.fit"),
    (none, from_record, {"record": 3}, V, "`record` must be Mapping"),
    (none, from_record, {"record": {"schema": "new"}}, V, "scgsr.tl.fit"),
    (none, model_of_network, {"features": ("a",) * 12}, V, "`features` must have different names"),
    (none, model_of_network, {"features": ("a",)}, V, "`features`, `mean`, `scale` and `cofactor` must have"),
    (none, model_of_network, {"scale": np.zeros(12)}, V, "`scale` finite and above 0"),
    (none, model_of_network, {"coactivation": sparse.csr_matrix((3, 3))}, V, "`coactivation` and `modules` must"),
    # --- datasets
    *[
        (none, data_set, {"name": name, **arguments}, error, words)
        for name, arguments, error, words in [
            ("bit_patterns", {"n_cells": 0}, V, "`n_cells` must be at least 1"),
            ("bit_patterns", {"n_bits": "four"}, T, "`n_bits` must be an integer"),
            ("bit_patterns", {"noise": -1}, V, "`noise`|at least 0"),
            ("branching_tree", {"depth": 0}, V, "`depth` must be at least 1"),
            ("branching_tree", {"branching": None}, T, "`branching` must be an integer"),
            ("circle", {"width": 0}, V, "`width`|above 0"),
            ("circle", {"rng": "a"}, T, "`rng` must be an integer"),
            ("line", {"n_features": 1.5}, T, "`n_features` must be an integer"),
            ("cytof_panel", {"dropout": 1.5}, V, "`dropout`|at most"),
            ("cytof_panel", {"n_cells": 2.5}, T, "`n_cells` must be an integer"),
            ("hub_and_spoke", {"correlation": 2}, V, "`correlation`|at most"),
            ("hub_and_spoke", {"shift": "up"}, T, "`shift` must be a number"),
        ]
    ],
]


def name_of(row) -> str:
    fault, call, arguments, _, _ = row
    said = re.sub(r"\s+", " ", ", ".join(f"{name}={value!r}" for name, value in arguments.items()))
    return f"{fault.__name__}-{call.__module__.split('._')[0].removeprefix('scgsr.')}.{call.__name__}({said:.60})"


@pytest.mark.parametrize(("fault", "call", "arguments", "error", "words"), ROWS, ids=map(name_of, ROWS))
def test_bad_input_is_refused_by_name_with_a_cure_and_changes_nothing(
    fitted, tmp_path, fault, call, arguments, error, words
):
    adata = fitted.copy()
    spoilt = fault(adata)
    spoilt = adata if spoilt is None else spoilt
    before = state_of(spoilt)
    with pytest.raises(Exception) as caught:
        call(spoilt, **{name: in_folder(value, tmp_path) for name, value in arguments.items()})
    said = str(caught.value)
    assert type(caught.value) is error, said
    assert [word for word in words.split("|") if word not in said] == [], said
    assert_same(state_of(spoilt), before)


def in_folder(value, folder):
    return str(folder / value.removeprefix("TMP/")) if isinstance(value, str) and value.startswith("TMP/") else value


def state_of(adata):
    """Return all that cells have, as copies."""
    if not isinstance(adata, ad.AnnData):
        return copy.deepcopy(adata)
    mappings = {name: dict(getattr(adata, name)) for name in ("obsm", "varm", "obsp", "varp", "layers", "uns")}
    return copy.deepcopy({"X": adata.X, "obs": adata.obs, "var": adata.var, "view": adata.is_view, **mappings})


def assert_same(one, other):
    """Compare two states bit for bit, types and order included."""
    assert type(one) is type(other)
    if isinstance(one, Mapping):
        assert list(one) == list(other)
        for name in one:
            assert_same(one[name], other[name])
    elif isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, check_exact=True, check_freq=True)
    elif sparse.issparse(one):
        assert one.shape == other.shape
        for part in ("data", "indices", "indptr"):
            assert_same(getattr(one, part), getattr(other, part))
    elif isinstance(one, np.ndarray):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert one.tobytes() == other.tobytes() if one.dtype != object else one.tolist() == other.tolist()
    else:
        assert one == other or (one != one and other != other)


def test_the_comparison_sees_what_changes(fitted):
    before = state_of(fitted)
    assert_same(state_of(fitted.copy()), before)
    for change in (
        lambda a: a.obs.insert(0, "new", 1),
        lambda a: setattr(a, "obs", a.obs.astype({"dose": "float32"})),
        lambda a: setattr(a, "obs", a.obs[a.obs.columns[::-1]]),
        lambda a: a.obsm["X_gsr"].__setitem__((0, 0), 7),
        lambda a: a.uns["gsr"]["model"]["arrays"]["mean"].__setitem__(0, 7),
        lambda a: a.uns["gsr"].__setitem__("new", 7),
        lambda a: setattr(a, "X", a.X.astype(float)),
        lambda a: a.varm.__delitem__("gsr_programs"),
    ):
        changed = fitted.copy()
        change(changed)
        with pytest.raises(AssertionError):
            assert_same(state_of(changed), before)


def test_every_public_verb_has_rows():
    called = {call for _, call, _, _, _ in ROWS}
    verbs = [getattr(room, name) for room in (tl, get, pl, pp) for name in room.__all__]
    wrapped = {pl.images, tl.transform, io.read_fcs, io.convert_fcs}  # called through functions of this file, too
    assert [verb.__name__ for verb in verbs if verb not in called | wrapped] == []
    assert len(ROWS) >= 150
