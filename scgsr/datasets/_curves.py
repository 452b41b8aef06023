"""Simulated cells on a curve hidden in many dimensions: a line, a circle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scgsr._checks import number, positive_int
from scgsr._random import generator
from scgsr.datasets._cells import cells, check_size

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray

    from scgsr._random import Rng


def line(n_cells: int = 1000, *, n_features: int = 50, width: float = 0.1, noise: float = 0.1, rng: Rng = 0) -> AnnData:
    """Cells on a line hidden in many dimensions, each feature high at its own place.

    Positions t are uniform on [0, 1]. Feature j of cell i is
    `exp(-(t[i] - c[j])**2 / (2 * width**2)) + noise * e[i, j]` with peaks c evenly spaced from 0 to 1 and standard
    normal e. The curve bends out of every plane, and only cells at near positions are near in feature space.

    Parameters
    ----------
    n_cells
        Number of cells.
    n_features
        Number of features, at least 2. Peaks further apart than about 2 widths leave gaps in which cells look alike.
    width
        Standard deviation of a feature's peak, where the line has length 1.
    noise
        Standard deviation of the noise, where a peak has height 1.
    rng
        Seed or generator.

    Returns
    -------
    AnnData of shape (n_cells, n_features):

    `.X`
        float32 ndarray.
    `.obs["position"]`
        float, t in [0, 1].
    `.var["peak"]`
        float, the position at which the feature is highest.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or lies outside its range.

    Examples
    --------
    >>> import scgsr
    >>> adata = scgsr.datasets.line(100, noise=0)
    >>> highest = adata.var["peak"].iloc[adata.X.argmax(axis=1)].to_numpy()
    >>> bool((abs(highest - adata.obs["position"]) < 0.02).all())
    True
    """
    n_cells, n_features = positive_int("n_cells", n_cells), positive_int("n_features", n_features, minimum=2)
    check_size({"n_cells": n_cells, "n_features": n_features}, n_cells * n_features)
    width, noise = number("width", width, minimum=0, exclusive=True), number("noise", noise, minimum=0)
    random = generator(rng)
    position = random.random(n_cells)
    peak = np.linspace(0, 1, n_features)
    signal = np.exp(-((position[:, None] - peak) ** 2) / (2 * width**2))  # (n_cells, n_features)
    return cells(signal + noise * random.standard_normal(signal.shape), obs={"position": position}, var=_peaks(peak))


def circle(
    n_cells: int = 1000, *, n_features: int = 50, width: float = 0.5, noise: float = 0.1, rng: Rng = 0
) -> AnnData:
    """Cells on a circle hidden in many dimensions, each feature high at its own angle.

    Angles a are uniform on [0, 2 pi). Feature j of cell i is
    `exp((cos(a[i] - c[j]) - 1) / width**2) + noise * e[i, j]` with peaks c evenly spaced round the circle and standard
    normal e. The curve is closed, bends out of every plane, and only cells at near angles are near in feature space.

    Parameters
    ----------
    n_cells
        Number of cells.
    n_features
        Number of features, at least 3. Peaks further apart than about 2 widths leave gaps in which cells look alike.
    width
        Width of a feature's peak in radians: the standard deviation of the normal curve that it comes near to.
    noise
        Standard deviation of the noise, where a peak has height 1.
    rng
        Seed or generator.

    Returns
    -------
    AnnData of shape (n_cells, n_features):

    `.X`
        float32 ndarray.
    `.obs["angle"]`
        float, radians in [0, 2 pi).
    `.var["peak"]`
        float, the angle at which the feature is highest.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or lies outside its range.

    Examples
    --------
    >>> import numpy as np, scgsr
    >>> adata = scgsr.datasets.circle(100, noise=0)
    >>> highest = adata.var["peak"].iloc[adata.X.argmax(axis=1)].to_numpy()
    >>> bool((np.cos(highest - adata.obs["angle"]) > 0.99).all())
    True
    """
    n_cells, n_features = positive_int("n_cells", n_cells), positive_int("n_features", n_features, minimum=3)
    check_size({"n_cells": n_cells, "n_features": n_features}, n_cells * n_features)
    width, noise = number("width", width, minimum=0, exclusive=True), number("noise", noise, minimum=0)
    random = generator(rng)
    angle = 2 * np.pi * random.random(n_cells)
    peak = 2 * np.pi * np.arange(n_features) / n_features
    signal = np.exp((np.cos(angle[:, None] - peak) - 1) / width**2)  # (n_cells, n_features)
    return cells(signal + noise * random.standard_normal(signal.shape), obs={"angle": angle}, var=_peaks(peak))


def _peaks(peak: NDArray[np.float64]) -> pd.DataFrame:
    return pd.DataFrame({"peak": peak}, index=[f"feature_{j}" for j in range(len(peak))])
