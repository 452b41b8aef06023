"""The arguments that the page on the paper gives for the published setting: that they run, and do what is described."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from anndata import AnnData

import scgsr
from scgsr.graphs import Steps, UntilFragmented
from scgsr.nn import Decay, FixedNoise

README = Path(__file__).parents[1] / "benchmarks" / "paper" / "README.md"


def released(**changed):
    """Return the positional and keyword arguments of its call, shortened by `changed`."""
    block = re.search(r"<!-- released setting -->\n```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)[1]
    caught = {}

    class Namespace:
        class tl:
            fit = staticmethod(lambda adata, graph, **arguments: caught.update(arguments, graph=graph))

    exec(block, {"scgsr": Namespace, "adata": None})
    return {**caught, **changed}


def shortened(**changed):
    recipe = released()["graph"]
    from dataclasses import replace

    quick = replace(
        recipe, n_neurons=24, warm_up=Steps(40), refresh_every=Steps(10), stop=UntilFragmented(more_steps=20)
    )
    return released(graph=quick, hidden=(16, 16, 16), **changed)


@pytest.fixture
def pieces():
    """320 cells in which four groups of three features are independent of each other."""
    rng = np.random.default_rng(0)
    signal = np.repeat(rng.normal(size=(320, 4)), 3, axis=1)
    return AnnData((signal + 0.1 * rng.normal(size=signal.shape)).astype(np.float32))


def test_they_are_the_released_ones():
    arguments = released()
    recipe = arguments.pop("graph")
    assert (recipe.n_neurons, recipe.n_neighbors, recipe.kernel, recipe.connected) == (100, 5, "knn", False)
    assert (recipe.warm_up, recipe.refresh_every) == (Steps(5000), Steps(100))
    assert recipe.stop == UntilFragmented(eigenvalue=1e-3, more_steps=200)
    arguments.pop("n_epochs")
    assert arguments == {
        "hidden": (128, 128, 128),
        "threshold": None,
        "noise": FixedNoise(0.5),
        "penalty": "quadratic",
        "laplacian": "symmetric",
        "smoothness": Decay(1e-3),
        "start": "random",
        "anneal": 1,
        "balance": 0,
        "scale": "feature",
        "learning_rate": Decay(1e-3),
        "batch_size": 32,
        "early_stopping": False,
    }


def test_the_code_is_linear_and_the_network_as_described(pieces):
    scgsr.tl.fit(pieces, **shortened())
    network = scgsr.get.model(pieces).network
    widths = [(layer.in_features, layer.out_features) for layer in network.modules() if hasattr(layer, "in_features")]
    assert widths == [(12, 16), (16, 16), (16, 16), (16, 24), (24, 16), (16, 16), (16, 16), (16, 12)]
    slopes = {layer.negative_slope for layer in network.modules() if isinstance(layer, torch.nn.LeakyReLU)}
    assert slopes == {0.2}
    hidden = torch.randn(9, 16, generator=torch.Generator().manual_seed(0))
    weight, bias = network.layer.linear.weight, network.layer.linear.bias
    torch.testing.assert_close(network.layer(hidden), hidden @ weight.T + bias)
    assert (pieces.obsm["X_gsr"] < 0).any()


def test_warm_up_refreshes_and_the_end(pieces):
    scgsr.tl.fit(pieces, **shortened())
    record = scgsr.get.model(pieces)
    history, evolution = record.history, record.evolution
    # 288 cells train, nine steps an epoch: the first estimate comes in epoch 4.
    before, after = history[history["epoch"] < 4], history[history["epoch"] > 4]
    assert (before["train_penalty"] == 0).all()
    assert (before["components"] == 0).all()
    assert (after["train_penalty"] > 0).all()
    assert (history["learning_rate"] == 1e-3).all()
    assert evolution.epochs[0] == 4
    assert len(history) < 20  # it ended before what was planned, because the graph fell apart
    assert history["kept"].iloc[-1]


def test_the_penalty_is_x_L_x_on_the_final_graph(pieces):
    scgsr.tl.fit(pieces, **shortened(validation_fraction=0.5))
    model = scgsr.get.model(pieces)
    held_out = pieces.obs["gsr_held_out"].to_numpy()
    x = pieces.obsm["X_gsr"][held_out].astype(float)
    L = model.graph.laplacian("symmetric").toarray()
    assert np.einsum("ci,ij,cj->c", x, L, x).mean() == pytest.approx(
        model.history["validation_penalty"].iloc[-1], rel=1e-3
    )
