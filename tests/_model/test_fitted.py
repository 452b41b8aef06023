"""A model that is saved comes back without data; what is damaged, newer or older is told apart; stored forms stay."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import scgsr
from scgsr import FittedModel, get, graphs, tl
from scgsr._model import _record

FIXTURES = Path(__file__).parents[1] / "fixtures"
QUICK = {"hidden": (16,), "n_epochs": 5, "batch_size": 40, "progress": False}
GRAPHS = [(4, 5), graphs.learned(20, n_neighbors=4), graphs.tree(3)]


@pytest.fixture
def model(cells):
    tl.fit(cells, (4, 5), **QUICK)
    return get.model(cells)


@pytest.fixture
def folder(model, tmp_path):
    model.save(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("options", [{}, {"threshold": None, "diffusion": 1}, {"hidden": (8, 4), "scale": False}])
def test_a_saved_model_comes_back(cells, graph, options, tmp_path):
    tl.fit(cells, graph, **{**QUICK, **options})
    model = get.model(cells)
    model.save(tmp_path / "model")
    again = FittedModel.load(str(tmp_path / "model"))
    for apply in ("activations", "reconstruct", "novelty"):
        np.testing.assert_array_equal(getattr(again, apply)(cells.X), getattr(model, apply)(cells.X))
    assert again.features == model.features
    assert again.graph.image_shape == model.graph.image_shape
    assert (again.graph.adjacency != model.graph.adjacency).nnz == 0
    assert (again.coactivation != model.coactivation).nnz == 0
    np.testing.assert_array_equal(again.modules.labels, model.modules.labels)
    pd.testing.assert_frame_equal(again.history, model.history)
    assert again.evolution.epochs == model.evolution.epochs
    assert {name: str(value) for name, value in again.params.items()} == {
        name: str(value) for name, value in model.params.items()
    }
    assert again.versions == model.versions


def test_there_is_no_pickle_and_no_data_in_the_folder(folder, cells):
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".safetensors"]
    stored = json.loads((folder / "model.json").read_text())
    assert stored["record"]["schema"] == _record.SCHEMA
    assert cells.obs_names[0] not in (folder / "model.json").read_text()


class TestSave:
    def test_refuses_to_overwrite_unless_told(self, model, folder):
        with pytest.raises(FileExistsError, match="overwrite=True"):
            model.save(folder)
        model.save(folder, overwrite=True)
        assert len(list(folder.iterdir())) == 2

    @pytest.mark.parametrize("overwrite", [False, True])
    def test_leaves_a_json_of_something_else(self, model, tmp_path, overwrite):
        (tmp_path / "model.json").write_text('{"learner": "xgboost"}')
        with pytest.raises(FileExistsError, match=r"model\.json of something else"):
            model.save(tmp_path, overwrite=overwrite)
        assert (tmp_path / "model.json").read_text() == '{"learner": "xgboost"}'

    def test_without_a_name(self, model):
        with pytest.raises(ValueError, match="`folder` must name a folder"):
            model.save("")

    def test_leaves_other_files_alone(self, model, folder):
        (folder / "notes.txt").write_text("mine")
        model.save(folder, overwrite=True)
        assert (folder / "notes.txt").read_text() == "mine"

    def test_into_a_file(self, model, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(FileExistsError, match="is a file"):
            model.save(tmp_path / "file", overwrite=True)

    @pytest.mark.parametrize("call", [{"folder": 3}, {"folder": "x", "overwrite": 1}])
    def test_wrong_types(self, model, call):
        with pytest.raises(TypeError):
            model.save(**call)

    @pytest.mark.parametrize("n_files", [0, 1])
    def test_a_crash_leaves_the_old_model(self, cells, folder, monkeypatch, n_files):
        """Whether it comes before the arrays are in place or before the JSON is."""
        before = FittedModel.load(folder).activations(cells.X)
        tl.fit(cells, (4, 5), rng=1, **QUICK)
        replace, calls = Path.replace, []

        def crash(self, target):
            calls.append(target)
            if len(calls) > n_files:
                raise KeyboardInterrupt
            return replace(self, target)

        monkeypatch.setattr(Path, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            get.model(cells).save(folder, overwrite=True)
        monkeypatch.undo()
        np.testing.assert_array_equal(FittedModel.load(folder).activations(cells.X), before)
        get.model(cells).save(folder, overwrite=True)
        assert len(list(folder.iterdir())) == 2, "nothing is left over"


class TestLoad:
    @pytest.mark.parametrize("name", ["nowhere", ""])
    def test_where_there_is_none(self, tmp_path, name):
        with pytest.raises(FileNotFoundError, match="holds no model"):
            FittedModel.load(tmp_path / name)

    def test_wrong_type(self):
        with pytest.raises(TypeError, match="`folder`"):
            FittedModel.load(3)

    def test_while_another_process_replaces_the_model(self, model, folder, monkeypatch):
        other = replace(model, mean=model.mean + 1)
        read_bytes, calls = Path.read_bytes, []

        def late(self):
            if self.suffix == ".safetensors" and not calls:
                calls.append(self)
                other.save(folder, overwrite=True)
            return read_bytes(self)

        monkeypatch.setattr(Path, "read_bytes", late)
        assert np.array_equal(FittedModel.load(folder).mean, other.mean)

    def test_a_newer_form(self, folder):
        text = (folder / "model.json").read_text()
        (folder / "model.json").write_text(text.replace(f'"schema": {_record.SCHEMA}', '"schema": 99'))
        with pytest.raises(ValueError, match=r"form 99, and .* reads 2 to \d+; install a newer scgsr"):
            FittedModel.load(folder)

    def test_arrays_of_another_model(self, folder):
        next(folder.glob("*.safetensors")).write_bytes(b"other")
        with pytest.raises(ValueError, match=r"damaged model .*other content"):
            FittedModel.load(folder)

    @pytest.mark.parametrize("name", ["../evil.safetensors", "/etc/passwd", "model.json"])
    def test_no_file_outside_the_folder_is_read(self, folder, name):
        outer = json.loads((folder / "model.json").read_text())
        (folder / "model.json").write_text(json.dumps({**outer, "arrays": name}))
        with pytest.raises(ValueError, match=r"damaged model \(.* is no name of a file of arrays"):
            FittedModel.load(folder)

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda record: record.pop("graph"),
            lambda record: [record.update(schema=2), record.pop("graph")],
            lambda record: record["features"]["values"].__setitem__(1, record["features"]["values"][0]),
            lambda record: record.update(features={"__kind__": "strings", "values": ["a"]}),
            lambda record: record["model"].update(config="{"),
            lambda record: record["model"]["arrays"].pop("mean"),
            lambda record: record["model"]["arrays"].pop("output.weight"),
            lambda record: record["graph"]["adjacency"].update(shape=[3, 3]),
            lambda record: record["model"]["arrays"].update(mean=record["model"]["arrays"]["typical_precision"]),
            lambda record: record.update(modules=record["evolution"]["epoch"]),
            lambda record: record["model"]["arrays"].update(templates=record["model"]["arrays"]["mean"]),
            lambda record: record["model"]["arrays"].update(silent=record["coactivation"]["indices"]),
            lambda record: record["graph"]["positions"].update(name="nowhere"),
            lambda record: record["model"].update(
                config=record["model"]["config"].replace('"hidden": [16]', '"hidden": [1000000000000]')
            ),
        ],
    )
    def test_a_spoilt_record(self, folder, spoil):
        outer = json.loads((folder / "model.json").read_text())
        spoil(outer["record"])
        (folder / "model.json").write_text(json.dumps(outer))
        with pytest.raises(ValueError, match="damaged model"):
            FittedModel.load(folder)

    @pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"arrays": "x"}', "\x00"])
    def test_a_spoilt_file(self, folder, content):
        (folder / "model.json").write_text(content)
        with pytest.raises(ValueError, match="damaged model"):
            FittedModel.load(folder)

    def test_cut_short(self, folder):
        path = folder / "model.json"
        text = path.read_text()
        for stop in range(0, len(text), 997):
            path.write_text(text[:stop])
            with pytest.raises(ValueError, match="damaged model"):
                FittedModel.load(folder)


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


def test_what_a_model_gives_is_the_readers_own(model, cells):
    record = model.to_record()
    record["graph"]["positions"][:] = 0
    record["features"][0] = "changed"
    assert model.graph.positions.any()
    assert model.features[0] == "feature_0"
    assert scgsr.get.model(cells).features[0] == "feature_0"


def test_the_processes_own_umask_decides_who_may_read(model, tmp_path):
    old = os.umask(0o027)
    try:
        model.save(tmp_path / "model")
    finally:
        os.umask(old)
    assert all(path.stat().st_mode & 0o777 == 0o640 for path in (tmp_path / "model").iterdir())
