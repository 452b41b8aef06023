"""Markers on the graph: the planes of the measures, in the units of the fit."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr import _measures, tl
from scgsr.pl import _markers


@pytest.fixture
def fitted(cells):
    tl.fit(cells, (3, 4), hidden=(16,), n_epochs=2, progress=False)
    return cells


def test_planes_are_those_of_the_measures(fitted):
    names, planes = _markers.planes(fitted, "gsr", ["feature_3", "feature_0"], None)
    assert names == ["feature_3", "feature_0"]
    expected = _measures.planes(fitted[:, names].X, fitted.obsm["X_gsr"])
    np.testing.assert_allclose(planes, expected)


def test_all_features_and_another_layer(fitted):
    fitted.layers["less"] = -fitted.X
    names, planes = _markers.planes(fitted, "gsr", None, "less")
    assert names == list(fitted.var_names)
    np.testing.assert_allclose(planes, -_markers.planes(fitted, "gsr", None, None)[1], atol=1e-6)
