"""The verb `score`: planted structure gets its verdict, and the AnnData gets the scores and nothing else."""

from __future__ import annotations

import copy
import functools
import logging

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from scgsr import datasets, get, graphs, pl, tl
from scgsr._model import with_identity
from scgsr.graphs import diffusion

N_CELLS, N_GROUPS = 240, 4
GRAPH = graphs.grid(6)
GROUP = np.arange(N_CELLS) % N_GROUPS
# Neurons in the middle of the quarters of the sheet.
QUARTERS = np.array([7, 10, 25, 28])
QUICK = {"n_permutations": 199, "groupby": "group"}


def blobs(centres, graph=GRAPH, *, noise=0.05, rng=0):
    """Return pictures with one soft spot each, around the neurons given."""
    spots = diffusion(graph.adjacency, 2)[:, np.asarray(centres)].T
    shade = np.random.default_rng(rng).random(spots.shape)
    return (spots / spots.max(axis=1, keepdims=True) + noise * shade).astype(np.float32)


@functools.cache
def real_record(graph):
    """Return the record of a real fit on a graph."""
    adata = ad.AnnData(np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32))
    tl.fit(adata, graph, n_epochs=1, hidden=2)
    return adata.uns["gsr"]


def record(graph, activations, *, r2=0.9, steps=0, **params):
    """Return the record of a fit that has these activations: a third of the neurons in a row to each module."""
    alive = np.ptp(activations, axis=0) > 0
    thirds = np.arange(graph.n_neurons) * 3 // graph.n_neurons
    modules = np.full(graph.n_neurons, -1)
    modules[alive] = np.unique(thirds[alive], return_inverse=True)[1]
    stored = copy.deepcopy(real_record(graph))
    del stored["names"]
    pieces = modules[alive]
    stored["model"]["arrays"] |= {
        "templates": np.eye(graph.n_neurons, dtype=np.float32)[alive],
        "n_cells": np.ones(len(pieces), dtype=int),
        "pieces": pieces,
        "merges": np.empty((0, 2), dtype=int),
        "separations": np.empty(0),
        "silent": np.array(0),
    }
    history = {"epoch": [0, 1], "validation_r2": [0.1, r2], "kept": [False, True]}
    return with_identity(
        stored
        | {
            "modules": modules,
            "coactivation": graph.adjacency,
            "history": pd.DataFrame(history, index=["0", "1"]),
            "params": stored["params"] | {"smoothness": 0.1, "diffusion": steps} | params,
        }
    )


def planted(activations, graph=GRAPH, **known):
    """Return cells with the slots that a fit of these activations would have written."""
    n = len(activations)
    names = np.array(["B cell", "T cell", "NK cell", "monocyte"], dtype=object)
    group = pd.Categorical(names[np.arange(n) % N_GROUPS], categories=[*names, "unused"])
    label = pd.Categorical((np.arange(n) % 3).astype(str))
    return ad.AnnData(
        obs=pd.DataFrame({"group": group, "gsr": label}, index=[f"cell_{i}" for i in range(n)]),
        obsm={"X_gsr": activations},
        uns={"gsr": record(graph, activations, **known)},
    )


def verdict(adata, **arguments):
    tl.score(adata, **(QUICK | arguments))
    return adata.uns["gsr"]["scores"]["verdict"]


def overall(adata, key="gsr"):
    return get.scores(adata, key=key).query("group == ''").set_index("metric")


# Verdicts


def test_regions_of_their_own_are_real_structure(caplog):
    adata = planted(blobs(QUARTERS[GROUP]))
    with caplog.at_level(logging.INFO, logger="scgsr"):
        assert verdict(adata, n_permutations=1000) == "structure real"
    assert "structure real" in caplog.text
    table = overall(adata)
    assert (table["p"].dropna() <= 0.001).all()
    assert table.loc["validation_r2", "value"] == 0.9
    assert table.loc["segment_connectivity", "value"] == 1
    assert table.loc["mean_cosine", "value"] < 0.5


