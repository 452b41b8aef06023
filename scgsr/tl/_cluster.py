"""The verb `cluster`: modules and labels of an existing fit at another resolution."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scgsr import _adata, _checks, _modules
from scgsr._adata import DEFAULT_KEY, Keys

if TYPE_CHECKING:
    from anndata import AnnData


def cluster(
    adata: AnnData,
    *,
    resolution: float = 1.0,
    key: str = DEFAULT_KEY,
    key_added: str | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Cut the neurons of a fit into other modules and relabel the cells; nothing is trained.

    The fit stored fine modules, found by Leiden on the neurons' co-activation graph, and in which order they grow
    together: first those between which there is no valley in the density of cells, last the best separated.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on.
    resolution
        Higher gives more modules: two stay apart if the cells between them are at most 0.5 times `resolution` as dense
        as on the sparser side. From 2 on every valley counts; a very large number gives all fine modules.
    key
        The fit's `key_added`.
    key_added
        Name of the new results, a full set of slots beside the old ones. None replaces those under `key`.
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
    fitted, activations = _adata.read_model(adata, key), _adata.read_activations(adata, key)
    modules, labels = _modules.cut(fitted.modules.tree, fitted.modules.templates, activations, resolution=resolution)
    _adata.check_free(adata, keys)
    fitted = replace(fitted, modules=modules, params={**fitted.params, "resolution": resolution})
    held_out, novelty = _adata.read_held_out(adata, key), _adata.read_novelty(adata, key)
    target = adata.copy() if copy else adata
    _adata.write(target, keys, fitted, activations.copy(), labels, held_out=held_out, novelty=novelty)
    return target if copy else None
