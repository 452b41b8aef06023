"""Cells of several samples in one FCS file, which has numbers alone: the sample becomes a parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scgsr._checks import log

if TYPE_CHECKING:
    from anndata import AnnData


def with_samples(adata: AnnData) -> AnnData:
    """Return cells of a folder of files with one more feature, the number of the sample.

    Keywords SAMPLE_0, SAMPLE_1, ... say what the numbers mean.
    """
    from anndata import AnnData

    sample = adata.obs["sample"].cat
    name = "sample"
    while name in adata.var_names or name in set(adata.var["channel"]):
        name += "_"
    meanings = {f"sample_{number}": str(category) for number, category in enumerate(sample.categories)}
    log.info("parameter %r: %s", name, ", ".join(f"{number} {of}" for number, of in enumerate(sample.categories)))
    return AnnData(
        np.column_stack([adata.X, sample.codes.astype(np.float32)]),
        obs=adata.obs,
        var=pd.concat([adata.var[["channel"]], pd.DataFrame({"channel": [name]}, index=[name])]),
        obsm=dict(adata.obsm),
        uns={**adata.uns, "meta": meanings},
    )
