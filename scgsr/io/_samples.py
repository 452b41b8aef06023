"""Cells of several files in one FCS file, which holds numbers alone: the sample becomes a parameter."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np

from scgsr._checks import listed, log
from scgsr.io._encode import tidy

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray

SAMPLE = "sample"  # in `.obs`: which file of a folder a cell comes from


def sample_numbers(
    adata: AnnData, taken: Collection[str]
) -> tuple[dict[tuple[str, ...], NDArray[np.float32]], dict[str, str]]:
    """Return the number of each cell's sample, a block of one column, and the keywords that tell what it means.

    Both are empty unless the cells come from a folder of files, whose keywords `read_fcs` keeps by sample. The column
    has a name that is not in `taken`.
    """
    meta = adata.uns.get("meta")
    if SAMPLE not in adata.obs or not isinstance(meta, Mapping):
        return {}, {}
    samples = adata.obs[SAMPLE].astype("category").cat
    names = [str(name) for name in samples.categories]
    if samples.codes.min() < 0 or not all(isinstance(meta.get(name), Mapping) for name in names):
        return {}, {}
    column = SAMPLE
    while column in taken:
        column += "_"
    log.info("parameter %r: %s", column, listed([f"{number} {name}" for number, name in enumerate(names)]))
    meanings = {f"{SAMPLE}_{number}".upper(): tidy(name) or "_" for number, name in enumerate(names)}
    return {(column,): samples.codes.to_numpy(dtype=np.float32)[:, None]}, meanings
