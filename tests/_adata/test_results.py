"""What a fit has left: read if it is whole and of one fit, refused with a cure if not."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from scgsr import _adata, get, io, pl, tl
from scgsr._adata import Keys, _results
from scgsr.graphs import learned

QUICK = {"graph": (4, 5), "n_epochs": 3, "hidden": 16}


@pytest.fixture(scope="module")
def made():
    """Two samples: one fitted, the other fitted apart, mapped by the first, and neither; each made once."""
    rng = np.random.default_rng(0)
    group = np.tile(np.arange(4), 60)
    values = (4 * (group[:, None] == np.repeat(np.arange(4), 3)) + rng.normal(size=(240, 12))).astype(np.float32)
    samples = {}
    for name, shift, condition in (("one", 0, "control"), ("two", 0.01, "treated")):
        obs = pd.DataFrame({"group": pd.Categorical(group.astype(str)), "sample": name, "condition": condition})
        obs.index = [f"{name}_{i}" for i in range(240)]
        samples[name] = ad.AnnData(values + np.float32(shift), obs=obs)
        samples[name].var_names = [f"feature_{i}" for i in range(12)]
    samples["mapped"], samples["apart"] = samples["two"].copy(), samples["two"].copy()
    tl.fit(samples["one"], **QUICK)
    tl.fit(samples["apart"], **QUICK, rng=1)
    tl.transform(samples["mapped"], samples["one"])
    samples["clustered anew"] = samples["one"].copy()
    tl.cluster(samples["clustered anew"], n_clusters=2)
    return samples


@pytest.fixture
def samples(made):
    return {name: adata.copy() for name, adata in made.items()}


@pytest.fixture
def fitted(samples):
    return samples["one"]


@pytest.mark.parametrize("read", [_adata.read_record, _adata.read_activations, _adata.read_model, _adata.read_graph])
def test_a_missing_fit_is_named_with_the_call_that_makes_it(cells, read):
    with pytest.raises(KeyError, match=r"scgsr\.tl\.fit\(adata, key_added='other'\)") as caught:
        read(cells, "other")
    assert caught.value.argument == "key"
    with pytest.raises(TypeError, match="`adata`"):
        read(cells.X, "gsr")


def test_results_are_those_of_a_network_or_not(samples):
    fitted, model = samples["one"], _adata.read_model(samples["one"], "gsr")
    assert _adata.results_of(fitted, "gsr", model).all()
    assert _adata.results_of(fitted, "other", model).all()  # nothing tells
    assert not _adata.results_of(samples["apart"], "gsr", model).any()
    both = join(samples, "one", "apart", uns_merge="same")
    assert _adata.results_of(both, "gsr", model).tolist() == [True] * 240 + [False] * 240
    del both.obs["gsr_fit"]  # as older versions leave it
    assert not _adata.results_of(both, "gsr", model).any()
    del fitted.obs["gsr_fit"]
    assert _adata.results_of(fitted, "gsr", model).all()


def test_only_a_learned_graph_has_estimates(fitted):
    with pytest.raises(ValueError, match="no estimates of the neuron graph"):
        _adata.read_evolution(fitted, "gsr")
    tl.fit(fitted, learned(12, n_neighbors=3), n_epochs=4, hidden=16)
    estimates = _adata.read_evolution(fitted, "gsr")
    assert [epoch for epoch, _ in estimates] == sorted(epoch for epoch, _ in estimates)
    assert {adjacency.shape for _, adjacency in estimates} == {(12, 12)}


def test_held_out_marks_after_an_outer_join_are_true_or_not(fitted):
    column = fitted.obs["gsr_held_out"].astype(object)
    column.iloc[:5] = None
    fitted.obs["gsr_held_out"] = column
    marks = _adata.read_held_out(fitted, "gsr")
    assert marks.dtype == bool
    assert not marks[:5].any()


# What reads the results of a fit: each must refuse cells of two fits, and cells without any.
READERS = {
    "get.neurons": get.neurons,
    "get.images": get.images,
    "get.activations": get.activations,
    "get.activations by module": lambda adata: get.activations(adata, by="module"),
    "get.frequencies": lambda adata: get.frequencies(adata, "sample"),
    "get.medians": lambda adata: get.medians(adata, "sample"),
    "tl.score": tl.score,
    "tl.programs": tl.programs,
    "tl.saliency": tl.saliency,
    "tl.silence": lambda adata: tl.silence(adata, n_random=2),
    "tl.compare": lambda adata: tl.compare(adata, "condition", "sample"),
    "tl.consensus": lambda adata: tl.consensus(adata, n_fits=3),
    "pl.activation_map": lambda adata: pl.activation_map(adata, show=False),
    "pl.activation_heatmap": lambda adata: pl.activation_heatmap(adata, show=False),
    "pl.correlation_heatmap": lambda adata: pl.correlation_heatmap(adata, "group", show=False),
    "pl.module_tree": lambda adata: pl.module_tree(adata, show=False),
    "pl.neuron_graph": lambda adata: pl.neuron_graph(adata, show=False),
    "pl.programs": lambda adata: pl.programs(adata, ["feature_0"], show=False),
    "pl.segmentation": lambda adata: pl.segmentation(adata, "group", show=False),
    "pl.spectrum": lambda adata: pl.spectrum(adata, show=False),
    "io.write_fcs": lambda adata: io.write_fcs(adata, "never_written.fcs"),
}
every_reader = pytest.mark.parametrize("read", READERS.values(), ids=READERS)


def join(samples, *names, **how):
    return ad.concat([samples[name] for name in names], **how)


def contents(adata):
    """All that results can change, to be compared."""
    return (
        adata.obs.copy(),
        {name: np.array(values) for name, values in adata.obsm.items()},
        set(adata.uns),
        set(adata.varm),
    )


def assert_refused(read, adata, error, match):
    before = contents(adata)
    with pytest.raises(error, match=match) as caught:
        read(adata)
    assert caught.value.argument == "key"
    after = contents(adata)
    pd.testing.assert_frame_equal(after[0], before[0])
    assert all(np.array_equal(after[1][name], before[1][name], equal_nan=True) for name in before[1])
    assert after[2:] == before[2:]


@every_reader
@pytest.mark.parametrize("uns_merge", ["same", "unique", "first"])
def test_samples_fitted_apart_are_refused_however_they_are_joined(samples, read, uns_merge):
    both = join(samples, "one", "apart", uns_merge=uns_merge)
    cells, record = (
        r"240 of 480 cells carry results of another fit .*scgsr\.tl\.transform\(adata",
        r"is not whole .*before you join",
    )
    assert_refused(read, both, ValueError, cells if uns_merge == "first" else record)


@every_reader
def test_cells_without_activations_are_refused_with_their_number(samples, read):
    both = join(samples, "one", "two", join="outer", uns_merge="unique")
    assert_refused(
        read, both, ValueError, r"no activations for 240 of 480 cells; map all .*transform|240 of 480 .*another fit"
    )


@every_reader
def test_labels_by_other_modules_are_refused(samples, read):
    both = join(samples, "clustered anew", "mapped", uns_merge="first")
    assert_refused(read, both, ValueError, "240 of 480 cells carry labels by other modules .*clustered anew")


@pytest.mark.parametrize("uns_merge", ["same", "unique", "first", "only"])
def test_the_cure_that_the_error_names_cures(samples, uns_merge):
    both = join(samples, "one", "apart", uns_merge=uns_merge)
    if uns_merge == "first":
        tl.transform(both, get.model(both))
    else:
        tl.fit(both, **QUICK)  # what is left of the records is no obstacle
    assert get.neurons(both).shape == (480, 20)
    assert both.obs["gsr_fit"].nunique() == 1


@pytest.mark.parametrize(("uns_merge", "join_by"), [("same", "inner"), ("unique", "outer"), ("first", "outer")])
@every_reader
def test_a_reference_and_cells_mapped_by_it_are_one(samples, tmp_path, monkeypatch, read, uns_merge, join_by):
    both = join(samples, "one", "mapped", uns_merge=uns_merge, join=join_by)
    monkeypatch.chdir(tmp_path)
    if read is READERS["tl.compare"]:
        both.obs["sample"] = both.obs["sample"].astype(str) + np.tile(["a", "b", "c"], 160)
    if read is READERS["tl.consensus"]:
        both = both[:240].copy()  # it needs the values of the fit
    read(both)


def test_joined_cells_know_which_of_them_the_network_was_trained_on(samples):
    both = join(samples, "one", "mapped", uns_merge="same", join="outer")
    assert _adata.read_held_out(both, "gsr")[240:].all()
    assert np.array_equal(_adata.read_held_out(both, "gsr")[:240], _adata.read_held_out(samples["one"], "gsr"))
    novelty = _adata.read_novelty(both, "gsr")
    assert np.isnan(novelty[:240]).all()
    assert np.isfinite(novelty[240:]).all()


@pytest.mark.parametrize("read", [_adata.read_record, _adata.read_activations, _adata.read_model, tl.cluster])
@pytest.mark.parametrize("key", ["neighbors", "log1p"])
def test_a_key_of_something_else_is_named(fitted, read, key):
    fitted.uns["neighbors"], fitted.uns["log1p"] = {"params": {}, "connectivities_key": "c"}, {"base": None}
    with pytest.raises(KeyError, match=rf"\.uns\['{key}'\] is something else than a fit \(fits are under \['gsr'\]\)"):
        read(fitted, key=key)


def spoil(record, path, value):
    """Put a value into a record; None takes the part away."""
    *outer, last = path
    for name in outer:
        record = record[name]
    if value is None:
        del record[last]
    else:
        record[last] = value


SPOILT = {
    "no model": (["model"], None),
    "no arrays": (["model", "arrays"], None),
    "no graph": (["graph"], None),
    "no modules": (["modules"], None),
    "no history": (["history"], None),
    "no identity": (["id"], None),
    "another identity": (["id"], "0123456789.0123456789"),
    "a weight": (["model", "arrays", "output.weight"], np.zeros((12, 16), dtype=np.float32)),
    "a huge module": (["model", "arrays", "pieces"], np.array([10**12])),
    "text for numbers": (["modules"], np.array(["a"] * 20, dtype=object)),
    "a frame for a graph": (["graph"], pd.DataFrame({"adjacency": [1]})),
    "a name": (["features"], np.array(["feature_0"] * 12, dtype=object)),
    "config": (["model", "config"], "{"),
}


@pytest.mark.parametrize(("path", "value"), SPOILT.values(), ids=SPOILT)
def test_a_record_that_is_not_whole_is_refused_everywhere(fitted, path, value):
    record = get.model(fitted).to_record()
    spoil(record, path, value)
    fitted.uns["gsr"] = record
    for read in (get.model, get.neurons, tl.cluster, tl.score, pl.history):
        assert_refused(read, fitted, ValueError, "is not whole")


def test_results_that_were_replaced_are_refused(fitted):
    fitted.obsm["X_gsr"] = fitted.obsm["X_gsr"][:, :7]
    assert_refused(get.images, fitted, ValueError, r"no longer what the fit has written, floats of shape \(240, 20\)")


def test_what_an_older_version_left_is_read_without_identities(fitted):
    record = dict(fitted.uns["gsr"])
    del fitted.obs["gsr_fit"], record["id"]
    fitted.uns["gsr"] = {**record, "schema": 7}
    assert get.neurons(fitted).shape == (240, 20)
    assert _results.identity_of(fitted.uns["gsr"]) == _results.identity_of(get.model(fitted).to_record())
    assert Keys("gsr").fit == "gsr_fit"