def test_one_spot_in_all_cells_is_merely_smooth():
    brightness = np.random.default_rng(0).uniform(0.5, 1.5, (N_CELLS, 1)).astype(np.float32)
    adata = planted(blobs(np.full(N_CELLS, 0), noise=0.01) * brightness)
    assert verdict(adata) == "merely smooth"
    assert overall(adata).loc["morans_i", "value"] > 0.5
    assert "`threshold`" in adata.uns["gsr"]["scores"]["advice"]


def test_opposite_signs_in_one_place_are_merely_smooth():
    sign = np.where(GROUP % 2, 1, -1)[:, None].astype(np.float32)
    assert verdict(planted(blobs(np.full(N_CELLS, 0), noise=0.01) * sign)) == "merely smooth"


def test_groups_that_activate_scattered_neurons_are_too_weak():
    shuffle = np.random.default_rng(0).permutation(GRAPH.n_neurons)
    adata = planted(blobs(QUARTERS[GROUP])[:, shuffle])
    assert verdict(adata) == "too weak"
    assert overall(adata).loc["morans_i", "p"] > 0.005
    assert "Raise `smoothness`" in adata.uns["gsr"]["scores"]["advice"]


@pytest.mark.parametrize(
    ("activations", "r2"),
    [
        (blobs(QUARTERS[GROUP]), 0.0),
        (np.zeros((N_CELLS, 36), dtype=np.float32), np.nan),
        (blobs(QUARTERS[GROUP], noise=0) * (np.arange(36) < 12), 0.9),
    ],
    ids=["no reconstruction", "nothing fires", "dead neurons"],
)
def test_a_code_that_carries_nothing_has_collapsed(activations, r2):
    assert verdict(planted(activations.astype(np.float32), r2=r2), n_permutations=19) == "collapsed"


def advice(adata):
    return adata.uns["gsr"]["scores"]["advice"]


def test_two_groups_with_one_picture_are_not_proven():
    adata = planted(blobs(QUARTERS[[0, 1, 1, 3]][GROUP]))
    assert verdict(adata) == "not proven"
    assert "T cell / NK cell are drawn as one picture" in advice(adata)
    alike = get.scores(adata).query("metric == 'most_alike'")
    assert alike["group"].tolist() == ["T cell / NK cell"]
    assert alike["value"].iloc[0] > 0.95


def test_a_group_without_pictures_is_named():
    activations = blobs(QUARTERS[GROUP])
    activations[(GROUP == 3) & (np.arange(N_CELLS) % 3 > 0)] = 0
    adata = planted(activations)
    assert verdict(adata) == "not proven"
    assert "Of the group monocyte, 67% of the cells activate no neuron" in advice(adata)
    assert "Of all cells, 17%" in advice(adata)


def test_too_few_cells_are_not_proven_and_held_out_ones_do_not_count():
    adata = planted(blobs(QUARTERS[GROUP]))
    few = adata[:96].copy()
    assert verdict(few) == "not proven"
    assert "Modules were made from 96 cells, which are too few" in advice(few)
    adata.obs["gsr_held_out"] = np.arange(N_CELLS) >= 90
    assert verdict(adata) == "not proven"
    assert overall(adata).loc["module_cells", "value"] == 90


def test_labels_that_another_seed_does_not_give_are_not_proven():
    adata = planted(blobs(QUARTERS[GROUP]))
    with_another(adata, "seed1", blobs(QUARTERS[GROUP], rng=1))
    adata.obs["seed1"] = pd.Categorical(np.random.default_rng(0).permutation(adata.obs["gsr"]))
    assert verdict(adata, others=["seed1"]) == "not proven"
    assert "others than those of seed1" in advice(adata)


