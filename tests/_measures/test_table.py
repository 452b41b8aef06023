"""The table of measures: each with its null, on planted structure and on none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from scgsr import _measures, graphs
from scgsr._measures import _pictures
from scgsr._modules import Modules, ModuleTree
from scgsr.graphs import diffusion


def rng():
    return np.random.default_rng(0)


def blobs(graph, n_cells, *, hops=2, rng=0):
    """Return pictures of one blob each, around a random neuron."""
    near = (diffusion(graph.adjacency, hops) > 0).astype(float)
    return near[np.random.default_rng(rng).integers(graph.n_neurons, size=n_cells)]


def fit_of(activations, graph, *, modules=None, **known):
    """Return a fit of which nothing is known but its activations, its graph and its modules."""
    return _measures.Fit(
        activations=activations,
        adjacency=graph.adjacency,
        coactivation=graph.adjacency,
        modules=Modules.none(graph.n_neurons) if modules is None else modules,
        labels=np.full(len(activations), "0"),
        validation_r2=0.9,
        **known,
    )


def scored(activations, graph, *, n_permutations=99, steps=0, rng=0):
    """Return the table of the pictures alone."""
    table = _measures.Table(
        fit_of(activations, graph, diffusion_steps=steps),
        n_permutations=n_permutations,
        rng=np.random.default_rng(rng),
    )
    table.add_pictures()
    return table.frame().set_index("metric")


# Of a layer that diffuses the null is approximate: a little too strict where it is taken from second moments.
@pytest.mark.parametrize(("steps", "middle"), [(0, (0.3, 0.7)), (1, (0.2, 0.85))], ids=["no diffusion", "diffusion"])
def test_without_structure_p_values_are_spread_out(steps, middle):
    graph, rng = graphs.grid(5), np.random.default_rng(0)
    spread = diffusion(graph.adjacency, steps)
    p = pd.DataFrame(
        [
            scored(rng.gamma(0.3, size=(40, 25)) @ spread, graph, steps=steps, rng=seed, n_permutations=49)["p"]
            for seed in range(25)
        ]
    )
    assert p.mean().between(*middle).all()
    assert ((p < 0.1).mean() <= 0.32).all()  # 0.1, and three standard errors
    assert not (p <= 0.02).all(axis=1).any()


def test_planted_structure_is_found_at_the_least_p_value():
    graph = graphs.grid(6)
    found = scored(blobs(graph, 500), graph, n_permutations=1000)
    assert (found["p"] <= 0.001).all()
    assert (found["z"] > 5).all()


def test_values_are_means_of_the_measures_of_each_cell():
    graph, activations = graphs.grid(5), np.random.default_rng(0).gamma(0.3, size=(60, 25)).astype(np.float32)
    activations[:2], activations[2:4] = 0, 0.1  # without a value
    of_each_cell = {
        measure.__name__: measure(activations, graph.adjacency)
        for measure in (_pictures.morans_i, _pictures.low_frequency_share, _pictures.localisation)
    }
    value = scored(activations, graph)["value"]
    assert {name: value[name] for name in of_each_cell} == pytest.approx(
        {name: np.nanmean(numbers) for name, numbers in of_each_cell.items()}
    )


def test_where_all_neurons_are_tied_no_permutation_changes_a_measure():
    graph = graphs.modules(1, 6)
    table = scored(np.random.default_rng(0).gamma(0.3, size=(60, 6)), graph)
    assert np.allclose(table["null_mean"], table["value"], rtol=0, atol=1e-12)
    assert (table["null_sd"] < 1e-12).all()
    assert (table["p"] == 1).all()


def test_modules_are_judged_by_their_best_template_and_not_by_a_sum():
    labels = np.array([0, 0, 0, 1])
    tree = ModuleTree(4, np.empty((0, 2), int), np.empty(0))
    modules = Modules(labels, np.eye(4, dtype=np.float32), np.ones(4, int), labels, tree)
    sharp, broad = [3.0, 0, 0, 1], [1.0, 1, 1, 3]  # both sum to 3 in module 0, and its best template tells them apart
    activations = np.array([sharp, broad] * 10, dtype=np.float32)
    table = _measures.Table(fit_of(activations, graphs.path(4), modules=modules), n_permutations=9, rng=rng())
    table.add_regions(pd.Categorical(["sharp", "broad"] * 10))
    areas = table.frame().query("metric == 'module_auroc'").set_index("group")["value"]
    assert areas.to_dict() == {"": 1, "broad": 1, "sharp": 1}


def test_without_modules_nothing_tells_groups_apart():
    activations = blobs(graphs.path(6), 20)
    table = _measures.Table(fit_of(activations, graphs.path(6)), n_permutations=9, rng=rng())
    table.add_regions(pd.Categorical(["a", "b"] * 10))
    assert table.frame().query("metric == 'module_auroc'")["value"].isna().all()


def test_what_another_fit_lists_in_another_order_agrees():
    graph, shuffle = graphs.ring(12), np.random.default_rng(1).permutation(12)
    activations = blobs(graph, 200)
    other = fit_of(activations[:, shuffle], graph.permuted(shuffle))
    table = _measures.Table(fit_of(activations, graph), n_permutations=9, rng=rng())
    table.add_other("other", other)
    assert table.frame().set_index("metric")["value"].to_dict() == {"label_ari": 1, "edge_jaccard": 1}


def test_a_measure_without_a_null_has_neither_z_nor_p():
    table = _measures.Table(fit_of(blobs(graphs.path(6), 20), graphs.path(6)), n_permutations=9, rng=rng())
    table.add_network()
    frame = table.frame()
    assert frame[["null_mean", "null_sd", "z", "p"]].isna().all(axis=None)
    assert table.overall() == pytest.approx(dict(zip(frame["metric"], frame["value"], strict=True)), nan_ok=True)


def search(rows, **known):
    """Return how modules were looked for, in the pictures themselves."""
    return _measures.Search(rows=rows, coordinates=lambda some: some, features=False, **known)


def test_the_groups_most_alike_are_named_and_silent_cells_are_counted_by_group():
    lit = np.array([[3.0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 2], [0, 0, 0, 0]], dtype=np.float32)
    code = np.repeat(np.arange(4), 10)
    code[-5:] = 1
    table = _measures.Table(fit_of(lit[np.repeat(np.arange(4), 10)], graphs.path(4)), n_permutations=9, rng=rng())
    groups = pd.Categorical.from_codes(code, ["B", "T", "NK", "none"])
    table.add_regions(groups)
    frame = table.frame()
    alike = frame[frame["metric"] == "most_alike"]
    assert alike["group"].tolist() == ["T / NK"]
    assert alike["value"].iloc[0] == pytest.approx(3 / np.sqrt(10))
    silent = frame[frame["metric"] == "silent_cells"].set_index("group")["value"].to_dict()
    assert silent == pytest.approx({"B": 0, "T": 1 / 3, "NK": 0, "none": 1})


def test_labels_of_the_fit_itself_are_not_compared_for_likeness():
    table = _measures.Table(fit_of(blobs(graphs.path(6), 20), graphs.path(6)), n_permutations=9, rng=rng())
    table.add_regions(pd.Categorical(["0", "1"] * 10), own_labels=True)
    assert not (table.frame()["metric"] == "most_alike").any()


def test_labels_and_shape_need_to_know_how_modules_were_found():
    table = _measures.Table(fit_of(blobs(graphs.path(6), 20), graphs.path(6)), n_permutations=9, rng=rng())
    table.add_labels()
    table.add_shape()
    assert table.frame()["metric"].tolist() == ["modules"]


def test_labels_are_judged_on_the_lit_cells_that_modules_were_found_on():
    activations = np.eye(6, dtype=np.float32)[np.arange(240) % 3] + 0.01 * rng().random((240, 6), dtype=np.float32)
    activations[:10] = 0
    fit = fit_of(activations, graphs.path(6), search=search(np.arange(200)))
    table = _measures.Table(fit, n_permutations=9, rng=rng())
    table.add_labels()
    found = table.overall()
    assert found["modules"] == 0
    assert found["module_cells"] == 190
    assert found["label_halves_ari"] > 0.9


@pytest.mark.parametrize(
    ("graph", "metrics"),
    [
        (graphs.path(6), ["torn_neighbours", "ring_closure"]),
        (graphs.ring(6), ["torn_neighbours", "ring_closure"]),
        (graphs.grid(2, 3), []),
    ],
    ids=["path", "ring", "sheet"],
)
def test_shape_is_measured_on_graphs_without_branches(graph, metrics):
    fit = fit_of(blobs(graph, 100, hops=1), graph, search=search(np.arange(100)))
    table = _measures.Table(fit, n_permutations=9, rng=rng())
    table.add_shape()
    assert table.frame()["metric"].tolist() == metrics


def row_of(value, null, *, low=False):
    table = _measures.Table(fit_of(blobs(graphs.path(6), 20), graphs.path(6)), n_permutations=9, rng=rng())
    table.add("metric", value, null=null, low=low)
    return table.frame().iloc[0]


def test_z_and_p_are_of_the_null_values_that_are_known():
    null = np.array([1.0, 2, 3, np.nan, 6])
    found = row_of(4.5, null)
    assert (found["null_mean"], found["null_sd"]) == pytest.approx((3, np.sqrt(3.5)))
    assert found["z"] == pytest.approx(1.5 / np.sqrt(3.5))
    assert found["p"] == pytest.approx(2 / 5)
    assert row_of(2.0, null, low=True)["p"] == pytest.approx(3 / 5)  # as low: 1 and 2
    assert np.isnan(row_of(1.0, np.full(9, 2.0))["z"])  # the null does not vary
    assert row_of(1.0, 1e-9 * null)["z"] > 1e8


def test_dead_neurons_and_silent_cells_are_counted():
    activations = np.array([[1.0, 0, 2, 7], [0, 0, 0, 7], [3, 0, 0, 7], [0, 0, 0, 7]])
    table = _measures.Table(fit_of(activations, graphs.path(4)), n_permutations=9, rng=rng())
    table.add_network()
    assert table.overall()["dead_neurons"] == 0.5
    assert table.overall()["silent_cells"] == 0
    table = _measures.Table(fit_of(activations * [1, 1, 1, 0], graphs.path(4)), n_permutations=9, rng=rng())
    table.add_network()
    assert table.overall()["silent_cells"] == 0.5


def test_samples_have_no_cell_twice_and_are_in_order():
    table = _measures.Table(fit_of(np.zeros((20_050, 1)), graphs.path(1)), n_permutations=9, rng=rng())
    assert (len(table.sample), len(table.small_sample)) == (20_000, 1000)
    for sample in (table.sample, table.small_sample):
        assert (np.diff(sample) > 0).all()
    assert np.isin(table.small_sample, table.sample).all()


def test_batches_are_compared_with_batches_that_changed_places():
    activations, codes = np.abs(rng().normal(size=(200, 6))).astype(np.float32), np.arange(200) % 2
    activations[codes == 1, :3] += 5
    table = _measures.Table(fit_of(activations, graphs.path(6)), n_permutations=19, rng=rng())
    table.add_batches(pd.Categorical.from_codes(codes, ["a", "b"]))
    frame = table.frame().set_index("metric")
    assert frame["p"].tolist() == [1 / 20, 1 / 20]
    assert frame.loc["batch_mixing", "z"] < -5
    assert frame.loc["batch_r2", "z"] > 5
