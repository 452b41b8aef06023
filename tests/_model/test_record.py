"""The stored form of a fit: its schema number, older forms, plain values."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from scgsr import FittedModel, get, graphs, tl
from scgsr._model import _record, check_schema, graph_from_dict, graph_to_dict, in_current_form, versions

FIXTURES = Path(__file__).parents[1] / "fixtures"


class TestStoredForms:
    def test_each_is_kept(self):
        kept = {path.stem.removeprefix("fit_schema_") for path in FIXTURES.glob("fit_schema_*.h5ad")}
        assert kept == {str(schema) for schema in range(1, _record.SCHEMA + 1)}

    @pytest.mark.parametrize("schema", range(2, _record.SCHEMA + 1))
    def test_is_read(self, schema):
        adata = ad.read_h5ad(FIXTURES / f"fit_schema_{schema}.h5ad")
        assert adata.uns["gsr"]["schema"] == schema
        model = get.model(adata)
        np.testing.assert_allclose(model.activations(adata.X), adata.obsm["X_gsr"], atol=1e-5)
        tl.cluster(adata, resolution=1)
        assert adata.uns["gsr"]["schema"] == _record.SCHEMA
        new = ad.AnnData(adata.X.copy(), var=adata.var.copy())
        tl.transform(new, adata)
        assert new.obs["gsr"].equals(adata.obs["gsr"].set_axis(new.obs_names))

    def test_novelty_is_missing_where_it_was_not_kept(self):
        adata = ad.read_h5ad(FIXTURES / "fit_schema_2.h5ad")
        with pytest.raises(ValueError, match="fit again"):
            get.model(adata).novelty(adata.X)
        new = ad.AnnData(adata.X.copy(), var=adata.var.copy())
        tl.transform(new, adata)
        assert new.obs["gsr_novelty"].isna().all()

    def test_the_first_is_refused(self):
        adata = ad.read_h5ad(FIXTURES / "fit_schema_1.h5ad")
        with pytest.raises(ValueError, match=r"form 1, .*call `scgsr\.tl\.fit` again"):
            get.model(adata)

    @pytest.mark.parametrize("schema", range(3, _record.SCHEMA + 1))
    def test_folders_are_read(self, schema, tmp_path):
        adata = ad.read_h5ad(FIXTURES / f"fit_schema_{schema}.h5ad")
        copy = tmp_path / "model"  # the fixture may lie where nothing can be written
        shutil.copytree(FIXTURES / f"model_schema_{schema}", copy)
        np.testing.assert_allclose(FittedModel.load(copy).activations(adata.X), adata.obsm["X_gsr"], atol=1e-5)


def test_a_newer_form_is_refused(folder):
    text = (folder / "model.json").read_text()
    (folder / "model.json").write_text(text.replace(f'"schema": {_record.SCHEMA}', '"schema": 99'))
    with pytest.raises(ValueError, match=r"form 99, and .* reads 2 to \d+; install a newer scgsr"):
        FittedModel.load(folder)


@pytest.mark.parametrize("schema", range(_record._OLDEST, _record.SCHEMA + 1))
def test_forms_that_this_version_reads(schema):
    check_schema({"schema": schema}, where="here")
    check_schema({"schema": np.int64(schema)}, where="here")  # as files give it


@pytest.mark.parametrize(
    ("record", "cure"),
    [
        ({"schema": _record.SCHEMA + 1}, "install a newer scgsr"),
        ({"schema": _record._OLDEST - 1}, r"call `scgsr\.tl\.fit` again"),
        ({"schema": "4"}, r"call `scgsr\.tl\.fit` again"),
        ({}, r"call `scgsr\.tl\.fit` again"),
    ],
)
def test_other_forms_are_refused_with_a_cure(record, cure):
    with pytest.raises(ValueError, match=f"^here holds a fit in form .*{cure}"):
        check_schema(record, where="here")


def test_the_current_form_stays_as_it_is(model):
    record = model.to_record()
    assert record["schema"] == _record.SCHEMA
    assert in_current_form(record) == record
    assert in_current_form(record) is not record


def test_an_old_record_is_completed_and_not_written_to():
    record = ad.read_h5ad(FIXTURES / "fit_schema_2.h5ad").uns["gsr"]
    before = set(record), set(record["model"]["arrays"])
    completed = in_current_form(record)
    assert np.isnan(completed["model"]["arrays"]["cofactor"]).all()
    assert len(completed["model"]["arrays"]["cofactor"]) == len(record["features"])
    assert completed["evolution"]["adjacency"].shape[0] == 0
    assert before == (set(record), set(record["model"]["arrays"]))


def test_plain_values_know_no_tuples_at_any_depth():
    stored = _record.plain({"hidden": (8, 4), "penalty": {"l1": 1.0, "inner": (0.5,)}, "layer": None, "n": 3})
    assert stored["hidden"].tolist() == [8, 4]
    assert stored["penalty"]["inner"].tolist() == [0.5]
    assert (stored["penalty"]["l1"], stored["n"]) == (1.0, 3)


def test_plain_values_have_no_nulls_at_any_depth():
    assert _record.plain({"layer": None, "penalty": {"l1": None, "inner": 0}}) == {"penalty": {"inner": 0}}


GRAPHS = {
    "image": graphs.grid(3, 5),
    "no image": graphs.tree(2),
    "edgeless": graphs.from_adjacency(np.zeros((4, 4))),
    "weighted": graphs.from_adjacency(0.1 * graphs.path(6).adjacency),
}


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_a_graph_comes_back_as_it_was(graph):
    stored = graph_to_dict(graph)
    loaded = graph_from_dict(stored)
    assert (loaded.adjacency != graph.adjacency).nnz == 0
    assert np.array_equal(loaded.positions, graph.positions)
    assert (loaded.image_shape, loaded.name) == (graph.image_shape, graph.name)
    before = graph.positions.copy()
    stored["positions"][:] = 7
    stored["adjacency"].data[:] = 7
    assert np.array_equal(graph.positions, before)  # what is stored is a copy
    assert not (graph.adjacency.data == 7).any()


def test_versions_name_what_is_installed():
    installed = versions()
    assert set(installed) == {*_record._PACKAGES, "scgsr"}
    assert installed["numpy"] == np.__version__
    assert json.loads(json.dumps(installed)) == installed


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"params": {"smoothness": float("nan")}}, ValueError, "parameter 'smoothness' is nan"),
        ({"params": {"smoothness": {"start": np.float32("inf")}}}, ValueError, "parameter 'start' is inf"),
        ({"params": {"seed": 0.5}}, TypeError, "parameter 'seed' is 0.5"),
        ({"versions": {"torch": 2}}, TypeError, "versions are no texts"),
        ({"graph": 3}, TypeError, "part 'graph' is a int"),
        ({"history": pd.DataFrame({"kept": ["x"], "validation_r2": [0.5]})}, TypeError, "other columns than numbers"),
    ],
)
def test_parts_of_other_types_are_refused(model, change, error, message):
    record = model.to_record()
    _record.check_types(record)
    with pytest.raises(error, match=message):
        _record.check_types({**record, **change})
