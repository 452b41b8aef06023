"""Tables of `compare`: copies, and errors that name the call."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr import get, tl


@pytest.fixture
def compared(cells):
    cells.obs["sample"] = [f"s{number}" for number in np.arange(cells.n_obs) % 6]
    cells.obs["treated"] = np.arange(cells.n_obs) % 2 == 1
    tl.fit(cells, (4, 5), hidden=(16,), n_epochs=3, progress=False)
    return cells


def test_a_table_is_the_readers_own(compared):
    with pytest.raises(KeyError, match=r"call `scgsr\.tl\.compare\(adata, key='gsr'\)` first"):
        get.compare(compared)
    tl.compare(compared, "treated", "sample")
    for what in ("abundance", "state", "neurons"):
        table = get.compare(compared, what)
        table["p"] = 0
        assert not get.compare(compared, what)["p"].eq(0).all()
    with pytest.raises(ValueError, match=r"`what` must be one of \['abundance', 'state', 'neurons'\], got 'genes'"):
        get.compare(compared, "genes")