def test_one_population_is_not_proven_and_its_cells_have_no_confidence():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(900, 3)) @ rng.normal(size=(3, 15)) + rng.normal(size=(900, 15))
    adata = ad.AnnData(values.astype(np.float32))
    tl.fit(adata, (6, 6), n_epochs=20)
    tl.score(adata, n_permutations=199)
    assert adata.uns["gsr"]["scores"]["verdict"] == "not proven"
    assert "one module alone" in advice(adata)
    assert overall(adata).loc["modules", "value"] == 1
    assert (adata.obs["gsr_confidence"] == 0).all()
    tl.cluster(adata, n_clusters=6)
    tl.score(adata, n_permutations=199)
    assert adata.uns["gsr"]["scores"]["verdict"] == "not proven"
    assert "labels do not hold" in advice(adata)


def test_noise_has_nothing_to_read():
    adata = ad.AnnData(np.random.default_rng(0).normal(size=(600, 20)).astype(np.float32))
    tl.fit(adata, (6, 6), n_epochs=20)
    tl.score(adata, n_permutations=19)
    assert adata.uns["gsr"]["scores"]["verdict"] == "collapsed"
    assert "nothing in common" in advice(adata)


@pytest.mark.parametrize(
    ("simulate", "truth", "graph", "expected", "sentence"),
    [
        (datasets.circle, "angle", graphs.ring(20), "structure real", "may read the pictures"),
        (datasets.circle, "angle", graphs.path(20), "not proven", "another shape than the cells"),
        (datasets.line, "position", graphs.path(10), "structure real", "may read the pictures"),
        (datasets.line, "position", graphs.ring(10), "not proven", "ring is not closed"),
    ],
    ids=["circle on a ring", "circle on a path", "line on a path", "line on a ring"],
)
def test_a_graph_must_have_the_shape_of_the_cells(simulate, truth, graph, expected, sentence):
    adata = simulate()
    adata.obs["bin"] = pd.cut(adata.obs[truth], 8, labels=[f"bin {number}" for number in range(8)])
    tl.fit(adata, graph)
    known = {("angle" if truth == "angle" else "pseudotime"): truth} if expected == "structure real" else {}
    tl.score(adata, groupby="bin", n_permutations=199, **known)
    assert adata.uns["gsr"]["scores"]["verdict"] == expected
    assert sentence in advice(adata)


def test_a_fit_that_does_not_know_what_can_be_explained_is_scored():
    adata = planted(blobs(QUARTERS[GROUP]))
    record = adata.uns["gsr"]
    record["model"]["arrays"].pop("explainable_r2")
    adata.uns["gsr"] = with_identity(record)
    assert verdict(adata) == "structure real"
    assert np.isnan(overall(adata).loc["explainable_r2", "value"])


def test_labels_of_the_fit_are_the_default_and_the_advice_says_so():
    adata = planted(blobs(QUARTERS[GROUP]))
    tl.score(adata, n_permutations=19)
    scores = adata.uns["gsr"]["scores"]
    assert scores["groupby"] == "gsr"
    assert "`groupby`" in scores["advice"]
    adata.obs["gsr"] = pd.Categorical(["0"] * N_CELLS)
    tl.score(adata, n_permutations=19)
    assert "only one group" in adata.uns["gsr"]["scores"]["advice"]


def test_the_advice_says_when_the_graph_was_learned():
    adata = planted(blobs(QUARTERS[GROUP]))
    adata.uns["gsr"]["graph"]["name"] = "learned"
    verdict(adata, n_permutations=19)
    assert "circular" in adata.uns["gsr"]["scores"]["advice"]


def test_what_the_layer_diffuses_by_itself_is_no_structure():
    spread = diffusion(GRAPH.adjacency, 2)
    alone = np.random.default_rng(0).gamma(0.3, size=(N_CELLS, 36)) @ spread
    plain, honest = planted(alone.astype(np.float32)), planted(alone.astype(np.float32), steps=2)
    verdict(plain), verdict(honest)
    assert overall(plain).loc["morans_i", "p"] == 1 / 200
    assert overall(honest).loc["morans_i", "p"] > 0.05
    assert overall(honest).loc["morans_i", "value"] == overall(plain).loc["morans_i", "value"]


# The table


