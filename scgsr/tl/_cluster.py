"""The verb `cluster`: modules and labels of an existing fit at another resolution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scgsr import _adata, _checks, _modules
from scgsr._adata import DEFAULT_KEY, Keys
from scgsr._checks import about, log, verb

if TYPE_CHECKING:
    from anndata import AnnData


@verb
def cluster(
    adata: AnnData,
    *,
    resolution: float = 1.0,
    n_clusters: int | None = None,
    key: str = DEFAULT_KEY,
    key_added: str | None = None,
    copy: bool = False,
) -> AnnData | None:
    """Make more or fewer modules from a fit and relabel the cells, without training.

    A fit stores small pieces of its cells and the order in which they merge into modules, and in which modules merge.
    This function cuts that tree at another height; :func:`scgsr.pl.module_tree` draws it.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on.
    resolution
        Higher gives more modules: two stay apart if the density of cells between them is at most 0.5 times `resolution`
        of that on the sparser side. From 2 on every valley counts; a very large number keeps all pieces apart.
    n_clusters
        Number of modules, in place of `resolution`. If the tree has no such cut, the nearest number is taken and the
        log says so. None: as many as `resolution` gives.
    key
        The fit's `key_added`.
    key_added
        Name of the new results, which are written beside the old ones. None replaces those under `key`.
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
        If an argument has the wrong type or range, both `resolution` and `n_clusters` are given, or `key_added` names
        slots that no fit has written.

    References
    ----------
    Ward, *Hierarchical grouping to optimize an objective function*, https://doi.org/10.1080/01621459.1963.10500845

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, n_epochs=5)
    >>> scgsr.tl.cluster(adata, resolution=3, key_added="gsr_fine")
    >>> adata.obs["gsr_fine"].nunique() >= adata.obs["gsr"].nunique()
    True
    >>> scgsr.tl.cluster(adata, n_clusters=4, key_added="gsr_four")
    >>> list(adata.obs["gsr_four"].cat.categories)
    ['0', '1', '2', '3']
    """
    _checks.number("resolution", resolution, minimum=0, exclusive=True)
    _adata.check_copy(adata, copy)
    if n_clusters is not None:
        _checks.positive_int("n_clusters", n_clusters)
        if resolution != 1:
            msg = f"`n_clusters`={n_clusters} and `resolution`={resolution} both choose the modules; leave one out."
            raise about("n_clusters", ValueError(msg))
    fitted, activations = _adata.read_model(adata, key), _adata.read_activations(adata, key, of_any_modules=True)
    tree = fitted.modules.tree
    pieces = tree.cut_at(resolution) if n_clusters is None else tree.cut(n_clusters)
    modules, labels = _modules.recut(fitted.modules, pieces, activations)
    keys = Keys(key if key_added is None else key_added)
    _adata.check_free(adata, keys)
    fitted = replace(fitted, modules=modules, names=(), params=_params(fitted.params, resolution, n_clusters))
    if n_clusters not in (None, modules.n_modules):
        log.warning("%d modules cannot be made of this fit: made %d, the nearest number", n_clusters, modules.n_modules)
    held_out, novelty = _adata.read_held_out(adata, key), _adata.read_novelty(adata, key)
    target = adata.copy() if copy else adata
    _adata.write(target, keys, fitted, activations.copy(), labels, held_out=held_out, novelty=novelty)
    return target if copy else None


def _params(params: Mapping[str, Any], resolution: float, n_clusters: int | None) -> dict[str, Any]:
    """Return the parameters of a fit that was cut so; `n_clusters` is one of them only where it was given."""
    others = {name: value for name, value in params.items() if name != "n_clusters"}
    asked = {} if n_clusters is None else {"n_clusters": n_clusters}
    return {**others, "resolution": resolution, **asked}
