"""Several penalties as one, and what `fit` makes of them."""

from __future__ import annotations

import anndata
import numpy as np
import pytest
import torch

import scgsr
from scgsr import graphs
from scgsr._train._losses import WITHOUT_GRAPH
from scgsr._train._regularizer import PENALTIES, Regularizer, factors_of, uses_graph
from scgsr.nn import Decay, FixedNoise, GraphSpectralPenalty

GRAPH = graphs.grid(3, 4)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_sum_weighs_each_by_its_factor():
    x, W = normal(50, 12), normal(12, 6)
    both = Regularizer(GRAPH, {"quadratic": 2.0, "l1": 0.5, "weight": 3.0}, "symmetric")
    quadratic = GraphSpectralPenalty(GRAPH, penalty="quadratic", laplacian="symmetric")
    weight = GraphSpectralPenalty(GRAPH, penalty="weight", laplacian="symmetric")
    expected = 2 * quadratic(x) + 0.5 * x.abs().sum(dim=1).mean() + 3 * weight(W)
    torch.testing.assert_close(both(x, W), expected)


@pytest.mark.parametrize(
    ("penalty", "error"),
    [
        ("cosine", ValueError),
        ({}, ValueError),
        ({"l1": -1}, ValueError),
        ({"l1": 0}, ValueError),
        ({"quadratic": 1, "l1": None}, TypeError),
        ({"l1": "much"}, TypeError),
        ({"l3": 1}, ValueError),
        (3, TypeError),
        (["l1", "l2"], TypeError),
    ],
)
def test_a_bad_choice_is_refused(cells, penalty, error):
    with pytest.raises(error, match="`penalty"):
        factors_of(penalty)
    with pytest.raises(error, match="`penalty"):
        scgsr.tl.fit(cells, (3, 4), penalty=penalty)
    assert list(cells.uns) == []


# --- In a fit --------------------------------------------------------------------------------------------------------


def fitted(cells, graph=GRAPH, **arguments):
    scgsr.tl.fit(cells, graph, **{"n_epochs": 4, **arguments})
    return cells.obsm["X_gsr"].copy(), scgsr.get.model(cells).network.state_dict()


def test_without_smoothness_all_penalties_run_the_same_network(cells):
    plain, weights = fitted(cells, smoothness=0)
    for penalty in [*PENALTIES, {"quadratic": 1, "l1": 2}]:
        for nothing in (0, Decay(0)):
            activations, state = fitted(cells, penalty=penalty, smoothness=nothing)
            assert np.array_equal(activations, plain), penalty
            assert all(torch.equal(state[name], weights[name]) for name in weights)
    assert cells.uns["gsr"]["params"]["smoothness"] == 0  # a decay of nothing counts as none


def test_a_penalty_never_changes_the_architecture(cells):
    shapes = {name: value.shape for name, value in fitted(cells, smoothness=0)[1].items()}
    for penalty in PENALTIES:
        state = fitted(cells, penalty=penalty, smoothness=0.1)[1]
        assert {name: value.shape for name, value in state.items()} == shapes


@pytest.mark.parametrize("penalty", PENALTIES)
def test_every_penalty_lowers_what_it_measures(cells, penalty):
    settings = {"penalty": penalty, "n_epochs": 40, "threshold": None, "early_stopping": False}
    ends = []
    for smoothness in (0, 0.3):
        fitted(cells, smoothness=smoothness, **settings)
        ends.append(cells.uns["gsr"]["history"]["validation_penalty"].iloc[-1])
    assert ends[1] < 0.8 * ends[0]


