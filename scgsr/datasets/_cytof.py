"""A simulated mass cytometry panel of blood cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scgsr._checks import number, positive_int
from scgsr._random import generator
from scgsr.datasets._cells import cells, check_size

if TYPE_CHECKING:
    from anndata import AnnData

    from scgsr._random import Rng

_TYPE_MARKERS = [
    "CD45", "CD3", "CD4", "CD8", "TCRgd", "CD45RA", "CCR7", "CD27",
    "CD19", "CD20", "CD14", "CD16", "CD56", "CD11c", "CD123", "HLA-DR",
]  # fmt: skip
_STATE_MARKERS = ["pSTAT1", "pSTAT3", "pERK", "pS6", "Ki-67"]

# Frequency, then one digit per type marker, in the order above: a level of _LEVELS.
_POPULATIONS = {
    "CD4 T naive": (0.220, "3330032200000000"),
    "CD4 T memory": (0.200, "3330000200000000"),
    "CD8 T naive": (0.100, "3303032200000000"),
    "CD8 T memory": (0.115, "3303010100001000"),
    "gd T": (0.025, "3300320000011000"),
    "B naive": (0.080, "3000031033000002"),
    "B memory": (0.030, "3000020233000003"),
    "NK": (0.090, "3001030000023000"),
    "Monocytes CD14": (0.110, "3010000000300302"),
    "Monocytes CD16": (0.020, "3010010000130303"),
    "cDC": (0.005, "3010000000000313"),
    "pDC": (0.005, "2010020000000033"),
}
_LEVELS = np.array([0.3, 5.0, 25.0, 120.0])  # mean ion count: negative, dim, positive, bright
_SIZE_SD, _STAINING_SD = 0.15, 0.35  # standard deviations of the logarithms, per cell and per value
# The mean ion count of a signalling marker is _BASAL * exp(_INDUCTION * activation).
_BASAL, _INDUCTION = 1.5, 3.5
_SHARE_CYCLING = 0.05
_COFACTOR = 5


def cytof_panel(n_cells: int = 4000, *, dropout: float = 0.05, rng: Rng = 0) -> AnnData:
    """Blood cells by mass cytometry: 12 populations of very different size on 16 type and 5 state markers.

    Each cell belongs to a population, drawn with frequencies from 22 % (CD4 T naive) down to 0.5 % (cDC, pDC). The
    population gives every type marker a level: negative, dim, positive or bright, in the mean 0.3, 5, 25 or 120 ion
    counts. State is independent of type: `activation`, from a Beta(1, 3) distribution, sets the means of pSTAT1,
    pSTAT3, pERK and pS6 to `1.5 * exp(3.5 * activation)`, and the 5 % of cells that are `cycling` are positive for
    Ki-67. Means are multiplied by a log-normal factor per cell (standard deviation of the log 0.15) and one per value
    (0.35); counts are Poisson, and each is lost, so 0, with probability `dropout`.

    Parameters
    ----------
    n_cells
        Number of cells.
    dropout
        Probability that a count is lost.
    rng
        Seed or generator.

    Returns
    -------
    AnnData of shape (n_cells, 21):

    `.X`
        float32 ndarray, `arcsinh(counts / 5)`.
    `.layers["counts"]`
        float32 ndarray, ion counts.
    `.obs["cell_type"]`
        categorical, all 12 populations, those without cells too.
    `.obs["activation"]`, `.obs["cycling"]`
        float in [0, 1] and bool, the state.
    `.var["marker_class"]`
        categorical, type or state.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or lies outside its range.

    Examples
    --------
    >>> import scgsr
    >>> adata = scgsr.datasets.cytof_panel(1000)
    >>> adata.var["marker_class"].value_counts().to_dict()
    {'type': 16, 'state': 5}
    >>> pdc = adata[adata.obs["cell_type"] == "pDC"].to_df()
    >>> pdc.mean().idxmax()
    'CD123'
    """
    n_cells, dropout = positive_int("n_cells", n_cells), number("dropout", dropout, minimum=0, maximum=1)
    check_size({"n_cells": n_cells}, n_cells * (len(_TYPE_MARKERS) + len(_STATE_MARKERS)), per_value=60)
    random = generator(rng)
    names = list(_POPULATIONS)
    frequencies = [frequency for frequency, _ in _POPULATIONS.values()]
    levels = np.array([[int(level) for level in digits] for _, digits in _POPULATIONS.values()])
    population = random.choice(len(names), size=n_cells, p=frequencies)
    activation, cycling = random.beta(1, 3, size=n_cells), random.random(n_cells) < _SHARE_CYCLING

    signalling = np.repeat(_BASAL * np.exp(_INDUCTION * activation)[:, None], len(_STATE_MARKERS) - 1, axis=1)
    ki67 = _LEVELS[np.where(cycling, 2, 0)]
    means = np.column_stack([_LEVELS[levels[population]], signalling, ki67])  # (n_cells, n_markers)
    means *= random.lognormal(sigma=_SIZE_SD, size=(n_cells, 1))
    means *= random.lognormal(sigma=_STAINING_SD, size=means.shape)
    counts = random.poisson(means) * (random.random(means.shape) >= dropout)

    classes = ["type"] * len(_TYPE_MARKERS) + ["state"] * len(_STATE_MARKERS)
    adata = cells(
        np.arcsinh(counts / _COFACTOR),
        obs={
            "cell_type": pd.Categorical.from_codes(population, pd.Index(names)),
            "activation": activation,
            "cycling": cycling,
        },
        var=pd.DataFrame(
            {"marker_class": pd.Categorical(classes, categories=["type", "state"])},
            index=_TYPE_MARKERS + _STATE_MARKERS,
        ),
    )
    adata.layers["counts"] = counts.astype(np.float32)
    return adata
