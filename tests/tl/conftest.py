"""What tests of the verbs share: a reference and new cells, and a way to see that an AnnData is as it was."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest

from scgsr import tl


@pytest.fixture
def reference(cells):
    """Cells with a quick fit."""
    tl.fit(cells, (4, 5), hidden=(16,), n_epochs=10, batch_size=40, balance=0, progress=False)
    return cells


@pytest.fixture
def new(cells):
    """The same cells, never seen by a fit."""
    return ad.AnnData(cells.X.copy(), obs=cells.obs[["group"]].copy(), var=cells.var.copy())


@pytest.fixture
def state():
    """Return everything in an AnnData, in a form that can be compared."""

    def state(adata):
        return {
            "X": adata.X.copy(),
            "obs": adata.obs.copy(),
            "var": adata.var.copy(),
            **{name: dict(getattr(adata, name)) for name in ("obsm", "varm", "uns", "obsp", "layers")},
        }

    return state


@pytest.fixture
def unchanged(state):
    """Tell whether an AnnData is as it was in a former state."""

    def unchanged(before, adata):
        after = state(adata)
        return (
            np.array_equal(before["X"], after["X"])
            and before["obs"].equals(after["obs"])
            and before["var"].equals(after["var"])
            and all(before[name].keys() == after[name].keys() for name in ("obsm", "varm", "uns", "obsp", "layers"))
            and all(before["obsm"][name] is after["obsm"][name] for name in before["obsm"])
        )

    return unchanged
