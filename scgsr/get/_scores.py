"""What `score` has stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scgsr import _adata
from scgsr._adata import DEFAULT_KEY

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData


def scores(adata: AnnData, *, key: str = DEFAULT_KEY) -> pd.DataFrame:
    """Return the measures of :func:`scgsr.tl.score`, one row for each measure, or measure and group.

    Rows without a group are means over cells, or over groups:

    - ``validation_r2``: explained variance of held-out cells; ``explainable_r2``: that by ten principal components: 0
      where features are uncorrelated, NaN with at most ten features or too few cells.
    - ``dead_neurons``, ``silent_cells``: the share of neurons that are never active; the share of cells (also of each
      group) without an active neuron.
    - ``morans_i``, ``low_frequency_share``, ``neighbour_correlation``: how alike neighbouring neurons are.
    - ``localisation``: share of a cell's energy within two edges of its most active neuron.
    - ``mean_cosine``: how alike the groups' mean pictures are, without regard to signs. High: all activate the same
      neurons. ``most_alike``: the cosine of the two most similar groups of `groupby`, which the column ``group`` names.
    - ``segment_connectivity``: largest connected share of a group's neurons. ``module_auroc``: how well the best module
      tells a group from the rest.
    - ``circular_resultant``, ``winding``, ``rank_agreement``: agreement with a known angle or pseudotime.
    - ``r2_minus_baseline``, ``baseline_morans_i``, ``morans_i_ratio``: comparison with the baseline, whose neurons were
      put in order afterwards.
    - ``torn_neighbours``, ``ring_closure``: on paths and rings, the largest share of a neuron's border cells whose
      neighbours are elsewhere on the graph, and the smallest share of border cells between two neighbours of a ring.
    - ``modules``: their number; with only one the confidence of all cells is 0. ``module_cells``: how many cells they
      were made from. ``label_halves_ari``: agreement of labels found on two halves of these cells.
    - ``batch_mixing``: how well batches are mixed among the 30 neighbours of a cell, by its picture: 0 is one batch
      only, 1 all batches in their shares; its p-value is for mixing as low. ``batch_r2``: share of the variance of the
      activations that lies between batches. In their null batches change places within each label.
    - ``label_ari``, ``edge_jaccard``: agreement with another seed, whose key is in the column ``group``.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.score` has been run on.
    key
        The fit's `key_added`.

    Returns
    -------
    DataFrame, a copy: ``metric``, ``group``, ``value``; where there is a null also its mean and standard deviation
    ``null_mean``, ``null_sd``, the distance from it ``z`` in standard deviations, and the p-value ``p``, else NaN.

    Raises
    ------
    KeyError
        If there is no fit under `key`, or it has no scores.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, scgsr.graphs.ring(20), n_epochs=2)
    >>> verdict = scgsr.tl.score(adata, n_permutations=99)
    >>> list(scgsr.get.scores(adata).columns)
    ['metric', 'group', 'value', 'null_mean', 'null_sd', 'z', 'p']
    """
    return _adata.read_scores(adata, key)["table"].copy()
