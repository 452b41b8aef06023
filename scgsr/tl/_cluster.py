"""The verb `cluster`: modules and labels of an existing fit at another resolution."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scgsr import _checks, _modules, _random, _store
from scgsr._keys import DEFAULT_KEY, Keys

if TYPE_CHECKING:
    from anndata import AnnData

    from scgsr._random import Rng


def cluster(
    adata: AnnData,
    *,
    resolution: float = 1.0,
    key: str = DEFAULT_KEY,
    key_added: str | None = None,
    rng: Rng = 0,
    copy: bool = False,
) -> AnnData | None:
    """Cluster the neurons of a fit again and relabel the cells; nothing is trained.

    Leiden runs on the neurons' co-activation graph that the fit stored: it connects neurons, not cells.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on.
    resolution
        Higher gives more modules.
    key
        The fit's `key_added`.
    key_added
        Name of the new results, a full set of slots beside the old ones. None replaces those under `key`.
    rng
        Seed of Leiden.
    copy
        Return a copy with the results instead of writing to `adata`.

    Returns
    -------
    None, or the copy. Written are the slots of :func:`scgsr.tl.fit`, with new modules, labels and confidence.

    Raises
    ------
    KeyError
        If there is no fit under `key`.
    TypeError, ValueError
        If an argument has the wrong type or range, or `key_added` names slots that no fit has written.

    References
    ----------
    Traag, Waltman, van Eck, *From Louvain to Leiden*, https://doi.org/10.1038/s41598-019-41695-z

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, n_epochs=5)
    >>> scgsr.tl.cluster(adata, resolution=3, key_added="gsr_fine")
    >>> adata.obs["gsr_fine"].nunique() >= adata.obs["gsr"].nunique()
    True
    """
    _checks.number("resolution", resolution, minimum=0, exclusive=True)
    keys = Keys(key if key_added is None else key_added)
    record, activations = _store.read_record(adata, key), _store.read_activations(adata, key)
    coactivation = record["coactivation"]
    seed = _random.seed_from(rng)
    modules = _modules.find(coactivation, activations, resolution=resolution, seed=seed)
    _store.check_free(adata, keys)
    target = adata.copy() if copy else adata
    _store.write(
        target,
        keys,
        fitted=replace(_store.read_model(adata, key), modules=modules),
        activations=activations.copy(),
        coactivation=coactivation.copy(),
        history=record["history"].copy(),
        params={**record["params"], "resolution": resolution, "cluster_seed": seed},
        versions=dict(record["versions"]),
    )
    return target if copy else None