@pytest.mark.filterwarnings("ignore:Writing zarr v2:UserWarning")  # anndata 0.12 tells of a coming default
def test_several_penalties_and_schedules_are_on_record_and_survive_files(cells, tmp_path):
    arguments = {
        "penalty": {"quadratic": 1, "l1": 0.1},
        "smoothness": Decay(0.5, factor=0.5, every=3),
        "learning_rate": Decay(1e-3),
        "noise": FixedNoise(0.3),
    }
    activations, _ = fitted(cells, threshold=None, **arguments)
    assert cells.uns["gsr"]["history"]["learning_rate"].eq(1e-3).all()
    for end in ("h5ad", "zarr"):
        getattr(cells, f"write_{end}")(tmp_path / f"cells.{end}")
        read = getattr(anndata, f"read_{end}")(tmp_path / f"cells.{end}")
        params = read.uns["gsr"]["params"]
        assert dict(params["penalty"]) == {"quadratic": 1.0, "l1": 0.1}
        assert dict(params["smoothness"]) == {"start": 0.5, "factor": 0.5, "every": 3}
        assert dict(params["noise"]) == {"sd": 0.3}
        model = scgsr.get.model(read)
        assert model.network.config.noise == FixedNoise(0.3)
        np.testing.assert_allclose(model.activations(cells.X), activations, rtol=1e-4, atol=1e-5)


def test_the_rate_of_a_run_follows_the_decay(cells):
    # Three steps an epoch: the rate falls after the second.
    fitted(cells, learning_rate=Decay(1e-2, factor=0.1, every=6), n_epochs=5, batch_size=100)
    assert cells.uns["gsr"]["history"]["learning_rate"].tolist() == pytest.approx([1e-2, 1e-3, 1e-3, 1e-4, 1e-4])


def test_every_penalty_of_a_fit_is_one_of_three_kinds():
    assert set(PENALTIES) == {*GraphSpectralPenalty.ON_ACTIVATIONS, *GraphSpectralPenalty.ON_WEIGHTS, *WITHOUT_GRAPH}
    assert len(set(PENALTIES)) == len(PENALTIES)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_one_name_is_a_factor_of_one(penalty):
    assert factors_of(penalty) == {penalty: 1.0}
    assert uses_graph(penalty) is (penalty not in WITHOUT_GRAPH)
    assert uses_graph({"l1": 1, penalty: 2}) is (penalty not in WITHOUT_GRAPH)


def test_a_new_graph_reaches_every_penalty():
    x, W = normal(50, 12), normal(12, 6)
    factors = dict.fromkeys(PENALTIES, 0.5)
    replaced, fresh = Regularizer(GRAPH, factors, "symmetric"), Regularizer(graphs.path(12), factors, "symmetric")
    assert not torch.allclose(replaced(x, W), fresh(x, W))
    replaced, fresh = replaced.eval(), fresh.eval()
    replaced.set_graph(graphs.path(12))
    torch.testing.assert_close(replaced(x, W), fresh(x, W))


def test_without_edges_only_what_needs_no_graph_costs():
    empty, x, W = graphs.from_adjacency(np.zeros((12, 12))), normal(50, 12), normal(12, 6)
    for name in PENALTIES:
        assert (float(Regularizer(empty, {name: 1.0}, "combinatorial")(x, W)) > 0) is (name in WITHOUT_GRAPH)


def test_the_gradient_of_a_sum_is_the_sum_of_the_gradients():
    factors = {"correlation": 2.0, "l1": 0.5, "weight_cosine": 3.0}
    values = normal(50, 12), normal(12, 6)
    sums = [torch.zeros_like(value) for value in values]
    for name, factor in factors.items():
        x, W = (value.clone().requires_grad_() for value in values)
        Regularizer(GRAPH, {name: factor}, "combinatorial")(x, W).backward()
        for total, part in zip(sums, (x, W), strict=True):
            total += 0 if part.grad is None else part.grad
    x, W = (value.clone().requires_grad_() for value in values)
    Regularizer(GRAPH, factors, "combinatorial")(x, W).backward()
    torch.testing.assert_close((x.grad, W.grad), tuple(sums))


def test_the_constant_image_is_warned_about_once_for_all_penalties(caplog):
    factors = {"quadratic": 1.0, "weight": 1.0, "l1": 1.0}
    Regularizer(graphs.star(12), factors, "symmetric").warn_of_constant_image()
    assert caplog.text.count("penalises a constant image") == 1
    Regularizer(graphs.star(12), {"l1": 1.0}, "symmetric").warn_of_constant_image()
    assert caplog.text.count("penalises a constant image") == 1
