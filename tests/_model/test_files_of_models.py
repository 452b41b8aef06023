"""A model in a folder: a crash leaves the old one, and what is damaged is told apart from what is missing."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scgsr import FittedModel, get, tl
from scgsr._model import _record

QUICK = {"hidden": (16,), "n_epochs": 5, "batch_size": 40, "progress": False}


def test_there_is_no_pickle_and_no_data_in_the_folder(folder, cells):
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".safetensors"]
    stored = json.loads((folder / "model.json").read_text())
    assert stored["record"]["schema"] == _record.SCHEMA
    assert cells.obs_names[0] not in (folder / "model.json").read_text()


def test_the_processes_own_umask_decides_who_may_read(model, tmp_path):
    old = os.umask(0o027)
    try:
        model.save(tmp_path / "model")
    finally:
        os.umask(old)
    assert all(path.stat().st_mode & 0o777 == 0o640 for path in (tmp_path / "model").iterdir())


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
        replace, calls = os.replace, []

        def crash(*names):
            calls.append(names)
            if len(calls) > n_files:
                raise KeyboardInterrupt
            return replace(*names)

        monkeypatch.setattr(os, "replace", crash)
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


def save_many_times(fitted, folder, errors):
    for _ in range(6):
        try:
            fitted.save(folder, overwrite=True)
        except Exception as error:  # noqa: BLE001 (told to the thread that waits)
            errors.append(error)


@pytest.mark.parametrize("same", [False, True], ids=["of different models", "of one model"])
def test_two_saves_into_one_folder_at_once_leave_one_of_the_models(model, tmp_path, same):
    folder, errors = tmp_path / "model", []
    models = [model, model if same else replace(model, mean=model.mean + 1)]
    writers = [threading.Thread(target=save_many_times, args=(each, folder, errors)) for each in models]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        if (folder / "model.json").exists():
            FittedModel.load(folder)  # whole at any time
    assert errors == []
    assert any(np.array_equal(FittedModel.load(folder).mean, each.mean) for each in models)


def test_arrays_that_nothing_names_go_once_they_are_old(model, folder):
    young, old = (folder / f"arrays-{16 * letter}-{8 * letter}.safetensors" for letter in "ab")
    for path in (young, old):
        path.write_bytes(b"")
    os.utime(old, (0, 0))
    model.save(folder, overwrite=True)
    assert young.exists()  # another writer may be about to name it
    assert not old.exists()
    FittedModel.load(folder)
