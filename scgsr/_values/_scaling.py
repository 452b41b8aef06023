"""How features are weighted against each other before the network: what each is divided by."""

from __future__ import annotations

from typing import Any

import numpy as np

from scgsr import _checks
from scgsr._checks import about, log

# What `scale` may be: each feature by its own standard deviation, all by one, or all by one and then the network sees
# and gives principal components.
SCALES = ("feature", "common", "pca")
# So many components, as `scanpy.pp.pca` takes; features beyond twice as many are called many.
N_COMPONENTS = 50
_MANY = 2 * N_COMPONENTS
# Features whose standard deviations differ more than so many times from the median do not share a unit.
_SAME_UNIT = 10.0


def check_scale(scale: Any) -> str | None:
    """Return the name of a way to scale, None for the one that follows from the data."""
    if scale is None or isinstance(scale, bool | np.bool_):
        return None if scale is None else "feature" if scale else "common"
    if not isinstance(scale, str):
        msg = f"`scale` must be one of {list(SCALES)} or None, got {scale!r}."
        raise about("scale", TypeError(msg))
    return _checks.one_of("scale", scale, SCALES)


def scaling_for(sd: np.ndarray, *, embedding: bool) -> str:
    """Return how features with these standard deviations, (n_features,) above 0, are scaled by default; say it.

    The spread of a gene or marker tells how much it has to say, so one common scale keeps it. Hundreds of genes are
    mostly counting noise, which principal components leave out. Features of different units, such as scatter beside
    fluorescence, must each have their own scale.
    """
    if embedding:
        return "common"
    if len(sd) > _MANY:
        log.info("%d features: the network sees %d principal components of them (`scale='pca'`)", len(sd), N_COMPONENTS)
        return "pca"
    if sd.max() > _SAME_UNIT * np.median(sd):
        log.info(
            "features differ in unit (standard deviation %.3g in the middle, %.3g at most): each is divided by its own "
            "(`scale='feature'`)",
            np.median(sd),
            sd.max(),
        )
        return "feature"
    log.info("all features are divided by one common scale (`scale='common'`)")
    return "common"


def divisors(sd: np.ndarray, scaling: str) -> np.ndarray:
    """Return what each feature is divided by, (n_features,): its standard deviation, or the common one."""
    return sd if scaling == "feature" else np.full_like(sd, np.sqrt(np.mean(sd**2)))
