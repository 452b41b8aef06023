"""Three families of tests of samples: calibrated where nothing differs, relative where one module grows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scgsr._measures import abundance, design_of, neurons, state
from scgsr._measures._compare import _weighted_median

SHARES = np.array([0.3, 0.2, 0.15, 0.1, 0.08, 0.06, 0.05, 0.03, 0.02, 0.01])
FIVE = pd.Series(np.repeat(["a", "b"], 5), name="dose")
FEW = {"min_cells": 10, "min_samples": 5}


def counts(rng, n_samples=10, *, tripled=None, n_cells=1500):
    """Draw the cells of samples; in the second half of them one module is three times as frequent."""
    table = np.empty((n_samples, len(SHARES)), dtype=int)
    for sample in range(n_samples):
        shares = rng.dirichlet(200 * SHARES)
        if tripled is not None and sample >= n_samples // 2:
            shares[tripled] *= 3
        table[sample] = rng.multinomial(n_cells, shares / shares.sum())
    return pd.DataFrame(table, columns=[str(module) for module in range(len(SHARES))])


def test_p_values_are_uniform_where_nothing_differs():
    rng, design = np.random.default_rng(0), design_of(FIVE, [])
    tables = [abundance(counts(rng), design, **FEW) for _ in range(150)]
    p = pd.concat(tables)["p"].dropna()
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert np.mean([table["q"].min() <= 0.05 for table in tables]) <= 0.06 + 2 * np.sqrt(0.05 * 0.95 / 150)


def test_a_module_that_triples_is_found_and_no_other_relative_to_the_median():
    rng, design = np.random.default_rng(1), design_of(FIVE, [])
    tables = [abundance(counts(rng, tripled=2), design, **FEW).set_index("module") for _ in range(60)]
    assert np.mean([table.loc["2", "q"] <= 0.05 for table in tables]) > 0.95
    assert np.mean([table.loc["2", "relative_q"] <= 0.05 for table in tables]) > 0.95
    others = pd.concat([table.drop(index="2") for table in tables])
    assert (others["relative_q"] <= 0.05).mean() <= 0.1
    assert (others["q"] <= 0.05).mean() > (others["relative_q"] <= 0.05).mean()
    assert tables[0].loc["2", "effect"] == pytest.approx(np.log(3), abs=0.5)


def test_one_module_alone_has_no_share_that_could_differ():
    sizes = pd.DataFrame({"0": np.repeat([1000, 3000], 5) + np.arange(10)})
    found = abundance(sizes, design_of(FIVE, []), **FEW).iloc[0]
    assert np.isnan([found["p"], found["relative_p"]]).all()
    assert found["note"] == "not testable with these samples"


def test_effects_are_differences_of_mean_log_odds():
    table, design = counts(np.random.default_rng(0)), design_of(FIVE, [])
    found = abundance(table, design, **FEW)
    cells, total = table.to_numpy(), table.to_numpy().sum(axis=1, keepdims=True)
    odds = np.log((cells + 0.5) / (total - cells + 0.5))
    np.testing.assert_allclose(found["effect"], (odds[5:].mean(axis=0) - odds[:5].mean(axis=0))[: len(found)])
    assert list(found["n_cells"]) == list(cells.sum(axis=0))
    assert (found["low"] < found["effect"]).all()
    assert (found["effect"] < found["high"]).all()


def test_the_sign_turns_with_the_reference_and_the_order_of_samples_is_free():
    table = counts(np.random.default_rng(0), tripled=2)
    one = abundance(table, design_of(FIVE, []), **FEW)
    turned = abundance(table, design_of(FIVE, [], reference="b"), **FEW)
    for name in ("effect", "t", "relative_effect", "relative_t"):
        np.testing.assert_allclose(turned[name], -one[name])
    np.testing.assert_allclose(turned["p"], one["p"])
    order = np.random.default_rng(1).permutation(10)
    other = abundance(table.iloc[order], design_of(FIVE.iloc[order], []), **FEW)
    numbers = one.select_dtypes("number").columns
    np.testing.assert_allclose(other[numbers], one[numbers], rtol=1e-9)


def test_a_rare_module_is_not_tested_and_says_why():
    table = counts(np.random.default_rng(0)).assign(rare=[10, 10, 10, 10, *[2] * 6])
    found = abundance(table, design_of(FIVE, []), **FEW).set_index("module")
    assert found.loc["rare", "note"] == "10 cells or more in 4 of 10 samples alone"
    assert np.isnan(found.loc["rare", "p"])
    assert found.loc["rare", "n_cells"] == 52
    assert found.drop(index="rare")["p"].notna().all()
    none = abundance(table * 0, design_of(FIVE, []), **FEW)
    assert none["p"].isna().all()


def test_several_levels_share_one_discovery_rate():
    condition = pd.Series(list("aaabbbccc"), name="dose")
    found = abundance(counts(np.random.default_rng(0), 9), design_of(condition, []), min_cells=10, min_samples=5)
    assert list(found["level"][:2]) == ["b", "c"]
    known = found["p"].notna()
    np.testing.assert_allclose(found["q"][known], stats.false_discovery_control(found["p"][known]))
    assert len(found) == 2 * len(SHARES)


def test_medians_of_few_cells_are_left_out():
    rng = np.random.default_rng(0)
    medians, n_cells = rng.normal(size=(10, 3, 4)), np.full((10, 3), 50)
    medians[5:, 1, 2] += 5
    n_cells[:8, 2] = 3
    n_cells[0, 0] = 9
    found = state(medians, n_cells, list("xyz"), list("abcd"), design_of(FIVE, []), **FEW).set_index(
        ["module", "names"]
    )
    assert found["p"].idxmin() == ("y", "c")
    assert found.loc[("y", "c"), "effect"] == pytest.approx(medians[5:, 1, 2].mean() - medians[:5, 1, 2].mean())
    assert (found.loc["x", "n_samples"] == 9).all()
    assert (found.loc["x", "n_cells"] == 450).all()
    assert (found.loc["z", "note"] == "10 cells or more in 2 of 10 samples alone").all()
    assert found.loc["z", "p"].isna().all()


def test_neurons_that_never_fire_are_not_tested():
    means = np.random.default_rng(0).random((10, 6))
    means[:, 3] = 0
    means[5:, 4] += 3
    found = neurons(means, 500, design_of(FIVE, []))
    assert found["note"].tolist() == ["", "", "", "never fires", "", ""]
    assert np.isnan(found["t"].iloc[3])
    assert found.set_index("neuron")["p"].idxmin() == 4


def test_a_weighted_median_has_half_of_the_weight_on_each_side():
    assert _weighted_median(np.array([3.0, 1, 2]), np.ones(3)) == 2
    assert _weighted_median(np.array([1.0, 2, 3]), np.array([1.0, 1, 6])) == pytest.approx(2 + 2.5 / 3.5)
    assert _weighted_median(np.array([0.0, 4]), np.array([0.5, 0.5])) == 2
    assert _weighted_median(np.array([5.0, 0]), np.array([3.0, 3])) == 2.5
