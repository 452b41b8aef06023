"""What the verbs say of modules that are almost entirely of one batch, or one sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scgsr import _adata, _measures
from scgsr._adata import Keys

if TYPE_CHECKING:
    from anndata import AnnData


def about_origin(adata: AnnData, key: str, batch_key: str | None, params: Mapping[str, Any]) -> str:
    """Return a sentence on modules of the fit that are almost entirely of one batch, empty for none.

    Batches are those of a column of `.obs`, or without one the files of a folder.
    """
    of_cells = _adata.origin(adata, batch_key)
    if of_cells is None:
        return ""
    column, batches = of_cells
    labels = _adata.groups(adata, "key", Keys(key).labels)
    return _measures.about_alone(_measures.alone(labels, batches), column, told=params.get("batch_key") == column)
