"""What `score` has stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scgsr import _adata
from scgsr._adata import DEFAULT_KEY

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData


def scores(adata: AnnData, *, key: str = DEFAULT_KEY) -> pd.DataFrame:
    """Return what :func:`scgsr.tl.score` has measured, one row for each measure, or measure and group.

    Rows without a group are means over cells, or over groups:

    - ``validation_r2``: explained variance on held-out cells; ``explainable_r2``: that by ten principal components, 0
      where features have nothing in common, NaN where there are at most ten features or too few cells to tell.
    - ``dead_neurons``, ``silent_cells``: shares of neurons that never fire, of cells (also of each group) without any.
    - ``morans_i``, ``low_frequency_share``, ``neighbour_correlation``: how alike neighbouring neurons are.
    - ``localisation``: share of a cell's energy within two edges of its brightest neuron.
    - ``mean_cosine``: how alike the groups' mean pictures are, signs aside. High: all light the same place.
      ``most_alike``: the two groups of `groupby` that are most alike, named in the column of groups, with their cosine.
    - ``segment_connectivity``: largest connected share of a group's neurons. ``module_auroc``: how well the best module
      tells a group from the rest.
    - ``circular_resultant``, ``winding``, ``rank_agreement``: agreement with a known angle or pseudotime.
    - ``r2_minus_baseline``, ``baseline_morans_i``, ``morans_i_ratio``: against the baseline, put in order afterwards.
    - ``torn_neighbours``, ``ring_closure``: on paths and rings, the largest share of a neuron's border cells whose
      neighbours are elsewhere on the graph, and the smallest share of border cells between two neighbours of a ring.
    - ``modules``: how many; where there is one alone, the confidence of all cells is 0. ``module_cells``: how many lit
      cells they were made from. ``label_halves_ari``: agreement of labels found on two halves of these cells.
    - ``batch_mixing``: how many batches there are among the 30 neighbours of a cell, by its picture, from 0, one alone,
      to 1, all alike; its p-value is of mixing as low. ``batch_r2``: share of the variance of the activations that lies
      between batches. In their null batches change places within each label.
    - ``label_ari``, ``edge_jaccard``: agreement with another seed, whose key stands in the column of groups.

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
