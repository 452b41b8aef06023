"""What tests of the verbs share: a way to see that an AnnData is as it was."""

from __future__ import annotations

import numpy as np
import pytest


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
