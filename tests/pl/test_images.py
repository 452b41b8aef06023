"""Any numbers on any graph."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from scgsr import graphs, pl
from scgsr.pl._scale import DEAD


def values_of(panel):
    return np.ma.filled(np.ravel((panel.images or panel.collections)[0].get_array()), np.nan)


def test_each_row_is_a_picture_on_one_scale(any_graph):
    values = np.random.default_rng(0).normal(size=(3, any_graph.n_neurons))
    figure = pl.images(any_graph, values, titles=["a", "b", "c"], label="a number")
    assert [panel.get_title() for panel in figure.axes] == ["a", "b", "c", ""]
    for panel, row in zip(figure.axes, values, strict=False):
        np.testing.assert_allclose(values_of(panel), row)
    assert figure.axes[-1].get_ylabel() == "a number"
    norm = (figure.axes[0].images or figure.axes[0].collections)[0].norm
    assert norm.vmax == max(values.max(), norm.vmin + 1e-12)


@pytest.mark.parametrize("values", [range(6), [1.0] * 6, np.arange(6) > 2, np.zeros((1, 6), dtype=np.float32)])
def test_one_picture_is_a_figure_too_and_own_axes_are_used(values):
    figure = pl.images(graphs.ring(6), values, title="it")
    assert figure.axes[0].get_title() == "it"
    np.testing.assert_allclose(values_of(figure.axes[0]), np.ravel(values).astype(float))
    ax = plt.figure().add_subplot()
    assert pl.images(graphs.ring(6), values, ax=ax) is ax


def test_limits_normalisation_and_colours():
    values = np.array([[0.0, 2, 4], [-1, 0, 0]])
    panel, other = pl.images(graphs.path(3), values, normalize="panel", vcenter=0, cmap="PiYG").axes[:2]
    np.testing.assert_allclose(values_of(panel), [0, 0.5, 1])
    np.testing.assert_allclose(values_of(other), [-1, 0, 0])
    assert panel.collections[0].cmap.name == "PiYG"
    norm = pl.images(graphs.path(3), values, vmin=-2, vmax=3).axes[0].collections[0].norm
    assert (norm.vmin, norm.vmax) == (-2, 3)


def test_what_is_not_known_is_grey():
    values = np.array([[1.0, np.nan, 3], [np.nan, np.nan, np.nan]])
    for panel, row in zip(pl.images(graphs.grid(1, 3), values, normalize="panel").axes, values, strict=False):
        image = panel.images[0]
        grey = np.isclose(image.to_rgba(image.get_array()).reshape(-1, 4), mpl.colors.to_rgba(DEAD)).all(axis=1)
        assert np.array_equal(grey, np.isnan(row))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"values": np.zeros((2, 5))}, ValueError, "`values` must have shape"),
        ({"values": np.zeros((1, 2, 6))}, ValueError, "`values` must have shape"),
        ({"values": np.zeros((0, 6))}, ValueError, "`values` must be 1 to 200"),
        ({"values": [np.inf] * 6}, ValueError, "`values`"),
        ({"values": ["a"] * 6}, TypeError, "`values` must be real numbers"),
        ({"graph": np.eye(6)}, TypeError, "`graph` must be NeuronGraph"),
        ({"titles": ["one"]}, ValueError, "`titles`"),
        ({"normalize": "share"}, ValueError, "`normalize`"),
        ({"ncols": 0}, ValueError, "`ncols`"),
        ({"ax": True}, ValueError, "`ax` holds one panel"),
        ({"figsize": 3}, TypeError, "`figsize`"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    if arguments.get("ax"):
        arguments = arguments | {"ax": plt.figure().add_subplot()}
    with pytest.raises(error, match=message):
        pl.images(**({"graph": graphs.ring(6), "values": np.zeros((2, 6))} | arguments))
