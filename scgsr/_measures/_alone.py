"""Modules that are almost entirely of one batch, though other batches have cells that could be there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy

from scgsr._checks import listed

# A module is almost entirely of one batch from this share of its cells on, ...
_ALMOST_ALL = 0.9
# ... if other batches have so small a part of what their size gives, ...
_OF_EXPECTED = 0.2
# ... which so many cells do not show by chance.
_SIGNIFICANCE = 0.001
# Of two batches each must have this share of all cells: beside a tiny one the other is everywhere alone.
_LEAST_SHARE = 0.1


class Alone(NamedTuple):
    """A module, the batch that it is almost entirely of, and the shares of that batch."""

    module: str
    batch: str
    share: float  # of the module's cells
    overall: float  # of all cells
    n_cells: int  # of the module


def alone(labels: pd.Categorical, batches: pd.Categorical) -> list[Alone]:
    """
    Find modules whose cells are almost all of one batch, by more than the sizes of the batches explain.

    Parameters
    ----------
    labels, batches
        Module and batch of each cell; cells without either do not count.

    Returns
    -------
    One `Alone` for each such module, in the order of the categories. None if there is one batch, or two of which one
    has less than a tenth of the cells.

    Examples
    --------
    >>> import pandas as pd
    >>> from scgsr._measures import alone
    >>> labels = pd.Categorical(["0"] * 60 + ["1"] * 40)
    >>> [found] = alone(labels, pd.Categorical(["a", "b"] * 30 + ["b"] * 40))
    >>> found.module, found.batch, found.share, found.overall
    ('1', 'b', 1.0, 0.7)
    """
    counts = pd.crosstab(np.asarray(labels.codes), np.asarray(batches.codes))
    counts = counts.loc[counts.index >= 0, counts.columns >= 0]
    sizes = counts.sum()
    if len(sizes) < 2 or (len(sizes) == 2 and sizes.min() < _LEAST_SHARE * sizes.sum()):
        return []
    found = []
    for module, row in counts.iterrows():
        n_cells, batch = int(row.sum()), row.idxmax()
        share, overall = row[batch] / n_cells, sizes[batch] / sizes.sum()
        others = n_cells - row[batch]
        chance = scipy.stats.binom.cdf(others, n_cells, 1 - overall) * len(counts)
        if share >= _ALMOST_ALL and 1 - share <= _OF_EXPECTED * (1 - overall) and chance < _SIGNIFICANCE:
            of_module = Alone(
                module=str(labels.categories[module]),
                batch=str(batches.categories[batch]),
                share=float(share),
                overall=float(overall),
                n_cells=n_cells,
            )
            found.append(of_module)
    return found


def about_alone(found: Sequence[Alone], column: str, *, told: bool) -> str:
    """Return a sentence on the modules that `alone` has found, empty for none; `told`: the fit knew the batches."""
    if not found:
        return ""
    each = listed([f"{a.module} ({a.share:.0%} {a.batch!r}, which has {a.overall:.0%} of all cells)" for a in found])
    cure = "" if told else f"tell the fit, `scgsr.tl.fit(adata, batch_key={column!r})`, or "
    are = f"Modules {each} are" if len(found) > 1 else f"Module {each} is"
    return (
        f"{are} almost entirely of one {column!r}. If others have such cells, too, {cure}fit corrected values, "
        '`use_rep="X_scVI"`. If they have none, it is right.'
    )
