"""What a model says of new cells, block by block."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scgsr._model import mapped
from scgsr._values import slices


def blocks(values, n_rows):
    return ((rows, values[rows]) for rows in slices(len(values), n_rows))


def test_blocks_are_what_the_model_says_of_all_cells(model, cells):
    parts = list(mapped(model, blocks(cells.X, 50)))
    assert [part.rows.start for part in parts] == [0, 50, 100, 150, 200]
    activations = np.concatenate([part.activations for part in parts])
    np.testing.assert_allclose(activations, model.activations(cells.X), atol=1e-5)
    np.testing.assert_allclose(np.concatenate([part.novelty for part in parts]), model.novelty(cells.X), atol=1e-4)
    labels = model.modules.assign(activations)
    np.testing.assert_array_equal(np.concatenate([part.labels.codes for part in parts]), labels.codes)
    np.testing.assert_allclose(np.concatenate([part.labels.confidence for part in parts]), labels.confidence, atol=1e-5)


def test_novelty_is_unknown_without_what_it_is_measured_against(model, cells):
    (part,) = mapped(replace(model, novelty_reference=None), blocks(cells.X, 1000))
    assert np.isnan(part.novelty).all()


def test_values_too_extreme_are_counted(model, cells):
    cells.X[[3, 60, 61]] = 3e38
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=r"`adata` has 1 cells with values too extreme"):
        list(mapped(model, blocks(cells.X, 50)))
