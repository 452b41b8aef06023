"""History: what was recorded, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr import pl


def test_history_draws_what_was_recorded(on_ring):
    table = on_ring.uns["gsr"]["history"]
    reconstruction, penalty, r2, edges = pl.history(on_ring).axes
    assert np.array_equal(reconstruction.lines[0].get_ydata(), table["train_reconstruction"])
    assert np.array_equal(reconstruction.lines[1].get_ydata(), table["validation_reconstruction"])
    assert np.array_equal(penalty.lines[1].get_ydata(), table["validation_penalty"])
    assert np.array_equal(r2.lines[0].get_ydata(), table["validation_r2"])
    assert np.array_equal(edges.lines[0].get_xdata(), table["epoch"])
    assert r2.get_title().endswith("0.700")  # of the network that was kept


@pytest.mark.parametrize("absent", [np.nan, None], ids=["all missing", "no column"])
def test_history_leaves_out_what_was_not_recorded(absent, on_ring):
    table = on_ring.uns["gsr"]["history"]
    for name in [name for name in table if name.startswith(("validation", "edge"))]:
        if absent is None and name != "validation_r2":  # which every record has
            del table[name]
        else:
            table[name] = np.nan
    figure = pl.history(on_ring)
    assert [ax.get_title() for ax in figure.axes] == ["reconstruction loss", "graph penalty"]
    assert all(len(ax.lines) == 1 for ax in figure.axes)