def test_modules_are_judged_by_the_responses_that_label_cells(cells):
    rng = np.random.default_rng(3)
    cells.X[:] += 2.5 * rng.normal(size=cells.shape).astype(np.float32)
    tl.fit(cells, (5, 5), n_epochs=10)
    tl.score(cells, groupby="group", n_permutations=9)
    areas = get.scores(cells).query("metric == 'module_auroc'").set_index("group")["value"].drop("")

    def best(responses):
        return {
            group: max(roc_auc_score(cells.obs["group"] == group, response) for response in responses.T)
            for group in areas.index
        }

    assert areas.to_dict() == pytest.approx(best(get.activations(cells, by="module").to_numpy()))
    modules = cells.uns["gsr"]["modules"]
    summed = cells.obsm["X_gsr"] @ (modules[:, None] == np.arange(modules.max() + 1))
    assert areas.to_dict() != pytest.approx(best(summed), abs=1e-3)


def test_each_group_has_its_rows_and_cells_without_one_are_left_out():
    adata = planted(blobs(QUARTERS[GROUP]))
    strange = GROUP == 1
    adata.obsm["X_gsr"][strange] = blobs(np.full(strange.sum(), 35))
    adata.obs["group"] = adata.obs["group"].cat.remove_categories("T cell")
    verdict(adata, n_permutations=19)
    table = get.scores(adata)
    assert list(table.columns) == ["metric", "group", "value", "null_mean", "null_sd", "z", "p"]
    assert sorted(table.query("metric == 'segment_connectivity'")["group"]) == ["", "B cell", "NK cell", "monocyte"]
    assert sorted(table.query("metric == 'module_auroc'")["group"]) == ["", "B cell", "NK cell", "monocyte"]
    areas = table.query("metric == 'module_auroc'").set_index("group")["value"]
    assert areas[""] == pytest.approx(areas.drop("").mean())


def test_the_same_seed_gives_the_same_scores():
    one, two, three = (planted(blobs(QUARTERS[GROUP])) for _ in range(3))
    for adata, rng in ((one, 0), (two, 0), (three, 1)):
        verdict(adata, n_permutations=19, rng=rng)
    pd.testing.assert_frame_equal(get.scores(one), get.scores(two))
    assert not get.scores(one).equals(get.scores(three))


def test_a_known_angle_on_a_ring():
    ring, angle = graphs.ring(24), np.random.default_rng(0).uniform(0, 2 * np.pi, N_CELLS)
    adata = planted(blobs((angle / (2 * np.pi) * 24).astype(int), ring), ring)
    adata.obs["angle"] = np.where(np.arange(N_CELLS) < 5, np.nan, angle)
    verdict(adata, angle="angle", n_permutations=99)
    table = overall(adata)
    assert table.loc["circular_resultant", "value"] > 0.95
    assert table.loc["circular_resultant", "p"] == 0.01
    assert table.loc["winding", "value"] == 1


def test_a_known_order_on_a_path():
    path, time = graphs.path(20), np.random.default_rng(0).integers(0, 20, N_CELLS)
    adata = planted(blobs(time, path), path)
    adata.obs["time"] = time
    verdict(adata, pseudotime="time", n_permutations=99)
    assert overall(adata).loc["rank_agreement", "value"] > 0.95
    assert overall(adata).loc["rank_agreement", "p"] == 0.01


def with_another(adata, key, activations, graph=GRAPH, **known):
    """Add a second fit."""
    adata.obsm[f"X_{key}"] = activations
    adata.uns[key] = record(graph, activations, **known)
    adata.obs[key] = adata.obs["gsr"].copy()


