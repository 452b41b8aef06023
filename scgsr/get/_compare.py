"""What `compare` has found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scgsr import _adata, _checks
from scgsr._adata import DEFAULT_KEY

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

FAMILIES = ("abundance", "state", "neurons")


def compare(adata: AnnData, what: str = "abundance", *, key: str = DEFAULT_KEY) -> pd.DataFrame:
    """Return a table of the tests of :func:`scgsr.tl.compare`.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.compare` has been run on.
    what
        ``"abundance"``: shares of modules; ``"state"``: medians of features in modules; ``"neurons"``: mean pictures.
    key
        The fit's `key_added`.

    Returns
    -------
    DataFrame, a copy, one row for each test: ``module`` (and ``names`` for states) or ``neuron``; ``level``, the level
    that is compared with the reference, or the name of a condition of numbers; ``effect`` with its 95 % interval
    ``low``, ``high``; moderated ``t``, its degrees of freedom ``df``, ``p``, and ``q``, the false discovery rate over
    the table; ``n_samples``, ``n_cells``; ``note``, why a row was not tested (its numbers are then NaN).

    Effects are differences between levels, or slopes per unit of a condition of numbers. They are of the log odds of a
    module's share; of medians, in standard deviations of the feature over all cells; or of a neuron in the mean picture
    of a sample, where every cell's picture has unit length. Abundance also has ``relative_effect`` and so on, relative
    to the median change of the modules: shares sum to one, so when one module grows, all others shrink.

    Raises
    ------
    KeyError
        If there is no fit under `key`, or samples were not compared.
    TypeError, ValueError
        If `what` is none of the three.

    Examples
    --------
    >>> import numpy as np, scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> adata.obs["donor"] = [f"d{number}" for number in np.arange(700) % 6]
    >>> adata.obs["treated"] = np.where(np.arange(700) % 2, "yes", "no")
    >>> scgsr.tl.fit(adata, (6, 8), n_epochs=2)
    >>> scgsr.tl.compare(adata, "treated", "donor", names=["CD3D", "LYZ"])
    >>> list(scgsr.get.compare(adata, "state").columns[:7])
    ['module', 'names', 'level', 'effect', 'low', 'high', 't']
    """
    _checks.one_of("what", what, FAMILIES)
    return _adata.read_compare(adata, key)[what].copy()
