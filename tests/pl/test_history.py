"""History: what was recorded, and nothing else."""

from __future__ import annotations

import matplotlib.pyplot as plt
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


def test_history_is_drawn_into_the_axes_of_the_user(on_ring):
    figure, axes = plt.subplots(2, 2, layout="constrained")
    drawn = pl.history(on_ring, ax=axes)
    assert drawn == list(axes.ravel())
    assert [panel.get_title() for panel in drawn[:2]] == ["reconstruction loss", "graph penalty"]
    assert figure.axes == drawn
    assert plt.get_fignums() == [figure.number]
    assert pl.history(on_ring, ax=list(plt.subplots(1, 4)[1]), return_fig=True) is plt.gcf()


def test_axes_that_do_not_fit_the_panels_are_refused(on_ring):
    panels = r"`ax` must be 4 axes, one for each panel \(reconstruction loss, graph penalty, "
    axes = list(plt.subplots(1, 4)[1])
    with pytest.raises(TypeError, match=rf"{panels}.*got 1; `matplotlib.pyplot.subplots\(1, 4"):
        pl.history(on_ring, ax=axes[0])
    with pytest.raises(ValueError, match=rf"{panels}.*got 3"):
        pl.history(on_ring, ax=axes[:3])
    with pytest.raises(ValueError, match=rf"{panels}.*got some of them twice"):
        pl.history(on_ring, ax=axes[:3] + axes[:1])
    for wrong in ("axes", [1, 2, 3, 4], [], plt.gcf()):
        with pytest.raises(TypeError, match="`ax` must be matplotlib axes, or a list of them, got"):
            pl.history(on_ring, ax=wrong)
    for argument, value in {"figsize": (4, 4), "title": "a title"}.items():
        with pytest.raises(ValueError, match=f"`{argument}` .* with `ax`"):
            pl.history(on_ring, ax=axes, **{argument: value})
    assert not any(panel.has_data() for panel in axes)
