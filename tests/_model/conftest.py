"""What tests of the model share: one of a short fit, as a value and in a folder."""

from __future__ import annotations

import pytest

from scgsr import get, tl


@pytest.fixture
def model(cells):
    tl.fit(cells, (4, 5), hidden=(16,), n_epochs=5, batch_size=40, progress=False)
    return get.model(cells)


@pytest.fixture
def folder(model, tmp_path):
    model.save(tmp_path / "model")
    return tmp_path / "model"
