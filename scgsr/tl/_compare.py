"""The verb `compare`: whether samples of one condition differ from those of another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch

from scgsr import _adata, _checks, _measures
from scgsr._adata import DEFAULT_KEY, Keys
from scgsr._checks import about, listed, log, verb
from scgsr._values import slices
from scgsr.nn import unit_pictures

if TYPE_CHECKING:
    from anndata import AnnData

# More features than these are genes, whose medians say little.
_MOST_FEATURES = 200
# The shares of a sample of fewer cells are mostly chance.
_FEW_CELLS = 50
# With so few degrees of freedom left, p-values are too small.
_FEW_DF = 2
_CELLS_AT_ONCE = 1 << 14


@verb
def compare(
    adata: AnnData,
    condition_key: str,
    sample_key: str,
    *,
    reference: str | None = None,
    block_key: str | None = None,
    covariates: Sequence[str] = (),
    names: Sequence[str] | None = None,
    layer: str | None = None,
    groupby: str | None = None,
    min_cells: int = 10,
    min_samples: int | None = None,
    key: str = DEFAULT_KEY,
    copy: bool = False,
) -> AnnData | None:
    """Test whether samples of different conditions differ in their modules, and in what the modules express.

    Samples, such as donors, are the replicates. Cells are not: cells of one sample resemble each other, so a test that
    counts cells finds differences everywhere. There are three families of tests. Each is a linear model with a
    moderated t, and false discovery rates are controlled within a family, over all levels of the condition:

    - abundance: the log odds of each module's share of the sample, also relative to the median change;
    - state: the median of each feature in the cells of each module;
    - neurons: the mean picture of all cells, neuron by neuron. It is for the picture (:func:`scgsr.pl.compare`); base
      claims on the other two.

    Two samples against two are too few. Where nothing differs, differences are found at 5 % in some 5 of 100 cohorts of
    five against five or more, in up to 13 of three against three, and in up to 17 of two against two
    (``tests/benchmarks/compare.py``).

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on, or :func:`scgsr.tl.transform`.
    condition_key
        Column of `.obs` with the condition of each sample. Categories are compared with the reference. For numbers,
        such as a dose or an age, the slope is tested.
    sample_key
        Column of `.obs` that names the sample of each cell. Two samples or more are needed in each level.
    reference
        The level to compare with. None: the first category, as the log says.
    block_key
        Column of `.obs` that says which samples belong together, for example those of one donor before and after.
        Samples are then compared within blocks.
    covariates
        Columns of `.obs` with other differences between samples, categories or numbers: batch, sex, age.
    names
        Features whose medians are tested. None: all markers, if there are at most 200. (Medians of genes are mostly
        zero: sum their counts by sample, and test with tools for counts.)
    layer
        Layer to take their values from. None: as the fit.
    groupby
        Another column of `.obs` in place of the modules. It must have been made without using the condition.
    min_cells, min_samples
        A module is tested if it has `min_cells` cells in `min_samples` samples. None: in half of the samples. Medians
        of fewer cells are left out.
    key
        The fit's `key_added`.
    copy
        Return a copy with the results instead of writing to `adata`.

    Returns
    -------
    None, or the copy. Written is ``.uns["gsr"]["compare"]``, a dict with the tables ``"abundance"``, ``"state"``,
    ``"neurons"`` of :func:`scgsr.get.compare`, and ``"params"``, the arguments.

    Raises
    ------
    KeyError
        If there is no fit under `key`, or no such column, layer or feature.
    TypeError
        If an argument has the wrong type.
    ValueError
        If a level has fewer than two samples, if a column differs within a sample, if `block_key` or `covariates` say
        the same as the condition or leave no degree of freedom, or if there are too many features. The AnnData is then
        as before.

    References
    ----------
    Smyth, *Linear models and empirical Bayes methods for assessing differential expression in microarray experiments*,
    https://doi.org/10.2202/1544-6115.1027; Weber et al., *diffcyt: Differential discovery in high-dimensional cytometry
    via high-resolution clustering*, https://doi.org/10.1038/s42003-019-0415-5

    Examples
    --------
    >>> import numpy as np, scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> adata.obs["donor"] = [f"d{number}" for number in np.arange(700) % 6]
    >>> adata.obs["treated"] = np.where(np.arange(700) % 2, "yes", "no")
    >>> scgsr.tl.fit(adata, (6, 8), n_epochs=2)
    >>> scgsr.tl.compare(adata, "treated", "donor", names=["CD3D", "LYZ"])
    >>> scgsr.get.compare(adata, "abundance")["level"].unique().tolist()
    ['yes']
    """
    _adata.check_copy(adata, copy)
    min_cells = _checks.positive_int("min_cells", min_cells)
    model, activations = _adata.read_model(adata, key), _adata.read_activations(adata, key)
    covariates = _checks.names("covariates", covariates)
    others = [("covariates", column) for column in covariates]
    others += [] if block_key is None else [("block_key", block_key)]
    samples, table = _adata.samples(adata, sample_key, [("condition_key", condition_key), *others])
    design = _design(table, condition_key, others, reference)
    needed = -(-len(table) // 2) if min_samples is None else _checks.positive_int("min_samples", min_samples)
    enough = {"min_cells": min_cells, "min_samples": needed}
    groups = _adata.groups(adata, "groupby", Keys(key).labels if groupby is None else groupby)
    counts = pd.crosstab(samples, groups, dropna=False).reindex(
        index=table.index, columns=groups.categories, fill_value=0
    )
    _warn_of_small_samples(counts)
    asked = {"condition_key": condition_key, "sample_key": sample_key, "reference": design.reference, **enough}
    more = {
        "block_key": block_key,
        "groupby": groupby,
        "layer": layer,
        "covariates": np.array(covariates, dtype=object),
    }
    compared: dict[str, Any] = {
        "abundance": _measures.abundance(counts, design, **enough),
        "state": _state(adata, samples, groups, design, names, layer or model.params.get("layer"), **enough),
        "neurons": _neurons(activations, samples, design),
        "params": asked | {name: value for name, value in more.items() if value is not None},  # files know no None
    }
    _report(compared, design, condition_key)
    target = adata.copy() if copy else adata
    _adata.write_compare(target, key, compared)
    return target if copy else None


def _design(
    table: pd.DataFrame, condition_key: str, others: list[tuple[str, str]], reference: str | None
) -> _measures.Design:
    """Return the model of the samples; say in the log what is compared with what."""
    of_others = [(argument, table[column]) for argument, column in others]
    blocks = [
        (argument, values.astype(str) if argument == "block_key" else values) for argument, values in of_others
    ]  # numbers of donors are names
    design = _measures.design_of(table[condition_key], blocks, reference=reference)
    if (left := len(design.matrix) - np.linalg.matrix_rank(design.matrix)) <= _FEW_DF:
        log.warning(
            "%d samples leave %d degrees of freedom: too few, as false differences are then frequent; measure more",
            len(design.matrix),
            left,
        )
    if design.reference:
        log.info("%s: comparing %s with %s, the reference", condition_key, listed(design.levels), design.reference)
    return design


def _warn_of_small_samples(counts: pd.DataFrame) -> None:
    small = counts.index[counts.sum(axis=1) < _FEW_CELLS]
    if len(small):
        log.warning(
            "samples of fewer than %d cells, whose shares are mostly chance: %s", _FEW_CELLS, listed(list(small))
        )


def _state(
    adata: AnnData,
    samples: pd.Categorical,
    groups: pd.Categorical,
    design: _measures.Design,
    names: Sequence[str] | None,
    layer: str | None,
    *,
    min_cells: int,
    min_samples: int,
) -> pd.DataFrame:
    """Return the tests of the medians, in standard deviations of the feature over all cells."""
    if names is None and (n_features := len(_adata.marker_names(adata))) > _MOST_FEATURES:
        msg = (
            f"`names` must be given where there are more than {_MOST_FEATURES} features, got {n_features}; of genes, "
            "sum the counts by sample and module instead, and test these with tools for counts."
        )
        raise about("names", ValueError(msg))
    features, values = _adata.columns(adata, names, layer=layer)
    sd = values.std(axis=0, dtype=np.float64)
    cells = pd.DataFrame(values / np.where(sd > 0, sd, np.nan), columns=pd.Index(features, name="names"))
    by = [pd.Series(samples, name="sample"), pd.Series(groups, name="module")]
    grouped = cells.groupby(by, observed=False)
    shape = len(samples.categories), len(groups.categories)
    return _measures.state(
        grouped.median().to_numpy(dtype=np.float64).reshape(*shape, len(features)),
        grouped.size().to_numpy().reshape(shape),
        [str(name) for name in groups.categories],
        features,
        design,
        min_cells=min_cells,
        min_samples=min_samples,
    )


def _neurons(activations: np.ndarray, samples: pd.Categorical, design: _measures.Design) -> pd.DataFrame:
    """Return the tests of the mean pictures, all cells equally bright."""
    sums = np.zeros((len(samples.categories), activations.shape[1]))
    for rows in slices(len(activations), _CELLS_AT_ONCE):
        pictures = unit_pictures(torch.from_numpy(np.asarray(activations[rows], dtype=np.float32))).numpy()
        known = samples.codes[rows] >= 0
        np.add.at(sums, samples.codes[rows][known], pictures[known])
    n_cells = np.bincount(samples.codes[samples.codes >= 0], minlength=len(sums))
    return _measures.neurons(sums / n_cells[:, None], int(n_cells.sum()), design)


def _report(compared: dict[str, Any], design: _measures.Design, condition_key: str) -> None:
    """Say in the log how much was found."""
    abundance, state = compared["abundance"], compared["state"]
    log.info(
        "%s, %d samples: at a false discovery rate of 5 %%, %d of %d modules differ in their share (%d relative to the "
        "median change), %d of %d medians differ",
        condition_key,
        len(design.matrix),
        int((abundance["q"] <= 0.05).sum()),
        int(abundance["q"].notna().sum()),
        int((abundance["relative_q"] <= 0.05).sum()),
        int((state["q"] <= 0.05).sum()),
        int(state["q"].notna().sum()),
    )