def test_the_baseline_is_put_in_order_and_other_seeds_are_aligned():
    activations, shuffle = blobs(QUARTERS[GROUP]), np.random.default_rng(0).permutation(36)
    adata = planted(activations)
    independent = np.random.default_rng(1).gamma(0.3, size=(N_CELLS, 36)).astype(np.float32)
    with_another(adata, "plain", independent, smoothness=0, start="random", r2=0.95)
    with_another(adata, "seed1", activations[:, shuffle])
    adata.uns["seed1"]["coactivation"] = GRAPH.permuted(shuffle).adjacency
    verdict(adata, baseline="plain", others=["seed1"], n_permutations=19)
    table = overall(adata)
    assert table.loc["r2_minus_baseline", "value"] == pytest.approx(-0.05)
    assert 0 < table.loc["baseline_morans_i", "value"] < table.loc["morans_i", "value"]
    assert table.loc["morans_i_ratio", "value"] > 1.2
    across = get.scores(adata).query("group == 'seed1'").set_index("metric")["value"]
    assert across["label_ari"] == 1
    assert across["edge_jaccard"] == 1


def test_a_baseline_of_a_version_that_kept_no_start_is_taken():
    adata = planted(blobs(QUARTERS[GROUP]))
    with_another(adata, "plain", blobs(QUARTERS[GROUP], rng=1), smoothness=0)
    adata.uns["plain"]["params"].pop("start", None)
    verdict(adata, baseline="plain", n_permutations=9)
    assert "baseline_morans_i" in overall(adata).index


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"smoothness": 0.1}, "got smoothness=0.1: call .*smoothness=0, diffusion=0, key_added='plain'"),
        ({"smoothness": 0, "start": "ordered"}, "got start='ordered': call .*smoothness=0, diffusion=0"),
        ({"smoothness": 0, "atoms": {"kernel": "heat"}}, "without `atoms`"),
    ],
)
def test_a_baseline_that_the_graph_has_shaped_is_refused(params, message):
    adata = planted(blobs(QUARTERS[GROUP]))
    with_another(adata, "plain", blobs(QUARTERS[GROUP], rng=1), **params)
    with pytest.raises(ValueError, match=f"`baseline`='plain' must be a fit .*{message}"):
        verdict(adata, baseline="plain", n_permutations=9)
    assert "scores" not in adata.uns["gsr"]


# What is written, and what is not


@pytest.mark.filterwarnings("ignore:Writing zarr v2 data:UserWarning")
def test_scores_survive_a_file(tmp_path):
    adata = planted(blobs(QUARTERS[GROUP]))
    verdict(adata, n_permutations=19)
    adata.write_h5ad(tmp_path / "a.h5ad")
    adata.write_zarr(tmp_path / "a.zarr")
    for read in (ad.read_h5ad(tmp_path / "a.h5ad"), ad.read_zarr(tmp_path / "a.zarr")):
        pd.testing.assert_frame_equal(get.scores(read), get.scores(adata), check_dtype=False)
        scores = dict(read.uns["gsr"]["scores"])
        assert (scores["verdict"], scores["groupby"], int(scores["n_permutations"])) == ("structure real", "group", 19)
        assert len(pl.score(read, show=False).axes) == 2
        verdict(read, n_permutations=19)  # and what was read can be scored again


@pytest.mark.filterwarnings("ignore:Trying to modify attribute:anndata.ImplicitModificationWarning")
def test_a_copy_and_a_view_leave_the_original_alone():
    adata = planted(blobs(QUARTERS[GROUP]))
    copied = tl.score(adata, groupby="group", n_permutations=9, copy=True)
    view = adata[:120]
    assert tl.score(view, groupby="group", n_permutations=9) == "structure real"
    assert "scores" not in adata.uns["gsr"]
    assert get.scores(copied).shape == get.scores(view).shape


