"""Cells of several files in one FCS file, which holds numbers alone: the sample becomes a parameter."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from scgsr import _adata
from scgsr._adata import SAMPLE
from scgsr._checks import listed, log
from scgsr.io._encode import tidy

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray

# A keyword that says what one number in a column of samples means: the name of the column, and the number.
MEANING = re.compile(rf"({SAMPLE}_*)_[0-9]+")


def sample_numbers(
    adata: AnnData, taken: Collection[str]
) -> tuple[dict[tuple[str, ...], NDArray[np.float32]], dict[str, str]]:
    """Return the number of each cell's sample, a block of one column, and the keywords that tell what it means.

    Both are empty unless the cells come from a folder of files, whose keywords `read_fcs` keeps by sample. The name of
    the column differs from those that are `taken` by more than case, and that of a keyword begins with it.
    """
    if SAMPLE not in adata.obs:
        return {}, {}
    if not _adata.of_folder(adata):
        log.info(".obs[%r] is not written: the cells are not those of a folder of FCS files", SAMPLE)
        return {}, {}
    samples = _adata.column_of(adata, "adata", SAMPLE).astype("category").cat
    if n_missing := int((samples.codes < 0).sum()):
        log.warning(".obs[%r] is not written: it names no sample for %d cells", SAMPLE, n_missing)
        return {}, {}
    names = [str(name) for name in samples.categories]
    names_in_file = {tidy(name, commas=False).lower() for name in taken}
    column = SAMPLE
    while column in names_in_file:
        column += "_"
    log.info("parameter %r: %s", column, listed([f"{number} {name}" for number, name in enumerate(names)]))
    meanings = {f"{column}_{number}".upper(): tidy(name) or "_" for number, name in enumerate(names)}
    return {(column,): samples.codes.to_numpy(dtype=np.float32)[:, None]}, meanings
