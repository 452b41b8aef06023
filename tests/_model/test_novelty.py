"""How unlike the cells of a fit a cell is."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf
from sklearn.metrics import roc_auc_score

from scgsr import tl
from scgsr._model import NoveltyReference, _novelty

QUICK = {"hidden": (16,), "n_epochs": 10, "batch_size": 40, "progress": False}


def cells_of_a_fit(n_cells, seed=0, n_neurons=5):
    """Activations that go together in pairs, and errors."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(n_neurons, n_neurons))
    return (rng.normal(size=(n_cells, n_neurons)) @ mixing + 3).astype(np.float32), rng.gamma(3.0, size=n_cells)


@pytest.fixture
def reference():
    activations, errors = cells_of_a_fit(2000)
    return NoveltyReference.learn(cells_of_a_fit(3000, seed=1)[0], activations, errors)


def test_the_median_cell_has_novelty_zero_and_one_in_a_hundred_reaches_one(reference):
    novelty = reference.novelty(*cells_of_a_fit(2000))
    assert novelty.dtype == np.float32
    assert np.median(novelty) == pytest.approx(0, abs=1e-5)
    assert (novelty > 1).mean() == pytest.approx(0.01, abs=0.001)
    fresh = reference.novelty(*cells_of_a_fit(20_000, seed=2))
    assert np.median(fresh) == pytest.approx(0, abs=0.05)
    assert 0.005 < (fresh > 1).mean() < 0.02


def test_distance_is_mahalanobis_with_a_shrunken_covariance(reference):
    seen = cells_of_a_fit(3000, seed=1)[0].astype(np.float64)
    np.testing.assert_allclose(reference.location, seen.mean(axis=0))
    covariance, _ = ledoit_wolf(seen)
    np.testing.assert_allclose(reference.precision @ covariance, np.eye(5), atol=1e-8)
    activations, errors = cells_of_a_fit(50, seed=3)
    logs = _novelty._logs(activations, errors, reference.location, reference.precision)
    centred = activations - seen.mean(axis=0)
    distances = [row @ np.linalg.inv(covariance) @ row for row in centred]
    np.testing.assert_allclose(logs, np.log(np.column_stack([distances, errors])), rtol=1e-6)


def test_it_rises_along_any_direction_and_with_the_error(reference):
    _, errors = cells_of_a_fit(1)
    for direction in np.random.default_rng(0).normal(size=(5, 5)):
        along = reference.location + np.linspace(1, 50, 20)[:, None] * direction
        novelty = reference.novelty(along.astype(np.float32), np.repeat(errors, 20))
        assert (np.diff(novelty) >= 0).all()
        assert novelty[-1] > 1
    typical = np.tile(cells_of_a_fit(1)[0], (20, 1))
    novelty = reference.novelty(typical, np.geomspace(1e-3, 1e6, 20))
    assert (np.diff(novelty) >= 0).all()
    assert novelty[-1] > 1


def test_a_bright_picture_of_the_usual_kind_is_less_novel_than_a_mixture_that_does_not_occur():
    rng = np.random.default_rng(0)
    strength = rng.gamma(2.0, size=(2000, 1))
    together = np.hstack([strength, strength]) + rng.normal(0, 0.05, size=(2000, 2))  # always fire together
    errors = np.full(2000, 0.1)
    reference = NoveltyReference.learn(together, together, errors)
    both, alone = reference.novelty(np.array([[6.0, 6.0], [6.0, 0.0]]), np.array([0.1, 0.1]))
    assert alone > 1 > both


def test_blocks_of_cells_make_no_difference(reference, monkeypatch):
    cells = cells_of_a_fit(101, seed=4)
    whole = reference.novelty(*cells)
    monkeypatch.setattr(_novelty, "_CELLS_AT_ONCE", 7)
    np.testing.assert_allclose(reference.novelty(*cells), whole, rtol=1e-5)


