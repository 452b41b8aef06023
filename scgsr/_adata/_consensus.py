"""The values that a fit was made of, once more, and what fits of several seeds agree on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scgsr._adata._answers import read_answer, write_answer
from scgsr._adata._colors import palette
from scgsr._adata._fit import snapshot
from scgsr._adata._keys import Keys
from scgsr._adata._names import module_colors
from scgsr._adata._results import read_record
from scgsr._adata._view import view
from scgsr._checks import about
from scgsr._model import FittedModel
from scgsr._modules import Agreement
from scgsr._values import MatrixView

if TYPE_CHECKING:
    from anndata import AnnData

# How far the moments of a feature may lie from those of the fit, in its standard deviations: sums in other orders.
_ROUNDING = 1e-3


def check_consensus(adata: AnnData, key: str) -> None:
    """Raise ValueError if a consensus would overwrite what none has written."""
    keys, columns = Keys(key), adata.obs
    taken = [name for name in (keys.consensus, keys.stability) if name in columns or columns.index.name == name]
    if taken and "consensus" not in read_record(adata, key):
        msg = f"`key`={key!r}: the consensus would overwrite {taken} of `.obs`, which none has written; rename them."
        raise about("key", ValueError(msg))


def view_again(adata: AnnData, key: str, fitted: FittedModel) -> MatrixView:
    """Return the values that a fit was made of; refused if these are others."""
    params = fitted.params
    chosen: np.ndarray | None = None
    if params.get("use_rep") is None:
        chosen = np.isin(adata.var_names.astype(str), fitted.features)
        n_there = int(chosen.sum())
        if n_there != len(fitted.features):
            msg = (
                f"`key`={key!r}: the fit was made of {len(fitted.features)} features, of which {n_there} are in "
                "`adata.var_names`; take the object that was fitted."
            )
            raise about("key", ValueError(msg))
    again = view(
        adata,
        layer=params.get("layer"),
        use_rep=params.get("use_rep"),
        mask_var=chosen,
        scale=params["scale"],
        batch_key=params.get("batch_key"),
    )
    batches = () if again.origins is None else again.origins.names
    same = (again.features, batches) == (fitted.features, fitted.batches) and all(
        np.allclose(new / fitted.scale, old / fitted.scale, rtol=_ROUNDING, atol=_ROUNDING)
        for new, old in ((again.mean, fitted.mean), (again.scale, fitted.scale))
    )
    if not same:
        msg = (
            f"`key`={key!r}: the values are not those that the fit was made of, since their mean and spread are "
            f"others; call `scgsr.tl.fit(adata, ..., key_added={key!r})` on these."
        )
        raise about("key", ValueError(msg))
    return again


def write_consensus(adata: AnnData, key: str, agreed: Agreement, record: dict[str, Any]) -> None:
    """Write consensus, stability and colours of the cells, and what is known of the modules to the record of the fit.

    A module has the colour of the label with its number. A failure leaves all as it was.
    """
    keys, undo = Keys(key), snapshot(adata, Keys(key))
    more = palette(int(agreed.numbers.max()) + 1)
    known = module_colors(adata, key)[: len(more)]
    more[: len(known)] = known
    labels = pd.Categorical.from_codes(agreed.labels, categories=[str(number) for number in agreed.numbers])
    try:
        write_answer(adata, key, "consensus", record)
        adata.obs[keys.consensus] = pd.Series(labels, index=adata.obs_names)
        adata.obs[keys.stability] = agreed.stability
        adata.uns[keys.consensus_colors] = more[agreed.numbers]
    except BaseException:
        undo()
        raise


def read_consensus(adata: AnnData, key: str) -> dict[str, Any]:
    """Return what `consensus` has written of the modules."""
    return read_answer(adata, key, "consensus", "consensus", "there is no consensus")