def test_the_table_given_is_a_copy():
    adata = planted(blobs(QUARTERS[GROUP]))
    verdict(adata, n_permutations=9)
    table = get.scores(adata)
    table["value"] = 0
    assert get.scores(adata)["value"].any()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"key": "nothing"}, KeyError, "scgsr.tl.fit"),
        ({"groupby": "nothing"}, KeyError, "`groupby`"),
        ({"groupby": "number"}, TypeError, "bin them"),
        ({"groupby": "constant"}, ValueError, "2 to 200 groups"),
        ({"groupby": "unique"}, ValueError, "got 240"),
        ({"angle": "nothing"}, KeyError, "`angle`"),
        ({"angle": "group"}, TypeError, "`angle`"),
        ({"angle": "number"}, ValueError, "`scgsr.graphs.ring"),
        ({"pseudotime": "number"}, ValueError, "`scgsr.graphs.path"),
        ({"pseudotime": "empty"}, ValueError, "finite"),
        ({"baseline": "nothing"}, KeyError, "nothing"),
        ({"baseline": "gsr"}, ValueError, "smoothness=0"),
        ({"others": ["small"]}, ValueError, "36 neurons, got 9"),
        ({"others": "small"}, TypeError, "list"),
        ({"n_permutations": 0}, ValueError, "`n_permutations`"),
        ({"rng": -1}, ValueError, "`rng`"),
        ({"copy": 1}, TypeError, "`copy`"),
    ],
)
def test_what_cannot_be_scored_is_refused_and_nothing_changes(arguments, error, message):
    adata = planted(blobs(QUARTERS[GROUP]))
    adata.obs["number"], adata.obs["constant"], adata.obs["empty"] = np.linspace(0, 1, N_CELLS), "x", np.nan
    adata.obs["unique"] = adata.obs_names
    with_another(adata, "small", np.ones((N_CELLS, 9), dtype=np.float32), graphs.grid(3))
    before, scores = set(adata.uns["gsr"]), adata.copy()
    with pytest.raises(error, match=message):
        tl.score(adata, **({"groupby": "group", "n_permutations": 9} | arguments))
    assert set(adata.uns["gsr"]) == before
    assert adata.obs.equals(scores.obs)
    assert np.array_equal(adata.obsm["X_gsr"], scores.obsm["X_gsr"])


def test_scores_that_are_missing_name_the_call():
    adata = planted(blobs(QUARTERS[GROUP]))
    for read in (get.scores, pl.score):
        with pytest.raises(KeyError, match=r"scgsr.tl.score\(adata, key='gsr'\)"):
            read(adata)


def test_a_fit_can_be_scored_and_a_new_fit_forgets_the_scores(cells):
    tl.fit(cells, (4, 5), n_epochs=3, hidden=16)
    tl.score(cells, groupby="group", n_permutations=9)
    assert np.isfinite(overall(cells)["value"].drop("segment_connectivity")).all()
    tl.cluster(cells, resolution=2)
    with pytest.raises(KeyError, match="no scores"):
        get.scores(cells)


# The picture


def test_the_picture_shows_values_and_nulls():
    adata = planted(blobs(QUARTERS[GROUP]))
    verdict(adata, n_permutations=19)
    left, right = pl.score(adata, show=False).axes
    table = overall(adata)
    assert left.get_title() == "measures of the fit"
    names = [text.get_text() for text in left.get_yticklabels()]
    places = dict(zip(names, left.collections[0].get_offsets(), strict=True))
    assert places["Moran's I"][0] == pytest.approx(table.loc["morans_i", "value"])
    bars = dict(zip(names, left.patches, strict=True))
    mean, sd = table.loc["morans_i", ["null_mean", "null_sd"]]
    assert bars["Moran's I"].get_x() == pytest.approx(mean - 2 * sd)
    assert bars["Moran's I"].get_width() == pytest.approx(4 * sd)
    assert [text.get_text() for text in right.get_yticklabels()] == ["B cell", "T cell", "NK cell", "monocyte"]
    printed = [text.get_text() for text in left.texts]
    assert printed[names.index("R² on held-out cells")] == "0.90"


def test_the_picture_in_given_axes_has_one_panel():
    import matplotlib.pyplot as plt

    adata = planted(blobs(QUARTERS[GROUP]), r2=np.nan)
    verdict(adata, n_permutations=19)
    figure, ax = plt.subplots()
    assert pl.score(adata, ax=ax) is ax
    assert figure.axes == [ax]
    assert "none" in [text.get_text() for text in ax.texts]