def test_no_cells_have_no_novelty(reference):
    assert reference.novelty(np.empty((0, 5), dtype=np.float32), np.empty(0)).shape == (0,)


@pytest.mark.parametrize("constant", ["activations", "errors", "both"])
def test_what_does_not_vary_tells_nothing_and_breaks_nothing(constant):
    activations, errors = cells_of_a_fit(300)
    activations = np.zeros_like(activations) if constant != "errors" else activations
    errors = np.full_like(errors, 0.5) if constant != "activations" else errors
    reference = NoveltyReference.learn(activations, activations, errors)
    novelty = reference.novelty(activations, errors)
    assert np.isfinite(novelty).all()
    if constant == "both":
        assert not novelty.any()
    else:
        assert (novelty > 1).mean() < 0.02


def test_arrays_bring_the_same_reference_back(reference):
    arrays = {**reference.to_arrays(), "weights": np.ones(3)}
    loaded = NoveltyReference.from_arrays(arrays)
    assert list(arrays) == ["weights"]  # the others were taken out
    cells = cells_of_a_fit(50, seed=5)
    np.testing.assert_array_equal(loaded.novelty(*cells), reference.novelty(*cells))


def test_arrays_of_an_older_fit_have_none():
    assert NoveltyReference.from_arrays({"weights": np.ones(3)}) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("precision", np.eye(4)),
        ("middle", np.ones(3)),
        ("limits", np.ones(1)),
        ("reach", np.ones((2, 2))),
        ("location", 1.0),
    ],
)
def test_arrays_of_another_shape_are_refused(reference, name, value):
    arrays = {**reference.to_arrays(), f"typical_{name}": value}
    with pytest.raises(ValueError, match="all neurons and two measures"):
        NoveltyReference.from_arrays(arrays)


# --- After a fit -----------------------------------------------------------------------------------------------------


class TestNoveltyOfMappedCells:
    def test_rises_for_a_group_that_was_left_out(self, cells):
        known = (cells.obs["group"] != "group 3").to_numpy()
        train = known & (np.arange(cells.n_obs) % 5 != 0)
        reference = cells[train].copy()
        tl.fit(reference, (4, 5), **{**QUICK, "n_epochs": 40})
        new = cells[~train].copy()
        tl.transform(new, reference)
        unknown = (new.obs["group"] == "group 3").to_numpy()
        assert roc_auc_score(unknown, new.obs["gsr_novelty"]) > 0.9

    def test_one_in_a_hundred_cells_of_the_fit_reaches_one(self):
        rng = np.random.default_rng(0)
        many = ad.AnnData(rng.normal(size=(4000, 6)).astype(np.float32))
        tl.fit(many, (4, 5), hidden=(16,), n_epochs=3, progress=False)
        fresh = ad.AnnData(rng.normal(size=(4000, 6)).astype(np.float32))
        tl.transform(fresh, many)
        assert 0.003 < (fresh.obs["gsr_novelty"] > 1).mean() < 0.03
        assert abs(np.median(fresh.obs["gsr_novelty"])) < 0.1


class TestNoveltyOfPoorLayers:
    @pytest.mark.parametrize(("graph", "threshold"), [((1, 2), 0.5), ((1, 3), 1.0), ((2, 2), 1.0), ((4, 5), 2.0)])
    def test_rises_for_unlike_cells_though_half_are_silent(self, cells, graph, threshold):
        tl.fit(cells, graph, threshold=threshold, **QUICK)
        far = ad.AnnData(8 - cells.X, var=cells.var.copy())
        tl.transform(far, cells)
        assert (far.obs["gsr_novelty"] > 1).mean() > 0.5

    def test_is_finite_where_most_cells_are_the_same(self, cells):
        cells.X[:160] = 0
        tl.fit(cells, (4, 5), **QUICK)
        new = ad.AnnData(cells.X + 0.5, var=cells.var.copy())
        tl.transform(new, cells)
        assert np.isfinite(new.obs["gsr_novelty"]).all()
